"""The schema. Alembic's versions in `migrations/` make it; a test holds the two against each other."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    false,
)


def read_json(text: str) -> Any:
    """Decode a stored JSON value; nearly all are empty lists, of which many thousands are read at start."""
    return [] if text == "[]" else json.loads(text)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware moment in UTC; SQLite, which has no time zones, holds it without one."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse a moment without a time zone: it would be somebody's local time."""
        if value is not None and value.tzinfo is None:
            raise ValueError("a moment without a time zone can't be stored")
        value = value.astimezone(UTC) if value is not None else None
        return value.replace(tzinfo=None) if value is not None and dialect.name == "sqlite" else value

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], datetime | None] | None:
        """What gives the time zone back; SQLite's text is read in one step, because thousands are read at start."""
        if dialect.name == "sqlite":
            return lambda text: None if text is None else datetime.fromisoformat(f"{text}+00:00")
        return super().result_processor(dialect, coltype)


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _partner_id(**options: Any) -> Column[int]:
    return Column("partner_id", Integer, ForeignKey("partner.id"), nullable=False, **options)


#: One row: the revision that moves with every change of a partner, by which every process knows what to read again;
#: and the end of the audit trail's chain.
store_state = Table(
    "store_state",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("audit_rows", Integer, nullable=False, server_default="0"),
    Column("audit_chain", LargeBinary),
    Column("audit_seal", LargeBinary),
)

#: Keys made once and kept encrypted under the operator's key: for digests of inbound tokens, and for sealed links.
data_key = Table(
    "data_key",
    metadata,
    Column("purpose", String(20), primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("seal_key", String(16), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)

partner = Table(
    "partner",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(64), nullable=False),
    Column("name_key", String(64), nullable=False, unique=True),
    Column("state", String(20), nullable=False),
    Column("suspended", Boolean, nullable=False),
    Column("revision", Integer, nullable=False, index=True),
    Column("version", String(10)),
    Column("versions_url", Text),
    Column("token_form", String(10), nullable=False),
    Column("versions_form", String(10), nullable=False),
    Column("invited_roles", JSON, nullable=False),
    Column("invited_hosts", JSON, nullable=False),
    Column("note", Text),
    Column("created_at", UtcDateTime, nullable=False),
    Column("registered_at", UtcDateTime),
    Column("leaving", Boolean, nullable=False, server_default=false()),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("retry_at", UtcDateTime),
    Column("checked_at", UtcDateTime),
    Column("unreachable", Text),
    Column("drift", JSON),
)

#: A party belongs to one partner (ocpi/ocpi#284): the primary key says so.
party = Table(
    "party",
    metadata,
    Column("country_code", String(2), primary_key=True),
    Column("party_id", String(3), primary_key=True),
    _partner_id(index=True),
)

credentials_role = Table(
    "credentials_role",
    metadata,
    _partner_id(primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("role", Text, nullable=False),
    Column("country_code", String(2), nullable=False),
    Column("party_id", String(3), nullable=False),
    Column("business_details", JSON, nullable=False),
)

endpoint = Table(
    "endpoint",
    metadata,
    _partner_id(primary_key=True),
    Column("identifier", Text, primary_key=True),
    Column("role", String(10), primary_key=True),
    Column("url", Text, nullable=False),
)

#: Tokens by which partners call us. Only digests, and ciphertext while a token may have to be sent again.
inbound_token = Table(
    "inbound_token",
    metadata,
    Column("id", String(32), primary_key=True),
    _partner_id(index=True),
    Column("kind", String(20), nullable=False),
    Column("state", String(10), nullable=False),
    Column("provable", Boolean, nullable=False),
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("fingerprint", String(8), nullable=False),
    Column("sealed", LargeBinary),
    Column("seal_key", String(16)),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime),
    Column("revoked_at", UtcDateTime),
    Column("revoked_by", String(20)),
)

#: Tokens by which we call partners, encrypted.
outbound_token = Table(
    "outbound_token",
    metadata,
    Column("id", String(32), primary_key=True),
    _partner_id(index=True),
    Column("kind", String(20), nullable=False),
    Column("state", String(10), nullable=False),
    Column("fingerprint", String(8), nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("seal_key", String(16), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("proved", Boolean, nullable=False, server_default=false()),
    Column("refusals", Integer, nullable=False, server_default="0"),
)

#: Original `response_url`s behind the unguessable ids that we hand out instead.
callback = Table(
    "callback",
    metadata,
    Column("id", String(32), primary_key=True),
    _partner_id(index=True),
    Column("direction", String(10), nullable=False),
    Column("url", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False, index=True),
)

audit = Table(
    "audit",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("actor", String(64), nullable=False),
    Column("partner_id", Integer, ForeignKey("partner.id")),
    Column("partner", String(64), nullable=False),
    Column("action", String(40), nullable=False),
    Column("detail", JSON, nullable=False),
    Column("chain", LargeBinary),
)

Index("ix_audit_partner_at", audit.c.partner, audit.c.at)
