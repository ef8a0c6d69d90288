"""The schema: made as the tables say, upgraded in place, and never opened by an older program."""

import sqlite3
from contextlib import closing

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

import gateway.store.migrate
from gateway.ocpi.errors import OperatorError
from gateway.store.engine import Store
from gateway.store.migrate import SCHEMA, migrate, migrations_folder
from gateway.store.tables import metadata


@pytest.fixture
async def fresh(tmp_path):
    opened = Store(f"sqlite:///{tmp_path}/fresh.db")
    yield opened
    await opened.close()


async def test_a_fresh_database_is_exactly_what_the_tables_say(fresh):
    assert await fresh.write(migrate) == (None, SCHEMA)

    def differences(connection):
        return compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), metadata)

    assert await fresh.read(differences) == []


async def test_migrating_again_changes_nothing(fresh, tmp_path):
    await fresh.write(migrate)
    before = (tmp_path / "fresh.db").read_bytes()

    assert await fresh.write(migrate) == (SCHEMA, SCHEMA)

    assert (tmp_path / "fresh.db").read_bytes() == before


async def test_a_database_of_a_newer_program_refuses_to_start_and_is_left_alone(fresh, tmp_path):
    await fresh.write(migrate)
    with closing(sqlite3.connect(tmp_path / "fresh.db")) as newer, newer:
        newer.execute("UPDATE alembic_version SET version_num = '9999'")

    with pytest.raises(OperatorError, match=r"has the schema 9999, which this version .* does not know") as refused:
        await fresh.write(migrate)

    assert "newer version" in refused.value.remedy
    versions = await fresh.read(lambda connection: list(connection.execute(text("SELECT * FROM alembic_version"))))
    assert versions == [("9999",)]


async def test_a_migration_that_fails_leaves_the_database_as_it_was(fresh):
    def failing(connection):
        migrate(connection)
        raise OperatorError("stopped")

    with pytest.raises(OperatorError):
        await fresh.write(failing)

    tables = await fresh.read(lambda connection: list(connection.execute(text("SELECT name FROM sqlite_master"))))
    assert tables == []


def test_the_schema_that_the_program_wants_is_the_newest_of_its_migrations():
    assert ScriptDirectory(str(migrations_folder())).get_heads() == [SCHEMA]


def test_the_migrations_inside_an_installed_package_go_before_those_of_a_checkout(tmp_path, monkeypatch):
    package = tmp_path / "gateway"
    package.mkdir()
    monkeypatch.setattr(gateway.store.migrate, "_PACKAGE", package)
    assert migrations_folder() == tmp_path / "migrations"

    (package / "migrations").mkdir()

    assert migrations_folder() == package / "migrations"
