"""Sign-ins at the OIDC issuer: see `sql/0009_sign_ins.sql`."""

from proctor.store.migrate import run_sql

revision = "0009_sign_ins"
down_revision = "0008_traffic"


def upgrade() -> None:
    """Apply the file."""
    run_sql(revision)
