"""What every test may use: a clock that is moved by hand, a real database with its vault, and no silent skip in CI."""

import asyncio
import os
import shutil
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import settings

from gateway.store.engine import Store
from gateway.store.keys import open_vault
from gateway.store.migrate import migrate
from gateway.store.vault import Keyring
from tests.postgres import Server

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
OPERATOR_KEY = bytes(range(32))

#: With this variable set to 1 a skipped test is a failed one.
CI = "OCPI_GATEWAY_CI"

pytest_plugins = ["tests.canaries.plugin"]

settings.register_profile("gateway", derandomize=True, deadline=None, database=None)
settings.load_profile("gateway")


class MovableClock:
    """A clock that stands still until it is moved."""

    def __init__(self, moment=START):
        self.moment = moment

    def __call__(self):
        return self.moment

    def move(self, **by):
        """Move by a timedelta's arguments: `move(hours=24)`, `move(days=-1)`."""
        self.moment += timedelta(**by)


@pytest.fixture(scope="session", autouse=True)
def _no_authorities():
    """Nobody is trusted but whom a test names: every client would read this machine's authorities, for 50 ms."""
    with pytest.MonkeyPatch.context() as environment:
        for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
            environment.setenv(name, os.devnull)
        yield


@pytest.fixture
def clock():
    return MovableClock()


@pytest.fixture
def keyring():
    return Keyring([OPERATOR_KEY])


@pytest.fixture(scope="session")
def _migrated(tmp_path_factory):
    """An empty database with the newest schema, made once."""
    path = tmp_path_factory.mktemp("migrated") / "gateway.db"

    async def make():
        store = Store(f"sqlite:///{path}")
        await store.write(migrate)
        await store.close()

    asyncio.run(make())
    return path


@pytest.fixture(scope="session")
def postgres():
    """A PostgreSQL server of this worker's own."""
    server = Server()
    yield server
    server.stop()


@pytest.fixture
def database(tmp_path, _migrated):
    """The path of a database of this test's own, with the newest schema."""
    return shutil.copy(_migrated, tmp_path / "gateway.db")


@pytest.fixture
async def store(database):
    opened = Store(f"sqlite:///{database}")
    yield opened
    await opened.close()


@pytest.fixture
async def vault(store, keyring, clock):
    return await store.write(lambda connection: open_vault(connection, keyring, now=clock()))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport():
    return _skips_fail((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report():
    return _skips_fail((yield))


def _skips_fail(report):
    if os.environ.get(CI) == "1" and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"{CI}=1 allows no skip. {reason}"
    return report
