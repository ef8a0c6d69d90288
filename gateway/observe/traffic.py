"""Counts of requests in plain numbers: this is done for every one, and a metric object costs ten times as much.

`gateway.observe.metrics` shows them.
"""

from bisect import bisect_left
from collections import defaultdict
from typing import Final

from gateway.observe.call import Call
from gateway.ocpi.vocabulary import METHODS

OTHER: Final = "other"
BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_CODE_CLASSES: Final = {1: "1xx", 2: "2xx", 3: "3xx", 4: "4xx", 5: "5xx"}


#: Direction, partner, module, method and HTTP status.
Kind = tuple[str, str, str, str, int]


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

    @property
    def is_empty(self) -> bool:
        """Whether none was counted."""
        return not any(self._counts)

    def buckets(self) -> list[tuple[str, float]]:
        """How many lasted at most so long, by the bound as Prometheus writes it."""
        bounds = [*map(str, BUCKETS), "+Inf"]
        return [(bound, float(sum(self._counts[: place + 1]))) for place, bound in enumerate(bounds)]


class Tally:
    """What is counted of requests with the same labels.

    Attributes:
        labels: direction, partner, module, method and code class.
    """

    __slots__ = ("labels", "lasted", "number", "waited")

    def __init__(self, labels: tuple[str, ...], lasted: Series, waited: Series) -> None:
        self.labels = labels
        self.number = 0
        self.lasted = lasted
        self.waited = waited


class Traffic:
    """Counts, by the labels that they are shown with.

    Args:
        modules: each other one is counted as `other`, so that no stranger can make up labels.
    """

    def __init__(self, modules: frozenset[str]) -> None:
        self.in_flight: defaultdict[str, int] = defaultdict(int)
        self.statuses: defaultdict[tuple[str, ...], int] = defaultdict(int)
        self.durations: defaultdict[tuple[str, ...], Series] = defaultdict(Series)
        self.upstream: defaultdict[tuple[str, ...], Series] = defaultdict(Series)
        self.tallies: dict[tuple[str, ...], Tally] = {}
        self._usual: dict[Kind, Tally] = {}
        self._modules = modules | {""}

    def finished(self, call: Call) -> None:
        """It was answered, or given up; what was in flight until now."""
        kind = (call.direction, call.partner, call.module, call.method, call.http_status)
        self.count(kind, call.total_seconds, call.upstream_seconds)
        if call.status_code is not None:
            self.statuses[call.direction, call.partner, str(call.status_code)] += 1

    def count(self, kind: Kind, lasted: float, waited: float | None) -> None:
        """One of a kind is over.

        Args:
            lasted: seconds, from its head to the end of its answer.
            waited: seconds of that which the other side took; None where it was not asked.
        """
        self.in_flight[kind[0]] -= 1
        tally = self._usual.get(kind) or self._tally(*kind)
        tally.number += 1
        tally.lasted.observe(lasted)
        if waited is not None:
            tally.waited.observe(waited)

    def _tally(self, direction: str, partner: str, module: str, method: str, http_status: int) -> Tally:
        module = module if module in self._modules else OTHER
        method = method if method in METHODS else OTHER
        code_class = _CODE_CLASSES.get(http_status // 100, OTHER)
        labels = (direction, partner, module, method, code_class)
        tally = self.tallies.get(labels)
        if tally is None:
            about = (direction, module)
            tally = self.tallies[labels] = Tally(labels, self.durations[about], self.upstream[about])
        if OTHER not in {module, method, code_class}:
            self._usual[direction, partner, module, method, http_status] = tally
        return tally
