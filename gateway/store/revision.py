"""The revision of the store: it moves with every change of any partner, and so says who has to read what again."""

from sqlalchemy import Connection, select, update

from gateway.store import postgres
from gateway.store.tables import store_state


def current(connection: Connection) -> int:
    """The revision as it is."""
    revision: int = connection.execute(select(store_state.c.revision)).scalar_one()
    return revision


def advance(connection: Connection) -> int:
    """Move the revision and give it; where the database can tell other gateways of the commit, it will."""
    connection.execute(update(store_state).values(revision=store_state.c.revision + 1))
    if connection.dialect.name == "postgresql":
        postgres.notify(connection)
    return current(connection)
