"""Disks that fail, for real: full, read-only, locked by another program; each is a context around what is tried."""

import asyncio
import os
import sqlite3
import tempfile
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import event
from sqlalchemy.pool import Pool

NOBODY = 65534

#: Every change of a partner needs room now, so that none fits into pages that are half empty.
_FILL = """
BEGIN IMMEDIATE;
CREATE TABLE filler (padding BLOB);
CREATE TRIGGER fill AFTER UPDATE ON store_state BEGIN INSERT INTO filler VALUES (zeroblob(65536)); END;
COMMIT;
"""
_CLEAR = "BEGIN IMMEDIATE; DROP TRIGGER fill; DROP TABLE filler; COMMIT;"
_NO_MORE, _ANY = 1, 2**30


def _limit(connection, record, _proxy):
    _set_most_pages(connection, _NO_MORE)
    record.info["limited"] = True


def _lift(connection, record):
    """Stays for good: a connection may be given back only after its disk has room again."""
    if record.info.pop("limited", False):
        _set_most_pages(connection, _ANY)


def _set_most_pages(connection, number):
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA max_page_count = {number}")
    cursor.close()


@contextmanager
def full(database):
    """SQLite finds no room for another page, in any connection of this process."""
    if not event.contains(Pool, "checkin", _lift):
        event.listen(Pool, "checkin", _lift)
    with closing(sqlite3.connect(database, isolation_level=None, check_same_thread=False)) as connection:
        connection.executescript(_FILL)
        event.listen(Pool, "checkout", _limit)
        try:
            yield
        finally:
            event.remove(Pool, "checkout", _limit)
            connection.executescript(_CLEAR)


@contextmanager
def read_only(database):
    """Neither the file nor its folder can be written to; a test run by root acts as an ordinary user meanwhile."""
    database = Path(database)
    files = [database.with_name(f"{database.name}{suffix}") for suffix in ("", ".key", ".claims")]
    before = {path: path.stat().st_mode & 0o777 for path in (*filter(Path.exists, files), database.parent)}
    user = os.geteuid()
    with locked(database):  # no transaction is under way
        for path in before:
            path.chmod(0o555 if path.is_dir() else 0o444)
        if user == 0:
            os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(user)
        for path, mode in before.items():
            path.chmod(mode)


@contextmanager
def locked(database):
    """Nothing can be written, because another program holds the database."""
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


@asynccontextmanager
async def running_on(failing):
    """Such a context where a gateway runs in this event loop: its transaction under way has to end first."""
    await asyncio.to_thread(failing.__enter__)
    try:
        yield
    finally:
        await asyncio.to_thread(failing.__exit__, None, None, None)


#: Each way in which a disk that can be read fails to take what is written: its name and the context.
FAILING = {"full": full, "read-only": read_only, "locked": locked}
failing_disks = pytest.mark.parametrize("failing", FAILING.values(), ids=FAILING)


@contextmanager
def open_folder():
    """A folder that every user of the machine may look into, unlike pytest's own."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)
