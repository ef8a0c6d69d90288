"""The first schema: partners, tokens, call-backs, audit."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "store_state",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("revision", sa.Integer, nullable=False),
    )
    op.execute("INSERT INTO store_state (id, revision) VALUES (1, 0)")
    op.create_table(
        "data_key",
        sa.Column("purpose", sa.String(20), primary_key=True),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("seal_key", sa.String(16), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
    )
    op.create_table(
        "partner",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("name_key", sa.String(64), nullable=False, unique=True),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("suspended", sa.Boolean, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False, index=True),
        sa.Column("version", sa.String(10)),
        sa.Column("versions_url", sa.Text),
        sa.Column("token_form", sa.String(10), nullable=False),
        sa.Column("versions_form", sa.String(10), nullable=False),
        sa.Column("invited_roles", sa.JSON, nullable=False),
        sa.Column("invited_hosts", sa.JSON, nullable=False),
        sa.Column("note", sa.Text),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("registered_at", MOMENT),
    )
    op.create_table(
        "party",
        sa.Column("country_code", sa.String(2), primary_key=True),
        sa.Column("party_id", sa.String(3), primary_key=True),
        sa.Column("partner_id", sa.Integer, sa.ForeignKey("partner.id"), nullable=False, index=True),
    )
    op.create_table(
        "credentials_role",
        sa.Column("partner_id", sa.Integer, sa.ForeignKey("partner.id"), primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("country_code", sa.String(2), nullable=False),
        sa.Column("party_id", sa.String(3), nullable=False),
        sa.Column("business_details", sa.JSON, nullable=False),
    )
    op.create_table(
        "endpoint",
        sa.Column("partner_id", sa.Integer, sa.ForeignKey("partner.id"), primary_key=True),
        sa.Column("identifier", sa.Text, primary_key=True),
        sa.Column("role", sa.String(10), primary_key=True),
        sa.Column("url", sa.Text, nullable=False),
    )
    op.create_table(
        "inbound_token",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("partner_id", sa.Integer, sa.ForeignKey("partner.id"), nullable=False, index=True),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("provable", sa.Boolean, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False, unique=True),
        sa.Column("fingerprint", sa.String(8), nullable=False),
        sa.Column("sealed", sa.LargeBinary),
        sa.Column("seal_key", sa.String(16)),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT),
        sa.Column("revoked_at", MOMENT),
        sa.Column("revoked_by", sa.String(20)),
    )
    op.create_table(
        "outbound_token",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("partner_id", sa.Integer, sa.ForeignKey("partner.id"), nullable=False, index=True),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("fingerprint", sa.String(8), nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("seal_key", sa.String(16), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
    )
    op.create_table(
        "callback",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("partner_id", sa.Integer, sa.ForeignKey("partner.id"), nullable=False, index=True),
        sa.Column("direction", sa.String(10), nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False, index=True),
    )
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("actor", sa.String(64), nullable=False),
        sa.Column("partner_id", sa.Integer, sa.ForeignKey("partner.id")),
        sa.Column("partner", sa.String(64), nullable=False),
        sa.Column("action", sa.String(40), nullable=False),
        sa.Column("detail", sa.JSON, nullable=False),
    )
    op.create_index("ix_audit_partner_at", "audit", ["partner", "at"])
