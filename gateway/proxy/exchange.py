"""One request and its answer, carried through: both bodies stream, and neither is held.

The other side is untrusted too: whatever it does ends in an answer of ours, or, once its answer is on the way, in a
closed connection, so that nobody takes a part for the whole (hardening.md, P5, D3, T10).
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from typing import Final

import aiohttp
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from multidict import CIMultiDict

from gateway.net.client import HttpClient
from gateway.net.failures import FAILURES, explain
from gateway.observe.call import Call
from gateway.ocpi.envelope import Answer
from gateway.ocpi.errors import Fault
from gateway.ocpi.flow import FetchCause
from gateway.ocpi.refusal import RefusedError
from gateway.proxy import refusals
from gateway.proxy.breaker import Breakers

#: Makes the head of our answer from the other side's; may refuse it.
AnswerHead = Callable[[aiohttp.ClientResponse], CIMultiDict[str]]

_STATUSES: Final = range(200, 600)


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


class Exchange:
    """Carries requests to one other side."""

    def __init__(self, client: HttpClient, side: OtherSide, bounds: Bounds, breakers: Breakers) -> None:
        self._client = client
        self._side = side
        self._bounds = bounds
        self._breakers = breakers

    async def carry(
        self,
        request: web.BaseRequest,
        call: Call,
        *,
        url: str,
        headers: CIMultiDict[str],
        answer_head: AnswerHead,
        body: bytes | None = None,
        partner: str | None = None,
    ) -> web.StreamResponse:
        """Send a request on and stream its answer back.

        Args:
            url: of the other side, exactly as it is to be sent.
            headers: all that go out beside `Host` and the framing of the body.
            body: what goes out instead of the request's own body.
            partner: whose rules of the address policy apply.

        Raises:
            RefusedError: nothing was answered yet; with what to answer.
        """
        if (request.content_length or 0) > self._bounds.body_bytes:
            raise refusals.too_large(self._bounds.body_bytes, fault=self._side.asker)
        if body is not None:
            _forget_body(headers)
        response: _Response | None = None
        deadline = asyncio.timeout(None)
        upload = _Upload(request, deadline, self._bounds, self._side.asker)
        try:
            async with deadline:
                answer = await self._send(
                    request, call, url=url, headers=headers, partner=partner, body=body, upload=upload
                )
                upload.answered()
                async with answer:
                    response = _Response(status=answer.status, headers=answer_head(answer))
                    await self._copy(answer.content, request, call, response, upload=upload)
                    call.http_status = answer.status  # whatever happens from here on, this was answered
                    return response
        except ConnectionError:
            refusal = refusals.hung_up(fault=self._side.asker)
        except TimeoutError as error:
            refusal = upload.timed_out() or self._side.refusal(error)
        except RefusedError as refused:
            refusal = upload.failure or refused
        finally:
            call.bytes_in = upload.taken if body is None else len(body)
            call.client_seconds += upload.waited
        if response is None or not response.prepared:
            raise refusal
        return _cut(request, call, response, refusal)

    async def _send(
        self,
        request: web.BaseRequest,
        call: Call,
        *,
        url: str,
        headers: CIMultiDict[str],
        partner: str | None,
        body: bytes | None,
        upload: "_Upload",
    ) -> aiohttp.ClientResponse:
        """Send the request and wait for the head of the answer; says in `call` how long that took."""
        loop = asyncio.get_running_loop()
        started = loop.time()
        streams = body is None and request.can_read_body
        if not streams:
            upload.sent()
        try:
            answer = await self._ask(
                request.method, url, headers=headers, data=upload if streams else body, partner=partner
            )
        except FAILURES as error:
            raise self._side.refusal(error) from None
        finally:
            call.waited_upstream(loop.time() - started - upload.waited)
        if answer.status not in _STATUSES:
            answer.close()
            raise self._side.unusable(f"answered with the HTTP status {answer.status}")
        return answer

    async def _ask(
        self,
        method: str,
        url: str,
        *,
        headers: CIMultiDict[str],
        data: "bytes | _Upload | None",
        partner: str | None,
    ) -> aiohttp.ClientResponse:
        """Send a request unless the other side is gone; a GET that was turned away is sent again, once, a push never.

        Raises:
            RefusedError: it is gone.
            FAILURES: no answer came.
        """
        breaker = self._breakers.of(partner or "")
        if not breaker.admits():
            raise self._side.gone()
        again = method == "GET" and data is None
        while True:
            try:
                answer = await self._client.send(method, url, headers=headers, data=data, partner=partner)
            except FAILURES as error:
                failure = explain(error)
                if again and failure.turned_away:
                    again = False
                    continue
                breaker.failed(failure.cause)
                raise
            breaker.answered()
            return answer

    async def _copy(
        self,
        content: aiohttp.StreamReader,
        request: web.BaseRequest,
        call: Call,
        response: "_Response",
        *,
        upload: "_Upload",
    ) -> None:
        """Copy a body; nothing of the answer goes out before the first piece is here.

        Raises:
            RefusedError: the other side failed.
            ConnectionError: whoever asked hung up.
        """
        clock = asyncio.get_running_loop().time
        started = clock()
        piece = await self._read(content)
        call.waited_upstream(clock() - started)
        await response.prepare(request)
        taking = 0.0
        while piece:
            started = clock()
            upload.taking(waited=taking, moved=call.bytes_out)
            await response.write(piece)
            upload.took()
            call.bytes_out += len(piece)
            written = clock()
            taking += written - started
            piece = await self._read(content)
            call.client_seconds += written - started
            call.waited_upstream(clock() - written)
        await response.write_eof()

    async def _read(self, content: aiohttp.StreamReader) -> bytes:
        try:
            return await content.readany()
        except FAILURES as error:
            raise self._side.refusal(error) from None


class _Response(web.StreamResponse):
    """An answer whose head goes out together with the first piece of its body: one write, not two."""

    _send_headers_immediately = False


class _Upload:
    """The body of a request on its way out: counted, and timed on both sides; and the time to take the answer.

    Attributes:
        taken: how many bytes of it came.
        waited: how long its sender left us waiting for them, in seconds.
        failure: why it ended early; it then ends the whole exchange.
    """

    def __init__(self, request: web.BaseRequest, deadline: asyncio.Timeout, bounds: Bounds, asker: Fault) -> None:
        self._content = request.content
        self._deadline = deadline
        self._bounds = bounds
        self._asker = asker
        self._waiting_for_client = False
        self._taking = False
        self._ended = False
        self._answered = False
        self.taken = 0
        self.waited = 0.0
        self.failure: RefusedError | None = None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while piece := await self._piece():
            self.taken += len(piece)
            if self.taken > self._bounds.body_bytes:
                raise self._fail(refusals.too_large(self._bounds.body_bytes, fault=self._asker))
            self._end_in(self._bounds.other_seconds)
            yield piece
        self.sent()

    def sent(self) -> None:
        """All of it went out: the head of the answer is due, however slowly it drips."""
        self._ended = True
        self._deadline.reschedule(None)
        if not self._answered:
            self._end_in(self._bounds.other_seconds)

    def answered(self) -> None:
        """The head of the answer is here; what of the body is still to go out keeps its deadlines."""
        self._answered = True
        if self._ended:
            self._deadline.reschedule(None)

    def timed_out(self) -> RefusedError | None:
        """What it means that the deadline passed; None if the other side is to blame."""
        if self.failure is None and self._waiting_for_client:
            self.failure = refusals.too_slow_sending(fault=self._asker)
        elif self.failure is None and self._taking:
            self.failure = refusals.too_slow_taking(fault=self._asker)
        return self.failure

    def taking(self, *, waited: float, moved: int) -> None:
        """Whoever asked is given a piece of the answer, after it took so many bytes in so many seconds."""
        if self._ended:
            self._taking = True
            self._end_in(self._bounds.pace.left(waited=waited, moved=moved))

    def took(self) -> None:
        """It has taken the piece."""
        if self._taking:
            self._taking = False
            self._deadline.reschedule(None)

    async def _piece(self) -> bytes:
        self._end_in(self._bounds.pace.left(waited=self.waited, moved=self.taken))
        self._waiting_for_client = True
        started = asyncio.get_running_loop().time()
        try:
            return await self._content.readany()
        except (web.RequestPayloadError, HttpProcessingError, OSError):
            raise self._fail(refusals.broken_body(fault=self._asker)) from None
        finally:
            self._waiting_for_client = False
            self.waited += asyncio.get_running_loop().time() - started

    def _fail(self, refusal: RefusedError) -> RefusedError:
        self.failure = refusal
        self._end_in(0)
        return refusal

    def _end_in(self, seconds: float) -> None:
        self._deadline.reschedule(asyncio.get_running_loop().time() + seconds)


async def read_body(request: web.BaseRequest, bounds: Bounds, *, asker: Fault) -> bytes:
    """Read a whole body within bounds, for the few that have to be looked into.

    Raises:
        RefusedError: it is too large, comes too slowly, or breaks off.
    """
    if (request.content_length or 0) > bounds.body_bytes:
        raise refusals.too_large(bounds.body_bytes, fault=asker)
    deadline = asyncio.timeout(None)
    upload = _Upload(request, deadline, bounds, asker)
    try:
        async with deadline:
            return b"".join([piece async for piece in upload])
    except TimeoutError:
        raise upload.timed_out() or refusals.too_slow_sending(fault=asker) from None


def _forget_body(headers: CIMultiDict[str]) -> None:
    """Drop what was said of a body that is replaced."""
    for name in ("Content-Length", "Content-MD5", "Content-Digest", "Digest", "Repr-Digest"):
        headers.popall(name, None)


def _cut(
    request: web.BaseRequest, call: Call, response: web.StreamResponse, refusal: RefusedError
) -> web.StreamResponse:
    """End a connection in the middle of an answer, so that its reader knows that it isn't whole."""
    call.fault = refusal.fault
    call.reason = str(refusal)
    if request.transport is not None:
        request.transport.abort()
    return response
