"""People at the wheel, as a run's workflow meets them: who holds it, what is given up, and what they wrote."""

from datetime import UTC, datetime, timedelta

from temporalio import activity

from activities.bench import Bench, PolicyShelf
from activities.boundary import speaks_temporal
from activities.facts import PRODUCTION
from activities.judging import Window, Written, judge_step, planned_call
from activities.tracing import Tracer
from policies.flow.words import own_words
from proctor.contracts.control import Held, NextUndo, Undoable
from proctor.contracts.control_ports import Undoing
from proctor.contracts.edits import EditRef, EditToJudge
from proctor.contracts.errors import Corrupted
from proctor.contracts.planning import ProposedCall
from proctor.contracts.ports import RunJournal, ToolPort
from proctor.contracts.run import RunStart
from proctor.contracts.steps import CallRef, CallReport, PlanFacts, PlannedCall, StepRef
from proctor.contracts.tool import Failed, Unknown
from proctor.contracts.wire import UndoStart

GIVEN_UP = Failed(error="a person took over before it was tried again")
NOT_KNOWN = Unknown(error="a person took over while its outcome was not known")


class SteeringActivities:
    """Reads who holds a run, gives up what the agent planned, and judges what people wrote."""

    def __init__(
        self,
        journal: RunJournal,
        tools: ToolPort,
        policies: PolicyShelf,
        environment: str = PRODUCTION,
    ) -> None:
        """Take the ports, and where this is."""
        self._journal, self._tools, self._policies = journal, tools, policies
        self._environment = environment
        self._tracer = Tracer(journal)

    @activity.defn
    @speaks_temporal
    async def read_wheel(self, start: RunStart) -> Held:
        """Read the truth behind a wake-up (rule 6)."""
        wheel = await self._journal.wheel(start.run_id)
        return Held(paused_by=wheel.paused_by, driver=wheel.driver, holds_still=wheel.holds_still)

    @activity.defn
    @speaks_temporal
    async def set_aside(self, ref: CallRef) -> CallReport:
        """Give up a call of the agent and those after it in its step. What was begun is settled, never forgotten."""
        begun = await self._journal.begun(ref)
        if begun is not None:
            left = GIVEN_UP if begun == "attempt_failed" else NOT_KNOWN
            report = await self._journal.settle_effect(ref, left, final=True)
            await self._journal.set_aside(ref)
            return report
        return await self._journal.set_aside(ref)

    @activity.defn
    @speaks_temporal
    async def judge_edit(self, ref: EditRef) -> PlannedCall:
        """Judge the call that a person wrote in the place of another, once; it is a call of the same step."""
        edit = await self._journal.edit_to_judge(ref)
        facts = await self._journal.plan_facts(StepRef(run_id=ref.run_id, step=ref.step))
        bench = await self._bench(facts)
        call = ProposedCall(tool=edit.old.tool, arguments=edit.arguments, node=edit.old.node)
        if edit.recorded is None:
            edit = await self._judged(ref, edit, facts, bench, call)
        if edit.recorded is None:
            raise Corrupted(f"the edited call {ref.run_id}/{ref.step}/{edit.call} was not recorded")
        return planned_call(bench, call, edit.recorded, edit.request)

    async def _judged(
        self, ref: EditRef, edit: EditToJudge, facts: PlanFacts, bench: Bench, call: ProposedCall
    ) -> EditToJudge:
        words = own_words(edit.old.arguments, edit.arguments)
        traced = await self._tracer.written(bench, facts, call, words, place=(ref.step, ref.call))
        now = datetime.now(UTC)
        window = Window(now, now + timedelta(seconds=bench.bundle.manifest.approval_timeout_s))
        written = Written(author=edit.by, first=edit.call, replaces=ref.call, before=edit.old.arguments)
        step = judge_step(bench, (traced,), step=ref.step, window=window, written=written)
        request = step.requests[0] if step.requests else None
        return await self._journal.record_edit(ref, edit, step.decisions[0], request)

    async def _bench(self, facts: PlanFacts) -> Bench:
        pinned, active = facts.run.bundle_digest, facts.active_bundle
        if pinned is None:
            raise Corrupted(f"run {facts.run.run_id} has a plan and no bundle")
        other = None if active is None or active == pinned else (active, await self._journal.bundle(active))
        rulings = self._policies.rulings((pinned, await self._journal.bundle(pinned)), other)
        return Bench(facts.run, rulings, self._tools, self._environment)


class UndoActivities:
    """Everything that taking back an ended run asks of the store, besides the compensations themselves."""

    def __init__(self, undoing: Undoing) -> None:
        """Take the port."""
        self._undoing = undoing

    @activity.defn
    @speaks_temporal
    async def next_undoable(self, after: NextUndo) -> list[Undoable]:
        """Name the newest effects that can be taken back and were not."""
        return list(await self._undoing.next_undoable(after))

    @activity.defn
    @speaks_temporal
    async def close_undo(self, start: UndoStart) -> None:
        """Write the receipt as it stands now."""
        await self._undoing.close_undo(start.run_id)
