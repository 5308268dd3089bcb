"""The command as a process of its own: real exit codes, real signals, real absences."""

import asyncio
import os
import resource
import signal
import subprocess
import sys
from asyncio.subprocess import PIPE
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from proctor.store.postgres import PostgresStore
from workers.embedded.ports import HeldPort

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "agents").mkdir()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "TEMPORAL", "PROCTOR"))}
    return {**kept, "PYTHONPATH": str(ROOT), "PROCTOR_HOME": str(tmp_path / "state")}


@pytest.fixture
def closed_port() -> Iterator[int]:
    """Hold a port on which nothing listens, and nothing can begin to."""
    with HeldPort() as held:
        yield held.number


def proctor(environ: dict[str, str], folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "proctor.command", *arguments]
    return subprocess.run(command, env=environ, cwd=folder, capture_output=True, text=True, timeout=60, check=False)


def assert_one_line(done: subprocess.CompletedProcess[str], code: int, *said: str) -> None:
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (code, "", 1), done.stderr
    for text in said:
        assert text in done.stderr


def test_help_is_quick(environ: dict[str, str], tmp_path: Path) -> None:
    """At most 0.4 s of processor time, whatever else the machine does."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = proctor(environ, tmp_path, "--help")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert (done.returncode, "approve" in done.stdout) == (0, True)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime <= 0.4


def test_help_imports_nothing_that_takes_long(environ: dict[str, str], tmp_path: Path) -> None:
    """Neither models nor clients nor an event loop: what a slow machine would wait for."""
    command = [sys.executable, "-X", "importtime", "-m", "proctor.command", "--help"]
    done = subprocess.run(command, env=environ, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True)
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "gateway.cli.main" in imported
    assert set() == imported & {"pydantic", "asyncio", "asyncpg", "temporalio", "rich", "ssl"}


def test_nothing_to_connect_to_is_one_line(environ: dict[str, str], tmp_path: Path) -> None:
    """No environment and no running stack."""
    assert_one_line(proctor(environ, tmp_path, "ps"), 1, "nothing to connect to", "start `proctor dev`")


def test_postgres_down_is_one_line_without_the_password(
    environ: dict[str, str], closed_port: int, tmp_path: Path
) -> None:
    """It names the address that was tried, and no secret."""
    environ |= {
        "DATABASE_URL": f"postgresql://u:s3cret@127.0.0.1:{closed_port}/p",
        "TEMPORAL_ADDRESS": f"127.0.0.1:{closed_port}",
    }
    done = proctor(environ, tmp_path, "ps")
    assert_one_line(done, 1, "Postgres does not answer", f"(tried 127.0.0.1:{closed_port}/p)")
    assert "s3cret" not in done.stderr


def test_database_that_was_not_migrated_is_one_line(
    environ: dict[str, str], closed_port: int, tmp_path: Path, postgres_server: str
) -> None:
    """It says which command mends it, and that command does."""
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute("CREATE DATABASE unmigrated")
    environ |= {
        "DATABASE_URL": postgres_server.replace("/proctor?", "/unmigrated?"),
        "TEMPORAL_ADDRESS": f"127.0.0.1:{closed_port}",
    }
    assert_one_line(proctor(environ, tmp_path, "ps"), 1, "proctor migrate")
    assert proctor(environ, tmp_path, "migrate").returncode == 0
    assert "up to date" in proctor(environ, tmp_path, "migrate").stderr
    assert proctor(environ, tmp_path, "ps").returncode == 0


async def test_temporal_down_accepts_nothing(
    environ: dict[str, str], closed_port: int, tmp_path: Path, dsn: str, store: PostgresStore
) -> None:
    """One line that names the address; the store has no new run."""
    from gateway.identity import enrol
    from proctor.contracts.human import Role

    await enrol(store.people, tmp_path / "state", "operator", frozenset({Role.REQUESTER}))
    environ |= {
        "DATABASE_URL": dsn,
        "TEMPORAL_ADDRESS": f"127.0.0.1:{closed_port}",
        "PROCTOR_AGENTS": str(ROOT / "agents"),
        "PROCTOR_PRINCIPAL": "operator",
    }
    source = str(ROOT / "agents/incident-resolver/alerts/wedged.json")
    done = proctor(environ, tmp_path, "run", "incident-resolver", "-i", source)
    assert_one_line(done, 1, f"127.0.0.1:{closed_port}", "does not answer")
    assert await store.archive.runs() == []


def test_nobody_signed_in_exits_4(environ: dict[str, str], closed_port: int, tmp_path: Path, dsn: str) -> None:
    """Without a token there is no person."""
    environ |= {"DATABASE_URL": dsn, "TEMPORAL_ADDRESS": f"127.0.0.1:{closed_port}"}
    assert_one_line(proctor(environ, tmp_path, "approve", "req-000001"), 4, "nobody is signed in")


async def test_interrupted_watch_exits_130(
    environ: dict[str, str], closed_port: int, tmp_path: Path, dsn: str, store: PostgresStore
) -> None:
    """A real Ctrl-C: the exit code is 130, and the run is left alone."""
    from gateway.connections import open_catalog
    from proctor.contracts.run import TaskRequest
    from proctor.settings import Settings

    bundle = open_catalog(Settings.load({}, ROOT)).load("incident-resolver")
    request = TaskRequest(
        agent="incident-resolver", input={}, requester="operator", tenant="default", idempotency_key="r"
    )
    await store.admissions.admit(request, bundle)
    environ |= {"DATABASE_URL": dsn, "TEMPORAL_ADDRESS": f"127.0.0.1:{closed_port}"}
    command = [sys.executable, "-m", "proctor.command", "watch", "r"]
    child = await asyncio.create_subprocess_exec(*command, env=environ, cwd=tmp_path, stdout=PIPE, stderr=PIPE)
    assert child.stdout is not None
    assert b"run_accepted" in await child.stdout.readline()
    child.send_signal(signal.SIGINT)
    _, err = await asyncio.wait_for(child.communicate(), 30)
    assert (child.returncode, b"run r goes on" in err) == (130, True)
    assert not (await store.archive.run("r")).status.is_end
