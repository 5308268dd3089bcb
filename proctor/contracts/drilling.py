"""Drills of the kill switch: a harmless run is killed, and how long that took is kept."""

from collections.abc import Sequence
from typing import Literal, Protocol

from pydantic import AwareDatetime

from proctor.contracts.base import Contract
from proctor.contracts.ids import PrincipalName, RunId, TenantId

DRILL_TENANT = TenantId("proctor-drill")
"""Only drills run there."""

DrillPhase = Literal["fence", "stopped", "closed"]


class DrillReport(Contract):
    """What a drill measured, each from the moment of the order."""

    by: PrincipalName
    run_id: RunId | None = None
    passed: bool
    fence_s: float | None = None
    """Until the fence was committed."""
    stopped_s: float | None = None
    """Until the tool said that it had been stopped, and that was recorded."""
    closed_s: float | None = None
    """Until the run was closed."""
    note: str = ""
    """What was too slow or went wrong."""


class Drill(DrillReport):
    """A drill as it was recorded."""

    n: int
    at: AwareDatetime


class Drills(Protocol):
    """Drills on record."""

    async def claim(self, holder: str, every_s: float, lease_s: float) -> bool:
        """Take the next drill for `holder`; False when none is due, or another process has taken it.

        A drill is due when `every_s` have passed since the newest one. A claim ends after `lease_s`, so that a
        process that is lost does not end all drills.
        """

    async def record(self, report: DrillReport) -> Drill:
        """Keep what a drill measured."""

    async def newest(self, limit: int = 20) -> Sequence[Drill]:
        """List drills, newest first."""

    async def last_success(self) -> Drill | None:
        """Give the newest drill that passed."""
