"""What is noted of a partner without changing its registration: proofs, refusals, deliveries, findings.

None of it stands in the way of a handshake that is under way (handshake.md, Concurrency).
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Self

from sqlalchemy import Connection, update

from gateway.ocpi.errors import GatewayError, OperatorError
from gateway.ocpi.timestamps import EPOCH
from gateway.ocpi.tokens import without_tokens
from gateway.ocpi.vocabulary import TokenKind, TokenState
from gateway.store import audit, inbound, outbound, revision, tables
from gateway.store.inbound import Lifetimes
from gateway.store.records import PartnerRecord, read_by_name
from gateway.store.vault import Vault


class UnknownPartnerError(OperatorError):
    """There is no partner of that name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no partner {without_tokens(name)!r}", remedy="See `ocpi-gateway partner list`")


class Notes:
    """Takes notes within one transaction.

    Args:
        actor: who causes them, for the audit trail: `cli`, `partner`, `gateway`.
    """

    def __init__(
        self, connection: Connection, vault: Vault, *, now: datetime, actor: str, lifetimes: Lifetimes | None = None
    ) -> None:
        self._connection = connection
        self._vault = vault
        self._now = now
        self._actor = actor
        self._lifetimes = lifetimes or Lifetimes()

    @classmethod
    def reading(cls, connection: Connection, vault: Vault) -> Self:
        """One that is only read from."""
        return cls(connection, vault, now=EPOCH, actor="")

    def partner(self, name: str) -> PartnerRecord:
        """The partner of that name.

        Raises:
            UnknownPartnerError: there is none.
        """
        record = read_by_name(self._connection, self._vault, name)
        if record is None:
            raise UnknownPartnerError(name)
        return record

    def prove(self, record: PartnerRecord, token_id: str) -> None:
        """The partner used a token it hadn't used before: the tokens it replaces now die."""
        moved = inbound.prove(
            self._connection,
            token_id,
            partner_id=record.partner.id,
            now=self._now,
            grace=self._lifetimes.grace,
        )
        if moved:
            self._note(record)
            self._audit(record, "token proved", {})

    def delivered(self, record: PartnerRecord) -> None:
        """Our answer with TOKEN_C was written to the partner's connection: TOKEN_A is dead (handshake.md, rule 9)."""
        inbound.revoke(
            self._connection,
            record.partner.id,
            now=self._now,
            by="answered",
            kinds=(TokenKind.INVITATION,),
            states=(TokenState.GRACE,),  # another that the operator issued meanwhile stays
        )
        self._note(record)
        self._audit(record, "answer delivered", {})

    def outbound_accepted(self, record: PartnerRecord, token: str) -> None:
        """The partner accepted this token: where it is the one we call it with now, the one before is forgotten."""
        if outbound.accepted(self._connection, self._vault, record.partner.id, token):
            self._note(record)
            self._audit(record, "outbound token accepted", {"outbound_token": self._vault.fingerprint(token)})

    def outbound_refused(self, record: PartnerRecord, token: str) -> int | None:
        """The partner refused this token: how often in a row; None where we call it with another by now."""
        refusals = outbound.refused(self._connection, self._vault, record.partner.id, token)
        if refusals is not None:
            self._note(record)
            detail = {"outbound_token": self._vault.fingerprint(token), "in_a_row": refusals}
            self._audit(record, "outbound token refused", detail)
        return refusals

    def suspend(self, record: PartnerRecord, *, suspended: bool) -> None:
        """Stop or restart all traffic of a partner; its tokens stay."""
        self._note(record, suspended=suspended)
        self._audit(record, "suspended" if suspended else "resumed", {})

    def refused(self, record: PartnerRecord, error: GatewayError, *, verb: str = "") -> None:
        """Keep why a handshake failed, for `partner show` and the audit trail; nothing else changes.

        Args:
            verb: what was to be done.
        """
        self._note(record, note=str(error))
        detail = {"reason": error.message, "fault": error.fault, "what_to_do": error.remedy, "verb": verb}
        self._audit(record, audit.FAILED, {name: value for name, value in detail.items() if value})

    def postponed(self, record: PartnerRecord, *, failures: int, retry_at: datetime) -> None:
        """What we want of a partner failed so often in a row, and is to be tried again."""
        self._note(record, failures=failures, retry_at=retry_at)

    def looked(self, record: PartnerRecord, *, unreachable: str, drift: Sequence[str] | None) -> None:
        """A partner's front was looked at; `drift` is None where it could not be read.

        The audit trail tells only of what is new.
        """
        differs = tuple(drift) if drift is not None else record.drift
        self._note(record, checked_at=self._now, unreachable=unreachable or None, drift=list(differs))
        if bool(unreachable) != bool(record.unreachable):
            self._audit(record, "unreachable" if unreachable else "reachable", {"reason": unreachable})
        if differs != record.drift:
            self._audit(record, "endpoints differ", {"drift": list(differs)})

    def _note(self, record: PartnerRecord, **values: Any) -> None:
        """Write values of a partner, and let every process read it again."""
        self._set(record.partner.id, revision=revision.advance(self._connection), **values)

    def _set(self, partner_id: int, **values: Any) -> None:
        self._connection.execute(update(tables.partner).where(tables.partner.c.id == partner_id).values(**values))

    def _audit(self, record: PartnerRecord, action: str, detail: Mapping[str, Any]) -> None:
        audit.add(
            self._connection,
            self._vault,
            at=self._now,
            actor=self._actor,
            partner=record.partner,
            action=action,
            detail=detail,
        )
