"""Which headers travel on, in both directions."""

import pytest

from tests.proxy import wire
from tests.proxy.conftest import BACKEND_AUTHORIZATION

FORGED = (
    "Cookie: a=b",
    "X-Forwarded-For: 10.0.0.1",
    "X-Forwarded-Host: evil.test",
    "x-forwarded-proto: https",
    "X-Forwarded: x",
    "Forwarded: for=10.0.0.1",
    "X-Real-IP: 10.0.0.1",
    "X-Original-URL: /admin",
    "X-Rewrite-URL: /admin",
    "X-OCPI-Partner: somebody",
    "x-ocpi-version: 9",
    "X-OCPI-Anything: x",
    "OCPI-from-name: x",
    "Via: 1.1 somewhere",
    "Proxy-Authorization: Basic x",
    "X-HTTP-Method-Override: DELETE",
    "True-Client-IP: 10.0.0.1",
)
HOP_BY_HOP = (
    "Keep-Alive: timeout=5",
    "TE: trailers",
    "Trailer: X-Foo",
    "Proxy-Connection: close",
    "HTTP2-Settings: AAMA",
)


def names(message):
    return [name.lower() for name, _ in message.headers]


@pytest.mark.parametrize("header", FORGED + HOP_BY_HOP)
@pytest.mark.threat("P4")
async def test_what_a_partner_may_not_set_never_arrives(rig, header):
    await rig.ingress_request("GET", "/sender/locations", header)
    name, _, value = header.partition(": ")
    assert value not in rig.backend.last.all(name)


@pytest.mark.parametrize("header", FORGED + HOP_BY_HOP)
@pytest.mark.threat("P6")
async def test_what_the_backend_must_not_tell_never_reaches_a_partner(rig, header):
    await rig.egress_request("GET", "/partners/acme/sender/locations", header)
    name, _, value = header.partition(": ")
    assert value not in rig.partner.last.all(name)


@pytest.mark.parametrize(
    "connection",
    [
        ("Connection: close, X-OCPI-Partner, OCPI-from-party-id, Authorization, X-Request-ID",),
        ("Connection: keep-alive", "connection: x-ocpi-partner,AUTHORIZATION"),
        ("Connection: ,", "Connection: X-OCPI-Version ,X-Correlation-ID"),
    ],
)
@pytest.mark.threat("P3")
async def test_connection_can_not_take_our_headers_away(rig, connection):
    await rig.ingress_request("GET", "/sender/locations", *connection)

    assert rig.backend.last.one("Authorization") == BACKEND_AUTHORIZATION
    assert rig.backend.last.one("X-OCPI-Partner") == "acme"
    assert rig.backend.last.one("X-OCPI-Version") == "2.2.1"
    assert rig.backend.last.party("from") == "DE-ABC"
    assert rig.backend.last.one("X-Request-ID") == "made-request-id"
    assert rig.backend.last.one("X-Correlation-ID") == "made-correlation-id"


async def test_headers_that_connection_names_stay_on_their_hop(rig):
    await rig.ingress_request("GET", "/sender/locations", "Connection: X-Private", "x-private: 1", "X-Public: 2")
    assert rig.backend.last.all("X-Private") == []
    assert rig.backend.last.one("X-Public") == "2"


async def test_ordinary_headers_arrive_as_they_were_sent(rig):
    sent = (
        "Accept: application/json;q=0.5, */*",
        "Accept-Encoding: gzip",
        "Content-Type: application/json; charset=UTF-8",
        "User-Agent: partner/1.0",
        "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "X-Custom: first",
        "X-Custom: second",
    )
    await rig.ingress_request("PUT", "/sender/cdrs", *sent, body=b"{}")
    for header in sent:
        name, _, value = header.partition(": ")
        assert value in rig.backend.last.all(name)


async def test_nothing_is_said_to_the_backend_that_the_partner_did_not_say(rig):
    await rig.ingress_request("GET", "/sender/locations")
    assert set(names(rig.backend.last)) == {
        "host",
        "authorization",
        "user-agent",
        "x-request-id",
        "x-correlation-id",
        "x-ocpi-partner",
        "x-ocpi-version",
        "ocpi-from-country-code",
        "ocpi-from-party-id",
        "ocpi-to-country-code",
        "ocpi-to-party-id",
    }


async def test_a_header_that_is_not_text_is_left_out(rig):
    raw = wire.request("GET", "/ocpi/2.2.1/sender/locations", "X-Latin: J\xfcrgen", "X-Text: J\xc3\xbcrgen")
    assert (await rig.as_partner(raw)).http_status == 200
    assert rig.backend.last.all("X-Latin") == []
    assert rig.backend.last.one("X-Text") == "J\xc3\xbcrgen"


@pytest.mark.parametrize(
    "header",
    [
        "Set-Cookie: session=1",
        "Server: legacy/1.0",
        "X-Powered-By: PHP",
        "X-AspNet-Version: 4",
        "Via: 1.1 legacy",
        'Alt-Svc: h2="legacy:443"',
        "Strict-Transport-Security: max-age=1",
        'WWW-Authenticate: Basic realm="legacy"',
        "Keep-Alive: timeout=5",
        "Content-Location: /internal",
        "Refresh: 0; url=/internal",
        "X-OCPI-Partner: acme",
    ],
)
@pytest.mark.threat("P6")
async def test_what_tells_of_the_backend_does_not_reach_a_partner(rig, header):
    rig.backend.answers.append(wire.answer(200, header))
    answer = await rig.ingress_request("GET", "/sender/locations")
    assert answer.http_status == 200
    assert answer.all(header.partition(":")[0]) == []


async def test_a_header_that_names_the_backends_address_does_not_reach_a_partner(rig):
    rig.backend.answers.append(
        wire.answer(
            200,
            f"X-Next: HTTP://127.0.0.1:{rig.backend.port}/x",
            f"X-Node: 127.0.0.1:{rig.backend.port}",
            "X-Total-Count: 12",
        )
    )
    answer = await rig.ingress_request("GET", "/sender/locations")
    assert answer.all("X-Next") == answer.all("X-Node") == []
    assert answer.one("X-Total-Count") == "12"


async def test_ordinary_headers_of_an_answer_come_back(rig):
    sent = (
        "X-Total-Count: 12",
        "X-Limit: 50",
        "Retry-After: 30",
        "Content-Type: application/json; charset=utf-8",
        "Content-Encoding: br",
        "Date: Thu, 01 Jan 2026 00:00:00 GMT",
        "ETag: W/1",
        "OCPI-to-party-id: ABC",
        "X-Custom: 1",
        "X-Custom: 2",
    )
    rig.backend.answers.append(wire.answer(429, *sent))
    answer = await rig.ingress_request("GET", "/sender/locations")
    assert answer.http_status == 429
    for header in sent:
        name, _, value = header.partition(": ")
        assert value in answer.all(name)


async def test_headers_that_the_backends_connection_names_stay_on_their_hop(rig):
    rig.backend.answers.append(wire.answer(200, "Connection: close, X-Private", "X-Private: 1"))
    answer = await rig.ingress_request("GET", "/sender/locations")
    assert answer.all("X-Private") == answer.all("Connection") == []
