"""Whether a manifest and its tool contracts agree: every name, argument and host that one says of the other."""

from typing import Any
from urllib.parse import urlsplit

from policies.egress import EgressList
from proctor.contracts.ids import ToolName
from proctor.contracts.places import Place
from proctor.contracts.schemas import problems as misfits
from proctor.contracts.templates import Path, references
from proctor.contracts.tool import CompensationRule, HttpImplementation, Idempotency, ToolContract
from proctor.documents.manifest import AgentForm
from proctor.documents.problems import Problem, Problems, did_you_mean
from proctor.documents.resolution import Resolution, Tools
from proctor.documents.schema import is_number, is_open, property_at
from proctor.documents.source import Source


def needed_tools(form: AgentForm, tools: Tools) -> list[ToolContract]:
    """Give the contracts of the allowed tools with their probes and compensations, in that order."""
    found: dict[ToolName, ToolContract] = {}
    wanted = list(form.allowed_tools)
    while wanted:
        name = wanted.pop(0)
        if name in tools and name not in found:
            contract = found[name] = tools[name].contract
            wanted += [contract.compensation.tool] if contract.compensation else []
            wanted += [contract.probe] if contract.probe else []
    return list(found.values())


def disagreements(source: Source, form: AgentForm, resolved: Resolution) -> list[Problem]:
    """List where the manifest says something that its tools do not bear out."""
    problems, tools = Problems(source), resolved.tools
    for n, name in enumerate(form.allowed_tools):
        if name not in tools and name not in resolved.told:
            hint = did_you_mean(name, resolved.known) or "add its contract to tools/"
            problems.add(("agent", "allowed_tools", n), f"{name} has no contract in tools/ or the catalog", hint)
    for n, threshold in enumerate(form.thresholds):
        if threshold.tool in tools:
            place = ("agent", "thresholds", n, "argument")
            _check_threshold(threshold.argument, tools[threshold.tool].contract, problems, place)
    _check_degradation(form, problems)
    return problems.found + _tool_disagreements(form, resolved)


def _check_degradation(form: AgentForm, problems: Problems) -> None:
    allowed = list(form.allowed_tools)
    for name, to in form.degradation.items():
        place = ("agent", "degradation", name)
        if name not in allowed:
            problems.add(place, f"{name} is not among the allowed tools", did_you_mean(name, allowed))
        if to.to != "other_tool" and to.tool is not None:
            problems.add((*place, "tool"), f"{to.to} takes no tool", "write `to: other_tool`")
        if to.to == "other_tool" and (to.tool is None or to.tool == name or to.tool not in allowed):
            wrong = f"{to.tool or 'no tool'} cannot stand in for {name}"
            problems.add((*place, "tool"), wrong, "name another of the allowed tools")


def _check_threshold(argument: str, tool: ToolContract, problems: Problems, place: Place) -> None:
    declared = property_at(tool.input_schema, argument.split("."))
    if declared is None:
        hint = did_you_mean(argument, sorted(tool.input_schema.get("properties", {})))
        problems.add(place, f"{tool.name} has no argument {argument!r}", hint)
    elif not is_number(tool.input_schema, declared):
        hint = "limit an argument of type number or integer"
        problems.add(place, f"the argument {argument!r} of {tool.name} is not a number", hint)


def _tool_disagreements(form: AgentForm, resolved: Resolution) -> list[Problem]:
    found: list[Problem] = []
    tools = resolved.tools
    for contract in needed_tools(form, tools):
        document = tools[contract.name]
        problems = Problems(document.source)
        if contract.implementation is None:
            hint = "add `implementation:` with kind python, http, mcp or process"
            problems.add(document.place, f"{contract.name} has no implementation", hint)
        if contract.probe not in {None, *resolved.told} and contract.idempotency is Idempotency.READ_BACK:
            _check_probe(contract, tools, problems, (*document.place, "probe"))
        if contract.compensation is not None and contract.compensation.tool not in resolved.told:
            _check_compensation(contract, contract.compensation, tools, problems, (*document.place, "compensation"))
        if contract.name in form.allowed_tools and isinstance(contract.implementation, HttpImplementation):
            place = (*document.place, "implementation", "base_url")
            _check_host(contract.name, contract.implementation, form, problems, place)
        found += problems.found
    return found


def _check_probe(contract: ToolContract, tools: Tools, problems: Problems, place: Place) -> None:
    probe = tools.get(contract.probe) if contract.probe else None
    if probe is None:
        hint = did_you_mean(str(contract.probe), list(tools))
        problems.add(place, f"the probe {contract.probe} has no contract in tools/ or the catalog", hint)
    elif not probe.contract.is_read:
        problems.add(place, f"the probe {contract.probe} is not a read", "a probe declares `effect: read`")
    elif misfits(probe.contract.input_schema, {"idempotency_key": "key"}):
        hint = 'a probe is called with {"idempotency_key": KEY}'
        problems.add(place, f"the probe {contract.probe} does not take an idempotency key alone", hint)


def _check_compensation(
    contract: ToolContract, rule: CompensationRule, tools: Tools, problems: Problems, place: Place
) -> None:
    target = tools.get(rule.tool)
    if target is None:
        hint = did_you_mean(rule.tool, list(tools))
        problems.add((*place, "tool"), f"the compensation {rule.tool} has no contract in tools/ or the catalog", hint)
        return
    if target.contract.is_read:
        problems.add((*place, "tool"), f"the compensation {rule.tool} only reads", "name a tool with an effect")
    schema = target.contract.input_schema
    known = sorted(schema.get("properties", {}))
    for name in rule.arguments:
        if property_at(schema, [name]) is None and not (is_open(schema) and not known):
            message = f"the compensation {rule.tool} has no argument {name!r}"
            problems.add((*place, "arguments", name), message, did_you_mean(name, known))
    for name in schema.get("required", ()):
        if name not in rule.arguments:
            message = f"the compensation {rule.tool} needs the argument {name!r}"
            problems.add((*place, "arguments"), message, f"add `{name}:`")
    _check_references(contract, rule, problems, (*place, "arguments"))


def _check_references(contract: ToolContract, rule: CompensationRule, problems: Problems, place: Place) -> None:
    schemas = {"arguments": contract.input_schema, "result": contract.output_schema}
    try:
        found = list(references(rule.arguments))
    except ValueError as error:
        problems.add(place, str(error))
        return
    for where, reference in found:
        root, *rest = reference.path.parts
        if root not in schemas:
            message = f"${{{reference.path}}} is neither of the arguments nor of the result"
            problems.add((*place, *where), message, "write ${arguments.NAME} or ${result.NAME}")
        elif rest and not _has(schemas[str(root)], rest[0]):
            message = f"{contract.name} declares no {_what(reference.path)}"
            hint = did_you_mean(str(rest[0]), sorted(schemas[str(root)].get("properties", {})))
            problems.add((*place, *where), message, hint)


def _has(schema: dict[str, Any], name: Any) -> bool:
    if not schema.get("properties"):
        return True
    return property_at(schema, [str(name)]) is not None


def _what(path: Path) -> str:
    kind = "argument" if path.parts[0] == "arguments" else "result"
    return f"{kind} {path.parts[1]!r}"


def _check_host(name: str, http: HttpImplementation, form: AgentForm, problems: Problems, place: Place) -> None:
    if http.base_url.startswith("env:"):
        return
    host = urlsplit(http.base_url).netloc
    if EgressList(form.allow_domains, form.blocked_domains).first_refused([host]) is not None:
        message = f"{name} reaches {host}, which the manifest does not allow"
        problems.add(place, message, f"add {host} to allow_domains of the manifest")
