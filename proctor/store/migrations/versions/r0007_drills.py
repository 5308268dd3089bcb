"""Drills of the kill switch: see `sql/0007_drills.sql`."""

from proctor.store.migrate import run_sql

revision = "0007_drills"
down_revision = "0006_events"


def upgrade() -> None:
    """Apply the file."""
    run_sql(revision)
