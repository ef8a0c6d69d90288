"""One request on its way to another side and its answer on its way back: pieces are passed on as they come.

The other side is untrusted, too: whatever it does ends in an answer of ours, or, once its answer is on the way, in a
closed connection, so that nobody takes a part for the whole (hardening.md, P5, D3, T10).
"""

from enum import Enum, auto
from time import monotonic

from gateway.net.failures import explain
from gateway.net.http1 import AnswerHead
from gateway.net.outbound import Outbound
from gateway.net.request import Request
from gateway.observe.call import Call
from gateway.ocpi.refusal import RefusedError
from gateway.proxy import refusals
from gateway.proxy.breaker import Breaker
from gateway.proxy.sides import Bounds, Done, MakeHead, OtherSide


class _Waits(Enum):
    """What a relay waits for, and so who is to blame where it doesn't come."""

    CONNECTION = auto()
    REQUEST = auto()  # the client is to send more of the body
    UPLOAD = auto()  # the other side is to take more of it
    ANSWER = auto()  # the other side is to send more
    CLIENT = auto()  # the client is to take more of the answer


class Relay:
    """One request on its way to another side and its answer on its way back; neither body is held."""

    __slots__ = (
        "_answer_head",
        "_blocked",
        "_bounds",
        "_call",
        "_connection",
        "_done",
        "_over",
        "_side",
        "_since",
        "_taken_seconds",
        "_upload_blocked",
        "_upload_ended",
        "_upload_framed",
        "_uploaded_seconds",
        "_waits",
        "breaker",
        "request",
    )

    def __init__(
        self,
        side: OtherSide,
        bounds: Bounds,
        request: Request,
        call: Call,
        breaker: Breaker,
        *,
        answer_head: MakeHead,
        done: Done,
    ) -> None:
        self.breaker = breaker
        self._side = side
        self._bounds = bounds
        self.request = request
        self._call = call
        self._answer_head = answer_head
        self._done = done
        self._connection: Outbound | None = None
        self._since = monotonic()
        self._waits = _Waits.CONNECTION
        self._taken_seconds = self._uploaded_seconds = 0.0
        self._blocked = self._upload_blocked = self._over = False
        self._upload_ended = True
        self._upload_framed = False

    def start(self, connection: Outbound, head: bytes, body: bytes | None) -> None:
        """Send the request on an open connection."""
        request = self.request
        if request.gone:
            connection.release()
            return
        self._connection = connection
        if body is not None:
            self._call.bytes_in = len(body)
            connection.send(self, request.method, head + body)
        elif not request.head.length:
            connection.send(self, request.method, head)
        else:
            self._upload_ended = False
            self._upload_framed = request.content_length is None
            kept = request.take_kept()
            connection.send(self, request.method, head + self._framed(kept) if kept else head)
        request.attach(self)
        if not self._over:
            self._wait()

    def take_over(self, connection: Outbound, since: float) -> None:
        """Wait for the answer to a request that was sent already, whose alarm is set."""
        self._connection, self._since, self._waits = connection, since, _Waits.ANSWER
        connection.hand_to(self)
        self.request.attach(self)

    # --- the body of the request

    def body_data(self, piece: bytes) -> None:
        """A piece of it goes out."""
        if self._over or self._connection is None:
            return
        self._account()
        self._connection.write(self._framed(piece))
        if not self._over:
            self._wait()

    def body_ended(self) -> None:
        """All of it is here."""
        if self._over or self._upload_ended or self._connection is None:
            return
        self._account()
        self._upload_ended = True
        if self._upload_framed:
            self._connection.write(b"0\r\n\r\n")
        self._wait()

    def body_broken(self) -> None:
        """It will not be complete."""
        self._fail(refusals.broken_body(fault=self._side.asker))

    def upload_blocked(self) -> None:
        """The other side takes no more of it."""
        self._account()
        self._upload_blocked = True
        self.request.pause_body()
        self._wait()

    def upload_unblocked(self) -> None:
        """It does again."""
        self._account()
        self._upload_blocked = False
        self.request.resume_body()
        self._wait()

    # --- the answer

    def answer_whole(self, head: AnswerHead, body: bytes) -> None:
        """Decide what of it travels back, and send that."""
        headers = self._judge(head)
        if headers is not None:
            self._call.bytes_out = len(body)
            self._end()
            self.request.answer(head.http_status, headers, body, dated="date" in head.headers)
            self._done(None)

    def answer_head(self, head: AnswerHead) -> None:
        """Decide what of it travels back."""
        headers = self._judge(head)
        if headers is not None:
            self.request.begin(head.http_status, headers, head.length, dated="date" in head.headers)
            self._wait()

    def answer_data(self, piece: bytes) -> None:
        """A piece of it goes back."""
        if self._over:
            return
        self._account()
        self._call.bytes_out += len(piece)
        self.request.write(piece)
        if not self._over:
            self._wait()

    def answer_ended(self) -> None:
        """It is complete."""
        if self._over:
            return
        self._account()
        self._end()
        self.request.finish()
        self._done(None)

    def answer_failed(self, error: Exception) -> None:
        """It is not, and will never be."""
        if self._over:
            return
        if not self._call.http_status:
            self.breaker.failed(explain(error).cause)
        self._fail(self._side.refusal(error))

    def answer_due(self) -> None:
        """Somebody took too long."""
        asker = self._side.asker
        if self._waits is _Waits.REQUEST:
            self._fail(refusals.too_slow_sending(fault=asker))
        elif self._waits is _Waits.CLIENT:
            self._fail(refusals.too_slow_taking(fault=asker))
        else:
            error = TimeoutError()
            if not self._call.http_status:
                self.breaker.failed(explain(error).cause)
            self._fail(self._side.refusal(error))

    def answer_blocked(self) -> None:
        """The client takes no more of it."""
        self._account()
        self._blocked = True
        if self._connection is not None:
            self._connection.pause()
        self._wait()

    def answer_unblocked(self) -> None:
        """It does again."""
        self._account()
        self._blocked = False
        if self._connection is not None:
            self._connection.resume()
        self._wait()

    def client_gone(self) -> None:
        """Nobody is there to answer."""
        if self._over:
            return
        self._account()
        self._over = True
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._done(None)

    # --- time

    def waited(self) -> None:
        """A connection was waited for."""
        self._account()

    def _account(self) -> None:
        """Note for whom was waited until now."""
        now = monotonic()
        seconds, self._since = now - self._since, now
        if self._waits is _Waits.REQUEST:
            self._uploaded_seconds += seconds
            self._call.client_seconds += seconds
        elif self._waits is _Waits.CLIENT:
            self._taken_seconds += seconds
            self._call.client_seconds += seconds
        else:
            self._call.waited_upstream(seconds)

    def _wait(self) -> None:
        """Wait for whoever is to do something next, and for so long."""
        connection, bounds, call = self._connection, self._bounds, self._call
        if connection is None:
            return
        if self._blocked:
            self._waits = _Waits.CLIENT
            seconds = bounds.pace.left(waited=self._taken_seconds, moved=call.bytes_out)
        elif self._upload_blocked:
            self._waits, seconds = _Waits.UPLOAD, bounds.other_seconds
        elif self._upload_ended:
            if self._waits is _Waits.ANSWER and not call.http_status:
                return  # the head is due when it is due, however slowly it drips
            self._waits, seconds = _Waits.ANSWER, bounds.other_seconds
        else:
            self._waits = _Waits.REQUEST
            seconds = bounds.pace.left(waited=self._uploaded_seconds, moved=call.bytes_in)
        connection.alarm.set(max(seconds, 0.0))

    # --- ending

    def _give_up(self) -> None:
        """Let go of both sides, whatever is under way."""
        self._over = True
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self.request.detach()

    def _judge(self, head: AnswerHead) -> str | None:
        """The headers that travel back; None where the answer doesn't."""
        if self._over:
            return None
        self._account()
        if self.breaker.failures:
            self.breaker.answered()
        try:
            headers = self._answer_head(head)
        except RefusedError as refused:
            self._fail(refused)
            return None
        except Exception as error:  # noqa: BLE001 - a bug, which the listener answers and tells as such
            self._give_up()
            self._done(error)
            return None
        self._call.http_status = head.http_status
        return headers

    def _end(self) -> None:
        """Let go of both sides before the end of the answer is written: the next request may come with that."""
        self._over = True
        connection, self._connection = self._connection, None
        if connection is not None:
            if self._upload_ended:
                connection.release()
            else:
                connection.close()
        self.request.detach()

    def _framed(self, piece: bytes) -> bytes:
        """Count a piece of the body, and write it as it goes out."""
        self._call.bytes_in += len(piece)
        if self._call.bytes_in > self._bounds.body_bytes:
            self._fail(refusals.too_large(self._bounds.body_bytes, fault=self._side.asker))
            return b""
        return b"%x\r\n%b\r\n" % (len(piece), piece) if self._upload_framed else piece

    def _fail(self, refusal: RefusedError) -> None:
        if self._over:
            return
        self._account()
        self._give_up()
        request = self.request
        if not request.begun:
            self._call.http_status = 0
            self._done(refusal)
            return
        self._call.fault, self._call.reason = refusal.fault, str(refusal)
        request.abort()
        self._done(None)
