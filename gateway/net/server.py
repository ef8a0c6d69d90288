"""The only maker of HTTP servers: aiohttp's low-level server with its manners towards strangers corrected.

Every answer that aiohttp would make itself becomes an OCPI envelope; nothing names the software. Connections are
bounded in number, in the time a head may take, and in the time they may idle; a connection is closed after a request
whose framing can't be trusted (hardening.md, T1, T9, T10).
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

from aiohttp import StreamReader, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http import RawRequestMessage
from aiohttp.web_protocol import RequestHandler

from gateway.net.connection import Connection, IncomingRequest
from gateway.net.framing import refusal
from gateway.net.room import Room
from gateway.ocpi.envelope import Answer, StatusCode
from gateway.ocpi.timestamps import Clock

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

_BAD_REQUEST: Final = 400
_HEADERS_TOO_LARGE: Final = 431
_SERVER_ERRORS: Final = 500
_MAX_CONNECTIONS: Final = 4096
#: How many headers of the greatest length a head may hold: its memory is taken before anybody is known.
_HEADERS: Final = 8
_NO_HEADERS: Final[Mapping[str, str]] = {}
_STATUS_CODES: Final = {413: StatusCode.INVALID_PARAMETERS}  # contract.md, Answers to trouble
#: How long handlers that were cancelled may take to clean up.
_LAST_MOMENT_SECONDS: Final = 0.1
#: What may stand before a sealed link in a path of ours.
_OUR_PREFIX: Final = 512


@dataclass(frozen=True, slots=True)
class ServerFailure:
    """A request that never got through a handler, to be logged and counted.

    Attributes:
        http_status: what was answered, or would have been.
        reason: in words.
        peer: the address the request came from; empty where unknown.
        request_id: the X-Request-ID of the answer.
        error: a bug of ours that a handler raised; None for what a client did wrong.
    """

    http_status: int
    reason: str
    peer: str
    request_id: str
    error: BaseException | None = None


class GatewayServer(web.Server):
    """Makes a protocol for each connection, and knows which are open."""

    def __init__(
        self,
        handler: Handler,
        *,
        clock: Clock,
        on_failure: Callable[[ServerFailure], None],
        header_seconds: float,
        head_bytes: int,
        room: Room,
        **options: Any,
    ) -> None:
        super().__init__(self._handle, handler_cancellation=True)
        self._handler = handler
        self._clock = clock
        self._options = options
        self.on_failure = on_failure
        self.header_seconds = header_seconds
        self.head_bytes = head_bytes
        self.room = room
        self.connections_open: set[Connection] = set()
        self.closing = False
        self.drained = False
        self.cutting = False
        self._empty = asyncio.Event()

    def __call__(self) -> RequestHandler:
        """Make the protocol of a new connection."""
        return Connection(self, loop=self._loop, **self._options)

    def admits(self, connection: Connection) -> bool:
        """Whether there is room for a new connection."""
        return not self.drained and self.room.admits(connection.source, among=len(self.connections_open))

    def opened(self, connection: Connection) -> None:
        """Take note of a new connection."""
        self.room.enter(connection.source)
        self.connections_open.add(connection)
        self._empty.clear()

    def closed(self, connection: Connection) -> None:
        """Forget a connection."""
        if connection in self.connections_open:
            self.room.leave(connection.source)
            self.connections_open.remove(connection)
        if not self.connections_open:
            self._empty.set()

    async def drain(self, *, timeout_seconds: float, force: asyncio.Event | None = None) -> int:
        """Close idle connections, let busy ones finish, then cut the rest.

        Args:
            force: cuts the rest at once when it is set.

        Returns:
            How many requests were cut.
        """
        self.closing = self.drained = True
        await asyncio.sleep(0)  # requests that arrived already get to their handlers
        for connection in tuple(self.connections_open):
            connection.close()
            connection.stop_lingering()
        ends = [asyncio.ensure_future(each.wait()) for each in (self._empty, force) if each is not None]
        try:
            if self.connections_open:
                await asyncio.wait(ends, timeout=timeout_seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for end in ends:
                end.cancel()
        cut = sum(connection.busy for connection in self.connections_open)
        self.cutting = True
        await self.shutdown(_LAST_MOMENT_SECONDS)
        return cut

    def failure_response(
        self,
        http_status: int,
        message: str,
        *,
        peer: str,
        error: BaseException | None = None,
        headers: Mapping[str, str] = _NO_HEADERS,
    ) -> web.Response:
        """Report a failure and make its envelope, which echoes the message ids; the connection closes after it.

        Args:
            headers: of the request, as far as they could be read.
        """
        request_id = message_id(headers, "X-Request-ID")
        self.on_failure(ServerFailure(http_status, message, peer, request_id, error))
        ours = http_status >= _SERVER_ERRORS
        status_code = StatusCode.SERVER_ERROR if ours else _STATUS_CODES.get(http_status, StatusCode.CLIENT_ERROR)
        answer = Answer(http_status, status_code, "Internal error" if ours else message)
        response = web.Response(
            status=http_status,
            body=answer.body(self._clock()),
            headers={
                "X-Request-ID": request_id,
                "X-Correlation-ID": message_id(headers, "X-Correlation-ID", default=request_id),
                "Connection": "close",
            },
            content_type="application/json",
        )
        response.force_close()
        return response

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        reason = refusal(request)
        if reason is not None:
            return self.failure_response(_BAD_REQUEST, reason, peer=request.remote or "", headers=request.headers)
        if sum(len(name) + len(value) for name, value in request.raw_headers) > self.head_bytes:
            words, peer = "the headers are too long together", request.remote or ""
            return self.failure_response(_HEADERS_TOO_LARGE, words, peer=peer, headers=request.headers)
        try:
            return await self._handler(request)
        except web.HTTPException as refused:  # raised by aiohttp itself, for example where a body is too large
            peer = request.remote or ""
            return self.failure_response(refused.status, refused.reason, peer=peer, headers=request.headers)

    def _make_request(
        self,
        message: RawRequestMessage,
        payload: StreamReader,
        protocol: RequestHandler,
        writer: AbstractStreamWriter,
        task: asyncio.Task[None],
    ) -> web.BaseRequest:
        return IncomingRequest(message, payload, protocol, writer, task, self._loop)


def make_server(
    handler: Handler,
    *,
    clock: Clock,
    on_failure: Callable[[ServerFailure], None],
    header_bytes: int = 8190,
    header_seconds: float = 15,
    keep_alive_seconds: float = 75,
    room: Room | None = None,
) -> GatewayServer:
    """Make a server; has to be called in a running event loop. A client that hangs up cancels its handler.

    Args:
        on_failure: told of every request that aiohttp or the framing rules ended.
        header_bytes: the longest single header; a request line may be a third longer, all headers eight times as long.
        header_seconds: how long the head of a request may take.
        keep_alive_seconds: how long a connection may idle between requests.
        room: for how many connections; further ones are closed at once.
    """
    return GatewayServer(
        handler,
        clock=clock,
        on_failure=on_failure,
        header_seconds=header_seconds,
        head_bytes=header_bytes * _HEADERS,
        room=room or Room(_MAX_CONNECTIONS),
        keepalive_timeout=keep_alive_seconds,
        max_line_size=header_bytes * 4 // 3 + _OUR_PREFIX,  # a link that we sealed is longer than the one inside
        max_field_size=header_bytes,
        lingering_time=0,
        auto_decompress=False,
        access_log=None,
    )


def is_cut(request: web.BaseRequest) -> bool:
    """Whether a request is ended because the server stops, not because its client hung up."""
    server = getattr(request.protocol, "server", None)
    return isinstance(server, GatewayServer) and server.cutting


def message_id(headers: Mapping[str, str], name: str, *, default: str = "") -> str:
    """A message id as it was sent, where it can be written into a head again; the default or a new one otherwise."""
    sent = headers.get(name)
    return sent if sent and sent.isascii() and sent.isprintable() else default or str(uuid4())


async def send_continue(request: web.BaseRequest) -> None:
    """Ask for the body of a request that waits for `100 Continue`; to be called after authentication (T10, R12)."""
    if request.headers.get("Expect", "").strip().lower() == "100-continue" and request.can_read_body:
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # an interim answer is not the start of the answer
