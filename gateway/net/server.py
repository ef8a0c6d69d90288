"""The only maker of HTTP servers: who may connect, what a connection may cost, and what happens when it all ends.

Whatever goes wrong outside of a handler's own answers becomes an OCPI envelope; nothing names the software.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from email.utils import format_datetime
from typing import Any, Final
from uuid import uuid4

from gateway.net.connection import Connection, Handled
from gateway.net.forms import RequestForms
from gateway.net.http1 import Bounds, MalformedError, RequestHead
from gateway.net.request import Request, Response
from gateway.net.room import Room
from gateway.ocpi.envelope import Answer, StatusCode
from gateway.ocpi.timestamps import Clock
from gateway.ocpi.vocabulary import METHODS

#: Answers a request, at once or by the coroutine that it gives back.
Handler = Callable[[Request], Coroutine[Any, Any, Response | None] | None]
#: Takes a request whose body is here, with its head, before anything is made of it; None where the handler has to.
Shortcut = Callable[[Connection, RequestHead, bytes], Handled | None]

_INTERNAL: Final = 500
_METHOD_NOT_ALLOWED: Final = 405
_MAX_CONNECTIONS: Final = 4096
#: How many headers of the greatest length a head may hold: its memory is taken before anybody is known.
_HEADERS: Final = 8
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


class GatewayServer:
    """Makes a protocol for each connection, and knows which are open.

    Attributes:
        closing: each connection ends with its next answer.
        cutting: what is under way is ended by us.
    """

    def __init__(
        self,
        handler: Handler,
        *,
        clock: Clock,
        on_failure: Callable[[ServerFailure], None],
        bounds: Bounds,
        header_seconds: float,
        keep_alive_seconds: float,
        room: Room,
        shortcut: Shortcut,
    ) -> None:
        self.shortcut = shortcut
        self.loop = asyncio.get_running_loop()
        self.bounds = bounds
        self.forms = RequestForms(bounds)
        self.head_bytes = bounds.field * _HEADERS
        self.header_seconds = header_seconds
        self.keep_alive_seconds = keep_alive_seconds
        self.room = room
        self.on_failure = on_failure
        self.connections_open: set[Connection] = set()
        self.closing = self.cutting = False
        self._drained = False
        self._handler = handler
        self._clock = clock
        self._date, self._dated_until = "", 0.0
        self._tasks: set[asyncio.Task[None]] = set()
        self._empty = asyncio.Event()

    def __call__(self) -> Connection:
        """Make the protocol of a new connection."""
        return Connection(self)

    def date(self) -> str:
        """The `Date` line of answers that have none (RFC 9110, section 6.6.1); a second old at most."""
        now = self.loop.time()
        if now >= self._dated_until:
            self._dated_until = now + 1
            self._date = f"Date: {format_datetime(self._clock(), usegmt=True)}\r\n"
        return self._date

    def admits(self, connection: Connection) -> bool:
        """Whether there is room for a new connection."""
        return not self._drained and self.room.admits(connection.source, among=len(self.connections_open))

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

    def handle(self, request: Request) -> None:
        """Have a request answered."""
        try:
            handling = self._handler(request)
        except Exception as error:  # noqa: BLE001 - the last stop: nothing leaves a listener without an answer
            self._failed(request, error)
            return
        if handling is not None:
            request.spawn(handling)

    def start(self, request: Request, handling: Coroutine[Any, Any, Response | None]) -> asyncio.Task[None]:
        """Run the handling of a request to its end."""
        task = self.loop.create_task(self._handle(request, handling))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def spawn(self, following: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Do what follows from an answer, in a task that is waited for at the end."""
        task = self.loop.create_task(following)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _handle(self, request: Request, handling: Coroutine[Any, Any, Response | None]) -> None:
        try:
            response = await handling
        except Exception as error:  # noqa: BLE001 - as in `handle`
            self._failed(request, error)
            return
        if response is not None:
            request.respond(response)

    def _failed(self, request: Request, error: Exception) -> None:
        if request.gone or request.answered:
            return
        if request.begun:
            request.abort()
            self.on_failure(ServerFailure(_INTERNAL, "a handler failed amid its answer", request.peer, "", error))
            return
        reason = f"a handler failed: {type(error).__name__}"
        request.respond(self.failure_response(_INTERNAL, reason, peer=request.peer, ids=request.headers, error=error))

    async def drain(self, *, timeout_seconds: float, force: asyncio.Event | None = None) -> int:
        """Close idle connections, let busy ones finish, then cut the rest.

        Args:
            force: cuts the rest at once when it is set.

        Returns:
            How many requests were cut.
        """
        self.closing = self._drained = True
        await asyncio.sleep(0)  # requests that arrived already get to their handlers
        for connection in tuple(self.connections_open):
            connection.close_if_idle()
        ends = [asyncio.ensure_future(each.wait()) for each in (self._empty, force) if each is not None]
        try:
            if self.connections_open:
                await asyncio.wait(ends, timeout=timeout_seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for end in ends:
                end.cancel()
        cut = sum(connection.busy for connection in self.connections_open)
        self.cutting = True
        for connection in tuple(self.connections_open):
            connection.abort()
        await asyncio.sleep(0)
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_LAST_MOMENT_SECONDS)
        return cut

    def refusal(self, error: MalformedError, *, peer: str, ids: Mapping[str, str]) -> Response:
        """Report what is no request, and make its answer."""
        return self.failure_response(error.http_status, str(error), peer=peer, ids=ids)

    def failure_response(
        self,
        http_status: int,
        message: str,
        *,
        peer: str,
        ids: Mapping[str, str],
        error: BaseException | None = None,
    ) -> Response:
        """Report a failure and make its envelope, which echoes the message ids; the connection closes after it.

        Args:
            ids: headers by name in lower case, as far as they could be read.
        """
        request_id = message_id(ids, "x-request-id")
        self.on_failure(ServerFailure(http_status, message, peer, request_id, error))
        ours = http_status >= _INTERNAL
        status_code = StatusCode.SERVER_ERROR if ours else StatusCode.CLIENT_ERROR
        answer = Answer(http_status, status_code, "Internal error" if ours else message)
        headers = {
            "Content-Type": "application/json",
            "X-Request-ID": request_id,
            "X-Correlation-ID": message_id(ids, "x-correlation-id", default=request_id),
        }
        if http_status == _METHOD_NOT_ALLOWED:
            headers["Allow"] = ", ".join(METHODS)
        return Response(http_status, headers, answer.body(self._clock()), closes=True)


def no_shortcut(_connection: Connection, _head: RequestHead, _body: bytes) -> None:
    """For a server whose every request has to be handled."""


def make_server(
    handler: Handler,
    *,
    clock: Clock,
    on_failure: Callable[[ServerFailure], None],
    header_bytes: int = 8190,
    header_seconds: float = 15,
    keep_alive_seconds: float = 75,
    room: Room | None = None,
    shortcut: Shortcut = no_shortcut,
) -> GatewayServer:
    """Make a server; has to be called in a running event loop. A client that hangs up cancels its handler.

    Args:
        on_failure: told of every request that was ended before, or by a bug in, its handler.
        header_bytes: the longest single header; a request line may be a third longer, all headers eight times as long.
        header_seconds: how long the head of a request may take.
        keep_alive_seconds: how long a connection may idle between requests.
        room: for how many connections; further ones are closed at once.
        shortcut: for requests that need no handler.
    """
    return GatewayServer(
        handler,
        clock=clock,
        on_failure=on_failure,
        bounds=Bounds(header_bytes * 4 // 3 + _OUR_PREFIX, header_bytes),  # a link that we sealed is longer than before
        header_seconds=header_seconds,
        keep_alive_seconds=keep_alive_seconds,
        room=room or Room(_MAX_CONNECTIONS),
        shortcut=shortcut,
    )


def message_id(headers: Mapping[str, str], name: str, *, default: str = "") -> str:
    """A message id as it was sent, where it can be written into a head again; the default or a new one otherwise."""
    sent = headers.get(name)
    return sent if sent and sent.isascii() and sent.isprintable() else default or str(uuid4())
