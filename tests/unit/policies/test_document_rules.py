from typing import Any

import pytest

from policies.engine import CompiledPolicy
from policies.manifest_policy import compile_policy
from policies.offering import preferences
from proctor.contracts.decision import Verdict
from proctor.contracts.obligations import CoolDown, MaxAmount, Notify, Quorum
from proctor.contracts.policy import LONG_AGO
from tests.unit.policies.builders import PAY, REFUND, facts, transfer, written

OVER_1000 = {"fact": "arguments.amount", "greater_than": 1000}


def policy(**document: Any) -> CompiledPolicy:
    return compile_policy(written(data_flow="observed", **document))


def rule(rule_id: str, effect: str, when: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    condition = {} if when is None else {"when": when}
    return {"id": rule_id, "effect": effect, "tool": "Transfer", "reason": rule_id, **condition, **fields}


def judged(of: CompiledPolicy, call: dict[str, Any]) -> tuple[Verdict, str]:
    decision = of.judge(call)
    return decision.verdict, decision.determining


def test_amount_beyond_the_obligation_is_forbidden_where_the_rule_applies() -> None:
    """`max_amount` is kept by the engine, and told to the planner."""
    when = {"fact": "arguments.currency", "equals": "EUR"}
    limit = {"kind": "max_amount", "argument": "amount", "max": 100}
    of = policy(rules=[rule("euros", "permit", when, obligations=[limit]), rule("others", "permit", {"not": when})])
    assert judged(of, transfer(amount=100)) == (Verdict.ALLOW, "euros")
    assert judged(of, transfer(amount=100.01)) == (Verdict.DENY, "euros:max-amount")
    assert judged(of, transfer(amount=500, currency="USD")) == (Verdict.ALLOW, "others")
    assert of.judge(transfer(amount=500)).advice == "stay within 100"
    assert (MaxAmount(argument="amount", max=100),) == of.judge(transfer()).obligations


def test_next_call_within_the_cool_down_is_forbidden() -> None:
    """`cool_down` asks for a window of its own, and the last call counts from then."""
    cool = {"kind": "cool_down", "seconds": 60}
    of = policy(rules=[rule("slow", "permit", obligations=[cool])])
    (window,) = of.windows_for("Transfer")
    assert ("last", 60, "agent", ("Transfer",)) == (window.measure, window.within_s, window.per, window.tools)
    name = f"windows.{window.id}"
    assert judged(of, transfer() | {name: LONG_AGO}) == (Verdict.ALLOW, "slow")
    assert judged(of, transfer() | {name: 60}) == (Verdict.ALLOW, "slow")
    assert judged(of, transfer() | {name: 59.9}) == (Verdict.DENY, "slow:cool-down")
    assert judged(of, transfer()) == (Verdict.DENY, f"fact:{name}")
    assert (CoolDown(seconds=60),) == of.judge(transfer() | {name: 60}).obligations
    assert () == of.windows_for("Pay")


def test_cool_down_of_two_tools_is_kept_for_each() -> None:
    """One tool does not wait for the other."""
    cool = {"kind": "cool_down", "seconds": 60}
    of = policy(rules=[rule("slow", "permit", obligations=[cool], tool=["Transfer", "Pay"])])
    first, second = of.windows_for("Transfer"), of.windows_for("Pay")
    assert [("Transfer",), ("Pay",)] == [window.tools for window in (*first, *second)]
    assert judged(of, facts(PAY) | {f"windows.{second[0].id}": 59}) == (Verdict.DENY, "slow:cool-down")


def test_window_that_a_rule_reads_must_be_known() -> None:
    """A window is a fact like others: only rules of the call's tool ask for it, and they cannot do without."""
    window = {"id": "paid", "measure": "sum", "tool": "Transfer", "argument": "amount", "within_s": 86_400}
    limit = rule("daily", "forbid", {"fact": "windows.paid", "greater_than": 1000})
    of = policy(rules=[limit], windows=[window])
    assert ["paid"] == [each.id for each in of.windows_for("Transfer")]
    assert () == of.windows_for("Refund")
    assert judged(of, transfer()) == (Verdict.DENY, "fact:windows.paid")
    assert judged(of, transfer() | {"windows.paid": 1000}) == (Verdict.ALLOW, "scope-permit:Transfer")
    assert judged(of, transfer() | {"windows.paid": 1000.5}) == (Verdict.DENY, "daily")
    longer = policy(rules=[limit], windows=[window | {"within_s": 86_401}])
    assert of.digest != longer.digest


@pytest.mark.parametrize(
    ("amount", "level"), [(10, "autonomy.medium"), (1001, "autonomy.high"), (501, "autonomy.medium")]
)
def test_risk_rule_moves_the_call_to_the_level_of_the_higher_tier(amount: int, level: str) -> None:
    """The level that counts is that of the raised risk; nothing lowers it below the tool's own."""
    risks = [
        {"id": "large", "tool": "Transfer", "when": OVER_1000, "risk": "high"},
        {"id": "some", "tool": "Transfer", "when": {"fact": "arguments.amount", "greater_than": 500}, "risk": "medium"},
    ]
    of = policy(risk=risks)
    tiers = {f"autonomy.{risk}": "autonomous" for risk in ("low", "medium", "high")}
    assert Verdict.ALLOW is judged(of, transfer(amount=amount) | tiers)[0]
    assert judged(of, transfer(amount=amount) | tiers | {level: "suggest"}) == (Verdict.DENY, "autonomy-suggest")
    others = {name: "suggest" for name in tiers if name != level}
    assert Verdict.ALLOW is judged(of, transfer(amount=amount) | tiers | others)[0]


def test_rule_that_asks_for_the_risk_sees_the_raised_one() -> None:
    """The document's rules and the ladder agree on what the risk of a call is; the contract keeps the tool's own."""
    of = policy(
        rules=[rule("ask", "require_approval", {"fact": "risk", "in": ["high"]})],
        risk=[{"id": "large", "tool": "Transfer", "when": OVER_1000, "risk": "high"}],
    )
    assert judged(of, transfer(amount=1000)) == (Verdict.ALLOW, "scope-permit:Transfer")
    assert judged(of, transfer(amount=1001)) == (Verdict.REQUIRE_APPROVAL, "ask")
    assert judged(of, transfer(amount=5) | {"risk": "low"}) == (Verdict.DENY, "tool-contract")


def test_risk_rule_about_one_tool_reads_nothing_of_others() -> None:
    """A refund is judged without an argument that only a transfer has."""
    of = policy(risk=[{"id": "large", "tool": "Transfer", "when": OVER_1000, "risk": "high"}])
    assert Verdict.ALLOW is judged(of, facts(REFUND, order="o-1"))[0]
    assert "arguments.amount" not in of.reads("Refund")
    assert "arguments.amount" in of.reads("Transfer")


def test_optional_argument_that_is_not_given_takes_the_rules_default() -> None:
    """Each rule says what leaving it out means."""
    of = policy(
        rules=[
            rule("urgent", "require_approval", {"fact": "arguments.urgent", "equals": True, "default": True}),
            rule("noted", "forbid", {"fact": "arguments.note.text", "exists": True}),
        ]
    )
    assert judged(of, transfer()) == (Verdict.REQUIRE_APPROVAL, "urgent")
    assert judged(of, transfer(urgent=False)) == (Verdict.ALLOW, "scope-permit:Transfer")
    assert judged(of, transfer(urgent=False, note={"text": "x"})) == (Verdict.DENY, "noted")


def test_obligations_of_all_rules_that_fired_are_owed() -> None:
    """A quorum asked for by one rule and a notice by another both hold."""
    quorum, notify = {"kind": "quorum", "count": 2}, {"kind": "notify", "who": ["ana"]}
    of = policy(
        rules=[
            rule("ask", "require_approval", OVER_1000, obligations=[quorum]),
            rule("may", "permit", obligations=[notify]),
        ]
    )
    assert (Quorum(count=2), Notify(who=("ana",))) == of.judge(transfer(amount=2000)).obligations
    assert (Notify(who=("ana",)),) == of.judge(transfer()).obligations


def test_permit_for_every_tool_takes_the_place_of_every_implicit_one() -> None:
    """A permit without tools names all of them."""
    office = {"fact": "time.hour", "in": [9, 10, 11, 12]}
    of = policy(rules=[rule("office-hours", "permit", office, tool=None)])
    assert Verdict.ALLOW is judged(of, facts(PAY))[0]
    assert judged(of, facts(PAY) | {"time.hour": 20}) == (Verdict.DENY, "no-permit")


def test_preference_ranks_and_never_denies() -> None:
    """Soft constraints add up; one that cannot be judged counts."""
    prefer = [
        {"id": "small", "tool": "Transfer", "when": OVER_1000, "weight": 5, "reason": "small sums are preferred"},
        {"id": "early", "when": {"fact": "time.hour", "greater_than": 18}, "weight": 2, "reason": "by day"},
    ]
    of = policy(prefer=prefer)
    assert (0, ()) == preferences(of, transfer())
    assert (5, ("small sums are preferred",)) == preferences(of, transfer(amount=2000))
    assert 7 == preferences(of, transfer(amount=2000) | {"time.hour": 20}).penalty
    assert 2 == preferences(of, facts(PAY) | {"time.hour": None}).penalty
    assert Verdict.ALLOW is of.judge(transfer(amount=2000) | {"time.hour": 20}).verdict


def test_rule_names_the_longest_id_and_its_window_still_fits() -> None:
    """Names that are made keep to the form of names."""
    cool = {"kind": "cool_down", "seconds": 60}
    of = policy(rules=[rule("a" * 64, "permit", obligations=[cool]), rule("a" * 63, "permit", obligations=[cool])])
    first, second = of.windows_for("Transfer")
    assert first.id != second.id
    assert max(len(first.id), len(second.id)) <= 64
