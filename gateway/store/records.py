"""Reading partner records: from rows to the plain records of `gateway.ocpi.partner` and the tokens that name them."""

from collections import defaultdict, namedtuple
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, Table, select

from gateway.ocpi.partner import CredentialsRole, Endpoint, Invitation, Manners, Partner
from gateway.ocpi.party import Party
from gateway.ocpi.vocabulary import InterfaceRole, PartnerState, TokenForm, TokenKind, TokenState
from gateway.store import tables
from gateway.store.keys import binding_of
from gateway.store.vault import Sealed, Vault, WrongKeyError

#: Words as they are stored; many thousands are read at start, and an enumeration is slow to ask.
_TOKEN_FORMS: Mapping[str, TokenForm] = {form.value: form for form in TokenForm}
_TOKEN_KINDS: Mapping[str, TokenKind] = {kind.value: kind for kind in TokenKind}
_TOKEN_STATES: Mapping[str, TokenState] = {state.value: state for state in TokenState}
_INTERFACE_ROLES: Mapping[str, InterfaceRole | None] = {"": None, **{role.value: role for role in InterfaceRole}}

#: Rows as named tuples, by table: their columns are found ten times faster than those of SQLAlchemy's rows.
_ROWS: Mapping[Table, Any] = {
    table: namedtuple(table.name, table.c.keys())  # noqa: PYI024 - its columns are known to the table alone
    for table in (
        tables.partner, tables.credentials_role, tables.endpoint, tables.inbound_token, tables.outbound_token
    )
}  # fmt: skip

#: States of `outbound_token`.
ACTIVE = "active"
PREVIOUS = "previous"


@dataclass(frozen=True, slots=True)
class InboundToken:
    """A token by which a partner may call us, without the token itself.

    Attributes:
        provable: any use proves that the partner holds it; else it was sent but not confirmed, and only a call of a
            functional module does.
    """

    id: str
    partner_id: int
    kind: TokenKind
    state: TokenState
    provable: bool
    digest: bytes
    fingerprint: str
    created_at: datetime
    expires_at: datetime | None

    def is_alive(self, now: datetime) -> bool:
        """Whether it is accepted anywhere at this moment."""
        return self.state is not TokenState.REVOKED and (self.expires_at is None or now < self.expires_at)


@dataclass(frozen=True, slots=True)
class OutboundToken:
    """A token by which we call a partner, without the token itself.

    Attributes:
        proved: it has worked once.
        refusals: how often in a row it was refused since.
    """

    kind: TokenKind
    state: str
    fingerprint: str
    created_at: datetime
    proved: bool
    refusals: int


@dataclass(frozen=True, slots=True)
class PartnerRecord:
    """A partner with its tokens.

    Attributes:
        broken: why its outbound token can't be read; it then can't be called, and everything else goes on.
        failures: how often in a row what we want of the partner (a rotation, an unregistration) failed.
        retry_at: when that is to be tried again.
        checked_at: when its front was last looked at.
        unreachable: why that failed; empty where it didn't.
        drift: how what it offers differs from what we have noted: `+` new, `-` gone.
    """

    partner: Partner
    inbound_tokens: tuple[InboundToken, ...]
    outbound_tokens: tuple[OutboundToken, ...]
    note: str = ""
    created_at: datetime | None = None
    registered_at: datetime | None = None
    broken: str = ""
    failures: int = 0
    retry_at: datetime | None = None
    checked_at: datetime | None = None
    unreachable: str = ""
    drift: tuple[str, ...] = ()


def read_changed(connection: Connection, vault: Vault, *, since: int = -1) -> list[PartnerRecord]:
    """Every partner that changed after a revision, ordered by name."""
    changed = select(tables.partner).where(tables.partner.c.revision > since).order_by(tables.partner.c.name_key)
    return _assemble(connection, vault, changed)


def read_by_name(connection: Connection, vault: Vault, name: str) -> PartnerRecord | None:
    """The partner of that name, compared without letter case, or None."""
    wanted = select(tables.partner).where(tables.partner.c.name_key == name.lower())
    return next(iter(_assemble(connection, vault, wanted)), None)


def read_by_id(connection: Connection, vault: Vault, partner_id: int) -> PartnerRecord:
    """The partner of that id, which must exist."""
    return _assemble(connection, vault, select(tables.partner).where(tables.partner.c.id == partner_id))[0]


def _assemble(connection: Connection, vault: Vault, wanted: Select[Any]) -> list[PartnerRecord]:
    ids = wanted.order_by(None).with_only_columns(tables.partner.c.id)
    roles = _children(connection, tables.credentials_role, ids, order=("position",))
    endpoints = _children(connection, tables.endpoint, ids, order=("identifier", "role"))
    alive = tables.inbound_token.c.state != TokenState.REVOKED
    inbound = _children(connection, tables.inbound_token, ids, order=("created_at",), only=alive)
    outbound = _children(connection, tables.outbound_token, ids, order=("created_at",))
    return [
        _record(row, roles[row.id], endpoints[row.id], inbound[row.id], outbound=outbound[row.id], vault=vault)
        for row in _rows(connection, tables.partner, wanted)
    ]


def _rows(connection: Connection, table: Table, query: Select[Any]) -> list[Any]:
    return list(map(_ROWS[table]._make, connection.execute(query)))


def _record(
    row: Any,
    roles: Sequence[Any],
    endpoints: Sequence[Any],
    inbound: Sequence[Any],
    *,
    outbound: Sequence[Any],
    vault: Vault,
) -> PartnerRecord:
    broken = ""
    try:
        tokens = _unsealed(row.id, outbound, vault)
    except WrongKeyError as error:
        tokens, broken = {}, str(error)
    known = tuple(map(_outbound, outbound))
    active = next((one for one in known if one.kind is TokenKind.CREDENTIALS and one.state == ACTIVE), None)
    return PartnerRecord(
        _partner(row, roles, endpoints, tokens=tokens, active=active),
        tuple(_inbound(token) for token in inbound),
        known,
        row.note or "",
        row.created_at,
        row.registered_at,
        broken,
        row.failures,
        row.retry_at,
        row.checked_at,
        row.unreachable or "",
        tuple(row.drift or ()),
    )


def _unsealed(partner_id: int, outbound: Sequence[Any], vault: Vault) -> dict[str, str]:
    """The tokens that we call a partner with, by state."""
    return {
        token.state: vault.keyring.unseal(
            Sealed(token.seal_key, token.sealed), binding=binding_of(tables.outbound_token, token.id, partner_id)
        ).decode()
        for token in outbound
        if token.kind == TokenKind.CREDENTIALS
    }


def _children(
    connection: Connection,
    table: Table,
    ids: Select[Any],
    *,
    order: Iterable[str],
    only: ColumnElement[bool] | None = None,
) -> Mapping[int, list[Any]]:
    children: dict[int, list[Any]] = defaultdict(list)
    by = (table.c[name] for name in ("partner_id", *order))
    query = select(table).where(table.c.partner_id.in_(ids)).order_by(*by)
    if only is not None:
        query = query.where(only)
    for row in _rows(connection, table, query):
        children[row.partner_id].append(row)
    return children


def _partner(
    row: Any,
    roles: Sequence[Any],
    endpoints: Sequence[Any],
    *,
    tokens: Mapping[str, str],
    active: OutboundToken | None,
) -> Partner:
    return Partner(
        id=row.id,
        name=row.name,
        state=PartnerState(row.state),
        revision=row.revision,
        suspended=row.suspended,
        version=row.version,
        versions_url=row.versions_url,
        roles=tuple(
            CredentialsRole(role.role, Party(role.country_code, role.party_id), role.business_details) for role in roles
        ),
        endpoints=tuple(Endpoint(identifier, _INTERFACE_ROLES[role], url) for _, identifier, role, url in endpoints),
        manners=Manners(_TOKEN_FORMS[row.token_form], _TOKEN_FORMS[row.versions_form]),
        invitation=Invitation(
            tuple((Party.parse(name), role) for name, role in row.invited_roles), frozenset(row.invited_hosts)
        ),
        leaving=row.leaving,
        outbound_token=tokens.get(ACTIVE),
        outbound_since=active.created_at if active else None,
        outbound_proved=active.proved if active else True,
        outbound_refusals=active.refusals if active else 0,
        previous_outbound_token=tokens.get(PREVIOUS),
    )


def _outbound(row: Any) -> OutboundToken:
    return OutboundToken(_TOKEN_KINDS[row.kind], row.state, row.fingerprint, row.created_at, row.proved, row.refusals)


def _inbound(row: Any) -> InboundToken:
    return InboundToken(
        id=row.id,
        partner_id=row.partner_id,
        kind=_TOKEN_KINDS[row.kind],
        state=_TOKEN_STATES[row.state],
        provable=row.provable,
        digest=row.digest,
        fingerprint=row.fingerprint,
        created_at=row.created_at,
        expires_at=row.expires_at,
    )
