import math
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.manifest_policy import REVIEW_AFTER, compile_policy
from proctor.contracts.decision import Verdict
from proctor.contracts.manifest import AgentBundle, Autonomy, Threshold
from proctor.contracts.tool import ToolContract
from tests.unit.policies.builders import PAY, POST, REFUND, SEARCH, TOOLS, bundle, facts, limited, transfer, written


def judge(of: AgentBundle, call: dict[str, Any]) -> tuple[Verdict, str]:
    decision = compile_policy(of).judge(call)
    return decision.verdict, decision.determining


def test_tool_outside_the_scope_is_denied_and_told_what_is_inside() -> None:
    """The planner learns which tools there are instead."""
    decision = compile_policy(bundle(allowed_tools=("Search",))).judge(facts(REFUND))
    assert (decision.verdict, decision.determining) == (Verdict.DENY, "scope")
    assert decision.reason.endswith("its tools are: Search")


@pytest.mark.parametrize("change", [{"tool_version": ""}, {"tool_version": "2"}, {"effect": "read"}, {"risk": "high"}])
def test_facts_that_are_not_the_pinned_tool_are_denied(change: dict[str, Any]) -> None:
    """A caller cannot talk a tool's contract down."""
    assert judge(bundle(), facts(REFUND) | change) == (Verdict.DENY, "tool-contract")


def test_tool_without_a_pinned_contract_is_denied() -> None:
    """Being allowed by name is not enough."""
    of = bundle(allowed_tools=("Search", "Ghost"))
    ghost = ToolContract(name="Ghost", input_schema={}, effect="read", risk="low")
    assert judge(of, facts(ghost)) == (Verdict.DENY, "tool-contract")


def test_tool_with_two_contracts_is_denied() -> None:
    """An ambiguous bundle is never guessed at."""
    of = bundle().model_copy(update={"tools": (*TOOLS, REFUND)})
    assert judge(of, facts(REFUND)) == (Verdict.DENY, "tool-contract")


def test_another_agents_call_is_denied() -> None:
    """A policy judges the calls of its own agent."""
    assert judge(bundle(), facts() | {"agent": "other"}) == (Verdict.DENY, "agent")


def test_arguments_that_do_not_fit_the_schema_are_denied() -> None:
    """A call whose arguments do not fit is never dispatched."""
    decision = compile_policy(bundle()).judge(facts(amount=5))
    assert (decision.verdict, decision.determining) == (Verdict.DENY, "arguments-schema:Refund")
    assert "order" in decision.reason


def test_tool_with_an_unusable_schema_is_denied() -> None:
    """A schema that cannot be applied accepts nothing."""
    odd = REFUND.model_copy(update={"input_schema": {"type": 7}})
    of = bundle().model_copy(update={"tools": (odd,)})
    assert judge(of, facts(odd)) == (Verdict.DENY, "arguments-schema:Refund")


@pytest.mark.parametrize(
    ("level", "tool", "verdict"),
    [
        *((level, SEARCH, Verdict.ALLOW) for level in Autonomy),
        *((Autonomy.SUGGEST, tool, Verdict.DENY) for tool in (REFUND, PAY)),
        *((Autonomy.APPROVAL_REQUIRED, tool, Verdict.REQUIRE_APPROVAL) for tool in (REFUND, PAY)),
        (Autonomy.SUPERVISED, REFUND, Verdict.ALLOW),
        (Autonomy.SUPERVISED, PAY, Verdict.REQUIRE_APPROVAL),
        *((Autonomy.AUTONOMOUS, tool, Verdict.ALLOW) for tool in (REFUND, PAY)),
    ],
)
def test_autonomy_level_decides_by_effect(level: Autonomy, tool: ToolContract, verdict: Verdict) -> None:
    """The ladder of DESIGN 7, by the live level of the cell."""
    assert verdict is judge(bundle(), facts(tool, autonomy=level))[0]


def test_supervised_write_is_to_be_reviewed() -> None:
    """Acting under supervision carries the obligation."""
    assert compile_policy(bundle()).judge(facts(autonomy="supervised")).obligations == (REVIEW_AFTER,)


def test_level_is_that_of_the_calls_own_tier() -> None:
    """A tool of low risk is judged at the level of low risk, and no other."""
    other_tiers = {"autonomy.medium": "suggest", "autonomy.high": "suggest"}
    assert Verdict.ALLOW is judge(bundle(), facts(REFUND) | other_tiers)[0]
    assert judge(bundle(), facts(PAY) | other_tiers) == (Verdict.DENY, "autonomy-suggest")


@pytest.mark.parametrize(
    ("amount", "verdict"),
    [(100, Verdict.ALLOW), (100.01, Verdict.REQUIRE_APPROVAL), (-5, Verdict.ALLOW), (0.1, Verdict.ALLOW)],
)
def test_amount_beyond_the_limit_goes_to_a_person(amount: float, verdict: Verdict) -> None:
    """The limit itself is still allowed."""
    assert verdict is judge(limited(), facts(order="o", amount=amount))[0]


def test_limit_can_forbid() -> None:
    """`beyond: forbid` leaves nothing to approve."""
    found = judge(limited("forbid"), facts(order="o", amount=101))
    assert found == (Verdict.DENY, "threshold-0:Refund.amount")


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        *({"amount": odd} for odd in ("5", True, None, [5], {"value": 5}, math.nan, math.inf, -math.inf, 1e300)),
        {"amount": 10**400},
        {"Amount": 5},
    ],
)
def test_amount_that_cannot_be_held_against_the_limit_is_denied(arguments: dict[str, Any]) -> None:
    """Missing, text, boolean, NaN and huge values fail closed, also where the schema would let them pass."""
    decision = compile_policy(limited()).judge(facts(order="o", **arguments))
    assert Verdict.DENY is decision.verdict
    assert decision.determining in {"fact:arguments.amount", "arguments-schema:Refund"}
    assert "arguments" in decision.reason


def test_limit_reaches_into_nested_arguments() -> None:
    """A dotted path is followed; a list or text on the way fails closed."""
    of = limited(argument="note.total")
    nested = [{"total": 5}, {"total": 500}, {}]
    verdicts = [judge(of, facts(order="o", note=note))[0] for note in nested]
    assert verdicts == [Verdict.ALLOW, Verdict.REQUIRE_APPROVAL, Verdict.DENY]


@pytest.mark.parametrize(
    ("host", "is_allowed"),
    [
        ("api.example.com", True),
        ("API.Example.COM.", True),
        ("api.example.com:8443", True),
        ("kb.internal.company", True),
        ("a.b.internal.company", True),
        ("internal.company", False),
        ("evilinternal.company", False),
        ("api.example.com.evil.org", False),
        ("example.com", False),
        ("127.0.0.1", False),
        ("localhost", False),
        ("", False),
        ("api.example.com@evil.org", False),
        ("api.example.com:99999", False),
        ("api.example.com/x", False),
        ("*", False),
    ],
)
def test_only_listed_hosts_may_be_reached(host: str, is_allowed: bool) -> None:
    """Egress is default deny, compared by whole labels."""
    verdict, rule = judge(bundle(), facts(POST) | {"egress.hosts": [host]})
    assert is_allowed is (verdict is Verdict.ALLOW)
    assert is_allowed or rule in {"egress", "fact:egress.hosts"}


def test_one_refused_host_is_enough() -> None:
    """Every host of a call must be allowed."""
    of = facts(POST) | {"egress.hosts": ["api.example.com", "evil.org"]}
    assert judge(bundle(), of) == (Verdict.DENY, "egress")


def test_http_tool_whose_host_is_unknown_is_denied() -> None:
    """No host is not the same as no egress."""
    assert judge(bundle(), facts(POST)) == (Verdict.DENY, "egress-unknown:Post")


@pytest.mark.parametrize("hosts", [None, "", {}, [0], 0, "api.example.com"])
def test_hosts_of_another_type_are_denied(hosts: Any) -> None:
    """Whatever is not a list of hosts is not read as no egress, also for a tool that runs in the process."""
    assert judge(bundle(), facts(REFUND) | {"egress.hosts": hosts}) == (Verdict.DENY, "fact:egress.hosts")


def test_explicit_block_beats_an_allow() -> None:
    """A host inside an allowed suffix can be shut out."""
    of = bundle(blocked_domains=("*", "hr.internal.company"))
    hosts = ("kb.internal.company", "hr.internal.company")
    verdicts = [judge(of, facts(POST) | {"egress.hosts": [host]})[0] for host in hosts]
    assert verdicts == [Verdict.ALLOW, Verdict.DENY]


def test_loopback_must_be_listed_by_name() -> None:
    """A wildcard never stands for this machine."""
    wide, listed = bundle(allow_domains=("*", "*.localhost")), bundle(allow_domains=("127.0.0.1:8080",))
    for host in ("127.0.0.1:8080", "localhost", "x.localhost", "[::1]:8080", "0.0.0.0", "[::ffff:127.0.0.1]"):
        assert judge(wide, facts(POST) | {"egress.hosts": [host]}) == (Verdict.DENY, "egress")
    assert Verdict.ALLOW is judge(listed, facts(POST) | {"egress.hosts": ["127.0.0.1:8080"]})[0]
    assert Verdict.DENY is judge(listed, facts(POST) | {"egress.hosts": ["127.0.0.1:8081"]})[0]


@pytest.mark.parametrize("field", ["allow_domains", "blocked_domains"])
def test_pattern_that_cannot_be_read_closes_egress(field: str) -> None:
    """A manifest built in code with a broken pattern opens nothing."""
    of = bundle(**{"allow_domains": ("api.example.com",), field: ("api.example.com", "not a host")})
    assert judge(of, facts(POST) | {"egress.hosts": ["api.example.com"]}) == (Verdict.DENY, "egress")


def test_digest_follows_the_manifest() -> None:
    """The same bundle compiles to the same digest, a changed limit to another."""
    assert compile_policy(limited()).digest == compile_policy(limited()).digest
    assert compile_policy(limited()).digest != compile_policy(limited("forbid")).digest
    assert compile_policy(bundle()).digest != compile_policy(bundle(autonomy="suggest")).digest


@given(amount=st.one_of(st.floats(), st.integers(), st.text(), st.booleans(), st.none()))
def test_no_amount_passes_a_limit_that_it_exceeds(amount: Any) -> None:
    """Only a plain number up to the limit is allowed without a person."""
    verdict = LIMITED.judge(facts(order="o", amount=amount)).verdict
    is_plain = isinstance(amount, int | float) and not isinstance(amount, bool)
    assert (verdict is Verdict.ALLOW) <= (is_plain and amount <= 100)


@pytest.mark.parametrize("limit", ["0.1", "0.30000000000000001", "99.999999999999999999", "1e30", "-1e30"])
def test_limit_that_no_number_has_exactly_is_not_exceeded(limit: str) -> None:
    """A limit is rounded down to a JSON number, never up."""
    found = compile_policy(bundle(thresholds=(Threshold(tool="Refund", argument="amount", max=Decimal(limit)),)))
    operand = next(rule.when.operands[0] for rule in found.rules if rule.id.startswith("threshold"))
    assert Decimal(repr(operand)) <= max(Decimal(limit), Decimal(1 - 2**53))


def test_tool_that_a_document_permits_is_permitted_by_the_document_alone() -> None:
    """A permit rule of the document takes the place of the implicit one, for the tools that it names."""
    to_bob = {"fact": "arguments.to", "equals": "bob"}
    of = written(rules=[{"id": "to-bob", "effect": "permit", "tool": "Transfer", "when": to_bob, "reason": "bob"}])
    assert judge(of, transfer()) == (Verdict.ALLOW, "to-bob")
    assert judge(of, transfer(to="eve")) == (Verdict.DENY, "no-permit")
    assert judge(of, facts(PAY)) == (Verdict.ALLOW, "scope-permit:Pay")


def test_goal_that_was_denied_is_denied_again_and_reads_are_not() -> None:
    """H6: the same effect in other words is denied without asking; reading is no effect."""
    again = {"goal.denied": "by_person"}
    assert judge(bundle(), facts(REFUND) | again) == (Verdict.DENY, "denied-before")
    assert Verdict.ALLOW is judge(bundle(), facts(SEARCH) | again)[0]


def test_bundle_that_makes_no_sense_is_compiled_to_denials() -> None:
    """Compiling never raises: what cannot be understood denies what it looks at."""
    twice = {"id": "same", "effect": "permit", "tool": "Transfer", "reason": "x"}
    odd = {"id": "odd", "effect": "permit", "tool": "Pay", "when": {"fact": "nothing", "equals": 1}, "reason": "x"}
    of = written(rules=[twice, twice, odd])
    assert judge(of, transfer()) == (Verdict.DENY, "same~2")
    assert judge(of, facts(PAY)) == (Verdict.DENY, "odd")
    assert judge(of, facts(REFUND)) == (Verdict.ALLOW, "scope-permit:Refund")


LIMITED = compile_policy(limited())


@pytest.mark.parametrize("autonomy", list(Autonomy))
def test_call_that_no_permit_covers_is_denied_whatever_else_would_ask(autonomy: Autonomy) -> None:
    """An untrusted target, or a low level, does not turn a denial into a question."""
    small = {
        "id": "small",
        "effect": "permit",
        "tool": "Transfer",
        "when": {"fact": "arguments.amount", "at_most": 5},
        "reason": "x",
    }
    policy = compile_policy(written(autonomy=autonomy, rules=[small]))
    large = transfer(autonomy=autonomy, amount=6)
    assert Verdict.DENY is policy.judge({**large, "labels.targets.integrity": "untrusted"}).verdict
    assert Verdict.DENY is policy.judge(large).verdict
