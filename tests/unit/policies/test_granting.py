"""A standing grant answers for a call only where nothing differs."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from policies.granting import AskedCall, asking_rules, covering, mismatch
from proctor.contracts.approving import ApprovalProcess, Grant
from proctor.contracts.decision import Decision, FiredRule, Verdict
from proctor.contracts.granting import HeldGrant
from proctor.contracts.human import Role
from proctor.contracts.ids import AgentName, Digest, PrincipalName, RequestId, RunId, TenantId, ToolName
from proctor.contracts.labels import Flow, Integrity, Labels, Origin
from proctor.contracts.obligations import Stage

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
TRUSTED = Flow(labels=Labels(integrity=Integrity.TRUSTED), origins=(Origin.REQUEST,))
STRANGE = Flow(labels=Labels(), origins=(Origin.TOOL,))
GRANT = Grant(
    id="grant-1",
    tenant=TenantId("default"),
    agent=AgentName("fixer"),
    tool=ToolName("Restart"),
    tool_version="1",
    policy_digest=Digest("a" * 64),
    match={"service": "web", "deep": {"a": [1, None]}},
    rules=("ask", "night"),
    request_id=RequestId("req-1"),
    by=PrincipalName("adam"),
    created_at=NOW - timedelta(hours=1),
    expires_at=NOW + timedelta(hours=1),
    max_uses=2,
    uses=1,
)
CALL = AskedCall(
    tenant=TenantId("default"),
    agent=AgentName("fixer"),
    run_id=RunId("run2"),
    own_to=frozenset({PrincipalName("rita")}),
    owner=PrincipalName("wanda"),
    tool=ToolName("Restart"),
    tool_version="1",
    policy_digest=Digest("a" * 64),
    arguments={"service": "web", "deep": {"a": [1.0, None]}},
    flows={},
    rules=frozenset({"ask"}),
    process=ApprovalProcess(),
    is_denied=False,
    at=NOW,
)


def why_not(call: AskedCall = CALL, roles: frozenset[Role] = frozenset({Role.APPROVER}), **fields: Any) -> str:
    return mismatch(HeldGrant(grant=GRANT.model_copy(update=fields), roles=roles), call)


def test_the_same_call_is_covered() -> None:
    """Also by the last use, in the run it names, and where numbers are only written in another way."""
    assert "" == why_not()
    assert "" == why_not(run_id=RunId("run2"))
    assert [GRANT] == covering([HeldGrant(grant=GRANT, roles=frozenset({Role.APPROVER}))], CALL)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"tenant": "other"}, "another tenant"),
        ({"agent": "other"}, "another agent"),
        ({"run_id": RunId("run1")}, "another run"),
        ({"tool": "Page"}, "another tool"),
        ({"tool_version": "2"}, "another version"),
        ({"policy_digest": "b" * 64}, "another policy"),
        ({"rules": ("night",)}, "another rule asks"),
        ({"by": "rita"}, "its author's own"),
        ({"revoked_at": NOW}, "revoked"),
        ({"expires_at": NOW}, "expired"),
        ({"uses": 2}, "used up"),
        ({"match": {"service": "web", "deep": {"a": [1, 0]}}}, "deep differs"),
        ({"match": {"service": "web", "deep": {"a": ["1", None]}}}, "deep differs"),
        ({"match": {**GRANT.match, "more": None}}, "more differs"),
        ({"match": {"service": "web"}}, "deep was not given then"),
    ],
)
def test_a_grant_that_differs_does_not_answer(fields: dict[str, Any], reason: str) -> None:
    """Each condition alone is enough."""
    assert reason in why_not(**fields)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"process": ApprovalProcess(is_signed=True, may_grant=False)}, "not enough"),
        ({"process": ApprovalProcess(may_grant=False)}, "not enough"),
        ({"process": ApprovalProcess(stages=(Stage(count=2),))}, "not enough"),
        ({"process": ApprovalProcess(stages=(Stage(), Stage(role="owner")))}, "not enough"),
        ({"process": ApprovalProcess(stages=(Stage(role="operator"),))}, "no operator"),
        ({"is_denied": True}, "denied"),
        ({"rules": frozenset({"ask", "flow-target"})}, "another rule asks"),
        ({"arguments": {**CALL.arguments, "force": True}}, "force was not given then"),
        ({"arguments": {"service": "web"}}, "deep differs"),
    ],
)
def test_a_call_that_takes_more_is_not_answered(fields: dict[str, Any], reason: str) -> None:
    """Whatever policy asks beyond one unsigned approval, a person is asked."""
    assert reason in why_not(replace(CALL, **fields))


def test_the_author_still_has_the_role() -> None:
    """Who lost it answers for nobody; the agent's owner may approve without it."""
    assert "no approver" in why_not(roles=frozenset({Role.OPERATOR}))
    assert "" == why_not(roles=frozenset(), by=PrincipalName("wanda"))


def test_arguments_that_were_left_open_come_from_where_not_everybody_writes() -> None:
    """A grant for some arguments takes the others only when they are trusted: an injection fills none of them."""
    some: dict[str, Any] = {"match": {"service": "web"}, "is_exact": False}
    assert "deep may come from anywhere" == why_not(**some)
    assert "deep may come from anywhere" == why_not(replace(CALL, flows={"deep": STRANGE}), **some)
    assert "" == why_not(replace(CALL, flows={"deep": TRUSTED}), **some)


def test_rules_that_ask_are_those_that_fired_and_the_one_that_decided() -> None:
    """Of all decisions together; permits and obligations ask nothing."""
    fired = (
        FiredRule(id="night", effect="require_approval", reason="x"),
        FiredRule(id="scope", effect="permit", reason="x"),
    )
    asks = Decision(
        verdict=Verdict.REQUIRE_APPROVAL, determining="ask", fired=fired, reason="x", policy_digest=Digest("a" * 64)
    )
    allows = asks.model_copy(update={"verdict": Verdict.ALLOW, "determining": "scope", "fired": fired[1:]})
    assert (["ask", "night"], []) == (sorted(asking_rules(asks, allows)), sorted(asking_rules(allows)))
