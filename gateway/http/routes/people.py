"""Requests to people, and what people decide beforehand: grants, delegations, keys of approvers."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import Field

from gateway.cards.card import ApprovalCard
from gateway.front_models import Decided, DelegationOrder, KeyOrder
from gateway.http.callers import CallersFront
from gateway.http.forms import Name, NamePath, NameQuery
from proctor.contracts.approving import ApproverKey, Delegation, Grant, GrantTerms
from proctor.contracts.base import Contract
from proctor.contracts.human import DecisionWord, HumanDecision, HumanRequest, Signature
from proctor.contracts.ids import AgentName, PrincipalName, RequestId, RunId


class DecisionOrder(Contract):
    """A person's word on a request."""

    word: DecisionWord
    reason: str = Field(default="", max_length=2000)
    answer: str | None = Field(default=None, max_length=20_000)
    arguments: dict[str, Any] | None = None
    """For `edit`: all arguments of the call."""
    grant: GrantTerms | None = None
    """For `approve`: stop asking."""
    on_behalf_of: PrincipalName | None = None
    """Whose place is taken, by a delegation."""
    signature: Signature | None = None


class Reason(Contract):
    """Why."""

    reason: str = Field(default="", max_length=500)


def build_routes() -> APIRouter:
    """Give the routes of people."""
    router = APIRouter(tags=["approvals"])
    router.get("/approvals")(approvals)
    router.get("/approvals/{request_id}")(approval)
    router.get("/approvals/{request_id}/card")(card)
    router.post("/approvals/{request_id}/decision")(decide)
    router.post("/approvals/{request_id}/identical-decisions")(decide_identical)
    router.get("/grants")(grants)
    router.post("/grants/{grant_id}/revocation")(revoke_grant)
    router.get("/delegations")(delegations)
    router.post("/delegations", status_code=201)(delegate)
    router.post("/delegations/{delegation_id}/revocation")(end_delegation)
    router.get("/approver-keys")(keys)
    router.post("/approver-keys", status_code=201)(add_key)
    router.post("/approver-keys/{key_id}/voucher")(vouch_key)
    router.post("/approver-keys/{key_id}/revocation")(revoke_key)
    return router


async def approvals(
    front: CallersFront, run_id: Annotated[Name | None, Query(description="Only of this run.")] = None
) -> Sequence[HumanRequest]:
    """List what waits for a person, oldest first."""
    return await front.approvals(None if run_id is None else RunId(run_id))


async def approval(front: CallersFront, request_id: NamePath) -> HumanRequest:
    """Show a request; a unique prefix of at least 6 characters names it too."""
    return await front.approval(RequestId(request_id))


async def card(front: CallersFront, request_id: NamePath) -> ApprovalCard:
    """Show all that a person must see to decide, with what steers, hides or imitates made visible."""
    return await front.card(RequestId(request_id))


async def decide(front: CallersFront, request_id: NamePath, order: DecisionOrder) -> Decided:
    """Decide a request. A decision that came too late or lost is recorded, and `applied` is false."""
    return await front.decide(_decision(request_id, order))


async def decide_identical(front: CallersFront, request_id: NamePath, order: DecisionOrder) -> Sequence[Decided]:
    """Decide a request and every open one that asks for exactly the same."""
    return await front.decide_identical(_decision(request_id, order))


async def grants(
    front: CallersFront, agent: Annotated[Name | None, Query(description="Only of this agent.")] = None
) -> Sequence[Grant]:
    """List standing grants that are live, newest first."""
    return await front.grants(None if agent is None else AgentName(agent))


async def revoke_grant(front: CallersFront, grant_id: NamePath, why: Reason) -> Grant:
    """End a standing grant: from now on no call is dispatched by it."""
    return await front.revoke_grant(grant_id, why.reason)


async def delegations(front: CallersFront) -> Sequence[Delegation]:
    """List delegations that are live: of and to the caller, or all for an owner, operator or auditor."""
    return await front.delegations()


async def delegate(front: CallersFront, order: DelegationOrder) -> Delegation:
    """Let another decide in the caller's place."""
    return await front.delegate(order)


async def end_delegation(front: CallersFront, delegation_id: NamePath) -> Delegation:
    """End a delegation."""
    return await front.end_delegation(delegation_id)


async def keys(front: CallersFront, principal: NameQuery = None) -> Sequence[ApproverKey]:
    """List public keys of approvers."""
    return await front.keys(None if principal is None else PrincipalName(principal))


async def add_key(front: CallersFront, order: KeyOrder) -> ApproverKey:
    """Register a public key of the caller's own."""
    return await front.add_key(order)


async def vouch_key(front: CallersFront, key_id: NamePath) -> ApproverKey:
    """Let another person's new key count from now on. Takes the role owner."""
    return await front.vouch_key(key_id)


async def revoke_key(front: CallersFront, key_id: NamePath) -> ApproverKey:
    """Revoke a public key: one's own, or as an owner anybody's."""
    return await front.revoke_key(key_id)


def _decision(request_id: str, order: DecisionOrder) -> HumanDecision:
    return HumanDecision(request_id=RequestId(request_id), channel="rest", **dict(order))
