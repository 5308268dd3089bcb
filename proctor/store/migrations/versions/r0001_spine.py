"""The spine: see `sql/0001_spine.sql`."""

from proctor.store.migrate import run_sql

revision = "0001_spine"
down_revision = None


def upgrade() -> None:
    """Apply the file."""
    run_sql(revision)
