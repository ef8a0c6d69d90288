"""What the command line calls beside `serve`; each works beside a running server on the same database."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from gateway.app.foundation import Foundation, handshake_client, make_registrar, open_foundation
from gateway.app.outcomes import COMMAND_LINE
from gateway.config import Config
from gateway.handshake.operations import Operations
from gateway.handshake.registrar import Ending
from gateway.observe.clock import utc_now


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


async def migrate(config: Config) -> tuple[str | None, str]:
    """Bring the database up to this program's schema; gives the schema before (None for a new one) and after."""
    async with open_foundation(config, clock=utc_now) as foundation:
        return foundation.migrated


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
