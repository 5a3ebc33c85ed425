"""Alembic's entry: runs on the connection that `upgrade` hands over."""

from alembic import context

from storage import coalition_models, handover_models, key_models, kinds_models, people_models, shared_models
from storage.models import Base, tell_postgresql

# Imported for their tables.
assert (
    coalition_models and handover_models and key_models and kinds_models and people_models and shared_models
)  # noqa: S101, PT018

tell_postgresql()
context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
