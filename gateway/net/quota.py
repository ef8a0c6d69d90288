"""So much a second, by key: the generic cell rate algorithm (GCRA), which keeps one number for each key."""

from collections.abc import Callable, Hashable
from typing import Final

_MOST_KEYS: Final = 65536


class Quota:
    """Allows each key a steady rate, and as much at once as a burst.

    Args:
        per_second: the rate.
        burst: how much may come at once after a pause; at least 1.
        monotonic: gives seconds that only ever grow.
        most_keys: how many keys are remembered at one time. Beyond, the ones that were seen longest ago are forgotten
            and begin anew, so that a flood of keys costs no memory.
    """

    def __init__(
        self, per_second: float, *, burst: float, monotonic: Callable[[], float], most_keys: int = _MOST_KEYS
    ) -> None:
        self._interval = 1 / per_second
        self._ahead = (max(burst, 1) - 1) * self._interval
        self._monotonic = monotonic
        self._most_keys = most_keys
        self._due: dict[Hashable, float] = {}

    def take(self, key: Hashable) -> float:
        """Take one; gives 0 where it is allowed, else the seconds until one is, and then nothing was taken."""
        now = self._monotonic()
        due = self._due.pop(key, now)
        wait = due - self._ahead - now
        self._due[key] = due if wait > 0 else max(due, now) + self._interval
        if len(self._due) > self._most_keys:
            del self._due[next(iter(self._due))]
        return max(wait, 0.0)

    def has_room(self, key: Hashable) -> bool:
        """Whether one would be allowed now."""
        return self._due.get(key, 0.0) - self._ahead <= self._monotonic()
