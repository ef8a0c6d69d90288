"""What PostgreSQL adds: several gateways on one database, and a server that goes away and comes back."""

import asyncio

import pytest
from sqlalchemy import make_url, text

from gateway.ocpi.lifecycle import Unregistered
from gateway.store.changes import ConcurrentChangeError
from gateway.store.engine import Store, StoreUnavailableError
from tests.store.books import Books

pytestmark = pytest.mark.parametrize("kind", ["postgresql"], indirect=True)


@pytest.fixture
def name(address):
    """The database's name."""
    return make_url(address).database


async def noticing(store):
    """Starts to listen; gives the event that a notice sets, and the task."""
    noticed = asyncio.Event()
    task = asyncio.ensure_future(store.listen(noticed.set))
    return noticed, task


async def ended(task):
    task.cancel()
    await asyncio.wait([task])


async def test_a_change_is_told_to_every_gateway_that_listens(store, other, books):
    await books.invite("acme")
    noticed, task = await noticing(other)
    async with asyncio.timeout(10):
        while not noticed.is_set():  # listening begins a moment later
            await books.do(lambda ledger: ledger.suspend(ledger.partner("acme"), suspended=True))
            await asyncio.sleep(0.05)
    await ended(task)


async def test_a_change_that_was_not_committed_is_told_to_nobody(store, other, books):
    noticed, task = await noticing(other)
    await asyncio.sleep(0.2)

    def failing(ledger):
        ledger.ensure("acme")
        raise ConcurrentChangeError("no")

    with pytest.raises(ConcurrentChangeError):
        await books.do(failing)
    await asyncio.sleep(0.2)

    assert not noticed.is_set()
    await ended(task)


async def test_listening_ends_with_the_connection(other, postgres, name):
    _, task = await noticing(other)
    await asyncio.sleep(0.2)

    postgres.cut(name)

    async with asyncio.timeout(10):
        await asyncio.wait([task])


async def test_it_works_again_by_itself_when_the_server_is_back(books, postgres, name):
    await books.invite("acme")
    postgres.cut(name)
    with pytest.raises(StoreUnavailableError) as failed:
        await books.record("acme")
    assert failed.value.remedy
    with pytest.raises(StoreUnavailableError):
        await books.invite("second", "second-a")

    postgres.let_in(name)

    assert (await books.record("acme")).partner.name == "acme"
    await books.invite("second", "second-a")


async def test_writers_follow_one_another_and_see_what_was_committed(store, other, vault, clock):
    first, second = Books(store, vault, clock), Books(other, vault, clock)
    await first.invite("acme")

    async def suspend(books):
        for _ in range(10):
            await books.do(lambda ledger: ledger.suspend(ledger.partner("acme"), suspended=True))

    await asyncio.gather(suspend(first), suspend(second), suspend(first))

    revisions = await store.read(lambda c: c.execute(text("SELECT revision FROM store_state")).scalar())
    assert revisions == 2 + 30


async def test_of_two_changes_of_one_record_one_gives_up(store, other, vault, clock):
    first, second = Books(store, vault, clock), Books(other, vault, clock)
    record = await first.register("acme", "DE-ABC")

    async def leave(books):
        await books.do(lambda ledger: ledger.apply(record, Unregistered()))

    ends = await asyncio.gather(leave(first), leave(second), return_exceptions=True)

    assert sorted(type(end) for end in ends if end is not None) == [ConcurrentChangeError]


async def test_a_claim_ends_with_its_connection(store, other, postgres, name):
    async with other.claim("acme"):
        postgres.cut(name)
        postgres.let_in(name)
        async with asyncio.timeout(10), store.claim("acme"):
            pass


async def test_a_server_that_is_not_there_is_told_as_such(address):
    nowhere = Store(str(make_url("postgresql://postgres@127.0.0.1:1/nothing")))
    with pytest.raises(StoreUnavailableError, match="can't be reached"):
        await nowhere.read(lambda _connection: None)
    await nowhere.close()


async def test_a_database_that_is_not_there_is_told_as_such(address, postgres):
    nowhere = Store(postgres.url_of("nothing"))
    with pytest.raises(StoreUnavailableError, match="no such database"):
        await nowhere.read(lambda _connection: None)
    await nowhere.close()
