"""The operator's keys and the database: opened with them, moved from one to the next, refused where one is lacking.

The keys inside the database (for digests, links, the audit trail) are made once and kept encrypted. The one they are
encrypted with is the one in use: every process reads that in the transaction in which it encrypts something, so none
goes on with a key that `key rotate` has retired (handshake.md, Tokens and Whole store).
"""

import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, Table, insert, select, union, update

from gateway.store import tables
from gateway.store.vault import KEY_BYTES, Keyring, Sealed, Vault, WrongKeyError

_PURPOSES: Final = ("digest", "link", "audit")
_SEALED: Final = (tables.inbound_token, tables.outbound_token)


def open_vault(connection: Connection, keyring: Keyring, *, now: datetime) -> Vault:
    """Make the inner keys that the database hasn't got yet, open the others with the operator's keys.

    Raises:
        WrongKeyError: a key that the database needs isn't among the operator's.
    """
    _require(connection, keyring)
    rows = {row.purpose: row for row in connection.execute(select(tables.data_key))}
    used = next((row.seal_key for row in rows.values()), keyring.preferred)
    keys: dict[str, bytes] = {}
    for purpose in _PURPOSES:
        row = rows.get(purpose)
        if row is not None:
            keys[purpose] = keyring.unseal(Sealed(row.seal_key, row.sealed), binding=_binding_of(purpose))
            continue
        keys[purpose] = secrets.token_bytes(KEY_BYTES)
        sealed = keyring.seal(keys[purpose], binding=_binding_of(purpose), key_id=used)
        connection.execute(
            insert(tables.data_key).values(purpose=purpose, sealed=sealed.blob, seal_key=sealed.key_id, created_at=now)
        )
    return Vault(keyring, digest_key=keys["digest"], link_key=keys["link"], audit_key=keys["audit"])


def lacks_keys(connection: Connection) -> bool:
    """Whether `open_vault` has to write: in a new database, and in one of an older program."""
    return len(connection.execute(select(tables.data_key.c.purpose)).all()) < len(_PURPOSES)


def is_new(connection: Connection) -> bool:
    """Whether nothing was ever encrypted in this database."""
    return connection.execute(select(tables.data_key.c.purpose)).first() is None


def key_in_use(connection: Connection) -> str:
    """The id of the key that is used for what is encrypted now."""
    used: str = connection.execute(select(tables.data_key.c.seal_key).limit(1)).scalar_one()
    return used


def seal(connection: Connection, vault: Vault, plaintext: bytes, *, binding: str) -> Sealed:
    """Encrypt with the key in use; to be stored in this transaction."""
    return vault.keyring.seal(plaintext, binding=binding, key_id=key_in_use(connection))


def rotate(connection: Connection, keyring: Keyring) -> int:
    """Encrypt everything anew with the preferred key; gives how many secrets that were.

    Raises:
        WrongKeyError: one of them doesn't open; nothing may then be committed.
    """
    moved = 0
    for row in connection.execute(select(tables.data_key).where(tables.data_key.c.seal_key != keyring.preferred)).all():
        values = _sealed_anew(keyring, Sealed(row.seal_key, row.sealed), _binding_of(row.purpose))
        connection.execute(update(tables.data_key).where(tables.data_key.c.purpose == row.purpose).values(**values))
        moved += 1
    for table in _SEALED:
        moved += _rotate_tokens(connection, table, keyring)
    return moved


def _rotate_tokens(connection: Connection, table: Table, keyring: Keyring) -> int:
    rows = connection.execute(
        select(table).where(table.c.sealed.is_not(None), table.c.seal_key != keyring.preferred)
    ).all()
    for row in rows:
        binding = binding_of(table, row.id, row.partner_id)
        values = _sealed_anew(keyring, Sealed(row.seal_key, row.sealed), binding)
        connection.execute(update(table).where(table.c.id == row.id).values(**values))
    return len(rows)


def _sealed_anew(keyring: Keyring, sealed: Sealed, binding: str) -> Mapping[str, object]:
    anew = keyring.seal(keyring.unseal(sealed, binding=binding), binding=binding)
    return {"sealed": anew.blob, "seal_key": anew.key_id}


def binding_of(table: Table, row_id: str, partner_id: int) -> str:
    """What ties a ciphertext to its row."""
    return f"{table.name}/{row_id}/{partner_id}"


def _binding_of(purpose: str) -> str:
    return f"{tables.data_key.name}/{purpose}"


def _require(connection: Connection, keyring: Keyring) -> None:
    """Refuse keys of which one is lacking, with one clear line, instead of answering 401 to everybody."""
    needed = union(
        select(tables.data_key.c.seal_key),
        *(select(table.c.seal_key).where(table.c.sealed.is_not(None)) for table in _SEALED),
    )
    lacking = sorted(key_id for (key_id,) in connection.execute(needed) if not keyring.holds(key_id))
    if lacking:
        raise WrongKeyError(
            f"the database needs the encryption key {', '.join(lacking)}, which is not configured",
            remedy="Configure the key that belongs to this database: encryption_key, or former_encryption_keys until "
            "`ocpi-gateway key rotate` has moved everything to the new one",
        )
