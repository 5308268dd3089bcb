"""How one principal stops, steers and takes back, with the services of this process."""

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.connections import Gateway
from gateway.front_models import BreakerOrder, KillCommand, KillOutcome, RunControl, UndoOutcome
from gateway.front_people import EVERYBODY
from gateway.front_runs import LocalRuns, needs_role
from gateway.killing import check_target, default_mode, kill
from gateway.steering import steer
from gateway.undoing import preview_undo, undo
from proctor.contracts.control import ControlOrder, ControlReceipt, UndoPreview
from proctor.contracts.human import Principal, Role
from proctor.contracts.ids import RunId
from proctor.contracts.kill import Fence, KillOrder, KillScope
from proctor.contracts.traffic import Breaker, BreakerState

STOPS = frozenset({Role.OPERATOR, Role.OWNER})


@dataclass(frozen=True)
class LocalControl:
    """Kills, fences, orders to runs, and taking back."""

    gateway: Gateway
    principal: Principal

    async def kill(self, command: KillCommand) -> KillOutcome:
        """Fence, stop, wait, report."""
        # Before the target is looked for, so that who may not kill learns nothing of what there is.
        needs_role(self.principal, STOPS, "stop runs")
        store, catalog = self.gateway.store, self.gateway.catalog
        if command.scope is not KillScope.ALL:
            await check_target(command.scope, command.value, kills=store.kills, catalog=catalog)
        order = KillOrder(
            scope=command.scope,
            value="" if command.scope is KillScope.ALL else command.value,
            actor=self.principal.name,
            reason=command.reason,
            mode=command.mode or default_mode(command.scope),
        )
        done = await kill(
            order,
            by=self.principal,
            kills=store.kills,
            archive=store.archive,
            journal=store.journal,
            engine=self.gateway.engine,
            wait_s=command.wait_s,
        )
        return KillOutcome(fence=done.fence, receipts=done.receipts, still_open=done.still_open, trouble=done.trouble)

    async def fences(self) -> Sequence[Fence]:
        """List the kills in force, oldest first."""
        needs_role(self.principal, EVERYBODY, "see what is stopped")
        return await self.gateway.store.kills.active()

    async def release(self, epoch: int) -> Fence:
        """Lift a fence that somebody else raised."""
        return await self.gateway.store.kills.release(epoch, self.principal)

    async def breakers(self) -> Sequence[Breaker]:
        """List circuit breakers that are not at rest."""
        needs_role(self.principal, EVERYBODY, "see what is open")
        return await self.gateway.store.traffic.breakers()

    async def set_breaker(self, order: BreakerOrder) -> Breaker:
        """Open or close a circuit breaker."""
        needs_role(self.principal, STOPS, "open or close breakers")
        store, catalog = self.gateway.store, self.gateway.catalog
        kind, _, name = order.name.partition(":")
        if kind == "tool":
            await check_target(KillScope.TOOL, name, kills=store.kills, catalog=catalog)
        return await store.traffic.set_breaker(order.name, BreakerState(order.state), self.principal.name, order.reason)

    async def steer(self, order: ControlOrder) -> ControlReceipt:
        """Pause, resume, say, take over, act, hand back."""
        record = await LocalRuns(self.gateway, self.principal).visible(order.run_id)
        store = self.gateway.store
        return await steer(
            order.model_copy(update={"run_id": record.run_id}),
            by=self.principal,
            controls=store.controls,
            archive=store.archive,
            journal=store.journal,
            engine=self.gateway.engine,
        )

    async def control(self, run_id: RunId) -> RunControl:
        """Say who drives a run, and which orders were given."""
        record = await LocalRuns(self.gateway, self.principal).visible(run_id)
        controls = self.gateway.store.controls
        wheel, entries = await controls.wheel(record.run_id), await controls.history(record.run_id)
        return RunControl(run_id=record.run_id, wheel=wheel, entries=tuple(entries))

    async def preview_undo(self, run_id: RunId) -> UndoPreview:
        """Say what taking a run back would do, and what it cannot."""
        record = await LocalRuns(self.gateway, self.principal).visible(run_id)
        return await preview_undo(record.run_id, undoing=self.gateway.store.undoing)

    async def undo(self, run_id: RunId, reason: str = "", *, wait_s: float = 30.0) -> UndoOutcome:
        """Take back what can be, of a run that has ended."""
        record = await LocalRuns(self.gateway, self.principal).visible(run_id)
        done = await undo(
            record.run_id,
            by=self.principal,
            reason=reason,
            undoing=self.gateway.store.undoing,
            kills=self.gateway.store.kills,
            engine=self.gateway.engine,
            wait_s=wait_s,
        )
        return UndoOutcome(preview=done.preview, receipt=done.receipt, is_finished=done.is_finished)
