"""Random conditions over facts of every kind, with constants from small pools, so that many contradict themselves."""

from random import Random
from typing import Any

from policies.comparing import compare
from policies.conditions import AllOf, AnyOf, Compare, Condition, Fact, Kind, Not

AMOUNT = Fact("arguments.amount", Kind.NUMBER, path=("amount",), is_integer=True, minimum=0)
PRICE = Fact("arguments.price", Kind.NUMBER, path=("price",), maximum=100)
COUNT = Fact("arguments.count", Kind.NUMBER, path=("count",), is_optional=True, is_integer=True)
FLAG = Fact("compensable", Kind.BOOL)
TIER = Fact("risk", Kind.CHOICE, ("low", "medium", "high"))
TARGET = Fact("arguments.to", Kind.TEXT, path=("to",))
NOTE = Fact("arguments.note", Kind.TEXT, path=("note",), is_optional=True)
COPIES = Fact("arguments.cc", Kind.TEXTS, path=("cc",), is_optional=True)
ORIGINS = Fact("labels.origins", Kind.TEXTS, ("request", "tool", "planner"))
HOSTS = Fact("egress.hosts", Kind.HOSTS)

GLOBS = ("*@acme.com", "a*", "*b", "a*b*", "ab", "?b", "*", "*a*", "??*", "b?*a", "*.com", "a*@*", "*b?")
TEXTS = ("ab", "b", "a@acme.com", "", "aab", "b.com", "a")
HOST_PATTERNS = (
    "a.example",
    "*.a.example",
    "b.a.example",
    "*.b.a.example",
    "localhost",
    "*.localhost",
    "*",
    "c.test:8443",
)
NUMBERS = (-1, 0, 1, 2, 3, 2.5, 50, 100)
ORDERS = ("less_than", "at_most", "greater_than", "at_least")


def _number(random: Random, fact: Fact) -> Compare:
    operator = random.choice((*ORDERS, *ORDERS, "equals", "in"))
    operands = random.sample(NUMBERS, random.randint(1, 3)) if operator == "in" else [random.choice(NUMBERS)]
    return _asked(random, fact, operator, operands, random.choice(NUMBERS))


def _text(random: Random, fact: Fact) -> Compare:
    operator = random.choice(("matches", "matches", "matches", "equals", "in"))
    operands = {
        "matches": lambda: [random.choice(GLOBS)],
        "equals": lambda: [random.choice(TEXTS)],
        "in": lambda: random.sample(TEXTS, random.randint(1, 3)),
    }[operator]()
    return _asked(random, fact, operator, operands, random.choice(TEXTS))


def _texts(random: Random, fact: Fact) -> Compare:
    pool = fact.choices or TEXTS
    if random.random() < 0.5:
        return _asked(random, fact, "contains", [random.choice(pool)], ())
    globs = random.sample(fact.choices or GLOBS, random.randint(1, 2))
    return _asked(random, fact, "only", globs, ())


def _hosts(random: Random, fact: Fact) -> Compare:
    if random.random() < 0.4:
        return Compare(fact, "contains", (random.choice(HOST_PATTERNS),))
    return Compare(fact, "only", tuple(random.sample(HOST_PATTERNS, random.randint(1, 3))))


def _choice(random: Random, fact: Fact) -> Compare:
    operator = random.choice(("equals", "in"))
    return Compare(fact, operator, tuple(random.sample(fact.choices, 1 if operator == "equals" else 2)))


def _asked(random: Random, fact: Fact, operator: Any, operands: list[Any], default: Any) -> Compare:
    if fact.is_optional and random.random() < 0.25:
        return Compare(fact, "exists")
    return Compare(fact, operator, tuple(operands), default if fact.is_optional else None)


def comparison(random: Random, facts: tuple[Fact, ...]) -> Compare:
    fact = random.choice(facts)
    if fact.kind is Kind.BOOL:
        return Compare(fact, "equals", (random.random() < 0.5,))
    made = {
        Kind.NUMBER: _number,
        Kind.TEXT: _text,
        Kind.TEXTS: _texts,
        Kind.HOSTS: _hosts,
        Kind.CHOICE: _choice,
    }[fact.kind]
    return made(random, fact)


def condition(random: Random, facts: tuple[Fact, ...], depth: int = 3) -> Condition:
    """Make a condition; deeper ones are mostly conjunctions, because disjunctions nearly always hold somewhere."""
    if depth == 0 or random.random() < 0.1:
        one = comparison(random, facts)
        return Not(one) if random.random() < 0.4 else one
    parts = tuple(condition(random, facts, depth - 1) for _ in range(random.randint(2, 3)))
    whole = AllOf(parts) if random.random() < 0.75 else AnyOf(parts)
    return Not(whole) if random.random() < 0.15 else whole


def evaluated(one: Condition, values: dict[str, Any]) -> bool:
    """Evaluate plainly, by what one comparison means."""
    match one:
        case Compare():
            value = values[one.fact.name]
            assert value is not None
            return compare(one, value)
        case Not(part):
            return not evaluated(part, values)
        case AllOf(parts):
            return all(evaluated(part, values) for part in parts)
        case AnyOf(parts):
            return any(evaluated(part, values) for part in parts)


__all__ = ["comparison", "condition", "evaluated"]
