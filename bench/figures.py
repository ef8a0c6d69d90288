"""From slices to figures: which rounds count, ratios within a round, medians. Pure."""

import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from bench.slices import Slice

FOREIGN_SHARE = 0.10  # of the machine's CPU time; a slice with more is disturbed
LEAST_ROUNDS = 5

Key = tuple[str, str]  # workload and row


@dataclass(frozen=True)
class Spread:
    """A median with the range around it.

    Attributes:
        disturbed: too few rounds were free of foreign load, so that the least disturbed ones stand here.
    """

    median: float
    least: float
    most: float
    disturbed: bool = False


class Figures:
    """Answers questions about slices.

    Whether a round counts is decided by foreign load alone, never by its result. Where fewer than `LEAST_ROUNDS` would
    count, as many with the least foreign load do, and the figures say so.
    """

    def __init__(self, slices: Iterable[Slice]) -> None:
        self._lanes: dict[Key, dict[int, Slice]] = defaultdict(dict)
        for each in slices:
            self._lanes[each.workload, each.row][each.number] = each

    def rows(self, workload: str) -> list[str]:
        """Of which there are slices, in the order of their names' first slices."""
        return [row for name, row in self._lanes if name == workload]

    def over(self, value: Callable[..., float], *keys: Key) -> Spread | None:
        """A value of the slices of one round, one for each key, over all rounds; None where none has them all."""
        lanes = [self._lanes.get(key, {}) for key in keys]
        rounds = [[lane[number] for lane in lanes] for number in lanes[0] if all(number in lane for lane in lanes)]
        if not rounds:
            return None
        counting = [each for each in rounds if foreign_share(each) <= FOREIGN_SHARE]
        disturbed = len(counting) < min(LEAST_ROUNDS, len(rounds))
        if disturbed:
            counting = sorted(rounds, key=foreign_share)[:LEAST_ROUNDS]
        values = [value(*each) for each in counting]
        return Spread(statistics.median(values), min(values), max(values), disturbed)


def foreign_share(slices: Iterable[Slice]) -> float:
    """The largest foreign load on one of them, from 0 to 1."""
    return max(each.foreign_share for each in slices)


def cpu_us(measured: Slice) -> float:
    """CPU time of a request, in microseconds."""
    return measured.cpu_us


def cheaper(ours: Slice, theirs: Slice) -> float:
    """How many requests the one serves in the CPU time in which the other serves one."""
    return theirs.cpu_us / ours.cpu_us


def dearer(ours: Slice, theirs: Slice) -> float:
    """How many times the CPU time of the other a request takes."""
    return ours.cpu_us / theirs.cpu_us


def added_p50(ours: Slice, direct: Slice) -> float:
    """What a proxy adds to the median of the waits, in microseconds."""
    return ours.p50_us - direct.p50_us


def added_p99(ours: Slice, direct: Slice) -> float:
    """What a proxy adds to the 99th percentile of the waits, in microseconds."""
    return ours.p99_us - direct.p99_us


def added_ratio(ours: Slice, theirs: Slice, direct: Slice) -> float:
    """How many times as much as the other a proxy adds to the median of the waits."""
    return added_p50(ours, direct) / added_p50(theirs, direct)
