"""Alembic's environment: runs on the connection that `gateway.store.migrate` hands in, within its transaction."""

from alembic import context

from gateway.store.tables import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
context.run_migrations()
