"""Moments in the database: always aware, always UTC."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import Column, MetaData, Table, create_engine, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from gateway.store.tables import UtcDateTime, read_json

NOON = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)
BERLIN = NOON.astimezone(timezone(timedelta(hours=1)))


@pytest.mark.parametrize("moment", [BERLIN, NOON, NOON + timedelta(microseconds=1), None])
def test_sqlite_holds_utc_without_a_zone_and_gives_it_back_with_one(moment):
    table = Table("moments", MetaData(), Column("at", UtcDateTime))
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        table.create(connection)
        connection.execute(insert(table).values(at=moment))
        (held,) = connection.exec_driver_sql("SELECT at FROM moments").one()
        (read,) = connection.execute(select(table)).one()
    engine.dispose()

    assert held is None or held.startswith("2026-01-02 12:00:00.")
    assert read == moment
    assert read is None or read.tzinfo is UTC


def test_postgresql_keeps_the_zone():
    held = UtcDateTime().process_bind_param(BERLIN, postgresql.dialect())

    assert held == NOON
    assert held.utcoffset() == timedelta(0)
    assert UtcDateTime().result_processor(postgresql.dialect(), None) is None


@pytest.mark.parametrize("dialect", [sqlite.dialect(), postgresql.dialect()], ids=lambda each: each.name)
def test_nothing_stays_nothing(dialect):
    assert UtcDateTime().process_bind_param(None, dialect) is None


def test_a_moment_of_nowhere_is_refused():
    with pytest.raises(ValueError, match="without a time zone"):
        UtcDateTime().process_bind_param(NOON.replace(tzinfo=None), sqlite.dialect())


@pytest.mark.parametrize(("written", "value"), [("[]", []), ("[1]", [1]), ("{}", {}), ("null", None)])
def test_a_value_is_read_as_it_was_written(written, value):
    assert read_json(written) == value


def test_an_empty_list_is_everybodys_own():
    read_json("[]").append(1)

    assert read_json("[]") == []
