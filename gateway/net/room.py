"""Room for connections: so many in all, and so many from one source (hardening.md, T10, D1, D7)."""

from collections import Counter
from collections.abc import Callable

from gateway.net.source import Sources, subscriber


class Room:
    """How many connections one listener takes.

    Args:
        in_all: at one time.
        per_source: from one source at one time; None for as many as there is room for.
        sources: tells proxies, through which many clients come, from sources.
        on_full: told at each connection that there is no room for of what there are too many: `connections`, or
            `connections_per_source`.
    """

    def __init__(
        self,
        in_all: int,
        *,
        per_source: int | None = None,
        sources: Sources | None = None,
        on_full: Callable[[str], None] = lambda _limit: None,
    ) -> None:
        self._in_all = in_all
        self._per_source = per_source
        self._sources = sources or Sources()
        self._on_full = on_full
        self._by_source: Counter[str] = Counter()

    def admits(self, peer: str, *, among: int) -> bool:
        """Whether one more connection of a peer has room among so many."""
        if among >= self._in_all:
            self._on_full("connections")
            return False
        if self._per_source is None or self._by_source[subscriber(peer)] < self._per_source:
            return True
        if self._sources.is_trusted(peer):
            return True
        self._on_full("connections_per_source")
        return False

    def enter(self, peer: str) -> None:
        """A connection is open."""
        self._by_source[subscriber(peer)] += 1

    def leave(self, peer: str) -> None:
        """It is closed."""
        key = subscriber(peer)
        self._by_source[key] -= 1
        if self._by_source[key] <= 0:
            del self._by_source[key]
