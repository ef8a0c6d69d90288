"""One handshake with a partner at a time, in every process on the database."""

import asyncio
import signal
import stat
import sys

import pytest

from gateway.store.claims import Claims, FileLocks, UnderWayError
from gateway.store.engine import Store, StoreUnavailableError

HOLDER = """
import asyncio, sys
from gateway.store.engine import Store

async def hold():
    async with Store(sys.argv[1]).claim("Acme"):
        print("held", flush=True)
        await asyncio.sleep(60)

asyncio.run(hold())
"""


#: Claims of SQLite are locks on a file.
of_sqlite = pytest.mark.parametrize("kind", ["sqlite"], indirect=True)


async def is_free(store, name="acme"):
    try:
        async with store.claim(name):
            return True
    except UnderWayError:
        return False


async def becomes_free(store):
    """A database server takes a moment to see that its client is gone."""
    for _ in range(200):
        if await is_free(store):
            return True
        await asyncio.sleep(0.05)
    return False


async def test_store_several_gateways_a_claim_keeps_everybody_else_out_until_it_is_given_back(store, other):
    async with store.claim("acme"):
        assert not await is_free(store)
        assert not await is_free(other, "ACME")
    assert await is_free(store)
    assert await is_free(other)


async def test_claims_of_other_partners_are_free(store, other):
    async with store.claim("acme"):
        assert await is_free(store, "other")
        assert await is_free(other, "other")


async def test_a_claim_ends_with_an_error_inside(store, other):
    with pytest.raises(ValueError, match="inside"):
        async with store.claim("acme"):
            raise ValueError("inside")
    assert await is_free(other)


async def test_who_was_refused_takes_nothing_from_the_holder(store, other):
    async with store.claim("acme"):
        assert not await is_free(other)
        assert not await is_free(other)


async def test_a_store_that_is_closed_keeps_the_claims_of_others(address, store, other):
    third = Store(address)
    async with store.claim("acme"):
        await is_free(third, "another")
        await third.close()
        assert not await is_free(other)


@of_sqlite
async def test_a_store_that_is_closed_gives_its_own_claims_back(address, other):
    closing = Store(address)
    async with closing.claim("acme"):
        assert not await is_free(other)
        await closing.close()
        assert await is_free(other)


@pytest.mark.ways("kill")
async def test_rp1_store_stop_a_claim_ends_with_its_process(address, store):
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLDER, address, stdout=asyncio.subprocess.PIPE
    )
    assert await process.stdout.readline() == b"held\n"
    assert not await is_free(store)

    process.send_signal(signal.SIGKILL)
    await process.wait()

    assert await becomes_free(store)


@of_sqlite
async def test_a_disk_that_takes_no_file_is_told_as_such(address, database):
    opened = Store(address)
    database.with_name("gateway.db.claims").mkdir()
    with pytest.raises(StoreUnavailableError):
        async with opened.claim("acme"):
            pass
    await opened.close()


@of_sqlite
async def test_its_file_is_for_this_user_alone(database, store):
    assert await is_free(store)
    assert stat.S_IMODE(database.with_name("gateway.db.claims").stat().st_mode) == 0o600


async def test_a_lock_of_one_number_leaves_its_neighbours_free(tmp_path):
    ours, theirs = (FileLocks(str(tmp_path / "claims")) for _ in range(2))
    async with ours.holding(4) as held:
        assert held
        for number, free in [(3, True), (4, False), (5, True)]:
            async with theirs.holding(number) as taken:
                assert taken is free
    async with theirs.holding(4) as taken:
        assert taken
    for locks in (ours, theirs):
        locks.close()


async def test_without_locks_between_processes_a_claim_holds_within_this_one():
    claims = Claims(None)
    async with claims.claim("acme"), claims.claim("other"):
        with pytest.raises(UnderWayError):
            async with claims.claim("ACME"):
                pass
    async with claims.claim("acme"):
        pass
