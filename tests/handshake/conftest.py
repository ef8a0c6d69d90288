"""Fixtures of the handshake's tests: a gateway on a real database, and a partner's platform that is up."""

import sqlite3
from contextlib import closing, contextmanager

import pytest

from gateway.store.engine import Store
from tests.handshake.rig import Gateway, Platform


@pytest.fixture
async def store(database):
    """The database, with little patience for a lock, because some tests hold one."""
    opened = Store(f"sqlite:///{database}", busy_seconds=0.2)
    yield opened
    await opened.close()


@pytest.fixture
def platform():
    return Platform.usual()


@pytest.fixture
def gateway_with(store, vault, clock, platform):
    """Makes a gateway with other settings: required_modules, allowed_hosts, answer_http_status, versions."""

    def make(**options):
        return Gateway(store, vault, clock, reach=platform.serve, **options)

    return make


@pytest.fixture
def gateway(gateway_with):
    return gateway_with()


@pytest.fixture
async def other(database, vault, clock, platform):
    """The gateway as another process on the same database, with a store of its own."""
    opened = Store(f"sqlite:///{database}", busy_seconds=0.2)
    yield Gateway(opened, vault, clock, reach=platform.serve)
    await opened.close()


@pytest.fixture
def locked(database):
    """A context in which nothing can be written, because another program holds the database."""

    @contextmanager
    def hold():
        with closing(sqlite3.connect(database, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            yield

    return hold
