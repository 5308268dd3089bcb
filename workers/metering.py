"""Metrics of plans, decisions and calls, taken at the ports: nothing inside knows that it is measured."""

import time
from collections import Counter
from collections.abc import Sequence
from typing import Any, TypeVar, cast

from proctor.contracts.decision import Verdict
from proctor.contracts.dispatching import Admitted, Prior, Refusal, Waiting
from proctor.contracts.human import HumanRequest, RequestKind
from proctor.contracts.ids import RunId
from proctor.contracts.kill import Fence
from proctor.contracts.people_ports import People
from proctor.contracts.planning import Proposal, Situation
from proctor.contracts.ports import Judge, Planner, RunJournal, ToolPort, Transcript
from proctor.contracts.run import AuditHead, RequestRef, RequestStanding, RunRecord, RunStatus
from proctor.contracts.steps import CallRef, PlanRecord, StepPlan, StepRef
from proctor.contracts.tool import ToolContract, ToolInvocation, ToolOutcome
from proctor.contracts.traffic import Traffic
from proctor.telemetry.metrics import Metrics

Begun = TypeVar("Begun", bound=Admitted | Prior | Refusal | Waiting)


class MeteredTools:
    """`ToolPort` that times calls and counts how they end."""

    def __init__(self, tools: ToolPort, metrics: Metrics) -> None:
        """Wrap `tools`."""
        self._tools, self._metrics = tools, metrics

    async def invoke(self, contract: ToolContract, invocation: ToolInvocation) -> ToolOutcome:
        """As `ToolPort.invoke`."""
        began = time.perf_counter()
        outcome = await self._tools.invoke(contract, invocation)
        self._metrics.tool_called(contract.name, time.perf_counter() - began)
        self._metrics.call_ended(contract.name, outcome.status, Verdict.ALLOW.value)
        return outcome

    def egress_hosts(self, contract: ToolContract, arguments: dict[str, Any]) -> tuple[str, ...]:
        """As `ToolPort.egress_hosts`."""
        return self._tools.egress_hosts(contract, arguments)


class MeteredPlanner:
    """`Planner` that times plans and counts what models use."""

    def __init__(self, planner: Planner, metrics: Metrics) -> None:
        """Wrap `planner`."""
        self._planner, self._metrics = planner, metrics
        self.estimate_cost_usd = planner.estimate_cost_usd

    async def propose(self, situation: Situation, transcript: Transcript) -> Proposal:
        """As `Planner.propose`."""
        began = time.perf_counter()
        proposal = await self._planner.propose(situation, transcript)
        spec = situation.bundle.manifest.planner
        self._metrics.plan_made("none" if spec is None else spec.kind, time.perf_counter() - began)
        usage = proposal.usage
        if usage.model:
            self._metrics.model_used(
                usage.model,
                input_tokens=usage.input_tokens,
                output_tokens=usage.output_tokens,
                cost_usd=usage.cost_usd,
            )
        return proposal


class _MeteredJournal:
    """`RunJournal` that counts denials, fenced plans and endings."""

    def __init__(self, journal: RunJournal, metrics: Metrics) -> None:
        self._journal, self._metrics = journal, metrics

    def __getattr__(self, name: str) -> Any:
        return getattr(self._journal, name)

    async def record_plan(self, record: PlanRecord, requests: Sequence[HumanRequest]) -> StepPlan:
        plan = await self._journal.record_plan(record, requests)
        denied = [entry.decision for entry in record.decisions if entry.decision.verdict is Verdict.DENY]
        for decision in denied:
            self._metrics.call_denied(decision.determining)
        return plan

    async def record_halt(self, plan: StepPlan, ref: StepRef, request: HumanRequest | None) -> StepPlan:
        if plan.kind == "fenced":
            self._metrics.fenced("plan")
        return await self._journal.record_halt(plan, ref, request)

    async def begin_effect(self, ref: CallRef, judge: Judge) -> Admitted | Prior | Refusal | Waiting:
        return self._counted(await self._journal.begin_effect(ref, judge))

    async def begin_read(self, ref: CallRef, judge: Judge) -> Admitted | Refusal | Waiting:
        return self._counted(await self._journal.begin_read(ref, judge))

    def _counted(self, begun: Begun) -> Begun:
        if isinstance(begun, Refusal) and begun.report.status == "denied":
            self._metrics.call_denied("at_dispatch")
        if isinstance(begun, Refusal) and begun.report.status == "fenced":
            self._metrics.fenced("call")
        if isinstance(begun, Waiting):
            self._metrics.call_waits(begun.passage.breaker or begun.passage.lacks)
        return begun

    async def read_request(self, ref: RequestRef) -> RequestStanding:
        standing = await self._journal.read_request(ref)
        if standing.state != "pending":
            self._metrics.request_decided(standing.word or standing.state, applied=True)
        return standing

    async def acknowledge_cancel(self, run_id: RunId) -> Fence:
        fence = await self._journal.acknowledge_cancel(run_id)
        self._metrics.fenced("run")
        return fence

    async def close_run(self, run_id: RunId, status: RunStatus, reason: str) -> tuple[RunRecord, AuditHead]:
        run, head = await self._journal.close_run(run_id, status, reason)
        self._metrics.run_closed(run.agent, run.status)
        return run, head


def metered_journal(journal: RunJournal, metrics: Metrics) -> RunJournal:
    """Give a journal that counts; whatever is not counted goes straight through."""
    return cast("RunJournal", _MeteredJournal(journal, metrics))


async def count_pending(people: People, metrics: Metrics) -> None:
    """Say how many requests of each kind wait for a person now, zeros included."""
    counted = Counter(request.kind for request in await people.pending())
    for kind in RequestKind:
        metrics.requests_pending(kind.value, counted[kind])


async def show_breakers(traffic: Traffic, metrics: Metrics) -> None:
    """Show which breakers are open or half-open now; closed ones that were shown before, too."""
    metrics.breakers({breaker.name: breaker.state.value for breaker in await traffic.breakers()})
