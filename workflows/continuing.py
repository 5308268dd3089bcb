"""Going on with a fresh history before this one grows long, wherever the run stands."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from workflows.state import TaskStart, TaskState


def go_on_if_long(state: TaskState) -> None:
    """Continue as new when Temporal suggests it.

    Safe in the middle of a step: the step's plan, the requests and the outcomes of its calls are in the store, and
    whoever asks for them again gets what was recorded first.
    """
    if workflow.info().is_continue_as_new_suggested():
        workflow.continue_as_new(TaskStart(run_id=state.run_id, carried=state))
