import random
from collections import Counter
from typing import Any

from benchmarks.cedar import CedarPolicy, can_say, context_of
from policies.conditions import AllOf, AnyOf, Compare, Condition, Fact, Kind, Not
from policies.engine import CompiledPolicy
from policies.rules import Rule
from policies.trees import comparisons
from proctor.contracts.decision import Verdict
from tests.unit.policies.random_policies import FACTS, GLOBS, constants, operators, placed, sound_values, whole, without

POLICIES, CALLS = 120, 25
SAYABLE = [fact for fact in FACTS.values() if fact.kind is not Kind.HOSTS]


def compare(dice: random.Random) -> Compare:
    fact = dice.choice(SAYABLE)
    operator: Any = dice.choice(operators(fact))
    pool = [glob for glob in GLOBS if "?" not in glob] if operator == "matches" else list(constants(fact))
    pool = [constant for constant in pool if not isinstance(constant, float)]
    pool = [constant for constant in pool if operator != "only" or "*" not in constant]
    count = {"in": 3, "only": 2, "exists": 0}.get(operator, 1)
    operands = tuple(dice.choice(pool) for _ in range(count))
    default = None
    if fact.is_optional and operator != "exists":
        default = dice.choice([value for value in sound_values(fact) if not isinstance(value, float)])
        default = tuple(default) if isinstance(default, list) else default
    return Compare(fact, operator, operands, default)


def condition(dice: random.Random, depth: int = 0) -> Condition:
    kind = dice.choice(("compare", "compare", "not", "all", "any")) if depth < 3 else "compare"
    if kind == "compare":
        return compare(dice)
    if kind == "not":
        return Not(condition(dice, depth + 1))
    parts = tuple(condition(dice, depth + 1) for _ in range(dice.randint(1, 3)))
    return AllOf(parts) if kind == "all" else AnyOf(parts)


def call(dice: random.Random) -> dict[str, Any]:
    known = whole()
    for fact in dice.sample(SAYABLE, 20):
        values = [value for value in sound_values(fact) if fact.kind is not Kind.NUMBER or fits(fact, value)]
        if fact.name != "tool":
            known = without(known, fact) if fact.is_optional and dice.random() < 0.5 else known
            known = placed(known, fact, dice.choice(values)) if not fact.is_optional or dice.random() < 0.5 else known
    if "note" in known["arguments"]:
        known["arguments"]["note"] = {"text": "x", **known["arguments"]["note"]}
    return {**known, "cost.spent_usd": 1}


def fits(fact: Fact, value: float) -> bool:
    low, high = fact.minimum or 0, fact.maximum if fact.maximum is not None else 2**53
    return not isinstance(value, float) and low <= value <= high


def test_cedar_decides_the_same_on_three_thousand_calls() -> None:
    """An engine of others, given the same rules, comes to the same verdict wherever it can express them."""
    dice, seen, disagreements = random.Random(20261121), Counter[Verdict](), []
    for _ in range(POLICIES):
        effects: list[Any] = [dice.choice(("permit", "permit", "require_approval", "forbid")) for _ in range(6)]
        rules = [Rule(f"r{n}", effect, condition(dice), "x", opens=True) for n, effect in enumerate(effects)]
        assert all(can_say(rule.when) for rule in rules)
        read = {asked.fact for rule in rules for asked in comparisons(rule.when)}
        calls = [call(dice) for _ in range(CALLS)]
        theirs = CedarPolicy(rules).verdicts([context_of(facts, read) for facts in calls])
        policy = CompiledPolicy(rules)
        decided = [policy.judge(facts) for facts in calls]
        assert not [one.determining for one in decided if one.determining.startswith(("fact:", "engine"))]
        ours = [one.verdict for one in decided]
        seen.update(ours)
        disagreements += [pair for pair in zip(rules, ours, theirs, strict=False) if pair[1] is not pair[2]]
    assert [] == disagreements
    assert POLICIES * CALLS == sum(seen.values()) >= 2000
    assert min(seen[verdict] for verdict in Verdict) > 200
