"""What the operator can do with partners: the verbs of the command line, and of the console later."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select

from gateway.handshake.initiator import Initiator
from gateway.handshake.inspector import Inspector
from gateway.handshake.registrar import Registrar
from gateway.ocpi.partner import Invitation
from gateway.ocpi.party import Party
from gateway.ocpi.timestamps import format_timestamp
from gateway.store import tables
from gateway.store.audit import Verdict, is_there, verify
from gateway.store.changes import Ledger
from gateway.store.records import PartnerRecord, read_changed


@dataclass(frozen=True, slots=True)
class IssuedInvitation:
    """What to give to a partner that is to register with us; the only place where TOKEN_A is ever shown."""

    partner: str
    versions_url: str
    expires_at: datetime
    invitation_token: str = field(repr=False)

    def document(self) -> dict[str, str]:
        """As JSON (contract.md, Command line)."""
        return {
            "partner": self.partner,
            "versions_url": self.versions_url,
            "token_a": self.invitation_token,
            "expires": format_timestamp(self.expires_at),
        }


@dataclass(frozen=True, slots=True)
class AuditRow:
    """Who changed what, when."""

    at: datetime
    actor: str
    partner: str
    action: str
    detail: dict[str, Any]

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "at": format_timestamp(self.at),
            "actor": self.actor,
            "partner": self.partner,
            "action": self.action,
            "detail": self.detail,
        }


class Operations:
    """The operator's verbs.

    Args:
        actor: who acts, for the audit trail.
    """

    def __init__(self, registrar: Registrar, *, actor: str) -> None:
        self._registrar = registrar
        self._actor = actor
        initiator = Initiator(registrar, actor=actor)
        self.register = initiator.register
        self.resume_registration = initiator.resume
        self.rotate = initiator.rotate
        self.unregister = initiator.unregister
        self.revoke = initiator.revoke
        inspector = Inspector(registrar, actor=actor)
        self.refresh = inspector.refresh
        self.adopt = inspector.adopt

    async def invite(
        self,
        name: str,
        *,
        roles: Sequence[tuple[Party, str | None]] = (),
        hosts: Sequence[str] = (),
        lifetime: timedelta | None = None,
    ) -> IssuedInvitation:
        """Issue a TOKEN_A (step 1, we are the Receiver); an existing partner is invited anew.

        Args:
            roles: parties that the partner must present, each with its role or None for any.
            hosts: host names that its URLs must be on.
            lifetime: how long the token works; None for the configured default.
        """
        registrar = self._registrar
        invitation_token = registrar.vault.new_token()
        expires_at = registrar.clock() + (lifetime or registrar.lifetimes.invitation)
        invitation = Invitation(tuple(roles), frozenset(host.lower() for host in hosts))
        record = await registrar.write(
            self._actor,
            lambda ledger: ledger.invite(
                name, invitation_token=invitation_token, invitation=invitation, expires_at=expires_at
            ),
        )
        return IssuedInvitation(record.partner.name, registrar.front.versions_url, expires_at, invitation_token)

    async def suspend(self, name: str) -> PartnerRecord:
        """Stop all traffic of a partner without unregistering it."""
        return await self._registrar.write(self._actor, lambda ledger: _suspend(ledger, name, suspended=True))

    async def resume(self, name: str) -> PartnerRecord:
        """Restart the traffic of a suspended partner."""
        return await self._registrar.write(self._actor, lambda ledger: _suspend(ledger, name, suspended=False))

    async def partners(self) -> list[PartnerRecord]:
        """Every partner, by name."""
        return await self._registrar.store.read(lambda connection: read_changed(connection, self._registrar.vault))

    async def partner(self, name: str) -> PartnerRecord:
        """One partner.

        Raises:
            UnknownPartnerError: there is none of that name.
        """
        vault = self._registrar.vault
        return await self._registrar.store.read(lambda connection: Ledger.reading(connection, vault).partner(name))

    async def verify_audit(self) -> Verdict:
        """Look whether the audit trail is as it was written."""
        vault = self._registrar.vault
        return await self._registrar.store.read(lambda connection: verify(connection, vault))

    async def missing_since(self, exported: Sequence[Mapping[str, Any]]) -> dict[str, list[dict[str, Any]]]:
        """What an exported audit trail tells that the store doesn't know: after a back-up was restored.

        Args:
            exported: rows as `AuditRow.document` gives them.

        Returns:
            The missing rows by partner, the oldest first.
        """

        def look(connection: Connection) -> list[Mapping[str, Any]]:
            return [row for row in exported if not _is_there(connection, row)]

        missing: dict[str, list[dict[str, Any]]] = {}
        for row in await self._registrar.store.read(look):
            missing.setdefault(str(row["partner"]), []).append(dict(row))
        return missing

    async def audit(self, name: str | None) -> list[AuditRow]:
        """The audit trail, oldest first; of one partner or of all."""
        query = select(tables.audit).order_by(tables.audit.c.id)
        if name is not None:
            record = await self.partner(name)
            query = query.where(tables.audit.c.partner_id == record.partner.id)
        rows = await self._registrar.store.read(lambda connection: connection.execute(query).all())
        return [AuditRow(row.at, row.actor, row.partner, row.action, row.detail) for row in rows]


def describe(record: PartnerRecord) -> dict[str, Any]:
    """A partner as `partner list` and `partner show` print it: never a token, only fingerprints."""
    partner = record.partner
    return {
        "name": partner.name,
        "state": partner.state,
        "suspended": partner.suspended,
        "version": partner.version,
        "versions_url": partner.versions_url,
        "parties": [str(party) for party in partner.parties],
        "roles": [
            {"role": role.role, "party": str(role.party), "name": role.business_details.get("name")}
            for role in partner.roles
        ],
        "endpoints": [
            {"identifier": endpoint.identifier, "role": endpoint.role, "url": endpoint.url}
            for endpoint in partner.endpoints
        ],
        "token_form": partner.manners.token_form,
        "versions_form": partner.manners.versions_form,
        "invited_parties": [f"{party}:{role}" if role else str(party) for party, role in partner.invitation.roles],
        "invited_hosts": sorted(partner.invitation.hosts),
        "inbound_tokens": [
            {
                "kind": token.kind,
                "state": token.state,
                "fingerprint": token.fingerprint,
                "created": format_timestamp(token.created_at),
                "expires": format_timestamp(token.expires_at) if token.expires_at else None,
            }
            for token in record.inbound_tokens
        ],
        "outbound_tokens": [
            {
                "kind": token.kind,
                "state": token.state,
                "fingerprint": token.fingerprint,
                "created": format_timestamp(token.created_at),
                "proved": token.proved,
                "refusals": token.refusals,
            }
            for token in record.outbound_tokens
        ],
        "note": record.note,
        "leaving": partner.leaving,
        "failures": record.failures,
        "retry": format_timestamp(record.retry_at) if record.retry_at else None,
        "checked": format_timestamp(record.checked_at) if record.checked_at else None,
        "unreachable": record.unreachable,
        "drift": list(record.drift),
        "created": format_timestamp(record.created_at) if record.created_at else None,
        "registered": format_timestamp(record.registered_at) if record.registered_at else None,
    }


def _is_there(connection: Connection, row: Mapping[str, Any]) -> bool:
    at = datetime.fromisoformat(str(row["at"]))
    return is_there(connection, at=at, partner=str(row["partner"]), action=str(row["action"]))


def _suspend(ledger: Ledger, name: str, *, suspended: bool) -> PartnerRecord:
    ledger.suspend(ledger.partner(name), suspended=suspended)
    return ledger.partner(name)
