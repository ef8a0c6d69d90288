"""Counts of requests in plain numbers: this is done for every one, and a metric object costs ten times as much.

`gateway.observe.metrics` shows them, and decides which labels there may be.
"""

from bisect import bisect_left
from collections import defaultdict
from typing import Final

from gateway.observe.call import Call

BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Series:
    """A histogram of seconds."""

    __slots__ = ("_counts", "total")

    def __init__(self) -> None:
        self._counts = [0] * (len(BUCKETS) + 1)
        self.total = 0.0

    def observe(self, seconds: float) -> None:
        """Count one."""
        self._counts[bisect_left(BUCKETS, seconds)] += 1
        self.total += seconds

    def buckets(self) -> list[tuple[str, float]]:
        """How many lasted at most so long, by the bound as Prometheus writes it."""
        bounds = [*map(str, BUCKETS), "+Inf"]
        return [(bound, float(sum(self._counts[: place + 1]))) for place, bound in enumerate(bounds)]


class Traffic:
    """Counts, by the labels that they are shown with."""

    def __init__(self) -> None:
        self.in_flight: defaultdict[str, int] = defaultdict(int)
        self.requests: defaultdict[tuple[str, ...], int] = defaultdict(int)
        self.statuses: defaultdict[tuple[str, ...], int] = defaultdict(int)
        self.durations: defaultdict[tuple[str, ...], Series] = defaultdict(Series)
        self.upstream: defaultdict[tuple[str, ...], Series] = defaultdict(Series)

    def started(self, direction: str) -> None:
        """A request is in flight."""
        self.in_flight[direction] += 1

    def finished(self, call: Call, *, module: str, method: str, code_class: str) -> None:
        """It was answered, or given up."""
        direction, partner = call.direction, call.partner
        self.in_flight[direction] -= 1
        self.requests[direction, partner, module, method, code_class] += 1
        self.durations[direction, module].observe(call.total_seconds)
        if call.upstream_seconds is not None:
            self.upstream[direction, module].observe(call.upstream_seconds)
        if call.status_code is not None:
            self.statuses[direction, partner, str(call.status_code)] += 1
