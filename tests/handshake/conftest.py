"""Fixtures of the handshake's tests: a gateway on a real database, and a partner's platform that is up."""

import shutil
from functools import partial

import pytest

from tests import disk
from tests.handshake import invariants
from tests.handshake.faulty import FaultyStore
from tests.handshake.rig import Gateway, Platform


@pytest.fixture
def database(_migrated):
    """The path of a database that an ordinary user can reach too: some tests make its disk read-only."""
    with disk.open_folder() as folder:
        yield shutil.copy(_migrated, folder / "gateway.db")


@pytest.fixture
async def store(database):
    """The database, with little patience for a lock, because some tests hold one."""
    opened = FaultyStore(f"sqlite:///{database}", busy_seconds=0.2)
    yield opened
    await opened.close()


@pytest.fixture
async def gateways(store):
    """All gateways of a test; at its end all that must hold after every fault is checked on them."""
    made = []
    yield made
    for gateway in made:
        await invariants.hold(gateway)
    for gateway in made:
        await gateway.store.close()


@pytest.fixture
def platform():
    return Platform.usual()


@pytest.fixture
def gateway_with(store, vault, clock, platform, gateways):
    """Makes a gateway with other settings: required_modules, allowed_hosts, answer_http_status, versions."""

    def make(**options):
        gateways.append(Gateway(store, vault, clock, reach=platform.serve, **options))
        return gateways[-1]

    return make


@pytest.fixture
def gateway(gateway_with):
    return gateway_with()


@pytest.fixture
async def other(store, vault, clock, platform, gateways):
    """The gateway as another process on the same database, with a store of its own."""
    opened = FaultyStore(store.url, beside=store, busy_seconds=0.2)
    gateways.append(Gateway(opened, vault, clock, reach=platform.serve))
    return gateways[-1]


@pytest.fixture
def locked(database):
    """A context in which nothing can be written, because another program holds the database."""
    return partial(disk.locked, database)
