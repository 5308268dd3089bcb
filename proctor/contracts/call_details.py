"""What the request for a call tells a person of it: recorded with the request, and what its card is made from."""

from typing import Any

from proctor.contracts.decision import RAISED_RISK, Decision, RecordedDecision
from proctor.contracts.ids import ToolName
from proctor.contracts.tool import ToolContract


def call_details(
    tool: ToolName,
    arguments: dict[str, Any],
    contract: ToolContract | None,
    decision: Decision,
    recorded: RecordedDecision,
    *,
    replaced: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Give the details of a request for approval of a call.

    `decision` is what asks for it now, `recorded` what was recorded with the plan. `replaced` are the arguments of
    the call in whose place a person wrote this one: the card shows what is different. What is not known is left out:
    a card takes an undeclared role for a target, an undeclared effect for irreversible, and an undeclared risk for
    high.
    """
    details: dict[str, Any] = {
        "tool": tool,
        "version": None if contract is None else contract.version,
        "arguments": arguments,
        "effect": None if contract is None else contract.effect.value,
        "risk": None if contract is None else contract.risk.value,
        "compensation": None if contract is None or contract.compensation is None else contract.compensation.tool,
        "rule": decision.determining,
        "reason": decision.reason,
    }
    if RAISED_RISK in recorded.facts:
        details["raised_risk"] = recorded.facts[RAISED_RISK]
    if recorded.author is not None:
        details["author"] = recorded.author
    if replaced is not None:
        details["replaced"] = replaced
    roles = {} if contract is None else contract.argument_roles
    known = {
        "roles": {name: role.value for name, role in roles.items() if name in arguments},
        "flows": {name: flow.model_dump(mode="json") for name, flow in recorded.flows.items() if name in arguments},
    }
    return details | {name: value for name, value in known.items() if value}
