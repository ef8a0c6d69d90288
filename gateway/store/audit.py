"""The audit trail: one row a change, in the transaction of the change; tokens by fingerprint (handshake.md, rule 7)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, insert, select

from gateway.ocpi import lifecycle
from gateway.ocpi.lifecycle import Change
from gateway.ocpi.partner import Partner
from gateway.store import tables
from gateway.store.vault import Vault

#: What the failure of a handshake is called in the audit trail.
FAILED = "handshake failed"

#: What a change is called in the audit trail.
ACTIONS: Mapping[type[Change], str] = {
    lifecycle.Invited: "invited",
    lifecycle.Started: "registration started",
    lifecycle.Prepared: "token b prepared",
    lifecycle.Completed: "registered (we are Sender)",
    lifecycle.Accepted: "registered (we are Receiver)",
    lifecycle.Renewed: "credentials renewed by the partner",
    lifecycle.Rotating: "rotation started",
    lifecycle.Rotated: "rotated",
    lifecycle.HalfOpened: "half open",
    lifecycle.Unregistered: "unregistered",
    lifecycle.Revoked: "revoked",
}


#: What ends a handshake that we began.
_OUTCOMES: Mapping[str, str] = {
    ACTIONS[lifecycle.Completed]: "registered",
    ACTIONS[lifecycle.Rotated]: "rotated",
    ACTIONS[lifecycle.Unregistered]: "unregistered",
    FAILED: "failed",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a handshake that we began ended; `reason` says why it failed."""

    partner: str
    outcome: str
    reason: str


def newest(connection: Connection) -> int:
    """The id of the newest row; 0 where there is none."""
    return connection.execute(select(func.max(tables.audit.c.id))).scalar() or 0


def outcomes(connection: Connection, *, actor: str, after: int) -> list[Outcome]:
    """How the handshakes ended that somebody began, in the rows after that id."""
    row = tables.audit.c
    query = select(row.partner, row.action, row.detail).where(
        row.id > after, row.actor == actor, row.action.in_(_OUTCOMES)
    )
    found = connection.execute(query.order_by(row.id))
    return [Outcome(each.partner, _OUTCOMES[each.action], each.detail.get("reason", "")) for each in found]


def add(
    connection: Connection, *, at: datetime, actor: str, partner: Partner, action: str, detail: Mapping[str, Any]
) -> None:
    """Tell of one change."""
    connection.execute(
        insert(tables.audit).values(
            at=at, actor=actor, partner_id=partner.id, partner=partner.name, action=action, detail=dict(detail)
        )
    )


def describe(change: Change, vault: Vault) -> dict[str, Any]:
    """The detail of an audit row; tokens by fingerprint."""
    detail: dict[str, Any] = {}
    inbound_token = getattr(change, "inbound_token", None)
    if inbound_token:
        detail["inbound_token"] = vault.fingerprint(inbound_token)
    credentials = getattr(change, "credentials", None)
    if credentials is not None:
        detail["outbound_token"] = vault.fingerprint(credentials.token)
        detail["parties"] = [f"{role.party}:{role.role}" for role in credentials.roles]
    if isinstance(change, lifecycle.HalfOpened):
        detail["reason"] = change.reason
    return detail
