"""Rounds: every lane once, in random order, the lanes of a workload right after one another, until the time is over."""

import random
import time
from collections import defaultdict
from collections.abc import Callable, Iterable

from bench.figures import FOREIGN_SHARE
from bench.place import Place
from bench.slices import Lane, Slice, WrongAnswerError, clients_of


def check(lanes: Iterable[Lane], place: Place, *, seconds: float) -> None:
    """Ask each lane for so long before anything is timed.

    Raises:
        WrongAnswerError: an answer was not what it must be.
    """
    for lane in lanes:
        with clients_of(lane, place) as clients:
            clients.run(seconds)
        lane.serving.running.empty()


def run(
    lanes: Iterable[Lane],
    take: Callable[[Lane, int], Slice],
    *,
    most: int,
    deadline: float,
    tell: Callable[[str], None],
) -> list[Slice]:
    """At most so many rounds, and after the first none that would end after `deadline` (of `time.monotonic`).

    Args:
        take: measures one slice of a lane in a round.

    Raises:
        WrongAnswerError: a proxy did not answer as it must, twice in a row.
    """

    def once_more(lane: Lane) -> Slice:
        try:
            return take(lane, number)
        except WrongAnswerError as error:
            tell(f"once more: {error}")
            return take(lane, number)

    groups: dict[str, list[Lane]] = defaultdict(list)
    for lane in lanes:
        groups[lane.workload.name].append(lane)
    slices: list[Slice] = []
    longest = 0.0
    for number in range(1, most + 1):
        started = time.monotonic()
        if longest and started + longest > deadline:
            break
        taken = [once_more(lane) for group in _shuffled(groups.values()) for lane in _shuffled(group)]
        longest = max(longest, time.monotonic() - started)
        disturbed = sum(each.foreign_share > FOREIGN_SHARE for each in taken)
        tell(f"round {number}: {time.monotonic() - started:.0f} s; foreign load on {disturbed} of {len(taken)} slices")
        slices += taken
    return slices


def _shuffled(items: Iterable) -> list:
    mixed = list(items)
    random.shuffle(mixed)
    return mixed
