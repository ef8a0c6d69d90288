"""`response_url`: replaced in every place where OCPI has one, and good for calling back through the gateway."""

import asyncio
import json
from datetime import timedelta
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from sqlalchemy import create_engine, text

from gateway.ocpi.errors import Fault
from gateway.ocpi.urls import MAX_LENGTH
from tests.proxy import wire
from tests.proxy.conftest import BACKEND_AUTHORIZATION, envelope, says, token_header


def command(url, *, rest=b', "n": 1.10 } '):
    return b'{ "response_url":' + json.dumps(url).encode() + rest


def url_in(message):
    """The `response_url` that a side was sent, in its body or its query."""
    if message.body:
        return json.loads(message.body)["response_url"]
    return parse_qs(urlsplit(message.target).query)["response_url"][0]


async def sent_to_backend(rig, method="POST", rest="/receiver/commands/START_SESSION", *, url=None):
    """Send a `response_url` as the partner, wherever the method has it; gives the one that the backend got."""
    url = url or f"{rig.partner.url}/callback?request_id=5678"
    body, query = (
        (b"", f"?a=1&response_url={quote(url, safe='')}") if method in {"GET", "DELETE"} else (command(url), "")
    )
    answer = await rig.ingress_request(method, rest + query, body=body)
    assert answer.http_status == 200, answer.body
    return url_in(rig.backend.last)


PLACES = [
    ("POST", "/receiver/commands/START_SESSION"),
    ("PUT", "/receiver/chargingprofiles/S1"),
    ("GET", "/receiver/chargingprofiles/S1"),
    ("DELETE", "/receiver/chargingprofiles/S1"),
]


@pytest.mark.parametrize(("method", "rest"), PLACES)
async def test_the_backend_gets_a_response_url_that_leads_back_to_the_partner_again_and_again(rig, method, rest):
    url = await sent_to_backend(rig, method, rest)

    assert url.startswith(f"{rig.private_url}/callbacks/")
    assert len(url) <= MAX_LENGTH
    for body in (b'{"result":"ACCEPTED"}', b'{"result":"CANCELED"}'):
        answer = await rig.follow(url, "POST", body=body)
        assert answer.http_status == 200
        assert rig.partner.last.first_line == "POST /callback?request_id=5678 HTTP/1.1"
        assert rig.partner.last.body == body
        assert rig.partner.last.one("Authorization") == token_header()
        assert rig.partner.last.party("to") == "DE-ABC"
        assert rig.partner.last.party("from") == "NL-CPO"
        rig.configure()  # as after a restart
    assert rig.call.partner == "acme"


async def test_only_the_url_changes_in_a_body(rig):
    url = f"{rig.partner.url}/callback"
    body = b'\xef\xbb\xbf{ "token":{"n":1.10},\r\n "response_url" : ' + json.dumps(url).encode() + b',"e":1E2}\n'
    await rig.ingress_request("POST", "/receiver/commands/RESERVE_NOW", "Content-MD5: x", body=body)

    replaced = body.replace(url.encode(), url_in_bom(rig.backend.last).encode())
    assert rig.backend.last.body == replaced
    assert rig.backend.last.one("Content-Length") == str(len(replaced))
    assert rig.backend.last.all("Content-MD5") == []


def url_in_bom(message):
    return json.loads(message.body.decode("utf-8-sig"))["response_url"]


async def test_only_the_url_changes_in_a_query(rig):
    url = f"{rig.partner.url}/callback"
    await rig.ingress_request("GET", f"/receiver/chargingprofiles/S1?duration=900&response_url={url}&x=%zz")
    ours = quote(url_in(rig.backend.last), safe="")
    assert rig.backend.last.target == f"/ocpi/chargingprofiles/S1?duration=900&response_url={ours}&x=%zz"


async def test_a_chunked_command_arrives_whole(rig):
    url = f"{rig.partner.url}/callback"
    body = command(url)
    chunked = b"5\r\n" + body[:5] + b"\r\n" + f"{len(body) - 5:x}\r\n".encode() + body[5:] + b"\r\n0\r\n\r\n"
    await rig.ingress_request("POST", "/receiver/commands/START_SESSION", "Transfer-Encoding: chunked", body=chunked)
    assert url_in(rig.backend.last).startswith(rig.private_url)
    assert not rig.backend.last.chunked


@pytest.mark.parametrize(
    ("method", "rest", "body"),
    [
        ("POST", "/receiver/commands/START_SESSION", b"{}"),
        ("GET", "/receiver/chargingprofiles/S1?duration=9", b""),
        ("PATCH", "/receiver/commands/X", b"no JSON, and no response_url either"),
        ("POST", "/sender/commands/START_SESSION/1", b'{"response_url": "http://elsewhere.test/"}'),
        ("PUT", "/receiver/tokens/DE/ABC/1", b'{"response_url": "http://elsewhere.test/"}'),
    ],
)
async def test_requests_without_a_response_url_of_ocpi_pass_untouched(rig, method, rest, body):
    answer = await rig.ingress_request(method, rest, body=body)
    assert answer.http_status == 200
    assert rig.backend.last.body == body
    assert rig.backend.last.target == f"/ocpi/{rest.split('/', 2)[2]}"


@pytest.mark.parametrize(
    "body",
    [b"", b"not JSON", b"[]", b'{"a":"\xff"}', b'{"response_url":1}', b'{"response_url":"a","Response_URL":"b"}'],
)
async def test_a_command_that_can_not_be_read_is_refused(rig, body):
    answer = await rig.ingress_request("POST", "/receiver/commands/START_SESSION", body=body)
    assert envelope(answer) == (400, 2001)
    assert rig.backend.requests == []


async def test_a_compressed_command_is_refused(rig):
    answer = await rig.ingress_request("POST", "/receiver/commands/X", "Content-Encoding: gzip", body=b"\x1f\x8b")
    assert envelope(answer) == (400, 2001)
    assert "compressed" in says(answer)


async def test_a_query_with_two_response_urls_is_refused(rig):
    answer = await rig.ingress_request("GET", "/receiver/chargingprofiles/S1?response_url=a&response_url=b")
    assert envelope(answer) == (400, 2001)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "not a URL",
        "ftp://127.0.0.1/x",
        "http://user@127.0.0.1/x",
        "http://127.0.0.1/x#fragment",
        "http://127.1/x",
        "http://2130706433/x",
        "http://[::ffff:127.0.0.1]/x",
        "http://169.254.169.254/latest/meta-data",
        "http://127.0.0.1/" + "x" * MAX_LENGTH,
        "http://127.0.0.1\\@elsewhere.test/",
    ],
)
@pytest.mark.threat("U6")
async def test_a_response_url_that_may_not_be_called_is_refused_without_saying_why(rig, url):
    answer = await rig.ingress_request("POST", "/receiver/commands/X", body=command(url))
    assert envelope(answer) == (400, 2001)
    assert says(answer) == "response_url can not be called from here"
    assert rig.call.reason != says(answer)
    assert rig.backend.requests == []


@pytest.mark.threat("U2")
async def test_a_response_url_on_a_foreign_host_is_refused_until_the_operator_allows_it(rig):
    answer = await rig.ingress_request("POST", "/receiver/commands/X", body=command("https://callback.acme.test/x"))
    assert envelope(answer) == (400, 2001)
    assert "partners.acme.allowed_hosts" in rig.call.reason
    assert "allowed_hosts" not in says(answer)

    rig.configure(partners={"acme": {"allowed_hosts": ["callback.acme.test"]}})
    await sent_to_backend(rig, url="https://callback.acme.test/x")


async def test_a_host_named_at_invitation_may_be_called_back(rig):
    await rig.register("invited", roles=("EMSP:FR-INV",), hosts=("callback.invited.test",))
    answer = await rig.ingress_request(
        "POST", "/receiver/commands/X", body=command("https://callback.invited.test/x"), name="invited"
    )
    assert answer.http_status == 200


async def test_a_command_beyond_the_limit_for_rewriting_is_refused(rig):
    rig.configure(limits={"rewritten_body_bytes": 1024})
    url = f"{rig.partner.url}/callback"
    large = command(url, rest=b',"x":"' + b"x" * 1024 + b'"}')
    assert envelope(await rig.ingress_request("POST", "/receiver/commands/X", body=large)) == (413, 2001)

    chunked = f"{len(large):x}\r\n".encode() + large + b"\r\n0\r\n\r\n"
    answer = await rig.ingress_request("POST", "/receiver/commands/X", "Transfer-Encoding: chunked", body=chunked)
    assert envelope(answer) == (413, 2001)
    assert rig.backend.requests == []


async def test_a_command_that_stops_coming_is_not_waited_for_forever(rig):
    rig.configure(timeouts={"body_seconds": 0.2})
    answer = await rig.ingress_request("POST", "/receiver/commands/X", "Content-Length: 99", body=b'{"resp')
    assert envelope(answer) == (408, 2000)


async def test_nothing_is_forwarded_when_the_url_can_not_be_kept(rig):
    engine = create_engine(f"sqlite:///{rig.store.url.database}")
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE callback"))
    engine.dispose()

    answer = await rig.ingress_request("POST", "/receiver/commands/X", body=command(f"{rig.partner.url}/callback"))
    assert envelope(answer) == (503, 3000)
    assert rig.call.fault is Fault.GATEWAY
    assert rig.backend.requests == []
    assert envelope(await rig.egress_request("POST", "/callbacks/abc")) == (503, 3000)


async def test_a_callback_is_forgotten_when_its_lifetime_ends(rig):
    rig.configure(callbacks={"lifetime": "1h"})
    url = await sent_to_backend(rig)
    rig.now += timedelta(minutes=59)
    assert (await rig.follow(url, "POST", body=b"{}")).http_status == 200
    rig.now += timedelta(minutes=1)
    assert envelope(await rig.follow(url, "POST", body=b"{}")) == (404, 2000)


@pytest.mark.parametrize("callback_id", ["unknown", "a" * 22, "x" * 300])
async def test_an_unknown_callback_is_unknown(rig, callback_id):
    answer = await rig.egress_request("POST", f"/callbacks/{callback_id}", body=b"{}")
    assert envelope(answer) == (404, 2000)
    assert rig.partner.requests == []


async def test_what_the_backend_appends_to_a_callback_as_query_joins_it(rig):
    url = await sent_to_backend(rig)
    await rig.follow(f"{url}?more=1", "POST", body=b"{}")
    assert rig.partner.last.target == "/callback?request_id=5678&more=1"


async def test_a_callback_of_a_partner_that_was_suspended_waits(rig):
    url = await sent_to_backend(rig)
    await rig.change(lambda ledger: ledger.suspend(ledger.partner("acme"), suspended=True))
    assert envelope(await rig.follow(url, "POST", body=b"{}")) == (409, 4003)


async def test_many_commands_at_once_each_get_a_url_of_their_own(rig):
    urls = [f"{rig.partner.url}/callback/{number}" for number in range(20)]
    answers = await asyncio.gather(
        *(rig.ingress_request("POST", "/receiver/commands/X", body=command(url)) for url in urls)
    )
    assert {answer.http_status for answer in answers} == {200}
    assert len({url_in(request) for request in rig.backend.requests}) == 20


# The other way: the backend commands a partner.


async def sent_to_partner(rig, url, method="POST", rest="commands/UNLOCK_CONNECTOR"):
    body, query = (b"", f"?response_url={quote(url, safe='')}") if method in {"GET", "DELETE"} else (command(url), "")
    answer = await rig.egress_request(method, f"/partners/acme/receiver/{rest}{query}", body=body)
    assert answer.http_status == 200, answer.body
    return url_in(rig.partner.last)


async def test_a_response_url_of_the_backend_below_its_module_keeps_its_shape(rig):
    url = await sent_to_partner(rig, f"{rig.backend.url}/ocpi/commands/UNLOCK_CONNECTOR/7?x=1")

    assert url == f"{rig.public_url}/ocpi/2.2.1/sender/commands/UNLOCK_CONNECTOR/7?x=1"
    await rig.follow(url, "POST", body=b'{"result":"ACCEPTED"}')
    assert rig.backend.last.target == "/ocpi/commands/UNLOCK_CONNECTOR/7?x=1"


@pytest.mark.parametrize(("method", "rest"), [(method, rest.removeprefix("/receiver/")) for method, rest in PLACES])
async def test_any_other_response_url_of_the_backend_is_kept_and_leads_back_again_and_again(rig, method, rest):
    url = await sent_to_partner(rig, f"{rig.backend.url}/results?id=7", method, rest)

    assert url.startswith(f"{rig.public_url}/ocpi/2.2.1/sender/{rest.partition('/')[0]}/~")
    for body in (b'{"result":"ACCEPTED"}', b'{"result":"FAILED"}'):
        answer = await rig.follow(url, "POST", body=body)
        assert answer.http_status == 200
        assert rig.backend.last.first_line == "POST /results?id=7 HTTP/1.1"
        assert rig.backend.last.body == body
        assert rig.backend.last.one("Authorization") == BACKEND_AUTHORIZATION
        assert rig.backend.last.one("X-OCPI-Partner") == "acme"
        assert rig.backend.last.party("from") == "DE-XYZ"
        assert rig.backend.last.party("to") == "NL-EMS"
        rig.configure()


async def test_the_backends_authorization_never_goes_to_another_host_than_the_backends(rig):
    async with wire.other_end() as elsewhere:
        url = await sent_to_partner(rig, f"http://localhost:{elsewhere.port}/ocpi/commands/1")
        await rig.follow(url, "POST", body=b"{}")

        assert elsewhere.requests == []
        assert rig.backend.last.target == "/ocpi/commands/1"


async def test_a_response_url_of_the_backend_on_another_port_is_kept_whole(rig):
    async with wire.other_end() as elsewhere:
        url = await sent_to_partner(rig, f"{elsewhere.url}/ocpi/commands/1")
        await rig.follow(url, "POST", body=b"{}")
        assert elsewhere.last.target == "/ocpi/commands/1"
    assert rig.backend.requests == []


async def test_a_response_url_that_is_public_already_stays(rig):
    url = f"{rig.public_url}/ocpi/2.2.1/sender/commands/X/1"
    assert await sent_to_partner(rig, url) == url


async def test_a_response_url_of_the_backend_is_good_for_the_partner_that_got_it_only(rig):
    await rig.register("other", roles=("EMSP:FR-OTH",))
    url = await sent_to_partner(rig, f"{rig.backend.url}/results")
    raw = wire.request("POST", url.removeprefix(rig.public_url), body=b"{}")
    assert envelope(await rig.as_partner(raw, name="other")) == (404, 2000)
    assert rig.backend.requests == []


async def test_a_callback_of_one_direction_is_none_of_the_other(rig):
    for_partner = (await sent_to_partner(rig, f"{rig.backend.url}/results")).rpartition("~")[2]
    for_backend = (await sent_to_backend(rig)).rpartition("/")[2]
    rig.backend.requests.clear()
    rig.partner.requests.clear()

    assert envelope(await rig.egress_request("POST", f"/callbacks/{for_partner}", body=b"{}")) == (404, 2000)
    answer = await rig.ingress_request("POST", f"/sender/commands/~{for_backend}", body=b"{}")
    assert envelope(answer) == (404, 2000)
    assert rig.backend.requests == rig.partner.requests == []


@pytest.mark.parametrize("url", ["", "/relative", "http://a b/"])
async def test_a_response_url_of_the_backend_that_is_no_url_is_refused(rig, url):
    answer = await rig.egress_request("POST", "/partners/acme/receiver/commands/X", body=command(url))
    assert envelope(answer) == (400, 2001)
    assert "response_url" in says(answer)
    assert rig.call.fault is Fault.BACKEND
