"""Clocks that go back: see `sql/0011_clocks.sql`."""

from proctor.store.migrate import run_sql

revision = "0011_clocks"
down_revision = "0010_own_hands"


def upgrade() -> None:
    """Apply the file."""
    run_sql(revision)
