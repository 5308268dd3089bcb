"""Names and messages on the wire between the gateway and the workflow."""

from proctor.contracts.base import Contract
from proctor.contracts.ids import RequestId, RunId

WORKFLOW_TYPE = "AgentTaskWorkflow"
DEFAULT_TASK_QUEUE = "proctor"
MAX_FAIRNESS_KEY_BYTES = 64
"""What Temporal takes."""
REQUEST_DECIDED = "request_decided"
"""Signal: somebody decided a request. A wake-up, not a proof (rule 6)."""


def pool_queue(task_queue: str, pool: str) -> str:
    """Name the task queue of a pool of tools; of none, the common one."""
    return f"{task_queue}-{pool}" if pool else task_queue


class RequestDecided(Contract):
    """Payload of `request_decided`; the workflow reads the row before it believes anything."""

    decision_id: str
    request_id: RequestId


RUN_STEERED = "run_steered"
"""Signal: somebody paused, resumed, steered, took over or handed back a run. A wake-up, not a proof (rule 6)."""


class RunSteered(Contract):
    """Payload of `run_steered`; the workflow reads the row before it believes anything."""

    entry: int


UNDO_TYPE = "UndoRunWorkflow"
"""Takes back what a run that has ended did; its id is `<run>/undo`."""


def undo_id(run_id: RunId) -> str:
    """Give the id of the workflow that takes a run back."""
    return f"{run_id}/undo"


class UndoStart(Contract):
    """Input of the workflow that takes a run back."""

    run_id: RunId
