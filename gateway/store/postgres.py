"""PostgreSQL: what differs from SQLite, so that the same transactions mean the same on both.

write   begins with one lock for all writers, as SQLite does: changes are rare, and who waits sees what was committed
read    sees one state of the database
notice  a commit that changed a partner tells every gateway that listens; one that is lost costs a second (polling)
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final

from sqlalchemy import URL, Connection, event, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from gateway.ocpi.errors import OperatorError
from gateway.store.tables import read_json

_CHANNEL: Final = "ocpi_gateway"
_CONNECT_SECONDS: Final = 5
_STATEMENT_SECONDS: Final = 10
_POOL_SECONDS: Final = 5
#: Two numbers: locks on one, which claims are, are others.
_WRITERS: Final = "SELECT pg_advisory_xact_lock(20221, 1)"
_SNAPSHOT: Final = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"


def make_engine(url: URL, *, busy_seconds: float) -> AsyncEngine:
    """Make an engine; nothing is connected yet.

    Args:
        busy_seconds: how long a transaction waits for another writer.

    Raises:
        OperatorError: the driver isn't installed.
    """
    settings = {
        "application_name": "ocpi-gateway",
        "lock_timeout": f"{int(busy_seconds * 1000)}ms",
        "idle_in_transaction_session_timeout": f"{_STATEMENT_SECONDS}s",
    }
    try:
        engine = create_async_engine(
            url.set(drivername="postgresql+asyncpg"),
            connect_args={
                "timeout": _CONNECT_SECONDS,
                "command_timeout": _STATEMENT_SECONDS,
                "server_settings": settings,
            },
            pool_pre_ping=True,
            pool_timeout=_POOL_SECONDS,
            hide_parameters=True,
            json_deserializer=read_json,
        )
    except ModuleNotFoundError:
        raise OperatorError(
            "PostgreSQL needs the package asyncpg", remedy="Install it: pip install 'ocpi-gateway[postgres]'"
        ) from None
    event.listen(engine.sync_engine, "begin", _begin)
    return engine


def notify(connection: Connection) -> None:
    """Tell every gateway that listens, once this transaction is committed."""
    connection.execute(text(f"NOTIFY {_CHANNEL}"))


async def listen(engine: AsyncEngine, on_notice: Callable[[], None]) -> None:
    """Call back whenever a transaction told of a change; ends when the connection does.

    Raises:
        SQLAlchemyError, OSError: the server can't be reached.
    """
    ended = asyncio.Event()

    def noticed(*_about: object) -> None:
        on_notice()

    async with engine.connect() as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT", listening=True)
        driver: Any = (await connection.get_raw_connection()).driver_connection
        driver.add_termination_listener(lambda _connection: ended.set())
        await driver.add_listener(_CHANNEL, noticed)
        try:
            await ended.wait()
        finally:
            if not driver.is_closed():
                await driver.remove_listener(_CHANNEL, noticed)
            else:
                await connection.invalidate()


def _begin(connection: Connection) -> None:
    writing = connection.get_execution_options().get("writing")
    if writing is not None:  # claims and listeners run no transactions
        connection.exec_driver_sql(_WRITERS if writing else _SNAPSHOT)
