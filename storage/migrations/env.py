"""Alembic's entry: runs on the connection that `upgrade` hands over."""

from alembic import context

from storage.models import tell_postgresql
from storage.tables import Base

tell_postgresql()
context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
