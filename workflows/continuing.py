"""Going on with a fresh history before this one grows long, wherever the run stands."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from workflows.state import TaskStart, TaskState


def is_long() -> bool:
    """Whether Temporal suggests to go on with a fresh history.

    Whoever waits wakes up for this, too: signals that nobody waits for lengthen the history all the same.
    """
    return workflow.info().is_continue_as_new_suggested()


def go_on_if_long(state: TaskState) -> None:
    """Continue as new when Temporal suggests it.

    Safe in the middle of a step: the step's plan, the requests and the outcomes of its calls are in the store, and
    whoever asks for them again gets what was recorded first.
    """
    if is_long():
        workflow.continue_as_new(TaskStart(run_id=state.run_id, carried=state))
