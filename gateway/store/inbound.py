"""Rows of `inbound_token`: made, proved, replaced, revoked (handshake.md, inbound token states).

pending  made, not yet proved; its ciphertext is kept, because a retry must send the same token again
active   proved: at most one
grace    replaced by a proved one: functional modules only, until its deadline
revoked  only the digest is kept, so that re-use can be told from noise
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, and_, insert, or_, select, update

from gateway.ocpi.errors import InternalError, OperatorError
from gateway.ocpi.vocabulary import TokenKind, TokenState
from gateway.store import tables
from gateway.store.keys import binding_of, seal
from gateway.store.vault import Sealed, Vault

_table = tables.inbound_token
_MAX_PENDING = 3  # handshake.md: at most 3 pending per partner


class TokenEndedError(InternalError):
    """A token that was to be sent has died meanwhile; nothing was written."""

    def __init__(self) -> None:
        super().__init__("the token that was to be sent was ended by somebody else meanwhile", remedy="Try again")


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """How long tokens live in each state (configuration: `tokens`)."""

    invitation: timedelta = timedelta(days=7)
    pending: timedelta = timedelta(hours=24)
    grace: timedelta = timedelta(seconds=60)


def add_invitation(
    connection: Connection, vault: Vault, *, partner_id: int, token: str, now: datetime, expires_at: datetime
) -> None:
    """Store a TOKEN_A; one issued before dies."""
    revoke(connection, partner_id, now=now, by="replaced", kinds=(TokenKind.INVITATION,))
    _insert(
        connection,
        vault,
        partner_id=partner_id,
        token=token,
        kind=TokenKind.INVITATION,
        state=TokenState.ACTIVE,
        provable=True,
        now=now,
        expires_at=expires_at,
    )


def add_pending(
    connection: Connection,
    vault: Vault,
    *,
    partner_id: int,
    token: str,
    provable: bool,
    now: datetime,
    expires_at: datetime | None,
) -> None:
    """Store a token that isn't proved yet; the oldest over three dies.

    One that a retry sends again is as if made now: what the partner was given before must not end it when used.

    Raises:
        TokenEndedError: the token of a retry has died meanwhile.
    """
    known = connection.execute(
        select(_table.c.id, _table.c.state).where(_table.c.digest == vault.digest(token))
    ).first()
    if known is not None:
        if known.state == TokenState.REVOKED:
            raise TokenEndedError
        _made_again(connection, known.id, now=now, expires_at=expires_at)
        return
    _insert(
        connection,
        vault,
        partner_id=partner_id,
        token=token,
        kind=TokenKind.CREDENTIALS,
        state=TokenState.PENDING,
        provable=provable,
        now=now,
        expires_at=expires_at,
    )
    earlier = connection.execute(
        select(_table.c.id)
        .where(
            _of(partner_id, TokenKind.CREDENTIALS),
            _table.c.state == TokenState.PENDING,
            _table.c.digest != vault.digest(token),  # the new one stays, also where the clock was put back
        )
        .order_by(_table.c.created_at.desc(), _table.c.id)
    ).scalars()
    _revoke_rows(connection, list(earlier)[_MAX_PENDING - 1 :], now=now, by="replaced")


def _made_again(connection: Connection, token_id: str, *, now: datetime, expires_at: datetime | None) -> None:
    """A token that nobody confirmed yet is sent again."""
    unconfirmed = update(_table).where(
        _table.c.id == token_id, _table.c.state == TokenState.PENDING, _table.c.provable.is_(False)
    )
    connection.execute(unconfirmed.values(created_at=now, expires_at=expires_at))


def add_live(connection: Connection, vault: Vault, *, partner_id: int, token: str, now: datetime) -> None:
    """Store a token that the partner uses already; every other of its tokens dies.

    Raises:
        OperatorError: the token is, or was, one that we know: it would be two partners'.
    """
    known = connection.execute(select(_table.c.id).where(_table.c.digest == vault.digest(token))).first()
    if known is not None:
        raise OperatorError(
            "the token by which the partner is to call us is known here already",
            remedy="Each partner needs a token of its own; see `ocpi-gateway partner list`",
        )
    revoke(connection, partner_id, now=now, by="replaced")
    _insert(
        connection,
        vault,
        partner_id=partner_id,
        token=token,
        kind=TokenKind.CREDENTIALS,
        state=TokenState.ACTIVE,
        provable=True,
        now=now,
        expires_at=None,
    )


def pending_token(connection: Connection, vault: Vault, *, partner_id: int, now: datetime) -> str | None:
    """The newest token that we made to send, and that a retry must send again; None where there is none alive."""
    row = connection.execute(
        select(_table)
        .where(
            _of(partner_id, TokenKind.CREDENTIALS),
            _table.c.state == TokenState.PENDING,
            _table.c.provable.is_(False),
            _table.c.sealed.is_not(None),
        )
        .order_by(_table.c.created_at.desc())
    ).first()
    if row is None or (row.expires_at is not None and row.expires_at <= now):
        return None
    sealed = Sealed(row.seal_key, row.sealed)
    return vault.keyring.unseal(sealed, binding=binding_of(_table, row.id, partner_id)).decode()


def id_of(connection: Connection, vault: Vault, token: str) -> str:
    """The id of a token's row, which must exist."""
    row_id: str = connection.execute(select(_table.c.id).where(_table.c.digest == vault.digest(token))).scalar_one()
    return row_id


def confirm(connection: Connection, vault: Vault, token: str) -> None:
    """The partner confirmed a token we sent: from now on any use proves it, and it has no deadline."""
    confirmed = update(_table).where(_table.c.digest == vault.digest(token), _table.c.state == TokenState.PENDING)
    connection.execute(confirmed.values(provable=True, expires_at=None))


def prove(connection: Connection, token_id: str, *, partner_id: int, now: datetime, grace: timedelta) -> bool:
    """The partner holds this token: it becomes the active one, the former gets its grace, the pending before it die.

    A token made after this one stays: the partner may hold it by now, and have sent this use before it got it.

    Returns:
        Whether anything changed: false where another process was faster.
    """
    proved = connection.execute(
        update(_table)
        .where(_table.c.id == token_id, _table.c.state == TokenState.PENDING)
        .values(state=TokenState.ACTIVE, provable=True, expires_at=None, sealed=None, seal_key=None)
    )
    if proved.rowcount != 1:
        return False
    made_at = select(_table.c.created_at).where(_table.c.id == token_id).scalar_subquery()
    others = connection.execute(
        select(_table.c.id, _table.c.kind, _table.c.state).where(
            _table.c.partner_id == partner_id,
            _table.c.id != token_id,
            _table.c.state != TokenState.REVOKED,
            or_(_table.c.state != TokenState.PENDING, _table.c.created_at <= made_at),
        )
    ).all()
    former = [row.id for row in others if row.kind == TokenKind.CREDENTIALS and row.state == TokenState.ACTIVE]
    dead = [
        row.id
        for row in others
        if row.id not in former and (row.kind == TokenKind.CREDENTIALS or row.state == TokenState.GRACE)
    ]
    connection.execute(
        update(_table).where(_table.c.id.in_(former)).values(state=TokenState.GRACE, expires_at=now + grace)
    )
    _revoke_rows(connection, dead, now=now, by="replaced")
    return True


def answered(connection: Connection, *, partner_id: int) -> None:
    """TOKEN_A did its work: until its answer is known to have arrived it may repeat that POST, and nothing else."""
    connection.execute(
        update(_table)
        .where(_of(partner_id, TokenKind.INVITATION), _table.c.state == TokenState.ACTIVE)
        .values(state=TokenState.GRACE)
    )


def revoke(
    connection: Connection,
    partner_id: int,
    *,
    now: datetime,
    by: str,
    kinds: Sequence[TokenKind] = tuple(TokenKind),
    states: Sequence[TokenState] = (TokenState.PENDING, TokenState.ACTIVE, TokenState.GRACE),
) -> None:
    """End tokens of a partner; `by` is kept as the reason."""
    rows = connection.execute(
        select(_table.c.id).where(
            _table.c.partner_id == partner_id, _table.c.kind.in_(kinds), _table.c.state.in_(states)
        )
    ).scalars()
    _revoke_rows(connection, list(rows), now=now, by=by)


def withdraw_unconfirmed(connection: Connection, partner_id: int, *, now: datetime) -> None:
    """End tokens that were made to send and that nobody confirmed: meant for another (handshake.md, rule 4)."""
    rows = connection.execute(
        select(_table.c.id).where(
            _of(partner_id, TokenKind.CREDENTIALS),
            _table.c.state == TokenState.PENDING,
            _table.c.provable.is_(False),
        )
    ).scalars()
    _revoke_rows(connection, list(rows), now=now, by="replaced")


def _revoke_rows(connection: Connection, ids: Sequence[str], *, now: datetime, by: str) -> None:
    connection.execute(
        update(_table)
        .where(_table.c.id.in_(ids))
        .values(state=TokenState.REVOKED, sealed=None, seal_key=None, revoked_at=now, revoked_by=by)
    )


def _of(partner_id: int, kind: TokenKind) -> ColumnElement[bool]:
    return and_(_table.c.partner_id == partner_id, _table.c.kind == kind)


def _insert(
    connection: Connection,
    vault: Vault,
    *,
    partner_id: int,
    token: str,
    kind: TokenKind,
    state: TokenState,
    provable: bool,
    now: datetime,
    expires_at: datetime | None,
) -> None:
    row_id = secrets.token_hex(16)
    pending = state is TokenState.PENDING
    binding = binding_of(_table, row_id, partner_id)
    sealed = seal(connection, vault, token.encode(), binding=binding) if pending else None
    connection.execute(
        insert(_table).values(
            id=row_id,
            partner_id=partner_id,
            kind=kind,
            state=state,
            provable=provable,
            digest=vault.digest(token),
            fingerprint=vault.fingerprint(token),
            sealed=sealed.blob if sealed else None,
            seal_key=sealed.key_id if sealed else None,
            created_at=now,
            expires_at=expires_at,
        )
    )
