"""API keys, identities of other systems, sessions and idempotency of requests: see `sql/0005_ways_in.sql`."""

from proctor.store.migrate import run_sql

revision = "0005_ways_in"
down_revision = "0004_control"


def upgrade() -> None:
    """Apply the file."""
    run_sql(revision)
