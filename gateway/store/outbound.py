"""Rows of `outbound_token`: the token we call a partner with, the one before, and a TOKEN_A that a partner gave us."""

import secrets
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, delete, insert, or_, select, update

from gateway.ocpi.vocabulary import TokenKind
from gateway.store import tables
from gateway.store.keys import binding_of, seal
from gateway.store.records import ACTIVE, PREVIOUS
from gateway.store.vault import Sealed, Vault

_table = tables.outbound_token


def keep_invitation(connection: Connection, vault: Vault, *, partner_id: int, token: str, now: datetime) -> None:
    """Store the TOKEN_A that a partner gave us, in place of an earlier one."""
    forget(connection, partner_id, TokenKind.INVITATION)
    _insert(connection, vault, partner_id=partner_id, token=token, kind=TokenKind.INVITATION, now=now)


def invitation(connection: Connection, vault: Vault, partner_id: int) -> str | None:
    """The TOKEN_A that a partner gave us and that has not done its work yet."""
    row = connection.execute(
        select(_table).where(_table.c.partner_id == partner_id, _table.c.kind == TokenKind.INVITATION)
    ).first()
    if row is None:
        return None
    sealed = Sealed(row.seal_key, row.sealed)
    return vault.keyring.unseal(sealed, binding=binding_of(_table, row.id, partner_id)).decode()


def replace(connection: Connection, vault: Vault, *, partner_id: int, token: str, now: datetime) -> None:
    """Call the partner with a new token; the last one that worked is kept until the new one has worked once.

    While a former one is kept, the present one is unproved: it goes, and the former stays, however often a PUT is
    repeated (handshake.md, RU7 and I1). A token that is known already is written anew and replaces nothing else.
    """
    of_partner = _of(partner_id)
    former = connection.execute(select(_table.c.id).where(of_partner, _table.c.state == PREVIOUS)).first()
    goes = _table.c.fingerprint == vault.fingerprint(token)
    if former is not None:
        goes = or_(goes, _table.c.state == ACTIVE)
    connection.execute(delete(_table).where(of_partner, goes))
    connection.execute(update(_table).where(of_partner).values(state=PREVIOUS))
    _insert(connection, vault, partner_id=partner_id, token=token, kind=TokenKind.CREDENTIALS, now=now)


def accepted(connection: Connection, vault: Vault, partner_id: int, token: str) -> bool:
    """This token has worked: if it is the present one, the one before is never used again (handshake.md, I8).

    Returns:
        Whether that is new: it is its first success, or follows a refusal.
    """
    present = _present(connection, partner_id)
    if present is None or present.fingerprint != vault.fingerprint(token):
        return False
    forgotten = connection.execute(delete(_table).where(_of(partner_id), _table.c.state == PREVIOUS))
    if present.proved and not present.refusals and not forgotten.rowcount:
        return False
    connection.execute(update(_table).where(_table.c.id == present.id).values(proved=True, refusals=0))
    return True


def refused(connection: Connection, vault: Vault, partner_id: int, token: str) -> int | None:
    """This token was refused: gives how often in a row, or None where it isn't the present one any more."""
    present = _present(connection, partner_id)
    if present is None or present.fingerprint != vault.fingerprint(token):
        return None
    refusals: int = present.refusals + 1
    connection.execute(update(_table).where(_table.c.id == present.id).values(refusals=refusals))
    return refusals


def forget(connection: Connection, partner_id: int, *kinds: TokenKind) -> None:
    """Drop tokens of these kinds."""
    connection.execute(delete(_table).where(_table.c.partner_id == partner_id, _table.c.kind.in_(kinds)))


def _of(partner_id: int) -> ColumnElement[bool]:
    return and_(_table.c.partner_id == partner_id, _table.c.kind == TokenKind.CREDENTIALS)


def _present(connection: Connection, partner_id: int) -> Row[Any] | None:
    """The token we call the partner with now."""
    return connection.execute(select(_table).where(_of(partner_id), _table.c.state == ACTIVE)).first()


def _insert(
    connection: Connection, vault: Vault, *, partner_id: int, token: str, kind: TokenKind, now: datetime
) -> None:
    row_id = secrets.token_hex(16)
    sealed = seal(connection, vault, token.encode(), binding=binding_of(_table, row_id, partner_id))
    connection.execute(
        insert(_table).values(
            id=row_id,
            partner_id=partner_id,
            kind=kind,
            state=ACTIVE,
            fingerprint=vault.fingerprint(token),
            sealed=sealed.blob,
            seal_key=sealed.key_id,
            created_at=now,
        )
    )
