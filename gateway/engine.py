"""The workflow engine as the gateway needs it: a port, so that the services can be tested without one."""

from datetime import datetime
from typing import Literal, Protocol

from proctor.contracts.ids import RunId
from proctor.contracts.run import AuditHead, RunOutcome, RunRecord
from proctor.contracts.wire import RequestDecided, RunSteered

Standing = Literal["open", "closed", "absent"]


class RunEngine(Protocol):
    """Starts, wakes and stops the workflows of runs. Every method raises `Unavailable` when there is no answer."""

    async def ping(self) -> None:
        """Return once the engine has answered."""

    async def start(self, record: RunRecord) -> None:
        """Start the workflow of an accepted run; one that was started already is left as it is."""

    async def wake(self, message: RequestDecided, run_id: RunId) -> bool:
        """Tell a workflow that a request was decided; False when it has ended or was never started."""

    async def steer(self, message: RunSteered, run_id: RunId) -> bool:
        """Tell a workflow that a person gave an order; False when it has ended or was never started."""

    async def take_back(self, run_id: RunId) -> None:
        """Start the workflow that takes an ended run back; one that is at it is left alone."""

    async def is_taking_back(self, run_id: RunId) -> bool:
        """Whether that workflow is open."""

    async def stop(self, run_id: RunId, reason: str) -> Standing:
        """Cancel a workflow, paused or not, and say how it stood; only an `open` one was cancelled."""

    async def end_closed(self, run_id: RunId, outcome: RunOutcome, reason: str) -> None:
        """Terminate the workflow of a run that the store has ended already; its history keeps how, as a witness."""

    async def end_stuck(self, run_id: RunId, reason: str) -> bool:
        """Terminate a workflow whose next task keeps failing, so that it can never heed a cancel; False for others."""

    async def standing(self, run_id: RunId) -> Standing:
        """Say how a workflow stands; changes nothing."""

    async def broken_off(self, since: datetime) -> list[RunId]:
        """List workflows that ended since then and could not say so: terminated, timed out or failed."""

    async def heads(self, run_id: RunId) -> list[AuditHead]:
        """Give every audit head that the workflow's history holds: witnesses outside the database."""
