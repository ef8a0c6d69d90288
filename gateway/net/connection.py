"""One connection of a client: requests come in one after the other, and each is answered before the next is read.

What a client may cost is bounded here for every listener (hardening.md, T10, D1, D6): the time and size of a head, the
time between requests, what is read ahead, and what is thrown away of a body that nobody wants.
"""

import asyncio
from typing import TYPE_CHECKING, Final, NoReturn, Protocol

from gateway.net.alarm import Alarm
from gateway.net.http1 import END, MalformedError, RequestHead, as_lines, check_beginning, message_ids, write_head
from gateway.net.request import Request
from gateway.ocpi.vocabulary import METHODS

if TYPE_CHECKING:
    from gateway.net.server import GatewayServer

_METHOD_NOT_ALLOWED: Final = 405
_HEADERS_TOO_LARGE: Final = 431
_LINE_FEED: Final = 10
#: Those that a handler gets to see; it refuses those of them that have no meaning where it answers.
_METHODS: Final = frozenset({*METHODS, "HEAD", "OPTIONS"})
#: How much of the requests behind the one under way is read ahead.
_AHEAD_BYTES: Final = 65536
#: How long, and how much of, what a client still sends is thrown away, so that it gets to read an early answer.
_LINGER_SECONDS: Final = 2.0
_LINGER_BYTES: Final = 2**20


class Handled(Protocol):
    """A request that is being handled."""

    @property
    def complete(self) -> bool:
        """Whether its whole body came."""

    @property
    def broken(self) -> bool:
        """Whether it will never come."""

    @property
    def over(self) -> bool:
        """Whether it was answered already."""

    def feed(self, data: bytes) -> bytes:
        """Take bytes off the wire; gives those that are not of this request."""

    def lost(self) -> None:
        """The connection is closed."""

    def blocked(self) -> None:
        """The client takes no more for now."""

    def unblocked(self) -> None:
        """It does again."""


class Connection(asyncio.Protocol):
    """The protocol of one connection.

    Attributes:
        source: the address at its other end.
    """

    __slots__ = (
        "_alarm",
        "_buffer",
        "_busy_reading",
        "_in_head",
        "_lingered",
        "_lingering",
        "_reading_paused",
        "_request",
        "_seen",
        "server",
        "source",
        "transport",
    )

    def __init__(self, server: "GatewayServer") -> None:
        self.server = server
        self.source = ""
        self.transport: asyncio.Transport | None = None
        self._alarm = Alarm(server.loop, self._too_slow)
        self._buffer = b""
        self._busy_reading = False
        self._in_head = True
        self._lingering = False
        self._lingered = 0
        self._seen = 0
        self._reading_paused = False
        self._request: Handled | None = None

    @property
    def busy(self) -> bool:
        """Whether a request is being handled, or its answer is still on the way."""
        if self._request is not None:
            return True
        return self.transport is not None and not self._lingering and self.transport.get_write_buffer_size() > 0

    # --- events of the transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a new connection, or close it where there are too many."""
        peer = transport.get_extra_info("peername")
        self.source = str(peer[0]) if isinstance(peer, tuple) else ""
        if not self.server.admits(self):
            transport.close()
            return
        self.transport = transport  # type: ignore[assignment]
        self.server.opened(self)
        self._alarm.set(self.server.header_seconds)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - of the protocol
        """Give everything back."""
        self.transport = None
        self._alarm.close()
        request, self._request = self._request, None
        if request is not None:
            request.lost()
        self.server.closed(self)

    def data_received(self, data: bytes) -> None:
        """Take what came to where it belongs."""
        if self._lingering:
            self._lingered += len(data)
            if self._lingered > _LINGER_BYTES:
                self.abort()
            return
        request = self._request
        if request is None:
            self._buffer = self._buffer + data if self._buffer else data
            self._read()
        elif request.complete or request.broken:
            self._buffer += data
            if len(self._buffer) > _AHEAD_BYTES:
                self.pause_reading()
        else:
            rest = request.feed(data)
            if rest:
                self._buffer += rest
                if self._request is None:
                    self._read()

    def pause_writing(self) -> None:
        """The client takes no more for now."""
        if self._request is not None:
            self._request.blocked()

    def resume_writing(self) -> None:
        """It does again."""
        if self._request is not None:
            self._request.unblocked()

    # --- for requests

    def certificate(self) -> object:
        """The client certificate that was shown; None without one."""
        return None if self.transport is None else self.transport.get_extra_info("peercert")

    def write(self, data: bytes) -> None:
        """Write to the client, if it is still there."""
        if self.transport is not None:
            self.transport.write(data)

    def hand_to(self, request: Request) -> None:
        """Let another answer the request under way, if it is still wanted."""
        if self._request is not None:
            self._request = request

    def pause_reading(self) -> None:
        """Let the client wait."""
        if not self._reading_paused and self.transport is not None:
            self._reading_paused = True
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        """Let it send on."""
        if self._reading_paused and self.transport is not None:
            self._reading_paused = False
            self.transport.resume_reading()

    def abort(self) -> None:
        """Close now, whatever is under way."""
        if self.transport is not None:
            self.transport.abort()

    def request_ended(self, *, lives: bool) -> None:
        """The answer to the request under way was written."""
        request, self._request = self._request, None
        if self.transport is None or request is None:
            return
        if not lives or self.server.closing:  # the server may have begun to close while the answer went out
            self._finish(unread=not request.complete)
            return
        self._in_head = False
        self._alarm.set(self.server.keep_alive_seconds)
        if self._reading_paused:
            self.resume_reading()
        if self._buffer and not self._busy_reading:
            self._read()

    # --- for the server

    def close_if_idle(self) -> None:
        """Close now unless a request is under way; a client that is only being listened out was answered."""
        if self.transport is not None and self._request is None:
            self.transport.close()

    # --- reading heads

    def _read(self) -> None:
        """Take requests off the wire until one has to be waited for."""
        self._busy_reading = True
        while self._read_one() and self._buffer and self._request is None and self.transport is not None:
            pass
        self._busy_reading = False

    def _read_one(self) -> bool:
        data, server = self._buffer, self.server
        while data.startswith((b"\r\n", b"\n")):  # RFC 9112, section 2.2
            data = data[1 if data[0] == _LINE_FEED else 2 :]
        end = data.find(END, self._seen - 4 if self._seen > 4 else 0)  # noqa: PLR2004 - the length of END
        if end < 0:
            self._buffer = data
            self._wait_for_head(data)
            return False
        self._seen = 0
        raw, self._buffer = data[: end + 2], data[end + 4 :]
        try:
            head = server.forms.read(raw)
            if end > server.head_bytes or head.method not in _METHODS:
                _object(head)
            if len(self._buffer) == head.length:
                handled = server.shortcut(self, head, self._buffer)
                if handled is not None:
                    self._begin(handled)
                    return True
            request = Request(self, head)
            if self._buffer:
                self._take_what_came(request)
        except MalformedError as error:
            self._refuse(error, raw)
            return False
        self._alarm.off()
        self._request = request
        server.handle(request)
        return True

    def _begin(self, handled: Handled) -> None:
        """A request and its body were taken as one."""
        self._request, self._buffer = handled, b""
        if handled.over:
            self.request_ended(lives=True)
        else:
            self._alarm.off()

    def _take_what_came(self, request: Request) -> None:
        """What came behind the head is its body, and what comes behind that another request, where one may follow.

        Raises:
            MalformedError: it isn't.
        """
        if request.head.length:
            data, self._buffer = self._buffer, b""
            self._buffer = request.feed(data)
            if request.malformed is not None:  # before anybody acts on it
                raise request.malformed
        if self._buffer and request.is_last:
            raise MalformedError("something came behind the last request")

    def _wait_for_head(self, data: bytes) -> None:
        if len(data) > self.server.head_bytes:
            self.abort()
            return
        try:
            check_beginning(data, seen=self._seen)
        except MalformedError as error:
            self._refuse(error, data)
            return
        self._seen = len(data)  # however it drips, each byte is looked at once
        if data and not self._in_head:
            self._in_head = True
            self._alarm.set(self.server.header_seconds)

    def _refuse(self, error: MalformedError, raw: bytes) -> None:
        """Answer what is no request, and close: where the next one would begin is anybody's guess."""
        response = self.server.refusal(error, peer=self.source, ids=message_ids(raw))
        framing = f"{self.server.date()}Content-Length: {len(response.body)}\r\nConnection: close\r\n"
        self.write(write_head(response.http_status, as_lines(response.headers) + framing) + response.body)
        self._finish(unread=True)

    # --- ending

    def _finish(self, *, unread: bool) -> None:
        """Close after the answer; where the client is still sending, let it read the answer first.

        A socket closed with bytes unread resets the connection, and the reset destroys the answer on its way (RFC 9112,
        section 9.6).
        """
        self._buffer = b""  # nobody gets an answer behind the last one, and so nothing must be done for it
        if self.transport is None:
            return
        if not unread:
            self.transport.close()
            return
        self._lingering = True
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.resume_reading()
        self._alarm.set(_LINGER_SECONDS)

    def _too_slow(self) -> None:
        """A head, a next request, or the end of the client took too long."""
        if self.transport is None:
            return
        if self.transport.get_write_buffer_size() > 0:
            self.transport.abort()  # closing would wait for it to be taken
        else:
            self.transport.close()


def _object(head: RequestHead) -> NoReturn:
    """Refuse a head in which nothing is malformed, but that has a method of nobody's, or is too long."""
    if head.method not in _METHODS:
        raise MalformedError("OCPI has no such method", http_status=_METHOD_NOT_ALLOWED)
    raise MalformedError("the headers are too long together", http_status=_HEADERS_TOO_LARGE)
