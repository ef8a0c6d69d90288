"""The access log: one event and one set of counts for each request through a listener."""

from collections.abc import Callable
from typing import Final

import structlog
from structlog.typing import FilteringBoundLogger

from gateway.observe.call import Call, Direction
from gateway.observe.events import Event
from gateway.observe.lines import as_bound
from gateway.observe.logs import write_request
from gateway.observe.metrics import Metrics
from gateway.ocpi.errors import Fault

#: What a partner does wrong is told like any other request.
_EVERYDAY: Final = frozenset({None, Fault.PARTNER})


class CallLog:
    """Starts and finishes calls.

    Args:
        logger: a bound one (`structlog.get_logger().bind()`), because an unbound one is put together at each use.
        monotonic: gives seconds that only ever grow, such as `time.monotonic`.
    """

    def __init__(self, *, logger: FilteringBoundLogger, metrics: Metrics, monotonic: Callable[[], float]) -> None:
        self._logger = logger
        self._bound = as_bound(structlog.get_context(logger))
        self._traffic = metrics.traffic
        self.monotonic = monotonic

    def start(self, direction: Direction, method: str, path: str, request_id: str, correlation_id: str) -> Call:
        """Begin the record of a request; `finish` has to follow, exactly once."""
        self._traffic.in_flight[direction] += 1
        return Call(direction, method, path.partition("?")[0], request_id, correlation_id, self.monotonic())

    def finish(self, call: Call) -> None:
        """Log and count a request; exactly once for each that was started."""
        call.total_seconds = self.monotonic() - call.started
        self._traffic.finished(call)
        if call.fault in _EVERYDAY and write_request(call, self._bound):
            return
        log = self._logger.info
        if call.fault is Fault.GATEWAY:
            log = self._logger.error
        elif call.fault in {Fault.BACKEND, Fault.OPERATOR}:
            log = self._logger.warning
        log(Event.REQUEST, **call.fields())
