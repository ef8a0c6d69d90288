"""The access log: one event and one set of counts for each request through a listener."""

from collections.abc import Callable
from typing import Final, Protocol

import structlog
from structlog.typing import FilteringBoundLogger

from gateway.observe.call import Call, Direction
from gateway.observe.events import Event
from gateway.observe.lines import RequestLines, Told, as_bound
from gateway.observe.logs import request_lines
from gateway.observe.metrics import Metrics
from gateway.ocpi.errors import Fault

#: What a partner does wrong is told like any other request.
_EVERYDAY: Final = frozenset({None, Fault.PARTNER})


class Usual(Protocol):
    """A request of a kind that was seen before.

    Attributes:
        kind: direction, partner, module and method.
    """

    kind: tuple[str, str, str, str]
    logged_path: str
    request_id: str
    correlation_id: str
    bytes_in: int
    content_length: str | None

    def told(self, lines: RequestLines) -> Told | None:
        """What its line has in common with others."""

    def call(self) -> Call:
        """Its record, as far as it goes."""


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
        lines = request_lines() if call.fault in _EVERYDAY else None
        if lines is None or not lines.write(call, self._bound):
            self._log(call)

    def start_usual(self, direction: Direction) -> None:
        """A request of which there is no record yet begins; `finish_usual` has to follow, or `finish` with a record."""
        self._traffic.in_flight[direction] += 1

    def finish_usual(self, usual: Usual, http_status: int, bytes_out: int, *, waited: float, lasted: float) -> None:
        """Log and count a request that was answered as most are.

        Args:
            waited: for how many seconds the other side was waited for.
            lasted: how many seconds all took.
        """
        self._traffic.count((*usual.kind, http_status), lasted, waited)
        lines = request_lines()
        told = usual.told(lines) if lines is not None else None
        if (
            lines is None
            or told is None
            or not lines.write_line(
                told,
                path=usual.logged_path,
                http_status=http_status,
                ids=(usual.request_id, usual.correlation_id),
                seconds=(max(lasted - waited, 0.0), waited),
                sizes=(usual.bytes_in, bytes_out),
                content_length=usual.content_length,
                more=self._bound,
            )
        ):
            call = usual.call()
            call.http_status, call.bytes_out = http_status, bytes_out
            call.upstream_seconds, call.total_seconds = waited, lasted
            self._log(call)

    def _log(self, call: Call) -> None:
        log = self._logger.info
        if call.fault is Fault.GATEWAY:
            log = self._logger.error
        elif call.fault in {Fault.BACKEND, Fault.OPERATOR}:
            log = self._logger.warning
        log(Event.REQUEST, **call.fields())
