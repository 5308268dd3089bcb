"""Breakers, limits and pools on the real stack: what a run, its planner and people see of an outage."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from temporalio.client import Client

from gateway.admission import submit
from gateway.policy_changes import PolicyChanges
from gateway.temporal_engine import TemporalRunEngine
from proctor.connection import connect_temporal
from proctor.contracts.audit import agent_chain
from proctor.contracts.human import HumanDecision, Principal, Role
from proctor.contracts.ids import DEFAULT_TENANT, AgentName, PrincipalName, RunId
from proctor.contracts.run import RunOutcome, RunStatus, TaskRequest
from proctor.contracts.traffic import TRAFFIC_CHAIN, BreakerState
from proctor.contracts.wire import RequestDecided
from proctor.documents.catalog import FileAgentCatalog
from proctor.settings import Endpoints, Settings, TemporalEndpoint
from proctor.store.postgres import PostgresStore
from proctor.telemetry.metrics import Metrics
from tests.integration.traffic import tools
from workers.embedded.temporal import NAMESPACE, EmbeddedTemporal
from workers.pools import WorkerGroup
from workers.wiring import build

REQUESTER = Principal(name=PrincipalName("rita"), roles=frozenset({Role.REQUESTER}))
APPROVER = Principal(name=PrincipalName("adam"), roles=frozenset({Role.APPROVER}))
HERE = "tests.integration.traffic.tools"
NOTE = {"type": "object", "required": ["note"], "properties": {"note": {"type": "string"}}}


def contract(name: str, **fields: Any) -> dict[str, Any]:
    """Write a tool's contract."""
    known = {
        "name": name,
        "owner": "wanda",
        "effect": "write",
        "risk": "low",
        "idempotency": "native",
        "retry": {"max_attempts": 1},
        "breaker": {"failures": 2, "open_s": 3600},
        "input": NOTE,
        "implementation": {"kind": "python", "function": f"{HERE}:{name.lower()}"},
    }
    return known | fields


TOOLS = [
    contract("Touch"),
    contract("Spare"),
    contract("Limited", concurrency=2, rate_limit={"calls": 1000, "per_s": 1}),
    contract("Hang", pool="slow", timeout_s=60),
    contract("Look", effect="read", retry={"max_attempts": 3, "initial_interval_s": 0.01}),
]


def write_agent(root: Path, name: str, steps: Sequence[dict[str, Any]], **manifest: Any) -> None:
    """Write an agent that makes these calls."""
    folder = root / name
    (folder / "tools").mkdir(parents=True)
    calls = [{"id": f"n{n}", "with": {"note": name}, **step} for n, step in enumerate(steps)]
    finish = {"finish": {"outcome": "completed", "report": {}}}
    (folder / "playbook.yaml").write_text(yaml.safe_dump({"version": "1", "steps": [*calls, finish]}))
    known = {
        "name": name,
        "owner": "wanda",
        "autonomy": "autonomous",
        "allowed_tools": [tool["name"] for tool in TOOLS],
        "blocked_domains": ["*"],
        "planner": {"kind": "playbook", "file": "playbook.yaml"},
    }
    (folder / "manifest.yaml").write_text(yaml.safe_dump({"agent": known | manifest}))
    (folder / "tools" / "all.yaml").write_text(yaml.safe_dump({"tools": TOOLS}))


class Stack:
    """The product in this process, and the way in."""

    def __init__(self, client: Client, store: PostgresStore, agents: Path, worker: WorkerGroup) -> None:
        self.client, self.store, self.agents, self.worker = client, store, agents, worker
        self._engine = TemporalRunEngine(self._give, address="", task_queue="proctor")
        self._n = 0

    async def start(self, agent: str) -> RunId:
        self._n += 1
        request = TaskRequest(
            agent=AgentName(agent),
            input={},
            requester=REQUESTER.name,
            tenant=DEFAULT_TENANT,
            idempotency_key=f"{agent}-{self._n}",
        )
        bundle = FileAgentCatalog(self.agents).load(request.agent)
        changes = PolicyChanges(self.store.policies, self.store.journal.bundle)
        await submit(
            request, bundle, by=REQUESTER, admissions=self.store.admissions, engine=self._engine, changes=changes
        )
        return RunId(request.idempotency_key)

    async def end_of(self, run_id: RunId) -> RunOutcome:
        handle = self.client.get_workflow_handle(run_id, result_type=RunOutcome)
        return await asyncio.wait_for(handle.result(), 60)

    async def run(self, agent: str) -> RunOutcome:
        return await self.end_of(await self.start(agent))

    async def approve(self, run_id: RunId) -> dict[str, Any]:
        """Approve what the run asks for, once it asks; gives what the person was told."""
        while not (pending := await self.store.people.pending(run_id)):  # noqa: ASYNC110 - nothing here tells us
            await asyncio.sleep(0.05)
        receipt = await self.store.people.decide(HumanDecision(request_id=pending[0].id, word="approve"), APPROVER)
        assert receipt.applied
        await self._engine.wake(RequestDecided(decision_id="d", request_id=pending[0].id), run_id)
        return pending[0].details

    async def audit(self, run_id: str) -> list[tuple[str, dict[str, Any]]]:
        return [(record.kind, record.body) for record in await self.store.archive.audit(RunId(run_id))]

    async def _give(self) -> Client:
        return self.client


@pytest.fixture
async def stack(tmp_path: Path, dsn: str, store: PostgresStore) -> AsyncIterator[Stack]:
    tools.CALLS.clear()
    tools.DOWN.clear()
    tools.GOES_ON = asyncio.Event()
    agents = tmp_path / "agents"
    touch, spare, look = {"call": "Touch"}, {"call": "Spare"}, {"call": "Look"}
    write_agent(agents, "refuser", [touch])
    write_agent(agents, "neighbour", [look, spare])
    write_agent(agents, "reader", [look, spare], degradation={"Touch": {"to": "read_only"}})
    write_agent(agents, "asker", [touch], degradation={"Touch": {"to": "ask_person"}})
    write_agent(agents, "other", [touch], degradation={"Touch": {"to": "other_tool", "tool": "Spare"}})
    write_agent(agents, "chooser", [{"call": "Touch", "or": [{"call": "Spare", "with": {"note": "or"}}]}])
    write_agent(agents, "crowd", [{"call": "Limited"}])
    write_agent(agents, "hanger", [{"call": "Hang"}])
    async with EmbeddedTemporal(tmp_path / "temporal.log") as server:
        endpoint = TemporalEndpoint(server.address, NAMESPACE)
        loaded = Settings.load({"PROCTOR_POOLS": "common,*,slow=2", "PROCTOR_AGENTS": str(agents)}, tmp_path)
        settings = replace(loaded, configured=Endpoints(endpoint, dsn), drain_s=1.0)
        client = await connect_temporal(endpoint)
        parts = await build(settings, client, Metrics())
        assert isinstance(parts.worker, WorkerGroup)
        async with parts.worker:
            yield Stack(client, store, agents, parts.worker)
            tools.GOES_ON.set()
        await parts.close()


async def test_an_outage_is_met_as_each_manifest_says(stack: Stack) -> None:
    """It does not spread, no call is sent to what is out of order, and what became of it is on record."""
    tools.DOWN.add("Touch")
    ended = [await stack.run("refuser") for _ in range(3)]
    assert [RunStatus.FAILED] * 3 == [outcome.status for outcome in ended]
    assert 2 == tools.CALLS["Touch"]
    assert "the breaker tool:Touch is open" in ended[2].reason
    told = dict(await stack.audit("refuser-3"))
    assert "breaker-open" == told["call_held_back"]["rule"]
    assert "effect_intended" not in told

    assert RunStatus.COMPLETED is (await stack.run("neighbour")).status
    assert (1, 1) == (tools.CALLS["Look"], tools.CALLS["Spare"])

    read_only = await stack.run("reader")
    assert (RunStatus.FAILED, 2, 1) == (read_only.status, tools.CALLS["Look"], tools.CALLS["Spare"])
    assert "only reads" in read_only.reason

    pointed = await stack.run("other")
    assert RunStatus.FAILED is pointed.status
    (failure,) = [one for one in await stack.store.archive.observations(RunId("other-6")) if one.kind == "failure"]
    assert "breaker-other-tool" == failure.content["rule"]
    assert failure.content["error"].endswith("use Spare instead of Touch")

    assert RunStatus.COMPLETED is (await stack.run("chooser")).status
    assert (2, 2) == (tools.CALLS["Touch"], tools.CALLS["Spare"])

    tools.DOWN.clear()
    run_id = await stack.start("asker")
    assert "breaker-ask-person" == (await stack.approve(run_id))["rule"]
    assert RunStatus.COMPLETED is (await stack.end_of(run_id)).status
    assert 3 == tools.CALLS["Touch"]
    (closed,) = await stack.store.traffic.breakers(["tool:Touch"])
    assert BreakerState.CLOSED is closed.state
    chain = [kind for kind, _ in await stack.audit(agent_chain(TRAFFIC_CHAIN))]
    assert ["breaker_opened", "breaker_closed"] == chain

    tools.DOWN.add("Look")
    assert RunStatus.FAILED is (await stack.run("neighbour")).status
    assert 4 == tools.CALLS["Look"], "the second of three attempts opened the breaker, and the third was not sent"


async def test_calls_wait_for_room_and_a_pool_that_hangs_holds_up_no_other(stack: Stack) -> None:
    """Each waits its turn without an attempt or an event of its own; two hang, and the rest of the pool waits alone."""
    (of_pool,) = [one.config() for one in stack.worker.workers if one.task_queue == "proctor-slow"]
    names = {activity.__name__ for activity in of_pool.get("activities", ())}
    assert {"call_tool", "read_tool", "settle_call"} == names, "a call is made, and settled when lost, in its pool"
    hanging = [await stack.start("hanger") for _ in range(4)]
    crowd = [await stack.start("crowd") for _ in range(8)]
    ended = await asyncio.gather(*(stack.end_of(run_id) for run_id in crowd))
    assert {RunStatus.COMPLETED} == {outcome.status for outcome in ended}
    assert (8, 2) == (tools.CALLS["Limited"], tools.CALLS["LimitedMost"])
    counts = {await _events(stack, run_id) for run_id in crowd}
    assert 1 == len(counts), "a call that waited left as many events as one that did not"
    assert 2 == tools.CALLS["Hang"]
    tools.GOES_ON.set()
    ended = await asyncio.gather(*(stack.end_of(run_id) for run_id in hanging))
    assert {RunStatus.COMPLETED} == {outcome.status for outcome in ended}
    assert 4 == tools.CALLS["Hang"]


async def _events(stack: Stack, run_id: RunId) -> int:
    history = await stack.client.get_workflow_handle(run_id).fetch_history()
    return len(json.loads(history.to_json())["events"])
