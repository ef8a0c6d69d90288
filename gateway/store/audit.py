"""The audit trail: one row a change, in the transaction of the change; tokens by fingerprint (handshake.md, rule 7)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, insert, select

from gateway.ocpi import lifecycle
from gateway.ocpi.errors import Fault
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
    lifecycle.Recovered: "recovered",
    lifecycle.Refreshed: "endpoints taken over",
    lifecycle.Imported: "imported",
    lifecycle.Leaving: "unregistration started",
    lifecycle.Stayed: "unregistration given up",
    lifecycle.Unregistered: "unregistered",
    lifecycle.Revoked: "revoked",
}


#: What ends a handshake that we began: what was to be done, and the outcome.
_ENDINGS: Mapping[str, tuple[str, str]] = {
    ACTIONS[lifecycle.Completed]: ("register", "registered"),
    ACTIONS[lifecycle.Rotated]: ("rotate", "rotated"),
    ACTIONS[lifecycle.Unregistered]: ("unregister", "unregistered"),
    FAILED: ("", "failed"),
}


@dataclass(frozen=True, slots=True)
class Ended:
    """How a handshake that we began ended; reason, fault and remedy say why it failed."""

    partner: str
    verb: str
    outcome: str
    reason: str = ""
    fault: Fault = Fault.GATEWAY
    remedy: str = ""


def newest(connection: Connection) -> int:
    """The id of the newest row; 0 where there is none."""
    return connection.execute(select(func.max(tables.audit.c.id))).scalar() or 0


def ended(connection: Connection, *, actor: str, after: int) -> list[Ended]:
    """How the handshakes ended that somebody began, in the rows after that id."""
    row = tables.audit.c
    query = select(row.partner, row.action, row.detail).where(
        row.id > after, row.actor == actor, row.action.in_(_ENDINGS)
    )
    return [_ended(each) for each in connection.execute(query.order_by(row.id))]


def _ended(row: Any) -> Ended:
    verb, outcome = _ENDINGS[row.action]
    told = row.detail.get
    return Ended(
        row.partner,
        told("verb", "") or verb,
        outcome,
        told("reason", ""),
        Fault(told("fault", Fault.GATEWAY)),
        told("what_to_do", ""),
    )


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
