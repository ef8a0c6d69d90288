"""One connection to another side, backend or partner: a request goes out, and its answer comes in piece by piece.

The other side is a stranger, too: what two readers could take for different answers is none, and a connection on which
anything came that was not asked for is never used again (hardening.md, P5, R14).
"""

import asyncio
from typing import TYPE_CHECKING, Final, Protocol

from gateway.net.alarm import Alarm
from gateway.net.http1 import CHUNKED, END, UNTIL_CLOSE, AnswerHead, Bounds, Chunks, MalformedError

if TYPE_CHECKING:
    from gateway.net.pool import Destination, Pool

#: How many headers of the greatest length an answer may have.
_HEADERS: Final = 8
_SWITCHING: Final = 101
_FINAL: Final = 200


class Taker(Protocol):
    """Takes an answer as it comes, and hears of the request that goes out."""

    def answer_whole(self, head: AnswerHead, body: bytes) -> None:
        """The whole answer at once; none of the three below is called then."""

    def answer_head(self, head: AnswerHead) -> None:
        """The head of the answer."""

    def answer_data(self, piece: bytes) -> None:
        """A piece of its body."""

    def answer_ended(self) -> None:
        """That was all of it."""

    def answer_failed(self, error: Exception) -> None:
        """It will not come, or not be complete; the connection is closed."""

    def answer_due(self) -> None:
        """What the alarm of the connection was set for has not happened."""

    def upload_blocked(self) -> None:
        """The other side takes no more of the request for now."""

    def upload_unblocked(self) -> None:
        """It does again."""


class CutOffError(ConnectionError):
    """The other side closed the connection in the middle of its answer, or mangled the rest of it."""


class Outbound(asyncio.Protocol):
    """The protocol of one connection.

    Attributes:
        alarm: for whoever uses it.
        home: where it is put when nobody uses it.
        idle_since: on the clock of the event loop.
        usable: nothing stands against sending another request.
    """

    __slots__ = (
        "_bounds",
        "_buffer",
        "_chunks",
        "_forms",
        "_head",
        "_left",
        "_method",
        "_pool",
        "_seen",
        "_taker",
        "alarm",
        "destination",
        "home",
        "idle_since",
        "transport",
        "usable",
    )

    def __init__(self, pool: "Pool", destination: "Destination", bounds: Bounds) -> None:
        self.destination = destination
        self.usable = True
        self.idle_since = 0.0
        self.home: list[Outbound] = []
        self.transport: asyncio.Transport | None = None
        self.alarm = Alarm(asyncio.get_running_loop(), self._due)
        self._pool = pool
        self._forms = pool.forms
        self._bounds = bounds
        self._buffer = b""
        self._method = "GET"
        self._head: AnswerHead | None = None
        self._left = self._seen = 0
        self._chunks: Chunks | None = None
        self._taker: Taker | None = None

    # --- for whoever uses it

    def send(self, taker: Taker, method: str, data: bytes) -> None:
        """Write the head of a request, and what there is of its body."""
        self._taker, self._method = taker, method
        self._head = self._chunks = None
        self._buffer, self._seen = b"", 0
        if self.transport is not None:
            self.transport.write(data)

    def hand_to(self, taker: Taker) -> None:
        """Let another take the answer that is waited for."""
        self._taker = taker

    def write(self, data: bytes) -> None:
        """Write more of the body."""
        if self.transport is not None:
            self.transport.write(data)

    def pause(self) -> None:
        """Let the other side wait with its answer."""
        if self.transport is not None:
            self.transport.pause_reading()

    def resume(self) -> None:
        """Let it send on."""
        if self.transport is not None:
            self.transport.resume_reading()

    def release(self) -> None:
        """The answer is complete, and so is the request: another may be sent."""
        self._taker = None
        self.alarm.off()
        transport = self.transport
        if self.usable and transport is not None and not transport.is_closing():
            self._pool.give_back(self)
        else:
            self.close()

    def close(self) -> None:
        """Be done with it, whatever is under way."""
        self._taker = None
        self.usable = False
        if self.transport is not None:
            self.transport.abort()

    # --- events of the transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is open."""
        self.transport = transport  # type: ignore[assignment]

    def connection_lost(self, exc: Exception | None) -> None:
        """It is closed."""
        self.transport, self.usable = None, False
        self.alarm.close()
        taker, self._taker = self._taker, None
        self._pool.gone(self)
        if taker is None:
            return
        if self._head is None:
            error = ConnectionResetError("closed without an answer")
            error.__cause__ = exc
            taker.answer_failed(error)
        elif self._left == UNTIL_CLOSE and exc is None:
            taker.answer_ended()
        else:
            taker.answer_failed(CutOffError("closed before the answer was complete"))

    def data_received(self, data: bytes) -> None:
        """Take what came."""
        if self._taker is None:
            self.close()  # nobody asked for it
            return
        try:
            if self._head is None:
                self._read_head(self._buffer + data if self._buffer else data)
            else:
                self._read_body(data)
        except MalformedError as error:
            self._fail(error if self._head is None else CutOffError(str(error)))

    def pause_writing(self) -> None:
        """The other side takes no more for now."""
        if self._taker is not None:
            self._taker.upload_blocked()

    def resume_writing(self) -> None:
        """It does again."""
        if self._taker is not None:
            self._taker.upload_unblocked()

    def _due(self) -> None:
        if self._taker is not None:
            self._taker.answer_due()

    # --- the answer

    def _read_head(self, data: bytes) -> None:
        while True:
            data = data.lstrip(b"\r\n")  # before a first line, as senders of HTTP/1.0 liked it
            end = data.find(END, self._seen - 4 if self._seen > 4 else 0)  # noqa: PLR2004 - the length of END
            if end < 0:
                self._wait_for_head(data)
                return
            self._seen = 0
            head = self._forms.read(data[: end + 2], self._method)
            data = data[end + 4 :]
            if head.http_status >= _FINAL:
                break
            if head.http_status == _SWITCHING:
                raise MalformedError("the answer switches to another protocol")
        self._buffer = b""
        self._head, self._left = head, head.length
        self.usable = head.form.lives
        if self._taker is None:
            return
        if len(data) == head.length:
            self._taker.answer_whole(head, data)
        else:
            self._begin(self._taker, head, data)

    def _begin(self, taker: Taker, head: AnswerHead, data: bytes) -> None:
        if head.length == CHUNKED:
            self._chunks = Chunks(self._bounds)
        taker.answer_head(head)
        if self._taker is not None and self._head is head:  # whoever takes it now
            if not head.length:
                self._check_rest(data)
                self._end()
            elif data:
                self._read_body(data)

    def _wait_for_head(self, data: bytes) -> None:
        if len(data) > self._bounds.field * _HEADERS:
            raise MalformedError("the head of the answer is too long")
        self._buffer, self._seen = data, len(data)  # however it drips, each byte is looked at once

    def _read_body(self, data: bytes) -> None:
        taker = self._taker
        if taker is None:
            return
        if self._chunks is not None:
            piece = self._chunks.feed(data)
            ended, rest = self._chunks.ended, self._chunks.rest
        elif self._left == UNTIL_CLOSE:
            piece, ended, rest = data, False, b""
        else:
            piece = data if len(data) <= self._left else data[: self._left]
            self._left -= len(piece)
            ended, rest = not self._left, data[len(piece) :]
        if rest:
            self._check_rest(rest)
        if piece:
            taker.answer_data(piece)
        if ended and self._taker is taker:
            self._end()

    def _check_rest(self, rest: bytes) -> None:
        """What came behind an answer ends the connection; what is no further answer shows that its length was wrong."""
        if rest:
            self.usable = False
            if rest.strip(b"\r\n") and not rest.startswith(b"HTTP/1."):
                raise MalformedError("the answer is longer than it said")

    def _end(self) -> None:
        if self._taker is not None:
            self._taker.answer_ended()

    def _fail(self, error: Exception) -> None:
        taker = self._taker
        self.close()
        if taker is not None:
            taker.answer_failed(error)
