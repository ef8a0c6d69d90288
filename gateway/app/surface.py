"""One request through a listener: its ids, its record, and every ending that isn't a forwarded answer.

Whatever a handler raises becomes an OCPI envelope here, and the record says whose fault it was. Only a client that hung
up gets none.
"""

from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final

from structlog.typing import FilteringBoundLogger as Logger

from gateway.app.answering import UNAUTHORIZED, make_response
from gateway.net.request import Request, Response
from gateway.net.server import message_id
from gateway.net.source import Sources
from gateway.observe.access import CallLog
from gateway.observe.call import Call, Direction, current_call
from gateway.observe.events import Event
from gateway.observe.metrics import Metrics
from gateway.ocpi.envelope import Answer, StatusCode
from gateway.ocpi.errors import Fault
from gateway.ocpi.refusal import RefusedError
from gateway.ocpi.timestamps import Clock
from gateway.store.engine import StoreUnavailableError
from gateway.store.gatekeeper import UnauthenticatedError

#: What a handler gives: an answer, nothing where it answers by itself, or what comes to either later.
Handling = Coroutine[Any, Any, Response | None] | Response | None
CallHandler = Callable[[Request, Call], Handling]

_STORE_FAILED: Final = Answer(503, StatusCode.SERVER_ERROR, "temporarily not possible; please try again later")
_INTERNAL: Final = Answer(500, StatusCode.SERVER_ERROR, "internal error of the gateway; its log has the details")


class Surface:
    """Wraps the handler of a listener.

    Args:
        sources: tells where a request comes from.

    Attributes:
        calls, metrics: the record of all requests.
    """

    def __init__(
        self,
        handler: CallHandler,
        *,
        direction: Direction,
        sources: Sources,
        clock: Clock,
        calls: CallLog,
        metrics: Metrics,
        log: Logger,
    ) -> None:
        self._handler = handler
        self._direction = direction
        self._sources = sources
        self._clock = clock
        self.calls = calls
        self.metrics = metrics
        self._log = log

    def __call__(self, request: Request) -> Coroutine[Any, Any, None] | None:
        """Have one request handled and recorded; at once, or by what it gives."""
        headers = request.headers
        call = self.calls.start(
            self._direction,
            request.method,
            request.target,
            message_id(headers, "x-request-id"),
            message_id(headers, "x-correlation-id"),
        )
        call.headers, call.source = headers, self.source_of(request.peer, headers)
        request.context = call
        request.on_refused = self._refuse
        request.at_end(self._ended)
        try:
            handling = self._handler(request, call)
        except Exception as error:  # noqa: BLE001 - the last stop: nothing leaves a listener without an answer
            self._refuse(request, error)
            return None
        if handling is None:
            return None
        if isinstance(handling, Response):
            self._respond(request, call, handling)
            return None
        return self._handle(request, call, handling)

    def source_of(self, peer: str, headers: Mapping[str, str]) -> str:
        """Where a request comes from: the other end of its connection, or whom a trusted proxy names."""
        forwarded_for = headers.get("x-forwarded-for")
        return self._sources.of(peer, forwarded_for) if forwarded_for else peer

    def resume(self, request: Request, call: Call) -> None:
        """See a request to its end that was forwarded already."""
        request.context, request.on_refused = call, self._refuse
        request.at_end(self._ended)

    async def _handle(self, request: Request, call: Call, handling: Coroutine[Any, Any, Response | None]) -> None:
        current_call.set(call)
        try:
            response = await handling
        except Exception as error:  # noqa: BLE001 - as above
            self._refuse(request, error)
            return
        if response is not None:
            self._respond(request, call, response)

    def _respond(self, request: Request, call: Call, response: Response) -> None:
        call.http_status = response.http_status
        request.respond(response)

    def _ended(self, request: Request) -> None:
        call: Call = request.context
        if request.gone and not request.answered:
            if request.is_cut:
                call.fault, call.reason = Fault.OPERATOR, "the gateway was stopped before the answer"
            elif not call.fault:
                call.http_status = 0
                call.reason = call.reason or "the client hung up before the answer"
        self.calls.finish(call)

    def _refuse(self, request: Request, error: Exception) -> None:
        """Answer what a handler, or whatever goes on behind it, ended with."""
        call: Call = request.context
        if isinstance(error, UnauthenticatedError):
            call.fault, call.reason, call.partner = Fault.PARTNER, error.detail, call.partner or error.partner
            self.metrics.auth_failed(error.refusal)
            answer = UNAUTHORIZED
        elif isinstance(error, RefusedError):
            call.fault, call.reason, answer = error.fault, error.message, error.answer
        elif isinstance(error, StoreUnavailableError):
            call.fault, call.reason, answer = error.fault, str(error), _STORE_FAILED
        else:
            call.fault, call.reason, answer = Fault.GATEWAY, type(error).__name__, _INTERNAL
            self._log.error(Event.REQUEST_CRASHED, request_id=call.request_id, exc_info=error)
        if request.begun or request.gone:  # cut it, so that nobody takes both for one
            request.abort()
        else:
            self._respond(request, call, make_response(answer, call, now=self._clock()))
