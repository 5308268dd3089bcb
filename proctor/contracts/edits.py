"""Arguments that a person writes: whether the tool takes them, and which parts are their own words."""

from typing import Any

from proctor.contracts.base import Contract
from proctor.contracts.decision import RecordedDecision
from proctor.contracts.human import HumanRequest
from proctor.contracts.ids import PrincipalName, RequestId, RunId, ToolName
from proctor.contracts.steps import CallPlan


class EditRef(Contract):
    """Names a call that a person edited, by the request that it waited for; input of `judge_edit`."""

    run_id: RunId
    step: int
    call: int
    request_id: RequestId


class EditedCall(Contract):
    """Tells of a call that a person edited which call stands in its place."""

    call: int
    """Of the same step."""
    by: PrincipalName
    tool: ToolName
    arguments: dict[str, Any]
    before: dict[str, Any]
    """As the planner had proposed them."""
    node: str = ""


class EditToJudge(Contract):
    """All that judging an edited call needs."""

    old: CallPlan
    arguments: dict[str, Any]
    by: PrincipalName
    call: int
    """Index of the new call."""
    recorded: RecordedDecision | None = None
    """Set when it was judged before: then this is what stands."""
    request: HumanRequest | None = None
