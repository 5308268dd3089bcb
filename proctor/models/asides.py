"""What a model may say beside its calls: the plan that it declares, and other calls that would do as well."""

import re
from typing import Any

from proctor.contracts.arguments import argument_misfits
from proctor.contracts.canonical import summarize
from proctor.contracts.ids import ToolName
from proctor.contracts.planning import CallsProposal, DeclaredArgument, DeclaredCall, DeclaredPlan, ProposedCall
from proctor.models.offer import ANSWERS, Offer

TOOL_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}", re.ASCII)
PLACES = frozenset({"request", "manifest", "person"})
"""Sources of a declared argument that are no call."""


def read_plan(arguments: dict[str, Any]) -> DeclaredPlan:
    """Turn arguments of `declare_plan` that `plan_fault` has nothing against into the plan."""
    return DeclaredPlan(calls=tuple(_declared(call) for call in arguments["calls"]))


def write_plan(plan: DeclaredPlan) -> dict[str, Any]:
    """Write a plan as the model declared it."""
    calls = [call.model_dump(exclude_defaults=True, exclude={"arguments"}) for call in plan.calls]
    for written, call in zip(calls, plan.calls, strict=True):
        if call.arguments:
            written["arguments"] = {name: list(given.sources) for name, given in call.arguments.items()}
    return {"calls": calls}


def plan_fault(arguments: dict[str, Any], offer: Offer) -> str | None:
    """Say what keeps a well-formed declaration from being one; None when nothing does."""
    known: set[str] = set()
    for call in arguments["calls"]:
        name = call["id"]
        if name in known or name in PLACES:
            return f"the id {name!r} is taken: give every call its own"
        if not offer.is_tool(call["tool"]):
            return f"there is no tool {call['tool']}"
        for argument, sources in call.get("arguments", {}).items():
            stray = [source for source in sources if source not in known | PLACES]
            if stray:
                places = ", ".join(sorted(PLACES))
                return f"{name}.{argument} cannot come from {stray[0]!r}: name {places} or an earlier id"
        known.add(name)
    return None


def other_way(arguments: dict[str, Any]) -> CallsProposal:
    """Turn well-formed arguments of `alternative` into a proposal."""
    return CallsProposal(
        calls=tuple(
            ProposedCall(tool=ToolName(call["tool"]), arguments=call["arguments"]) for call in arguments["calls"]
        )
    )


def other_fault(arguments: dict[str, Any], offer: Offer) -> str | None:
    """Say what is wrong with the calls of another way; a tool that is not offered is for policy to deny."""
    for call in arguments["calls"]:
        if call["tool"] in ANSWERS or not TOOL_NAME.fullmatch(call["tool"]):
            return f"{summarize(call['tool'], 64)} is not the name of a tool"
        found = argument_misfits(offer.tools[call["tool"]], call["arguments"]) if offer.is_tool(call["tool"]) else []
        if found:
            return f"{call['tool']} does not take these arguments: {'; '.join(found)}"
    return None


def _declared(call: dict[str, Any]) -> DeclaredCall:
    given = {name: DeclaredArgument(sources=tuple(sources)) for name, sources in call.get("arguments", {}).items()}
    return DeclaredCall(id=call["id"], tool=call["tool"], max_count=call.get("max_count", 1), arguments=given)
