"""A deadline that is set anew with every request and hardly ever passes: one timer of the event loop serves many."""

import asyncio
import math
from collections.abc import Callable


class Alarm:
    """Calls back once when a moment has come that was not put off or called off before.

    Setting it costs an assignment: the timer that is under way is left alone as long as it fires early enough, and
    then looks whether there is anything to wait for.
    """

    __slots__ = ("_due", "_fires", "_loop", "_now", "_on_due", "_timer")

    def __init__(self, loop: asyncio.AbstractEventLoop, on_due: Callable[[], None]) -> None:
        self._loop = loop
        self._now = loop.time
        self._on_due = on_due
        self._due = math.inf
        self._fires = math.inf
        self._timer: asyncio.TimerHandle | None = None

    def set(self, seconds: float) -> None:
        """Call back in so many seconds, whatever was set before."""
        self._due = due = self._now() + seconds
        if due < self._fires:
            self._start(due)

    def off(self) -> None:
        """Don't call back."""
        self._due = math.inf

    def close(self) -> None:
        """Give the timer back."""
        self._due = self._fires = math.inf
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _start(self, moment: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._fires = moment
        self._timer = self._loop.call_at(moment, self._fire)

    def _fire(self) -> None:
        self._timer, self._fires = None, math.inf
        if self._due == math.inf:
            return
        if self._loop.time() < self._due:
            self._start(self._due)
            return
        self._due = math.inf
        self._on_due()
