import itertools
from typing import Any

import pytest

from policies.engine import RuleSet, tightened
from policies.former import Rule
from proctor.contracts.decision import CallFacts, Decision, Verdict
from proctor.contracts.obligations import Notify, ReviewAfter
from tests.unit.policies.builders import facts

EFFECTS = ("permit", "require_approval", "forbid")


def rule(effect: str, applies: Any = True, *, rule_id: str = "", obligations: tuple[str, ...] = ()) -> Rule:
    answer = applies if callable(applies) else lambda _: applies
    return Rule(rule_id or effect, effect, answer, f"because {effect}", obligations=obligations)


def broken(_: CallFacts) -> bool:
    raise KeyError("amount")


def test_empty_rule_list_denies() -> None:
    """A policy without rules permits nothing."""
    decision = RuleSet([]).judge(facts())
    assert (decision.verdict, decision.determining) == (Verdict.DENY, "no-rules")


def test_call_that_no_rule_permits_is_denied() -> None:
    """Silence is a deny, whatever else was asked."""
    decision = RuleSet([rule("permit", applies=False)]).judge(facts())
    assert (decision.verdict, decision.determining) == (Verdict.DENY, "no-permit")


@pytest.mark.parametrize("order", list(itertools.permutations(EFFECTS)))
def test_forbid_beats_approval_beats_permit_in_any_order(order: tuple[str, ...]) -> None:
    """The order of the rules decides nothing."""
    decision = RuleSet([rule(effect) for effect in order]).judge(facts())
    assert (decision.verdict, decision.determining) == (Verdict.DENY, "forbid")
    without = RuleSet([rule(effect) for effect in order if effect != "forbid"]).judge(facts())
    assert (without.verdict, without.determining) == (Verdict.REQUIRE_APPROVAL, "require_approval")


@pytest.mark.parametrize("effect", EFFECTS)
def test_error_in_a_rule_denies_and_names_the_rule(effect: str) -> None:
    """A rule that cannot be judged is never passed over, whatever its effect."""
    decision = RuleSet([rule("permit"), rule(effect, broken, rule_id="odd")]).judge(facts())
    assert (decision.verdict, decision.determining) == (Verdict.DENY, "odd")
    assert "KeyError" in decision.reason


@pytest.mark.parametrize("answer", [None, 0, 1, "no", [], "True"])
def test_rule_that_answers_neither_true_nor_false_denies(answer: Any) -> None:
    """Truthiness is not an answer."""
    decision = RuleSet([rule("permit"), rule("forbid", lambda _: answer, rule_id="odd")]).judge(facts())
    assert (decision.verdict, decision.determining) == (Verdict.DENY, "odd")


def test_reason_that_cannot_be_rendered_denies() -> None:
    """An error while explaining counts as an error in the rule."""
    odd = Rule("odd", "permit", lambda _: True, broken)
    assert Verdict.DENY is RuleSet([odd]).judge(facts()).verdict


def test_all_fired_rules_and_their_obligations_are_named() -> None:
    """The decision log sees every rule that applied."""
    rules = [rule("permit", obligations=(ReviewAfter(),)), rule("require_approval")]
    decision = RuleSet(rules).judge(facts())
    assert [fired.id for fired in decision.fired] == ["permit", "require_approval"]
    assert decision.obligations == (ReviewAfter(),)


def test_facts_that_cannot_be_read_are_denied() -> None:
    """Even facts without a usable tool name give a decision."""
    assert RuleSet([rule("permit")]).judge(CallFacts.model_construct(tool=[])).determining == "no-tool"
    assert RuleSet([rule("permit")]).judge(CallFacts.model_construct()).determining == "no-tool"


def test_digest_changes_with_the_terms_of_a_rule() -> None:
    """Two policies that mean different things never share a digest."""
    first = Rule("r", "permit", lambda _: True, "x", {"max": 1})
    second = Rule("r", "permit", lambda _: True, "x", {"max": 2})
    assert RuleSet([first]).digest != RuleSet([second]).digest
    assert RuleSet([first]).digest == RuleSet([first]).digest


def test_two_rules_with_one_id_are_refused() -> None:
    """A determining rule is always one rule."""
    with pytest.raises(ValueError, match="same id"):
        RuleSet([rule("permit"), rule("permit")])


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
