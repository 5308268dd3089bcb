"""Postgres goes away and comes back; the embedded server itself."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from proctor.contracts.decision import Verdict
from proctor.contracts.dispatching import Admitted, Prior
from proctor.contracts.errors import Unavailable
from proctor.contracts.tool import Confirmed
from proctor.store.migrate import migrate
from proctor.store.postgres import PostgresStore
from tests.integration.store.scenes import ALLOW, open_scene
from workers.embedded.postgres import EmbeddedPostgres, _forget


@pytest.fixture
def folder() -> Iterator[Path]:
    """Make a short temporary folder."""
    path = Path(tempfile.mkdtemp(prefix="pg-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def server(folder: Path) -> Iterator[EmbeddedPostgres]:
    """Lend a server of one's own that may be killed."""
    embedded = EmbeddedPostgres(durable=False)
    yield embedded
    embedded.stop()


def _kill(pid: int | None) -> None:
    assert pid is not None
    process = psutil.Process(pid)
    children = process.children()
    os.kill(pid, signal.SIGKILL)
    psutil.wait_procs([process, *children], timeout=20)


async def test_the_pool_survives_a_restart_of_the_server(folder: Path, server: EmbeddedPostgres) -> None:
    """While Postgres is away every call is `Unavailable`, retryable; afterwards the run goes on where it was."""
    dsn = server.start(folder / "data")
    migrate(dsn)
    store = await PostgresStore.connect(dsn, min_size=2)
    scene = await open_scene(store)
    await scene.plan(Verdict.ALLOW)
    assert isinstance(await store.journal.begin_effect(scene.call(), ALLOW), Admitted)
    _kill(server.process_id)
    for _ in range(3):
        with pytest.raises(Unavailable) as caught:
            await store.ping()
        assert caught.value.retryable
    assert dsn == EmbeddedPostgres(durable=False).start(folder / "data")
    await _answers(store)
    assert isinstance(await store.journal.begin_effect(scene.call(), ALLOW), Prior)
    assert "confirmed" == (await store.journal.settle_effect(scene.call(), Confirmed(), final=True)).status
    await store.close()


async def _answers(store: PostgresStore) -> None:
    for _ in range(100):
        try:
            return await store.ping()
        except Unavailable:
            await asyncio.sleep(0.05)
    return await store.ping()


async def test_no_server_is_unavailable_with_a_hint() -> None:
    """A wrong address is one line, and says where to look."""
    with pytest.raises(Unavailable) as caught:
        await PostgresStore.connect("postgresql://postgres@/proctor?host=/nowhere")
    assert "DATABASE_URL" in caught.value.hint


def test_a_stale_pid_file_of_another_process_is_dropped(folder: Path, server: EmbeddedPostgres) -> None:
    """After a power cut the pid in the file may be anybody's."""
    server.start(folder / "data")
    pid_file = folder / "data" / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    server.stop()
    pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    dsn = server.start(folder / "data")
    with psycopg.connect(dsn) as connection:
        assert ("proctor",) == connection.execute("SELECT current_database()").fetchone()


def test_a_server_left_by_a_crashed_stack_is_taken_over(folder: Path, server: EmbeddedPostgres) -> None:
    """The running server is used as it is, and stopped with its new user."""
    code = (
        "import os, pathlib\nfrom workers.embedded.postgres import EmbeddedPostgres\n"
        f"embedded = EmbeddedPostgres(durable=False)\nembedded.start(pathlib.Path({str(folder / 'data')!r}))\n"
        "print(embedded.process_id, flush=True)\nos._exit(9)\n"
    )
    crashed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    left = int(crashed.stdout)
    server.start(folder / "data")
    assert left == server.process_id
    server.stop()
    assert not psutil.pid_exists(left) or psutil.STATUS_ZOMBIE == psutil.Process(left).status()


def test_a_folder_that_cannot_hold_a_server_is_unavailable(folder: Path, server: EmbeddedPostgres) -> None:
    """The error names the folder and does not take a minute."""
    (folder / "data").mkdir()
    (folder / "data" / "PG_VERSION").write_text("9.6\n")
    with pytest.raises(Unavailable, match="data"):
        server.start(folder / "data")


def test_a_folder_that_was_left_half_made_is_made_anew(folder: Path, server: EmbeddedPostgres) -> None:
    """Whoever was interrupted at the very first start need not clean up before the next."""
    (folder / "data").mkdir()
    (folder / "data" / "PG_VERSION").write_text("18\n")
    (folder / "data.unfinished").touch()
    with psycopg.connect(server.start(folder / "data")) as connection:
        assert (1,) == connection.execute("SELECT 1").fetchone()
    assert not (folder / "data.unfinished").exists()


def test_a_server_whose_start_failed_late_is_stopped(folder: Path, server: EmbeddedPostgres) -> None:
    """It runs, but its database could not be made: the stop must not fail, and leaves nothing."""
    server.start(folder / "data")
    left = server.process_id
    _forget((folder / "data").resolve())
    server.stop()
    assert left is not None
    assert not psutil.pid_exists(left) or psutil.STATUS_ZOMBIE == psutil.Process(left).status()


def test_a_path_too_long_for_a_socket_still_works(folder: Path, server: EmbeddedPostgres) -> None:
    """A clone deep in somebody's folders is no obstacle."""
    dsn = server.start(folder / ("d" * 60) / ("e" * 60) / "data")
    with psycopg.connect(dsn) as connection:
        assert (1,) == connection.execute("SELECT 1").fetchone()


def test_durability_is_on_unless_waived(folder: Path) -> None:
    """The ledger's promises rest on fsync."""
    embedded = EmbeddedPostgres()
    try:
        with psycopg.connect(embedded.start(folder / "data")) as connection:
            for setting in ("fsync", "synchronous_commit", "full_page_writes"):
                assert ("on",) == connection.execute(f"SHOW {setting}").fetchone()
            assert ("",) == connection.execute("SHOW listen_addresses").fetchone()
    finally:
        embedded.stop()
