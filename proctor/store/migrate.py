"""Migrations: SQL files, applied in order by Alembic."""

from importlib.resources import files
from pathlib import Path

import psycopg
from alembic import command, op
from alembic.config import Config
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from proctor.contracts.errors import Unavailable
from proctor.store.revisions import known_revisions

SCHEMA = "proctor"
MIGRATION_LOCK = 7239844212
"""Advisory lock of whoever migrates."""


def migrate(dsn: str) -> list[str]:
    """Bring the database up to date and give the revisions that were applied.

    Idempotent; of two processes at once, one waits for the other. Needs a role that may create roles and schemas.

    Raises:
        Unavailable: the database does not answer.

    """
    with _connect(dsn) as guard:
        guard.execute("SELECT pg_advisory_lock(%s)", [MIGRATION_LOCK])
        guard.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
        pending = _pending(guard)
        if pending:
            _upgrade(dsn)
        return pending


def pending_migrations(dsn: str) -> list[str]:
    """List the revisions that the database lacks, oldest first. Raises `Unavailable`."""
    with _connect(dsn) as connection:
        return _pending(connection)


def run_sql(revision: str) -> None:
    """Execute `sql/<revision>.sql` on the migration's connection; for revision files."""
    statements = files("proctor.store").joinpath(f"migrations/sql/{revision}.sql").read_text("utf-8")
    # The driver's own connection: SQLAlchemy would look for parameters in the text.
    driver = op.get_bind().connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    driver.execute(statements)


def _connect(dsn: str) -> psycopg.Connection:
    try:
        return psycopg.connect(dsn, autocommit=True, connect_timeout=10)
    except psycopg.OperationalError as error:
        raise Unavailable(
            f"Postgres does not answer: {' '.join(str(error).split())}", hint="check PGHOST or DATABASE_URL"
        ) from error


def _pending(connection: psycopg.Connection) -> list[str]:
    if connection.execute("SELECT to_regclass('proctor.alembic_version')").fetchone() == (None,):
        return known_revisions()
    row = connection.execute("SELECT version_num FROM proctor.alembic_version").fetchone()
    known = known_revisions()
    return known if row is None else known[known.index(row[0]) + 1 :] if row[0] in known else []


def _upgrade(dsn: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    engine = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(dsn), poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(text("SET lock_timeout = '30s'"))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
