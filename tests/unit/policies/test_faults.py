# ruff: noqa: RUF001 - the look-alikes are what is tested
"""The fault table: a fact that is not what it should be denies, whatever the rule that reads it would have said."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.conditions import ALWAYS, Compare, Fact, Kind
from policies.engine import CompiledPolicy
from policies.facts import PLATFORM, TOOL, catalogue
from policies.manifest_policy import compile_policy
from policies.rules import Rule
from proctor.contracts.decision import Verdict
from tests.unit.policies.builders import TRANSFER, facts, transfer, written
from tests.unit.policies.random_policies import constants, operators, placed, sound_values, without

FACTS = catalogue(written(), TRANSFER) | {"windows.paid": Fact("windows.paid", Kind.NUMBER)}
READABLE = [fact for fact in FACTS.values() if fact != TOOL]
GOOD: dict[str, Any] = {
    **transfer(copies=["bob"], urgent=False, note={"text": "hello", "pages": 2}),
    "windows.paid": 10,
    **{
        f"labels.{name}.{part}": value
        for name in ("copies", "urgent", "note", "links")
        for part, value in (
            ("integrity", "trusted"),
            ("confidentiality", "internal"),
            ("origins", ["request"]),
            ("sources", []),
        )
    },
}
NAN, INF = float("nan"), float("inf")
LOOK_ALIKES = (
    "pаypal",  # Cyrillic a among Latin letters
    "раура",  # all Cyrillic, reads as Latin
    "ΑΒΕ",  # all Greek
    "օոս",
    "ｂｏｂ",  # full width
    "𝐛𝐨𝐛",
    "ﬁn",
    "bo\u200bb",
    "bob\u200d",
    "\ufeffbob",
    "b\u00adob",
    "\u202ebob",
    "bob\ufe0f",
    "b\u0131ll",
    "ɡoogle",
    "a\u0301bc",
    "bob\u00a0",
    "bob\u2024com",
    "1٥0",
    "\ud800",
    "bob\x00",
    "\U000e0062ob",
    "ᏢᎪᎩ",
    "ⲣⲁⲩ",
    "ꓐꓳꓐ",
    "b\u3164b",
    "50\u22125",
)
WRONG: dict[Kind, tuple[Any, ...]] = {
    Kind.BOOL: (0, 1, "true", [], NAN),
    Kind.NUMBER: (True, "5", NAN, INF, -INF, 2**53, -(2**53), 10**400, 1e300, [], {}),
    Kind.TEXT: (True, 5, NAN, [], {}, ["bob"], b"bob", *LOOK_ALIKES),
    Kind.CHOICE: (True, 5, NAN, [], {}, "", "EURO", "Read", *LOOK_ALIKES),
    Kind.TEXTS: (True, 5, "bob", {}, {"bob": 1}, [None], [5], [["bob"]], *([look] for look in LOOK_ALIKES)),
    Kind.HOSTS: (
        True,
        5,
        "api.example.com",
        {},
        [None],
        [5],
        ["not a host"],
        [""],
        ["x\u200by.com", "a.com"],
        *([f"{look}.com"] for look in LOOK_ALIKES),
    ),
}


def policy_reading(fact: Fact, effect: Any, *, holds: bool) -> CompiledPolicy:
    """Make a policy that would give a loose verdict on sound facts, with one rule that reads the fact."""
    required = Fact(fact.name, fact.kind, fact.choices, fact.path, False, fact.is_integer, fact.minimum, fact.maximum)
    operator = operators(required)[-1]
    value = Compare(required, operator, (constants(required)[0],))
    rules = [Rule("any", "permit", ALWAYS, "x"), Rule("odd", effect, value, "x")]
    if not holds:
        rules[1] = Rule("odd", "forbid", Compare(required, operator, (constants(required)[0],)), "x")
    return CompiledPolicy(rules)


def judged(policy: CompiledPolicy, call: dict[str, Any]) -> tuple[Verdict, str]:
    decision = policy.judge(call)
    return decision.verdict, decision.determining


@pytest.mark.parametrize("fact", READABLE, ids=lambda fact: fact.name)
@pytest.mark.parametrize("effect", ["permit", "require_approval", "oblige", "forbid"])
def test_fact_that_is_missing_or_wrong_denies_whatever_reads_it(fact: Fact, effect: str) -> None:
    """Each fact: missing, null, of a wrong type, NaN, infinite, huge, a look-alike, invisible, of mixed script."""
    policy = policy_reading(fact, effect, holds=effect != "forbid")
    assert policy.judge(GOOD).determining in {"any", "odd"}
    for broken in (without(GOOD, fact), *(placed(GOOD, fact, odd) for odd in (None, *WRONG[fact.kind]))):
        for call in (GOOD, broken):
            decision = policy.judge(call)
        assert (decision.verdict, decision.determining) == (Verdict.DENY, f"fact:{fact.name}"), broken


@pytest.mark.parametrize("name", ["iteration", "time.hour", "arguments.note.pages"])
@pytest.mark.parametrize("odd", [1.5, -1, 1e9 + 0.5])
def test_number_outside_of_what_the_fact_can_be_denies(name: str, odd: float) -> None:
    """A fraction where a whole number belongs, and a number beyond its bounds."""
    policy = policy_reading(FACTS[name], "permit", holds=True)
    assert (Verdict.DENY, f"fact:{name}") == judged(policy, placed(GOOD, FACTS[name], odd))


def test_arguments_must_be_there_even_if_every_one_of_them_may_be_left_out() -> None:
    """No arguments at all are not a call without optional ones."""
    urgent = Compare(FACTS["arguments.urgent"], "equals", (True,), default=False)
    policy = CompiledPolicy([Rule("any", "permit", ALWAYS, "x"), Rule("odd", "forbid", urgent, "x")])
    assert (Verdict.ALLOW, "any") == judged(policy, {"tool": "Transfer", "arguments": {}})
    for odd in ({}, {"arguments": None}, {"arguments": []}):
        assert Verdict.DENY is policy.judge({"tool": "Transfer", **odd}).verdict
        assert policy.judge({"tool": "Transfer", **odd}).determining.startswith("fact:arguments")


@pytest.mark.parametrize("odd", [b"bob", {1, 2}, object()])
def test_arguments_that_the_schema_cannot_be_applied_to_do_not_fit(odd: object) -> None:
    """What is not even JSON is denied by name, not by accident."""
    assert (Verdict.DENY, "arguments-schema:Transfer") == judged(POLICY, transfer(to=odd))


TEXT = st.text(st.characters(codec=None), max_size=6)
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), TEXT, st.sampled_from(LOOK_ALIKES)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXT, inner, max_size=2)),
    max_leaves=4,
)


def is_sound(fact: Fact, value: Any) -> bool:
    """Say what a value of this type is, in other words than the engine's."""
    if fact.kind is Kind.BOOL:
        return value is True or value is False
    if fact.kind is Kind.NUMBER:
        low, high = (-(2**53) + 1 if fact.minimum is None else fact.minimum), fact.maximum or 2**53 - 1
        is_plain = isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high
        return is_plain and (not fact.is_integer or int(value) == value)
    if fact.kind is Kind.CHOICE:
        return isinstance(value, str) and value in fact.choices
    if fact.kind is Kind.TEXT:
        return isinstance(value, str)
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


@settings(max_examples=600, deadline=None)
@given(fact=st.sampled_from(READABLE), odd=JSON, effect=st.sampled_from(["permit", "require_approval", "oblige"]))
def test_no_value_of_another_type_is_ever_allowed(fact: Fact, odd: Any, effect: str) -> None:
    """Whatever JSON stands where a fact should be: of another type, it denies."""
    verdict = policy_reading(fact, effect, holds=True).judge(placed(GOOD, fact, odd)).verdict
    assert is_sound(fact, odd) or verdict is Verdict.DENY


LEVELS = ("autonomous", "supervised", "approval_required", "suggest")
POLICY = compile_policy(
    written(
        rules=[
            {
                "id": "small",
                "effect": "permit",
                "tool": "Transfer",
                "when": {"fact": "arguments.amount", "at_most": 100},
                "reason": "x",
            }
        ]
    )
)


@settings(max_examples=400, deadline=None)
@given(
    name=st.sampled_from(sorted(POLICY.reads("Transfer") - {"arguments"})),
    odd=st.one_of(JSON, st.sampled_from([*PLATFORM["effect"].choices, *LEVELS])),
    level=st.sampled_from(LEVELS),
    is_missing=st.booleans(),
)
def test_no_odd_fact_gives_the_whole_policy_a_looser_verdict(name: str, odd: Any, level: str, is_missing: bool) -> None:
    """Of all that the policy of an agent reads: what breaks a fact never loosens, levels of autonomy apart."""
    good = facts(TRANSFER, autonomy=level, to="bob", amount=50, currency="EUR")
    fact = FACTS[name]
    changed = without(good, fact) if is_missing else placed(good, fact, odd)
    is_other_sound_value = not is_missing and is_sound(fact, odd)
    before, after = POLICY.judge(good).verdict, POLICY.judge(changed).verdict
    assert is_other_sound_value or after is Verdict.DENY
    assert before is before.stricter_of(after) or after is Verdict.DENY or is_other_sound_value


def test_table_covers_every_fact_that_there_is() -> None:
    """A fact that is added is broken here too."""
    assert set(FACTS) - {"tool"} == {fact.name for fact in READABLE}
    assert set(WRONG) == set(Kind)
    assert all(sound_values(fact) for fact in READABLE)
