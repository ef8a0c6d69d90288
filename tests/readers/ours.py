"""The gateway as a reader: the server of its public listener, with a handler that answers everything."""

import asyncio
import contextlib
from collections import defaultdict
from datetime import UTC, datetime

from gateway.net.request import Response
from gateway.net.server import make_server
from tests.readers.line import PATIENCE_SECONDS, converse, source_of
from tests.readers.reading import End, Read, Reading

_NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


class _Body:
    """Takes the body of a request to its end, and answers."""

    def __init__(self, request, reading):
        self._request, self._reading = request, reading
        self._body = b""

    def body_data(self, piece):
        self._body += piece

    def body_ended(self):
        request = self._request
        self._reading.requests.append(Read(request.method, request.target, self._body))
        request.respond(Response())

    def body_broken(self):
        if not self._request.gone:
            self._reading.end = End.REFUSED
            self._request.abort()

    def answer_blocked(self):
        pass

    answer_unblocked = client_gone = answer_blocked


@contextlib.asynccontextmanager
async def gateway():
    """The server of the gateway's public listener."""
    readings = defaultdict(Reading)

    def refused(failure):
        readings[failure.peer].end = End.REFUSED

    server = make_server(
        lambda request: request.attach(_Body(request, readings[request.peer])), clock=lambda: _NOW, on_failure=refused
    )
    listening = await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0, backlog=1024)
    port = listening.sockets[0].getsockname()[1]

    async def read(number, raw):
        source = source_of(number)
        received = await converse(port, source, raw)
        reading = readings.pop(source, Reading())
        if reading.end is End.WAITS and b"\r\nConnection: close\r\n" in received:
            reading.end = End.CLOSED
        return reading

    try:
        yield read
    finally:
        listening.close()
        await server.drain(timeout_seconds=PATIENCE_SECONDS)
