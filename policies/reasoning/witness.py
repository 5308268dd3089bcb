"""Calls that show something: all facts of one call, arguments that fit the tool's schema included."""

from typing import Any, Final

from policies.comparing import ABSENT
from policies.conditions import Fact, Kind
from policies.facts import AGENT, ARGUMENTS, EFFECT, RISK, TOOL, TOOL_VERSION, catalogue
from policies.reasoning.instances import instance
from policies.reasoning.satisfiability import Assignment
from proctor.contracts.manifest import AgentBundle
from proctor.contracts.tool import Risk, ToolContract

_USUAL: Final[dict[str, Any]] = {
    "requester": "someone",
    "tenant": "default",
    "environment": "production",
    "agent_version": "1",
    "iteration": 1,
    "time.date": "2026-01-15",
    "time.hour": 12,
    "time.weekday": "thu",
    "goal.denied": "no",
    "run.plan": "none",
}
_MILDEST: Final = ("trusted", "internal")


def call_facts(bundle: AgentBundle, tool: ToolContract, values: Assignment) -> dict[str, Any] | None:
    """Complete some values to all the facts of a call of `tool`; None when no arguments were found that fit.

    What is not among `values` is as it usually is: trusted, asked for in the request, at the declared level.
    """
    named = {path: value for name, value in values.items() if (path := argument_path(name))}
    arguments = instance(tool.input_schema, {path: _json(one) for path, one in named.items() if one is not ABSENT})
    if arguments is None or any(_has(arguments, path) for path, value in named.items() if value is ABSENT):
        return None
    facts = {name: _usual(fact) for name, fact in catalogue(bundle, tool).items() if fact.path is None}
    facts |= contract_facts(bundle, tool) | declared_levels(bundle, tool)
    others = {name: _json(value) for name, value in values.items() if argument_path(name) is None}
    return {**facts, **others, ARGUMENTS: arguments}


def contract_facts(bundle: AgentBundle, tool: ToolContract) -> dict[str, Any]:
    """Give the facts that manifest and contract decide for every call of `tool`."""
    return {
        AGENT.name: bundle.manifest.name,
        "owner": bundle.manifest.owner or "nobody",
        TOOL.name: tool.name,
        TOOL_VERSION.name: tool.version,
        EFFECT.name: tool.effect.value,
        RISK.name: tool.risk.value,
        "compensable": tool.compensation is not None,
    }


def declared_levels(bundle: AgentBundle, tool: ToolContract) -> dict[str, Any]:
    """Give the facts `autonomy.TIER` as the manifest declares them for `tool`."""
    return {f"autonomy.{risk.value}": bundle.manifest.autonomy_for(tool.name, risk).value for risk in Risk}


def argument_path(name: str) -> tuple[str, ...] | None:
    """Give the path of a fact that is an argument; None for all others."""
    prefix = f"{ARGUMENTS}."
    return tuple(name.removeprefix(prefix).split(".")) if name.startswith(prefix) else None


def _usual(fact: Fact) -> Any:
    if fact.name in _USUAL:
        return _USUAL[fact.name]
    match fact.kind:
        case Kind.NUMBER:
            return 0 if fact.minimum is None else fact.minimum
        case Kind.BOOL:
            return False
        case Kind.CHOICE:
            return next((one for one in fact.choices if one in _MILDEST), fact.choices[0])
        case Kind.TEXT:
            return "a"
        case _:
            return ["request"] if "request" in fact.choices else []


def _json(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _has(arguments: Any, path: tuple[str, ...]) -> bool:
    at = arguments
    for key in path:
        if not isinstance(at, dict) or key not in at:
            return False
        at = at[key]
    return True
