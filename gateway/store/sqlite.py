"""SQLite: opened so that a commit is on the disk, with a connection and a write lock for each transaction.

`journal_mode=DELETE` and `synchronous=EXTRA` are safe on every version of SQLite (hardening.md, T4 and T5).
"""

import os
import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from gateway.ocpi.errors import OperatorError
from gateway.store.tables import read_json


def make_engine(url: URL, *, busy_seconds: float) -> AsyncEngine:
    """Make an engine on a database file, which is made where there is none.

    Args:
        busy_seconds: how long a transaction waits for another process's write lock.

    Raises:
        OperatorError: the folder of the database can't be made.
        sqlite3.Error: the file can't be opened.
    """
    if url.database:
        _make_folder(Path(url.database).parent)
        _try_opening(url.database)
    engine = create_async_engine(
        url.set(drivername="sqlite+aiosqlite"),
        connect_args={"timeout": busy_seconds, "isolation_level": None},
        hide_parameters=True,
        json_deserializer=read_json,
    )
    event.listen(engine.sync_engine, "connect", _prepare)
    event.listen(engine.sync_engine, "begin", _begin)
    return engine


def free_bytes(path: str) -> int:
    """How much room there is where a database file lies."""
    disk = os.statvfs(Path(path).absolute().parent)
    return disk.f_bavail * disk.f_frsize


def can_write(path: str) -> bool:
    """Whether a database file and its folder, where the journals lie, may be written to.

    SQLite takes the write lock of a file that it can only read without a word, and fails when something is written.
    """
    effective = os.access in os.supports_effective_ids
    return all(os.access(each, os.W_OK, effective_ids=effective) for each in (path, Path(path).absolute().parent))


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OperatorError(
            f"the folder of the database can't be made: {folder} ({error.strerror})",
            remedy="Name a folder that this user may write to (database)",
        ) from None


def _try_opening(path: str) -> None:
    """Open the file once by hand: where that fails, aiosqlite leaves a thread behind that outlives the event loop.

    A new one is made for this user alone; SQLite gives its journals the same mode.
    """
    with suppress(OSError):  # SQLite says better what is wrong
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    sqlite3.connect(path).close()


def _prepare(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    for pragma in ("journal_mode=DELETE", "synchronous=EXTRA", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Connection) -> None:
    writing = connection.get_execution_options().get("writing", True)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")
