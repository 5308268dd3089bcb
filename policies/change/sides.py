"""The old and the new policy, side by side for the calls of one tool, over facts that they share."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from policies.comparing import takes_absent
from policies.conditions import NEVER, AnyOf, Compare, Condition, Fact, Not
from policies.document_rules import windows_of
from policies.engine import CompiledPolicy
from policies.facts import PLATFORM, catalogue
from policies.manifest_policy import compile_policy
from policies.programs import Line, make_program
from policies.reasoning.domains import merged
from policies.reasoning.instances import shapes_of
from policies.reasoning.satisfiability import Prover
from policies.reasoning.witness import contract_facts, declared_levels
from policies.trees import comparisons, rewritten
from proctor.contracts.ids import ToolName
from proctor.contracts.manifest import AgentBundle
from proctor.contracts.policy import WindowForm
from proctor.contracts.tool import ToolContract

BEFORE = " (before)"
"""Ends the name of a fact that means something else in the old policy."""


@dataclass(frozen=True)
class Side:
    """A bundle with its compiled policy."""

    bundle: AgentBundle
    policy: CompiledPolicy

    @classmethod
    def of(cls, bundle: AgentBundle) -> "Side":
        """Compile a bundle."""
        return cls(bundle, compile_policy(bundle))

    def contract(self, tool: ToolName) -> ToolContract | None:
        """Give the tool's contract, if it is unambiguous."""
        return self.policy.contracts.get(tool)

    def lines(self, tool: ToolName) -> tuple[Line, ...]:
        """Give the rules for a tool, each with its condition; no code is generated for that."""
        return make_program(self.policy.rules, tool, self.contract(tool)).lines

    @property
    def windows(self) -> dict[str, WindowForm]:
        """The windows of the document, those of its cool-downs too, by the name of their fact."""
        document = self.bundle.policy
        return {f"windows.{window.id}": window for window in (windows_of(document) if document else ())}

    def facts_of(self, tool: ToolName, *, with_levels: bool) -> dict[str, Any]:
        """Give the facts that this bundle decides for every call of the tool."""
        contract = self.contract(tool)
        if contract is None:
            return {}
        levels = declared_levels(self.bundle, contract) if with_levels else {}
        return contract_facts(self.bundle, contract) | levels


def split(lines: Iterable[Line], names: frozenset[str]) -> tuple[Line, ...]:
    """Give the old policy's lines facts of their own where a name means something else now."""

    def renamed(compare: Compare) -> Compare:
        fact = compare.fact
        return replace(compare, fact=replace(fact, name=fact.name + BEFORE)) if fact.name in names else compare

    return tuple(Line(line.rule, rewritten(line.when, renamed)) for line in lines)


def fixed(values: Mapping[str, Any], end: str = "") -> Iterator[Condition]:
    """Say that facts have these values."""
    for name, value in values.items():
        yield Compare(replace(PLATFORM[name], name=name + end), "equals", (value,))


def readings(lines: Iterable[Line]) -> dict[str, Fact]:
    """Give what lines read, by name, with every type asked of it; optional only if none of them needs it.

    Raises:
        Undecided: a fact is read as two kinds of value, so that no call can be judged.

    """
    found: dict[str, Fact] = {}
    for line in lines:
        for compare in comparisons(line.when):
            fact = replace(compare.fact, is_optional=takes_absent(compare))
            known = found.get(fact.name)
            found[fact.name] = fact if known is None else merged((known, fact))
    return found


def prover_for(looser: Side, tool: ToolName, looser_lines: Iterable[Line], stricter_lines: Iterable[Line]) -> Prover:
    """Make a prover over the calls that the looser side takes: its schema and types bound every fact."""
    facts = readings(looser_lines)
    contract = looser.contract(tool)
    declared = catalogue(looser.bundle, contract) if contract else {}
    for name, fact in readings(stricter_lines).items():
        if name not in facts:
            facts[name] = declared.get(name) or replace(fact, is_optional=fact.path is not None)
    shapes = shapes_of(contract.input_schema) if contract else ()
    return Prover(facts, {".".join(("arguments", *path)): shape for path, shape in shapes})


def unreadable(lines: Iterable[Line], others: Iterable[Line]) -> Condition:
    """Say when these lines need a fact that calls judged by `others` may lack."""
    theirs = readings(others)
    needed = (fact for name, fact in readings(lines).items() if fact.path is not None and not fact.is_optional)
    missing = [fact for fact in needed if fact.name not in theirs or theirs[fact.name].is_optional]
    asked = (Compare(replace(fact, is_optional=True), "exists") for fact in missing)
    return AnyOf(tuple(Not(one) for one in asked)) if missing else NEVER
