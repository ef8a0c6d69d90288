"""Fixtures of the store's tests, which run on both databases unless they are about one of them."""

import pytest
from sqlalchemy import make_url

from gateway.store.engine import Store
from tests.store.books import Books


@pytest.fixture(params=["sqlite", "postgresql"])
def kind(request):
    """The kind of database."""
    return request.param


@pytest.fixture
def address(kind, request):
    """The URL of a database of this test's own, with the newest schema."""
    if kind == "sqlite":
        yield f"sqlite:///{request.getfixturevalue('database')}"
        return
    server = request.getfixturevalue("postgres")
    name = server.database()
    yield server.url_of(name)
    server.drop(name)


@pytest.fixture
async def store(address):
    opened = Store(address)
    yield opened
    await opened.close()


@pytest.fixture
async def other(address):
    """The same database as another process has it open."""
    opened = Store(address)
    yield opened
    await opened.close()


@pytest.fixture
def break_down(store, kind, address, request):
    """`await break_down()`: the database can't be read or written from now on."""

    async def broken():
        await store.close()
        if kind == "sqlite":
            request.getfixturevalue("database").write_bytes(b"not a database" * 1000)
        else:
            request.getfixturevalue("postgres").cut(make_url(address).database)

    return broken


@pytest.fixture
def books(store, vault, clock):
    """The records of this test's database."""
    return Books(store, vault, clock)
