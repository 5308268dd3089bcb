"""What runs beside the REST gateway in its process: deliveries, chats, schedules. Each is supervised by itself."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import structlog

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0

_log = structlog.get_logger(__name__)


class Companion(Protocol):
    """A long-lived part of the gateway process."""

    @property
    def name(self) -> str:
        """What it is called in logs and at `/readyz`."""

    async def run(self) -> None:
        """Run until cancelled. Whatever it raises is logged, and it is started again after a pause."""


@dataclass
class Companions:
    """Runs companions side by side; one that fails does not take the others with it."""

    parts: Sequence[Companion]
    troubles: dict[str, str] = field(default_factory=dict)
    """What the newest failure of each part was, until it runs for a while again."""

    async def run(self) -> None:
        """Run all of them until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for part in self.parts:
                tasks.create_task(self._keep(part), name=part.name)

    async def _keep(self, part: Companion) -> None:
        pause, loop = FIRST_PAUSE_S, asyncio.get_running_loop()
        while True:
            began = loop.time()
            forget = loop.call_later(LONGEST_PAUSE_S, self.troubles.pop, part.name, None)
            try:
                await part.run()
                trouble = "ended by itself"
            except Exception as error:  # noqa: BLE001 - one part's failure is told and survived, whatever it is
                trouble = f"{type(error).__name__}: {error}"
            finally:
                forget.cancel()
            self.troubles[part.name] = trouble
            _log.warning("companion_failed", part=part.name, trouble=trouble, again_in_s=pause)
            if loop.time() - began > LONGEST_PAUSE_S:
                pause = FIRST_PAUSE_S
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_S)
