"""What a workflow may be started with: whoever can reach Temporal can start one."""

from temporalio import workflow
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from workflows.state import TaskStart


def check_start(start: TaskStart) -> None:
    """Refuse a second workflow for one run, and a state that no workflow of this run handed on.

    A forged state could raise the bounds of the run, and forget what must be taken back.
    """
    info = workflow.info()
    if start.run_id != info.workflow_id:
        raise ApplicationError(f"run {start.run_id} has its own workflow", type="ForgedStart", non_retryable=True)
    if start.carried is not None and (info.continued_run_id is None or start.carried.run_id != start.run_id):
        raise ApplicationError("no workflow of this run handed this on", type="ForgedStart", non_retryable=True)
