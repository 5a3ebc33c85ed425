"""Keys that are changed."""

import sqlalchemy as sa
from alembic import op

import storage.columns

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "former_keys",
        sa.Column("actor_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("public", sa.Text(), nullable=False),
        sa.Column("retired_at", storage.columns.UtcTime(), nullable=False),
        sa.Column("withdrawn_at", storage.columns.UtcTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["actor_id"], ["local_actors.id"], name=op.f("fk_former_keys_actor_id_local_actors")
        ),
        sa.PrimaryKeyConstraint("actor_id", "number", name=op.f("pk_former_keys")),
    )
    with op.batch_alter_table("local_actors", schema=None) as batch_op:
        batch_op.add_column(sa.Column("proof_key", sa.BigInteger(), server_default="1", nullable=False))
        batch_op.add_column(sa.Column("rsa_former_sealed", sa.LargeBinary(), nullable=True))
        batch_op.add_column(sa.Column("rekeyed_at", storage.columns.UtcTime(), nullable=True))
