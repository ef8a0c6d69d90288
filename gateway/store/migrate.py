"""Bringing the schema up to this program's: Alembic, whose versions lie in `migrations/`.

In a checkout that folder is beside the package, in an installed wheel and the image inside it.
"""

from pathlib import Path
from typing import Final

from sqlalchemy import Column, Connection, MetaData, String, Table, insert, inspect, text

import gateway
from gateway.ocpi.errors import OperatorError
from gateway.store import tables

#: The schema that this program works with: the newest in `migrations/`, as a test says.
SCHEMA: Final = "0003"

_PACKAGE: Final = Path(gateway.__file__).parent


def migrations_folder() -> Path:
    """Where the migrations lie."""
    installed = _PACKAGE / "migrations"
    return installed if installed.is_dir() else _PACKAGE.parent / "migrations"


def migrate(connection: Connection) -> tuple[str | None, str]:
    """Bring the database up to the newest schema, in the transaction of `connection`.

    Returns:
        The schema version before (None for a new database) and after.

    Raises:
        OperatorError: the database was written by a newer program.
    """
    before = schema_of(connection)
    if before is None:
        _create(connection)
    elif before != SCHEMA:
        upgrade(connection, SCHEMA)
    return before, SCHEMA


def _create(connection: Connection) -> None:
    """Make the newest schema at once, without Alembic, as all migrations one after the other would (a test says so)."""
    tables.metadata.create_all(connection)
    connection.execute(insert(tables.store_state).values(id=1, revision=0))
    version = Column("version_num", String(32), primary_key=True)
    noted = Table("alembic_version", MetaData(), version)
    noted.create(connection)
    connection.execute(insert(noted).values(version_num=SCHEMA))


def schema_of(connection: Connection) -> str | None:
    """The schema that a database has; None where it is new."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    version: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return version


def upgrade(connection: Connection, schema: str) -> None:
    """Run what is missing up to a schema.

    Alembic is loaded only here: it costs half a second and ten megabytes.

    Raises:
        OperatorError: the database was written by a newer program.
    """
    before = schema_of(connection)
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(migrations_folder()).replace("%", "%%"))
    config.attributes["connection"] = connection
    known = {revision.revision for revision in ScriptDirectory.from_config(config).walk_revisions()}
    if before is not None and before not in known:
        raise OperatorError(
            f"the database has the schema {before}, which this version of the gateway does not know",
            remedy="It was written by a newer version: start that one, or restore a back-up made before the upgrade",
        )
    command.upgrade(config, schema)
