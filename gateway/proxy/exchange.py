"""One request and its answer, carried through: both bodies stream, and neither is held.

The other side is untrusted too: whatever it does ends in an answer of ours, or, once its answer is on the way, in a
closed connection, so that nobody takes a part for the whole (hardening.md, P5, D3, T10).
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from enum import Enum, auto
from functools import lru_cache
from time import monotonic
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from gateway import __version__
from gateway.net.address import AddressPolicy, UrlRefusedError
from gateway.net.failures import FAILURES, explain
from gateway.net.http1 import AnswerHead
from gateway.net.outbound import Outbound
from gateway.net.pool import Destination, Pool
from gateway.net.request import BrokenBodyError, Request
from gateway.observe.call import Call
from gateway.ocpi.envelope import Answer
from gateway.ocpi.errors import Fault
from gateway.ocpi.flow import FetchCause
from gateway.ocpi.refusal import RefusedError
from gateway.proxy import refusals
from gateway.proxy.breaker import Breaker, Breakers

#: Makes the headers of our answer from the other side's; may refuse it.
MakeHead = Callable[[AnswerHead], list[str]]
#: Told when an exchange is over; with a refusal, or a bug of ours, where nothing was answered.
Done = Callable[[Exception | None], None]

_CRLF: Final = "\r\n"
_USER_AGENT: Final = f"User-Agent: ocpi-gateway/{__version__}\r\n"


@dataclass(frozen=True, slots=True)
class OtherSide:
    """Backend or partner, as whoever asked us sees it.

    Attributes:
        name: how the log calls it.
        fault: who has to act when it fails.
        asker: who has to act when the request itself is at fault.
        failed: the answer where it refused, reset, can't be reached, or answered something that isn't HTTP.
        slow: the answer where it took too long.
        explains: whoever asked may read why it failed.
    """

    name: str
    fault: Fault
    asker: Fault
    failed: Answer
    slow: Answer
    explains: bool = False

    def refusal(self, error: BaseException) -> RefusedError:
        """What one of `FAILURES` means to whoever asked us."""
        failure = explain(error)
        answer = self.slow if failure.cause is FetchCause.TIMEOUT else self.failed
        fault = Fault.OPERATOR if failure.cause in {FetchCause.POLICY, FetchCause.URL} else self.fault
        return self._refuse(answer, fault, f"{failure.words}. {failure.remedy}" if failure.remedy else failure.words)

    def gone(self) -> RefusedError:
        """It can't be reached, as was seen a moment ago; nothing was sent."""
        return self._refuse(self.failed, self.fault, "can't be reached, and is not asked by every request meanwhile")

    def unusable(self, words: str) -> RefusedError:
        """Its answer is HTTP, but nothing that can be passed on."""
        return self._refuse(self.failed, self.fault, words)

    def _refuse(self, answer: Answer, fault: Fault, words: str) -> RefusedError:
        reason = f"{self.name} {words}"
        return RefusedError(
            replace(answer, status_message=reason) if self.explains else answer, fault=fault, reason=reason
        )


@dataclass(frozen=True, slots=True)
class Pace:
    """How slow whoever asked may be in sending a body and in taking the answer (hardening.md, T10, D1).

    Attributes:
        pause_seconds: the longest pause.
        least_bytes_per_second: on average, beyond the first such pause; 0 allows any pace.
    """

    pause_seconds: float
    least_bytes_per_second: int

    def left(self, *, waited: float, moved: int) -> float:
        """How many seconds it may let us wait now, after so many seconds of waiting in which so many bytes moved."""
        if not self.least_bytes_per_second:
            return self.pause_seconds
        return min(self.pause_seconds, self.pause_seconds + moved / self.least_bytes_per_second - waited)


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a request may cost.

    Attributes:
        body_bytes: the largest body that travels on.
        pace: how slow its sender may be.
        other_seconds: how long the other side may leave a piece of it untaken.
    """

    body_bytes: int
    pace: Pace
    other_seconds: float


class Place(NamedTuple):
    """Where a request goes: whom to connect to, how the `Host` header calls it, and the request target."""

    destination: Destination
    host: str
    target: str


class Exchange:
    """Carries requests to one other side."""

    def __init__(
        self, pool: Pool, side: OtherSide, bounds: Bounds, breakers: Breakers, policy: AddressPolicy | None = None
    ) -> None:
        self.pool = pool
        self.policy = policy
        self.side = side
        self.bounds = bounds
        self.breakers = breakers

    def carry(
        self,
        request: Request,
        call: Call,
        *,
        place: "Place",
        lines: list[str],
        answer_head: MakeHead,
        done: Done,
        body: bytes | None = None,
    ) -> Coroutine[Any, Any, None] | None:
        """Send a request on and stream its answer back; at once where a connection is open, else by what it gives.

        Args:
            place: where it goes, from `located`.
            lines: all headers that go out beside `Host` and the framing of the body.
            done: told once when nothing more will happen; with a refusal where nothing was answered.
            body: what goes out instead of the request's own body.

        Raises:
            RefusedError: nothing was sent, and nothing was answered; also from what it gives.
        """
        if (request.content_length or 0) > self.bounds.body_bytes:
            raise refusals.too_large(self.bounds.body_bytes, fault=self.side.asker)
        destination = place.destination
        breaker = self.breakers.of(destination.partner)
        if not breaker.admits():
            raise self.side.gone()
        relay = Relay(self, request, call, breaker, answer_head=answer_head, done=done)
        head = _write_head(request, place, lines, body)
        connection = self.pool.idle(destination)
        if connection is not None:
            relay.start(connection, head, body)
            return None
        return self._carry(relay, request, destination, head, body)

    async def carried(self, request: Request, call: Call, **how: Any) -> int:
        """`carry`, and wait for its end; gives the HTTP status that was answered, 0 where the client went first.

        Raises:
            RefusedError: nothing was answered.
        """
        ended: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()

        def done(refusal: Exception | None) -> None:
            if not ended.done():
                ended.set_result(refusal)

        opening = self.carry(request, call, done=done, **how)
        if opening is not None:
            await opening
        refusal = await ended
        if refusal is not None:
            raise refusal
        return call.http_status

    def located(self, url: str, partner: str = "") -> "Place":
        """Where a URL leads.

        Args:
            url: exactly as it is to be sent.
            partner: whose rules of the address policy apply.

        Raises:
            RefusedError: the address policy stands against it, or it leads nowhere.
        """
        origin, target = _split(url)
        try:
            if self.policy is not None:
                self.policy.check_target(url, partner=partner or None)
            return Place(*_located(origin, partner), target)
        except UrlRefusedError as error:
            raise self.side.refusal(error) from None
        except ValueError:
            raise self.side.refusal(UrlRefusedError("the URL can not be read")) from None

    async def _carry(
        self, relay: "Relay", request: Request, destination: Destination, head: bytes, body: bytes | None
    ) -> None:
        """Open a connection; one that is turned away is tried again once for a GET, for a push never."""
        again = request.method == "GET" and body is None and not request.has_body
        while True:
            try:
                connection = await self.pool.open(destination)
            except FAILURES as error:
                failure = explain(error)
                if again and failure.turned_away:
                    again = False
                    continue
                relay.breaker.failed(failure.cause)
                raise self.side.refusal(error) from None
            finally:
                relay.waited()
            relay.start(connection, head, body)
            return


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
        "_call",
        "_connection",
        "_done",
        "_exchange",
        "_over",
        "_request",
        "_since",
        "_taken_seconds",
        "_upload_blocked",
        "_upload_ended",
        "_upload_framed",
        "_uploaded_seconds",
        "_waits",
        "breaker",
    )

    def __init__(
        self,
        exchange: Exchange,
        request: Request,
        call: Call,
        breaker: Breaker,
        *,
        answer_head: MakeHead,
        done: Done,
    ) -> None:
        self.breaker = breaker
        self._exchange = exchange
        self._request = request
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
        request = self._request
        if request.gone:
            connection.release()
            return
        self._connection = connection
        if body is not None:
            self._call.bytes_in = len(body)
            connection.send(self, request.method, head + body)
        elif not request.has_body:
            connection.send(self, request.method, head)
        else:
            self._upload_ended = False
            self._upload_framed = request.content_length is None
            kept = request.take_kept()
            connection.send(self, request.method, head + self._framed(kept) if kept else head)
        request.attach(self)
        if not self._over:
            self._wait()

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
        self._fail(refusals.broken_body(fault=self._exchange.side.asker))

    def upload_blocked(self) -> None:
        """The other side takes no more of it."""
        self._account()
        self._upload_blocked = True
        self._request.pause_body()
        self._wait()

    def upload_unblocked(self) -> None:
        """It does again."""
        self._account()
        self._upload_blocked = False
        self._request.resume_body()
        self._wait()

    # --- the answer

    def answer_whole(self, head: AnswerHead, body: bytes) -> None:
        """Decide what of it travels back, and send that."""
        lines = self._judge(head)
        if lines is not None:
            self._call.bytes_out = len(body)
            self._end()
            self._request.answer(head.http_status, lines, body, dated="date" in head.headers)
            self._done(None)

    def answer_head(self, head: AnswerHead) -> None:
        """Decide what of it travels back."""
        lines = self._judge(head)
        if lines is not None:
            self._request.begin(head.http_status, lines, head.length, dated="date" in head.headers)
            self._wait()

    def answer_data(self, piece: bytes) -> None:
        """A piece of it goes back."""
        if self._over:
            return
        self._account()
        self._call.bytes_out += len(piece)
        self._request.write(piece)
        if not self._over:
            self._wait()

    def answer_ended(self) -> None:
        """It is complete."""
        if self._over:
            return
        self._account()
        self._end()
        self._request.finish()
        self._done(None)

    def answer_failed(self, error: Exception) -> None:
        """It is not, and will never be."""
        if self._over:
            return
        if not self._call.http_status:
            self.breaker.failed(explain(error).cause)
        self._fail(self._exchange.side.refusal(error))

    def answer_due(self) -> None:
        """Somebody took too long."""
        asker = self._exchange.side.asker
        if self._waits is _Waits.REQUEST:
            self._fail(refusals.too_slow_sending(fault=asker))
        elif self._waits is _Waits.CLIENT:
            self._fail(refusals.too_slow_taking(fault=asker))
        else:
            error = TimeoutError()
            if not self._call.http_status:
                self.breaker.failed(explain(error).cause)
            self._fail(self._exchange.side.refusal(error))

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
        connection, bounds, call = self._connection, self._exchange.bounds, self._call
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
        self._request.detach()

    def _judge(self, head: AnswerHead) -> list[str] | None:
        """The header lines that travel back; None where the answer doesn't."""
        if self._over:
            return None
        self._account()
        self.breaker.answered()
        try:
            lines = self._answer_head(head)
        except RefusedError as refused:
            self._fail(refused)
            return None
        except Exception as error:  # noqa: BLE001 - a bug, which the listener answers and tells as such
            self._give_up()
            self._done(error)
            return None
        self._call.http_status = head.http_status
        return lines

    def _end(self) -> None:
        """Let go of both sides before the end of the answer is written: the next request may come with that."""
        self._over = True
        connection, self._connection = self._connection, None
        if connection is not None:
            if self._upload_ended:
                connection.release()
            else:
                connection.close()
        self._request.detach()

    def _framed(self, piece: bytes) -> bytes:
        """Count a piece of the body, and write it as it goes out."""
        self._call.bytes_in += len(piece)
        if self._call.bytes_in > self._exchange.bounds.body_bytes:
            self._fail(refusals.too_large(self._exchange.bounds.body_bytes, fault=self._exchange.side.asker))
            return b""
        return b"%x\r\n%b\r\n" % (len(piece), piece) if self._upload_framed else piece

    def _fail(self, refusal: RefusedError) -> None:
        if self._over:
            return
        self._account()
        self._give_up()
        request = self._request
        if not request.begun:
            self._call.http_status = 0
            self._done(refusal)
            return
        self._call.fault, self._call.reason = refusal.fault, str(refusal)
        request.abort()
        self._done(None)


def _split(url: str) -> tuple[str, str]:
    """Origin and request target of a URL, exactly as written."""
    start = url.find("//") + 2
    slash, mark = url.find("/", start), url.find("?", start)
    if slash < 0 or 0 <= mark < slash:
        return (url, "/") if mark < 0 else (url[:mark], f"/{url[mark:]}")
    return url[:slash], url[slash:]


@lru_cache(maxsize=4096)
def _located(origin: str, partner: str) -> tuple[Destination, str]:
    """Where an origin is, and how it is called in a Host header."""
    parts = urlsplit(origin)
    secure, host = parts.scheme == "https", parts.hostname or ""
    usual = 443 if secure else 80
    port = parts.port or usual
    shown = f"[{host}]" if ":" in host else host
    return Destination(secure, host, port, partner), shown if port == usual else f"{shown}:{port}"


def _write_head(request: Request, place: Place, lines: list[str], body: bytes | None) -> bytes:
    """The head of a request as it goes out."""
    if body is not None:
        framing = f"Content-Length: {len(body)}\r\n"
    elif request.content_length is None:
        framing = "Transfer-Encoding: chunked\r\n"
    elif request.content_length or "content-length" in request.headers:
        framing = f"Content-Length: {request.content_length}\r\n"
    else:
        framing = ""
    if "user-agent" not in request.headers:
        framing += _USER_AGENT
    line = f"{request.method} {place.target} HTTP/1.1"
    return f"{line}\r\nHost: {place.host}\r\n{_CRLF.join(lines)}\r\n{framing}\r\n".encode("latin-1")


async def read_body(request: Request, bounds: Bounds, *, asker: Fault) -> bytes:
    """Read a whole body within bounds, for the few that have to be looked into.

    Raises:
        RefusedError: it is too large, comes too slowly, or breaks off.
    """
    if (request.content_length or 0) > bounds.body_bytes:
        raise refusals.too_large(bounds.body_bytes, fault=asker)
    pieces: list[bytes] = []
    taken, waited = 0, 0.0
    try:
        while True:
            started = monotonic()
            async with asyncio.timeout(max(bounds.pace.left(waited=waited, moved=taken), 0.0)):
                piece = await request.piece()
            waited += monotonic() - started
            if not piece:
                return b"".join(pieces)
            taken += len(piece)
            if taken > bounds.body_bytes:
                raise refusals.too_large(bounds.body_bytes, fault=asker)
            pieces.append(piece)
    except TimeoutError:
        raise refusals.too_slow_sending(fault=asker) from None
    except BrokenBodyError:
        raise refusals.broken_body(fault=asker) from None
