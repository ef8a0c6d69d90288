"""What each change of a registration does to the records: everything of it in one transaction, with its audit row.

`Ledger` is bound to one transaction. Changes of one partner are serialised by comparing its revision: whoever comes
second finds that it moved and gives up without having written anything (handshake.md, Concurrency). A revision that
moved only because a token was proved, an answer delivered or a note taken hinders nobody.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import insert, update

from gateway.ocpi import lifecycle
from gateway.ocpi.credentials import Credentials
from gateway.ocpi.discovery import Discovery
from gateway.ocpi.errors import GatewayError, InternalError, OperatorError, PartnerError
from gateway.ocpi.lifecycle import Change, next_state
from gateway.ocpi.partner import NAME, Invitation, Partner
from gateway.ocpi.party import Party
from gateway.ocpi.timestamps import format_timestamp
from gateway.ocpi.urls import origin_of
from gateway.ocpi.vocabulary import PartnerState, TokenForm, TokenKind
from gateway.store import audit, inbound, outbound, profile, revision, tables
from gateway.store.notes import Notes
from gateway.store.records import ACTIVE, PartnerRecord, read_by_id, read_by_name


class ConcurrentChangeError(InternalError):
    """Somebody else changed the partner meanwhile; nothing was written."""


class PartyTakenError(PartnerError):
    """A party is claimed that belongs to another partner (ocpi/ocpi#284): never taken over silently."""

    def __init__(self, taken: Mapping[Party, str]) -> None:
        self.taken = taken
        parties = ", ".join(str(party) for party in taken)
        super().__init__(
            f"{parties} is already registered by another partner ({', '.join(sorted(set(taken.values())))})",
            remedy="Unregister that partner first, or ask this one to leave the party out",
        )
        self.public_message = f"roles: {parties} belongs to another platform"


class Ledger(Notes):
    """Writes changes within one transaction."""

    def kept_invitation(self, record: PartnerRecord) -> str | None:
        """The TOKEN_A that a partner gave us, until it has done its work."""
        return outbound.invitation(self._connection, self._vault, record.partner.id)

    def ensure(self, name: str) -> PartnerRecord:
        """The partner of that name, made now where there is none.

        Raises:
            OperatorError: the name isn't one that a partner can have.
        """
        record = read_by_name(self._connection, self._vault, name)
        if record is not None:
            return record
        if not NAME.fullmatch(name):
            raise OperatorError(
                f"{name[:64]!r} can't be a partner's name",
                remedy="Use up to 64 letters, digits, dots, dashes and underscores, a letter or digit first",
            )
        owner = profile.owner_of_name(self._connection, name)
        if owner is not None:
            raise OperatorError(
                f"{name} is a party of the partner {owner!r}, and calls to it go there", remedy="Choose another name"
            )
        self._connection.execute(
            insert(tables.partner).values(
                name=name,
                name_key=name.lower(),
                state=PartnerState.UNREGISTERED,
                suspended=False,
                revision=revision.advance(self._connection),
                token_form=TokenForm.BASE64,
                versions_form=TokenForm.BASE64,
                invited_roles=[],
                invited_hosts=[],
                created_at=self._now,
            )
        )
        return self.partner(name)

    def invite(
        self, name: str, *, invitation_token: str, invitation: Invitation, expires_at: datetime
    ) -> PartnerRecord:
        """Issue a TOKEN_A; the partner is made where there is none."""
        record = self.ensure(name)
        partner_id = record.partner.id
        self._move(record, lifecycle.Invited())
        inbound.add_invitation(
            self._connection,
            self._vault,
            partner_id=partner_id,
            token=invitation_token,
            now=self._now,
            expires_at=expires_at,
        )
        self._set(
            partner_id,
            invited_roles=[[str(party), role] for party, role in invitation.roles],
            invited_hosts=sorted(invitation.hosts),
        )
        fingerprint = self._vault.fingerprint(invitation_token)
        self._audit(record, "invited", {"token_a": fingerprint, "expires": format_timestamp(expires_at)})
        return read_by_id(self._connection, self._vault, partner_id)

    def start(self, name: str, *, versions_url: str, invitation_token: str) -> PartnerRecord:
        """Keep what a partner gave us to register with, so that the registration can be resumed (handshake.md, SP1)."""
        record = self.ensure(name)
        partner_id = record.partner.id
        self._move(record, lifecycle.Started())
        same_platform = _is_on_origin_of(record.partner.versions_url, versions_url)
        if not (same_platform and self._kept(record, invitation_token)):
            inbound.withdraw_unconfirmed(self._connection, partner_id, now=self._now)
        if not same_platform:  # no platform is ever shown a token that another one gave us
            outbound.forget(self._connection, partner_id, TokenKind.CREDENTIALS)
        if record.partner.invitation != Invitation():  # our demands of whom we invited don't bind whom we register with
            self._withdraw_invitation(partner_id)
        outbound.keep_invitation(
            self._connection, self._vault, partner_id=partner_id, token=invitation_token, now=self._now
        )
        self._set(partner_id, versions_url=versions_url, token_form=TokenForm.BASE64, versions_form=TokenForm.BASE64)
        profile.replace_endpoints(self._connection, partner_id, ())  # of another URL: this one isn't discovered yet
        self._audit(record, "registration started", {"token_a": self._vault.fingerprint(invitation_token)})
        return read_by_id(self._connection, self._vault, partner_id)

    def apply(self, record: PartnerRecord, change: Change) -> None:
        """Carry out one change of a registration.

        Raises:
            ConcurrentChangeError: the partner changed since `record` was read.
            PartyTakenError: a party of the change belongs to another partner.
            OperatorError: the change isn't possible in the partner's state.
        """
        self._move(record, change)
        notes = self._carry_out(record.partner.id, change)
        self._audit(record, audit.ACTIONS[type(change)], audit.describe(change, self._vault) | notes)

    def _carry_out(self, partner_id: int, change: Change) -> dict[str, Any]:
        """Write what a change brings; returns what the audit trail must tell besides."""
        match change:
            case lifecycle.Prepared(discovery, inbound_token):
                self._discovered(partner_id, discovery)
                self._add_pending(partner_id, inbound_token, provable=False)
            case lifecycle.Completed(credentials, discovery, inbound_token, remarks):
                notes = self._adopt_all_we_can(partner_id, credentials, discovery, remarks)
                outbound.forget(self._connection, partner_id, TokenKind.INVITATION)
                self._withdraw_invitation(partner_id)
                self._prove(partner_id, inbound_token)
                self._set(partner_id, registered_at=self._now, leaving=False)
                return notes
            case lifecycle.Accepted(credentials, discovery, inbound_token):
                self._adopt(partner_id, credentials, discovery)
                self._add_pending(partner_id, inbound_token, provable=True)
                outbound.forget(self._connection, partner_id, TokenKind.INVITATION)
                inbound.answered(self._connection, partner_id=partner_id)
                self._set(partner_id, registered_at=self._now, leaving=False)
            case lifecycle.Imported(credentials, discovery, inbound_token, remarks):
                notes = self._adopt_all_we_can(partner_id, credentials, discovery, remarks)
                outbound.forget(self._connection, partner_id, TokenKind.INVITATION)
                inbound.add_live(
                    self._connection, self._vault, partner_id=partner_id, token=inbound_token, now=self._now
                )
                self._set(partner_id, registered_at=self._now, invited_roles=[], invited_hosts=[])
                return notes
            case lifecycle.Renewed(credentials, discovery, inbound_token):
                self._adopt(partner_id, credentials, discovery)
                self._add_pending(partner_id, inbound_token, provable=True)
            case lifecycle.Rotating(inbound_token):
                self._add_pending(partner_id, inbound_token, provable=False)
            case lifecycle.Rotated(credentials, discovery, inbound_token, remarks):
                notes = self._adopt_all_we_can(partner_id, credentials, discovery, remarks)
                inbound.confirm(self._connection, self._vault, inbound_token)
                return notes
            case _:
                self._settle(partner_id, change)
        return {}

    def _settle(self, partner_id: int, change: Change) -> None:
        """Write what a change brings that gives or takes no token, or takes all."""
        match change:
            case lifecycle.HalfOpened(reason, inbound_token):
                if inbound_token is not None:
                    inbound.confirm(self._connection, self._vault, inbound_token)
                self._set(partner_id, note=reason)
            case lifecycle.Refreshed(discovery):
                self._discovered(partner_id, discovery)
                self._set(partner_id, drift=None)
            case lifecycle.Leaving() | lifecycle.Stayed():
                self._set(partner_id, leaving=isinstance(change, lifecycle.Leaving), failures=0, retry_at=None)
            case lifecycle.Recovered():
                pass
            case lifecycle.Unregistered() | lifecycle.Revoked():
                self._drop(partner_id, by=audit.ACTIONS[type(change)])
            case _:
                raise GatewayError(f"{type(change).__name__} is made by a method of its own")

    def _kept(self, record: PartnerRecord, invitation_token: str) -> bool:
        """Whether a TOKEN_A is the one that the partner gave us for the registration before."""
        kept = {token.fingerprint for token in record.outbound_tokens if token.kind is TokenKind.INVITATION}
        return self._vault.fingerprint(invitation_token) in kept

    def _withdraw_invitation(self, partner_id: int) -> None:
        """End a TOKEN_A that we issued, and what it demanded."""
        inbound.revoke(self._connection, partner_id, now=self._now, by="replaced", kinds=(TokenKind.INVITATION,))
        self._set(partner_id, invited_roles=[], invited_hosts=[])

    def _move(self, record: PartnerRecord, change: Change) -> None:
        """Take the partner to its next state, if nothing but proofs and notes of it changed since it was read."""
        state = next_state(record.partner.state, change)
        if self._swap(record.partner, state):
            return
        present = read_by_id(self._connection, self._vault, record.partner.id)
        if not (_is_same_registration(record, present) and self._swap(present.partner, state)):
            raise ConcurrentChangeError(
                f"partner {record.partner.name!r} was changed by somebody else meanwhile", remedy="Try again"
            )

    def _swap(self, partner: Partner, state: PartnerState) -> bool:
        moved = self._connection.execute(
            update(tables.partner)
            .where(tables.partner.c.id == partner.id, tables.partner.c.revision == partner.revision)
            .values(state=state, revision=revision.advance(self._connection), note=None)
        )
        return moved.rowcount == 1

    def _add_pending(self, partner_id: int, inbound_token: str, *, provable: bool) -> None:
        inbound.add_pending(
            self._connection,
            self._vault,
            partner_id=partner_id,
            token=inbound_token,
            provable=provable,
            now=self._now,
            expires_at=None if provable else self._now + self._lifetimes.pending,
        )

    def _prove(self, partner_id: int, inbound_token: str) -> None:
        token_id = inbound.id_of(self._connection, self._vault, inbound_token)
        inbound.prove(self._connection, token_id, partner_id=partner_id, now=self._now, grace=self._lifetimes.grace)

    def _adopt(self, partner_id: int, credentials: Credentials, discovery: Discovery) -> None:
        """Take over what a partner presented: its token, parties and endpoints.

        Raises:
            PartyTakenError: one of the parties belongs to another partner.
        """
        taken = self._taken(partner_id, credentials)
        if taken:
            raise PartyTakenError(taken)
        self._take_over(partner_id, credentials, discovery)
        profile.replace_roles(self._connection, partner_id, credentials.roles)

    def _adopt_all_we_can(
        self, partner_id: int, credentials: Credentials, discovery: Discovery, remarks: Sequence[str]
    ) -> dict[str, Any]:
        """Take over what a partner answered us with; returns what the audit trail must tell.

        Its token must not be lost (handshake.md, SP5), so parties of others are left out, and the operator is told.
        """
        taken = self._taken(partner_id, credentials)
        self._take_over(partner_id, credentials, discovery)
        kept = [role for role in credentials.roles if role.party not in taken]
        if kept or taken:
            profile.replace_roles(self._connection, partner_id, kept)
        notes, told = list(remarks), {"parties": [f"{role.party}:{role.role}" for role in kept]}
        if taken:
            left_out = ", ".join(f"{party} (of {owner})" for party, owner in taken.items())
            notes.append(f"parties left out because they belong to other partners: {left_out}")
        if not notes:
            return told
        self._set(partner_id, note="; ".join(notes))
        return {**told, "note": "; ".join(notes)}

    def _taken(self, partner_id: int, credentials: Credentials) -> Mapping[Party, str]:
        return profile.owners(self._connection, [role.party for role in credentials.roles], partner_id)

    def _take_over(self, partner_id: int, credentials: Credentials, discovery: Discovery) -> None:
        self._set(partner_id, failures=0, retry_at=None)
        self._discovered(partner_id, discovery)
        outbound.replace(self._connection, self._vault, partner_id=partner_id, token=credentials.token, now=self._now)

    def _discovered(self, partner_id: int, discovery: Discovery) -> None:
        self._set(
            partner_id,
            version=discovery.version,
            versions_url=discovery.versions_url,
            token_form=discovery.manners.token_form,
            versions_form=discovery.manners.versions_form,
        )
        profile.replace_endpoints(self._connection, partner_id, discovery.endpoints)

    def _drop(self, partner_id: int, *, by: str) -> None:
        inbound.revoke(self._connection, partner_id, now=self._now, by=by)
        outbound.forget(self._connection, partner_id, *TokenKind)
        profile.forget(self._connection, partner_id)
        self._set(
            partner_id,
            version=None,
            versions_url=None,
            invited_roles=[],
            invited_hosts=[],
            leaving=False,
            failures=0,
            retry_at=None,
            checked_at=None,
            unreachable=None,
            drift=None,
        )


def _is_on_origin_of(known: str | None, url: str) -> bool:
    return known is not None and origin_of(known) == origin_of(url)


def _is_same_registration(record: PartnerRecord, present: PartnerRecord) -> bool:
    """Whether at most proofs, deliveries and notes came between: no new token in either direction, nothing adopted."""
    then, now = (_without_notes(each.partner) for each in (record, present))
    before, after = ({t.fingerprint for t in each.outbound_tokens if t.state == ACTIVE} for each in (record, present))
    known = {token.id for token in record.inbound_tokens}
    return then == now and before == after and known.issuperset(t.id for t in present.inbound_tokens)


def _without_notes(partner: Partner) -> Partner:
    return replace(partner, revision=0, previous_outbound_token=None, outbound_proved=True, outbound_refusals=0)
