"""The port of the kill switch. As for every store port, each method is one transaction and raises `Unavailable`."""

from collections.abc import Sequence
from typing import Protocol

from proctor.contracts.human import Principal
from proctor.contracts.ids import RunId
from proctor.contracts.kill import Fence, KillOrder, KillScope, Receipt
from proctor.contracts.run import RunOutcome


class KillSwitch(Protocol):
    """Fences."""

    async def raise_fence(self, order: KillOrder, by: Principal) -> Fence:
        """Write the fence under the exclusive fence lock. Needs role operator or owner."""

    async def covered(self, fence: Fence) -> list[RunId]:
        """List the runs under a fence that have not ended.

        For a tool: those with a call to it that has not come to its end, and those taking an effect back with it.
        """

    async def waiting(self, run_ids: Sequence[RunId]) -> set[RunId]:
        """Tell which of the runs do nothing but wait for a person, as far as one look can tell; changes nothing."""

    async def end_waiting(self, run_ids: Sequence[RunId]) -> dict[RunId, RunOutcome]:
        """End, in one transaction, those of the runs that only wait under a fence that freezes; give how they ended.

        A run with anything under way, or that somebody writes about meanwhile, is left as it is.
        """

    async def release(self, epoch: int, by: Principal) -> Fence:
        """Lift a fence. Needs role operator or owner, and a second person: not the one who raised it."""

    async def active(self) -> list[Fence]:
        """List the fences in force, oldest first."""

    async def receipt(self, run_id: RunId) -> Receipt:
        """Give the truth about a run's effects, from the ledger."""

    async def receipts(self, run_ids: Sequence[RunId]) -> list[Receipt]:
        """Give the receipts of many runs at once, in their order; runs that do not exist have none."""

    async def knows(self, scope: KillScope, value: str) -> bool:
        """Whether any run was ever of this agent or tenant, planned a call to this tool, or is this run."""
