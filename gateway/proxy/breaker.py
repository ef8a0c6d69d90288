"""Circuit breakers: another side that can't be reached is asked now and then, not by every request that wants it.

Each request would wait for its time-out otherwise, and hold what it holds meanwhile. One request passes in each pause,
so a side that is back is found within one (hardening.md, Figures: backend gone).
"""

import time
from collections.abc import Callable
from typing import Final

from gateway.ocpi.flow import FetchCause

#: Failures by which another side counts as gone; one that answers rubbish is there.
_GONE: Final = frozenset({FetchCause.DNS, FetchCause.REFUSED, FetchCause.TIMEOUT, FetchCause.TLS})


class Breaker:
    """Watches one other side.

    Args:
        failures: in a row after which it counts as gone; 0 for never.
        pause_seconds: between two requests that see whether it is back.
        on_gone: told when it counts as gone.
        on_back: told when it answers again.
        monotonic: gives seconds that only ever grow.

    Attributes:
        failures: in a row, up to now.
    """

    def __init__(
        self,
        *,
        failures: int,
        pause_seconds: float,
        on_gone: Callable[[], None],
        on_back: Callable[[], None],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most = failures
        self._pause_seconds = pause_seconds
        self._on_gone = on_gone
        self._on_back = on_back
        self._monotonic = monotonic
        self.failures = 0
        self._next_try = 0.0

    @property
    def is_open(self) -> bool:
        """Whether the other side counts as gone."""
        return 0 < self._most <= self.failures

    def admits(self) -> bool:
        """Whether a request may go out now; while the other side is gone, one in each pause."""
        if not self.failures or not self.is_open:
            return True
        now = self._monotonic()
        if now < self._next_try:
            return False
        self._next_try = now + self._pause_seconds
        return True

    def answered(self) -> None:
        """The other side answered something."""
        was_open = self.is_open
        self.failures = 0
        if was_open:
            self._on_back()

    def failed(self, cause: FetchCause) -> None:
        """A request came to no answer."""
        if cause not in _GONE:
            return
        was_open = self.is_open
        self.failures += 1
        if self.is_open and not was_open:
            self._next_try = self._monotonic() + self._pause_seconds
            self._on_gone()


class Breakers:
    """One breaker for each partner, or one for the backend under the empty name.

    Args:
        on_gone: told of whom.
        on_back: the same.
    """

    def __init__(
        self,
        *,
        failures: int,
        pause_seconds: float,
        on_gone: Callable[[str], None],
        on_back: Callable[[str], None],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._failures = failures
        self._pause_seconds = pause_seconds
        self._on_gone = on_gone
        self._on_back = on_back
        self._monotonic = monotonic
        self._breakers: dict[str, Breaker] = {}

    def of(self, name: str) -> Breaker:
        """The breaker of a partner; there are only as many as partners."""
        breaker = self._breakers.get(name)
        if breaker is None:
            breaker = self._breakers[name] = Breaker(
                failures=self._failures,
                pause_seconds=self._pause_seconds,
                on_gone=lambda: self._on_gone(name),
                on_back=lambda: self._on_back(name),
                monotonic=self._monotonic,
            )
        return breaker
