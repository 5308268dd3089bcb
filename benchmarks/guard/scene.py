"""A run whose every step is one guarded HTTP call, carried out by the activities that workers carry out calls with."""

from decimal import Decimal
from typing import Any

from temporalio.testing import ActivityEnvironment

from activities.acting import ActingActivities
from activities.bench import PolicyShelf
from activities.planning import PlanningActivities
from proctor.contracts.ids import RunId
from proctor.contracts.manifest import AgentBundle, AgentManifest
from proctor.contracts.planning import CallsProposal, Proposal, ProposedCall, Situation
from proctor.contracts.policy import PolicyDocument
from proctor.contracts.ports import Transcript
from proctor.contracts.run import TaskRequest
from proctor.contracts.steps import CallRef, StepRef
from proctor.contracts.tool import ToolContract
from proctor.store.postgres import PostgresStore
from proctor.tools.authoring import ToolResources
from proctor.tools.dispatcher import ToolDispatcher

ARGUMENTS: dict[str, Any] = {"title": "Disk full on db-7", "severity": "high", "service": "billing", "attempt": 2}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["title", "severity"],
    "properties": {
        "title": {"type": "string", "maxLength": 200},
        "severity": {"enum": ["low", "medium", "high"]},
        "service": {"type": "string", "pattern": "^[a-z-]+$"},
        "attempt": {"type": "integer", "minimum": 0},
    },
}


def bundle_of(url: str) -> AgentBundle:
    """Make an agent with one tool that writes, idempotently, and one that reads."""
    common = {"input_schema": SCHEMA, "risk": "low", "argument_roles": dict.fromkeys(ARGUMENTS, "content")}
    call = {"kind": "http", "method": "POST", "base_url": url, "path": "/tickets", "body": "arguments"}
    tools = [
        {"name": "CreateTicket", "effect": "write", "idempotency": "native", "implementation": call, **common},
        {"name": "FindTicket", "effect": "read", "implementation": call, **common},
    ]
    manifest = {
        "name": "clerk",
        "owner": "ana",
        "autonomy": "autonomous",
        "allowed_tools": [tool["name"] for tool in tools],
        "blocked_domains": [],
        "allow_domains": ["127.0.0.1"],
        "bounds": {"max_iterations": 100_000, "max_stalled_steps": 100_000},
        "planner": {"kind": "playbook", "playbook": {"steps": [{"finish": {"outcome": "completed"}}]}},
    }
    contracts = tuple(ToolContract.model_validate(tool) for tool in tools)
    # The words are the planner's own, after reads: the rules for data flow would ask a person about each effect.
    policy = PolicyDocument.model_validate({"data_flow": "observed"})
    return AgentBundle(manifest=AgentManifest.model_validate(manifest), tools=contracts, policy=policy)


class OneCall:
    """A planner that always proposes the same call, at no cost."""

    def __init__(self, tool: str) -> None:
        self._proposal = Proposal(proposed=CallsProposal(calls=(ProposedCall(tool=tool, arguments=ARGUMENTS),)))

    def estimate_cost_usd(self, situation: Situation) -> Decimal:
        """Cost nothing."""
        del situation
        return Decimal(0)

    async def propose(self, situation: Situation, transcript: Transcript) -> Proposal:
        """Propose the call."""
        del situation, transcript
        return self._proposal


class GuardedRun:
    """One run, step by step."""

    def __init__(self, store: PostgresStore, tool: str, bundle: AgentBundle) -> None:
        self._tools = ToolDispatcher(ToolResources(store.knowledge))
        shelf = PolicyShelf()
        self._planning = PlanningActivities(store.journal, OneCall(tool), self._tools, shelf)
        self._acting = ActingActivities(store.journal, self._tools, shelf, store.traffic)
        self._store, self._tool, self._bundle, self._shelf = store, tool, bundle, shelf
        self._environment = ActivityEnvironment()
        self._run_id = RunId("")

    async def begin(self, key: str) -> None:
        """Admit and open the run."""
        request = {"agent": "clerk", "tenant": "default", "input": {}, "goal": "x", "requester": "rita"}
        task = TaskRequest.model_validate({**request, "idempotency_key": key})
        run, _ = await self._store.admissions.admit(task, self._bundle)
        await self._store.journal.open_run(run.run_id, self._shelf.digest_of)
        self._run_id = run.run_id

    async def plan(self, step: int) -> None:
        """Propose, validate, judge and record."""
        planned = await self._environment.run(self._planning.plan_step, StepRef(run_id=self._run_id, step=step))
        if [call.verdict for call in planned.calls] != ["allow"]:
            raise RuntimeError(f"step {step} was not allowed: {planned}")

    async def act(self, step: int) -> None:
        """Fence, policy on live facts, intent, the call, outcome."""
        act = self._acting.read_tool if self._tool == "FindTicket" else self._acting.call_tool
        report = await self._environment.run(act, CallRef(run_id=self._run_id, step=step, call=0))
        if report.status != "confirmed":
            raise RuntimeError(f"step {step} came to {report}")

    async def aclose(self) -> None:
        """Close the tools."""
        await self._tools.aclose()
