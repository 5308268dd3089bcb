from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from policies.conditions import ALWAYS
from policies.engine import CompiledPolicy
from policies.manifest_policy import compile_policy
from policies.offering import offered
from policies.rules import Rule
from proctor.contracts.decision import Verdict
from tests.unit.policies.builders import PAY, SEARCH, TRANSFER, facts, transfer, written
from tests.unit.policies.random_policies import any_facts, rules

LATER = ("arguments", "labels.", "windows.")


def known(call: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in call.items() if not name.startswith(LATER)}


def test_tool_whose_every_call_is_denied_is_not_offered_with_the_reason() -> None:
    """G5: what policy forbids whatever the arguments, a model need not be tempted with."""
    rule = {"id": "freeze", "effect": "forbid", "tool": "Pay", "reason": "payments are frozen", "advice": "wait"}
    policy = compile_policy(written(rules=[rule]))
    found = offered(policy, {tool.name: known(facts(tool)) for tool in (PAY, SEARCH)})
    assert (False, "freeze", "payments are frozen", "wait") == (found["Pay"].is_open, *found["Pay"][1:])
    assert Verdict.ALLOW is found["Search"].verdict


def test_tool_whose_arguments_decide_is_offered() -> None:
    """What may be allowed with some arguments is not kept back."""
    when = {"fact": "arguments.amount", "at_most": 10}
    rule = {"id": "small", "effect": "permit", "tool": "Transfer", "when": when, "reason": "x"}
    policy = compile_policy(written(rules=[rule], data_flow="observed"))
    assert offered(policy, {"Transfer": known(transfer())})["Transfer"].is_open


def test_tool_that_nothing_permits_is_not_offered() -> None:
    """Outside of office hours no permit can apply."""
    when = {"all": [{"fact": "time.hour", "less_than": 9}, {"fact": "arguments.amount", "at_most": 10}]}
    rule = {"id": "early", "effect": "permit", "tool": "Transfer", "when": when, "reason": "x"}
    policy = compile_policy(written(rules=[rule], data_flow="observed"))
    assert "no-permit" == offered(policy, {"Transfer": known(transfer())})["Transfer"].determining


def test_tool_at_the_level_suggest_and_outside_the_scope_is_not_offered() -> None:
    """Autonomy and scope are rules as any other."""
    policy = compile_policy(written(data_flow="observed"))
    calls = {"Transfer": known(facts(TRANSFER, autonomy="suggest")), "Ghost": known(facts(SEARCH)) | {"tool": "Ghost"}}
    found = offered(policy, calls)
    assert ("autonomy-suggest", "scope") == (found["Transfer"].determining, found["Ghost"].determining)


def test_tool_with_a_fact_that_cannot_be_read_is_not_offered() -> None:
    """What would deny every call denies the offer, and says which fact it is."""
    policy = compile_policy(written(data_flow="observed"))
    found = offered(policy, {"Pay": known(facts(PAY)) | {"effect": "erase"}})["Pay"]
    assert (Verdict.DENY, "fact:effect") == found[:2]


def test_tool_that_a_person_must_approve_is_offered_as_such() -> None:
    """The planner may know that it will have to wait."""
    policy = compile_policy(written(data_flow="observed"))
    found = offered(policy, {"Pay": known(facts(PAY, autonomy="approval_required"))})["Pay"]
    assert (True, Verdict.REQUIRE_APPROVAL, "autonomy-approval-required") == (found.is_open, *found[:2])


@settings(max_examples=300, deadline=None)
@given(policy=rules(), call=any_facts(), is_permitted=st.booleans())
def test_tool_that_is_not_offered_would_be_denied_whatever_the_arguments(
    policy: tuple[Rule, ...], call: dict[str, Any], is_permitted: bool
) -> None:
    """Nothing is kept back that policy would allow, and nothing promised that it would not."""
    added = (Rule("any", "permit", ALWAYS, "x"),) if is_permitted else ()
    compiled = CompiledPolicy((*policy, *added), [TRANSFER])
    offer = offered(compiled, {"Transfer": known(call)})["Transfer"]
    verdict = compiled.judge(call).verdict
    assert verdict is verdict.stricter_of(offer.verdict)
