"""Transactions: whole or not at all, one writer at a time, and words for every way in which a database fails."""

import asyncio
import os
import shutil
import socket
import sqlite3
import stat
import sys
from contextlib import closing

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from gateway.ocpi.errors import OperatorError
from gateway.store import sqlite
from gateway.store.engine import Store, StoreUnavailableError
from tests import disk


@pytest.fixture
async def counting(tmp_path):
    """A database with a table of numbers."""
    opened = Store(f"sqlite:///{tmp_path}/numbers.db", busy_seconds=1)
    await opened.write(lambda connection: connection.execute(text("CREATE TABLE number (value INTEGER, padding BLOB)")))
    yield opened
    await opened.close()


@pytest.fixture
async def beside(tmp_path, counting):
    """The same database as another process opens it."""
    opened = Store(f"sqlite:///{tmp_path}/numbers.db")
    yield opened
    await opened.close()


def add(value):
    return lambda connection: connection.execute(text("INSERT INTO number VALUES (:value, NULL)"), {"value": value})


def numbers(connection):
    return list(connection.execute(text("SELECT value FROM number ORDER BY value")).scalars())


async def test_what_was_written_is_there_when_write_returns(counting, beside):
    await counting.write(add(1))

    assert await beside.read(numbers) == [1]


async def test_an_error_in_the_middle_leaves_nothing(counting):
    def work(connection):
        add(1)(connection)
        raise OperatorError("no")

    with pytest.raises(OperatorError):
        await counting.write(work)

    assert await counting.read(numbers) == []


async def test_a_statement_that_fails_leaves_nothing_and_is_told_without_its_values(counting):
    def work(connection):
        add(1)(connection)
        connection.execute(text("INSERT INTO missing VALUES (:value)"), {"value": "secret"})

    with pytest.raises(StoreUnavailableError) as failed:
        await counting.write(work)

    assert str(failed.value) == "the database failed (OperationalError). See the log for its cause"
    assert await counting.read(numbers) == []


@pytest.mark.ways("kill")
@pytest.mark.threat("T4")
async def test_store_stop_a_commit_is_whole_though_its_caller_is_cancelled(counting, beside):
    def work(connection):
        add(1)(connection)
        add(2)(connection)

    for turns in range(6):
        caller = asyncio.ensure_future(counting.write(work))
        for _ in range(turns):
            await asyncio.sleep(0)
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
    await counting.close()

    found = await beside.read(numbers)
    assert found.count(1) == found.count(2) >= 5


async def test_writers_in_several_processes_follow_one_another(counting, beside):
    def increase(connection):
        value = connection.execute(text("SELECT max(value) FROM number")).scalar() or 0
        add(value + 1)(connection)

    await asyncio.gather(*(one.write(increase) for one in [beside, counting] * 6))

    assert await beside.read(numbers) == list(range(1, 13))


async def test_a_reader_sees_one_state_of_the_database(counting, beside):
    await counting.write(add(1))

    def reading(connection):
        return numbers(connection), numbers(connection)

    before, after = (await asyncio.gather(counting.read(reading), beside.write(add(2))))[0]

    assert before == after


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
@pytest.mark.threat("T5")
async def test_every_connection_syncs_fully_and_keeps_no_write_ahead_log(store):
    def pragmas(connection):
        return [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        ]

    found = await asyncio.gather(*(store.read(pragmas) for _ in range(4)))

    assert found == [["delete", 3, 1]] * 4


@pytest.mark.ways("error")
async def test_store_disk_that_is_full_is_told_and_leaves_nothing(counting):
    await counting.read(lambda connection: connection.exec_driver_sql("PRAGMA max_page_count = 1"))

    def work(connection):
        add(1)(connection)
        connection.execute(text("INSERT INTO number VALUES (2, zeroblob(100000))"))

    with pytest.raises(StoreUnavailableError, match=r"the disk is full. Free space"):
        await counting.write(work)
    assert await counting.read(numbers) == []


@pytest.mark.ways("error")
async def test_store_disk_that_is_read_only_is_told_and_still_read(counting):
    await counting.write(add(1))
    await counting.read(lambda connection: connection.exec_driver_sql("PRAGMA query_only = ON"))

    with pytest.raises(StoreUnavailableError, match=r"the database can't be written. Make the database file"):
        await counting.write(add(2))
    assert await counting.read(numbers) == [1]


async def test_a_database_that_another_program_holds_is_told_after_waiting(counting, tmp_path):
    with closing(sqlite3.connect(tmp_path / "numbers.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")

        with pytest.raises(StoreUnavailableError, match=r"locked by another program. Find who holds it"):
            await counting.write(add(1))

        other.execute("ROLLBACK")
    await counting.write(add(1))


async def test_a_file_that_is_no_database_is_told(tmp_path):
    (tmp_path / "notes.txt").write_text("these are my notes, not a database" * 100)
    opened = Store(f"sqlite:///{tmp_path}/notes.txt")

    with pytest.raises(StoreUnavailableError, match=r"not a database, or damaged. Restore it"):
        await opened.read(numbers)
    await opened.close()


async def test_a_damaged_database_is_told(counting, tmp_path):
    await counting.write(lambda connection: [add(value)(connection) for value in range(2000)])
    await counting.close()
    path = tmp_path / "numbers.db"
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + b"\xff" * (len(whole) - 4096))

    with pytest.raises(StoreUnavailableError, match=r"the database is damaged. Restore it"):
        await counting.read(numbers)


def test_a_path_that_is_a_folder_is_told(tmp_path):
    (tmp_path / "folder").mkdir()

    with pytest.raises(StoreUnavailableError, match=r"can't be opened. Check that its folder"):
        Store(f"sqlite:///{tmp_path}/folder")


def test_a_folder_that_can_not_be_made_is_the_operators_to_name_anew(tmp_path):
    (tmp_path / "file").touch()

    with pytest.raises(OperatorError, match=r"the folder of the database can't be made: .*file.data"):
        Store(f"sqlite:///{tmp_path}/file/data/gateway.db")


async def test_the_folder_of_a_new_database_is_made(tmp_path):
    opened = Store(f"sqlite:///{tmp_path}/data/deeper/gateway.db")

    await opened.write(lambda connection: connection.execute(text("CREATE TABLE t (a INTEGER)")))
    await opened.close()

    assert (tmp_path / "data/deeper/gateway.db").is_file()


async def test_a_new_database_is_for_this_user_alone(tmp_path):
    path = tmp_path / "gateway.db"
    await Store(f"sqlite:///{path}").close()

    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_a_transaction_waits_for_nothing_but_its_own_statements(counting):
    """Two reads interleave on connections of their own (hardening.md, T4)."""
    await counting.write(add(1))

    assert await asyncio.gather(*(counting.read(numbers) for _ in range(5))) == [[1]] * 5


def test_without_its_driver_postgresql_is_refused_with_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "asyncpg", None)

    with pytest.raises(OperatorError, match=r"pip install .ocpi-gateway\[postgres\]"):
        Store("postgresql://gateway@127.0.0.1/gateway")


async def test_a_transaction_of_a_reader_that_gave_up_ends_before_the_store_is_closed(store):
    ended = []
    reader = asyncio.ensure_future(store.read(lambda connection: ended.append(connection.closed)))
    await asyncio.sleep(0)

    reader.cancel()
    await store.close()

    assert ended == [False]


async def test_a_write_that_only_waited_while_another_failed_does_not_hide_the_trouble(store):
    def fail(_connection):
        raise OSError("disk i/o error")

    failed, waited = await asyncio.gather(store.write(fail), store.write(lambda _: "done"), return_exceptions=True)

    assert isinstance(failed, StoreUnavailableError)
    assert waited == "done"
    assert store.trouble is failed


FULL = "the disk is full. Free space where the database lies"
BROKEN = "the disk reports an error. Check the disk and its mount where the database lies"
READ_ONLY = "the database can't be written. Make the database file and its folder writable for this user"
LOCKED = "the database is locked by another program. Find who holds it: only gateways may write to it"
SLOW = "the database answers too slowly. Check the database server"
LOST = "the connection to the database was lost. Check that the database server runs"
AWAY = "the database server can't be reached. Check that it runs, and the address in `database`"
NOBODY = "the database server refuses this user. Check user and password in `database`"
NOTHING = "there is no such database or user. Make it, or check the address in `database`"
SHUT = "the database can't be opened. Check that its folder exists and is writable for this user"
DAMAGED = "the database is damaged. Restore it from a back-up"


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (sqlite3.OperationalError("database or disk is full"), FULL),
        (OSError(28, "could not extend file: No space left on device; the disk is full"), FULL),
        (sqlite3.OperationalError("disk I/O error"), BROKEN),
        (sqlite3.OperationalError("attempt to write a readonly database"), READ_ONLY),
        (OSError("cannot execute UPDATE in a read-only transaction"), READ_ONLY),
        (OSError("permission denied for table partner"), READ_ONLY),
        (OSError("canceling statement due to lock timeout"), LOCKED),
        (sqlite3.OperationalError("database is locked"), LOCKED),
        (OSError("canceling statement due to statement timeout"), SLOW),
        (OSError("connection was closed in the middle of operation"), LOST),
        (OSError("could not translate host name; no connection"), AWAY),
        (ConnectionRefusedError(111, "Connection refused"), AWAY),
        (TimeoutError(), AWAY),
        (socket.gaierror(-2, "Name or service not known"), AWAY),
        (OSError('password authentication failed for user "gateway"'), NOBODY),
        (OSError('database "gateway" does not exist'), NOTHING),
        (sqlite3.OperationalError("unable to open database file"), SHUT),
        (sqlite3.DatabaseError("file is not a database"), "the file is not a database, or damaged. Restore it from a"),
        (sqlite3.DatabaseError("database disk image is malformed"), DAMAGED),
        (OSError("odd"), "the database failed (OSError). See the log for its cause"),
    ],
)
async def test_what_a_driver_says_is_told_in_words_for_the_person_on_call(counting, error, told):
    def fail(_connection):
        if isinstance(error, sqlite3.Error):
            raise DBAPIError("statement", None, error)
        raise error

    with pytest.raises(StoreUnavailableError) as failed:
        await counting.write(fail)
    assert str(failed.value).startswith(told)
    assert failed.value.__cause__ is not None


async def test_a_write_that_works_again_ends_the_trouble(counting):
    def fail(_connection):
        raise OSError("disk i/o error")

    with pytest.raises(StoreUnavailableError) as failed:
        await counting.write(fail)
    assert counting.trouble is failed.value

    await counting.write(add(1))
    assert counting.trouble is None


async def test_a_writer_does_not_wait_for_its_turn_longer_than_for_another_process(tmp_path):
    opened = Store(f"sqlite:///{tmp_path}/numbers.db", busy_seconds=0.05)
    async with opened._turn:
        with pytest.raises(StoreUnavailableError, match=r"takes nothing in time. See what else writes to it"):
            await opened.write(lambda _: "done")

    assert await opened.write(lambda _: "done") == "done"
    await opened.close()


async def test_the_disk_of_a_database_that_can_be_written_is_found_well(counting):
    counting.check_disk()


async def test_a_disk_that_went_away_is_told_when_it_is_looked_at(tmp_path):
    opened = Store(f"sqlite:///{tmp_path}/data/gateway.db")
    await opened.close()
    shutil.rmtree(tmp_path / "data")

    with pytest.raises(StoreUnavailableError, match="the database failed"):
        opened.check_disk()


async def test_a_disk_that_can_only_be_read_is_told_when_it_is_looked_at():
    with disk.open_folder() as folder:
        opened = Store(f"sqlite:///{folder}/gateway.db")
        with disk.read_only(folder / "gateway.db"), pytest.raises(StoreUnavailableError, match="can't be written"):
            opened.check_disk()
        await opened.close()


async def test_a_disk_without_room_for_a_handshake_is_told_when_it_is_looked_at(counting, monkeypatch):
    monkeypatch.setattr(sqlite, "free_bytes", lambda _path: 2**18 - 1)
    with pytest.raises(StoreUnavailableError, match=r"the disk is full. Free space"):
        counting.check_disk()

    monkeypatch.setattr(sqlite, "free_bytes", lambda _path: 2**18)
    counting.check_disk()


async def test_how_much_room_there_is_is_what_the_system_says_of_the_folder(counting, tmp_path):
    free = shutil.disk_usage(tmp_path).free

    assert sqlite.free_bytes(f"{tmp_path}/numbers.db") == pytest.approx(free, rel=0.2)


async def test_nobody_is_listened_to_on_sqlite(counting):
    assert await counting.listen(pytest.fail) is None


@pytest.mark.parametrize(
    ("file_mode", "folder_mode", "writable"), [(0o666, 0o777, True), (0o444, 0o777, False), (0o666, 0o555, False)]
)
def test_a_database_can_be_written_where_its_file_and_its_folder_can(file_mode, folder_mode, writable):
    user = os.geteuid()
    with disk.open_folder() as folder:
        path = folder / "gateway.db"
        path.touch()
        path.chmod(file_mode)
        folder.chmod(folder_mode)
        if user == 0:
            os.seteuid(disk.NOBODY)
        try:
            assert sqlite.can_write(str(path)) is writable
        finally:
            os.seteuid(user)
            folder.chmod(0o777)


@pytest.mark.threat("T5")
async def test_a_write_ahead_log_that_somebody_switched_on_is_switched_off(tmp_path):
    with closing(sqlite3.connect(tmp_path / "gateway.db")) as other:
        assert other.execute("PRAGMA journal_mode=WAL").fetchone() == ("wal",)
    opened = Store(f"sqlite:///{tmp_path}/gateway.db")

    assert await opened.read(lambda c: c.exec_driver_sql("PRAGMA journal_mode").scalar()) == "delete"
    await opened.close()
