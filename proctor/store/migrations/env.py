"""Alembic's environment: runs the revisions on the connection that `proctor.store.migrate` opened."""

from alembic import context

from proctor.store.migrate import SCHEMA

context.configure(connection=context.config.attributes["connection"], version_table_schema=SCHEMA)
with context.begin_transaction():
    context.run_migrations()
