"""A workflow engine in memory."""

from datetime import datetime
from typing import Any

from proctor.contracts.errors import Unavailable
from proctor.contracts.run import AuditHead, RunOutcome, RunRecord


class FakeEngine:
    """Keeps workflows in memory. `away` makes it answer nothing that many times."""

    def __init__(self) -> None:
        self.open: set[str] = set()
        self.closed: set[str] = set()
        self.woken: list[tuple[str, str]] = []
        self.stopped: list[str] = []
        self.terminated: dict[str, RunOutcome] = {}
        self.steered: list[tuple[str, int]] = []
        self.taken_back: list[str] = []
        self.broken: set[str] = set()
        self.stuck: set[str] = set()
        self.starts = 0
        self.away = 0
        self.known_heads: dict[str, list[AuditHead]] = {}
        self.on_start: Any = None
        self.on_stop: Any = None

    def _answer(self) -> None:
        if self.away:
            self.away -= 1
            raise Unavailable("Temporal at 127.0.0.1:1 does not answer", hint="start `proctor dev`")

    async def ping(self) -> None:
        self._answer()

    async def start(self, record: RunRecord) -> None:
        self._answer()
        self.starts += 1
        if record.run_id not in self.closed:
            self.open.add(record.run_id)
        if self.on_start is not None:
            self.on_start(record.run_id)

    async def wake(self, message: Any, run_id: str) -> bool:
        self._answer()
        self.woken.append((run_id, message.request_id))
        return run_id in self.open

    async def steer(self, message: Any, run_id: str) -> bool:
        self._answer()
        self.steered.append((run_id, message.entry))
        return run_id in self.open

    async def take_back(self, run_id: str) -> None:
        self._answer()
        self.taken_back.append(run_id)

    async def is_taking_back(self, run_id: str) -> bool:
        self._answer()
        return False

    async def stop(self, run_id: str, reason: str) -> str:
        self._answer()
        if run_id in self.open:
            self.stopped.append(run_id)
            if self.on_stop is not None:
                self.on_stop(run_id)
            return "open"
        return "closed" if run_id in self.closed else "absent"

    async def end_closed(self, run_id: str, outcome: RunOutcome, reason: str) -> None:
        self._answer()
        self.open.discard(run_id)
        self.closed.add(run_id)
        self.terminated[run_id] = outcome

    async def end_stuck(self, run_id: str, reason: str) -> bool:
        self._answer()
        return run_id in self.stuck

    async def standing(self, run_id: str) -> str:
        self._answer()
        return "open" if run_id in self.open else "closed" if run_id in self.closed else "absent"

    async def broken_off(self, since: datetime) -> list[str]:
        self._answer()
        return sorted(self.broken)

    async def heads(self, run_id: str) -> list[AuditHead]:
        self._answer()
        return self.known_heads.get(run_id, [])
