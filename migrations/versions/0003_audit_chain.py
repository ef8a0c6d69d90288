"""Rows of the audit trail are chained, so that a change made behind the gateway's back is found."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("audit", sa.Column("chain", sa.LargeBinary))
    op.add_column("store_state", sa.Column("audit_rows", sa.Integer, nullable=False, server_default="0"))
    op.add_column("store_state", sa.Column("audit_chain", sa.LargeBinary))
    op.add_column("store_state", sa.Column("audit_seal", sa.LargeBinary))
