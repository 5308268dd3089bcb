"""Stopping, steering, taking back, access and the catalog, over REST."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gateway.front_models import (
    AgentSummary,
    ApiKeyOrder,
    BreakerOrder,
    CreatedApiKey,
    IdentityOrder,
    KillCommand,
    KillOutcome,
    RunControl,
    ToolReport,
    ToolUsageQuery,
    UndoOutcome,
)
from proctor.contracts.control import ControlOrder, ControlReceipt, UndoPreview
from proctor.contracts.human import Principal
from proctor.contracts.identity_ports import ApiKey, Identity, OtherSystem
from proctor.contracts.ids import PrincipalName, RunId
from proctor.contracts.kill import Fence
from proctor.contracts.manifest import AgentBundle
from proctor.contracts.traffic import Breaker

if TYPE_CHECKING:
    from gateway.remote import Link


class RemoteControl:
    """As `ControlFront`, `IdentityFront` and `CatalogFront`."""

    _link: "Link"

    async def kill(self, command: KillCommand) -> KillOutcome:
        """Fence, stop, wait, report."""
        return await self._link.post(KillOutcome, "kills", body=command)

    async def fences(self) -> Sequence[Fence]:
        """List the kills in force, oldest first."""
        return await self._link.get(list[Fence], "fences")

    async def release(self, epoch: int) -> Fence:
        """Lift a fence that somebody else raised."""
        return await self._link.post(Fence, "fences", str(epoch), "release", body={})

    async def breakers(self) -> Sequence[Breaker]:
        """List circuit breakers that are not at rest."""
        return await self._link.get(list[Breaker], "breakers")

    async def set_breaker(self, order: BreakerOrder) -> Breaker:
        """Open or close a circuit breaker."""
        return await self._link.post(Breaker, "breakers", body=order)

    async def steer(self, order: ControlOrder) -> ControlReceipt:
        """Pause, resume, say, take over, act, hand back."""
        body = order.model_dump(mode="json", exclude={"run_id"}, exclude_none=True)
        return await self._link.post(ControlReceipt, "runs", order.run_id, "control", body=body)

    async def control(self, run_id: RunId) -> RunControl:
        """Say who drives a run, and which orders were given."""
        return await self._link.get(RunControl, "runs", run_id, "control")

    async def preview_undo(self, run_id: RunId) -> UndoPreview:
        """Say what taking a run back would do, and what it cannot."""
        return await self._link.get(UndoPreview, "runs", run_id, "undo")

    async def undo(self, run_id: RunId, reason: str = "", *, wait_s: float = 30.0) -> UndoOutcome:
        """Take back what can be, of a run that has ended."""
        return await self._link.post(UndoOutcome, "runs", run_id, "undo", body={"reason": reason, "wait_s": wait_s})

    async def whoami(self) -> Principal:
        """Give the principal that this front acts for."""
        return await self._link.get(Principal, "me")

    async def api_keys(self, principal: PrincipalName | None = None) -> Sequence[ApiKey]:
        """List API keys."""
        return await self._link.get(list[ApiKey], "api-keys", principal=principal)

    async def create_api_key(self, order: ApiKeyOrder) -> CreatedApiKey:
        """Make an API key."""
        return await self._link.post(CreatedApiKey, "api-keys", body=order)

    async def revoke_api_key(self, key_id: str) -> ApiKey:
        """End an API key at once."""
        return await self._link.post(ApiKey, "api-keys", key_id, "revocation", body={})

    async def identities(self, principal: PrincipalName | None = None) -> Sequence[Identity]:
        """List who principals are elsewhere."""
        return await self._link.get(list[Identity], "identities", principal=principal)

    async def link_identity(self, order: IdentityOrder) -> Identity:
        """Say who a principal is elsewhere."""
        return await self._link.post(Identity, "identities", body=order)

    async def unlink_identity(self, system: OtherSystem, subject: str) -> Identity:
        """Take that back."""
        return await self._link.delete(Identity, "identities", system, subject=subject)

    async def agents(self) -> Sequence[AgentSummary]:
        """List agents."""
        return await self._link.get(list[AgentSummary], "agents")

    async def agent(self, name: str, model: str | None = None) -> AgentBundle:
        """Show an agent with its tools."""
        return await self._link.get(AgentBundle, "agents", name, model=model)

    async def tool_usage(self, query: ToolUsageQuery) -> Sequence[ToolReport]:
        """Say how tools were used."""
        return await self._link.get(list[ToolReport], "tools", "usage", tool=query.tool, since=query.since)
