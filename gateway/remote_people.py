"""Requests to people, and what people decide beforehand, over REST."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gateway.cards.card import ApprovalCard
from gateway.front_models import Decided, DelegationOrder, KeyOrder
from proctor.contracts.approving import ApproverKey, Delegation, Grant
from proctor.contracts.human import HumanDecision, HumanRequest
from proctor.contracts.ids import AgentName, PrincipalName, RequestId, RunId

if TYPE_CHECKING:
    from gateway.remote import Link


class RemotePeople:
    """As `PeopleFront`."""

    _link: "Link"

    async def approvals(self, run_id: RunId | None = None) -> Sequence[HumanRequest]:
        """List open requests, oldest first."""
        return await self._link.get(list[HumanRequest], "approvals", run_id=run_id)

    async def approval(self, request_id: RequestId) -> HumanRequest:
        """Find a request."""
        return await self._link.get(HumanRequest, "approvals", request_id)

    async def card(self, request_id: RequestId) -> ApprovalCard:
        """Give all that a person must see to decide."""
        return await self._link.get(ApprovalCard, "approvals", request_id, "card")

    async def decide(self, decision: HumanDecision) -> Decided:
        """Decide a request."""
        body = _decision(decision)
        return await self._link.post(Decided, "approvals", decision.request_id, "decision", body=body)

    async def decide_identical(self, decision: HumanDecision) -> Sequence[Decided]:
        """Decide a request, and every open one that asks for exactly the same."""
        path = ("approvals", decision.request_id, "identical-decisions")
        return await self._link.post(list[Decided], *path, body=_decision(decision))

    async def grants(self, agent: AgentName | None = None) -> Sequence[Grant]:
        """List standing grants that are live, newest first."""
        return await self._link.get(list[Grant], "grants", agent=agent)

    async def revoke_grant(self, grant_id: str, reason: str = "") -> Grant:
        """End a standing grant."""
        return await self._link.post(Grant, "grants", grant_id, "revocation", body={"reason": reason})

    async def delegations(self) -> Sequence[Delegation]:
        """List delegations that are live."""
        return await self._link.get(list[Delegation], "delegations")

    async def delegate(self, order: DelegationOrder) -> Delegation:
        """Let another decide in my place."""
        return await self._link.post(Delegation, "delegations", body=order)

    async def end_delegation(self, delegation_id: str) -> Delegation:
        """End a delegation of mine."""
        return await self._link.post(Delegation, "delegations", delegation_id, "revocation", body={})

    async def keys(self, principal: PrincipalName | None = None) -> Sequence[ApproverKey]:
        """List public keys of approvers."""
        return await self._link.get(list[ApproverKey], "approver-keys", principal=principal)

    async def add_key(self, order: KeyOrder) -> ApproverKey:
        """Register my public key."""
        return await self._link.post(ApproverKey, "approver-keys", body=order)

    async def vouch_key(self, key_id: str) -> ApproverKey:
        """Let another person's new key count from now on."""
        return await self._link.post(ApproverKey, "approver-keys", key_id, "voucher", body={})

    async def revoke_key(self, key_id: str) -> ApproverKey:
        """Revoke a public key."""
        return await self._link.post(ApproverKey, "approver-keys", key_id, "revocation", body={})


def _decision(decision: HumanDecision) -> dict[str, Any]:
    """Leave out what the way in says: which request, by its path, and that it came over REST."""
    return decision.model_dump(mode="json", exclude={"request_id", "channel"}, exclude_none=True)
