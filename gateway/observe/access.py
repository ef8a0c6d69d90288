"""The access log: one event and one set of counts for each request through a listener."""

from collections.abc import Callable
from typing import Final

import structlog
from structlog.typing import FilteringBoundLogger

from gateway.observe.call import Call, Direction
from gateway.observe.events import Event
from gateway.observe.lines import Told, as_bound
from gateway.observe.logs import request_lines
from gateway.observe.metrics import Metrics
from gateway.observe.traffic import Tally
from gateway.ocpi.errors import Fault

#: What a partner does wrong is told like any other request.
_EVERYDAY: Final = frozenset({None, Fault.PARTNER})


class Kind:
    """Requests that are counted and told of alike.

    Attributes:
        tallies: what counts them, by HTTP status.
        told: what the log says alike of them; None where its pipeline has to look at each.
        status_code: of the OCPI envelopes that they are answered with by us.
    """

    __slots__ = ("labels", "status_code", "tallies", "told")

    def __init__(self, labels: tuple[Direction, str, str, str], status_code: int | None, told: Told | None) -> None:
        self.labels = labels
        self.status_code = status_code
        self.tallies: dict[int, Tally] = {}
        self.told = told


class CallLog:
    """Starts and finishes calls.

    Args:
        logger: a bound one (`structlog.get_logger().bind()`), because an unbound one is put together at each use.
        monotonic: gives seconds that only ever grow, such as `time.monotonic`.

    Attributes:
        in_flight: requests in each direction; to be counted by whoever doesn't `start` one.
    """

    def __init__(self, *, logger: FilteringBoundLogger, metrics: Metrics, monotonic: Callable[[], float]) -> None:
        self._logger = logger
        self._bound = as_bound(structlog.get_context(logger))
        self._traffic = metrics.traffic
        self.in_flight = metrics.traffic.in_flight
        self.monotonic = monotonic

    def start(self, direction: Direction, method: str, path: str, request_id: str, correlation_id: str) -> Call:
        """Begin the record of a request; `finish` has to follow, exactly once."""
        self.in_flight[direction] += 1
        return Call(direction, method, path.partition("?")[0], request_id, correlation_id, self.monotonic())

    def finish(self, call: Call) -> None:
        """Log and count a request; exactly once for each that was started."""
        call.total_seconds = self.monotonic() - call.started
        self._traffic.finished(call)
        lines = request_lines() if call.fault in _EVERYDAY else None
        if lines is None or not lines.write(call, self._bound):
            self.log(call)

    def kind_of(self, call: Call) -> Kind:
        """How requests like this one are counted and told of."""
        lines = request_lines()
        told = None if lines is None else lines.told(call)
        return Kind((call.direction, call.partner, call.module, call.method), call.status_code, told)

    def answered(  # noqa: PLR0917 - names cost, and this is on the path of every request
        self,
        kind: Kind,
        lasted: float,
        target: str,
        http_status: int,
        request_id: str,
        correlation_id: str,
        own_seconds: float,
        upstream_seconds: float | None,
        bytes_in: int,
        bytes_out: int,
        content_length: str | None,
    ) -> bool:
        """Count and log a request that was answered as most are; False where `log` has to follow.

        Args:
            lasted: seconds, from its head to the end of its answer.
            content_length: the header of that name.
        """
        tally = kind.tallies.get(http_status)
        if tally is None:
            tally = kind.tallies[http_status] = self._traffic.tally(*kind.labels, http_status)
        self.in_flight[kind.labels[0]] -= 1
        tally.count(lasted, upstream_seconds)
        if kind.status_code is not None:
            self._traffic.answered_by_us(kind.labels[0], kind.labels[1], kind.status_code)
        lines = request_lines()
        return (
            lines is not None
            and kind.told is not None
            and lines.write_line(
                kind.told,
                self._bound,
                target,
                http_status,
                request_id,
                correlation_id,
                own_seconds,
                upstream_seconds,
                bytes_in,
                bytes_out,
                content_length,
            )
        )

    def log(self, call: Call) -> None:
        """Log a request that was counted."""
        log = self._logger.info
        if call.fault is Fault.GATEWAY:
            log = self._logger.error
        elif call.fault in {Fault.BACKEND, Fault.OPERATOR}:
            log = self._logger.warning
        log(Event.REQUEST, **call.fields())
