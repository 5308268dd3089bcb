"""Acting: calls to tools, and taking effects back."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final, TypeVar

from temporalio import activity

from activities.beating import beating
from activities.bench import Bench, PolicyShelf
from activities.boundary import speaks_temporal
from activities.dispatch import Dispatcher, Effect
from activities.facts import PRODUCTION
from activities.guarding import guarded
from activities.judging import DispatchJudge
from activities.passing import UNDO_PATIENCE_S, Ends, Patience, jittered, lane_of
from activities.pinning import check_call
from activities.stopping import Stop, heeding
from proctor.contracts.arguments import argument_problems
from proctor.contracts.dispatching import Admitted, EffectStanding, Prior, Refusal, Waiting
from proctor.contracts.errors import Corrupted, PolicyMoved
from proctor.contracts.ids import Digest, ToolName, compensation_key
from proctor.contracts.manifest import AgentBundle
from proctor.contracts.ports import Judge, RunJournal, ToolPort
from proctor.contracts.steps import CallPlan, CallRef, CallReport
from proctor.contracts.templates import MissingValueError, descend, fill
from proctor.contracts.tool import Failed, ToolContract, ToolInvocation, ToolOutcome, Unknown
from proctor.contracts.traffic import Lane, Traffic

POLICY_MOVES: Final = 5
"""How often another policy may become active while one call is begun."""
Begun = TypeVar("Begun")


class ActingActivities:
    """Carries out recorded calls. What to call and with what comes from the record, never from the workflow."""

    def __init__(
        self,
        journal: RunJournal,
        tools: ToolPort,
        policies: PolicyShelf,
        traffic: Traffic,
        environment: str = PRODUCTION,
    ) -> None:
        """Take the ports, and where this is."""
        self._journal, self._tools, self._policies = journal, tools, policies
        self._environment = environment
        self._ends, self._dispatcher = Ends(traffic), Dispatcher(tools, traffic)

    @activity.defn
    @speaks_temporal
    async def call_tool(self, ref: CallRef) -> CallReport:
        """Carry out one effect: intent, effect, outcome. Retried until the outcome is known or a person is asked."""
        return await heeding(partial(self._call, ref))

    @activity.defn
    @speaks_temporal
    async def read_tool(self, ref: CallRef) -> CallReport:
        """Carry out one read. Repeating it is harmless; the first recorded result stands."""
        plan, bundle = await self._recorded(ref)
        pauses = iter(_contract(bundle, plan.tool).retry.pauses_s())
        while True:
            begun, judge = await self._begun(self._journal.begin_read, ref, plan, bundle, Patience())
            if isinstance(begun, Refusal):
                return begun.report
            outcome = await self._read(bundle, judge, begun)
            pause_s = next(pauses, None) if isinstance(outcome, Failed) and outcome.retryable else None
            if pause_s is None:
                seen = guarded(outcome, judge.judged_plan, bundle.manifest.guardrails)
                return await self._journal.record_read(ref, seen)
            asked_s = outcome.retry_after_s if isinstance(outcome, Failed) else None
            await asyncio.sleep(_contract(bundle, plan.tool).retry.bounded_s(jittered(pause_s), asked_s))

    @activity.defn
    @speaks_temporal
    async def compensate(self, ref: CallRef) -> CallReport:
        """Take one effect back, if it happened and was not taken back before (rule 4)."""
        return await heeding(partial(self._take_back, ref))

    @activity.defn
    @speaks_temporal
    async def settle_call(self, ref: CallRef) -> None:
        """Settle a call that was lost while its run was stopped, sending nothing: read back, else a person's."""
        await heeding(partial(self._settle_stopped, ref))

    @activity.defn
    @speaks_temporal
    async def abandon_call(self, ref: CallRef) -> CallReport:
        """Write down that no attempt of a call ever came back: unknown, and a person's to settle."""
        lost = Unknown(error="every attempt was lost; its outcome is not known")
        return await self._journal.settle_effect(ref, lost, final=True)

    async def _call(self, ref: CallRef, stop: Stop) -> CallReport:
        plan, bundle = await self._recorded(ref)
        async with beating():
            stop.raise_if_told()
            begun, judge = await self._begun(self._journal.begin_effect, ref, plan, bundle, Patience(stop))
            effect = self._effect(ref, judge.judged_plan, bundle)
            if isinstance(begun, Waiting):
                return await effect.settle(Failed(error=begun.passage.reason), True)
            return await self._dispatcher.carry_out(effect, begun, stop)

    async def _take_back(self, ref: CallRef, stop: Stop) -> CallReport:
        lane = await self._undo_lane(ref)
        begun = await self._journal.begin_compensation(ref, lane)
        if isinstance(begun, Prior) and begun.is_of_call:
            await self._settle_lost_call(ref, begun.standing, stop)
            begun = await self._journal.begin_compensation(ref, lane)
        patience = Patience(stop)
        while isinstance(begun, Waiting) and not begun.passage.is_over:
            await patience.wait(begun)
            begun = await self._journal.begin_compensation(ref, lane)
        if isinstance(begun, Waiting):
            return await self._journal.settle_compensation(ref, Failed(error=begun.passage.reason), final=True)
        if isinstance(begun, Refusal):
            return begun.report
        try:
            effect = await self._compensation(ref)
        except (MissingValueError, ValueError, Corrupted) as error:
            wrong = Failed(error=f"the call that takes it back cannot be made: {error}")
            return await self._journal.settle_compensation(ref, wrong, final=True)
        async with beating():
            return await self._dispatcher.carry_out(effect, begun, stop)

    async def _settle_stopped(self, ref: CallRef, stop: Stop) -> None:
        standing = await self._journal.effect_standing(ref)
        if standing is not None:
            await self._settle_lost_call(ref, standing, stop)

    async def _settle_lost_call(self, ref: CallRef, standing: EffectStanding, stop: Stop) -> None:
        try:
            plan, bundle = await self._recorded(ref)
        except Corrupted as error:
            await self._journal.settle_effect(ref, Unknown(error=error.message), final=True)
            return
        async with beating():
            await self._dispatcher.settle_lost(self._effect(ref, plan, bundle), standing, stop)

    async def _recorded(self, ref: CallRef) -> tuple[CallPlan, AgentBundle]:
        plan = await self._journal.call_plan(ref)
        check_call(ref, plan)
        if plan.run.bundle_digest is None:
            raise Corrupted(f"run {ref.run_id} has a plan and no bundle")
        return plan, await self._journal.bundle(plan.run.bundle_digest)

    async def _begun(
        self,
        begin: Callable[[CallRef, Judge], Awaitable[Begun]],
        ref: CallRef,
        plan: CallPlan,
        bundle: AgentBundle,
        patience: Patience,
    ) -> tuple[Begun, DispatchJudge]:
        """Begin a call as soon as there is room, judged by the policy that is active at that very moment.

        Gives who judged it, too. `Waiting` comes back when the call's patience is over.
        """
        while True:
            begun, judge = await self._judged(begin, ref, plan, bundle)
            if not isinstance(begun, Waiting) or begun.passage.is_over:
                return begun, judge
            await patience.wait(begun)

    async def _judged(
        self, begin: Callable[[CallRef, Judge], Awaitable[Begun]], ref: CallRef, plan: CallPlan, bundle: AgentBundle
    ) -> tuple[Begun, DispatchJudge]:
        active = plan.active_bundle
        for _ in range(POLICY_MOVES):
            judge = await self._judge(plan, bundle, active)
            try:
                return await begin(ref, judge), judge
            except PolicyMoved as moved:
                active = Digest(moved.bundle_digest)
        raise PolicyMoved(str(active))

    async def _judge(self, plan: CallPlan, bundle: AgentBundle, active: Digest | None) -> DispatchJudge:
        pinned = plan.run.bundle_digest
        assert pinned is not None
        other = None if active in {None, pinned} else (active, await self._journal.bundle(active))
        rulings = self._policies.rulings((pinned, bundle), other)
        bench = Bench(plan.run, rulings, self._tools, self._environment)
        return DispatchJudge(plan, bench, frozenset({pinned, active or pinned}))

    async def _read(self, bundle: AgentBundle, judge: DispatchJudge, begun: Admitted | Waiting) -> ToolOutcome:
        if isinstance(begun, Waiting):
            return Failed(error=begun.passage.reason)
        plan = judge.judged_plan
        invocation = ToolInvocation(run_id=plan.run.run_id, key=plan.key, arguments=plan.arguments)
        outcome = await self._tools.invoke(_contract(bundle, plan.tool), invocation)
        assert judge.lane is not None
        await self._ends.tell(judge.lane, plan.key, begun, outcome)
        return outcome

    def _effect(self, ref: CallRef, plan: CallPlan, bundle: AgentBundle) -> Effect:
        contract = _contract(bundle, plan.tool)
        lane = lane_of(contract, plan.arguments, plan.run.tenant, self._tools)

        async def retry() -> Admitted | Refusal | Waiting:
            return await self._journal.retry_effect(ref, lane)

        async def settle(outcome: ToolOutcome, final: bool) -> CallReport:
            seen = guarded(outcome, plan, bundle.manifest.guardrails)
            return await self._journal.settle_effect(ref, seen, final=final)

        invocation = ToolInvocation(run_id=ref.run_id, key=plan.key, arguments=plan.arguments)
        return Effect(contract, _probe(bundle, contract), invocation, lane, retry, settle)

    async def _compensation(self, ref: CallRef) -> Effect:
        """Build the effect that takes the recorded one back."""
        plan, bundle = await self._recorded(ref)
        rule = _contract(bundle, plan.tool).compensation
        if rule is None:
            raise Corrupted(f"{plan.tool} has no compensation", hint="only compensable calls are registered")
        values = {"arguments": plan.arguments, "result": await self._journal.recorded_result(ref)}
        invocation = ToolInvocation(
            run_id=ref.run_id,
            key=compensation_key(plan.key),
            arguments=fill(rule.arguments, lambda path: descend(values, path.parts)),
        )

        contract = _contract(bundle, rule.tool)
        # Half of them is what the effect's own tool answered: no planner wrote them, and no policy judged them.
        if wrong := argument_problems(contract, invocation.arguments):
            raise ValueError("; ".join(wrong))
        lane = self._lane_back(plan, contract)

        async def retry() -> Admitted | Refusal | Waiting:
            return await self._journal.retry_compensation(ref, lane)

        async def settle(outcome: ToolOutcome, final: bool) -> CallReport:
            return await self._journal.settle_compensation(ref, outcome, final=final)

        return Effect(contract, _probe(bundle, contract), invocation, lane, retry, settle)

    async def _undo_lane(self, ref: CallRef) -> Lane | None:
        """Give what the compensation of a call passes through, if it has one and its record can be believed."""
        try:
            plan, bundle = await self._recorded(ref)
        except Corrupted:
            return None
        contract = bundle.tool(plan.tool)
        rule = None if contract is None else contract.compensation
        back = None if rule is None else bundle.tool(rule.tool)
        return None if back is None else self._lane_back(plan, back)

    def _lane_back(self, plan: CallPlan, contract: ToolContract) -> Lane:
        return lane_of(contract, {}, plan.run.tenant, self._tools, patience_s=UNDO_PATIENCE_S)


def _contract(bundle: AgentBundle, name: ToolName) -> ToolContract:
    contract = bundle.tool(name)
    if contract is None:
        raise Corrupted(f"the pinned bundle has no contract for {name}", hint="policy should have denied this call")
    return contract


def _probe(bundle: AgentBundle, contract: ToolContract) -> ToolContract | None:
    return None if contract.probe is None else bundle.tool(contract.probe)
