"""Waiting for people: signals wake, rows decide (rules 5, 6 and 11)."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities import options
    from activities.running import RunActivities
    from proctor.contracts.human import RequestKind
    from proctor.contracts.ids import RequestId
    from proctor.contracts.run import RequestRef, RequestStanding, RunStatus
    from proctor.contracts.steps import StepPlan
    from workflows.continuing import go_on_if_long, is_long
    from workflows.state import WAKE_UPS_KEPT, TaskState, Waiting
    from workflows.view import show
    from workflows.wheel import Wheel

FIRST_LOOK = timedelta(minutes=1)
AT_ONCE = timedelta(seconds=1)
LONGEST_LOOK = timedelta(hours=6)
"""A signal can be lost, so the row is looked at from time to time anyway, ever more rarely."""

OF_THE_AGENT = frozenset({RequestKind.APPROVAL, RequestKind.QUESTION, RequestKind.BUDGET})
"""Kinds of requests that the agent's plans wait for; others are about what has happened."""
TAKEN_OVER = "taken_over"


@dataclass(frozen=True)
class Question:
    """A request that the run cannot go on without."""

    request_id: RequestId
    until: datetime
    what: str
    kind: RequestKind = RequestKind.APPROVAL
    look_at: datetime | None = None
    """When others are to be asked too: the store does it when it is looked at."""


def question_of(plan: StepPlan) -> Question:
    """Give what a plan asks a person, instead of planning calls."""
    assert plan.request_id is not None
    until = plan.expires_at or workflow.now() + timedelta(hours=1)
    kind = RequestKind.BUDGET if plan.kind == "over_budget" else RequestKind.QUESTION
    return Question(plan.request_id, until, plan.summary, kind)


@dataclass
class Escalation:
    """When to look at a request because others are to be asked by then."""

    due: datetime | None
    _at_least: timedelta = AT_ONCE

    def bounded(self, patience: timedelta) -> timedelta:
        """Shorten a waiting so that it ends soon after the next escalation is due."""
        if self.due is None:
            return patience
        return min(patience, max(self.due + AT_ONCE / 4 - workflow.now(), self._at_least))

    def note(self, due: datetime | None) -> None:
        """Take up what the store says; a store whose clock is behind ours is asked ever more rarely."""
        is_late = due is not None and due == self.due and due <= workflow.now()
        self._at_least = min(self._at_least * 2, FIRST_LOOK) if is_late else AT_ONCE
        self.due = due


class PeopleDesk:
    """Where a run waits for people. Holds wake-ups only; losing them costs time, never truth."""

    def __init__(self, wheel: Wheel, *, looks_at_once: bool = False) -> None:
        """Take up waiting; a run that goes on after continue-as-new looks at once, as a wake-up may have been lost."""
        self._wheel = wheel
        self._woken: dict[RequestId, None] = {}
        self._first_look = AT_ONCE if looks_at_once else FIRST_LOOK

    def wake(self, request_id: RequestId) -> None:
        """Note that a request may have been decided. The same note twice is one."""
        self._woken[request_id] = None
        while len(self._woken) > WAKE_UPS_KEPT:
            self._woken.pop(next(iter(self._woken)))

    async def await_decision(self, state: TaskState, question: Question) -> RequestStanding:
        """Wait until the store says that the request is no longer pending; its deadline ends it there.

        Somebody who takes the wheel ends the waiting for what the agent wanted: `taken_over`.
        """
        state.status = RunStatus.WAITING
        state.waiting = Waiting(
            request_id=question.request_id,
            kind=question.kind,
            what=question.what,
            who=state.opened.owner,
            until=question.until,
        )
        show(state)
        standing = await self._watch(state, question)
        state.status, state.waiting = RunStatus.RUNNING, None
        show(state)
        return standing

    async def _watch(self, state: TaskState, question: Question) -> RequestStanding:
        patience, self._first_look = self._first_look, FIRST_LOOK
        escalation = Escalation(question.look_at)
        while True:
            await self._woken_within(question, escalation.bounded(patience))
            if self._wheel.is_stirred and await self._wheel.is_driven(state) and question.kind in OF_THE_AGENT:
                return RequestStanding(state=TAKEN_OVER)
            standing = await workflow.execute_local_activity_method(
                RunActivities.read_request,
                RequestRef(run_id=state.run_id, request_id=question.request_id),
                **options.store_call(f"read what was decided: {question.what}"),
            )
            if standing.state != "pending":
                return standing
            escalation.note(standing.next_at)
            go_on_if_long(state)
            patience = min(max(patience * 2, FIRST_LOOK), LONGEST_LOOK)

    async def _woken_within(self, question: Question, patience: timedelta) -> None:
        left = max(question.until - workflow.now(), timedelta(seconds=1))
        try:
            await workflow.wait_condition(
                lambda: question.request_id in self._woken or self._wheel.is_stirred or is_long(),
                timeout=min(left, patience),
                timeout_summary=f"until {question.until:%H:%M:%S} UTC: {question.what}"[:200],
            )
        except TimeoutError:
            return
        self._woken.pop(question.request_id, None)
