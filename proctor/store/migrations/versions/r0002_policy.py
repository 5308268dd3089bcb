"""The policy layer: see `sql/0002_policy.sql`."""

from proctor.store.migrate import run_sql

revision = "0002_policy"
down_revision = "0001_spine"


def upgrade() -> None:
    """Apply the file."""
    run_sql(revision)
