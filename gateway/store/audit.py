"""The audit trail: one row a change, in the transaction of the change; tokens by fingerprint (handshake.md, rule 7)."""

import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from gateway.ocpi import lifecycle
from gateway.ocpi.errors import Fault
from gateway.ocpi.lifecycle import Change
from gateway.ocpi.partner import Partner
from gateway.store import tables
from gateway.store.vault import Vault

_A_SECOND = timedelta(seconds=1)

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
    connection: Connection,
    vault: Vault,
    *,
    at: datetime,
    actor: str,
    partner: Partner | None,
    action: str,
    detail: Mapping[str, Any],
) -> None:
    """Tell of one change, and tie it to all that were told before.

    Args:
        partner: whom it is about; None for what is about all.
    """
    name, told = partner.name if partner else "", dict(detail)
    end = connection.execute(select(tables.store_state.c.audit_rows, tables.store_state.c.audit_chain)).one()
    chain = vault.chain(end.audit_chain or b"", _written(at, actor, name, action, told))
    connection.execute(
        insert(tables.audit).values(
            at=at,
            actor=actor,
            partner_id=partner.id if partner else None,
            partner=name,
            action=action,
            detail=told,
            chain=chain,
        )
    )
    rows = end.audit_rows + 1
    connection.execute(
        update(tables.store_state).values(audit_rows=rows, audit_chain=chain, audit_seal=_seal(vault, chain, rows))
    )


@dataclass(frozen=True, slots=True)
class Verdict:
    """What looking through the whole audit trail has shown.

    Attributes:
        rows: how many rows are tied together.
        unchained: how many come from a program that didn't tie them yet.
        broken_at: the id of the first row that isn't as it was written, or before which one is missing.
        reason: what is wrong, in words; empty where all is whole.
    """

    rows: int
    unchained: int
    broken_at: int | None = None
    reason: str = ""


def verify(connection: Connection, vault: Vault) -> Verdict:
    """Follow the chain through the whole audit trail: a row that was changed, added or taken away breaks it."""
    rows = unchained = 0
    chain = b""
    for row in connection.execute(select(tables.audit).order_by(tables.audit.c.id)):
        if row.chain is None and not rows:
            unchained += 1
            continue
        chain = vault.chain(chain, _written(row.at, row.actor, row.partner, row.action, row.detail))
        if row.chain is None or not hmac.compare_digest(chain, row.chain):
            reason = "this row was changed, or rows before it were changed, added or taken away"
            return Verdict(rows, unchained, row.id, reason)
        rows += 1
    end = connection.execute(select(tables.store_state)).one()
    if rows and not hmac.compare_digest(_seal(vault, chain, rows), end.audit_seal or b""):
        return Verdict(rows, unchained, None, "rows were added or taken away at the end")
    if end.audit_rows != rows:
        return Verdict(rows, unchained, None, f"{end.audit_rows} rows were written, and {rows} are there")
    return Verdict(rows, unchained)


def is_there(connection: Connection, *, at: datetime, partner: str, action: str) -> bool:
    """Whether the trail has such a row."""
    row = tables.audit.c
    found = select(row.id).where(row.partner == partner, row.action == action, row.at >= at, row.at < at + _A_SECOND)
    return connection.execute(found).first() is not None


def _written(at: datetime, actor: str, partner: str, action: str, detail: Mapping[str, Any]) -> bytes:
    """A row as one text that says the same whatever database it was in."""
    fields = [at.astimezone(UTC).isoformat(), actor, partner, action, detail]
    return json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()


def _seal(vault: Vault, chain: bytes, rows: int) -> bytes:
    """What only who has the key can write about the end of the trail, so that its last rows can't be taken away."""
    return vault.chain(b"end", chain, str(rows).encode())


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
