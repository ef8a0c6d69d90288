"""What is known of the tokens we call partners with, intents to be resumed, and how partners were last found."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    for column in (
        sa.Column("leaving", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("failures", sa.Integer, nullable=False, server_default="0"),
        sa.Column("retry_at", MOMENT),
        sa.Column("checked_at", MOMENT),
        sa.Column("unreachable", sa.Text),
        sa.Column("drift", sa.JSON),
    ):
        op.add_column("partner", column)
    op.add_column("outbound_token", sa.Column("proved", sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("outbound_token", sa.Column("refusals", sa.Integer, nullable=False, server_default="0"))
    # Which tokens worked was not noted before: one without a former beside it counts as one that did.
    op.execute(
        "UPDATE outbound_token SET proved = (kind = 'credentials' AND (state = 'previous' OR partner_id NOT IN "
        "(SELECT partner_id FROM outbound_token WHERE state = 'previous')))"
    )
