"""The port to what is on record, for people to read. A method is one transaction."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any, Protocol

from proctor.contracts.audit import AuditRecord
from proctor.contracts.ids import AgentName, Digest, PrincipalName, RunId
from proctor.contracts.planning import Observation
from proctor.contracts.run import AuditHead, RunRecord
from proctor.contracts.steps import JudgedCall, PastCall


class RunArchive(Protocol):
    """Read access for people."""

    async def runs(
        self,
        *,
        agent: AgentName | None = None,
        open_only: bool = False,
        requester: PrincipalName | None = None,
        after: tuple[datetime, RunId] | None = None,
        limit: int = 50,
    ) -> list[RunRecord]:
        """List runs, newest first; `after` (when it was created, and its id) goes on behind that run."""

    async def run(self, run_id: RunId) -> RunRecord:
        """Find a run. Raises `UnknownName`."""

    async def still_open(self, run_ids: Sequence[RunId]) -> set[RunId]:
        """Say which of many runs have not ended."""

    async def content(self, digest: Digest) -> Any:
        """Give stored JSON. Raises `UnknownName`, or `Corrupted` when it does not match its digest."""

    async def audit(self, run_id: RunId) -> list[AuditRecord]:
        """Give the audit records of a run, or of an agent's own chain, in order."""

    async def agent_chains(self) -> list[RunId]:
        """List the chains that tell what governs each agent: versions of its policy, and its levels."""

    async def recorded_head(self, run_id: RunId) -> AuditHead | None:
        """Give the head that the run row, or the agent's, keeps: a witness in another table."""

    async def observations(self, run_id: RunId) -> list[Observation]:
        """Give the run's transcript."""

    async def calls(self, run_id: RunId) -> list[JudgedCall]:
        """List the recorded calls of a run, in order."""

    def past_calls(self, agent: AgentName, within_s: int) -> AsyncIterator[PastCall]:
        """Yield the calls that an agent's plans of the last `within_s` seconds recorded, oldest first."""

    def follow(self, run_id: RunId, after: int = -1) -> AsyncIterator[AuditRecord]:
        """Yield audit records as they come, until the run has ended."""
