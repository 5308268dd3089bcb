"""Runs every sequence through the whole platform while its worker is killed, and settles as a person would."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.tau2.project import Environment, declared
from benchmarks.tau2.sequences import Action, Sequence
from gateway.admission import submit
from gateway.approvals import decide
from gateway.connections import Gateway, open_gateway
from gateway.identity import find_token
from gateway.signing import find_signer
from proctor.contracts.errors import ProctorError, Unavailable
from proctor.contracts.human import HumanDecision, HumanRequest, Principal, RequestKind
from proctor.contracts.ids import DEFAULT_TENANT, AgentName, EffectKey, RunId
from proctor.contracts.run import RunRecord, TaskRequest
from proctor.contracts.tool import Confirmed, ToolInvocation
from proctor.local import local_order, local_stack
from proctor.tools.mcp.adapter import McpAdapter
from proctor.tools.mcp.importing import contracts_of, read_said
from proctor.tools.mcp.surroundings import Surroundings
from workers.dev import DevStack

STATE_KEY = "state_key"
AROUND_A_WRITE_S = 0.7
"""Longer than a write takes: some kills come before it, some in it, some after it."""


@dataclass
class Storm:
    """A stack whose worker dies, with the runs on it."""

    stack: DevStack
    gateway: Gateway
    environment: Environment
    name: str
    settled: Counter[str] = field(default_factory=Counter)
    """What the person said, by word."""
    kills: int = 0

    def state_key(self, task: Sequence) -> str:
        """Name the environment's state of one task in this measurement."""
        return f"tau2/{task.domain}/{task.task}/{self.name}"

    async def run(self, task: Sequence) -> RunRecord:
        """Run the task's agent to its end; people settle what is unknown on the way."""
        run_id = await self._submitted(task)
        while True:
            try:
                for request in await self.gateway.store.people.pending(run_id):
                    await self._settle(task, request)
                record = await self.gateway.store.archive.run(run_id)
                if record.status.is_end:
                    return record
            except Unavailable:  # it is being killed, too, when the stack is short of everything
                pass
            await asyncio.sleep(0.2)

    async def kill_often(self, times: int, chance: random.Random) -> None:
        """Kill the worker with SIGKILL so often, each time at a random moment after a write was sent."""
        for _ in range(times):
            before = self.environment.witnessed_calls()
            while self.environment.witnessed_calls() == before:  # noqa: ASYNC110 - another process writes it
                await asyncio.sleep(0.02)
            await asyncio.sleep(chance.uniform(0, AROUND_A_WRITE_S))
            await self.stack.restart_worker(0)
            self.kills += 1

    async def log(self, task: Sequence) -> Counter[str]:
        """Count the calls of a task in the environment's own `get_call_log`."""
        source = self.environment.plain()
        said = await read_said(source, Surroundings())
        (contract,) = contracts_of(source, said, ["get_call_log"])
        adapter = McpAdapter(Surroundings())
        try:
            asked = ToolInvocation(
                run_id=RunId("log"), key=EffectKey("log/0/0"), arguments={STATE_KEY: self.state_key(task)}
            )
            outcome = await adapter.invoke(declared(contract), asked)
        finally:
            await adapter.aclose()
        assert isinstance(outcome, Confirmed), outcome
        calls = (one["tau2_tool_call"] for one in outcome.result["calls"])
        return Counter(Action(one["name"], one["arguments"]).key for one in calls)

    async def _submitted(self, task: Sequence) -> RunId:
        by = await self._person("operator")
        request = TaskRequest(
            agent=AgentName(task.agent),
            input={STATE_KEY: self.state_key(task)},
            requester=by.name,
            tenant=DEFAULT_TENANT,
            idempotency_key=f"{self.name}-{task.agent}",
        )
        store, bundle = self.gateway.store, self.gateway.catalog.load(AgentName(task.agent))
        accepted = await submit(
            request,
            bundle,
            by=by,
            admissions=store.admissions,
            engine=self.gateway.engine,
            changes=self.gateway.changes,
        )
        return accepted.record.run_id

    async def _settle(self, task: Sequence, request: HumanRequest) -> None:
        """Say what the environment's own log says: no two calls of one task are the same, so one entry is ours."""
        assert request.kind is RequestKind.UNKNOWN_OUTCOME, request
        arguments = {name: value for name, value in request.details["arguments"].items() if name != STATE_KEY}
        tool = request.details["tool"].removeprefix(f"{task.domain}_")
        word = "happened" if (await self.log(task))[Action(tool, arguments).key] else "not_happened"
        order = HumanDecision.model_validate({"request_id": request.id, "word": word, "reason": "by get_call_log"})
        by = await self._person("demo.approver")
        people, engine = self.gateway.store.people, self.gateway.engine
        try:
            done = await decide(
                order, by=by, people=people, engine=engine, signer=find_signer(self.stack.home, by.name)
            )
        except Unavailable:
            return
        except ProctorError as error:
            raise AssertionError(f"{request.id} cannot be settled: {error.diagnostics()}") from error
        self.settled[word] += done.note == "applied"

    async def _person(self, name: str) -> Principal:
        return await self.gateway.store.people.authenticate(find_token({}, self.stack.home, name))


@asynccontextmanager
async def storm(folder: Path, agents: Path, environment: Environment, name: str) -> AsyncIterator[Storm]:
    """Start a stack with one worker: a server that keeps its state in memory cannot be had twice."""
    order = local_order(workers=1, restart_workers=False)
    async with local_stack(folder / "state", agents, order=order) as stack, open_gateway(stack.settings) as gateway:
        yield Storm(stack, gateway, environment, name)
