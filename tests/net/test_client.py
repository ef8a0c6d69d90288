"""The clients send what they are told, once, and nothing of their own."""

import asyncio
import ssl
from ipaddress import ip_network

import aiohttp
import pytest
import trustme

from gateway.net.address import AddressPolicy, AllowRule, HostRefusedError
from gateway.net.client import Transmission, _switch_off_resends, backend_client, partner_client
from gateway.net.failures import FAILURES
from gateway.ocpi.errors import InternalError, OperatorError
from tests.net.conftest import NamesLeadTo, answering

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


async def kill_unread(raw, reader, writer):
    """Close as soon as the request has begun to arrive, resetting the connection."""
    await raw.read_request(reader)
    writer.transport.abort()


async def kill_after_reading(raw, reader, writer):
    await raw.read_request(reader)


async def kill_amid_the_answer(raw, reader, writer):
    await raw.read_request(reader)
    writer.write(b"HTTP/1.1 200 O")
    await writer.drain()


async def answer_once_then_kill(raw, reader, writer):
    await raw.read_request(reader)
    writer.write(OK)
    await writer.drain()
    await raw.read_request(reader)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("behaviour", [kill_unread, kill_after_reading, kill_amid_the_answer])
@pytest.mark.ways("lost answer")
@pytest.mark.threat("T3")
async def test_sp9_a_request_whose_connection_dies_is_sent_exactly_once(
    raw_server, backend, partner, behaviour, method
):
    for client in (backend, partner):
        raw = await raw_server(behaviour)
        body = None if method == "GET" else b"{}"
        with pytest.raises((aiohttp.ClientError, OSError)):
            await client.send(method, f"{raw.url}/x", headers={}, data=body)
        assert len(raw.requests) == 1
        assert raw.connections == 1


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.ways("lost answer")
@pytest.mark.threat("T3")
async def test_sp9_a_request_on_a_kept_connection_that_dies_is_sent_exactly_once(raw_server, backend, partner, method):
    for client in (backend, partner):
        raw = await raw_server(answer_once_then_kill)
        async with await client.send("GET", f"{raw.url}/first", headers={}) as answer:
            assert await answer.read() == b"{}"
        with pytest.raises((aiohttp.ClientError, OSError)):
            await client.send(method, f"{raw.url}/second", headers={})
        assert len(raw.requests) == 2
        assert raw.connections == 1


def test_an_aiohttp_without_the_known_switch_for_resends_is_refused():
    class OtherSession:
        pass

    with pytest.raises(InternalError, match="hidden re-sends"):
        _switch_off_resends(OtherSession())


async def test_only_the_given_headers_host_and_user_agent_are_sent(raw_server, backend):
    raw = await raw_server(answering(OK))
    async with await backend.send("GET", f"{raw.url}/x", headers={"X-Request-ID": "1"}):
        pass
    names = {line.split(b":")[0].lower() for line in raw.requests[0].split(b"\r\n")[1:] if line}
    assert names == {b"host", b"user-agent", b"x-request-id"}
    assert b"User-Agent: ocpi-gateway/" in raw.requests[0]


async def test_a_body_goes_out_without_a_content_type_that_nobody_gave(raw_server, backend):
    raw = await raw_server(answering(OK))
    async with await backend.send("POST", f"{raw.url}/x", headers={}, data=b"{}"):
        pass
    assert b"content-type" not in raw.requests[0].lower()


@pytest.mark.parametrize("path", ["/a/%2e%2e/b", "/a/../b", "/a//b", "/a%2Fb?x=%7e&y=a+b", "/;a?b#"])
@pytest.mark.threat("T8")
async def test_the_path_is_sent_exactly_as_written(raw_server, backend, path):
    raw = await raw_server(answering(OK))
    async with await backend.send("GET", raw.url + path, headers={}):
        pass
    assert raw.requests[0].split(b" ")[1] == path.rstrip("#").encode()


@pytest.mark.parametrize("path", ["/a?", "/?", "/a/?"])
async def test_a_question_mark_with_nothing_behind_it_is_sent(raw_server, backend, path):
    raw = await raw_server(answering(OK))
    async with await backend.send("GET", raw.url + path, headers={}):
        pass
    assert raw.requests[0].split(b" ")[1] == path.encode()


@pytest.mark.parametrize(
    "head",
    [
        *(b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n", b"HTTP/1.1 199 Early\r\n"),
        *(b"HTTP/2.0 200 OK\r\n", b"HTTP/1.1 200 OK\r\nX-Odd: a\x07b\r\n", b"HTTP/1.1 200 OK\r\nX-Odd: a\x7fb\r\n"),
    ],
)
async def test_an_answer_that_is_no_final_one_of_http_1_is_an_error(raw_server, backend, head):
    raw = await raw_server(answering(head + b"Content-Length: 2\r\n\r\n{}"))
    with pytest.raises(FAILURES):
        await backend.send("GET", f"{raw.url}/x", headers={})


@pytest.mark.threat("H7", "U5")
async def test_a_redirect_is_given_back_and_not_followed(raw_server, backend, partner):
    for client in (backend, partner):
        raw = await raw_server(answering(b"HTTP/1.1 307 X\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n"))
        async with await client.send("GET", f"{raw.url}/x", headers={}) as answer:
            assert answer.status == 307
        assert len(raw.requests) == 1


@pytest.mark.threat("P6", "U5")
async def test_cookies_are_not_sent_back(raw_server, backend):
    raw = await raw_server(
        answering(b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
    )
    for _ in range(2):
        async with await backend.send("GET", raw.url.replace("127.0.0.1", "localhost"), headers={}):
            pass
    assert b"cookie" not in raw.requests[1].lower()


@pytest.mark.threat("T9", "D4")
async def test_a_compressed_answer_stays_compressed(raw_server, backend):
    raw = await raw_server(
        answering(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\x00")
    )
    async with await backend.send("GET", raw.url, headers={}) as answer:
        assert await answer.read() == b"\x1f\x8b\x08\x00"


@pytest.mark.threat("U5")
async def test_a_proxy_in_the_environment_is_ignored(raw_server, backend, monkeypatch):
    proxy = await raw_server(answering(OK))
    raw = await raw_server(answering(OK))
    monkeypatch.setenv("http_proxy", proxy.url)
    monkeypatch.delenv("no_proxy", raising=False)
    async with await backend.send("GET", raw.url, headers={}):
        pass
    assert (proxy.connections, raw.connections) == (0, 1)


async def test_an_answer_with_an_overlong_header_fails(raw_server):
    raw = await raw_server(answering(b"HTTP/1.1 200 OK\r\nX-Long: " + b"a" * 3000 + b"\r\nContent-Length: 0\r\n\r\n"))
    async with backend_client(connect_seconds=2, answer_seconds=2, header_bytes=2000) as client:
        with pytest.raises(aiohttp.ClientError):
            await client.send("GET", raw.url, headers={})


async def test_an_answer_that_does_not_come_in_time_fails(raw_server):
    async def never_answer(raw, reader, writer):
        await raw.read_request(reader)
        await reader.read()

    raw = await raw_server(never_answer)
    async with backend_client(connect_seconds=20, answer_seconds=0.05) as client, asyncio.timeout(10):
        with pytest.raises(aiohttp.SocketTimeoutError):
            await client.send("GET", raw.url, headers={})


async def test_a_body_given_in_pieces_arrives_whole(raw_server, backend):
    received = []

    async def read_chunked(raw, reader, writer):
        await raw.read_request(reader)
        received.append(await reader.readuntil(b"0\r\n\r\n"))
        writer.write(OK)

    async def pieces():
        yield b"abc"
        yield b"def"

    raw = await raw_server(read_chunked)
    async with await backend.send("POST", raw.url, headers={}, data=pieces()) as answer:
        assert answer.status == 200
    assert received == [b"3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n"]


async def test_transmission_is_noted_once_the_head_went_out(raw_server, partner):
    raw = await raw_server(kill_after_reading)
    transmission = Transmission()
    with pytest.raises(aiohttp.ClientError):
        await partner.send("POST", raw.url, headers={}, data=b"{}", transmission=transmission)
    assert transmission.sent


async def test_transmission_is_not_noted_where_no_connection_was_made(unused_tcp_port, partner):
    transmission = Transmission()
    with pytest.raises(aiohttp.ClientConnectorError):
        await partner.send("POST", f"http://127.0.0.1:{unused_tcp_port}", headers={}, transmission=transmission)
    assert not transmission.sent


async def test_a_connection_opened_for_one_partner_is_not_lent_to_another(raw_server):
    async def answer_forever(raw, reader, writer):
        while True:
            await raw.read_request(reader)
            writer.write(OK)

    raw = await raw_server(answer_forever)
    async with partner_client(AddressPolicy(development=True), connect_seconds=2, answer_seconds=2) as client:
        for name in ("one", "one", "two"):
            async with await client.send("GET", raw.url, headers={}, partner=name) as answer:
                await answer.read()
    assert raw.connections == 2


async def test_a_client_that_keeps_no_connection_uses_each_once(raw_server):
    async def answer_forever(raw, reader, writer):
        while True:
            await raw.read_request(reader)
            writer.write(OK)

    raw = await raw_server(answer_forever)
    async with partner_client(
        AddressPolicy(development=True), connect_seconds=2, answer_seconds=2, keep_alive_seconds=0
    ) as client:
        for _ in range(2):
            async with await client.send("GET", raw.url, headers={}) as answer:
                await answer.read()
    assert raw.connections == 2


@pytest.fixture
def authority():
    return trustme.CA()


@pytest.fixture
async def https_server(raw_server, authority):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("partner.example").configure_cert(context)
    return await raw_server(answering(OK), ssl_context=context)


async def test_the_authorities_of_the_extra_file_are_trusted(https_server, authority, tmp_path):
    file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(file)
    async with partner_client(
        AddressPolicy(development=True),
        connect_seconds=2,
        answer_seconds=2,
        ca_file=file,
        resolver=NamesLeadTo("127.0.0.1"),
    ) as client:
        url = f"https://partner.example:{https_server.port}"
        async with await client.send("GET", url, headers={}) as answer:
            assert answer.status == 200
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await client.send("GET", f"https://other.example:{https_server.port}", headers={})


@pytest.mark.threat("U5")
async def test_an_authority_that_nobody_named_is_not_trusted(https_server, partner):
    with pytest.raises(aiohttp.ClientConnectorCertificateError):
        await partner.send("GET", f"https://127.0.0.1:{https_server.port}", headers={})
    assert https_server.requests == []


@pytest.mark.threat("U5")
async def test_tls_older_than_1_2_is_not_spoken(raw_server, authority, partner):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="deprecated"):
        context.minimum_version = ssl.TLSVersion.TLSv1
    with pytest.warns(DeprecationWarning, match="deprecated"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    authority.issue_cert("127.0.0.1").configure_cert(context)
    raw = await raw_server(answering(OK), ssl_context=context)
    with pytest.raises(aiohttp.ClientConnectorError):
        await partner.send("GET", raw.url, headers={})
    assert raw.requests == []


@pytest.mark.parametrize("content", [None, "not a certificate"])
async def test_an_unusable_file_of_authorities_is_the_operators_error(tmp_path, content):
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)
    with pytest.raises(OperatorError, match=r"ca\.pem"):
        backend_client(connect_seconds=1, answer_seconds=1, ca_file=file)


async def test_a_rule_for_one_partner_does_not_open_the_way_for_another(raw_server):
    async def close_at_once(raw, reader, writer):
        pass

    raw = await raw_server(close_at_once)
    rule = AllowRule(ip_network("127.0.0.1/32"), ports=frozenset({raw.port}), partner="one")
    policy = AddressPolicy(allow=[rule])
    async with partner_client(policy, connect_seconds=2, answer_seconds=2) as client:
        url = raw.url.replace("http:", "https:")
        for name in ("two", None):
            with pytest.raises(Exception, match="port other than 443"):
                await client.send("GET", url, headers={}, partner=name)
        assert raw.connections == 0
        with pytest.raises(aiohttp.ClientError):  # it got as far as the connection
            await client.send("GET", url, headers={}, partner="one")
    assert raw.connections == 1


async def test_a_rule_opens_an_address_to_the_host_names_that_it_names_only(raw_server):
    async def close_at_once(raw, reader, writer):
        pass

    raw = await raw_server(close_at_once)
    rule = AllowRule(ip_network("127.0.0.1/32"), hosts=frozenset({"known.example"}), ports=frozenset({raw.port}))
    other = AllowRule(ip_network("127.0.0.2/32"), ports=frozenset({raw.port}))  # the port alone is open to every name
    async with partner_client(
        AddressPolicy(allow=[rule, other]), connect_seconds=2, answer_seconds=2, resolver=NamesLeadTo("127.0.0.1")
    ) as client:
        with pytest.raises(HostRefusedError):
            await client.send("GET", f"https://other.example:{raw.port}/", headers={})
        assert raw.connections == 0
        with pytest.raises(aiohttp.ClientError):  # it got as far as the connection
            await client.send("GET", f"https://known.example:{raw.port}/", headers={})
    assert raw.connections == 1
