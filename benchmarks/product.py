"""The product's side: the real stack, the real way in, policy and ledger and audit on."""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Literal, Self

from temporalio.client import Client

from benchmarks.sides import ROOT, Order, plain_environment, poll
from benchmarks.tools import MOMENTS
from gateway import admission, approvals, killing
from gateway.connections import Gateway
from gateway.identity import ensure_local_principals, find_token
from gateway.signing import ensure_local_keys, find_signer
from gateway.temporal_engine import TemporalRunEngine
from proctor.connection import connect_temporal
from proctor.contracts.human import HumanDecision, Principal
from proctor.contracts.ids import DEFAULT_TENANT, AgentName, RunId
from proctor.contracts.kill import Fence, KillOrder, KillScope
from proctor.contracts.kill_ports import KillSwitch
from proctor.contracts.run import RunOutcome, TaskRequest
from proctor.documents.catalog import FileAgentCatalog
from proctor.settings import Settings, TemporalEndpoint
from proctor.store.migrate import migrate
from proctor.store.postgres import PostgresStore
from workers.child import WorkerChild, WorkerOrder
from workers.embedded.postgres import EmbeddedPostgres
from workers.embedded.temporal import NAMESPACE, EmbeddedTemporal

AGENT = AgentName("bench")
AGENTS = Path(__file__).parent / "agents"
STOP_TIMEOUT_S = 30.0
PEOPLE = ("operator", "demo.approver", "second.operator")


class TimedKills:
    """The kill switch, noting when a fence was committed, and when the runs that only wait were ended."""

    def __init__(self, kills: KillSwitch) -> None:
        self._kills = kills
        self.fenced_at_s = self.ended_at_s = 0.0
        """Seconds since the epoch, as when the last of those that only wait was ended in the store."""
        self.covered, self.waiting = kills.covered, kills.waiting
        self.release, self.active = kills.release, kills.active
        self.receipt, self.receipts, self.knows = kills.receipt, kills.receipts, kills.knows

    async def raise_fence(self, order: KillOrder, by: Principal) -> Fence:
        """Write the fence."""
        fence = await self._kills.raise_fence(order, by)
        self.fenced_at_s = time.time()
        return fence

    async def end_waiting(self, run_ids: Sequence[RunId]) -> dict[RunId, RunOutcome]:
        """End runs that only wait."""
        ended = await self._kills.end_waiting(run_ids)
        self.ended_at_s = time.time()
        return ended


class ProductSide:
    """Temporal, Postgres and one worker, with the gateway in this process."""

    name = "proctor"

    def __init__(
        self, folder: Path, *, temporal: EmbeddedTemporal | None = None, worker: str = "benchmarks.worker"
    ) -> None:
        """Keep everything in `folder`; `temporal` replaces the server as the product starts it.

        `worker` is the module that is run as the worker.
        """
        self._folder = folder / self.name
        self.moments = self._folder / "moments"
        self._exit = AsyncExitStack()
        self._postgres = EmbeddedPostgres()
        self._temporal = temporal or EmbeddedTemporal(
            self._folder / "temporal.log", database=self._folder / "temporal.db"
        )
        self._worker_module = worker
        self._worker: WorkerChild | None = None
        self._client: Client | None = None
        self._gateway: Gateway | None = None
        self._people: dict[str, Principal] = {}

    @property
    def client(self) -> Client:
        """A client of its Temporal server."""
        assert self._client is not None
        return self._client

    @property
    def gateway(self) -> Gateway:
        """The open gateway."""
        assert self._gateway is not None
        return self._gateway

    @property
    def pids(self) -> Mapping[str, int]:
        """Its processes."""
        assert self._worker is not None
        found = {"worker": self._worker.pid, "server": self._temporal.pid, "postgres": self._postgres.process_id}
        assert None not in found.values()
        return {name: pid for name, pid in found.items() if pid is not None}

    def person(self, name: str) -> Principal:
        """Give one of the people of a development stack, authenticated."""
        return self._people[name]

    async def start(self, order: Order) -> None:
        """Ask for a run as the command does: checked, accepted in the store, its workflow started."""
        by = self.person("operator")
        request = TaskRequest(
            agent=AGENT,
            input={"mode": order.mode, "calls": order.calls},
            requester=by.name,
            tenant=DEFAULT_TENANT,
            idempotency_key=order.run,
        )
        gateway = self.gateway
        bundle = gateway.catalog.load(AGENT)
        await admission.submit(
            request, bundle, by=by, admissions=gateway.store.admissions, engine=gateway.engine, changes=gateway.changes
        )

    async def until_waiting(self, runs: Sequence[str]) -> None:
        """Ask the store for the requests to people."""

        async def all_asked() -> bool:
            return len(await self.gateway.store.people.pending()) >= len(runs)

        await poll(all_asked, pause_s=0.5)

    async def release(self, run: str) -> None:
        """Approve, as the command does."""
        people = self.gateway.store.people
        (request,) = await people.pending(RunId(run))
        decision, by = HumanDecision(request_id=request.id, word="approve"), self.person("demo.approver")
        signer = find_signer(self.gateway.settings.home, by.name)
        await approvals.decide(decision, by=by, people=people, engine=self.gateway.engine, signer=signer)

    async def kill(
        self,
        scope: KillScope,
        value: str,
        kills: KillSwitch,
        mode: Literal["compensate", "freeze"] | None = None,
        wait_s: float = killing.WAIT_S,
    ) -> killing.KillReport:
        """Kill, as the command does."""
        store, by = self.gateway.store, self.person("operator")
        mode = mode or killing.default_mode(scope)
        order = KillOrder(scope=scope, value=value, actor=by.name, reason="measured", mode=mode)
        return await killing.kill(
            order,
            by=by,
            kills=kills,
            archive=store.archive,
            journal=store.journal,
            engine=self.gateway.engine,
            wait_s=wait_s,
        )

    async def lose_worker(self) -> None:
        """End the worker with SIGKILL and start another one; returns when that is ready."""
        assert self._worker is not None
        await self._worker.kill()
        await self._worker.start()
        await self._worker.until_ready()

    async def release_fence(self, epoch: int) -> None:
        """Lift a fence, as a second person."""
        await self.gateway.store.kills.release(epoch, self.person("second.operator"))

    async def __aenter__(self) -> Self:
        """Start everything."""
        self._folder.mkdir(parents=True, exist_ok=True)
        try:
            await self._start()
        except BaseException:
            await self._exit.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop everything."""
        await self._exit.aclose()

    async def _start(self) -> None:
        self._exit.push_async_callback(asyncio.to_thread, self._postgres.stop)
        database_url = await asyncio.to_thread(self._postgres.start, self._folder / "postgres")
        await asyncio.to_thread(migrate, database_url)
        await self._exit.enter_async_context(self._temporal)
        await self._start_worker(database_url)
        await self._open_gateway(database_url)

    async def _open_gateway(self, database_url: str) -> None:
        store = await PostgresStore.connect(database_url, min_size=1, max_size=8)
        self._exit.push_async_callback(store.close)
        await ensure_local_principals(store.people, self._folder)
        await ensure_local_keys(store.approver_keys, self._folder)
        for name in PEOPLE:
            self._people[name] = await store.people.authenticate(find_token({}, self._folder, name))
        settings, client = Settings.load({}, ROOT), await connect_temporal(self._endpoint)
        engine = TemporalRunEngine(_given(client), address=self._endpoint.address, task_queue=settings.task_queue)
        self._client, self._gateway = client, Gateway(settings, store, engine, FileAgentCatalog(AGENTS))

    @property
    def _endpoint(self) -> TemporalEndpoint:
        return TemporalEndpoint(self._temporal.address, NAMESPACE)

    async def _start_worker(self, database_url: str) -> None:
        environ = {
            **plain_environment(),
            "PROCTOR_HOME": str(self._folder),
            "TEMPORAL_ADDRESS": self._temporal.address,
            "DATABASE_URL": database_url,
            MOMENTS: str(self.moments),
        }
        command = (sys.executable, "-m", self._worker_module)
        log_path = self._folder / "worker.log"
        self._worker = WorkerChild(WorkerOrder(command, environ, ROOT, log_path, STOP_TIMEOUT_S), lambda: None)
        self._exit.push_async_callback(self._worker.stop)
        await self._worker.start()
        await self._worker.until_ready()


def _given(client: Client) -> Callable[[], Awaitable[Client]]:
    async def give() -> Client:
        return client

    return give
