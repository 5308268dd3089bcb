"""Requests to make cards from."""

from datetime import UTC, datetime, timedelta
from typing import Any

from gateway.cards.values import digest_of
from proctor.contracts.approving import ApprovalProcess
from proctor.contracts.human import ApprovalBinding, HumanRequest, RequestKind
from proctor.contracts.ids import AgentName, Digest, PrincipalName, RequestId, RunId, TenantId, ToolName

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
POLICY = Digest("a" * 64)


def asked(arguments: dict[str, Any], process: ApprovalProcess | None = None, **details: Any) -> HumanRequest:
    """Make a request for approval of a call with these arguments."""
    binding = ApprovalBinding(
        run_id=RunId("run-1"),
        step=2,
        call=0,
        tenant=TenantId("default"),
        agent=AgentName("desk"),
        requester=PrincipalName("rita"),
        tool=ToolName("Refund"),
        tool_version="1",
        arguments_sha256=digest_of(arguments),
        policy_digest=POLICY,
        expires_at=NOW + timedelta(hours=1),
    )
    shown = {
        "tool": "Refund",
        "version": "1",
        "arguments": arguments,
        "effect": "write",
        "risk": "medium",
        "compensation": "TakeBack",
        "rule": "refunds-over-100",
        "reason": "refunds over 100 take a person",
    }
    return HumanRequest(
        id=RequestId("req-1"),
        kind=RequestKind.APPROVAL,
        run_id=RunId("run-1"),
        step=2,
        agent=AgentName("desk"),
        requester=PrincipalName("rita"),
        owner=PrincipalName("wanda"),
        title="Refund",
        details=shown | details,
        binding=binding,
        process=process,
        created_at=NOW,
        expires_at=NOW + timedelta(hours=1),
    )


def question(text: str) -> HumanRequest:
    """Make a request that asks a question of the agent's."""
    return asked({}).model_copy(update={"kind": RequestKind.QUESTION, "details": {"question": text}, "binding": None})
