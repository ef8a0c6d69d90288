"""One handshake with a partner at a time, whichever process runs it.

A claim belongs to the operating system or to the database server, not to a row: it ends with the process that holds
it. So a crash leaves no partner stuck "in progress" (handshake.md, RP1), nobody guesses from a deadline whether
its holder still lives, and no transaction is open meanwhile (rule 1).

SQLite      a lock on one byte of `<database>.claims`
PostgreSQL  an advisory lock of a connection of its own
"""

import fcntl
import os
import struct
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from hashlib import blake2b
from typing import Final, Protocol

from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.ocpi.errors import OperatorError

#: Locks of an open file, not of a process: closing the same file elsewhere in this process doesn't end them. Linux.
_SET_LOCK: Final = getattr(fcntl, "F_OFD_SETLK", fcntl.F_SETLK)
_HIGHEST: Final = 2**62 - 1


class UnderWayError(OperatorError):
    """Another handshake with the same partner is under way, here or in another process."""

    def __init__(self) -> None:
        super().__init__(
            "a handshake with this partner is already under way",
            remedy="Wait for its end, and see `ocpi-gateway partner show` and `audit` for what it came to",
        )


class Locks(Protocol):
    """Locks on numbers, which end with the process that holds them."""

    def holding(self, number: int) -> AbstractAsyncContextManager[bool]:
        """Hold the lock while the block runs; gives False where another process holds it."""


class Claims:
    """Who is in a handshake with whom.

    Args:
        locks: what keeps other processes out; None where there are none.
    """

    def __init__(self, locks: Locks | None) -> None:
        self._locks = locks
        self._held: set[int] = set()

    @asynccontextmanager
    async def claim(self, name: str) -> AsyncIterator[None]:
        """Be the only one in a handshake with the partner of that name while the block runs.

        Raises:
            UnderWayError: somebody else is.
            OSError: the lock can't be asked for; SQLAlchemyError where it is the database's.
        """
        number = _number_of(name)
        if number in self._held:
            raise UnderWayError
        self._held.add(number)
        try:
            if self._locks is None:
                yield
                return
            async with self._locks.holding(number) as held:
                if not held:
                    raise UnderWayError
                yield
        finally:
            self._held.discard(number)


class FileLocks:
    """Locks on single bytes of a file, which stays empty and is made at the first use."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._file: int | None = None

    @asynccontextmanager
    async def holding(self, number: int) -> AsyncIterator[bool]:
        """Hold the lock on one byte, at once or not at all."""
        if self._file is None:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            self._set(fcntl.F_WRLCK, number)
        except BlockingIOError:
            yield False
            return
        try:
            yield True
        finally:
            self._set(fcntl.F_UNLCK, number)

    def close(self) -> None:
        """Give the file back, and with it every lock."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _set(self, kind: int, number: int) -> None:
        """`struct flock`: kind, origin, start, length, process."""
        if self._file is not None:
            fcntl.fcntl(self._file, _SET_LOCK, struct.pack("hhqqi4x", kind, os.SEEK_SET, number, 1, 0))


class ServerLocks:
    """Advisory locks of a database server; each on a connection of its own, with which it ends."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    @asynccontextmanager
    async def holding(self, number: int) -> AsyncIterator[bool]:
        """Hold an advisory lock, at once or not at all."""
        async with self._engine.connect() as connection:
            await connection.execution_options(isolation_level="AUTOCOMMIT")
            held: bool = (await connection.execute(select(func.pg_try_advisory_lock(number)))).scalar_one()
            try:
                yield held
            finally:
                if held:
                    with suppress(SQLAlchemyError):  # a connection that broke took its locks along
                        await connection.execute(select(func.pg_advisory_unlock(number)))


def _number_of(name: str) -> int:
    """A number for a partner's name, the same in every process; names are compared without letter case."""
    return int.from_bytes(blake2b(name.lower().encode(), digest_size=8).digest()) & _HIGHEST
