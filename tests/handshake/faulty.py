"""A store that crashes where a test wants it to, and remembers every state that the database was in."""

import asyncio
from contextlib import contextmanager
from typing import NamedTuple

from sqlalchemy import text

from gateway.store.engine import Store

_PARTNERS = "SELECT id, state, suspended, leaving, version, versions_url FROM partner"
_INBOUND = "SELECT id, state, provable FROM inbound_token"
_OUTBOUND = "SELECT id, kind, state FROM outbound_token"


class Seen(NamedTuple):
    """What the registrations came to, and how many rows the audit trail had."""

    partners: frozenset
    inbound: frozenset
    outbound: frozenset
    audit_rows: int


def look(connection):
    """The state of the database."""
    rows = (frozenset(map(tuple, connection.execute(text(query)))) for query in (_PARTNERS, _INBOUND, _OUTBOUND))
    return Seen(*rows, connection.execute(text("SELECT count(*) FROM audit")).scalar_one())


class FaultyStore(Store):
    """A store of the tests.

    Attributes:
        history: before and after each transaction that wrote, of every process on this database.
        writes: how many transactions it was asked for.
    """

    def __init__(self, url, *, beside=None, **options):
        super().__init__(url, **options)
        self.history = [] if beside is None else beside.history
        self.writes = 0
        self._crash = None

    @contextmanager
    def crashing(self, point, *, write=1):
        """The process ends `before` or `after` that transaction, counted from now."""
        self._crash = (point, self.writes + write)
        try:
            yield
        finally:
            assert self._crash is None, "it came to no crash"

    async def write(self, work):
        self.writes += 1
        point, number = self._crash or ("", 0)
        if self.writes != number:
            return await super().write(self._witnessed(work))
        self._crash = None
        if point == "after":
            await super().write(self._witnessed(work))
        raise asyncio.CancelledError

    def _witnessed(self, work):
        def witnessed(connection):
            before = look(connection)
            done = work(connection)
            self.history.append((before, look(connection)))
            return done

        return witnessed
