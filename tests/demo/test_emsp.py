"""The sample eMSP, in both roles: two of them register with one another."""

import pytest

from gateway.demo.emsp import Emsp
from gateway.demo.report import Sight, read_line
from gateway.ocpi.partner import CredentialsRole
from gateway.ocpi.party import Party
from tests.demo.conftest import token

OTHER = CredentialsRole("EMSP", Party("FR", "OTH"), {"name": "Another eMSP"})


@pytest.fixture
async def receiver(start):
    return await start("receiver", lambda caller, url: Emsp(caller, public_url=url))


@pytest.fixture
async def sender(start):
    return await start("sender", lambda caller, url: Emsp(caller, public_url=url, role=OTHER))


@pytest.fixture
def told(capfd):
    """Gives what both told since."""

    def read():
        seen = (read_line(line.encode()) for line in capfd.readouterr().out.splitlines())
        return [sight for sight in seen if isinstance(sight, Sight)]

    return read


async def test_one_registers_with_the_other_and_pulls_its_tokens_in_two_pages(sender, receiver):
    registered = await sender.control("register", **await receiver.control("invite"))
    pages = await sender.control("pull", module="tokens", limit=2)
    assert registered == {"version": "2.2.1"}
    assert pages["ids"] == ["CARD1", "CARD2", "CARD3"]
    assert [url.partition("?")[2] for url in pages["urls"]] == ["limit=2", "offset=2&limit=2"]


async def test_the_receiver_calls_the_sender_with_token_b_while_the_post_is_open(sender, receiver, told):
    await sender.control("register", **await receiver.control("invite"))
    seen = [(sight.caller, sight.phase, sight.method, sight.credential.split()[0]) for sight in told()]
    post = seen.index(("sender", "call", "POST", "TOKEN_A"))
    answer = seen.index(("sender", "answer", "POST", "TOKEN_A"))
    meanwhile = [sight for sight in seen[post:answer] if sight[:2] == ("receiver", "call")]
    assert meanwhile == [("receiver", "call", "GET", "TOKEN_B")] * 2


async def test_what_it_tells_holds_no_whole_token(sender, receiver, told):
    invitation = await receiver.control("invite")
    await sender.control("register", **invitation)
    words = str(told())
    assert invitation["token_a"][:10] in words
    assert invitation["token_a"] not in words


async def test_token_a_opens_versions_but_no_module(receiver):
    authorization = token((await receiver.control("invite"))["token_a"])
    assert (await receiver.call("GET", "/ocpi/versions", authorization=authorization))[0] == 200
    assert (await receiver.call("GET", "/ocpi/2.2.1/sender/tokens", authorization=authorization))[0] == 401


async def test_token_a_is_dead_after_the_registration(sender, receiver):
    invitation = await receiver.control("invite")
    await sender.control("register", **invitation)
    knocked = await sender.control("knock", name="TOKEN_A", url=invitation["versions_url"])
    assert knocked == {"http_status": 401}


async def test_token_c_is_dead_after_the_unregistration(sender, receiver):
    invitation = await receiver.control("invite")
    await sender.control("register", **invitation)
    await sender.control("unregister")
    knocked = await sender.control("knock", name="TOKEN_C", url=invitation["versions_url"])
    assert knocked == {"http_status": 401}


async def test_a_failed_registration_names_its_step(sender, receiver):
    invitation = await receiver.control("invite")
    answer = await sender.control("register", versions_url=invitation["versions_url"], token_a="wrong")
    assert "GET versions" in answer["error"]


async def test_delete_while_not_registered_is_answered_405_with_allow(receiver):
    authorization = token((await receiver.control("invite"))["token_a"])
    http_status, document, headers = await receiver.call(
        "DELETE", "/ocpi/2.2.1/credentials", authorization=authorization
    )
    assert (http_status, document["status_code"], headers["Allow"]) == (405, 2000, "GET, POST")


async def test_an_incomplete_credentials_object_is_answered_2001(receiver):
    authorization = token((await receiver.control("invite"))["token_a"])
    http_status, document, _ = await receiver.call(
        "POST", "/ocpi/2.2.1/credentials", authorization=authorization, document={"token": "x"}
    )
    assert (http_status, document["status_code"]) == (200, 2001)


async def present(method, receiver, sender, *, credentials_token):
    """Present credentials that lead to `sender`; gives the token in the answer."""
    invitation = await sender.control("invite")
    role = {"role": "CPO", "country_code": "NL", "party_id": "EXA", "business_details": {"name": "Example Charging"}}
    document = {"token": invitation["token_a"], "url": invitation["versions_url"], "roles": [role]}
    _, answer, _ = await receiver.call(
        method, "/ocpi/2.2.1/credentials", authorization=token(credentials_token), document=document
    )
    return answer["data"]["token"]


async def test_a_put_renews_the_registration(sender, receiver):
    token_a = (await receiver.control("invite"))["token_a"]
    token_c = await present("POST", receiver, sender, credentials_token=token_a)
    renewed = await present("PUT", receiver, sender, credentials_token=token_c)
    assert (await receiver.call("GET", "/ocpi/versions", authorization=token(token_c)))[0] == 401
    assert (await receiver.call("GET", "/ocpi/versions", authorization=token(renewed)))[0] == 200


async def test_a_second_post_is_answered_405_with_allow(sender, receiver):
    token_a = (await receiver.control("invite"))["token_a"]
    token_c = await present("POST", receiver, sender, credentials_token=token_a)
    http_status, document, headers = await receiver.call(
        "POST", "/ocpi/2.2.1/credentials", authorization=token(token_c), document={}
    )
    assert (http_status, document["status_code"], headers["Allow"]) == (405, 2000, "GET, PUT, DELETE")


async def test_a_path_that_is_not_there_is_answered_404_in_an_envelope(sender, receiver):
    token_a = (await receiver.control("invite"))["token_a"]
    token_c = await present("POST", receiver, sender, credentials_token=token_a)
    http_status, document, _ = await receiver.call("GET", "/ocpi/2.1.1", authorization=token(token_c))
    assert (http_status, document["status_code"]) == (404, 2000)


async def test_what_it_does_unregistered_says_that_it_is_not_registered(sender):
    answer = await sender.control("pull", module="locations", limit=2)
    assert "offers no SENDER endpoint" in answer["error"]
