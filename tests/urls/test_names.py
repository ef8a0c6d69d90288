"""Names whose answers change, mix or lie; proxies and passwords of the environment; redirects that are followed."""

import pytest

from gateway.ocpi.flow import HandshakeError
from tests.urls.answers import tells_nothing
from tests.urls.stage import OWN

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.threat("U3", "U5")]

OTHERS = ("127.0.0.2", "::1", "10.0.0.1", "169.254.169.254", "0.0.0.0")
REDIRECTS = (301, 302, 303, 307, 308)


def silent(_step, _outcome):
    pass


@pytest.mark.parametrize("address", OTHERS)
async def test_a_name_that_leads_elsewhere_from_the_second_request_on_is_called_once(stage, address):
    """The versions are read at the partner's address; then its name is bound to another one."""
    await stage.invite()
    stage.names.turns[OWN] = [("127.0.0.1",), (address,)]

    answer = await stage.post()

    assert stage.wire.tripped == []
    assert [path for _, path, _ in stage.front.requests] == ["/versions"]
    assert answer[:2] == (200, 3001)
    assert tells_nothing(answer)
    assert answer[2].startswith("GET version details: ")


@pytest.mark.parametrize("address", OTHERS)
async def test_a_name_with_a_wrong_address_beside_the_right_one_is_not_called_at_all(stage, address):
    await stage.invite()
    for addresses in (("127.0.0.1", address), (address, "127.0.0.1")):
        stage.names.turns[OWN] = [addresses]
        answer = await stage.post()
        assert answer[:2] == (200, 3001)
        assert tells_nothing(answer)

    assert stage.wire.tripped == []
    assert stage.front.requests == []


async def test_each_connection_is_made_to_what_its_one_look_up_gave(stage):
    """Nothing is looked up a second time between check and connection, when the answer could be another one."""
    await stage.invite()
    stage.names.asked.clear()

    assert (await stage.post())[1] == 1000
    assert stage.names.asked.count(OWN) == len(stage.front.requests) == 2


@pytest.mark.parametrize("address", OTHERS)
async def test_a_name_that_leads_elsewhere_after_the_handshake_is_not_called_in_traffic(registered, address):
    registered.names.turns[OWN] = [(address,)]

    (http_status, status_code, message), _ = await registered.ask_partner("sender/tokens")

    assert registered.wire.tripped == []
    assert (http_status, status_code) == (502, 4003)
    assert message.startswith(
        "the partner has a host name that leads to an address that is not allowed. Allow it under"
    )
    assert address not in message


async def test_a_name_that_leads_elsewhere_between_our_get_and_our_post_does_not_get_our_token(stage):
    stage.names.turns[OWN] = [("127.0.0.1",), ("127.0.0.1",), ("127.0.0.2",)]

    with pytest.raises(HandshakeError, match=r"POST credentials: .* an address that is not allowed"):
        await stage.gateway.verbs.register(
            stage.partner, versions_url=stage.front.versions_url, invitation_token="token-a", progress=silent
        )
    assert stage.wire.tripped == []
    assert stage.front.posted == []


@pytest.mark.parametrize("excepted", ["", "unrelated.example"])
async def test_proxies_of_the_environment_are_ignored(stage, monkeypatch, excepted):
    proxy = f"http://127.0.0.1:{stage.wire.port}"
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "FTP_PROXY", "WSS_PROXY"):
        for written in (name, name.lower()):
            monkeypatch.setenv(written, proxy)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, excepted)

    await stage.register()
    answer, _ = await stage.ask_partner("sender/tokens")
    await stage.front.call("GET", f"{stage.gateway.public_url}/ocpi/2.2.1/sender/locations")

    assert answer[0] == 404
    assert stage.backend.requests
    assert stage.wire.tripped == []


async def test_an_exception_for_proxies_does_not_open_a_private_address(stage, monkeypatch):
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "*")
    await stage.invite()

    assert (await stage.post(url=f"https://loopback.example:{stage.wire.port}/"))[1] == 3001
    assert stage.wire.tripped == []


async def test_passwords_of_a_netrc_file_are_not_sent(stage, monkeypatch, tmp_path):
    file = tmp_path / "netrc"
    file.write_text(f"machine {OWN} login user password of-the-file\ndefault login user password of-the-file\n")
    monkeypatch.setenv("NETRC", str(file))

    await stage.register()
    await stage.ask_partner("sender/tokens")

    assert all(header.startswith("Token ") for _, _, header in stage.front.requests)


@pytest.mark.parametrize("http_status", REDIRECTS)
@pytest.mark.parametrize("relative", [False, True])
async def test_a_slash_on_the_same_origin_is_the_only_redirect_that_is_followed(stage, http_status, relative):
    await stage.invite()
    for target in ("/versions/", "/elsewhere", "/versions/?x=1"):
        stage.front.requests.clear()
        stage.redirect("/versions", target if relative else stage.front.url + target, http_status)
        answer = await stage.post()
        followed = [path for _, path, _ in stage.front.requests if path != "/versions"]
        if http_status in {307, 308} and target == "/versions/":
            assert followed == ["/versions/", "/2.2.1"]
            assert answer[1] == 1000
            await stage.gateway.verbs.revoke(stage.partner)
            await stage.invite()
        else:
            assert followed == []
            assert tells_nothing(answer)


async def test_a_redirect_that_answers_a_redirect_is_not_followed(stage):
    await stage.invite()
    stage.redirect("/versions", "/versions/", 308)
    stage.redirect("/versions/", "/versions", 308)

    assert tells_nothing(await stage.post())
    assert [path for _, path, _ in stage.front.requests] == ["/versions", "/versions/"]
