"""What processes keep together."""

import sqlalchemy as sa
from alembic import op

import storage.columns

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "meters",
        sa.Column("key", sa.String(length=32), nullable=False),
        sa.Column("used_until", storage.columns.UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_meters")),
    )
    op.create_index(op.f("ix_meters_used_until"), "meters", ["used_until"])
    op.create_table(
        "key_failures",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("host", sa.String(length=300), nullable=False),
        sa.Column("failed_at", storage.columns.UtcTime(), nullable=False),
        sa.Column("until", storage.columns.UtcTime(), nullable=False),
        sa.Column("is_final", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_key_failures")),
    )
    op.create_index(op.f("ix_key_failures_host_failed_at"), "key_failures", ["host", "failed_at"])
    op.create_index(op.f("ix_key_failures_until"), "key_failures", ["until"])
    op.create_table(
        "turns",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("until", storage.columns.UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_turns")),
    )


def downgrade() -> None:
    op.drop_table("turns")
    op.drop_table("key_failures")
    op.drop_table("meters")
