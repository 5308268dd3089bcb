"""A worker, or the gateway, as a child process: started, asked for its readiness, restarted when it dies, stopped."""

import asyncio
import contextlib
import os
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from proctor.contracts.errors import Unavailable
from workers.embedded.ports import LOOPBACK, HeldPort, claim_port
from workers.embedded.tether import tethered

READY_TIMEOUT_S = 150.0
"""Longest that a part may take to start: an end of it is noticed at once, so only a busy machine comes near."""
POLL_S = 0.05
MAX_RESTARTS = 5
RESTART_WINDOW_S = 60.0
FIRST_PAUSE_S = 0.5
MAX_PAUSE_S = 8.0

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class WorkerOrder:
    """How a worker is started."""

    command: Sequence[str]
    environ: Mapping[str, str] = field(repr=False)
    cwd: Path
    log_path: Path
    stop_timeout_s: float
    name: str = "worker"
    address_variables: tuple[str, str] = ("PROCTOR_HEALTH_HOST", "PROCTOR_HEALTH_PORT")
    """By which it is told where to listen."""
    port: int = 0
    """0 takes a free one."""


class WorkerChild:
    """One worker process under supervision; it dies with this process."""

    def __init__(self, order: WorkerOrder, on_restart: Callable[[], None]) -> None:
        """Describe it; `on_restart` is called whenever supervision has started it again."""
        self._order, self._on_restart = order, on_restart
        self._process: asyncio.subprocess.Process | None = None
        self._port: HeldPort | None = None
        self._supervisor: asyncio.Task[None] | None = None
        self._restarts: list[float] = []
        self.gave_up: str | None = None
        """Why it is not restarted any more."""

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        return self._process.pid if self._process is not None and self._process.returncode is None else None

    @property
    def health_url(self) -> str:
        """Address of its health endpoints, the same whenever it is started again."""
        return f"http://{LOOPBACK}:{0 if self._port is None else self._port.number}"

    @property
    def log_path(self) -> Path:
        """Where its logs go."""
        return self._order.log_path

    async def start(self) -> None:
        """Start the process and return at once."""
        self._port = self._port or claim_port(
            self._order.port, what=f"the {self._order.name}", remedy="choose another, or 0 for a free one"
        )
        host_variable, port_variable = self._order.address_variables
        self._order.log_path.parent.mkdir(parents=True, exist_ok=True)
        with self._order.log_path.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *tethered(self._order.command),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._order.cwd,
                env={
                    **self._order.environ,
                    host_variable: LOOPBACK,
                    port_variable: str(self._port.number),
                },
                start_new_session=True,
            )

    async def until_ready(self, timeout_s: float = READY_TIMEOUT_S) -> None:
        """Wait until it can do its work.

        Raises:
            Unavailable: it ended, or is not ready in time; with the last line of its log.

        """
        deadline = time.monotonic() + timeout_s
        while not await asyncio.to_thread(_is_ready, self.health_url):
            if self.pid is None:
                raise Unavailable(
                    f"the {self._order.name} ended while starting: {self._last_line()}", hint=f"see {self.log_path}"
                )
            if time.monotonic() > deadline:
                raise Unavailable(
                    f"the {self._order.name} is not ready after {timeout_s:g} s: {self._last_line()}",
                    hint=f"see {self.log_path}",
                )
            await asyncio.sleep(POLL_S)

    def supervise(self) -> None:
        """From here on, start it again when it dies: five times a minute at most, with growing pauses."""
        if self._supervisor is None:
            self._supervisor = asyncio.create_task(self._keep_running(), name="supervisor")

    async def kill(self) -> int | None:
        """End it with SIGKILL, as a crash would; gives its pid. Supervision then starts it again."""
        pid = self.pid
        if self._process is not None and pid is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
        return pid

    async def until_restarted(self, timeout_s: float = READY_TIMEOUT_S) -> None:
        """Wait until supervision has brought it back.

        Raises:
            Unavailable: it was given up, or is not ready in time.

        """
        deadline = time.monotonic() + timeout_s
        while self.pid is None:
            if self.gave_up or time.monotonic() > deadline:
                raise Unavailable(self.gave_up or f"the {self._order.name} is not back after {timeout_s:g} s")
            await asyncio.sleep(POLL_S)
        await self.until_ready(timeout_s)

    async def stop(self) -> None:
        """Let it drain: SIGTERM, and SIGKILL when it takes longer than its drain may."""
        if self._supervisor is not None:
            self._supervisor.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._supervisor
            self._supervisor = None
        await self._end()
        if self._port is not None:
            self._port.release()
            self._port = None

    async def _end(self) -> None:
        if self._process is None or self._process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(self._process.wait(), self._order.stop_timeout_s)
        except TimeoutError:
            _log.warning(f"{self._order.name}_killed", pid=self.pid, reason="it did not drain in time")
            await self.kill()

    async def _keep_running(self) -> None:
        while self._process is not None:
            code = await self._process.wait()
            pause_s = self._next_pause(time.monotonic())
            if pause_s is None:
                often = f"{MAX_RESTARTS + 1} times in {RESTART_WINDOW_S:g} s"
                self.gave_up = f"the {self._order.name} died {often}: {self._last_line()}"
                _log.error(f"{self._order.name}_given_up", exit_code=code, log=str(self.log_path))
                return
            _log.warning(f"{self._order.name}_died", exit_code=code, restart_in_s=pause_s, log=str(self.log_path))
            await asyncio.sleep(pause_s)
            await self.start()
            _log.info(f"{self._order.name}_restarted", pid=self.pid)
            self._on_restart()

    def _next_pause(self, now: float) -> float | None:
        self._restarts = [moment for moment in self._restarts if now - moment < RESTART_WINDOW_S]
        if len(self._restarts) >= MAX_RESTARTS:
            return None
        self._restarts.append(now)
        return float(min(FIRST_PAUSE_S * 2 ** (len(self._restarts) - 1), MAX_PAUSE_S))

    def _last_line(self) -> str:
        lines = self.log_path.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return lines[-1][:300] if lines else "it said nothing"


def inherited_environment() -> dict[str, str]:
    """Give this process's environment without what would point a child elsewhere."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("TEMPORAL_", "PG")) and name not in {"DATABASE_URL", "PROCTOR_TOKEN"}
    }


def _is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=2) as answer:  # noqa: S310 - our own loopback address
            return bool(answer.status == 200)  # noqa: PLR2004 - HTTP OK
    except (urllib.error.URLError, OSError):
        return False
