"""What the command line calls beside `serve`; each works beside a running server on the same database."""

import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from sqlalchemy import Connection

from gateway.app.foundation import Foundation, handshake_client, make_registrar, open_foundation
from gateway.app.keyfile import key_file, read_keys, replace_keys
from gateway.app.outcomes import COMMAND_LINE
from gateway.config import Config
from gateway.handshake.operations import Operations
from gateway.handshake.registrar import Ending
from gateway.observe.clock import utc_now
from gateway.store import audit
from gateway.store.keys import key_in_use, rotate
from gateway.store.vault import KEY_BYTES, Keyring


@asynccontextmanager
async def operations(config: Config, *, remark: Callable[[str], None]) -> AsyncIterator[Operations]:
    """The operator's verbs on an open database.

    Args:
        remark: told, in a line each, of what opening the database made or changed.

    Raises:
        GatewayError: the database can't be opened, or not with this key.
    """
    async with open_foundation(config, clock=utc_now) as foundation, handshake_client(config) as client:
        if foundation.key_made or foundation.migrated[0] != foundation.migrated[1]:
            for line in describe_start(foundation):
                remark(line)
        yield Operations(make_registrar(foundation, client, on_outcome=_untold), actor=COMMAND_LINE)


@dataclass(frozen=True, slots=True)
class KeyRotation:
    """What `key rotate` did.

    Attributes:
        key_id: of the key that is in use now.
        moved: how many secrets were encrypted anew; none where all were already.
        file: the key file, where the keys lie in one.
    """

    key_id: str
    moved: int
    file: str | None


async def migrate(config: Config) -> tuple[str | None, str]:
    """Bring the database up to this program's schema; gives the schema before (None for a new one) and after."""
    async with open_foundation(config, clock=utc_now) as foundation:
        return foundation.migrated


async def rotate_key(config: Config) -> KeyRotation:
    """Encrypt every secret anew with the first key, in one transaction; a key file gets a new first key for it.

    Where that was interrupted, the key file holds both keys, and this goes on with them.

    Raises:
        GatewayError: says what went wrong; both keys are good until it was done to the end.
    """
    path = key_file(config)
    async with open_foundation(config, clock=utc_now) as foundation:
        if path is None:
            keyring = foundation.vault.keyring
            moved = await foundation.store.write(lambda connection: _rotate(connection, foundation, keyring))
            return KeyRotation(keyring.preferred, moved, None)
        keys = read_keys(path)
        if len(keys) == 1:
            keys.insert(0, secrets.token_bytes(KEY_BYTES))
            replace_keys(path, keys)
        keyring = Keyring(keys)
        moved = await foundation.store.write(lambda connection: _rotate(connection, foundation, keyring))
        replace_keys(path, keys[:1])
        return KeyRotation(keyring.preferred, moved, str(path))


def _rotate(connection: Connection, foundation: Foundation, keyring: Keyring) -> int:
    before = key_in_use(connection)
    moved = rotate(connection, keyring)
    if moved:
        detail = {"from": before, "to": keyring.preferred, "secrets": moved}
        audit.add(
            connection,
            foundation.vault,
            at=foundation.clock(),
            actor=COMMAND_LINE,
            partner=None,
            action="encryption key rotated",
            detail=detail,
        )
    return moved


async def check(config: Config) -> list[str]:
    """Everything that start-up does except bind; gives what was found in words.

    Raises:
        GatewayError: start-up would fail, and why.
    """
    async with open_foundation(config, clock=utc_now) as foundation, handshake_client(config):
        return list(describe_start(foundation))


def describe_start(foundation: Foundation) -> list[str]:
    """What opening the database did, in words for a person."""
    config = foundation.config
    before, after = foundation.migrated
    lines = [f"database: {config.database_label}, schema {after}"]
    if before is None:
        lines[0] += " (made now)"
    elif before != after:
        lines[0] += f" (upgraded from {before})"
    if foundation.key_made:
        lines.append(f"encryption key: made {foundation.key_made}; keep a copy of it, apart from the database")
    else:
        origin = "from the configuration" if config.encryption_key else "from the key file beside the database"
        lines.append(f"encryption key: {origin}; it opens the database")
    return lines


def _untold(_ending: Ending) -> None:
    """The command line shows the outcome itself."""
