"""Names and messages on the wire between the gateway and the workflow."""

from proctor.contracts.base import Contract
from proctor.contracts.ids import RequestId

WORKFLOW_TYPE = "AgentTaskWorkflow"
DEFAULT_TASK_QUEUE = "proctor"
REQUEST_DECIDED = "request_decided"
"""Signal: somebody decided a request. A wake-up, not a proof (rule 6)."""


class RequestDecided(Contract):
    """Payload of `request_decided`; the workflow reads the row before it believes anything."""

    decision_id: str
    request_id: RequestId
