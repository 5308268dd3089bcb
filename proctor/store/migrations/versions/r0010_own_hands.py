"""People who act by something that is not their name: see `sql/0010_own_hands.sql`."""

from proctor.store.migrate import run_sql

revision = "0010_own_hands"
down_revision = "0009_sign_ins"


def upgrade() -> None:
    """Apply the file."""
    run_sql(revision)
