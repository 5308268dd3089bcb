"""What one step may cost in history, on real parts: counts and bytes, never seconds."""

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from temporalio import client as temporal_client
from temporalio import worker as temporal_worker
from temporalio.client import Client

from benchmarks.history import Footprint, footprint
from gateway.admission import submit
from gateway.policy_changes import PolicyChanges
from gateway.temporal_engine import TemporalRunEngine
from proctor.connection import connect_temporal
from proctor.contracts.human import Principal, Role
from proctor.contracts.ids import DEFAULT_TENANT, AgentName, PrincipalName
from proctor.contracts.run import TaskRequest
from proctor.documents.catalog import FileAgentCatalog
from proctor.settings import Endpoints, Settings, TemporalEndpoint
from proctor.store.postgres import PostgresStore
from proctor.telemetry.metrics import Metrics
from workers.embedded.temporal import NAMESPACE, EmbeddedTemporal
from workers.wiring import build
from workflows.converter import DATA_CONVERTER

ROOT = Path(__file__).parents[3]
EFFECT_EVENTS, READ_EVENTS, STEP_BYTES, INPUT_BYTES = 12, 7, 1700, 4096
FEW, MANY = 5, 25
EARLY = 250
"""Events after which the server of these tests suggests a new history; by default some thousands."""


class ImpatientTemporal(EmbeddedTemporal):
    """A server that suggests to continue as new early, so that a short run shows what a long one does."""

    def _arguments(self) -> Iterator[str]:
        yield from super()._arguments()
        yield from ("--dynamic-config-value", f"limit.historyCount.suggestContinueAsNew={EARLY}")


class Witness(temporal_client.Interceptor, temporal_worker.Interceptor):
    """Notes each activity that is executed, local ones included, with the bytes of its input."""

    def __init__(self) -> None:
        self.calls = Counter[str]()
        self.largest_input_bytes = 0

    def intercept_activity(
        self,
        next: temporal_worker.ActivityInboundInterceptor,  # noqa: A002 - as the SDK names it
    ) -> temporal_worker.ActivityInboundInterceptor:
        return _Noting(next, self)


class _Noting(temporal_worker.ActivityInboundInterceptor):
    def __init__(self, following: temporal_worker.ActivityInboundInterceptor, witness: Witness) -> None:
        super().__init__(following)
        self._witness = witness

    async def execute_activity(
        self,
        input: temporal_worker.ExecuteActivityInput,  # noqa: A002 - as the SDK names it
    ) -> Any:
        payloads = await DATA_CONVERTER.encode(input.args)
        size = sum(len(payload.data) for payload in payloads)
        self._witness.largest_input_bytes = max(self._witness.largest_input_bytes, size)
        self._witness.calls[input.fn.__name__] += 1
        return await self.next.execute_activity(input)


class Bench:
    """The product in this process: a worker as it is wired, and the way in."""

    def __init__(self, client: Client, store: PostgresStore, settings: Settings, witness: Witness) -> None:
        self.client, self.witness = client, witness
        self._store, self._settings = store, settings

    async def run(self, mode: str, calls: int) -> Footprint:
        by = Principal(name=PrincipalName("olga"), roles=frozenset({Role.REQUESTER}))
        request = TaskRequest(
            agent=AgentName("bench"),
            input={"mode": mode, "calls": calls},
            requester=by.name,
            tenant=DEFAULT_TENANT,
            idempotency_key=f"{mode}-{calls}",
        )
        engine = TemporalRunEngine(self._give, address="", task_queue=self._settings.task_queue)
        bundle = FileAgentCatalog(ROOT / "benchmarks" / "agents").load(request.agent)
        changes = PolicyChanges(self._store.policies, self._store.journal.bundle)
        await submit(request, bundle, by=by, admissions=self._store.admissions, engine=engine, changes=changes)
        await self.client.get_workflow_handle(request.idempotency_key).result()
        return await footprint(self.client, request.idempotency_key)

    async def _give(self) -> Client:
        return self.client


@pytest.fixture
async def bench(
    tmp_path: Path, dsn: str, store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Bench]:
    monkeypatch.setenv("BENCH_MOMENTS", str(tmp_path / "moments"))
    async with ImpatientTemporal(tmp_path / "temporal.log") as server:
        endpoint = TemporalEndpoint(server.address, NAMESPACE)
        settings = replace(Settings.load({}, tmp_path), configured=Endpoints(endpoint, dsn), drain_s=1.0)
        witness = Witness()
        connected = await connect_temporal(endpoint)
        client = Client(
            connected.service_client, namespace=NAMESPACE, data_converter=DATA_CONVERTER, interceptors=[witness]
        )
        parts = await build(settings, client, Metrics())
        async with parts.worker:
            yield Bench(client, store, settings, witness)
        await parts.close()


async def test_a_step_with_an_effect_keeps_to_its_budget(bench: Bench) -> None:
    """Policy, ledger, approvals and audit cost no activity and no event of their own."""
    few, many = await bench.run("effect", FEW), await bench.run("effect", MANY)

    steps = MANY - FEW
    assert (many.events - few.events) / steps <= EFFECT_EVENTS
    assert (many.size_bytes - few.size_bytes) / steps <= STEP_BYTES
    assert MANY == many.activities
    # Two runs, and each makes a last plan that ends it.
    assert {"open_run": 2, "plan_step": FEW + MANY + 2, "call_tool": FEW + MANY, "close_run": 2} == bench.witness.calls
    assert bench.witness.largest_input_bytes <= INPUT_BYTES


async def test_a_step_that_reads_keeps_to_its_budget(bench: Bench) -> None:
    """A read is a local activity, so that it leaves one event."""
    few, many = await bench.run("read", FEW), await bench.run("read", MANY)

    steps = MANY - FEW
    assert many.activities == 0
    assert (many.events - few.events) / steps <= READ_EVENTS
    assert (many.size_bytes - few.size_bytes) / steps <= STEP_BYTES
    assert {"open_run": 2, "plan_step": FEW + MANY + 2, "read_tool": FEW + MANY, "close_run": 2} == bench.witness.calls
    assert bench.witness.largest_input_bytes <= INPUT_BYTES


async def test_a_long_run_goes_on_in_a_new_history_and_its_inputs_stay_small(bench: Bench) -> None:
    """No history, and no input of an activity, grows with the number of steps that were made."""
    calls = 90

    seen = await bench.run("effect", calls)

    assert seen.continuations >= 2
    assert seen.longest_events <= EARLY + 2 * EFFECT_EVENTS
    assert calls == bench.witness.calls["call_tool"]
    assert bench.witness.calls["open_run"] == 1
    assert bench.witness.largest_input_bytes <= INPUT_BYTES
