"""Moving from one encryption key to the next: nothing lost, no key dropped that is needed (handshake.md, Tokens)."""

import pytest
from sqlalchemy import update

from gateway.ocpi import lifecycle
from gateway.store import keys, tables
from gateway.store.keys import open_vault
from gateway.store.vault import Keyring, WrongKeyError
from tests.conftest import OPERATOR_KEY
from tests.store.books import Books

NEW_KEY = bytes(range(100, 132))


@pytest.fixture
async def life(books):
    """Secrets of every kind: outbound tokens, a TOKEN_A of theirs, a token of ours that may have to be sent again."""
    await books.register("acme", "DE-ABC", outbound_token="their-token")
    await books.apply("acme", lifecycle.Rotating("our-next-token"))
    await books.start("second", "their-a")
    return books


async def reopened(books, *known, reload=None):
    keyring = Keyring(known, reload=reload)
    vault = await books.store.write(lambda connection: open_vault(connection, keyring, now=books.clock()))
    return Books(books.store, vault, books.clock)


async def rotated(books, *known):
    return await books.store.write(lambda connection: keys.rotate(connection, Keyring(known)))


async def test_everything_is_moved_and_the_former_key_is_needed_no_longer(life):
    before = life.vault.digest("x")
    assert await rotated(life, NEW_KEY, OPERATOR_KEY) == 6

    after = await reopened(life, NEW_KEY)
    assert (await after.record("acme")).partner.outbound_token == "their-token"
    assert after.vault.digest("x") == before
    assert await after.do(lambda ledger: ledger.kept_invitation(ledger.partner("second"))) == "their-a"
    with pytest.raises(WrongKeyError, match="needs the encryption key"):
        await reopened(life, OPERATOR_KEY)


async def test_doing_it_again_moves_nothing(life):
    await rotated(life, NEW_KEY, OPERATOR_KEY)

    assert await rotated(life, NEW_KEY, OPERATOR_KEY) == 0


async def test_a_key_that_is_needed_can_not_be_left_out(life):
    with pytest.raises(WrongKeyError) as refused:
        await reopened(life, NEW_KEY)
    assert "former_encryption_keys" in refused.value.remedy


async def test_until_it_is_done_what_is_new_is_encrypted_with_the_key_in_use(life):
    both = await reopened(life, NEW_KEY, OPERATOR_KEY)
    await both.register("third", "DE-XYZ", outbound_token="another-token")

    assert (await (await reopened(life, OPERATOR_KEY)).record("third")).partner.outbound_token == "another-token"


async def test_a_process_with_the_former_key_only_reads_the_new_one_from_the_file_and_uses_it(life):
    running = await reopened(life, OPERATOR_KEY, reload=lambda: [NEW_KEY])
    await rotated(life, NEW_KEY, OPERATOR_KEY)

    await running.register("third", "DE-XYZ", outbound_token="another-token")

    assert (await running.record("acme")).partner.outbound_token == "their-token"
    assert (await (await reopened(life, NEW_KEY)).record("third")).partner.outbound_token == "another-token"


async def test_a_secret_that_does_not_open_stops_it_and_nothing_is_changed(life):
    broken = update(tables.outbound_token).where(tables.outbound_token.c.kind == "invitation").values(sealed=b"x")
    await life.store.write(lambda connection: connection.execute(broken))

    with pytest.raises(WrongKeyError):
        await rotated(life, NEW_KEY, OPERATOR_KEY)

    assert (await (await reopened(life, OPERATOR_KEY)).record("acme")).partner.outbound_token == "their-token"


async def test_an_inner_key_that_is_made_later_is_encrypted_with_the_key_in_use(life):
    lacking = tables.data_key.delete().where(tables.data_key.c.purpose == "audit")
    await life.store.write(lambda connection: connection.execute(lacking))

    await reopened(life, NEW_KEY, OPERATOR_KEY)

    assert {row.seal_key for row in await life.rows(tables.data_key)} == {Keyring([OPERATOR_KEY]).preferred}
