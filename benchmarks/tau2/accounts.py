"""What came of a storm: the environment's log, the witness and the ledger beside each other."""

import json
from collections import Counter
from dataclasses import dataclass, field

from benchmarks.tau2.sequences import Sequence
from benchmarks.tau2.storm import Storm
from proctor.contracts.run import RunRecord, RunStatus


@dataclass
class Account:
    """The figures of one domain."""

    domain: str
    tasks: int = 0
    calls: int = 0
    writes: int = 0
    completed: int = 0
    kills: int = 0
    happened: int = 0
    """Unknown outcomes of which a person found that they had happened."""
    not_happened: int = 0
    doubled: list[str] = field(default_factory=list)
    """Writes that the environment's log has more often than the ground truth."""
    missing: list[str] = field(default_factory=list)
    resent: list[str] = field(default_factory=list)
    """Keys that the witness saw more than once."""

    @property
    def is_clean(self) -> bool:
        """Whether every write of the ground truth happened once, and no key was sent twice."""
        return self.completed == self.tasks and not (self.doubled or self.missing or self.resent)

    def row(self) -> str:
        """Give the figures as a row of a table."""
        cells = (
            self.domain,
            f"{self.completed} of {self.tasks}",
            self.calls,
            self.writes,
            self.kills,
            f"{self.happened} happened, {self.not_happened} not",
            len(self.doubled),
            len(self.missing),
            len(self.resent),
        )
        return "| " + " | ".join(map(str, cells)) + " |"


HEAD = (
    "| environment | tasks completed | calls | writes | kill -9 | parked as unknown | doubled | missing "
    "| keys sent twice |\n|---|---|---|---|---|---|---|---|---|"
)


async def account(storm: Storm, tasks: list[Sequence], ends: list[RunRecord]) -> Account:
    """Compare what should have happened with what the environment and the witness say."""
    found = Account(storm.environment.domain, tasks=len(tasks), kills=storm.kills)
    found.completed = sum(1 for end in ends if end.status is RunStatus.COMPLETED)
    found.happened, found.not_happened = storm.settled["happened"], storm.settled["not_happened"]
    for task in tasks:
        wanted = Counter(action.key for action in task.actions if not action.is_read)
        found.calls += len(task.actions)
        found.writes += sum(wanted.values())
        log = await storm.log(task)
        found.missing += [f"{task.agent}: {key}" for key, times in wanted.items() if log[key] < times]
        writes = Counter({key: times for key, times in log.items() if not _reads(key)})
        found.doubled += [f"{task.agent}: {key}" for key, times in writes.items() if times > wanted[key]]
    seen = Counter(json.loads(line)["key"] for line in _lines(storm))
    found.resent = [key for key, times in seen.items() if times > 1]
    return found


def _reads(key: str) -> bool:
    from benchmarks.tau2.sequences import is_read

    return is_read(json.loads(key)[0])


def _lines(storm: Storm) -> list[str]:
    journal = storm.environment.journal
    return journal.read_text(encoding="utf-8").splitlines() if journal.exists() else []
