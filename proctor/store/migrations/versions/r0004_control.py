"""Pause, steering, taking over and undo: see `sql/0004_control.sql`."""

from proctor.store.migrate import run_sql

revision = "0004_control"
down_revision = "0003_approvals"


def upgrade() -> None:
    """Apply the file."""
    run_sql(revision)
