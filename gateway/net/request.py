"""One request of a client, and its answer: what handlers get to see of a connection.

A handler answers at once, or hands the request to a coroutine, or attaches a sink to the body and streams the answer
piece by piece. Whatever it does, what was asked for with `at_end` is done once: the answer is written, or the client is
gone.
"""

from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

from gateway.net.http1 import CHUNKED, Chunks, MalformedError, RequestHead, as_lines, write_head

if TYPE_CHECKING:
    import asyncio

    from gateway.net.connection import Connection

#: How much of a body is kept for a handler that is not ready for it; then its sender waits.
_KEPT_BYTES: Final = 65536
_NO_BODY: Final = frozenset({204, 304})


class BrokenBodyError(Exception):
    """The body of a request broke off, or its chunks are malformed."""


@dataclass(frozen=True, slots=True)
class Response:
    """A whole answer; its framing, `Date` and `Connection` are added when it is written."""

    http_status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    closes: bool = False


class Sink(Protocol):
    """Takes the body of a request as it comes, and streams the answer."""

    def body_data(self, piece: bytes) -> None:
        """A piece of the body."""

    def body_ended(self) -> None:
        """That was all of it."""

    def body_broken(self) -> None:
        """It will not be complete."""

    def answer_blocked(self) -> None:
        """The client takes no more of the answer for now."""

    def answer_unblocked(self) -> None:
        """It does again."""

    def client_gone(self) -> None:
        """The connection is closed."""


class Request:
    """A request whose head is here.

    Attributes:
        context: whatever its handler wants to find again.
        peer: the address at the other end of the connection; empty where unknown.
        on_refused: what makes an answer of a refusal.
        complete: its whole body came.
        broken: it will not come.
        malformed: why, where that is the fault of its chunks.
        begun: something of the answer was written.
        answered: the answer was written to its end.
        gone: the client closed the connection first.
    """

    __slots__ = (
        "_chunked_answer",
        "_chunks",
        "_connection",
        "_ends",
        "_head",
        "_kept",
        "_kept_bytes",
        "_left",
        "_lives",
        "_sink",
        "_waiter",
        "answered",
        "begun",
        "broken",
        "complete",
        "context",
        "gone",
        "head",
        "malformed",
        "method",
        "on_refused",
        "peer",
        "target",
        "task",
    )

    def __init__(self, connection: "Connection", head: RequestHead) -> None:
        self._connection = connection
        self.head = head
        self.method = head.method
        self.target = head.target
        self.peer = connection.source
        self._left = head.length
        self._chunks: Chunks | None = None
        self._kept: deque[bytes] = deque()
        self._kept_bytes = 0
        self._sink: Sink | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._head = b""
        self._lives = False
        self._chunked_answer = False
        self.complete = head.length == 0
        self.broken = self.begun = self.answered = self.gone = False
        self.context: Any = None
        self.on_refused: Callable[[Request, Any], None] | None = None
        self._ends: list[Callable[[Request], None]] = []
        self.malformed: MalformedError | None = None
        self.task: asyncio.Task[None] | None = None
        if head.length == CHUNKED:
            self._chunks = Chunks(connection.server.bounds)

    # --- what it says

    #: One that was just made is not.
    over = False

    @property
    def headers(self) -> dict[str, str]:
        """Values by name in lower case; repeated ones joined."""
        return self.head.headers

    @property
    def is_last(self) -> bool:
        """Whether its sender said that no other follows on its connection."""
        said = self.headers.get("connection")
        if said is None:
            return self.head.minor == 0
        words = said.lower()
        return "close" in words or (self.head.minor == 0 and "keep-alive" not in words)

    @property
    def has_body(self) -> bool:
        """Whether there is a body, be it still on its way."""
        return self.head.length != 0

    @property
    def content_length(self) -> int | None:
        """How long the body is; None where only its end tells."""
        return None if self.head.length == CHUNKED else self.head.length

    @property
    def is_cut(self) -> bool:
        """Whether it is ended because the server stops, not because its client hung up."""
        return self._connection.server.cutting

    def certificate(self) -> object:
        """The client certificate that was shown; None without one."""
        return self._connection.certificate()

    # --- its body

    def feed(self, data: bytes) -> bytes:
        """Take bytes off the wire; gives those that are not of this request."""
        if self._chunks is None:
            piece = data if len(data) <= self._left else data[: self._left]
            self._left -= len(piece)
            ended, rest = not self._left, data[len(piece) :]
        else:
            try:
                piece = self._chunks.feed(data)
            except MalformedError as error:
                self.malformed = error
                self._break()
                return b""
            ended, rest = self._chunks.ended, self._chunks.rest
        self.complete = ended
        if self._sink is not None:
            if piece:
                self._sink.body_data(piece)
            if ended:
                self._sink.body_ended()
        else:
            self._keep(piece)
        return rest

    def attach(self, sink: Sink) -> None:
        """Let a sink have the body from here on, and know of the client."""
        self._sink = sink
        kept = self.take_kept()
        if kept:
            sink.body_data(kept)
        if self.broken:
            sink.body_broken()
        elif self.complete:
            sink.body_ended()
        elif not self.gone:
            self._connection.resume_reading()

    def take_kept(self) -> bytes:
        """What came of the body before anybody wanted it."""
        if not self._kept:
            return b""
        kept = self._kept[0] if len(self._kept) == 1 else b"".join(self._kept)
        self._kept.clear()
        self._kept_bytes = 0
        return kept

    def detach(self) -> None:
        """The sink wants nothing more."""
        self._sink = None

    def pause_body(self) -> None:
        """Let the sender of the body wait."""
        if not self.complete:
            self._connection.pause_reading()

    def resume_body(self) -> None:
        """Let it send on."""
        self._connection.resume_reading()

    async def piece(self) -> bytes:
        """The next piece of the body; empty at its end.

        Raises:
            BrokenBodyError: it is not complete.
        """
        while not self._kept:
            if self.broken:
                raise BrokenBodyError
            if self.complete:
                return b""
            self._connection.resume_reading()
            self._waiter = self._connection.server.loop.create_future()
            await self._waiter
        piece = self._kept.popleft()
        self._kept_bytes -= len(piece)
        return piece

    def at_end(self, do: Callable[["Request"], None]) -> None:
        """Do something when everything about it is over."""
        self._ends.append(do)

    def send_continue(self) -> None:
        """Ask for the body where its sender waits for that; to be called after authentication (T10, R12)."""
        if not self.complete and self.headers.get("expect", "").strip().lower() == "100-continue":
            self._connection.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    # --- its answer

    def respond(self, response: Response) -> None:
        """Write a whole answer."""
        self.answer(response.http_status, as_lines(response.headers), response.body, closes=response.closes)

    def answer(self, http_status: int, headers: str, body: bytes, *, closes: bool = False, dated: bool = False) -> None:
        """Write a whole answer; `headers` are whole lines, without those of its framing."""
        connection = self._connection
        if http_status in _NO_BODY or closes or self.method == "HEAD":
            self._start(http_status, headers, len(body), closes=closes, dated=dated)
            head, body = self._head, b"" if self.method == "HEAD" else body
        else:
            server = connection.server
            lives = self._lives = self.complete and self.head.form.lives and not server.closing
            date = "" if dated else server.date()
            end = "\r\n" if lives else "\r\nConnection: close\r\n"
            head = write_head(http_status, f"{headers}{date}Content-Length: {len(body)}{end}")
        connection.write(head + body)
        self.begun = True
        self._end()

    def begin(self, http_status: int, headers: str, length: int, *, dated: bool = False) -> None:
        """Prepare an answer that is streamed; nothing is written before its first piece, or its end.

        Args:
            length: of the body, or CHUNKED or UNTIL_CLOSE where it isn't known.
            dated: the headers hold a `Date`.
        """
        self._start(http_status, headers, length, dated=dated)

    def write(self, piece: bytes) -> None:
        """Write a piece of the answer's body."""
        if self._chunked_answer:
            piece = b"%x\r\n%b\r\n" % (len(piece), piece)
        if not self.begun:
            self.begun = True
            piece = self._head + piece
        self._connection.write(piece)

    def finish(self, last: bytes = b"") -> None:
        """Write the last piece and end the answer."""
        if last:
            self.write(last)
        end = b"0\r\n\r\n" if self._chunked_answer else b""
        if not self.begun:
            self.begun = True
            end = self._head + end
        if end:
            self._connection.write(end)
        self._end()

    def abort(self) -> None:
        """End the connection in the middle of the answer, so that its reader knows that it isn't whole."""
        self._connection.abort()

    def refuse(self, refusal: Exception | None) -> None:
        """Nothing was answered, and this is why; None where something was, or nobody waits for it."""
        if refusal is not None and self.on_refused is not None and not self.gone:
            self.on_refused(self, refusal)

    def remember(self) -> None:
        """Its sender is welcome, and will ask in this form again."""
        self._connection.server.forms.remember(self.head)

    def spawn(self, handling: Coroutine[Any, Any, Response | None]) -> None:
        """Let a coroutine handle it, which ends with the connection; it gives the answer, unless it wrote one."""
        self.task = self._connection.server.start(self, handling)

    # --- for the connection

    def lost(self) -> None:
        """The connection is closed."""
        self.gone = True
        self.broken = self.broken or not self.complete
        self._wake()
        if self.task is not None:
            self.task.cancel()
        if self._sink is not None:
            self._sink.client_gone()
        self._over()

    def blocked(self) -> None:
        """The client takes no more for now."""
        if self._sink is not None:
            self._sink.answer_blocked()

    def unblocked(self) -> None:
        """It does again."""
        if self._sink is not None:
            self._sink.answer_unblocked()

    def _keep(self, piece: bytes) -> None:
        if piece:
            self._kept.append(piece)
            self._kept_bytes += len(piece)
            if self._kept_bytes > _KEPT_BYTES and not self.complete:
                self._connection.pause_reading()
        self._wake()

    def _break(self) -> None:
        self.broken = True
        if self._sink is not None:
            self._sink.body_broken()
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _start(self, http_status: int, headers: str, length: int, *, closes: bool = False, dated: bool = False) -> None:
        form = self.head.form
        self._chunked_answer = False
        self._lives = self.complete and form.lives and not closes and not self._connection.server.closing
        framing = "" if dated else self._connection.server.date()
        if http_status not in _NO_BODY:
            if length >= 0:
                framing += f"Content-Length: {length}\r\n"
            elif form.minor == 1:
                self._chunked_answer = True
                framing += "Transfer-Encoding: chunked\r\n"
            else:
                self._lives = False
        if not self._lives:
            framing += "Connection: close\r\n"
        self._head = write_head(http_status, headers + framing)

    def _end(self) -> None:
        self.answered = True
        self._sink = None
        self._over()
        if self.task is None or self.task.done():
            self._connection.request_ended(lives=self._lives)
        else:  # what follows from the answer comes before the next request of the same client
            self.task.add_done_callback(lambda _ended: self._connection.request_ended(lives=self._lives))

    def _over(self) -> None:
        ends, self._ends = self._ends, []
        for end in ends:
            end(self)
