"""`Store`: the database, and the only way to run a transaction on it.

The work of a transaction is an ordinary function on a connection. It can't await anything, so a transaction is never
open across the network (handshake.md, rule 1). Each has a connection to itself, begins with the write lock where it
writes, and its commit isn't lost to a cancelled request (hardening.md, T4). `sqlite` and `postgres` say how.
"""

import asyncio
import socket
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, nullcontext
from typing import Any, Final, TypeVar

from sqlalchemy import URL, Connection, make_url
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.ocpi.errors import InternalError
from gateway.store import postgres, sqlite
from gateway.store.claims import Claims, FileLocks, ServerLocks

T = TypeVar("T")

BUSY_SECONDS: Final = 5.0
#: What must be free for a transaction and its journal.
_SPARE_BYTES: Final = 262_144

#: What drivers say, and what that means to the person on call.
_CAUSES: Final = (
    ("full", "the disk is full", "Free space where the database lies"),
    ("disk i/o", "the disk reports an error", "Check the disk and its mount where the database lies"),
    ("readonly", "the database can't be written", "Make the database file and its folder writable for this user"),
    ("read-only", "the database can't be written", "Make the database file and its folder writable for this user"),
    ("permission", "the database can't be written", "Make the database file and its folder writable for this user"),
    ("lock timeout", "the database is locked by another program", "Find who holds it: only gateways may write to it"),
    ("timeout", "the database answers too slowly", "Check the database server"),
    ("closed", "the connection to the database was lost", "Check that the database server runs"),
    ("connection", "the database server can't be reached", "Check that it runs, and the address in `database`"),
    ("password", "the database server refuses this user", "Check user and password in `database`"),
    ("does not exist", "there is no such database or user", "Make it, or check the address in `database`"),
    ("locked", "the database is locked by another program", "Find who holds it: only gateways may write to it"),
    ("unable to open", "the database can't be opened", "Check that its folder exists and is writable for this user"),
    ("not a database", "the file is not a database, or damaged", "Restore it from a back-up"),
    ("malformed", "the database is damaged", "Restore it from a back-up"),
)


class StoreUnavailableError(InternalError):
    """The database could not be read or written; nothing of the transaction was kept."""


class Store:
    """A database.

    Args:
        url: `sqlite:///relative/or//absolute/path` or `postgresql://...`.
        busy_seconds: how long a transaction waits for another process's write lock (SQLite).

    Raises:
        OperatorError: the folder of the database can't be made, or the driver isn't installed.
        StoreUnavailableError: the file can't be opened.
    """

    def __init__(self, url: str, *, busy_seconds: float = BUSY_SECONDS) -> None:
        self.url = make_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self._busy_seconds = busy_seconds
        self._engine = _make_engine(self.url, busy_seconds)
        self._file_locks = FileLocks(f"{self.url.database}.claims") if self.is_sqlite and self.url.database else None
        self._claims = Claims(self._file_locks if self.is_sqlite else ServerLocks(self._engine))
        self._transactions: set[asyncio.Future[Any]] = set()
        #: What the newest write failed of; None since one succeeded. Readiness tells of it.
        self.trouble: StoreUnavailableError | None = None
        #: SQLite lets in one writer at a time and makes the others sleep and try again. Those of one process wait for
        #: their turn here instead, which costs a microsecond.
        self._turn: AbstractAsyncContextManager[None] = asyncio.Lock() if self.is_sqlite else nullcontext()

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a transaction that sees one state of the database.

        Raises:
            StoreUnavailableError: with the cause in words.
        """
        return await self._unbroken(work, writing=False)

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a transaction that holds the write lock; it is committed before this returns.

        A caller that is cancelled meanwhile doesn't stop it: it ends committed whole, or not at all.

        Raises:
            StoreUnavailableError: with the cause in words; nothing was kept.
        """
        trouble = self.trouble
        try:
            done = await self._unbroken(work, writing=True)
        except StoreUnavailableError as error:
            self.trouble = error
            raise
        if self.trouble is trouble:  # what failed while this one waited for its turn is newer
            self.trouble = None
        return done

    @asynccontextmanager
    async def claim(self, name: str) -> AsyncIterator[None]:
        """Be the only one in a handshake with a partner while the block runs, among all processes.

        Raises:
            UnderWayError: somebody else is.
            StoreUnavailableError: that can't be found out; the cause in words.
        """
        async with AsyncExitStack() as stack:
            try:
                await stack.enter_async_context(self._claims.claim(name))
            except (SQLAlchemyError, OSError) as error:
                raise _unavailable(error) from error
            yield

    def check_disk(self) -> None:
        """Look whether an SQLite database may be written to, and whether there is room for a handshake where it lies.

        Raises:
            StoreUnavailableError: there isn't.
        """
        if not self.is_sqlite or not self.url.database:
            return
        try:
            free = sqlite.free_bytes(self.url.database)
        except OSError as error:
            raise _unavailable(error) from error
        if not sqlite.can_write(self.url.database):
            raise _unavailable(PermissionError("read-only"))
        if free < _SPARE_BYTES:
            raise StoreUnavailableError("the disk is full", remedy="Free space where the database lies")

    async def listen(self, on_change: Callable[[], None]) -> None:
        """Call back whenever another process told of a change; ends where it can't, and when the connection ends.

        Raises:
            StoreUnavailableError: the database server can't be reached.
        """
        if self.is_sqlite:
            return
        try:
            await postgres.listen(self._engine, on_change)
        except (SQLAlchemyError, OSError) as error:
            raise _unavailable(error) from error

    async def close(self) -> None:
        """Let transactions under way end, then close every connection."""
        if self._transactions:
            await asyncio.wait(self._transactions)
        await self._engine.dispose()
        if self._file_locks is not None:
            self._file_locks.close()

    async def _unbroken(self, work: Callable[[Connection], T], *, writing: bool) -> T:
        """Run a transaction to its end though its caller is cancelled: a connection given up half-way is lost."""
        transaction = asyncio.ensure_future(self._run(work, writing=writing))
        self._transactions.add(transaction)
        transaction.add_done_callback(self._ended)
        return await asyncio.shield(transaction)

    @asynccontextmanager
    async def _taking_turns(self) -> AsyncIterator[None]:
        """Wait for the other writers of this process, no longer than for one of another process."""
        async with AsyncExitStack() as stack:
            try:
                async with asyncio.timeout(self._busy_seconds):
                    await stack.enter_async_context(self._turn)
            except TimeoutError:
                raise StoreUnavailableError(
                    "the database takes nothing in time", remedy="See what else writes to it, and the disk"
                ) from None
            yield

    def _ended(self, transaction: asyncio.Future[Any]) -> None:
        """Forget a transaction; what it failed of is its caller's to tell, unless that one has gone."""
        self._transactions.discard(transaction)
        if not transaction.cancelled():
            transaction.exception()

    async def _run(self, work: Callable[[Connection], T], *, writing: bool) -> T:
        try:
            async with self._taking_turns() if writing else nullcontext(), self._engine.connect() as connection:
                await connection.execution_options(writing=writing)
                async with connection.begin():
                    return await connection.run_sync(work)
        except (SQLAlchemyError, OSError) as error:  # drivers of servers let socket errors through
            raise _unavailable(error) from error


def _make_engine(url: URL, busy_seconds: float) -> AsyncEngine:
    if url.get_backend_name() != "sqlite":
        return postgres.make_engine(url, busy_seconds=busy_seconds)
    try:
        return sqlite.make_engine(url, busy_seconds=busy_seconds)
    except sqlite3.Error as error:
        raise _unavailable(error) from error


def _unavailable(error: Exception) -> StoreUnavailableError:
    if isinstance(error, ConnectionError | TimeoutError | socket.gaierror):
        return StoreUnavailableError(
            "the database server can't be reached", remedy="Check that it runs, and the address in `database`"
        )
    said = str(error.orig if isinstance(error, DBAPIError) else error).lower()
    for mark, cause, remedy in _CAUSES:
        if mark in said:
            return StoreUnavailableError(cause, remedy=remedy)
    return StoreUnavailableError(f"the database failed ({type(error).__name__})", remedy="See the log for its cause")
