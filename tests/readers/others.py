"""The other readers: h11, Node's server, and nginx and HAProxy by what arrives behind them.

Each is given the number and the bytes of a message, and says what it read on that connection.
"""

import asyncio
import contextlib
import json
import re
import shutil
from collections import defaultdict
from pathlib import Path

import h11

from tests.hostile import fronts
from tests.proxy import wire
from tests.readers.line import PATIENCE_SECONDS, converse, source_of
from tests.readers.reading import End, Read, Reading

_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
_STATUS = re.compile(rb"HTTP/1\.[01] ([0-9]{3})")
_REQUEST_TIMEOUT = 408
_SOURCE = "X-Reader-Source"
#: Tells the backend whose request it is. HAProxy reads no second request of a client that has ended its side: it has to
#: find by itself that nothing more comes.
_MORE = {
    "nginx": f"proxy_set_header {_SOURCE} $remote_addr; proxy_ignore_client_abort on;",
    "haproxy": f"""
  http-request set-header {_SOURCE} %[src]
  option http-buffer-request
  timeout client 600ms
  timeout http-request 600ms
  timeout http-keep-alive 600ms
""",
}
NAMES = ("h11", "node", "nginx", "haproxy")


def is_here(name):
    """Whether a reader can be run on this machine."""
    return name == "h11" or (shutil.which("node") if name == "node" else fronts.program(name)) is not None


@contextlib.asynccontextmanager
async def _h11():
    async def read(_number, raw):
        return _read_by_h11(raw)

    yield read


def _read_by_h11(raw):
    connection, reading = h11.Connection(h11.SERVER), Reading()
    connection.receive_data(raw)
    request, body = None, b""
    while True:
        try:
            event = connection.next_event()
        except h11.RemoteProtocolError:
            reading.end = End.REFUSED
            return reading
        if event is h11.NEED_DATA:
            return reading
        if event is h11.PAUSED or isinstance(event, h11.ConnectionClosed):
            reading.end = End.CLOSED
            return reading
        if isinstance(event, h11.Request):
            request, body = event, b""
        elif isinstance(event, h11.Data):
            body += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage):
            reading.requests.append(Read(request.method.decode(), request.target.decode(), body))
            connection.send(h11.Response(status_code=404, headers=[("Content-Length", "0")]))
            connection.send(h11.EndOfMessage())
            if connection.our_state is h11.MUST_CLOSE:
                reading.end = End.CLOSED
                return reading
            connection.start_next_cycle()


@contextlib.asynccontextmanager
async def _node():
    ended = {}
    program = Path(__file__).with_name("node.mjs")
    process = await asyncio.create_subprocess_exec(
        shutil.which("node"), program, stdout=asyncio.subprocess.PIPE, limit=2**24
    )
    port = int(await process.stdout.readline())

    async def listen():
        while line := await process.stdout.readline():
            said = json.loads(line)
            ended[said["source"]].set_result(said)

    async def read(number, raw):
        source = source_of(number)
        ended[source] = asyncio.get_running_loop().create_future()
        await converse(port, source, raw)
        async with asyncio.timeout(PATIENCE_SECONDS):
            said = await ended[source]
        requests = [Read(method, target, body.encode("latin-1")) for method, target, body in said["requests"]]
        if said["error"] not in {"", "HPE_INVALID_EOF_STATE"}:
            return Reading(requests, End.REFUSED)
        return Reading(requests, End.CLOSED if said["closed"] else End.WAITS)

    async with asyncio.TaskGroup() as group:
        group.create_task(listen())
        try:
            yield read
        finally:
            process.terminate()
            await process.wait()


class _Backend:
    """What stands behind a front, and reads what that writes."""

    def __init__(self):
        self.requests = defaultdict(list)
        self._serving = set()

    async def serve(self, reader, writer):
        self._serving.add(asyncio.current_task())
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while (message := await wire.read_message(reader)) is not None:
                read = Read(message.method, message.target, bytes(message.body))
                self.requests[message.one(_SOURCE)].append(read)
                writer.write(_ANSWER)
        writer.close()

    async def ended(self):
        """Wait for the end of all connections."""
        await asyncio.gather(*self._serving, return_exceptions=True)


@contextlib.asynccontextmanager
async def _front(name, folder):
    backend = _Backend()
    server = await asyncio.start_server(backend.serve, "127.0.0.1", 0, limit=2**20, backlog=1024)
    behind = server.sockets[0].getsockname()[1]

    async def read(number, raw):
        source = source_of(number)
        received = await converse(port, source, raw, ends=name != "haproxy")
        return Reading(backend.requests.pop(source, []), _end_of(received))

    try:
        with fronts.front(name, folder, behind, more=_MORE[name]) as port:
            yield read
    finally:
        server.close()
        await backend.ended()


def _end_of(received):
    """How a front ended a connection; the backend refuses nothing."""
    refusals = {status for status in map(int, _STATUS.findall(received)) if status >= 400}
    if refusals:
        return End.WAITS if refusals == {_REQUEST_TIMEOUT} else End.REFUSED
    _, _, last = received.rpartition(b"HTTP/1.")
    return End.CLOSED if b"\r\nconnection: close\r\n" in last.lower() else End.WAITS


def reader(name, folder):
    """Opens a reader by its name: an asynchronous context manager."""
    if name == "h11":
        return _h11()
    return _node() if name == "node" else _front(name, folder)
