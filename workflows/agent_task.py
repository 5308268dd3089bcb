"""One agent task, from opening to its end."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from activities import options
    from activities.acting import ActingActivities
    from activities.planning import PlanningActivities
    from activities.running import RunActivities
    from activities.steering import SteeringActivities
    from proctor.contracts.canonical import summarize
    from proctor.contracts.decision import Verdict
    from proctor.contracts.edits import EditRef
    from proctor.contracts.human import RequestKind
    from proctor.contracts.run import Ending, RunOutcome, RunStart, RunStatus
    from proctor.contracts.steps import CallRef, CallReport, PlannedCall, StepPlan, StepRef
    from proctor.contracts.wire import REQUEST_DECIDED, RUN_STEERED, WORKFLOW_TYPE, RequestDecided, RunSteered
    from workflows import endings
    from workflows.cancelling import finish_first, raise_if_cancelled
    from workflows.continuing import go_on_if_long
    from workflows.people import TAKEN_OVER, PeopleDesk, Question, question_of
    from workflows.saga import unwind
    from workflows.starting import check_start
    from workflows.state import TaskStart, TaskState
    from workflows.view import show
    from workflows.wheel import OutOfTimeError, Wheel

MAX_ASKS_PER_CALL = 5
"""How often live policy may send one call back to a person before the call counts as denied."""

GRANTED = frozenset({"granted", "consumed"})
MOOT = frozenset({"withdrawn", TAKEN_OVER})
"""Nobody decided, and the store tells what holds instead."""
UNSETTLED = frozenset({"needs_approval", "paused", "taken_over"})
"""Statuses of a call that was not begun."""
SETTLES_IN_POOL = "settle-in-pool"
"""Marks a history in which lost calls are settled in their pool first; before, they were in the common queue alone."""

Act = Callable[[ActingActivities, CallRef], Awaitable[CallReport]]


class FencedError(Exception):
    """A kill covers the run; the store said so before Temporal's cancel arrived."""


@workflow.defn(name=WORKFLOW_TYPE)
class AgentTaskWorkflow:
    """Plans, gates and acts until the goal, a bound, a person or a kill ends it."""

    @workflow.init
    def __init__(self, start: TaskStart) -> None:
        """Take up a fresh run, or one that goes on after continue-as-new."""
        self._run_id = start.run_id
        self._carried = start.carried
        self._wheel = Wheel()
        self._desk = PeopleDesk(self._wheel, looks_at_once=start.carried is not None)
        self._pools: dict[tuple[int, int], str] = {}

    @workflow.run
    async def run(self, start: TaskStart) -> RunOutcome:
        """Run the task to its end. Whatever happens, what must be taken back is, and the run is closed."""
        check_start(start)
        state, cancelled_early = await finish_first(self._open())
        cancelled: BaseException | None = None
        try:
            if cancelled_early is not None:
                raise cancelled_early
            ending = await self._work(state)
        except FencedError:
            # The kill that raised the fence also cancels: that may come only now, and must not end the run unclosed.
            ending, _ = await finish_first(self._stop(state))
        except OutOfTimeError as error:
            ending = endings.from_bound(state, error.bound)
        except (asyncio.CancelledError, ActivityError, ApplicationError) as error:
            if is_cancelled_exception(error):
                cancelled, ending = error, await self._stop(state)
            else:  # a local activity's own error comes bare, in no ActivityError
                ending = endings.from_failure(state, error)
        outcome, _ = await finish_first(self._finish(state, ending))
        if cancelled is not None:
            raise cancelled
        return outcome

    @workflow.signal(name=REQUEST_DECIDED)
    def request_decided(self, message: RequestDecided) -> None:
        """Wake up: somebody decided a request. Believed only after the row is read (rule 6)."""
        self._desk.wake(message.request_id)

    @workflow.signal(name=RUN_STEERED)
    def run_steered(self, message: RunSteered) -> None:  # noqa: ARG002 - the row tells what was ordered
        """Wake up: a person gave an order. Believed only after the row is read (rule 6)."""
        self._wheel.stir()

    @workflow.query
    def progress(self) -> TaskState | None:
        """Show where the run stands."""
        return self._carried

    async def _open(self) -> TaskState:
        if self._carried is None:
            opened = await workflow.execute_local_activity_method(
                RunActivities.open_run, RunStart(run_id=self._run_id), **options.store_call("open the run")
            )
            self._carried = TaskState(run_id=self._run_id, opened=opened, started_at=workflow.now())
        return self._carried

    async def _work(self, state: TaskState) -> Ending:
        """Plan, gate and act, step by step."""
        while True:
            raise_if_cancelled()
            if bound := state.exceeded_bound(workflow.now()):
                return endings.from_bound(state, bound)
            plan = await self._plan_step(state)
            if plan.kind in {"paused", "taken_over"}:
                await self._wheel.until_free(state)
                continue
            if plan.kind == "final":
                return endings.from_final_plan(state, plan)
            if plan.kind == "over_budget":
                standing = await self._desk.await_decision(state, question_of(plan))
                if standing.state not in {*GRANTED, TAKEN_OVER}:
                    return endings.from_bound(state, f"max_cost_usd: {plan.summary}")
                continue
            await self._perform(state, plan)
            go_on_if_long(state)

    async def _plan_step(self, state: TaskState) -> StepPlan:
        state.activity = "planning"
        show(state)
        ref = StepRef(run_id=state.run_id, step=state.step, bundle=state.opened.bundle_digest[:16])
        if state.opened.plans_locally:
            plan = await workflow.execute_local_activity_method(
                PlanningActivities.plan_step, ref, **options.local_planning()
            )
        else:
            asked = options.model_planning(state.opened.planning_timeout_s, f"plan step {state.step}")
            plan = await workflow.execute_activity_method(PlanningActivities.plan_step, ref, **asked)
        if plan.kind == "fenced":
            raise FencedError
        state.cost_usd = plan.cost_usd
        return plan

    async def _perform(self, state: TaskState, plan: StepPlan) -> None:
        if plan.kind == "question":
            await self._desk.await_decision(state, question_of(plan))
        reports = [await self._carry_out(state, call) for call in plan.calls]
        if plan.calls:
            state.note_progress(plan, reports)
        state.step += 1

    async def _carry_out(self, state: TaskState, call: PlannedCall) -> CallReport:
        """Pass the gate, then act; live policy may send the call back to a person, and a person may change it."""
        if call.verdict is Verdict.DENY:
            return _refused(state, "policy")
        report = await self._act(state, call) if call.request_id is None else _asked(call)
        asks = 0
        while report.status in UNSETTLED:
            if report.status == "paused":
                await self._wheel.until_free(state)
            elif report.status == "taken_over":
                return await self._set_aside(state, call)
            elif asks == MAX_ASKS_PER_CALL or report.request_id is None or report.expires_at is None:
                break
            else:
                question = Question(report.request_id, report.expires_at, call.summary, look_at=report.look_at)
                standing = await self._desk.await_decision(state, question)
                if standing.state == "edited":
                    state.activity = f"edited by {standing.decided_by}: {call.summary}"
                    return await self._carry_out(state, await self._judge_edit(state, call, question))
                if standing.state not in {*GRANTED, *MOOT}:
                    return _refused(state, "person")
                asks += standing.state != TAKEN_OVER
            report = await self._act(state, call)
        raise_if_cancelled()
        return await self._accepted(state, call, report)

    async def _judge_edit(self, state: TaskState, call: PlannedCall, question: Question) -> PlannedCall:
        """Have the call judged that a person wrote in the place of this one."""
        show(state)
        ref = EditRef(run_id=state.run_id, step=state.step, call=call.call, request_id=question.request_id)
        judging = options.store_call(f"judge what a person wrote instead: {call.summary}")
        return await workflow.execute_local_activity_method(SteeringActivities.judge_edit, ref, **judging)

    async def _set_aside(self, state: TaskState, call: PlannedCall) -> CallReport:
        """Give up what the agent planned, because a person took over; what began is followed to its end."""
        ref = CallRef(run_id=state.run_id, step=state.step, call=call.call, fingerprint=call.fingerprint)
        giving_up = options.store_call(f"set aside, a person took over: {call.summary}")
        report = await workflow.execute_local_activity_method(SteeringActivities.set_aside, ref, **giving_up)
        return report if report.status == "denied" else await self._accepted(state, call, report)

    async def _accepted(self, state: TaskState, call: PlannedCall, report: CallReport) -> CallReport:
        """Look at what a call came back with; an unknown outcome waits for the person who can tell."""
        if report.status == "fenced":
            raise FencedError
        if report.status in {"denied", "needs_approval"}:
            return _refused(state, "policy")
        if report.status == "unknown" and report.request_id is not None and report.expires_at is not None:
            what, kind = f"did it happen? {call.summary}", RequestKind.UNKNOWN_OUTCOME
            await self._desk.await_decision(state, Question(report.request_id, report.expires_at, what, kind))
        return report

    async def _act(self, state: TaskState, call: PlannedCall) -> CallReport:
        state.activity = call.summary
        show(state)
        ref = CallRef(run_id=state.run_id, step=state.step, call=call.call, fingerprint=call.fingerprint)
        if options.runs_locally(call):
            return await workflow.execute_local_activity_method(
                ActingActivities.read_tool, ref, **options.reading(call)
            )
        if call.effect == "read":
            return await self._act_elsewhere(ActingActivities.read_tool, ref, call)
        if call.compensable:
            state.register(ref)
        return await self._act_elsewhere(ActingActivities.call_tool, ref, call)

    async def _act_elsewhere(self, act: Act, ref: CallRef, call: PlannedCall) -> CallReport:
        acting = options.acting(call, workflow.info().task_queue)
        if call.pool:
            self._pools[ref.step, ref.call] = call.pool
        try:
            return await workflow.execute_activity_method(act, ref, **acting)
        except ActivityError as error:
            if is_cancelled_exception(error) or not endings.is_lost(error):
                raise
        raise_if_cancelled()  # a failure that Temporal did not retry because of the cancel: it is not lost
        lost = options.store_call(f"write down that its outcome is unknown: {call.summary}")
        return await workflow.execute_local_activity_method(ActingActivities.abandon_call, ref, **lost)

    async def _stop(self, state: TaskState) -> Ending:
        """Learn who stopped the run and how; a freezing kill leaves everything as it is, once that is known."""
        state.activity, state.waiting, state.status = "stopping", None, RunStatus.STOPPING
        show(state)
        notice = await workflow.execute_local_activity_method(
            RunActivities.acknowledge_cancel,
            RunStart(run_id=state.run_id),
            **options.store_call("learn who stopped the run"),
        )
        for lost in notice.lost:
            await self._settle(state, lost)
        if notice.mode == "freeze":
            state.saga.clear()
        status = RunStatus.CANCELLED if notice.actor == "temporal" else RunStatus.KILLED
        reason = summarize(f"{notice.reason} (by {notice.actor}, epoch {notice.epoch})")
        return Ending(run_id=state.run_id, status=status, reason=reason)

    async def _settle(self, state: TaskState, ref: CallRef) -> None:
        """Find out what became of a call whose worker was lost. Where that fails, the receipt says so."""
        state.activity = f"finding out what became of step {ref.step}, call {ref.call}"
        show(state)
        pool = self._pools.get((ref.step, ref.call), "")
        places = (pool, "") if pool and workflow.patched(SETTLES_IN_POOL) else ("",)
        for place in places:
            with suppress(ActivityError):
                settling = options.settling(ref, workflow.info().task_queue, place)
                await workflow.execute_activity_method(ActingActivities.settle_call, ref, **settling)
                return

    async def _finish(self, state: TaskState, ending: Ending) -> RunOutcome:
        stood = await self._take_back(state, ending)
        return await self._close(state, endings.leaving(ending, stood))

    async def _take_back(self, state: TaskState, ending: Ending) -> list[str]:
        """Take back what is registered; give what could not even be begun."""
        if ending.status is RunStatus.COMPLETED:
            return []

        async def compensate(ref: CallRef) -> CallReport:
            state.activity = f"taking back step {ref.step}, call {ref.call}"
            show(state)
            return await workflow.execute_activity_method(
                ActingActivities.compensate, ref, **options.compensating(f"undo step {ref.step}, call {ref.call}")
            )

        return await unwind(state, compensate)

    async def _close(self, state: TaskState, ending: Ending) -> RunOutcome:
        await workflow.wait_condition(workflow.all_handlers_finished)
        closing = options.store_call(f"close the run: {ending.status}")
        outcome = await workflow.execute_local_activity_method(RunActivities.close_run, ending, **closing)
        state.activity, state.status, state.waiting = ending.reason or "ended", outcome.status, None
        show(state)
        return outcome


def _asked(call: PlannedCall) -> CallReport:
    asked = {"request_id": call.request_id, "expires_at": call.expires_at, "look_at": call.look_at}
    return CallReport.model_validate({"status": "needs_approval", **asked})


def _refused(state: TaskState, by: str) -> CallReport:
    state.refused_by = "policy" if by == "policy" else "person"
    return CallReport(status="denied")
