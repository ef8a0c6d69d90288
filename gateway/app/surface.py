"""One request through a listener: its ids, its record, and every ending that isn't a forwarded answer.

Whatever a handler raises becomes an OCPI envelope here, and the record says whose fault it was. Only a client that hung
up gets none.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web
from structlog.typing import FilteringBoundLogger as Logger

from gateway.app.answering import UNAUTHORIZED, make_response
from gateway.net.server import is_cut, message_id
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

CallHandler = Callable[[web.BaseRequest, Call], Awaitable[web.StreamResponse]]

_STORE_FAILED: Final = Answer(503, StatusCode.SERVER_ERROR, "temporarily not possible; please try again later")
_INTERNAL: Final = Answer(500, StatusCode.SERVER_ERROR, "internal error of the gateway; its log has the details")


class Surface:
    """Wraps the handler of a listener.

    Args:
        sources: tells where a request comes from.
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
        self._calls = calls
        self._metrics = metrics
        self._log = log

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Handle one request and record it."""
        call = self._calls.start(
            direction=self._direction,
            method=request.method,
            path=request.raw_path,
            request_id=message_id(request.headers, "X-Request-ID"),
            correlation_id=message_id(request.headers, "X-Correlation-ID"),
        )
        call.headers = request.headers
        call.source = self._sources.of(request.remote or "", request.headers.getall("X-Forwarded-For", ()))
        current_call.set(call)
        try:
            response = await self._answered(request, call)
        except (asyncio.CancelledError, ConnectionError):
            if not call.http_status:
                self._note_end(request, call)
            raise
        else:
            call.http_status = response.status
            return response
        finally:
            self._calls.finish(call)

    def _note_end(self, request: web.BaseRequest, call: Call) -> None:
        if is_cut(request):
            call.fault, call.reason = Fault.OPERATOR, "the gateway was stopped before the answer"
        else:
            call.reason = call.reason or "the client hung up before the answer"

    async def _answered(self, request: web.BaseRequest, call: Call) -> web.StreamResponse:
        try:
            return await self._handler(request, call)
        except UnauthenticatedError as error:
            call.fault, call.reason, call.partner = Fault.PARTNER, error.detail, call.partner or error.partner
            self._metrics.auth_failed(error.refusal)
            return self._refuse(request, call, UNAUTHORIZED)
        except RefusedError as error:
            call.fault, call.reason = error.fault, error.message
            return self._refuse(request, call, error.answer)
        except StoreUnavailableError as error:
            call.fault, call.reason = error.fault, str(error)
            return self._refuse(request, call, _STORE_FAILED)
        except (ConnectionError, asyncio.CancelledError):
            raise
        except Exception as error:  # noqa: BLE001 - the last stop: nothing leaves a listener without an answer
            call.fault, call.reason = Fault.GATEWAY, type(error).__name__
            self._log.error(Event.REQUEST_CRASHED, request_id=call.request_id, exc_info=error)
            return self._refuse(request, call, _INTERNAL)

    def _refuse(self, request: web.BaseRequest, call: Call, answer: Answer) -> web.Response:
        """Answer with a refusal; where an answer is under way already, cut it, so that nobody takes both for one."""
        if request.writer.output_size > 0:
            if request.transport is not None:
                request.transport.abort()
            raise ConnectionError("the answer was already under way")
        return make_response(answer, call, now=self._clock())
