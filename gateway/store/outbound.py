"""Rows of `outbound_token`: the token we call a partner with, the one before, and a TOKEN_A that a partner gave us."""

import secrets
from datetime import datetime

from sqlalchemy import Connection, and_, delete, insert, or_, select, update

from gateway.ocpi.vocabulary import TokenKind
from gateway.store import tables
from gateway.store.records import ACTIVE, PREVIOUS, binding_of
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
    of_partner = and_(_table.c.partner_id == partner_id, _table.c.kind == TokenKind.CREDENTIALS)
    former = connection.execute(select(_table.c.id).where(of_partner, _table.c.state == PREVIOUS)).first()
    goes = _table.c.fingerprint == vault.fingerprint(token)
    if former is not None:
        goes = or_(goes, _table.c.state == ACTIVE)
    connection.execute(delete(_table).where(of_partner, goes))
    connection.execute(update(_table).where(of_partner).values(state=PREVIOUS))
    _insert(connection, vault, partner_id=partner_id, token=token, kind=TokenKind.CREDENTIALS, now=now)


def forget_previous(connection: Connection, vault: Vault, partner_id: int, accepted_token: str) -> bool:
    """This token has worked: if it is the present one, the one before is never used again (handshake.md, I8).

    Returns:
        Whether one was forgotten.
    """
    of_partner = and_(_table.c.partner_id == partner_id, _table.c.kind == TokenKind.CREDENTIALS)
    present = connection.execute(select(_table.c.fingerprint).where(of_partner, _table.c.state == ACTIVE)).scalar()
    if present != vault.fingerprint(accepted_token):
        return False
    forgotten = connection.execute(delete(_table).where(of_partner, _table.c.state == PREVIOUS))
    return forgotten.rowcount > 0


def forget(connection: Connection, partner_id: int, *kinds: TokenKind) -> None:
    """Drop tokens of these kinds."""
    connection.execute(delete(_table).where(_table.c.partner_id == partner_id, _table.c.kind.in_(kinds)))


def _insert(
    connection: Connection, vault: Vault, *, partner_id: int, token: str, kind: TokenKind, now: datetime
) -> None:
    row_id = secrets.token_hex(16)
    sealed = vault.keyring.seal(token.encode(), binding=binding_of(_table, row_id, partner_id))
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
