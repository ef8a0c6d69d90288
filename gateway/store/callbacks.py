"""Original `response_url`s behind the ids that we hand out in their place.

An id is unguessable, short enough for OCPI's 255 characters of URL, survives restarts, works in every process, and may
be used many times: a reservation can be cancelled days later through the same URL (interop.md, Traffic).
"""

import secrets
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select

from gateway.store import tables

_table = tables.callback


@dataclass(frozen=True, slots=True)
class Callback:
    """Where an id leads.

    Attributes:
        direction: `ingress` where a partner gave the URL, `egress` where the backend did.
    """

    partner_id: int
    direction: str
    url: str


def keep(connection: Connection, callback: Callback, *, now: datetime, expires_at: datetime) -> str:
    """Store a URL and give the id that stands for it; ids that have expired are cleared away meanwhile."""
    connection.execute(delete(_table).where(_table.c.expires_at <= now))
    callback_id = secrets.token_urlsafe(16)
    connection.execute(
        insert(_table).values(
            id=callback_id,
            partner_id=callback.partner_id,
            direction=callback.direction,
            url=callback.url,
            created_at=now,
            expires_at=expires_at,
        )
    )
    return callback_id


def find(connection: Connection, callback_id: str, *, now: datetime) -> Callback | None:
    """Where an id leads, or None where it is unknown or expired."""
    row = connection.execute(select(_table).where(_table.c.id == callback_id, _table.c.expires_at > now)).first()
    return None if row is None else Callback(row.partner_id, row.direction, row.url)
