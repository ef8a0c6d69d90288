"""Each row of "Answers to trouble" (contract.md), over HTTP against a whole gateway."""

import asyncio
import base64
from datetime import timedelta

import pytest

from gateway.ocpi.party import Party
from gateway.store.directory import Directory
from gateway.store.engine import StoreUnavailableError
from tests.e2e.rig import Hold
from tests.platform import ocpi, token_header

LOCATIONS = "/ocpi/2.2.1/sender/locations"


def words(answer):
    """HTTP status, OCPI status code."""
    return answer[0], answer[1]["status_code"]


async def test_every_answer_of_the_gateway_is_an_envelope_with_message_and_timestamp(gateway, registered):
    for path in ("/ocpi/versions", "/ocpi/2.2.1", "/nothing", "/ocpi/2.2.1/sender/nothing", "/a/../b"):
        _, envelope, headers = await registered.call("GET", gateway.public_url + path)

        assert {"status_code", "status_message", "timestamp"} <= set(envelope)
        assert envelope["timestamp"].endswith("Z")
        assert headers["Content-Type"] == "application/json"
        assert headers["X-Request-ID"]
        assert headers["X-Correlation-ID"]
        assert "Server" not in headers


async def test_message_ids_are_echoed(gateway, registered):
    ids = {"X-Request-ID": "request-1", "X-Correlation-ID": "correlation-1"}

    _, _, headers = await registered.call("GET", f"{gateway.public_url}/ocpi/versions", headers=ids)

    assert (headers["X-Request-ID"], headers["X-Correlation-ID"]) == ("request-1", "correlation-1")


async def test_a_message_id_of_any_length_is_echoed_and_one_that_can_not_be_written_is_made(gateway, registered):
    ids = {"X-Request-ID": "r" * 1000, "X-Correlation-ID": "caf\xe9"}

    _, _, headers = await registered.call("GET", f"{gateway.public_url}/ocpi/versions", headers=ids)

    assert headers["X-Request-ID"] == ids["X-Request-ID"]
    assert headers["X-Correlation-ID"].isascii()


@pytest.mark.parametrize(
    "header",
    [
        *("", "Token", "Basic abc", "Token a b"),
        *("Token nobody-knows-this", token_header("nobody-knows-this"), f"Token {'x' * 300}"),
    ],
)
@pytest.mark.parametrize("path", ["/ocpi/versions", "/ocpi/2.2.1", "/ocpi/2.2.1/credentials", LOCATIONS])
@pytest.mark.threat("H2", "H3")
async def test_a_token_that_is_missing_malformed_or_unknown_is_answered_one_uniform_401(
    gateway, backend, partner, header, path
):
    http_status, envelope, headers = await partner.call("GET", gateway.public_url + path, header=header)

    assert (http_status, envelope["status_code"], headers["WWW-Authenticate"]) == (401, 2000, "Token")
    assert envelope["status_message"] == "credentials token missing, unknown or not valid here"
    assert backend.requests == []


async def test_rp9_token_a_on_a_functional_module_is_answered_the_same_401(gateway, backend, invited):
    answer = await invited.call("GET", gateway.public_url + LOCATIONS, token=invited.token_a)

    assert words(answer) == (401, 2000)
    assert backend.requests == []


async def test_an_expired_invitation_is_answered_401(gateway, partner, backend):
    issued = await gateway.verbs.invite("partner", lifetime=timedelta(microseconds=1))

    answer = await partner.call("GET", f"{gateway.public_url}/ocpi/versions", token=issued.invitation_token)

    assert words(answer) == (401, 2000)
    assert gateway.log[-1]["reason"] == "expired"


async def test_rp8_token_a_is_dead_once_the_answer_with_token_c_arrived(gateway, registered):
    for method in ("GET", "POST", "PUT", "DELETE"):
        answer = await registered.call(
            method, gateway.credentials_url, token=registered.token_a, document=registered.credentials
        )
        assert words(answer) == (401, 2000)


async def test_rp8_post_of_a_registered_partner_is_405_with_the_methods_that_are_allowed(gateway, registered):
    http_status, envelope, headers = await registered.call(
        "POST", gateway.credentials_url, document=registered.credentials
    )

    assert (http_status, envelope["status_code"], headers["Allow"]) == (405, 2000, "GET, PUT, DELETE")


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
async def test_ru1_rd4_put_and_delete_without_a_registration_are_405(gateway, invited, method):
    http_status, envelope, headers = await invited.call(
        method, gateway.credentials_url, token=invited.token_a, document=invited.credentials
    )

    assert (http_status, envelope["status_code"], headers["Allow"]) == (405, 2000, "GET, POST")


async def test_patch_of_credentials_is_405(gateway, registered):
    http_status, _, headers = await registered.call("PATCH", gateway.credentials_url, document={})

    assert (http_status, headers["Allow"]) == (405, "GET, POST, PUT, DELETE")


@pytest.mark.parametrize("body", [b"", b"{", b"nonsense", b'{"token":1,"token":2}', b'{"a":NaN}', b"\xff"])
async def test_a_body_that_is_not_json_is_400_with_2001(gateway, invited, body):
    answer = await invited.call("POST", gateway.credentials_url, token=invited.token_a, body=body)

    assert words(answer) == (400, 2001)


@pytest.mark.parametrize("body", [b"[]", b'"text"', b"3", b"null"])
async def test_a_body_of_json_that_is_no_object_is_200_with_2001(gateway, invited, body):
    answer = await invited.call("POST", gateway.credentials_url, token=invited.token_a, body=body)

    assert words(answer) == (200, 2001)


async def test_wrong_credentials_are_200_with_2001_naming_each_field(gateway, invited):
    document = {"token": "a b", "url": "nowhere", "roles": [{"role": "EMSP", "country_code": "D", "party_id": "ABCD"}]}

    answer = await invited.call("POST", gateway.credentials_url, token=invited.token_a, document=document)

    assert words(answer) == (200, 2001)
    message = answer[1]["status_message"]
    for field in ("token", "url", "roles[0].country_code", "roles[0].party_id", "roles[0].business_details"):
        assert f"{field}:" in message


@pytest.mark.parametrize(
    ("path", "answer", "step"),
    [
        ("/versions", (500, {}, {}), "GET versions"),
        ("/versions", (200, b"<html>", {}), "GET versions"),
        ("/versions", (200, ocpi(None, status_code=2000), {}), "GET versions"),
        ("/versions", (200, ocpi("none"), {}), "GET versions"),
        ("/versions", (302, b"", {"Location": "http://127.0.0.1:9/versions"}), "GET versions"),
        ("/versions", (307, b"", {"Location": "http://127.0.0.1:9/versions/"}), "GET versions"),
        ("/versions", (200, b"x" * 300_000, {}), "GET versions"),
        ("/2.2.1", (404, {}, {}), "GET version details"),
        ("/2.2.1", (200, ocpi([]), {}), "GET version details"),
    ],
)
@pytest.mark.ways("error")
async def test_rp2_a_partner_whose_api_can_not_be_used_is_answered_3001_with_the_step(
    gateway, invited, path, answer, step
):
    invited.answers[path] = answer

    http_status, envelope = await invited.register(gateway.public_url, token_a=invited.token_a)

    assert (http_status, envelope["status_code"]) == (200, 3001)
    assert envelope["status_message"].startswith(f"{step}: ")
    invited.answers.clear()
    assert (await invited.register(gateway.public_url, token_a=invited.token_a))[0] == 200, "TOKEN_A has to stay valid"


@pytest.mark.ways("error")
async def test_rp3_a_partner_that_refuses_token_b_is_told_so(gateway, invited):
    invited.refused = {token_header(invited.token_b), f"Token {invited.token_b}", None}

    _, envelope = await invited.register(gateway.public_url, token_a=invited.token_a)

    assert envelope["status_code"] == 3001
    assert "refused the credentials token that you gave us" in envelope["status_message"]


async def test_rp2_no_mutual_version_is_3002(gateway, invited):
    invited.answers["/versions"] = (200, ocpi([{"version": "2.1.1", "url": f"{invited.url}/2.1.1"}]), {})

    http_status, envelope = await invited.register(gateway.public_url, token_a=invited.token_a)

    assert (http_status, envelope["status_code"]) == (200, 3002)
    assert envelope["status_message"] == "GET versions: no mutual OCPI version; wanted is 2.2.1"


async def test_rp2_a_missing_module_is_3003_and_named(start, partner):
    async with start(required_modules=["tokens:SENDER", "hubclientinfo"]) as gateway:
        issued = await gateway.verbs.invite("partner")

        http_status, envelope = await partner.register(gateway.public_url, token_a=issued.invitation_token)

    assert (http_status, envelope["status_code"]) == (200, 3003)
    assert "hubclientinfo" in envelope["status_message"]
    assert "tokens" not in envelope["status_message"]


async def test_rp7_the_same_handshake_a_second_time_while_it_is_under_way_is_409(gateway, invited):
    invited.hold = Hold()
    first = asyncio.ensure_future(invited.register(gateway.public_url, token_a=invited.token_a))
    await invited.hold.reached.wait()

    http_status, envelope = await invited.register(gateway.public_url, token_a=invited.token_a)
    invited.hold.release.set()

    assert (http_status, envelope["status_code"]) == (409, 2000)
    assert (await first)[0] == 200


async def test_rp10_versions_and_credentials_are_answered_at_once_while_the_post_is_open(gateway, invited):
    invited.hold = Hold()
    first = asyncio.ensure_future(invited.register(gateway.public_url, token_a=invited.token_a))
    await invited.hold.reached.wait()

    for url in (f"{gateway.public_url}/ocpi/versions", gateway.credentials_url):
        assert (await invited.call("GET", url, token=invited.token_a))[0] == 200
    invited.hold.release.set()
    await first


async def test_a_party_of_another_partner_is_2001_and_never_taken_over(gateway, registered):
    issued = await gateway.verbs.invite("thief")

    http_status, envelope = await registered.register(gateway.public_url, token_a=issued.invitation_token)

    assert (http_status, envelope["status_code"]) == (200, 2001)
    assert "DE-ABC" in envelope["status_message"]
    assert str((await gateway.verbs.partner("partner")).partner.parties[0]) == "DE-ABC"


async def test_a_party_outside_the_invitation_is_2001(gateway, partner):
    issued = await gateway.verbs.invite("partner", roles=[(Party("DE", "XYZ"), None)])

    http_status, envelope = await partner.register(gateway.public_url, token_a=issued.invitation_token)

    assert (http_status, envelope["status_code"]) == (200, 2001)
    assert "DE-XYZ" in envelope["status_message"]


async def test_a_host_outside_the_invitation_is_2001(gateway, partner):
    issued = await gateway.verbs.invite("partner", hosts=["emsp.example.com"])

    http_status, envelope = await partner.register(gateway.public_url, token_a=issued.invitation_token)

    assert (http_status, envelope["status_code"]) == (200, 2001)
    assert partner.requests == []


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        (LOCATIONS, {"OCPI-from-country-code": "FR", "OCPI-from-party-id": "XXX"}),
        ("/ocpi/2.2.1/receiver/tokens/FR/XXX/card", {}),
    ],
)
async def test_a_party_that_is_not_the_partners_is_404_with_2001(gateway, backend, registered, path, headers):
    answer = await registered.call("PUT", gateway.public_url + path, headers=headers, document={})

    assert words(answer) == (404, 2001)
    assert backend.requests == []


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/other",
        "/ocpi",
        "/ocpi/9.9",
        "/ocpi/9.9/credentials",
        "/ocpi/2.2.1/sender/cdrs",
        "/ocpi/2.2.1/x/locations",
    ],
)
async def test_an_unknown_module_or_path_is_404_with_2000(gateway, backend, registered, path):
    answer = await registered.call("GET", gateway.public_url + path)

    assert words(answer) == (404, 2000)
    assert backend.requests == []


async def test_a_backend_that_refuses_connections_is_502_with_3000(start, partner):
    async with start(
        backend={
            "url": "http://127.0.0.1:9",
            "authorization": "Token x",
            "egress_token": "e" * 16,
            "modules": {"locations": {"role": "SENDER"}},
        }
    ) as gateway:
        issued = await gateway.verbs.invite("partner")
        await partner.register(gateway.public_url, token_a=issued.invitation_token)

        answer = await partner.call("GET", gateway.public_url + LOCATIONS)

    assert words(answer) == (502, 3000)
    assert "127.0.0.1" not in answer[1]["status_message"]


async def test_a_backend_that_is_too_slow_is_504_with_3000(start, backend, partner):
    backend.hold("/locations")
    async with start(timeouts={"backend_answer_seconds": 0.2}) as gateway:
        issued = await gateway.verbs.invite("partner")
        await partner.register(gateway.public_url, token_a=issued.invitation_token)

        answer = await partner.call("GET", gateway.public_url + LOCATIONS)

    assert words(answer) == (504, 3000)


async def test_a_credentials_body_that_is_too_large_is_413_with_2001(gateway, invited):
    answer = await invited.call("POST", gateway.credentials_url, token=invited.token_a, body=b"x" * 70_000)

    assert words(answer) == (413, 2001)


async def test_a_method_that_ocpi_does_not_use_is_405_with_allow(gateway, backend, registered):
    http_status, _, headers = await registered.call("OPTIONS", gateway.public_url + LOCATIONS)

    assert (http_status, headers["Allow"]) == (405, "GET, POST, PUT, PATCH, DELETE")
    assert backend.requests == []


async def test_rd5_a_suspended_partner_is_answered_the_uniform_401(gateway, registered):
    await gateway.verbs.suspend("partner")
    await asyncio.sleep(0)

    for _ in range(100):
        answer = await registered.call("PUT", gateway.credentials_url, document=registered.credentials)
        if answer[0] == 401:
            break
        await asyncio.sleep(0.05)

    assert words(answer) == (401, 2000)


async def test_rd2_a_delete_is_answered_again_and_everything_else_is_401(gateway, registered):
    first = await registered.call("DELETE", gateway.credentials_url)
    second = await registered.call("DELETE", gateway.credentials_url)
    versions = await registered.call("GET", f"{gateway.public_url}/ocpi/versions")

    assert (words(first), words(second), words(versions)) == ((200, 1000), (200, 1000), (401, 2000))


async def test_ru5_a_put_gives_a_new_token_and_the_old_one_lives_until_the_new_one_is_used(
    gateway, backend, registered
):
    backend.offer("/locations", [])
    old = registered.token_c
    registered.token_b = "next-token-b-of-the-platform"

    http_status, envelope = await registered.register(gateway.public_url, token_a=old, method="PUT")
    before = await registered.call("GET", f"{gateway.public_url}/ocpi/versions", token=old)
    used = await registered.call("GET", gateway.public_url + LOCATIONS)
    functional = await registered.call("GET", gateway.public_url + LOCATIONS, token=old)
    discovery = await registered.call("GET", f"{gateway.public_url}/ocpi/versions", token=old)

    assert (http_status, envelope["status_code"]) == (200, 1000)
    assert registered.token_c != old
    assert [answer[0] for answer in (before, used, functional, discovery)] == [200, 200, 200, 401]


@pytest.mark.parametrize("form", ["padded", "unpadded", "urlsafe", "line feed", "plain", "lower", "upper"])
async def test_a_token_is_accepted_in_every_form_that_platforms_send(gateway, registered, form):
    token = registered.token_c
    encoded = base64.b64encode(token.encode()).decode()
    with_line_feed = base64.b64encode(f"{token}\n".encode()).decode()
    header = {
        "padded": f"Token {encoded}",
        "unpadded": f"Token {encoded.rstrip('=')}",
        "urlsafe": f"Token {base64.urlsafe_b64encode(token.encode()).decode()}",
        "line feed": f"Token {with_line_feed}",
        "plain": f"Token {token}",
        "lower": f"token {encoded}",
        "upper": f"TOKEN {encoded}",
    }[form]

    http_status, _, _ = await registered.call("GET", f"{gateway.public_url}/ocpi/versions", header=header)

    assert http_status == 200


@pytest.mark.parametrize("path", ["/ocpi/versions/", "/ocpi/2.2.1/", "/ocpi/2.2.1/credentials/"])
async def test_a_trailing_slash_is_answered_directly(gateway, registered, path):
    assert (await registered.call("GET", gateway.public_url + path))[0] == 200


async def test_get_credentials_echoes_the_presented_token_and_shows_all_our_parties(gateway, registered):
    _, envelope, _ = await registered.call("GET", gateway.credentials_url)

    assert envelope["data"]["token"] == registered.token_c
    assert envelope["data"]["url"] == f"{gateway.public_url}/ocpi/versions"
    assert [(role["country_code"], role["party_id"]) for role in envelope["data"]["roles"]] == [
        ("NL", "EXA"),
        ("BE", "EXA"),
    ]


async def test_versions_are_open_to_anybody_where_the_operator_says_so(start, partner):
    async with start(public_versions=True) as gateway:
        answer = await partner.call("GET", f"{gateway.public_url}/ocpi/versions", header="")

    assert answer[0] == 200


async def test_a_partner_may_be_answered_201(start, partner):
    async with start(partners={"partner": {"credentials_http_status": 201}}) as gateway:
        issued = await gateway.verbs.invite("partner")

        http_status, _ = await partner.register(gateway.public_url, token_a=issued.invitation_token)

    assert http_status == 201


async def test_sp3_token_b_works_on_functional_modules_at_once_after_we_registered_from_the_command_line(
    gateway, backend, partner
):
    backend.offer("/locations", [])
    await gateway.verbs.register(
        "partner", versions_url=partner.versions_url, invitation_token="token-a", progress=lambda *_: None
    )

    answer = await partner.call("GET", gateway.public_url + LOCATIONS, token=partner.posted[0]["token"])

    assert words(answer) == (200, 1000)


@pytest.mark.ways("error")
async def test_rp5_the_answer_with_token_c_is_given_though_the_store_fails_right_after_it_was_committed(
    gateway, invited, monkeypatch
):
    async def fail(_self):
        raise StoreUnavailableError("the disk reports an error")

    await invited.call("GET", gateway.credentials_url, token=invited.token_a)
    with monkeypatch.context() as patched:
        patched.setattr(Directory, "refresh", fail)
        http_status, envelope = await invited.register(gateway.public_url, token_a=invited.token_a)

    assert (http_status, envelope["status_code"]) == (200, 1000)
    assert (await invited.call("GET", gateway.credentials_url))[0] == 200
