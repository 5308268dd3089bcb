"""Events, their subscriptions and deliveries: see `sql/0006_events.sql`."""

from proctor.store.migrate import run_sql

revision = "0006_events"
down_revision = "0005_ways_in"


def upgrade() -> None:
    """Apply the file."""
    run_sql(revision)
