"""Bodies stream both ways, and whatever the other side does ends in an answer or a closed connection."""

import asyncio
import contextlib
import gzip
import socket

import pytest

from gateway.ocpi.errors import Fault
from tests.proxy import wire
from tests.proxy.conftest import envelope, says

BODY = bytes(range(256)) * 300  # larger than a socket's read


def saying(data):
    """A behaviour: read the request, write these bytes, close."""

    async def behave(reader, writer, head):
        await wire.read_body(reader, head)
        writer.write(data)
        await writer.drain()

    return behave


@pytest.mark.parametrize(
    "body", [b"", b"{}", BODY, gzip.compress(b"{}", mtime=0), b'{"n": 1.10, "big": 12345678901234567890}\r\n']
)
async def test_a_body_arrives_byte_for_byte_with_its_length(rig, body):
    await rig.ingress_request(
        "PUT", "/sender/cdrs", f"Content-Length: {len(body)}", "Content-Encoding: gzip", body=body
    )
    assert rig.backend.last.body == body
    assert rig.backend.last.one("Content-Length") == str(len(body))
    assert not rig.backend.last.chunked


@pytest.mark.threat("R5")
async def test_a_chunked_body_stays_chunked_and_loses_its_trailers(rig):
    body = b"3\r\nabc\r\n4;ext=1\r\ndefg\r\n0\r\nX-OCPI-Partner: evil\r\n\r\n"
    answer = await rig.ingress_request("POST", "/sender/cdrs", "Transfer-Encoding: chunked", body=body)

    assert rig.backend.last.body == b"abcdefg"
    assert rig.backend.last.chunked
    assert rig.backend.last.one("X-OCPI-Partner") == "acme"
    assert answer.one("Connection") == "close"


async def test_a_get_with_a_body_keeps_it(rig):
    await rig.ingress_request("GET", "/sender/cdrs", body=b"odd")
    assert rig.backend.last.body == b"odd"


async def test_a_get_without_a_body_gets_none(rig):
    await rig.ingress_request("GET", "/sender/cdrs")
    assert rig.backend.last.all("Content-Length") == rig.backend.last.all("Transfer-Encoding") == []


@pytest.mark.parametrize("http_status", [200, 201, 400, 401, 404, 429, 500, 503, 599])
async def test_status_and_body_of_an_answer_come_back_byte_for_byte(rig, http_status):
    rig.backend.answers.append(wire.answer(http_status, "Content-Encoding: gzip", body=BODY))
    answer = await rig.ingress_request("GET", "/sender/cdrs")
    assert answer.http_status == http_status
    assert answer.body == BODY
    assert answer.one("Content-Length") == str(len(BODY))


async def test_a_chunked_answer_stays_chunked(rig):
    rig.backend.answers.append(wire.answer(200, "Transfer-Encoding: chunked", body=b"2\r\n{}\r\n1\r\n \r\n0\r\n\r\n"))
    answer = await rig.ingress_request("GET", "/sender/cdrs")
    assert answer.body == b"{} "
    assert answer.chunked


@pytest.mark.parametrize("http_status", [204, 304])
async def test_an_answer_without_body_has_none(rig, http_status):
    rig.backend.answers.append(f"HTTP/1.1 {http_status} Nothing\r\n\r\n".encode())
    answer = await rig.ingress_request("DELETE", "/sender/cdrs/1")
    assert answer.http_status == http_status
    assert answer.body == b""
    assert answer.all("Transfer-Encoding") == []


async def test_an_answer_that_ends_with_its_connection_is_whole(rig):
    rig.backend.answers.append(saying(b"HTTP/1.1 200 OK\r\n\r\nuntil the end"))
    answer = await rig.ingress_request("GET", "/sender/cdrs")
    assert answer.body == b"until the end"


@pytest.mark.threat("R9")
async def test_a_partner_on_http_1_0_is_answered_and_closed(rig):
    rig.backend.answers.append(wire.answer(200, "Transfer-Encoding: chunked", body=b"2\r\n{}\r\n0\r\n\r\n"))
    answer = await rig.as_partner(b"GET /ocpi/2.2.1/sender/cdrs HTTP/1.0\r\n\r\n")
    assert answer.http_status == 200
    assert answer.body == b"{}"
    assert not answer.chunked


async def test_the_first_piece_of_an_answer_comes_before_its_last(rig):
    first_seen = asyncio.Event()

    async def behave(reader, writer, head):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhead")
        await first_seen.wait()
        writer.write(b"tail")
        await writer.drain()

    rig.backend.answers.append(behave)
    rig.asking = "acme"
    async with wire.connected(rig.public_port) as (reader, writer):
        writer.write(wire.request("GET", "/ocpi/2.2.1/sender/cdrs"))
        await wire.read_head(reader)
        assert await reader.readexactly(4) == b"head"
        first_seen.set()
        assert await reader.readexactly(4) == b"tail"


async def test_the_first_piece_of_a_request_arrives_before_its_last_is_sent(rig):
    first_seen = asyncio.Event()

    async def behave(reader, writer, head):
        assert await reader.readexactly(4) == b"head"
        first_seen.set()
        assert await reader.readexactly(4) == b"tail"
        writer.write(wire.OK)
        await writer.drain()

    rig.backend.answers.append(behave)
    rig.asking = "acme"
    async with wire.connected(rig.public_port) as (reader, writer):
        writer.write(wire.request("PUT", "/ocpi/2.2.1/sender/cdrs", "Content-Length: 8", body=b"head"))
        await first_seen.wait()
        writer.write(b"tail")
        assert (await wire.read_message(reader)).http_status == 200


async def test_connections_are_used_again_on_both_sides(rig):
    rig.asking = "acme"
    async with wire.connected(rig.public_port) as (reader, writer):
        for number in range(3):
            writer.write(wire.request("PUT", f"/ocpi/2.2.1/sender/cdrs/{number}", body=b"{}"))
            assert (await wire.read_message(reader)).http_status == 200
    assert rig.backend.connections == 1


@pytest.mark.threat("D3")
async def test_a_body_of_a_known_length_beyond_the_limit_never_reaches_the_backend(rig):
    rig.configure(limits={"body_bytes": 2048, "rewritten_body_bytes": 1024, "credentials_body_bytes": 1024})
    answer = await rig.ingress_request("PUT", "/sender/cdrs", body=b"x" * 2049)
    assert envelope(answer) == (413, 2001)
    assert "2048" in says(answer)
    assert rig.backend.connections == 0


@pytest.mark.threat("D3")
async def test_a_chunked_body_beyond_the_limit_is_cut_off_on_its_way(rig):
    rig.configure(limits={"body_bytes": 2048, "rewritten_body_bytes": 1024, "credentials_body_bytes": 1024})
    body = b"400\r\n" + b"x" * 1024 + b"\r\n"
    answer = await rig.ingress_request("PUT", "/sender/cdrs", "Transfer-Encoding: chunked", body=body * 3)
    assert envelope(answer) == (413, 2001)
    async with asyncio.timeout(10):
        await rig.backend.cut_off.wait()


async def test_a_body_of_exactly_the_limit_passes(rig):
    rig.configure(limits={"body_bytes": 2048, "rewritten_body_bytes": 1024, "credentials_body_bytes": 1024})
    assert (await rig.ingress_request("PUT", "/sender/cdrs", body=b"x" * 2048)).http_status == 200


@pytest.mark.threat("R4")
async def test_a_body_with_broken_chunks_is_the_senders_fault(rig):
    answer = await rig.ingress_request("PUT", "/sender/cdrs", "Transfer-Encoding: chunked", body=b"3\r\nabc\r\nzz\r\n")
    assert answer.http_status == 400
    assert all(request.body != b"abc" for request in rig.backend.requests)


async def test_a_body_whose_chunks_break_on_the_way_is_not_forwarded_whole(rig):
    rig.configure(timeouts={"body_seconds": 0.2})
    broken_off = asyncio.Event()
    arrived = []

    async def behave(reader, writer, head):
        arrived.append(await reader.readuntil(b"abc\r\n"))
        broken_off.set()
        arrived.append(await reader.read())

    rig.backend.answers.append(behave)
    rig.asking = "acme"
    async with wire.connected(rig.public_port) as (reader, writer):
        head = wire.request("PUT", "/ocpi/2.2.1/sender/cdrs", "Transfer-Encoding: chunked", body=b"3\r\nabc\r\n")
        writer.write(head)
        await broken_off.wait()
        writer.write(b"zz\r\n")
        answer = await wire.read_message(reader)
        assert await reader.read() == b""
    assert answer.http_status in {
        400,
        408,
    }  # aiohttp's parser drops what follows without telling the reader of the body
    assert rig.call.fault is Fault.PARTNER
    async with asyncio.timeout(5):
        await rig.backend.cut_off.wait()
    assert arrived == [b"3\r\nabc\r\n", b""]


@pytest.mark.threat("T10", "D1")
async def test_a_body_that_stops_coming_is_not_waited_for_forever(rig):
    rig.configure(timeouts={"body_seconds": 0.2})
    answer = await rig.ingress_request("PUT", "/sender/cdrs", "Content-Length: 10", body=b"half")
    assert envelope(answer) == (408, 2000)
    assert rig.call.fault is Fault.PARTNER


@pytest.mark.threat("T10", "D1")
async def test_a_body_that_drips_is_not_waited_for_forever(rig):
    rig.configure(timeouts={"body_seconds": 0.3}, limits={"least_bytes_per_second": 100})
    rig.asking = "acme"
    async with wire.connected(rig.public_port) as (reader, writer):
        writer.write(wire.request("PUT", "/ocpi/2.2.1/sender/cdrs", "Content-Length: 1000"))
        answering = asyncio.ensure_future(wire.read_message(reader))
        sent = 0
        while not answering.done():
            writer.write(b"x")
            sent += 1
            await asyncio.wait([answering], timeout=0.02)
        answer = answering.result()
    assert envelope(answer) == (408, 2000)
    assert rig.call.fault is Fault.PARTNER
    assert sent < 100, "each byte came before a pause was over"


async def test_a_body_may_take_its_time_while_it_keeps_its_pace(rig):
    rig.configure(timeouts={"body_seconds": 0.3}, limits={"least_bytes_per_second": 1000})
    rig.asking = "acme"
    async with wire.connected(rig.public_port) as (reader, writer):
        writer.write(wire.request("PUT", "/ocpi/2.2.1/sender/cdrs", "Content-Length: 3000"))
        for _ in range(6):
            writer.write(b"x" * 500)
            await asyncio.sleep(0.1)
        answer = await wire.read_message(reader)
    assert answer.http_status == 200
    assert rig.call.client_seconds > 0.4


@pytest.mark.threat("D1")
async def test_a_partner_that_does_not_take_an_answer_is_cut(rig):
    rig.configure(timeouts={"body_seconds": 0.3})

    async def behave(reader, writer, head):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            while True:
                writer.write(b"x" * 2**16)
                await writer.drain()

    rig.backend.answers.append(behave)
    rig.asking = "acme"
    async with wire.connected(rig.public_port) as (reader, writer):
        writer.write(wire.request("GET", "/ocpi/2.2.1/sender/cdrs"))
        await wire.read_head(reader)
        async with asyncio.timeout(5):
            await rig.backend.cut_off.wait()
    assert rig.call.fault is Fault.PARTNER
    assert "not taken in time" in rig.call.reason


async def test_a_backend_that_stops_taking_a_body_is_too_slow(rig):
    rig.configure(timeouts={"backend_answer_seconds": 0.3})
    released = asyncio.Event()

    async def behave(reader, writer, head):
        await released.wait()

    rig.backend.answers.append(behave)
    answer = await rig.ingress_request("PUT", "/sender/cdrs", body=b"x" * 50_000_000)
    released.set()
    assert envelope(answer) == (504, 3000)
    assert rig.call.fault is Fault.BACKEND


async def test_a_backend_that_refuses_connections_is_unreachable(rig):
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    rig.configure(backend__url=f"http://127.0.0.1:{port}/ocpi")
    answer = await rig.ingress_request("GET", "/sender/cdrs")

    assert envelope(answer) == (502, 3000)
    assert str(port) not in answer.body.decode()
    assert rig.call.fault is Fault.BACKEND
    assert "the backend refused the connection" in rig.call.reason


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 99 Odd\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 9000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: x\r\n" * 200 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: nan\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
@pytest.mark.threat("P5")
async def test_an_answer_that_is_not_http_is_a_failure_of_the_backend(rig, said):
    rig.backend.answers.append(saying(said))
    answer = await rig.ingress_request("GET", "/sender/cdrs")
    assert envelope(answer) == (502, 3000)
    assert rig.call.fault is Fault.BACKEND
    assert len(rig.backend.requests) == 1


async def test_a_backend_that_resets_the_connection_gets_the_request_once(rig):
    async def behave(reader, writer, head):
        writer.transport.abort()

    rig.backend.answers.extend([behave, behave])
    for method in ("GET", "PUT", "DELETE"):
        rig.backend.requests.clear()
        rig.backend.answers.clear()
        rig.backend.answers.append(behave)
        assert envelope(await rig.ingress_request(method, "/sender/cdrs")) == (502, 3000)
        assert len(rig.backend.requests) == 1


async def test_a_backend_that_does_not_answer_is_too_slow(rig):
    async def behave(reader, writer, head):
        assert await reader.read() == b""

    rig.backend.answers.append(behave)
    rig.configure(timeouts__backend_answer_seconds=0.2)
    answer = await rig.ingress_request("GET", "/sender/cdrs")
    assert envelope(answer) == (504, 3000)
    assert rig.call.fault is Fault.BACKEND
    assert rig.call.upstream_seconds >= 0.2


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly half",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
    ],
)
@pytest.mark.threat("P5")
async def test_an_answer_that_breaks_off_closes_the_connection_instead_of_looking_whole(rig, said):
    released = asyncio.Event()

    async def behave(reader, writer, head):
        writer.write(said)
        await released.wait()

    rig.backend.answers.append(behave)
    rig.asking = "acme"
    async with wire.connected(rig.public_port) as (reader, writer):
        writer.write(wire.request("GET", "/ocpi/2.2.1/sender/cdrs"))
        head = await wire.read_head(reader)
        assert head.http_status == 200
        await reader.readuntil(b"half")
        released.set()
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await reader.readuntil(b"0\r\n\r\n")
    assert rig.call.fault is Fault.BACKEND
    assert "before the answer was complete" in rig.call.reason


async def test_a_partner_that_hangs_up_cancels_the_work_behind_it(rig):
    arrived = asyncio.Event()

    async def behave(reader, writer, head):
        arrived.set()
        assert await reader.read() == b""

    rig.backend.answers.append(behave)
    rig.asking = "acme"
    async with wire.connected(rig.public_port) as (_, writer):
        writer.write(wire.request("GET", "/ocpi/2.2.1/sender/cdrs"))
        await arrived.wait()
    async with asyncio.timeout(5):
        await rig.backend.cut_off.wait()


@pytest.mark.threat("R14")
async def test_an_answer_before_the_end_of_the_request_is_passed_on_and_ends_the_connection(rig):
    async def behave(reader, writer, head):
        writer.write(wire.answer(403, body=b"enough"))
        await writer.drain()
        await reader.read()

    rig.backend.answers.append(behave)
    rig.asking = "acme"
    async with wire.connected(rig.public_port) as (reader, writer):
        writer.write(wire.request("PUT", "/ocpi/2.2.1/sender/cdrs", "Content-Length: 100", body=b"half"))
        answer = await wire.read_message(reader)
        assert (answer.http_status, answer.body) == (403, b"enough")
        assert answer.one("Connection") == "close"
        assert await reader.read() == b""
    assert (await rig.ingress_request("GET", "/sender/cdrs")).http_status == 200
    assert rig.backend.connections == 2


@pytest.mark.threat("R14")
async def test_a_connection_on_which_the_backend_says_more_than_it_was_asked_is_not_used_again(rig):
    rig.backend.answers.append(b"HTTP/1.1 204 Nothing\r\n\r\nsomething" + wire.answer(200, body=b"for somebody else"))
    await rig.ingress_request("GET", "/sender/cdrs")
    answer = await rig.ingress_request("GET", "/sender/cdrs")
    assert answer.body == b"{}"
    assert rig.backend.connections == 2


@pytest.mark.threat("R12")
async def test_a_partner_that_waits_for_100_continue_is_told_to_go_on(rig):
    rig.asking = "acme"
    async with wire.connected(rig.public_port) as (reader, writer):
        writer.write(wire.request("PUT", "/ocpi/2.2.1/sender/cdrs", "Expect: 100-continue", "Content-Length: 2"))
        assert (await wire.read_head(reader)).http_status == 100
        writer.write(b"{}")
        assert (await wire.read_message(reader)).http_status == 200
    assert rig.backend.last.all("Expect") == []
