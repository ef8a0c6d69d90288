"""Bringing the schema up to this program's: Alembic, whose versions lie in `migrations/`.

In a checkout that folder is beside the package, in an installed wheel and the image inside it.
"""

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

import gateway
from gateway.ocpi.errors import OperatorError

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
    config = Config()
    config.set_main_option("script_location", str(migrations_folder()).replace("%", "%%"))
    config.attributes["connection"] = connection
    script = ScriptDirectory.from_config(config)
    newest = script.get_current_head()
    before = MigrationContext.configure(connection).get_current_revision()
    if before is not None and before not in {revision.revision for revision in script.walk_revisions()}:
        raise OperatorError(
            f"the database has the schema {before}, which this version of the gateway does not know",
            remedy="It was written by a newer version: start that one, or restore a back-up made before the upgrade",
        )
    if newest is None:
        raise OperatorError("no migrations are installed", remedy="Install the package anew")
    if before != newest:
        command.upgrade(config, "head")
    return before, newest
