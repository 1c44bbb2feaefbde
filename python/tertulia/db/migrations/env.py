"""Run by Alembic; the connection comes from :mod:`tertulia.db.migrate`."""

from alembic import context

from tertulia.db.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    render_as_batch=True,  # SQLite can alter a table only by copying it
    transaction_per_migration=False,
)
context.run_migrations()
