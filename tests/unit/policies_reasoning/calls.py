"""Random calls near the constants of policies, for finding by trial what proofs should have found."""

from collections.abc import Iterable
from random import Random
from typing import Any

from policies.change.levels import are_falling
from policies.comparing import ABSENT
from policies.conditions import Compare, Fact, Kind
from policies.engine import CompiledPolicy
from policies.facts import catalogue
from policies.reasoning.witness import call_facts
from policies.trees import comparisons
from proctor.contracts.manifest import AgentBundle


class Sampler:
    """Draws calls of one tool whose facts lie at, just below and just above what some policies compare them with."""

    def __init__(self, bundle: AgentBundle, tool: str, policies: Iterable[CompiledPolicy], random: Random) -> None:
        self._bundle, self._random = bundle, random
        self._contract = bundle.tool(tool)
        asked = [one for policy in policies for line in policy.program(tool).lines for one in comparisons(line.when)]
        self._pools = {name: _pool(fact, asked) for name, fact in _facts(asked).items()}
        known = catalogue(bundle, self._contract) if self._contract else {}
        self._pools = {name: pool for name, pool in self._pools.items() if name in known}
        self._fixed = {"agent", "tool", "tool_version", "effect", "risk", "compensable"}

    def draw(self) -> dict[str, Any] | None:
        """Draw a call; None when no arguments fit, or the levels are not as live ones can be."""
        facts = self._drawn()
        return facts if facts is not None and are_falling(facts) else None

    def _drawn(self) -> dict[str, Any] | None:
        if self._contract is None:
            return None
        values = {name: self._random.choice(pool) for name, pool in self._pools.items() if name not in self._fixed}
        usual = {name for name in values if self._random.random() < 0.5 and not name.startswith("arguments.")}
        return call_facts(
            self._bundle, self._contract, {name: value for name, value in values.items() if name not in usual}
        )


def _facts(asked: Iterable[Compare]) -> dict[str, Fact]:
    return {one.fact.name: one.fact for one in asked}


def _pool(fact: Fact, asked: list[Compare]) -> list[Any]:
    constants = [operand for one in asked if one.fact.name == fact.name for operand in one.operands]
    pool: list[Any] = list(_values(fact, constants))
    return [*pool, ABSENT] if fact.is_optional else pool


def _values(fact: Fact, constants: list[Any]) -> Iterable[Any]:
    match fact.kind:
        case Kind.NUMBER:
            near = [value for one in constants for value in (one - 1, one, one + 1)] or [0]
            low, high = fact.minimum, fact.maximum
            return [one for one in near if (low is None or one >= low) and (high is None or one <= high)] or [0]
        case Kind.BOOL:
            return (True, False)
        case Kind.CHOICE:
            return fact.choices
        case Kind.TEXT:
            return [
                text for one in constants for text in (one.replace("*", "x").replace("?", "y"), one.replace("*", ""))
            ]
        case Kind.TEXTS:
            made = [one.replace("*", "x") for one in constants if not fact.choices or one in fact.choices]
            return [(), *((one,) for one in made), tuple(made[:2])]
        case _:
            return [(), *((one.replace("*", "x"),) for one in constants), ("other.test",)]
