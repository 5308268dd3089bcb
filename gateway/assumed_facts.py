"""The facts of a call that was never made: harmless ones, but for what a case says.

`proctor policy test` and `proctor policy decide` judge such calls; docs/reference/policy.md lists what is assumed.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from proctor.contracts.egress import EgressEntry
from proctor.contracts.ids import ToolName
from proctor.contracts.labels import Confidentiality, Integrity
from proctor.contracts.manifest import AgentBundle, AgentManifest
from proctor.contracts.policy import LONG_AGO, WindowForm
from proctor.contracts.tool import ArgumentRole, HttpImplementation, Risk, ToolContract
from proctor.tools.egress.settings import hosts_of

LABELS: Final[dict[str, Any]] = {
    "integrity": Integrity.TRUSTED.value,
    "confidentiality": Confidentiality.INTERNAL.value,
    "origins": ["request"],
    "sources": [],
}
"""Labels of an argument that a case says nothing about: it comes from the requester."""
MOMENT: Final[dict[str, Any]] = {"time.hour": 12, "time.weekday": "mon", "time.date": "2026-01-05"}
_SETTING: Final = "env:"
_OF_TARGETS: Final = ("integrity", "origins")
_STRICTNESS: Final = {
    "integrity": [level.value for level in Integrity],
    "confidentiality": [level.value for level in Confidentiality],
}


def assumed_facts(
    bundle: AgentBundle,
    tool: ToolName,
    arguments: Mapping[str, Any],
    given: Mapping[str, Any],
    *,
    windows: Iterable[WindowForm],
) -> dict[str, Any]:
    """Complete what is `given` of a call to all facts that its rules may ask for.

    Assumed is a call early in a run that has read nothing untrusted, in whose windows this call stands alone, with
    arguments that come from the requester. Labels given for all arguments hold for each that has none of its own.
    """
    contract = bundle.tool(tool)
    facts = {
        **_of_agent(bundle.manifest),
        **_of_tool(bundle.manifest, tool, contract),
        **MOMENT,
        "iteration": 0,
        "cost.spent_usd": 0,
        "cost.reserved_usd": 0,
        "egress.hosts": list(_hosts(bundle.manifest, contract)),
        "run.has_read_untrusted": False,
        "run.plan": "none",
        "goal.denied": "no",
        **{f"windows.{window.id}": _alone(window, tool, arguments) for window in windows},
        **_labels(contract, arguments, given),
    }
    return {**facts, **given, "arguments": dict(arguments)}


def _of_agent(manifest: AgentManifest) -> dict[str, Any]:
    return {
        "agent": manifest.name,
        "agent_version": manifest.version,
        "owner": manifest.owner,
        "requester": "requester",
        "tenant": "default",
        "environment": "production",
    }


def _of_tool(manifest: AgentManifest, tool: ToolName, contract: ToolContract | None) -> dict[str, Any]:
    levels = {f"autonomy.{risk}": manifest.autonomy_for(tool, risk).value for risk in Risk}
    if contract is None:
        contract = ToolContract(name=tool, input_schema={})
        return {**of_contract(contract), "tool_version": "", **levels}
    return {**of_contract(contract), **levels}


def of_contract(contract: ToolContract) -> dict[str, Any]:
    """Give the facts that a tool's contract states."""
    return {
        "tool": contract.name,
        "tool_version": contract.version,
        "effect": contract.effect.value,
        "risk": contract.risk.value,
        "compensable": contract.compensation is not None,
    }


def _hosts(manifest: AgentManifest, contract: ToolContract | None) -> Iterator[str]:
    """Name the hosts that the contract names; of one that the worker's environment names, the first that is allowed."""
    if contract is None:
        return
    if isinstance(contract.implementation, HttpImplementation):
        base_url = contract.implementation.base_url
        places = [base_url if base_url.startswith(_SETTING) else base_url.partition("://")[2].partition("/")[0]]
    else:
        places = [entry.host if entry.host.startswith(_SETTING) else _judged(entry) for entry in contract.egress]
    for place in places:
        if not place.startswith(_SETTING):
            yield place
        elif manifest.allow_domains:
            yield manifest.allow_domains[0].replace("*", "host")


def _judged(entry: EgressEntry) -> str:
    return hosts_of([entry])[0]


def _alone(window: WindowForm, tool: ToolName, arguments: Mapping[str, Any]) -> Any:
    """Give what a window holds when this call is the only one in it."""
    if window.measure == "last":
        return LONG_AGO
    if tool not in window.tools:
        return 0
    return 1 if window.measure == "count" else amount_at(arguments, window.argument or "")


def amount_at(arguments: Mapping[str, Any], path: str) -> Any:
    """Give the number at a dotted path of the arguments; 0 where there is none."""
    value: Any = arguments
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value if isinstance(value, int | float) and not isinstance(value, bool) else 0


def _labels(contract: ToolContract | None, arguments: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    roles = contract.argument_roles if contract else {}
    declared = contract.input_schema.get("properties", {}) if contract else {}
    targets = [name for name in arguments if roles.get(name, ArgumentRole.TARGET) is ArgumentRole.TARGET]
    facts: dict[str, Any] = {}
    for name in [*arguments, *(name for name in declared if name not in arguments)]:
        wider = (f"labels.{name}", *(["labels.targets"] if name in targets else []), "labels")
        for label, usual in LABELS.items():
            said = [given[f"{group}.{label}"] for group in wider if f"{group}.{label}" in given]
            facts[f"labels.{name}.{label}"] = said[0] if said else usual
    return {
        **_join("labels", LABELS, arguments, facts),
        **facts,
        **_join("labels.targets", _OF_TARGETS, targets, facts),
        "labels.links.integrity": given.get("labels.integrity", LABELS["integrity"]),
    }


def _join(group: str, labels: Iterable[str], names: Iterable[str], facts: Mapping[str, Any]) -> dict[str, Any]:
    named = list(names)
    return {f"{group}.{label}": _joined(label, [facts[f"labels.{name}.{label}"] for name in named]) for label in labels}


def _joined(label: str, values: list[Any]) -> Any:
    """Join labels: the least trusted, the most restricted, all origins and sources; a malformed one as it is."""
    if label in _STRICTNESS:
        order = _STRICTNESS[label]
        odd = next((value for value in values if value not in order), None)
        return odd if odd is not None else max(values, key=order.index, default=LABELS[label])
    lists = [value for value in values if isinstance(value, list)]
    return sorted({element for value in lists for element in value if isinstance(element, str)})
