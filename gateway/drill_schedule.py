"""Drills on a schedule, one for all gateways, and their latency as metrics of each of them."""

import asyncio
import math
import os
import secrets
import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import structlog
from prometheus_client import CollectorRegistry, Gauge

from gateway.drilling import DRILLER, DrillLimits, drill
from proctor.contracts.drilling import Drill
from proctor.telemetry import names

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway.connections import Gateway

DEFAULT_EVERY_S: Final = 6 * 3600.0
LOOK_S: Final = 30.0
"""How often a gateway looks whether a drill is due, and what others measured."""
LEASE_S: Final = 180.0
"""Longer than any drill takes."""
_log = structlog.get_logger(__name__)


class DrillMetrics:
    """What the newest drill measured, whichever gateway made it."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Create every metric; until a first drill the phases have no value."""
        self._seconds = Gauge(
            names.KILL_DRILL_SECONDS, "How long the newest kill drill took, by phase", ["phase"], registry=registry
        )
        self._success = Gauge(
            names.KILL_DRILL_LAST_SUCCESS, "When a kill drill last passed; 0: never", registry=registry
        )
        self._every = Gauge(names.KILL_DRILL_INTERVAL, "How often kill drills are to be made", registry=registry)

    def scheduled(self, every_s: float) -> None:
        """Say how often drills are to be made."""
        self._every.set(every_s)

    def drilled(self, newest: Drill | None, success: Drill | None) -> None:
        """Show what is on record; a phase that did not come took for ever."""
        if newest is not None:
            for phase, seconds in _phases(newest).items():
                self._seconds.labels(phase).set(math.inf if seconds is None else seconds)
        self._success.set(0 if success is None else success.at.timestamp())


def _phases(of: Drill) -> "Mapping[str, float | None]":
    return {"fence": of.fence_s, "stopped": of.stopped_s, "closed": of.closed_s}


@dataclass
class DrillSchedule:
    """A `Companion` of the gateway: makes a drill when one is due and nobody else does."""

    gateway: "Gateway"
    metrics: DrillMetrics
    every_s: float = DEFAULT_EVERY_S
    look_s: float = LOOK_S
    limits: DrillLimits = field(default_factory=DrillLimits)
    holder: str = field(default_factory=lambda: f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}")

    @property
    def name(self) -> str:
        """What it is called in logs and at `/readyz`."""
        return "kill-drills"

    async def run(self) -> None:
        """Look, again and again. An absent store is told by the companions, and looked for again."""
        self.metrics.scheduled(self.every_s)
        while True:
            await self.look()
            await asyncio.sleep(self.look_s)

    async def look(self) -> Drill | None:
        """Make a drill if one is due and ours; show what is on record. Gives the drill that was made."""
        drills = self.gateway.store.drills
        made = None
        if await drills.claim(self.holder, self.every_s, LEASE_S):
            made = await drill(self.gateway, DRILLER, self.limits)
            tell = _log.info if made.passed else _log.error
            tell("kill_drilled", passed=made.passed, run=made.run_id, note=made.note, **_phases(made))
        newest = await drills.newest(1)
        self.metrics.drilled(newest[0] if newest else None, await drills.last_success())
        return made
