"""The partner table in memory: reads what changed, and only that."""

import asyncio

import pytest
from sqlalchemy import delete, select, update

from gateway.ocpi import lifecycle
from gateway.ocpi.party import Party
from gateway.store import directory as module
from gateway.store.directory import Directory
from gateway.store.engine import Store, StoreUnavailableError
from gateway.store.tables import audit, inbound_token, partner, store_state
from tests.store.books import FOUND, theirs

ABC, XYZ = Party("DE", "ABC"), Party("DE", "XYZ")


@pytest.fixture
def directory(store, vault):
    return Directory(store, vault)


@pytest.fixture
def read(monkeypatch):
    """The names of the partners that a refresh read."""
    names = []

    def recording(*arguments, **options):
        records = read_changed(*arguments, **options)
        names.extend(record.partner.name for record in records)
        return records

    read_changed = module.read_changed
    monkeypatch.setattr(module, "read_changed", recording)
    return names


async def test_it_is_empty_until_it_is_refreshed(books, directory):
    await books.invite("acme", "token-a")
    assert directory.holder(books.vault.digest("token-a")) is None

    await directory.refresh()

    assert directory.holder(books.vault.digest("token-a")).partner.name == "acme"
    assert directory.named("ACME").name == "acme"
    assert [record.partner.name for record in directory.records()] == ["acme"]


async def test_a_refresh_reads_only_what_changed(books, directory, read):
    for name in ("one", "two", "three"):
        await books.invite(name, name)
    await directory.refresh()
    assert read == ["one", "three", "two"]
    read.clear()

    before = directory.revision

    await directory.refresh()
    assert read == []
    assert directory.revision == before

    await books.accept("two", "token-c")
    await directory.refresh()
    assert directory.revision > before
    assert read == ["two"]


async def test_revoked_tokens_are_forgotten_and_new_ones_known(books, directory):
    digest = books.vault.digest
    await books.register("acme", "DE-ABC", inbound_token="first")
    await directory.refresh()
    assert directory.holder(digest("first")).token.state == "active"

    await books.apply("acme", lifecycle.Renewed(theirs("b", "DE-ABC"), FOUND, "second"))
    await books.prove("acme", "second")
    await books.apply("acme", lifecycle.Renewed(theirs("b", "DE-ABC"), FOUND, "third"))
    await books.prove("acme", "third")
    await directory.refresh()

    assert directory.holder(digest("first")) is None
    assert [directory.holder(digest(token)).token.state for token in ("second", "third")] == ["grace", "active"]


@pytest.mark.parametrize(("leaver", "joiner"), [("alpha", "beta"), ("beta", "alpha")])
async def test_a_party_that_moves_to_another_partner_is_found_there(books, directory, leaver, joiner):
    await books.register(leaver, "DE-ABC")
    await directory.refresh()
    assert directory.owner(ABC).name == leaver

    await books.apply(leaver, lifecycle.Unregistered())
    await books.register(joiner, "DE-ABC", "DE-XYZ")
    await directory.refresh()

    assert directory.owner(ABC).name == directory.owner(XYZ).name == joiner


async def test_a_party_that_is_given_up_belongs_to_nobody(books, directory):
    await books.register("acme", "DE-ABC", "DE-XYZ")
    await directory.refresh()
    await books.apply("acme", lifecycle.Renewed(theirs("b", "DE-XYZ"), FOUND, "next"))
    await directory.refresh()

    assert directory.owner(ABC) is None
    assert directory.owner(XYZ).name == "acme"
    assert directory.named("other") is None


async def test_a_token_that_was_forgotten_stays_so_although_the_store_still_has_it(books, directory):
    await books.invite("acme", "token-a")
    await directory.refresh()
    directory.forget_token(directory.holder(books.vault.digest("token-a")).token)
    assert directory.holder(books.vault.digest("token-a")) is None

    await books.do(lambda ledger: ledger.suspend(ledger.partner("acme"), suspended=True))
    await directory.refresh()

    assert directory.holder(books.vault.digest("token-a")) is None
    assert directory.named("acme").suspended


async def test_a_change_of_another_process_is_seen(books, directory, address, keyring, clock):
    await directory.refresh()
    other = Store(address)
    try:
        await type(books)(other, books.vault, clock).invite("acme", "token-a")
    finally:
        await other.close()

    await directory.refresh()
    assert directory.named("acme") is not None


async def test_a_store_that_fails_leaves_what_is_in_memory(books, directory, break_down):
    await books.invite("acme", "token-a")
    await directory.refresh()
    await break_down()

    with pytest.raises(StoreUnavailableError):
        await directory.refresh()
    assert directory.named("acme") is not None


async def test_refreshes_at_the_same_time_follow_one_another(books, directory, read):
    await books.invite("acme")

    await asyncio.gather(*(directory.refresh() for _ in range(4)))

    assert read == ["acme"]


async def test_store_restored_under_a_running_gateway_is_read_anew_and_who_changed_since_is_told(books, vault):
    told = []
    directory = Directory(books.store, vault, on_restored=told.append)
    for name in ("one", "two", "last"):
        await books.invite(name, name)
    saved = await books.store.read(lambda c: c.execute(select(store_state.c.revision)).scalar_one())
    await books.invite("two", "again")
    await books.invite("three", "three")
    await directory.refresh()

    def restore(connection):
        newer = select(partner.c.id).where(partner.c.revision > saved)
        connection.execute(update(partner).where(partner.c.name == "two").values(revision=saved))
        connection.execute(delete(audit).where(audit.c.partner == "three"))
        connection.execute(delete(inbound_token).where(inbound_token.c.partner_id.in_(newer)))
        connection.execute(delete(partner).where(partner.c.revision > saved))
        connection.execute(update(store_state).values(revision=saved))

    await books.store.write(restore)
    await directory.refresh()

    assert told == [["three", "two"]]
    assert sorted(record.partner.name for record in directory.records()) == ["last", "one", "two"]
    assert directory.named("three") is None
    assert directory.holder(vault.digest("three")) is None
