"""What one principal may do with requests to people, and decide beforehand, with the services of this process."""

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.approvals import decide
from gateway.cards.card import ApprovalCard, build_card
from gateway.connections import Gateway
from gateway.front_models import Decided, DelegationOrder, KeyOrder
from gateway.front_runs import SEES_ALL, LocalRuns, needs_role
from gateway.identical import decide_identical
from proctor.contracts.approving import ApproverKey, Delegation, Grant
from proctor.contracts.errors import UnknownName
from proctor.contracts.human import HumanDecision, HumanRequest, Principal, Role
from proctor.contracts.ids import AgentName, PrincipalName, RequestId, RunId

EVERYBODY = frozenset(Role)
OVERSEES = frozenset({Role.OWNER, Role.AUDITOR, Role.OPERATOR})
APPROVES = frozenset({Role.APPROVER, Role.OWNER})


@dataclass(frozen=True)
class LocalPeople:
    """Requests to people, grants, delegations and keys of approvers."""

    gateway: Gateway
    principal: Principal

    async def approvals(self, run_id: RunId | None = None) -> Sequence[HumanRequest]:
        """List open requests, oldest first; without a role that sees all, those that concern the principal."""
        needs_role(self.principal, EVERYBODY, "see requests")
        if run_id is not None:
            run_id = (await LocalRuns(self.gateway, self.principal).visible(run_id)).run_id
        found = await self.gateway.store.people.pending(run_id)
        if self.principal.roles & SEES_ALL:
            return found
        places = await self._places()
        return [one for one in found if _concerns(one, self.principal, places)]

    async def approval(self, request_id: RequestId) -> HumanRequest:
        """Find a request; a unique prefix of at least 6 characters will do."""
        needs_role(self.principal, EVERYBODY, "see requests")
        found = await self.gateway.store.people.request(request_id)
        if self.principal.roles & SEES_ALL or _concerns(found, self.principal, await self._places()):
            return found
        raise UnknownName(f"there is no request {request_id}", hint="`proctor approvals` lists the open ones")

    async def card(self, request_id: RequestId) -> ApprovalCard:
        """Give all that a person must see to decide."""
        request = await self.approval(request_id)
        return build_card(request, spoken=await self.gateway.store.words.words(request.id), whole=True)

    async def decide(self, decision: HumanDecision) -> Decided:
        """Decide a request."""
        await self.approval(decision.request_id)
        done = await decide(decision, by=self.principal, people=self.gateway.store.people, engine=self.gateway.engine)
        return Decided(receipt=done.receipt, woken=done.woken, note=done.note)

    async def decide_identical(self, decision: HumanDecision) -> Sequence[Decided]:
        """Decide a request, and every open one that asks for exactly the same."""
        await self.approval(decision.request_id)
        done = await decide_identical(
            decision, by=self.principal, people=self.gateway.store.people, engine=self.gateway.engine
        )
        return [Decided(receipt=one.receipt, woken=one.woken, note=one.note) for one in done]

    async def grants(self, agent: AgentName | None = None) -> Sequence[Grant]:
        """List standing grants that are live, newest first."""
        needs_role(self.principal, SEES_ALL, "see standing grants")
        return await self.gateway.store.grants.grants(agent)

    async def revoke_grant(self, grant_id: str, reason: str = "") -> Grant:
        """End a standing grant."""
        return await self.gateway.store.grants.revoke(grant_id, self.principal, reason)

    async def delegations(self) -> Sequence[Delegation]:
        """List delegations that are live, mine and to me; an owner, auditor or operator sees all."""
        mine = None if self.principal.roles & OVERSEES else self.principal.name
        return await self.gateway.store.delegations.delegations(mine)

    async def delegate(self, order: DelegationOrder) -> Delegation:
        """Let another decide in my place."""
        needs_role(self.principal, APPROVES, "let others decide in their place")
        return await self.gateway.store.delegations.delegate(
            order.to, order.until, self.principal, agent=order.agent, reason=order.reason
        )

    async def end_delegation(self, delegation_id: str) -> Delegation:
        """End a delegation of mine."""
        return await self.gateway.store.delegations.revoke(delegation_id, self.principal)

    async def keys(self, principal: PrincipalName | None = None) -> Sequence[ApproverKey]:
        """List public keys of approvers."""
        needs_role(self.principal, EVERYBODY, "see keys")
        return await self.gateway.store.approver_keys.keys(principal)

    async def add_key(self, order: KeyOrder) -> ApproverKey:
        """Register my public key."""
        needs_role(self.principal, APPROVES, "register a key")
        return await self.gateway.store.approver_keys.add(
            order.public_key, self.principal, label=order.label, introduced=order.introduced
        )

    async def vouch_key(self, key_id: str) -> ApproverKey:
        """Let another person's new key count from now on."""
        return await self.gateway.store.approver_keys.vouch(key_id, self.principal)

    async def revoke_key(self, key_id: str) -> ApproverKey:
        """Revoke a public key: mine, or as an owner anybody's."""
        return await self.gateway.store.approver_keys.revoke(key_id, self.principal)

    async def _places(self) -> Sequence[Delegation]:
        """List the delegations by which the principal may decide for somebody now."""
        live = await self.gateway.store.delegations.delegations(self.principal.name)
        return [one for one in live if one.to == self.principal.name]


def _concerns(request: HumanRequest, principal: Principal, places: Sequence[Delegation]) -> bool:
    """Whether somebody without a role that sees all has to do with a request.

    They asked for the run, answer for its agent, take somebody's place, or were asked too when nobody had decided.
    """
    made = request.process.escalations[: request.escalated] if request.process is not None else ()
    asked_too = {name for escalation in made for name in escalation.to}
    stands_in = any(one.agent in {None, request.agent} for one in places)
    is_theirs = principal.name == request.requester or principal.answers_for(request.owner)
    return is_theirs or (not principal.is_narrowed and (stands_in or principal.name in asked_too))
