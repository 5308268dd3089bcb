"""The facts that rules may ask for, with their types: the platform's own, and what a tool's contract declares."""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple

from policies.conditions import Fact, Kind
from proctor.contracts.labels import Confidentiality, Integrity, Origin
from proctor.contracts.manifest import AgentBundle, Autonomy
from proctor.contracts.policy import PolicyDocument
from proctor.contracts.tool import Effect, Risk, ToolContract

LARGEST_NUMBER: Final = 2**53
"""Beyond it JSON numbers are no longer exact, so a limit on them would mean nothing."""
MAX_NESTING: Final = 8
"""How deep arguments are typed; rules cannot ask deeper."""
WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
ARGUMENTS: Final = "arguments"


def _choice(name: str, choices: Any) -> Fact:
    return Fact(name, Kind.CHOICE, tuple(str(choice) for choice in choices))


def _number(name: str, minimum: float | None = 0, maximum: float | None = None, *, is_integer: bool = True) -> Fact:
    return Fact(name, Kind.NUMBER, is_integer=is_integer, minimum=minimum, maximum=maximum)


def _texts(name: str, kind: Kind = Kind.TEXT) -> list[Fact]:
    return [Fact(each, kind) for each in name.split()]


_ORIGINS: Final = tuple(str(origin) for origin in Origin)

TOOL: Final = Fact("tool", Kind.TEXT)
AGENT: Final = Fact("agent", Kind.TEXT)
TOOL_VERSION: Final = Fact("tool_version", Kind.TEXT)
EFFECT: Final = _choice("effect", Effect)
RISK: Final = _choice("risk", Risk)
HOSTS: Final = Fact("egress.hosts", Kind.HOSTS)
GOAL_DENIED: Final = _choice("goal.denied", ("no", "by_person", "by_policy"))
AUTONOMY: Final = {risk: _choice(f"autonomy.{risk}", Autonomy) for risk in Risk}

PLATFORM: Final[dict[str, Fact]] = {
    fact.name: fact
    for fact in (
        AGENT,
        TOOL,
        TOOL_VERSION,
        *_texts("agent_version owner requester tenant environment time.date"),
        EFFECT,
        RISK,
        Fact("compensable", Kind.BOOL),
        *AUTONOMY.values(),
        _number("iteration"),
        _number("cost.spent_usd", is_integer=False),
        _number("cost.reserved_usd", is_integer=False),
        _number("time.hour", 0, 23),
        _choice("time.weekday", WEEKDAYS),
        HOSTS,
        _choice("labels.integrity", Integrity),
        _choice("labels.confidentiality", Confidentiality),
        Fact("labels.origins", Kind.TEXTS, _ORIGINS),
        Fact("labels.sources", Kind.TEXTS),
        _choice("labels.targets.integrity", Integrity),
        Fact("labels.targets.origins", Kind.TEXTS, _ORIGINS),
        _choice("labels.links.integrity", Integrity),
        Fact("run.has_read_untrusted", Kind.BOOL),
        _choice("run.plan", ("none", "on_plan", "off_plan")),
        GOAL_DENIED,
    )
}
"""Facts of every call, whatever the tool."""


def catalogue(bundle: AgentBundle, tool: ToolContract) -> Mapping[str, Fact]:
    """List the facts that a rule about calls of `tool` may ask for, by name."""
    found = _of_document(bundle.policy)
    found |= {fact.name: fact for fact in argument_facts(tool)}
    found |= {fact.name: fact for fact in _label_facts(tool)}
    return found | PLATFORM


def general_catalogue(bundle: AgentBundle) -> Mapping[str, Fact]:
    """List the facts that a rule about calls of every tool may ask for, by name."""
    return _of_document(bundle.policy) | PLATFORM


def argument_facts(tool: ToolContract) -> list[Fact]:
    """Type the arguments by the tool's input schema; what rules cannot compare (objects, mixed types) is left out."""
    return list(_typed(_Schema(tool.input_schema, tool.input_schema), (), is_optional=False))


def argument_fact(path: str) -> Fact:
    """Give a number among the arguments that must be there, whatever the schema says."""
    return Fact(f"{ARGUMENTS}.{path}", Kind.NUMBER, path=tuple(path.split(".")))


def window_fact(name: str) -> Fact:
    """Give the fact of the window `name`."""
    return Fact(f"windows.{name}", Kind.NUMBER)


@lru_cache(maxsize=64)
def _windows(names: tuple[str, ...]) -> dict[str, Fact]:
    return {fact.name: fact for fact in map(window_fact, names)}


def _of_document(document: PolicyDocument | None) -> dict[str, Fact]:
    return dict(_windows(tuple(window.id for window in document.windows))) if document else {}


def _label_facts(tool: ToolContract) -> Iterator[Fact]:
    properties = tool.input_schema.get("properties")
    for name in properties if isinstance(properties, dict) else ():
        if "." not in name:
            yield _choice(f"labels.{name}.integrity", Integrity)
            yield _choice(f"labels.{name}.confidentiality", Confidentiality)
            yield Fact(f"labels.{name}.origins", Kind.TEXTS, _ORIGINS)
            yield Fact(f"labels.{name}.sources", Kind.TEXTS)


class _Schema(NamedTuple):
    root: dict[str, Any]
    at: Any

    def resolved(self) -> dict[str, Any]:
        """Follow references and `anyOf` with null, as far as they are plain; {} for whatever is not."""
        at = self.at
        for _ in range(MAX_NESTING):
            if not isinstance(at, dict):
                return {}
            if "$ref" in at:
                at = _referred(self.root, at["$ref"])
            elif "type" not in at and isinstance(at.get("anyOf"), list):
                at = _only_one([one for one in at["anyOf"] if one != {"type": "null"}])
            else:
                return at
        return {}


def _only_one(alternatives: list[Any]) -> Any:
    return alternatives[0] if len(alternatives) == 1 else None


def _referred(root: dict[str, Any], reference: Any) -> Any:
    at: Any = root
    if not isinstance(reference, str) or not reference.startswith("#/"):
        return None
    for part in reference[2:].split("/"):
        at = at.get(part) if isinstance(at, dict) else None
    return at


def _typed(schema: _Schema, path: tuple[str, ...], *, is_optional: bool) -> Iterator[Fact]:
    found = schema.resolved()
    properties = found.get("properties")
    if isinstance(properties, dict) and len(path) < MAX_NESTING:
        required = found.get("required", ())
        for name, inner in properties.items():
            if "." not in name:
                optional = is_optional or name not in required
                yield from _typed(_Schema(schema.root, inner), (*path, name), is_optional=optional)
    elif path:
        fact = _fact(schema, found, path, is_optional=is_optional)
        if fact is not None:
            yield fact


def _fact(schema: _Schema, found: dict[str, Any], path: tuple[str, ...], *, is_optional: bool) -> Fact | None:
    name, kind = ".".join((ARGUMENTS, *path)), _kind(found)
    if kind is Kind.NUMBER:
        bounds = {"is_integer": _types(found) == {"integer"}, "minimum": _least(found), "maximum": _most(found)}
        return Fact(name, kind, path=path, is_optional=is_optional, **bounds)  # type: ignore[arg-type]
    if kind is None and _types(found) == {"array"}:
        items = _Schema(schema.root, found.get("items")).resolved()
        if _kind(items) not in {Kind.TEXT, Kind.CHOICE}:
            return None
        return Fact(name, Kind.TEXTS, _choices(items), path, is_optional)
    return None if kind is None else Fact(name, kind, _choices(found), path, is_optional)


def _types(found: dict[str, Any]) -> set[str]:
    """Name the types that the schema allows, null apart."""
    declared = found.get("type")
    if isinstance(declared, str):
        return {declared} - {"null"}
    if isinstance(declared, list):
        return {each for each in declared if isinstance(each, str)} - {"null"}
    values = _values(found)
    names = {bool: "boolean", str: "string", int: "number", float: "number"}
    return {names.get(type(value), "") for value in values} if values else set()


def _kind(found: dict[str, Any]) -> Kind | None:
    types = _types(found)
    if types == {"string"}:
        return Kind.CHOICE if _choices(found) else Kind.TEXT
    if types == {"boolean"}:
        return Kind.BOOL
    return Kind.NUMBER if types and types <= {"number", "integer"} else None


def _values(found: dict[str, Any]) -> list[Any]:
    values = [found["const"]] if "const" in found else found.get("enum")
    return [value for value in values if value is not None] if isinstance(values, list) else []


def _choices(found: dict[str, Any]) -> tuple[str, ...]:
    return tuple(value for value in _values(found) if isinstance(value, str))


def _least(found: dict[str, Any]) -> float | None:
    bounds = [found[key] for key in ("minimum", "exclusiveMinimum") if _is_number(found.get(key))]
    return max(bounds) if bounds else None


def _most(found: dict[str, Any]) -> float | None:
    bounds = [found[key] for key in ("maximum", "exclusiveMaximum") if _is_number(found.get(key))]
    return min(bounds) if bounds else None


def _is_number(value: Any) -> bool:
    return type(value) in {int, float} and -LARGEST_NUMBER < value < LARGEST_NUMBER
