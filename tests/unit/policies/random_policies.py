"""Random conditions over the facts of a transfer, and random facts to judge them on."""

from typing import Any

from hypothesis import strategies as st

from policies.conditions import AllOf, AnyOf, Compare, Condition, Fact, Kind, Not
from policies.facts import TOOL, catalogue
from policies.rules import Rule
from tests.unit.policies.builders import TRANSFER, transfer, written

TEXTS = ("bob", "eve", "bob@example.com", "", "Transfer", "clerk", "rob", "b*b")
GLOBS = ("*", "", "b*", "*b", "*b*", "?ob", "b?b@*", "*@example.com", "bob")
HOSTS = ("api.example.com", "*.example.com", "*", "127.0.0.1:80", "evil.org:443")
REACHED = ("api.example.com", "API.example.com.", "x.example.com", "127.0.0.1:80", "evil.org:443", "localhost")
NUMBERS = (0, 1, 2, 50, 50.5, 1000, 100_000, -1)
FACTS = {**catalogue(written(), TRANSFER), "windows.paid": Fact("windows.paid", Kind.NUMBER)}
FACTS_OF_A_RULE = tuple(FACTS.values())

ODD: tuple[Any, ...] = (
    None,
    True,
    0,
    "",
    "5",
    float("nan"),
    float("inf"),
    -float("inf"),
    2**53,
    -(2**53),
    10**400,
    1e300,
    0.5,
    [],
    {},
    [None],
    ["bob", 5],
    {"text": None},
    "b\u043eb",
    "\u0440\u0430\u0443\u0440\u0430",
    "bo\u200bb",
    "\uff42ob",
    ["b\u043eb"],
    ["not a host"],
    "EURO",
    (),
    b"bob",
)
"""Values that hardly any fact can have."""


def operators(fact: Fact) -> tuple[str, ...]:
    """Name the operators that fit a fact, as the tree spells them."""
    alike = ("equals", "in")
    by_kind = {
        Kind.BOOL: ("equals",),
        Kind.NUMBER: (*alike, "less_than", "at_most", "greater_than", "at_least"),
        Kind.TEXT: (*alike, "matches"),
        Kind.CHOICE: alike,
        Kind.TEXTS: ("contains", "only"),
        Kind.HOSTS: ("contains", "only"),
    }
    return (*by_kind[fact.kind], "exists") if fact.is_optional else by_kind[fact.kind]


def constants(fact: Fact) -> tuple[Any, ...]:
    """Give constants that a fact can be compared with."""
    texts = fact.choices or TEXTS
    return {
        Kind.BOOL: (True, False),
        Kind.NUMBER: NUMBERS,
        Kind.TEXT: texts,
        Kind.CHOICE: texts,
        Kind.TEXTS: texts,
        Kind.HOSTS: HOSTS,
    }[fact.kind]


def sound_values(fact: Fact) -> tuple[Any, ...]:
    """Give values that a fact can have."""
    if fact.kind is Kind.HOSTS:
        return ([], ["api.example.com"], *([host, "api.example.com"] for host in REACHED))
    if fact.kind is Kind.TEXTS:
        texts = fact.choices or TEXTS
        return ([], *([text] for text in texts), [texts[0], texts[1]])
    return constants(fact)


@st.composite
def compares(draw: st.DrawFn) -> Compare:
    fact = draw(st.sampled_from(FACTS_OF_A_RULE))
    operator = draw(st.sampled_from(operators(fact)))
    pool = GLOBS if operator in {"matches", "only"} and fact.kind is not Kind.HOSTS else constants(fact)
    least, most = (1, 3) if operator == "in" else (0, 2) if operator == "only" else (1, 1)
    operands = (
        () if operator == "exists" else tuple(draw(st.lists(st.sampled_from(pool), min_size=least, max_size=most)))
    )
    default = None
    if fact.is_optional and operator != "exists" and draw(st.integers(0, 4)):
        default = draw(st.sampled_from(sound_values(fact)))
        default = tuple(default) if isinstance(default, list) else default
    return Compare(fact, operator, operands, default)  # type: ignore[arg-type]


CONDITIONS: st.SearchStrategy[Condition] = st.recursive(
    compares(),
    lambda inner: st.one_of(
        inner.map(Not),
        st.lists(inner, max_size=3).map(lambda parts: AllOf(tuple(parts))),
        st.lists(inner, max_size=3).map(lambda parts: AnyOf(tuple(parts))),
    ),
    max_leaves=6,
)
EFFECTS = st.sampled_from(("permit", "permit", "require_approval", "forbid", "oblige"))


@st.composite
def rules(draw: st.DrawFn) -> tuple[Rule, ...]:
    found = draw(st.lists(st.tuples(EFFECTS, CONDITIONS), min_size=1, max_size=6))
    return tuple(Rule(f"r{n}", effect, when, f"reason {n}", opens=n % 2 == 0) for n, (effect, when) in enumerate(found))


def placed(facts: dict[str, Any], fact: Fact, value: Any) -> dict[str, Any]:
    """Give facts with another value of one of them, wherever it is kept."""
    if fact.path is None:
        return {**facts, fact.name: value}
    arguments = facts["arguments"]
    if not isinstance(arguments, dict):
        return facts
    return {**facts, "arguments": _placed(arguments, fact.path, value)}


def _placed(inside: dict[str, Any], path: tuple[str, ...], value: Any) -> dict[str, Any]:
    if len(path) == 1:
        return {**inside, path[0]: value}
    deeper = inside.get(path[0])
    return {**inside, path[0]: _placed(deeper if isinstance(deeper, dict) else {}, path[1:], value)}


def without(facts: dict[str, Any], fact: Fact) -> dict[str, Any]:
    """Give facts that lack one of them."""
    if fact.path is None:
        return {name: value for name, value in facts.items() if name != fact.name}
    first, *rest = fact.path
    arguments = dict(facts["arguments"])
    if rest and isinstance(arguments.get(first), dict):
        arguments[first] = {key: value for key, value in arguments[first].items() if key != rest[0]}
    else:
        arguments.pop(first, None)
    return {**facts, "arguments": arguments}


def whole() -> dict[str, Any]:
    """Give a sound value of every fact that cannot be left out."""
    missing = {fact.name: sound_values(fact)[0] for fact in FACTS_OF_A_RULE if fact.path is None}
    return {**missing, **transfer()}


@st.composite
def sound_facts(draw: st.DrawFn) -> dict[str, Any]:
    known = whole()
    for fact in draw(st.lists(st.sampled_from(FACTS_OF_A_RULE), max_size=12)):
        if fact != TOOL:
            in_bounds = [value for value in sound_values(fact) if _is_within(fact, value)]
            known = placed(known, fact, draw(st.sampled_from(in_bounds)))
    return known


def _is_within(fact: Fact, value: Any) -> bool:
    if fact.kind is not Kind.NUMBER:
        return True
    low = -(2**53) if fact.minimum is None else fact.minimum
    high = 2**53 if fact.maximum is None else fact.maximum
    return low <= value <= high and not (fact.is_integer and value % 1)


@st.composite
def any_facts(draw: st.DrawFn) -> dict[str, Any]:
    """Sound facts, with some broken."""
    known = draw(sound_facts())
    for fact in draw(st.lists(st.sampled_from(FACTS_OF_A_RULE), max_size=2)):
        if isinstance(known.get("arguments"), dict):
            known = without(known, fact) if draw(st.booleans()) else placed(known, fact, draw(st.sampled_from(ODD)))
    return {**known, "arguments": draw(st.sampled_from(ODD))} if draw(st.integers(0, 30)) == 0 else known
