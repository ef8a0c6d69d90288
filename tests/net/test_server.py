"""The server towards strangers: envelopes, bounded connections, framing that two readers can't read differently."""

import asyncio
import contextlib
import json

import pytest

from gateway.net.http1 import CHUNKED
from gateway.net.request import Response
from gateway.net.room import Room

GOOD = b"GET /x HTTP/1.1\r\nHost: gateway.example\r\n"


async def read(request):
    pieces = []
    while piece := await request.piece():
        pieces.append(piece)
    return b"".join(pieces)


async def hello(request):
    return Response(body=b"hello")


async def echo(request):
    return Response(body=await read(request))


async def send_on_and_on(writer):
    while True:
        writer.write(bytes(65536))
        await writer.drain()


def split(answer: bytes):
    """HTTP status, headers, body of one answer."""
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines[1:])
    return int(lines[0].split(" ")[1]), headers, body


REFUSED = {
    "no HTTP at all": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "a request line without a version": b"GET /x\r\nHost: a\r\n\r\n",
    "HTTP/2.0": b"GET /x HTTP/2.0\r\nHost: a\r\n\r\n",
    "HTTP/1.2": b"GET /x HTTP/1.2\r\nHost: a\r\n\r\n",
    "an absolute target": b"GET http://evil.example/x HTTP/1.1\r\nHost: a\r\n\r\n",
    "an asterisk target": b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
    "an authority target": b"CONNECT evil.example:443 HTTP/1.1\r\nHost: a\r\n\r\n",
    "a header without a colon": GOOD + b"Bad\r\n\r\n",
    "a folded header": GOOD + b"X: a\r\n b\r\n\r\n",
    "a control character in a header": GOOD + b"X: a\x01b\r\n\r\n",
    "an underscore in a header name": GOOD + b"X_Forwarded_For: a\r\n\r\n",
    "two Authorization headers": GOOD + b"Authorization: Token a\r\nauthorization: Token b\r\n\r\n",
    "two Host headers": GOOD + b"Host: evil.example\r\n\r\n",
    "two X-Request-ID headers": GOOD + b"X-Request-ID: a\r\nX-Request-Id: b\r\n\r\n",
    "two routing headers": GOOD + b"OCPI-to-party-id: A\r\nocpi-to-party-id: B\r\n\r\n",
    "no Host": b"GET /x HTTP/1.1\r\n\r\n",
    "an empty Host": b"GET /x HTTP/1.1\r\nHost: \r\n\r\n",
    "a Host with a path": b"GET /x HTTP/1.1\r\nHost: a/b\r\n\r\n",
    "a Host with a user": b"GET /x HTTP/1.1\r\nHost: a@b\r\n\r\n",
    "two hosts in one header": b"GET /x HTTP/1.1\r\nHost: a, b\r\n\r\n",
    "a Host with a bad port": b"GET /x HTTP/1.1\r\nHost: a:99999\r\n\r\n",
    "length and chunks": GOOD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": GOOD + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\na",
    "a length with a leading zero": GOOD + b"Content-Length: 04\r\n\r\nabcd",
    "a length with a sign": GOOD + b"Content-Length: +4\r\n\r\nabcd",
    "gzip, chunked": GOOD + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "identity, chunked": GOOD + b"Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n",
    "chunked twice": GOOD + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks on HTTP/1.0": b"POST /x HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "129 headers": GOOD + b"".join(b"X-%d: a\r\n" % number for number in range(129)) + b"\r\n",
}


@pytest.mark.parametrize("request_bytes", REFUSED.values(), ids=REFUSED)
@pytest.mark.threat("T1", "R1", "R2", "R3", "R6", "R7", "R8", "R9", "R10")
async def test_a_malformed_request_gets_one_envelope_and_a_closed_connection(serving, request_bytes):
    reached = []

    async def note(request):
        reached.append(request)
        return Response()

    async with serving(note) as server:
        http_status, headers, body = split(await server.exchange(request_bytes))
    assert reached == []
    assert http_status == 400
    assert headers["content-type"] == "application/json"
    assert headers["connection"] == "close"
    assert headers["x-request-id"] == headers["x-correlation-id"]
    assert "server" not in headers
    envelope = json.loads(body)
    assert envelope["status_code"] == 2000
    assert envelope["status_message"]
    assert envelope["timestamp"] == "2026-01-02T03:04:05Z"
    assert len(server.failures) == 1
    assert server.failures[0].error is None
    assert server.failures[0].request_id == headers["x-request-id"]


IDS = b"X-Request-ID: request-1\r\nx-correlation-id: correlation-1\r\n"


@pytest.mark.parametrize(
    "head",
    [
        GOOD + IDS + b"Bad\r\n\r\n",
        GOOD + b"Bad\r\n" + IDS + b"\r\n",
        b"GET /x\r\n" + IDS + b"\r\n",
        GOOD.replace(b"GET", b"FOO") + IDS + b"\r\n",
        GOOD + IDS + b"X: " + b"a" * 9000 + b"\r\n\r\n",
    ],
    ids=["a bad header after them", "a bad header before them", "no version", "no such method", "a header too long"],
)
async def test_a_head_that_can_not_be_parsed_gets_the_message_ids_that_stand_in_it(serving, head):
    async with serving(hello) as server:
        _, headers, _ = split(await server.exchange(head))
    assert (headers["x-request-id"], headers["x-correlation-id"]) == ("request-1", "correlation-1")
    assert server.failures[0].request_id == "request-1"


@pytest.mark.parametrize("head", [b"\r\n" + IDS, IDS.replace(b"-1", b"\x01") + b"\r\n", IDS.replace(b": ", b": \xe9")])
async def test_what_is_no_message_id_of_a_refused_head_is_not_repeated(serving, head):
    async with serving(hello) as server:
        _, headers, _ = split(await server.exchange(GOOD + b"Bad\r\n" + head + b"\r\n"))
    assert len(headers["x-request-id"]) == len("d9a9e8d0-7f0f-4b6c-9b39-0d7f1c3ef4a5")
    assert headers["x-correlation-id"] == headers["x-request-id"]


async def test_a_handler_that_fails_is_answered_with_the_message_ids_of_its_request(serving):
    async def fail(request):
        raise RuntimeError

    async with serving(fail) as server:
        http_status, headers, _ = split(await server.exchange(GOOD + IDS + b"\r\n"))
    assert (http_status, headers["x-request-id"], headers["x-correlation-id"]) == (500, "request-1", "correlation-1")


@pytest.mark.parametrize("method", [b"FOO", b"foo", b"GETX", b"x-my!method"])
@pytest.mark.threat("R11")
async def test_a_method_that_nobody_knows_gets_405_with_those_that_there_are(serving, method):
    async with serving(hello) as server:
        http_status, headers, body = split(await server.exchange(GOOD.replace(b"GET", method) + b"\r\n"))
    assert (http_status, headers["allow"]) == (405, "get, post, put, patch, delete")
    assert json.loads(body)["status_code"] == 2000
    assert headers["connection"] == "close"


@pytest.mark.threat("R9")
async def test_http_1_0_is_answered_and_closed_although_it_asks_for_more(serving):
    async with serving(hello) as server:
        answer = await server.exchange(b"GET /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" * 2)
    assert answer.count(b"HTTP/1.") == 1
    assert answer.endswith(b"hello")


@pytest.mark.parametrize(
    "head", [b"GET /" + b"a" * 6000 + b" HTTP/1.1\r\n\r\n", GOOD + b"X: " + b"a" * 5000 + b"\r\n\r\n"]
)
async def test_an_overlong_head_gets_431(serving, head):
    async with serving(hello, header_bytes=4000) as server:
        http_status, _, body = split(await server.exchange(head))
    assert http_status == 431
    assert json.loads(body)["status_code"] == 2000


async def test_a_request_on_a_refused_connection_is_not_read(serving):
    async with serving(hello) as server:
        answer = await server.exchange(GOOD + b"Content-Length: 04\r\n\r\nabcd" + GOOD + b"\r\n")
    assert answer.count(b"HTTP/1.1 ") == 1


async def test_a_good_answer_does_not_name_the_software(serving):
    async with serving(hello) as server:
        http_status, headers, body = split(await server.exchange(GOOD + b"Connection: close\r\n\r\n"))
    assert (http_status, body) == (200, b"hello")
    assert "server" not in headers


async def test_a_streamed_answer_of_unknown_length_comes_in_chunks(serving):
    def stream(request):
        request.begin(200, "X-Name: value\r\n", CHUNKED)
        request.write(b"abc")
        request.write(b"de")
        request.finish()

    async with serving(stream) as server:
        _, headers, body = split(await server.exchange(GOOD + b"Connection: close\r\n\r\n"))
    assert (headers["x-name"], headers["transfer-encoding"]) == ("value", "chunked")
    assert body == b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"


async def test_an_answer_of_unknown_length_to_http_1_0_ends_with_the_connection(serving):
    def stream(request):
        request.begin(200, "", CHUNKED)
        request.write(b"abc")
        request.finish()

    async with serving(stream) as server:
        _, headers, body = split(await server.exchange(b"GET /x HTTP/1.0\r\n\r\n"))
    assert "transfer-encoding" not in headers
    assert body == b"abc"


async def test_an_answer_says_when_it_was_made(serving):
    async with serving(hello) as server:
        _, headers, _ = split(await server.exchange(GOOD + b"Connection: close\r\n\r\n"))
        _, refused, _ = split(await server.exchange(GOOD + b"Bad\r\n\r\n"))
    assert headers["date"] == refused["date"] == "fri, 02 jan 2026 03:04:05 gmt"


@pytest.mark.threat("R13")
async def test_requests_in_one_go_are_answered_in_order(serving):
    async def path(request):
        return Response(body=f"[{request.target}]".encode())

    async with serving(path) as server:
        last = b"GET /2 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        answer = await server.exchange(b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\n" + last)
    assert answer.index(b"[/1]") < answer.index(b"[/2]")


@pytest.mark.threat("T1")
async def test_the_connection_closes_after_a_chunked_request(serving):
    async with serving(echo) as server:
        chunked = b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
        answer = await server.exchange(chunked + GOOD + b"\r\n")
    http_status, headers, body = split(answer)
    assert (http_status, headers["connection"], body) == (200, "close", b"abc")


@pytest.mark.threat("D6")
async def test_the_connection_closes_after_an_answer_to_an_unread_body(serving):
    async with serving(hello) as server:
        answer = await server.exchange(b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nabc")
    assert split(answer)[1]["connection"] == "close"


@pytest.mark.parametrize(
    "head",
    [
        b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 900000\r\n\r\n",
        b"POST /x HTTP/9.1\r\nHost: a\r\nContent-Length: 900000\r\n\r\n",
        b"POST /x HTTP/1.1\r\nContent-Length: 900000\r\n\r\n",
    ],
    ids=["the handler's", "the parser's", "the framing's"],
)
@pytest.mark.threat("D3", "D6")
async def test_an_early_answer_is_read_by_a_client_that_still_sends(serving, head):
    async with serving(hello) as server:
        reader, writer = await server.connect()
        writer.write(head)
        first = await reader.readexactly(1)
        writer.write(bytes(900_000))
        await writer.drain()
        answer = first + await asyncio.wait_for(reader.read(), 10)
        writer.close()
    assert len(split(answer)[2]) == int(split(answer)[1]["content-length"])


@pytest.mark.parametrize(("seconds", "size"), [(0.05, 2**62), (3600, 2**20)], ids=["by time", "by size"])
@pytest.mark.threat("D1", "D6")
async def test_a_client_that_sends_on_and_on_after_its_answer_is_cut(serving, monkeypatch, seconds, size):
    monkeypatch.setattr("gateway.net.connection._LINGER_SECONDS", seconds)
    monkeypatch.setattr("gateway.net.connection._LINGER_BYTES", size)
    async with serving(hello) as server:
        reader, writer = await server.connect()
        writer.write(b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 4611686018427387904\r\n\r\n")
        await reader.read()
        with pytest.raises(ConnectionError):
            await send_on_and_on(writer)
        writer.close()


async def test_a_stop_waits_for_no_client_that_was_answered_already(serving, monkeypatch):
    monkeypatch.setattr("gateway.net.connection._LINGER_SECONDS", 3600)
    async with serving(hello) as server:
        reader, writer = await server.connect()
        writer.write(b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n")
        await reader.read()
        assert await asyncio.wait_for(server.listener.drain(timeout_seconds=3600), 10) == 0
        writer.close()


async def test_a_stop_waits_no_longer_than_for_the_end_of_an_answer_that_was_on_its_way(serving):
    begun = []

    def stream(request):
        request.begin(200, "", 10)
        request.write(b"01234")
        begun.append(request)

    async with serving(stream) as server:
        reader, writer = await server.connect()
        writer.write(GOOD + b"\r\n")
        await reader.readuntil(b"01234")
        stop = asyncio.ensure_future(server.listener.drain(timeout_seconds=3600))
        await asyncio.sleep(0)
        begun[0].finish(b"56789")
        assert await reader.read() == b"56789"
        assert await asyncio.wait_for(stop, 10) == 0
        writer.close()


async def test_the_connection_closes_after_a_request_to_upgrade(serving):
    async with serving(hello) as server:
        answer = await server.exchange(GOOD + b"Connection: upgrade\r\nUpgrade: websocket\r\n\r\n" + GOOD + b"\r\n")
    assert answer.count(b"HTTP/1.1 ") == 1


@pytest.mark.threat("T9", "D4")
async def test_a_body_stays_compressed(serving):
    async with serving(echo) as server:
        request = (
            b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Encoding: gzip\r\nConnection: close\r\nContent-Length: 3\r\n\r\n"
        )
        assert split(await server.exchange(request + b"\x1f\x8b\x08"))[2] == b"\x1f\x8b\x08"


@pytest.mark.threat("R4")
async def test_a_mangled_chunked_body_is_the_clients_error(serving):
    async with serving(echo) as server:
        reader, writer = await server.connect()
        writer.write(b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n")
        await writer.drain()
        writer.write(b"abcXYZ\r\n")
        answer = await asyncio.wait_for(reader.read(), 10)
        writer.close()
    assert split(answer)[0] == 400
    assert server.failures[0].error is None


@pytest.mark.threat("T7")
async def test_a_handler_that_fails_is_answered_without_a_trace_and_reported(serving):
    async def fail(request):
        raise RuntimeError("secret detail")

    async with serving(fail) as server:
        http_status, headers, body = split(await server.exchange(GOOD + b"Accept: text/html\r\n\r\n"))
    assert http_status == 500
    assert headers["content-type"] == "application/json"
    assert json.loads(body)["status_code"] == 3000
    assert b"secret" not in body
    assert isinstance(server.failures[0].error, RuntimeError)


async def test_a_handler_that_fails_amid_its_answer_cuts_the_connection(serving):
    async def fail(request):
        request.begin(200, "", 100)
        request.write(b"abc")
        raise RuntimeError

    async with serving(fail) as server:
        reader, writer = await server.connect()
        writer.write(GOOD + b"\r\n")
        with contextlib.suppress(ConnectionResetError):
            assert (await reader.read()).count(b"HTTP/1.1 ") <= 1
        writer.close()
    assert len(server.failures) == 1


@pytest.mark.threat("R12")
async def test_a_body_is_asked_for_only_when_the_handler_says_so(serving):
    async def authenticate(request):
        if "authorization" not in request.headers:
            return Response(401)
        request.send_continue()
        return Response(body=await read(request))

    head = b"POST /x HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n"
    async with serving(authenticate) as server:
        assert (await server.exchange(head + b"\r\n")).startswith(b"HTTP/1.1 401 ")
        reader, writer = await server.connect()
        writer.write(head + b"Authorization: Token a\r\nConnection: close\r\n\r\n")
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"abc")
        assert split(await reader.read())[::2] == (200, b"abc")
        writer.close()


async def test_no_100_is_sent_unless_it_was_expected(serving):
    async def ask(request):
        request.send_continue()
        return Response(body=await read(request))

    async with serving(ask) as server:
        request = b"POST /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc"
        assert (await server.exchange(request)).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("start", [b"", b"GET /x HTTP/1.1\r\nHost", GOOD])
@pytest.mark.threat("T10", "D1")
async def test_a_head_that_does_not_come_to_its_end_closes_the_connection(serving, start):
    async with serving(hello, header_seconds=0.05) as server:
        assert await server.exchange(start) == b""


@pytest.mark.threat("T10", "D1")
async def test_a_head_that_goes_on_beyond_eight_times_the_longest_header_closes_the_connection(serving):
    async with serving(hello, header_bytes=1000) as server:
        reader, writer = await server.connect()
        for number in range(20):
            writer.write((GOOD if number == 0 else b"") + b"X-%d: " % number + b"x" * 500 + b"\r\n")
            await writer.drain()
        assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()


@pytest.mark.threat("T10", "D1")
async def test_a_head_that_is_whole_but_longer_than_that_gets_431(serving):
    async with serving(hello, header_bytes=1000) as server:
        lines = b"".join(b"X-%d: " % number + b"x" * 500 + b"\r\n" for number in range(20))
        http_status, _, body = split(await server.exchange(GOOD + lines + b"\r\n"))
    assert http_status == 431
    assert json.loads(body)["status_code"] == 2000


@pytest.mark.threat("T10", "D1")
async def test_a_head_that_drips_is_not_given_more_time(serving):
    async with serving(hello, header_seconds=0.1) as server:
        reader, writer = await server.connect()
        closed = asyncio.ensure_future(reader.read())
        for byte in b"GET /" + b"a" * 1000:
            writer.write(bytes([byte]))
            await asyncio.wait({closed}, timeout=0.01)
            if closed.done():
                break
        assert closed.done()
        assert closed.exception() is not None or closed.result() == b""
        writer.close()


async def test_a_second_head_that_does_not_come_to_its_end_closes_the_connection(serving):
    async with serving(hello, header_seconds=0.05) as server:
        reader, writer = await server.connect()
        writer.write(GOOD + b"\r\n")
        await reader.readuntil(b"hello")
        writer.write(b"GET /y HT")
        assert await asyncio.wait_for(reader.read(), 10) == b""
        writer.close()


@pytest.mark.threat("T10", "D1")
async def test_a_connection_that_idles_between_requests_closes_after_the_idle_time(serving):
    async with serving(hello, header_seconds=10, keep_alive_seconds=0.05) as server:
        reader, writer = await server.connect()
        writer.write(GOOD + b"\r\n")
        await reader.readuntil(b"hello")
        assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()


async def test_the_time_for_a_head_does_not_count_for_the_handler(serving):
    async def slow(request):
        later = asyncio.Event()
        asyncio.get_running_loop().call_later(0.15, later.set)
        await later.wait()
        return Response(body=b"done")

    async with serving(slow, header_seconds=0.05, keep_alive_seconds=0.05) as server:
        assert (await server.exchange(GOOD + b"Connection: close\r\n\r\n")).endswith(b"done")


@pytest.mark.threat("T10", "D1")
async def test_connections_beyond_the_cap_are_closed_and_the_others_served(serving):
    async with serving(hello, room=Room(2)) as server:
        first, second = await server.connect(), await server.connect()
        for _, writer in (first, second):
            writer.write(GOOD + b"\r\n")
        await first[0].readuntil(b"hello")
        await second[0].readuntil(b"hello")
        assert await server.exchange(GOOD + b"\r\n") == b""
        first[1].close()
        await first[1].wait_closed()
        second[1].write(GOOD + b"\r\n")
        await second[0].readuntil(b"hello")
        assert b"hello" in await server.exchange(GOOD + b"Connection: close\r\n\r\n")
        second[1].close()


async def test_a_client_that_hangs_up_cancels_its_handler(serving):
    started, cancelled = asyncio.Event(), asyncio.Event()

    async def wait(request):
        started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    async with serving(wait) as server:
        _, writer = await server.connect()
        writer.write(GOOD + b"\r\n")
        await started.wait()
        writer.transport.abort()
        await asyncio.wait_for(cancelled.wait(), 5)
    assert server.failures == []


@pytest.mark.parametrize("cut", range(1, len(GOOD) + 2))
async def test_a_head_is_found_wherever_it_was_cut(serving, cut):
    whole = GOOD + b"\r\n"
    async with serving(hello) as server:
        reader, writer = await server.connect()
        writer.write(whole[:cut])
        await asyncio.sleep(0)
        writer.write(whole[cut:])
        assert (await reader.readuntil(b"hello")).startswith(b"HTTP/1.1 200 ")
        writer.close()


@pytest.mark.threat("T1", "T11")
@pytest.mark.parametrize(
    "first",
    [
        b"PUT /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET /a HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\n\r\n",
        b"GET /closes HTTP/1.1\r\nHost: a\r\n\r\n",
    ],
)
async def test_what_came_behind_a_request_that_ends_the_connection_is_never_handled(serving, first):
    handled = []

    def handle(request):
        handled.append(request.target)
        request.respond(Response(body=b"done", closes=request.target == "/closes"))

    async with serving(handle) as server:
        answer = await server.exchange(first + b"GET /second HTTP/1.1\r\nHost: a\r\n\r\n")
    assert answer.count(b"HTTP/1.1 ") == 1
    assert len(handled) == 1
