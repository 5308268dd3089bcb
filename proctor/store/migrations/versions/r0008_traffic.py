"""Breakers, rate limits and room under way: see `sql/0008_traffic.sql`."""

from proctor.store.migrate import run_sql

revision = "0008_traffic"
down_revision = "0007_drills"


def upgrade() -> None:
    """Apply the file."""
    run_sql(revision)
