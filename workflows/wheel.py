"""A person at the wheel: signals wake, rows decide (rule 6). While one holds the run, nothing new of it begins."""

from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities import options
    from activities.steering import SteeringActivities
    from proctor.contracts.run import RunStart, RunStatus
    from workflows.continuing import go_on_if_long, is_long
    from workflows.state import TaskState
    from workflows.view import show

FIRST_LOOK = timedelta(minutes=1)
LONGEST_LOOK = timedelta(hours=6)
"""A signal can be lost, so the row is looked at from time to time anyway, ever more rarely."""


class OutOfTimeError(Exception):
    """The run's wall clock ran out while a person held it; `bound` names it."""

    def __init__(self, bound: str) -> None:
        """Name the bound."""
        self.bound = bound
        super().__init__(bound)


class Wheel:
    """Where a run waits while a person holds it. Holds a wake-up only; losing it costs time, never truth."""

    def __init__(self) -> None:
        """Begin with the agent driving; the store says otherwise at the first plan or call."""
        self._is_stirred = False

    @property
    def is_stirred(self) -> bool:
        """Whether somebody gave an order since the row was read last."""
        return self._is_stirred

    def stir(self) -> None:
        """Note that somebody gave an order. The same note twice is one."""
        self._is_stirred = True

    async def is_driven(self, state: TaskState) -> bool:
        """Read who holds the run, show it, and say whether a person drives."""
        await self._look(state)
        show(state)
        return state.driver is not None

    async def until_free(self, state: TaskState) -> None:
        """Wait until nobody holds the run any more, or who drives asks for something.

        Time that a person holds a run counts: a run that nobody lets go ends by its wall clock (rule 11).

        Raises:
            OutOfTimeError: it did.

        """
        patience = FIRST_LOOK
        while await self._look(state):
            if bound := state.exceeded_bound(workflow.now()):
                raise OutOfTimeError(bound)
            state.status = RunStatus.PAUSED if state.paused_by is not None else RunStatus.TAKEN_OVER
            show(state)
            await self._stirred_within(min(patience, max(state.time_left(workflow.now()), timedelta(seconds=1))), state)
            go_on_if_long(state)
            patience = min(patience * 2, LONGEST_LOOK)
        state.status = RunStatus.RUNNING
        show(state)

    async def _look(self, state: TaskState) -> bool:
        """Read the row; says whether it holds the run still."""
        self._is_stirred = False
        held = await workflow.execute_local_activity_method(
            SteeringActivities.read_wheel, RunStart(run_id=state.run_id), **options.store_call("read who drives")
        )
        state.paused_by, state.driver = held.paused_by, held.driver
        return held.holds_still

    async def _stirred_within(self, patience: timedelta, state: TaskState) -> None:
        try:
            await workflow.wait_condition(
                lambda: self._is_stirred or is_long(), timeout=patience, timeout_summary=f"held by {state.held_by}"
            )
        except TimeoutError:
            return
