"""The schema: made as the tables say, upgraded in place, and never opened by an older program."""

import sqlite3
from contextlib import closing

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

import gateway.store.migrate
from gateway.ocpi.errors import OperatorError
from gateway.store.engine import Store
from gateway.store.migrate import SCHEMA, migrate, migrations_folder, upgrade
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


def schema(connection):
    """Each table with its columns, keys and indexes."""
    inspector = inspect(connection)
    return {
        name: {
            "columns": sorted((row[1:] for row in connection.execute(text(f"PRAGMA table_info({name})"))), key=str),
            "foreign": sorted(inspector.get_foreign_keys(name), key=str),
            "unique": sorted(inspector.get_unique_constraints(name), key=str),
            "indexes": sorted(inspector.get_indexes(name), key=str),
        }
        for name in inspector.get_table_names()
        if name != "alembic_version"
    }


async def test_a_new_database_is_what_all_migrations_would_have_made_of_it(fresh, tmp_path):
    """Defaults and keys, too, which Alembic doesn't compare, and what stands in the tables."""
    await fresh.write(migrate)
    made = Store(f"sqlite:///{tmp_path}/made.db")
    await made.write(lambda connection: upgrade(connection, SCHEMA))

    assert await fresh.read(schema) == await made.read(schema)
    assert await fresh.read(contents) == await made.read(contents)
    await made.close()


def contents(connection):
    """Every row of every table."""
    names = inspect(connection).get_table_names()
    return {name: [tuple(row) for row in connection.execute(text(f"SELECT * FROM {name}"))] for name in names}


async def test_migrations_come_to_what_the_tables_say(fresh):
    await fresh.write(lambda connection: upgrade(connection, SCHEMA))

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


async def test_a_database_of_the_first_schema_is_upgraded_in_place(fresh, tmp_path):
    """What 0002 adds: tokens without a former one beside them count as proved, others don't."""

    def at_first(connection):
        upgrade(connection, "0001")
        token = (
            "INSERT INTO outbound_token (id, partner_id, kind, state, fingerprint, sealed, seal_key, created_at) "
            "VALUES (:id, :partner, :kind, :state, 'f', 'x', 'k', '2026-01-01')"
        )
        for partner in (1, 2):
            connection.execute(
                text(
                    "INSERT INTO partner (id, name, name_key, state, suspended, revision, token_form, versions_form, "
                    "invited_roles, invited_hosts, created_at) VALUES (:id, :name, :name, 'REGISTERED', 0, 1, "
                    "'base64', 'base64', '[]', '[]', '2026-01-01')"
                ),
                {"id": partner, "name": f"partner-{partner}"},
            )
        for row in (("a", 1, "credentials", "active"), ("b", 2, "credentials", "active")):
            connection.execute(text(token), dict(zip(("id", "partner", "kind", "state"), row, strict=True)))
        for row in (("c", 2, "credentials", "previous"), ("d", 1, "invitation", "active")):
            connection.execute(text(token), dict(zip(("id", "partner", "kind", "state"), row, strict=True)))

    await fresh.write(at_first)

    assert await fresh.write(migrate) == ("0001", SCHEMA)

    def proved(connection):
        return dict(connection.execute(text("SELECT id, proved FROM outbound_token")).fetchall())

    assert await fresh.read(proved) == {"a": 1, "b": 0, "c": 1, "d": 0}
    partners = await fresh.read(lambda c: c.execute(text("SELECT leaving, failures, retry_at FROM partner")).fetchall())
    assert partners == [(0, 0, None)] * 2
