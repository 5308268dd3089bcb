"""Planning: propose, judge and record one step."""

import contextlib
from datetime import UTC, datetime, timedelta
from decimal import ROUND_UP, Decimal
from typing import Any

from temporalio import activity

from activities.beating import beating
from activities.bench import Bench, PolicyShelf
from activities.boundary import speaks_temporal
from activities.driving import labels_of, proposal_of
from activities.facts import PRODUCTION
from activities.judging import Window, Written, judge_step, request_id
from activities.offering import told
from activities.pinning import check_bundle
from activities.standing import grants_of
from activities.tracing import Tracer
from proctor.contracts.canonical import summarize
from proctor.contracts.control import ActToPlan
from proctor.contracts.errors import PlannerFailed
from proctor.contracts.human import HumanRequest, RequestKind
from proctor.contracts.manifest import AgentBundle, AgentManifest
from proctor.contracts.planning import CallsProposal, FinalProposal, Proposal, QuestionProposal, Situation
from proctor.contracts.ports import Planner, RunJournal, ToolPort
from proctor.contracts.schemas import problems
from proctor.contracts.steps import PlanFacts, PlanRecord, StepPlan, StepRef

_CENT_OF_A_CENT = Decimal("0.0001")


class PlanningActivities:
    """Proposes and judges; what it returns is history, so a replay never plans and never decides again."""

    def __init__(
        self,
        journal: RunJournal,
        planner: Planner,
        tools: ToolPort,
        policies: PolicyShelf,
        environment: str = PRODUCTION,
    ) -> None:
        """Take the ports, and where this is."""
        self._journal, self._planner, self._tools, self._policies = journal, planner, tools, policies
        self._environment = environment
        self._tracer = Tracer(journal)

    @activity.defn
    @speaks_temporal
    async def plan_step(self, ref: StepRef) -> StepPlan:
        """Give the recorded plan of a step, or make, judge and record it. A retry does not pay twice."""
        # A local activity needs no heartbeat: its worker is the workflow's own.
        async with contextlib.nullcontext() if activity.info().is_local else beating():
            return await self._plan_once(ref)

    async def _plan_once(self, ref: StepRef) -> StepPlan:
        expected, ref = ref, StepRef(run_id=ref.run_id, step=ref.step)
        facts = await self._journal.plan_facts(ref)
        check_bundle(expected, facts.run)
        if facts.run.paused_by is not None and facts.fence is None:
            return StepPlan(step=ref.step, kind="paused", summary=f"paused by {facts.run.paused_by}")
        if facts.recorded is not None:
            return facts.recorded
        if facts.fence is not None:
            fenced = StepPlan(step=ref.step, kind="fenced", summary=summarize(f"killed: {facts.fence.reason}"))
            return await self._journal.record_halt(fenced, ref, None)
        act = await self._journal.act_to_plan(ref) if facts.has_acts else None
        if act is not None:
            return await self._plan_act(ref, facts, act)
        if facts.run.driver is not None:
            return StepPlan(step=ref.step, kind="taken_over", summary=f"{facts.run.driver} drives")
        return await self._plan(ref, facts)

    async def _plan_act(self, ref: StepRef, facts: PlanFacts, act: ActToPlan) -> StepPlan:
        """Plan what a person at the wheel asked for: judged as any call is, and bound by what its author may."""
        bench = await self._bench(facts, await self._journal.bundle(_pinned(facts)))
        proposal, author = proposal_of(act, facts), Written(author=act.entry.by)
        record, requests = await self._judged(ref, facts, bench, proposal, written=author)
        said = {"act": act.entry.n, "said_by": labels_of(act.entry.by, facts.run)}
        return await self._journal.record_plan(record.model_copy(update=said), requests)

    async def _plan(self, ref: StepRef, facts: PlanFacts) -> StepPlan:
        bundle = await self._journal.bundle(_pinned(facts))
        bench = await self._bench(facts, bundle)
        situation = told(_situation(ref, facts, bundle), bench, facts)
        estimate = self._planner.estimate_cost_usd(situation)
        if not await self._can_afford(ref, facts, situation, estimate):
            return await self._over_budget(ref, facts, bundle.manifest, estimate)
        proposal = await self._planner.propose(situation, self._journal.transcript(ref.run_id))
        record, requests = await self._judged(ref, facts, bench, proposal)
        return await self._journal.record_plan(record, requests)

    async def _bench(self, facts: PlanFacts, bundle: AgentBundle) -> Bench:
        pinned, active = _pinned(facts), facts.active_bundle
        other = None if active is None or active == pinned else (active, await self._journal.bundle(active))
        rulings = self._policies.rulings((pinned, bundle), other)
        return Bench(facts.run, rulings, self._tools, self._environment)

    async def _can_afford(self, ref: StepRef, facts: PlanFacts, situation: Situation, estimate: Decimal) -> bool:
        cap = _cap(facts, situation.bundle.manifest)
        return estimate == 0 or await self._journal.reserve_cost(ref, activity.info().attempt, estimate, cap)

    async def _over_budget(
        self, ref: StepRef, facts: PlanFacts, manifest: AgentManifest, estimate: Decimal
    ) -> StepPlan:
        """Park the run for a person, whose yes grants what the next plan may cost and the manifest's bound again."""
        cap, needs = _cap(facts, manifest), estimate.quantize(_CENT_OF_A_CENT, ROUND_UP)
        title = (
            f"{manifest.name} has spent ${facts.run.cost_usd} of ${cap}, and its next step may cost up to ${needs}: "
            f"grant ${needs + manifest.bounds.max_cost_usd} more?"
        )
        spent = str(facts.run.cost_usd)
        details = {"question": title, "spent_usd": spent, "cap_usd": str(cap), "needs_usd": str(needs)}
        request = _ask(facts, ref, RequestKind.BUDGET, manifest, details)
        plan = StepPlan(
            step=ref.step,
            kind="over_budget",
            request_id=request.id,
            expires_at=request.expires_at,
            summary=summarize(title),
            cost_usd=facts.run.cost_usd,
        )
        return await self._journal.record_halt(plan, ref, request)

    async def _judged(
        self, ref: StepRef, facts: PlanFacts, bench: Bench, proposal: Proposal, written: Written | None = None
    ) -> tuple[PlanRecord, list[HumanRequest]]:
        cost, bundle = facts.run.cost_usd + proposal.usage.cost_usd, bench.bundle
        plan: dict[str, Any] = {"step": ref.step, "kind": proposal.proposed.kind, "cost_usd": cost}
        match proposal.proposed:
            case CallsProposal():
                proposal, traced = await self._tracer.best(bench, facts, proposal, step=ref.step, cost_usd=cost)
                window, is_answered = _window(bundle.manifest), grants_of(facts, bench)
                step = judge_step(bench, traced, step=ref.step, window=window, is_answered=is_answered, written=written)
                plan |= {"calls": step.calls}
                decisions, requests = step.decisions, list(step.requests)
            case QuestionProposal(question=question):
                request = _ask(facts, ref, RequestKind.QUESTION, bundle.manifest, {"question": question})
                plan |= {"request_id": request.id, "expires_at": request.expires_at, "summary": summarize(question)}
                decisions, requests = (), [request]
            case FinalProposal() as final:
                _check_report(bundle.manifest, final)
                plan |= {"outcome": final.outcome, "summary": _said_of(final, proposal)}
                decisions, requests = (), []
        record = PlanRecord(
            run_id=ref.run_id, step=ref.step, proposal=proposal, decisions=decisions, plan=StepPlan(**plan)
        )
        return record, requests


def _pinned(facts: PlanFacts) -> Any:
    if facts.run.bundle_digest is None:
        raise PlannerFailed(f"run {facts.run.run_id} was never opened", hint="this is a bug: open_run comes first")
    return facts.run.bundle_digest


def _cap(facts: PlanFacts, manifest: AgentManifest) -> Decimal:
    return manifest.bounds.max_cost_usd + facts.budget_extension_usd


def _situation(ref: StepRef, facts: PlanFacts, bundle: AgentBundle) -> Situation:
    bounds = bundle.manifest.bounds
    return Situation(
        run_id=ref.run_id,
        step=ref.step,
        bundle=bundle,
        goal=facts.goal,
        input=facts.input,
        input_source=facts.run.input_source,
        cursor=facts.cursor,
        said_bytes=facts.said_bytes,
        remaining_iterations=max(bounds.max_iterations - ref.step, 0),
        remaining_cost_usd=max(_cap(facts, bundle.manifest) - facts.run.cost_usd, Decimal(0)),
        deadline=facts.run.created_at + timedelta(seconds=bounds.max_wall_clock_s),
    )


def _window(manifest: AgentManifest) -> Window:
    now = datetime.now(UTC)
    return Window(now, now + timedelta(seconds=manifest.approval_timeout_s))


def _ask(
    facts: PlanFacts, ref: StepRef, kind: RequestKind, manifest: AgentManifest, details: dict[str, str]
) -> HumanRequest:
    run, window = facts.run, _window(manifest)
    title = summarize(details["question"])
    return HumanRequest(
        id=request_id(ref.run_id, ref.step, 0, kind, details["question"]),
        kind=kind,
        run_id=ref.run_id,
        step=ref.step,
        agent=run.agent,
        requester=run.requester,
        owner=run.owner,
        title=title,
        details=details,
        created_at=window.opens,
        expires_at=window.expires,
    )


def _said_of(final: FinalProposal, proposal: Proposal) -> str:
    summary = final.report.get("summary")
    return summarize(summary if isinstance(summary, str) and summary else proposal.reason or final.outcome)


def _check_report(manifest: AgentManifest, final: FinalProposal) -> None:
    wrong = problems(manifest.output_schema, final.report)
    if wrong:
        raise PlannerFailed(f"the final report does not fit the output schema: {'; '.join(wrong)}")
