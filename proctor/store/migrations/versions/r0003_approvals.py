"""Approvals as contracts: stages, signatures, delegation, grants: see `sql/0003_approvals.sql`."""

from proctor.store.migrate import run_sql

revision = "0003_approvals"
down_revision = "0002_policy"


def upgrade() -> None:
    """Apply the file."""
    run_sql(revision)
