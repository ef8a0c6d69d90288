"""Opening a database with the operator's key: the keys it keeps encrypted inside are made once and opened here.

That is also the check of the key: a wrong one refuses to start with one clear line, instead of answering 401 to
everybody (handshake.md, Whole store).
"""

import secrets
from datetime import datetime

from sqlalchemy import Connection, insert, select

from gateway.store import tables
from gateway.store.vault import KEY_BYTES, Keyring, Sealed, Vault

_PURPOSES = ("digest", "link")


def open_vault(connection: Connection, keyring: Keyring, *, now: datetime) -> Vault:
    """Make the inner keys where the database is new, open them with the operator's key otherwise.

    Raises:
        WrongKeyError: the operator's key isn't the one of this database.
    """
    rows = {row.purpose: row for row in connection.execute(select(tables.data_key))}
    keys: dict[str, bytes] = {}
    for purpose in _PURPOSES:
        binding = f"{tables.data_key.name}/{purpose}"
        row = rows.get(purpose)
        if row is not None:
            keys[purpose] = keyring.unseal(Sealed(row.seal_key, row.sealed), binding=binding)
            continue
        keys[purpose] = secrets.token_bytes(KEY_BYTES)
        sealed = keyring.seal(keys[purpose], binding=binding)
        connection.execute(
            insert(tables.data_key).values(purpose=purpose, sealed=sealed.blob, seal_key=sealed.key_id, created_at=now)
        )
    return Vault(keyring, digest_key=keys["digest"], link_key=keys["link"])


def is_new(connection: Connection) -> bool:
    """Whether nothing was ever encrypted in this database."""
    return connection.execute(select(tables.data_key.c.purpose)).first() is None
