"""The front: all that one authenticated person or program can do, whichever way they came in.

`LocalFront` does it with the services of this process; `RemoteFront` asks a gateway over REST. Commands use a `Front`
and nothing else, so that both ways do the same.
"""

from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Protocol

from gateway.explaining import Story
from gateway.front_models import (
    AgentSummary,
    ApiKeyOrder,
    AuditTrail,
    BreakerOrder,
    CreatedApiKey,
    Decided,
    DelegationOrder,
    IdentityOrder,
    KeyOrder,
    KillCommand,
    KillOutcome,
    Page,
    RunControl,
    RunDetail,
    RunQuery,
    SubmittedRun,
    TaskOrder,
    ToolReport,
    ToolUsageQuery,
    UndoOutcome,
)
from proctor.contracts.approving import ApproverKey, Delegation, Grant
from proctor.contracts.audit import AuditRecord
from proctor.contracts.control import ControlOrder, ControlReceipt, UndoPreview
from proctor.contracts.human import HumanDecision, HumanRequest, Principal
from proctor.contracts.identity_ports import ApiKey, Identity, OtherSystem
from proctor.contracts.ids import AgentName, PrincipalName, RequestId, RunId
from proctor.contracts.kill import Fence, Receipt
from proctor.contracts.manifest import AgentBundle
from proctor.contracts.run import RunRecord
from proctor.contracts.traffic import Breaker

if TYPE_CHECKING:
    from gateway.cards.card import ApprovalCard


class RunsFront(Protocol):
    """Runs. A requester sees their own; every other role sees all."""

    async def submit(self, order: TaskOrder, key: str | None = None) -> SubmittedRun:
        """Ask for a run; the same idempotency key names the same run."""

    async def runs(self, query: RunQuery) -> Page[RunRecord]:
        """List runs, newest first, waiting ones shown as waiting."""

    async def run(self, run_id: RunId) -> RunDetail:
        """Show a run."""

    async def receipt(self, run_id: RunId) -> Receipt:
        """Say what a run had done."""

    async def explain(self, run_id: RunId) -> Story:
        """Say why a run did what it did."""

    def follow(self, run_id: RunId, after: int = -1) -> AsyncIterator[AuditRecord]:
        """Yield audit records as they come, until the run has ended."""

    async def audit(self, chain_id: RunId) -> AuditTrail:
        """Give the trail of a run, or of what governs an agent (`agent:NAME`). Needs the role auditor or owner."""

    async def chains(self) -> Sequence[RunId]:
        """List every chain there is: runs, then agents. Needs the role auditor or owner."""


class PeopleFront(Protocol):
    """Requests to people, and what people decide beforehand."""

    async def approvals(self, run_id: RunId | None = None) -> Sequence[HumanRequest]:
        """List open requests, oldest first."""

    async def approval(self, request_id: RequestId) -> HumanRequest:
        """Find a request; a unique prefix of at least 6 characters will do."""

    async def card(self, request_id: RequestId) -> "ApprovalCard":
        """Give all that a person must see to decide."""

    async def decide(self, decision: HumanDecision) -> Decided:
        """Decide a request."""

    async def decide_identical(self, decision: HumanDecision) -> Sequence[Decided]:
        """Decide a request, and every open one that asks for exactly the same."""

    async def grants(self, agent: AgentName | None = None) -> Sequence[Grant]:
        """List standing grants that are live, newest first."""

    async def revoke_grant(self, grant_id: str, reason: str = "") -> Grant:
        """End a standing grant."""

    async def delegations(self) -> Sequence[Delegation]:
        """List delegations that are live, mine and to me; an owner, auditor or operator sees all."""

    async def delegate(self, order: DelegationOrder) -> Delegation:
        """Let another decide in my place."""

    async def end_delegation(self, delegation_id: str) -> Delegation:
        """End a delegation of mine."""

    async def keys(self, principal: PrincipalName | None = None) -> Sequence[ApproverKey]:
        """List public keys of approvers."""

    async def add_key(self, order: KeyOrder) -> ApproverKey:
        """Register my public key; it counts at once, or after a rest, or once an owner vouches for it."""

    async def vouch_key(self, key_id: str) -> ApproverKey:
        """Let another person's new key count from now on."""

    async def revoke_key(self, key_id: str) -> ApproverKey:
        """Revoke a public key: mine, or as an owner anybody's."""


class ControlFront(Protocol):
    """Stopping, steering and taking back."""

    async def kill(self, command: KillCommand) -> KillOutcome:
        """Fence, stop, wait, report."""

    async def fences(self) -> Sequence[Fence]:
        """List the kills in force, oldest first."""

    async def release(self, epoch: int) -> Fence:
        """Lift a fence that somebody else raised."""

    async def breakers(self) -> Sequence[Breaker]:
        """List circuit breakers that are open, half-open or count failures."""

    async def set_breaker(self, order: BreakerOrder) -> Breaker:
        """Open or close a circuit breaker. Needs the role operator or owner."""

    async def steer(self, order: ControlOrder) -> ControlReceipt:
        """Pause, resume, say, take over, act, hand back."""

    async def control(self, run_id: RunId) -> RunControl:
        """Say who drives a run, and which orders were given."""

    async def preview_undo(self, run_id: RunId) -> UndoPreview:
        """Say what taking a run back would do, and what it cannot."""

    async def undo(self, run_id: RunId, reason: str = "", *, wait_s: float = 30.0) -> UndoOutcome:
        """Take back what can be, of a run that has ended."""


class IdentityFront(Protocol):
    """Who I am, and how others and programs come in."""

    async def whoami(self) -> Principal:
        """Give the principal that this front acts for, with the roles that count."""

    async def api_keys(self, principal: PrincipalName | None = None) -> Sequence[ApiKey]:
        """List API keys: my own; an owner or auditor sees all."""

    async def create_api_key(self, order: ApiKeyOrder) -> CreatedApiKey:
        """Make an API key."""

    async def revoke_api_key(self, key_id: str) -> ApiKey:
        """End an API key at once."""

    async def identities(self, principal: PrincipalName | None = None) -> Sequence[Identity]:
        """List who principals are elsewhere: my own; an owner or auditor sees all."""

    async def link_identity(self, order: IdentityOrder) -> Identity:
        """Say who a principal is elsewhere. Needs the role owner."""

    async def unlink_identity(self, system: OtherSystem, subject: str) -> Identity:
        """Take that back: mine, or as an owner anybody's."""


class CatalogFront(Protocol):
    """Agents and tools."""

    async def agents(self) -> Sequence[AgentSummary]:
        """List agents; one whose files are wrong is listed with its problem."""

    async def agent(self, name: str, model: str | None = None) -> AgentBundle:
        """Show an agent with its tools, as it is understood."""

    async def tool_usage(self, query: ToolUsageQuery) -> Sequence[ToolReport]:
        """Say how tools were used, and who may use them; those that were never called too. No requester may."""


class Front(RunsFront, PeopleFront, ControlFront, IdentityFront, CatalogFront, Protocol):
    """All of it. Raises the errors of `proctor.contracts.errors`, the same ones locally and remotely."""

    @property
    def principal(self) -> Principal:
        """Whom this front acts for."""
