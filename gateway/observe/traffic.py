"""Counts of requests in plain numbers: this is done for every one, and a metric object costs ten times as much.

`gateway.observe.metrics` shows them.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable
from typing import Final

from gateway.observe.call import Call
from gateway.ocpi.vocabulary import METHODS

OTHER: Final = "other"
BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_CODE_CLASSES: Final = {1: "1xx", 2: "2xx", 3: "3xx", 4: "4xx", 5: "5xx"}


class Series:
    """A histogram of seconds.

    Attributes:
        counts: how many were in each bucket, the last one without a bound.
    """

    __slots__ = ("counts", "total")

    def __init__(self) -> None:
        self.counts = [0] * (len(BUCKETS) + 1)
        self.total = 0.0

    @property
    def is_empty(self) -> bool:
        """Whether none was counted."""
        return not any(self.counts)

    def buckets(self) -> list[tuple[str, float]]:
        """How many lasted at most so long, by the bound as Prometheus writes it."""
        bounds = [*map(str, BUCKETS), "+Inf"]
        return [(bound, float(sum(self.counts[: place + 1]))) for place, bound in enumerate(bounds)]


class Tally:
    """What is counted of requests with the same labels."""

    __slots__ = ("lasted", "number", "waited")

    def __init__(self, lasted: Series, waited: Series) -> None:
        self.number = 0
        self.lasted = lasted
        self.waited = waited

    def count(self, lasted: float, waited: float | None) -> None:
        """One of them is over.

        Args:
            lasted: seconds, from its head to the end of its answer.
            waited: seconds of that which the other side took; None where it was not asked.
        """
        self.number += 1
        series = self.lasted
        series.counts[bisect_left(BUCKETS, lasted)] += 1
        series.total += lasted
        if waited is not None:
            series = self.waited
            series.counts[bisect_left(BUCKETS, waited)] += 1
            series.total += waited


class Traffic:
    """Counts, by the labels that they are shown with.

    Args:
        modules, auth_reasons: each other one is counted as `other`, so that no stranger can make up labels.
    """

    def __init__(self, modules: frozenset[str], auth_reasons: Iterable[str] = ()) -> None:
        self.in_flight: defaultdict[str, int] = defaultdict(int)
        self.statuses: defaultdict[tuple[str, ...], int] = defaultdict(int)
        self.auth_failures: dict[tuple[str, ...], int] = dict.fromkeys(((reason,) for reason in auth_reasons), 0)
        self.durations: defaultdict[tuple[str, ...], Series] = defaultdict(Series)
        self.upstream: defaultdict[tuple[str, ...], Series] = defaultdict(Series)
        self.tallies: dict[tuple[str, ...], Tally] = {}
        self._modules = modules | {""}

    def auth_failed(self, reason: str) -> None:
        """A token was refused."""
        key = (reason,) if (reason,) in self.auth_failures else (OTHER,)
        self.auth_failures[key] = self.auth_failures.get(key, 0) + 1

    def finished(self, call: Call) -> None:
        """It was answered, or given up; what was in flight until now."""
        self.in_flight[call.direction] -= 1
        tally = self.tally(call.direction, call.partner, call.module, call.method, call.http_status)
        tally.count(call.total_seconds, call.upstream_seconds)
        if call.status_code is not None:
            self.answered_by_us(call.direction, call.partner, call.status_code)

    def answered_by_us(self, direction: str, partner: str, status_code: int) -> None:
        """An answer was an OCPI envelope of the gateway's own."""
        self.statuses[direction, partner, str(status_code)] += 1

    def tally(self, direction: str, partner: str, module: str, method: str, http_status: int) -> Tally:
        """What counts such requests."""
        module = module if module in self._modules else OTHER
        method = method if method in METHODS else OTHER
        labels = (direction, partner, module, method, _CODE_CLASSES.get(http_status // 100, OTHER))
        tally = self.tallies.get(labels)
        if tally is None:
            about = (direction, module)
            tally = self.tallies[labels] = Tally(self.durations[about], self.upstream[about])
        return tally
