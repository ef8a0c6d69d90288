"""The keys inside a database: made once, opened with the operator's, refused with another's."""

import pytest

from gateway.store import tables
from gateway.store.keys import is_new, open_vault
from gateway.store.vault import Keyring, WrongKeyError


def opening(keyring, clock):
    return lambda connection: open_vault(connection, keyring, now=clock())


async def test_the_inner_keys_are_made_once_and_opened_ever_after(store, keyring, clock):
    assert await store.read(is_new)

    first = await store.write(opening(keyring, clock))
    second = await store.write(opening(keyring, clock))

    assert not await store.read(is_new)
    assert first.digest("token") == second.digest("token")
    assert first.seal_link("target", binding="b") == second.seal_link("target", binding="b")


async def test_two_databases_have_different_inner_keys(store, tmp_path, keyring, clock):
    first = await store.write(opening(keyring, clock))
    await store.write(lambda connection: connection.execute(tables.data_key.delete()))
    second = await store.write(opening(keyring, clock))

    assert first.digest("token") != second.digest("token")


@pytest.mark.ways("error")
async def test_store_wrong_key_refuses_with_one_clear_line_and_changes_nothing(store, keyring, vault, clock):
    with pytest.raises(WrongKeyError) as refused:
        await store.write(opening(Keyring([b"w" * 32]), clock))

    assert "\n" not in str(refused.value)
    assert "encryption_key" in str(refused.value)
    assert (await store.write(opening(keyring, clock))).digest("token") == vault.digest("token")


async def test_inner_keys_moved_to_each_others_rows_do_not_open(store, keyring, vault, clock):
    def swap(connection):
        rows = {row.purpose: row for row in connection.execute(tables.data_key.select())}
        for purpose, other in (("digest", "link"), ("link", "digest")):
            row = rows[other]
            connection.execute(
                tables.data_key.update()
                .where(tables.data_key.c.purpose == purpose)
                .values(sealed=row.sealed, seal_key=row.seal_key)
            )

    await store.write(swap)

    with pytest.raises(WrongKeyError, match="does not decrypt"):
        await store.write(opening(keyring, clock))
