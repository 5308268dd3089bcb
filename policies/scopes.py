"""Which facts a rule may ask for, given the tools that it names."""

from collections.abc import Mapping
from dataclasses import replace

from policies.conditions import Fact
from policies.facts import ARGUMENTS, catalogue, general_catalogue
from policies.problems import near
from proctor.contracts.ids import ToolName
from proctor.contracts.manifest import AgentBundle
from proctor.contracts.policy import WindowForm
from proctor.contracts.tool import ToolContract


class Scope:
    """The facts of the calls that a rule looks at."""

    def __init__(self, bundle: AgentBundle, tools: tuple[ToolName, ...] | None) -> None:
        """Take the tools that a rule names; None for all."""
        self._contracts = [contract for name in tools or () if (contract := bundle.tool(name))]
        self._is_general = tools is None
        windows = bundle.policy.windows if bundle.policy else ()
        self._windows = {f"windows.{window.id}": window for window in windows}
        self._known = self._catalogues(bundle)

    def find(self, name: str) -> Fact | str:
        """Give the fact of that name, or say why a rule cannot ask for it."""
        found = [each.get(name) for each in self._known]
        facts = [fact for fact in found if fact is not None]
        if not facts:
            return self._unknown(name)
        if len(facts) < len(found):
            without = next(tool.name for tool, fact in zip(self._contracts, found, strict=True) if fact is None)
            return f"{without} has no {name}: write a rule for each tool"
        if len({(fact.kind, fact.choices) for fact in facts}) > 1:
            return f"{name} is not of the same type in {' and '.join(self._names)}: write a rule for each tool"
        window = self._windows.get(name)
        return (self._window_problem(window) if window else None) or _merged(facts)

    @property
    def _names(self) -> list[ToolName]:
        return [tool.name for tool in self._contracts]

    def _catalogues(self, bundle: AgentBundle) -> list[Mapping[str, Fact]]:
        if self._is_general:
            return [general_catalogue(bundle)]
        return [catalogue(bundle, tool) for tool in self._contracts]

    def _unknown(self, name: str) -> str:
        if self._is_general and name.startswith((f"{ARGUMENTS}.", "labels.")):
            return f"{name}: a rule about arguments names its tools: add `tool:`"
        known = {each for facts in self._known for each in facts}
        return f"there is no fact {name!r}{near(name, sorted(known))}"

    def _window_problem(self, window: WindowForm) -> str | None:
        if window.same and self._is_general:
            return f"the window {window.id} compares arguments: add `tool:`"
        found = (argument_problem(tool, path) for tool in self._contracts for path in window.same)
        return next(filter(None, found), None)


def argument_problem(tool: ToolContract, path: str) -> str | None:
    """Say why a window or an obligation cannot rely on an argument; None when every call has it."""
    schema, at = tool.input_schema, path.split(".")
    for key in at:
        properties = schema.get("properties") if isinstance(schema, dict) else None
        if not isinstance(properties, dict) or key not in properties:
            known = sorted(properties) if isinstance(properties, dict) else []
            return f"{tool.name} has no argument {path!r}{near(key, known)}"
        if key not in schema.get("required", ()):
            return f"the argument {path!r} of {tool.name} may be left out: its schema must require it"
        schema = properties[key]
    return None


def _merged(facts: list[Fact]) -> Fact:
    least = [fact.minimum for fact in facts]
    most = [fact.maximum for fact in facts]
    return replace(
        facts[0],
        is_optional=any(fact.is_optional for fact in facts),
        is_integer=all(fact.is_integer for fact in facts),
        minimum=None if None in least else min(bound for bound in least if bound is not None),
        maximum=None if None in most else max(bound for bound in most if bound is not None),
    )
