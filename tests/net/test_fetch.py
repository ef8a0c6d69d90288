"""One bounded request: what comes back, and what is said when nothing usable does."""

import asyncio
import socket
import ssl

import pytest
import trustme

from gateway.net.address import AddressPolicy
from gateway.net.client import partner_client
from gateway.net.fetch import fetch
from gateway.ocpi.errors import Fault
from gateway.ocpi.flow import Fetch, FetchCause, FetchFailedError
from tests.net.conftest import NamesLeadTo, answering

LIMITS = {"timeout_seconds": 2, "max_bytes": 1000}
SECRET = "ocpigw_" + "s" * 49


def get(url):
    return Fetch("GET versions", "GET", url, {"Authorization": f"Token {SECRET}"})


def post(url):
    return Fetch("POST credentials", "POST", url, {"Content-Type": "application/json"}, b'{"token":"x"}')


async def test_a_reply_holds_http_status_lower_cased_headers_and_the_body(raw_server, partner):
    raw = await raw_server(
        answering(b"HTTP/1.1 404 Gone\r\nX-One: 1\r\nLink: <a>\r\nlink: <b>\r\nContent-Length: 4\r\n\r\nbody")
    )
    reply = await fetch(partner, get(f"{raw.url}/%2e?a=b"), **LIMITS)
    assert (reply.http_status, reply.body) == (404, b"body")
    assert reply.headers["x-one"] == "1"
    assert reply.headers["link"] == "<a>, <b>"
    assert raw.requests[0].startswith(b"GET /%2e?a=b HTTP/1.1\r\n")


async def test_no_compression_is_asked_for_and_further_headers_are_sent(raw_server, partner):
    raw = await raw_server(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
    await fetch(partner, post(raw.url), further_headers={"X-Request-ID": "abc"}, **LIMITS)
    head = raw.requests[0]
    assert b"\r\nAccept-Encoding: identity\r\n" in head
    assert b"\r\nX-Request-ID: abc\r\n" in head
    assert b"\r\nContent-Type: application/json\r\n" in head
    assert b"\r\nContent-Length: 13\r\n" in head


async def never_answer(raw, reader, writer):
    await raw.read_request(reader)
    await reader.read()


async def drip(raw, reader, writer):
    await raw.read_request(reader)
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    try:
        while True:
            writer.write(b"a")
            await writer.drain()
            await asyncio.sleep(0.01)
    except ConnectionError:
        return


async def endless(raw, reader, writer):
    await raw.read_request(reader)
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        writer.write(b"a" * 65536)
        await writer.drain()


async def close_unasked(raw, reader, writer):
    return


async def reset(raw, reader, writer):
    await raw.read_request(reader)
    writer.transport.abort()


@pytest.mark.parametrize(
    ("behaviour", "cause", "words"),
    [
        (never_answer, FetchCause.TIMEOUT, "did not answer in time"),
        (drip, FetchCause.TIMEOUT, "did not answer in time"),
        (endless, FetchCause.OVERSIZE, "larger than 1000 bytes"),
        (close_unasked, FetchCause.RESET, "closed the connection"),
        (reset, FetchCause.RESET, "closed the connection"),
        (
            answering(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"),
            FetchCause.RESET,
            "before the answer was complete",
        ),
        (answering(b"HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n"), FetchCause.OVERSIZE, "larger than 1000 bytes"),
        (answering(b"SSH-2.0-OpenSSH_9\r\n\r\n"), FetchCause.MALFORMED, "not valid HTTP"),
        (answering(b"HTTP/1.1 200 OK\r\nBad Header\r\n\r\n"), FetchCause.MALFORMED, "not valid HTTP"),
        (answering(b"HTTP/1.1 200 OK\r\nX: " + b"a" * 9000 + b"\r\n\r\n"), FetchCause.MALFORMED, "too long"),
        (
            answering(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc"),
            FetchCause.MALFORMED,
            "compressed",
        ),
    ],
)
@pytest.mark.ways("error", "time-out")
async def test_sp8_rp2_an_unusable_answer_fails_with_its_cause_and_an_unknown_outcome(
    raw_server, partner, behaviour, cause, words
):
    raw = await raw_server(behaviour)
    limits = LIMITS | {"timeout_seconds": 0.2} if cause is FetchCause.TIMEOUT else LIMITS
    with pytest.raises(FetchFailedError, match=words) as failed:
        await fetch(partner, post(raw.url), **limits)
    assert failed.value.cause is cause
    assert failed.value.sent
    assert failed.value.fault is Fault.PARTNER
    assert "127.0.0.1" not in str(failed.value)
    assert failed.value.__cause__ is None


async def test_a_refused_connection_was_not_sent(unused_tcp_port, partner):
    with pytest.raises(FetchFailedError, match="refused the connection") as failed:
        await fetch(partner, post(f"http://127.0.0.1:{unused_tcp_port}/"), **LIMITS)
    assert (failed.value.cause, failed.value.sent) == (FetchCause.REFUSED, False)


class NothingResolves(NamesLeadTo):
    async def resolve(self, *_):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


async def test_a_name_that_does_not_resolve_was_not_sent():
    async with partner_client(
        AddressPolicy(), connect_seconds=1, answer_seconds=1, resolver=NothingResolves()
    ) as client:
        with pytest.raises(FetchFailedError, match="does not resolve") as failed:
            await fetch(client, post("https://partner.example/"), **LIMITS)
    assert (failed.value.cause, failed.value.sent) == (FetchCause.DNS, False)


async def test_a_url_that_the_policy_refuses_was_not_sent():
    async with partner_client(AddressPolicy(), connect_seconds=1, answer_seconds=1) as client:
        for url in ("http://partner.example/", "https://127.0.0.1/"):
            with pytest.raises(FetchFailedError) as failed:
                await fetch(client, post(url), **LIMITS)
            assert (failed.value.cause, failed.value.sent) == (FetchCause.URL, False)
            assert str(failed.value).startswith("their platform can not be called: the URL ")


async def test_a_name_that_leads_to_a_private_address_was_not_sent():
    resolver = NamesLeadTo("10.0.0.1")
    async with partner_client(AddressPolicy(), connect_seconds=1, answer_seconds=1, resolver=resolver) as client:
        with pytest.raises(FetchFailedError, match="not allowed") as failed:
            await fetch(client, post("https://partner.example/"), **LIMITS)
    assert resolver.asked == ["partner.example"]
    assert (failed.value.cause, failed.value.sent) == (FetchCause.POLICY, False)
    assert "egress.allow" in failed.value.remedy


async def test_a_connection_that_is_never_accepted_was_not_sent(partner):
    """A listening socket whose queue is full swallows further attempts to connect."""
    with socket.socket() as full, socket.socket() as first, socket.socket() as second:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for queued in (first, second):
            queued.setblocking(False)
            queued.connect_ex(full.getsockname())
        with pytest.raises(FetchFailedError, match="in time") as failed:
            await fetch(partner, post(f"http://127.0.0.1:{full.getsockname()[1]}/"), timeout_seconds=0.3, max_bytes=9)
    assert (failed.value.cause, failed.value.sent) == (FetchCause.TIMEOUT, False)


@pytest.mark.parametrize(
    ("identity", "words"),
    [("127.0.0.1", "authority that is not trusted"), (None, "does not speak TLS")],
)
async def test_a_tls_failure_says_what_is_wrong_and_was_not_sent(raw_server, partner, identity, words):
    context = None
    if identity:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        trustme.CA().issue_cert(identity).configure_cert(context)

    async def babble(raw, reader, writer):
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()

    raw = await raw_server(babble, ssl_context=context)
    with pytest.raises(FetchFailedError, match=words) as failed:
        await fetch(partner, post(f"https://127.0.0.1:{raw.port}/"), **LIMITS)
    assert (failed.value.cause, failed.value.sent) == (FetchCause.TLS, False)
    assert raw.requests == []


async def test_a_certificate_for_another_name_is_told_from_an_untrusted_one(raw_server, tmp_path):
    authority, context = trustme.CA(), ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("other.example").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    raw = await raw_server(answering(b""), ssl_context=context)
    async with partner_client(
        AddressPolicy(development=True), connect_seconds=2, answer_seconds=2, ca_file=tmp_path / "ca.pem"
    ) as client:
        for url in (f"https://127.0.0.1:{raw.port}/", f"https://localhost:{raw.port}/"):
            with pytest.raises(FetchFailedError, match="has a certificate for another"):
                await fetch(client, get(url), **LIMITS)


@pytest.mark.threat("T7")
async def test_a_failure_never_shows_the_token_that_was_sent(raw_server, partner):
    raw = await raw_server(answering(b"HTTP/1.1 200 OK\r\nBad Header\r\n\r\n"))
    with pytest.raises(FetchFailedError) as failed:
        await fetch(partner, get(raw.url), **LIMITS)
    shown = f"{failed.value} {failed.value!r} {failed.value.__cause__!r} {failed.value.__dict__}"
    assert SECRET not in shown


async def test_a_cancelled_fetch_ends_at_once(raw_server, partner):
    raw = await raw_server(never_answer)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await fetch(partner, get(raw.url), **LIMITS)
