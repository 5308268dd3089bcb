from copy import deepcopy
from typing import Any

import pytest

from policies.analysis import findings
from proctor.contracts.tool import ToolContract
from tests.unit.policies_reasoning import agents
from tests.unit.policies_reasoning.agents import fact

AMOUNT, TO = "arguments.amount", "arguments.to"
QUIET = {"all": [fact(AMOUNT, at_most=10), fact("labels.targets.integrity", equals="trusted")]}


def found(*rules: dict[str, Any], without: tuple[str, ...] = ("fetch-outside",), **manifest: Any) -> list[str]:
    document = deepcopy(agents.DOCUMENT)
    kept = [rule for rule in document["rules"] if rule["id"] not in without]
    document["rules"] = [*kept, *({"reason": "added", **rule} for rule in rules)]
    bundle = agents.bundle(document, {**agents.MANIFEST, **manifest})
    assert bundle.policy is not None
    return [str(one) for one in findings(bundle.policy, bundle)]


def rule(effect: str, tool: str | None, when: Any = None, **fields: Any) -> dict[str, Any]:
    return {"id": "added", "effect": effect, "tool": tool, "when": when, **fields}


def test_a_sound_policy_has_no_findings() -> None:
    """Nothing is complained about where every rule can decide something."""
    assert [] == found()


CONTRADICTIONS = {
    "numbers": {"all": [fact(AMOUNT, greater_than=50), fact("requester", equals="a"), fact(AMOUNT, less_than=20)]},
    "choices": {"all": [fact("time.weekday", equals="mon"), fact("time.weekday", in_=["sat", "sun"])]},
    "a part and its opposite": {"all": [fact("time.hour", less_than=6), {"not": fact("time.hour", at_most=8)}]},
}


@pytest.mark.parametrize("when", CONTRADICTIONS.values(), ids=CONTRADICTIONS)
def test_a_rule_that_contradicts_itself_is_an_error_that_names_the_parts(when: Any) -> None:
    """Only the parts that exclude each other are named."""
    (problem,) = found(rule("forbid", "Refund", when))
    assert problem.startswith("error: rules[20].when: added can never apply: ")
    assert "exclude each other" in problem
    assert "requester" not in problem


def test_globs_that_exclude_each_other_are_a_contradiction() -> None:
    """Texts are reasoned about as patterns, not as words."""
    when = {"all": [fact(TO, matches="*@x.com"), {"not": fact(TO, matches="*.com")}]}
    assert ["added can never apply" in one for one in found(rule("forbid", "SendMail", when))] == [True]


def test_a_rule_that_the_schema_leaves_no_room_for_is_an_error() -> None:
    """A service name begins with a small letter, so a rule about `Web-*` never applies."""
    (problem,) = found(rule("forbid", "RestartService", fact("arguments.service", matches="Web-*")))
    assert "added can never apply to a call of RestartService: their contracts leave no room for it" in problem


def test_a_permit_under_a_stronger_rule_is_an_error_that_names_it() -> None:
    """What the threshold of the manifest forbids, no permit permits."""
    (problem,) = found(rule("permit", "Refund", fact(AMOUNT, greater_than=4500)))
    assert "added never decides anything: whenever it applies, threshold-0:Refund.amount applies too" in problem


def test_a_rule_that_several_stronger_ones_hide_together_is_an_error_that_names_them() -> None:
    """Neither of the two hides it alone."""
    first = rule("forbid", "Refund", fact(AMOUNT, at_most=20), id="first")
    second = rule("forbid", "Refund", fact(AMOUNT, at_least=20), id="second")
    hidden = rule("require_approval", "Refund", fact("tenant", equals="gold"))
    problems = [one for one in found(first, second, hidden) if ": added " in one]
    assert ["first and second apply too" in one for one in problems] == [True]


def test_a_permit_whose_obligations_still_count_is_not_called_hidden() -> None:
    """All of it is asked about, and what it redacts is redacted all the same."""
    when = fact("arguments.target", equals="staging")
    redact = [{"kind": "notify", "who": ["ana"]}]
    assert any(": added never decides" in one for one in found(rule("permit", "Deploy", when)))
    assert not any(": added " in one for one in found(rule("permit", "Deploy", when, obligations=redact)))


def test_a_rule_that_another_already_says_is_a_warning() -> None:
    """The wider rule is named, and not itself complained about."""
    said = "warning: rules[20]: added adds nothing: whenever it applies, refund-small does too, and says the same"
    assert [f"{said}; leave one of them out"] == found(rule("permit", "Refund", QUIET))


def test_of_two_rules_that_say_the_same_one_is_told() -> None:
    """A twin is reported once."""
    assert 1 == len(found(rule("forbid", "SendMail", fact(TO, in_=["board@example.com", "ceo@example.com"]))))


def test_a_tool_that_nothing_permits_is_an_error() -> None:
    """A forbid without a condition leaves nothing of its tool."""
    problems = found(rule("forbid", "FindOrder"))
    assert ["no call of FindOrder is ever allowed" in one for one in problems] == [True]


def test_nothing_is_found_while_a_rule_has_a_mistake_of_its_own() -> None:
    """A rule that cannot be understood forbids everything, and would hide all others."""
    assert [] == found(rule("forbid", "Refund", fact("arguments.amuont", at_most=1)))


def test_what_cannot_be_decided_is_not_complained_about() -> None:
    """Patterns beyond the limit of work give no finding, and no error."""
    patterns = [f"*{first}{'?' * 14}{last}*" for first in "abcdef" for last in "ghij"]
    when = {"all": [fact(TO, matches=f"*a{'?' * 15}"), *({"not": fact(TO, matches=one)} for one in patterns)]}
    assert not any("can never apply" in one for one in found(rule("forbid", "SendMail", when)))


def test_findings_are_made_for_tools_with_schemas_that_say_nothing() -> None:
    """An empty schema leaves room for everything."""
    open_tool = ToolContract(name="Open", input_schema={"type": "object"}, effect="read", risk="low")
    bundle = agents.bundle(
        {"rules": [{"id": "hours", "effect": "permit", "when": fact("time.hour", at_least=8), "reason": "By day"}]},
        {**agents.MANIFEST, "allowed_tools": ["Open"], "thresholds": [], "autonomy_by_tool": {}},
        (open_tool,),
    )
    assert bundle.policy is not None
    assert [] == findings(bundle.policy, bundle)
