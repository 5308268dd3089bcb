import itertools
from typing import Any

import pytest

from policies.conditions import ALWAYS, NEVER, Compare, Condition, Fact, Kind
from policies.engine import DECISIONS_KEPT, CompiledPolicy, tightened
from policies.facts import AGENT, EFFECT, PLATFORM
from policies.rules import Rule
from policies.trees import equals
from proctor.contracts.decision import Decision, Verdict
from proctor.contracts.obligations import Notify, ReviewAfter
from tests.unit.policies.builders import facts

EFFECTS = ("permit", "require_approval", "forbid")


def rule(effect: str, when: Condition = ALWAYS, *, rule_id: str = "", obligations: tuple[Any, ...] = ()) -> Rule:
    return Rule(rule_id or effect, effect, when, f"because {effect}", f"instead of {effect}", None, obligations)


def test_empty_rule_list_denies() -> None:
    """A policy without rules permits nothing."""
    decision = CompiledPolicy([]).judge(facts())
    assert (decision.verdict, decision.determining) == (Verdict.DENY, "no-rules")


def test_call_that_no_rule_permits_is_denied() -> None:
    """Silence is a deny, whatever else was asked."""
    decision = CompiledPolicy([rule("permit", NEVER), rule("oblige")]).judge(facts())
    assert (decision.verdict, decision.determining) == (Verdict.DENY, "no-permit")
    assert ["oblige"] == [fired.id for fired in decision.fired]


@pytest.mark.parametrize("order", list(itertools.permutations(EFFECTS)))
def test_forbid_beats_approval_beats_permit_in_any_order(order: tuple[str, ...]) -> None:
    """The order of the rules decides nothing."""
    decision = CompiledPolicy([rule(effect) for effect in order]).judge(facts())
    assert (decision.verdict, decision.determining) == (Verdict.DENY, "forbid")
    without = CompiledPolicy([rule(effect) for effect in order if effect != "forbid"]).judge(facts())
    assert (without.verdict, without.determining) == (Verdict.REQUIRE_APPROVAL, "require_approval")


@pytest.mark.parametrize("effect", EFFECTS)
def test_fact_that_a_rule_reads_must_be_there_whatever_the_rule_would_do(effect: str) -> None:
    """A rule that cannot be judged is never passed over, whatever its effect."""
    policy = CompiledPolicy([rule("permit", rule_id="any"), rule(effect, equals(AGENT, "nobody"))])
    broken = {name: value for name, value in facts().items() if name != "agent"}
    assert Verdict.ALLOW is policy.judge(facts()).verdict
    decision = policy.judge(broken)
    assert (decision.verdict, decision.determining) == (Verdict.DENY, "fact:agent")
    assert decision.reason == "the fact agent is missing, and rules depend on it, so the call is denied"


def test_forbidding_rule_is_named_before_a_fact_that_cannot_be_read() -> None:
    """A call outside the scope is said to be so, even if something else is wrong with it too."""
    policy = CompiledPolicy([rule("permit", equals(AGENT, "clerk")), rule("forbid", equals(EFFECT, "write"))])
    decision = policy.judge(facts() | {"agent": 7})
    assert (decision.determining, decision.advice) == ("forbid", "instead of forbid")
    assert ["forbid", "fact:agent"] == [fired.id for fired in decision.fired]


def test_fact_that_no_rule_reads_may_be_anything() -> None:
    """Only what is judged on is read."""
    policy = CompiledPolicy([rule("permit", equals(EFFECT, "write"))])
    assert Verdict.ALLOW is policy.judge({"tool": "Refund", "effect": "write", "agent": float("nan")}).verdict
    assert frozenset({"tool", "effect"}) == policy.reads("Refund")


def test_all_fired_rules_and_their_obligations_are_named() -> None:
    """The decision log sees every rule that applied; the planner gets the advice of the one that decided."""
    notify = Notify(who=("ana",))
    rules = [
        rule("permit", obligations=(ReviewAfter(),)),
        rule("require_approval", obligations=(ReviewAfter(), notify)),
    ]
    decision = CompiledPolicy(rules).judge(facts())
    assert [fired.id for fired in decision.fired] == ["permit", "require_approval"]
    assert decision.obligations == (ReviewAfter(), notify)
    assert decision.advice == "instead of require_approval"


@pytest.mark.parametrize("odd", [{}, {"tool": []}, {"tool": None}, {"tool": "T\u043eol"}, None, 7, [("tool", "x")]])
def test_facts_that_do_not_name_a_tool_are_denied(odd: Any) -> None:
    """Even facts that are none give a decision."""
    assert CompiledPolicy([rule("permit")]).judge(odd).determining == "no-tool"


def test_error_inside_the_engine_denies() -> None:
    """Whatever goes wrong is a deny: here the facts themselves raise."""

    class Raising(dict[str, Any]):
        def get(self, key: str, default: Any = None) -> Any:
            if key != "tool":
                raise RuntimeError("no facts today")
            return super().get(key, default)

        def __getitem__(self, key: str) -> Any:
            raise RuntimeError("no facts today")

    decision = CompiledPolicy([rule("permit", equals(AGENT, "clerk"))]).judge(Raising(facts()))
    assert (decision.verdict, decision.determining) == (Verdict.DENY, "engine-error")
    assert "no facts today" in decision.reason


def test_generated_code_that_disagrees_with_the_tree_denies() -> None:
    """The first call of its kind is judged in both ways; a difference is never resolved in favour of either."""
    policy = CompiledPolicy([rule("permit"), rule("forbid", equals(EFFECT, "write"))])
    policy._bench("Refund").judge = lambda _: 1
    decision = policy.judge(facts())
    assert (decision.verdict, decision.determining) == (Verdict.DENY, "engine-error")


def test_decisions_that_are_kept_are_bounded() -> None:
    """Whoever chooses arguments cannot fill the memory with decisions."""
    names = [f"windows.w{n}" for n in range(13)]
    flags = [Compare(Fact(name, Kind.NUMBER), "equals", (1,)) for name in names]
    policy = CompiledPolicy([rule("permit", when, rule_id=f"r{n}") for n, when in enumerate(flags)])
    for values in itertools.product((0, 1), repeat=len(names)):
        policy.judge({"tool": "Refund", **dict(zip(names, values, strict=True))})
    assert 0 < len(policy._bench("Refund").decisions) <= DECISIONS_KEPT < 2 ** len(names)


def test_rule_looks_at_calls_of_its_tools_only() -> None:
    """What a rule about another tool reads need not be known."""
    odd = Rule("odd", "forbid", equals(AGENT, "clerk"), "x", tools=("Pay",))
    policy = CompiledPolicy([rule("permit"), odd])
    assert Verdict.ALLOW is policy.judge({"tool": "Refund"}).verdict
    assert Verdict.DENY is policy.judge(facts() | {"tool": "Pay"}).verdict
    assert (frozenset({"tool"}), frozenset({"tool", "agent"})) == (policy.reads("Refund"), policy.reads("Pay"))
    assert ["permit", "odd"] == [each.id for each in policy.rules_for("Pay")]


def test_digest_knows_numbers_by_their_value() -> None:
    """2 and 2.0 are one limit, and 2.5 is another; so is one beyond what JSON has integers for."""
    amount = Fact("arguments.amount", Kind.NUMBER)
    limits = (Compare(amount, "at_most", (limit,)) for limit in (2, 2.0, 2.5, 2.0**60))
    whole, same, more, most = (CompiledPolicy([rule("permit", limit)]).digest for limit in limits)
    assert whole == same
    assert 3 == len({whole, more, most})


def test_digest_changes_with_the_meaning_of_a_rule() -> None:
    """Two policies that mean different things never share a digest."""
    hours = [Compare(PLATFORM["time.hour"], "less_than", (hour,)) for hour in (8, 8, 9)]
    first, again, other = (CompiledPolicy([rule("permit", when)]).digest for when in hours)
    assert first == again
    assert first != other
    assert first != CompiledPolicy([rule("forbid", hours[0], rule_id="permit")]).digest


def test_two_rules_with_one_id_are_refused() -> None:
    """A determining rule is always one rule."""
    with pytest.raises(ValueError, match="same id"):
        CompiledPolicy([rule("permit"), rule("permit")])


def test_explanation_shows_every_comparison_with_its_value() -> None:
    """What a rule looked at can be told, also where the call was denied for a fact that cannot be read."""
    policy = CompiledPolicy([rule("permit", equals(AGENT, "clerk")), rule("forbid", equals(EFFECT, "read"))])
    permit, forbid = policy.explain(facts() | {"effect": "erase"})
    assert (True, "clerk", True) == (permit.fired, permit.comparisons[0].value, permit.comparisons[0].holds)
    assert (None, None, None) == (forbid.fired, forbid.comparisons[0].value, forbid.comparisons[0].holds)


def decision(verdict: Verdict, *obligations: str) -> Decision:
    return Decision(
        verdict=verdict,
        determining="r",
        reason="x",
        policy_digest="0" * 64,
        obligations=tuple(Notify(who=(n,)) for n in obligations),
    )


@pytest.mark.parametrize(("recorded", "live"), list(itertools.product(Verdict, Verdict)))
def test_tightened_never_loosens(recorded: Verdict, live: Verdict) -> None:
    """The result is as strict as the stricter of both, and keeps the obligations of both."""
    result = tightened(decision(recorded, "a"), decision(live, "b"))
    assert recorded.stricter_of(live) is result.verdict
    if result.verdict is not Verdict.DENY:
        assert {"a", "b"} == {one.who[0] for one in result.obligations if isinstance(one, Notify)}


def test_decision_of_the_first_engine_is_still_read() -> None:
    """Records name their obligations by a bare word, and know no advice."""
    old = {"verdict": "allow", "determining": "r", "reason": "x", "policy_digest": "0" * 64}
    read = Decision.model_validate(old | {"obligations": ["review_after"]})
    assert (ReviewAfter(),) == read.obligations


@pytest.mark.parametrize(("opens", "verdict"), [(True, Verdict.REQUIRE_APPROVAL), (False, Verdict.DENY)])
def test_only_an_ask_that_somebody_wrote_opens_what_nothing_permits(opens: bool, verdict: Verdict) -> None:
    """What is built in adds a person to a permitted call; it is no way around a missing permit."""
    asks = Rule("asks", "require_approval", ALWAYS, "x", opens=opens)
    assert verdict is CompiledPolicy([asks]).judge(facts()).verdict
    permitted = CompiledPolicy([asks, rule("permit")]).judge(facts())
    assert Verdict.REQUIRE_APPROVAL is permitted.verdict
