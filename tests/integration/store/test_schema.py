"""Migrations, and what the runtime's role may do."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files

import psycopg
import pytest

from proctor.contracts.decision import Verdict
from proctor.contracts.errors import Unavailable
from proctor.contracts.ids import AgentName
from proctor.store.migrate import migrate, pending_migrations
from proctor.store.postgres import PostgresStore
from proctor.store.revisions import known_revisions
from tests.integration.conftest import dsn_for
from tests.integration.store.scenes import open_scene

APPEND_ONLY = ["audit", "transcript", "content", "plan", "planned_call", "decision", "denied_goal", "declared_plan"]
APPEND_ONLY += [
    "read_call",
    "policy_version",
    "policy_approval",
    "policy_activation",
    "cell_level",
    "review",
    "notice",
    "drill",
]
APPEND_ONLY += ["control", "control_act", "set_aside", "grant_use"]
PROJECTIONS = ["run", "effect", "request", "fence", "spend", "principal", "api_key", "web_session"]
PROJECTIONS += ["approver_key", "delegation", "standing_grant", "webhook", "hook", "schedule", "channel"]
PROJECTIONS += ["breaker", "bucket"]


@pytest.fixture
def empty_dsn(postgres_server: str) -> str:
    """Make a database that was never migrated."""
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS empty WITH (FORCE)")
        connection.execute("CREATE DATABASE empty")
    return dsn_for(postgres_server, "empty")


def _as_app(dsn: str, statement: str) -> None:
    with psycopg.connect(dsn) as connection:
        connection.execute("SET ROLE proctor_app")
        connection.execute(statement)


@pytest.mark.parametrize("table", APPEND_ONLY)
@pytest.mark.parametrize("change", ["UPDATE proctor.{} SET {} = {}", "DELETE FROM proctor.{}", "TRUNCATE proctor.{}"])
async def test_the_runtime_cannot_change_what_is_append_only(dsn: str, table: str, change: str) -> None:
    """The role has no right to, whatever the code does."""
    agents = dict.fromkeys(("policy_version", "policy_activation", "cell_level"), "agent")
    column = {"content": "digest", "policy_approval": "by", **agents}.get(table, "run_id")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        _as_app(dsn, change.format(table, column, column))


@pytest.mark.parametrize("table", PROJECTIONS)
async def test_the_runtime_cannot_delete_projections(dsn: str, table: str) -> None:
    """It changes rows of runs, effects and requests, and removes none."""
    for statement in (f"DELETE FROM proctor.{table}", f"TRUNCATE proctor.{table} CASCADE"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            _as_app(dsn, statement)


async def test_the_pool_acts_as_the_restricted_role(store: PostgresStore, dsn: str) -> None:
    """Its connections belong to the owner and have the application's rights."""
    await open_scene(store)
    with psycopg.connect(dsn) as connection:
        connection.execute("REVOKE INSERT ON proctor.plan FROM proctor_app")
    scene = await open_scene(store)
    with pytest.raises(Exception, match="permission denied"):
        await scene.plan(Verdict.ALLOW)


async def test_the_runtime_refuses_a_database_that_is_not_migrated(empty_dsn: str) -> None:
    """The error says what to do."""
    assert known_revisions() == pending_migrations(empty_dsn)
    with pytest.raises(Unavailable) as caught:
        await PostgresStore.connect(empty_dsn)
    assert "run `proctor migrate`" == caught.value.hint
    assert known_revisions() == migrate(empty_dsn)
    assert ([], []) == (migrate(empty_dsn), pending_migrations(empty_dsn))
    await (await PostgresStore.connect(empty_dsn)).close()


async def test_the_runtime_refuses_a_database_of_a_newer_version(dsn: str) -> None:
    """An old worker does not write into a schema that it does not know."""
    with psycopg.connect(dsn) as connection:
        connection.execute("UPDATE proctor.alembic_version SET version_num = '9999_future'")
    with pytest.raises(Unavailable, match="9999_future"):
        await PostgresStore.connect(dsn)


OF_THE_VERSION_BEFORE = """
    INSERT INTO proctor.run (run_id, tenant, idempotency_key, request_digest, agent, agent_version, owner, autonomy,
        requester, goal, input_digest, bundle_digest, created_at)
    VALUES ('old', 'acme', 'old', 'd', 'fixer', '1', 'wanda', 'supervised', 'rita', 'g', 'd', 'd', now());
    INSERT INTO proctor.planned_call VALUES ('old', 0, 0, 'Restart', '1', '', 'digest', '{}');
    INSERT INTO proctor.effect (key, run_id, step, call, kind, tool, state, attempt, intent_at, epoch)
    VALUES ('old/0/0', 'old', 0, 0, 'act', 'Restart', 'confirmed', 1, now(), 0);
    INSERT INTO proctor.demotion VALUES ('fixer', 'Restart', 'suggest')
"""


async def test_what_was_recorded_before_is_carried_over(empty_dsn: str) -> None:
    """Effects count in windows, and a demotion in force stays in force, for workers of the version before too."""
    sql = files("proctor.store").joinpath("migrations/sql/0001_spine.sql").read_text("utf-8")
    with psycopg.connect(empty_dsn) as connection:
        connection.execute("CREATE SCHEMA proctor; CREATE TABLE proctor.alembic_version (version_num text PRIMARY KEY)")
        connection.execute(sql)
        connection.execute("INSERT INTO proctor.alembic_version VALUES ('0001_spine')")
        connection.execute(OF_THE_VERSION_BEFORE)
    assert list(known_revisions()[1:]) == migrate(empty_dsn)
    with psycopg.connect(empty_dsn) as connection:
        effect = connection.execute("SELECT tenant, agent, requester, arguments_digest FROM proctor.effect").fetchall()
        assert [("acme", "fixer", "rita", "digest")] == effect
        assert [("fixer", "Restart", "suggest")] == connection.execute("SELECT * FROM proctor.demotion").fetchall()
    store = await PostgresStore.connect(empty_dsn)
    (level,) = await store.autonomy.levels(AgentName("fixer"))
    assert ("Restart", "*", "suggest", "demotion") == (level.cell.tool, level.cell.risk, level.level, level.kind)
    await store.close()


def test_two_processes_may_migrate_at_once(empty_dsn: str) -> None:
    """One does the work, the other waits and finds it done."""
    code = f"from proctor.store.migrate import migrate; print(len(migrate({empty_dsn!r})))"

    def run(_: int) -> str:
        return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()

    with ThreadPoolExecutor(3) as pool:
        applied = list(pool.map(run, range(3)))
    assert sorted(["0", "0", str(len(known_revisions()))]) == sorted(applied)


def test_a_server_that_is_away_is_unavailable() -> None:
    """Migrating against nothing is an error that says so."""
    with pytest.raises(Unavailable):
        migrate("postgresql://postgres@/proctor?host=/nowhere")
