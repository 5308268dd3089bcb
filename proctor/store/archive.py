"""Read access for people, in Postgres."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any

from pydantic_core import from_json

from proctor.contracts.audit import AuditRecord, agent_chain, agent_of_chain
from proctor.contracts.errors import UnknownName
from proctor.contracts.ids import AgentName, Digest, PrincipalName, RunId
from proctor.contracts.planning import Observation
from proctor.contracts.run import AuditHead, RunRecord
from proctor.contracts.steps import JudgedCall, PastCall
from proctor.store.database import Database
from proctor.store.rows import Row, to_audit, to_head, to_run, verified
from proctor.store.transcript import PostgresTranscript

FOLLOW_INTERVAL_S = 0.2
PAGE = 500


class PostgresRunArchive:
    """Implements `RunArchive`."""

    def __init__(self, database: Database) -> None:
        """Take the database."""
        self._database = database

    async def runs(
        self,
        *,
        agent: AgentName | None = None,
        open_only: bool = False,
        requester: PrincipalName | None = None,
        after: tuple[datetime, RunId] | None = None,
        limit: int = 50,
    ) -> list[RunRecord]:
        """List runs, newest first; `after` goes on behind that run."""
        at, run_id = after or (None, None)
        rows = await self._database.rows("runs", agent, open_only, limit, requester, at, run_id)
        return [to_run(row) for row in rows]

    async def run(self, run_id: RunId) -> RunRecord:
        """Find a run. Raises `UnknownName`."""
        return to_run(await self._row(run_id))

    async def still_open(self, run_ids: Sequence[RunId]) -> set[RunId]:
        """Say which of many runs have not ended, in one query."""
        return {RunId(row["run_id"]) for row in await self._database.rows("still_open", list(run_ids))}

    async def content(self, digest: Digest) -> Any:
        """Give stored JSON. Raises `UnknownName` or `Corrupted`."""
        body = await self._database.value("content", digest)
        if body is None:
            raise UnknownName(f"there is no content {digest}")
        return from_json(verified(digest, body))

    async def audit(self, run_id: RunId) -> list[AuditRecord]:
        """Give the audit records of a run, in order."""
        return await self._audit_after(run_id, -1)

    async def agent_chains(self) -> list[RunId]:
        """List the chains of the agents that something governs."""
        return [agent_chain(row["agent"]) for row in await self._database.rows("agent_chains")]

    async def recorded_head(self, run_id: RunId) -> AuditHead | None:
        """Give the head that the run's row keeps, or the agent's own."""
        agent = agent_of_chain(run_id)
        if agent is not None:
            row = await self._database.row("agent_head", agent)
            if row is None:
                if agent.startswith("@"):
                    raise UnknownName(
                        f"nothing is recorded on {run_id} yet", hint="`audit verify --all` lists the chains"
                    )
                raise UnknownName(
                    f"nothing governs an agent {agent} yet", hint="its policy is recorded at its first run"
                )
            return to_head(row)
        return to_head(await self._row(run_id))

    async def observations(self, run_id: RunId) -> list[Observation]:
        """Give the run's transcript."""
        return await PostgresTranscript(self._database, run_id).all()

    async def calls(self, run_id: RunId) -> list[JudgedCall]:
        """List the recorded calls of a run, in order."""
        return [JudgedCall.model_validate(dict(row)) for row in await self._database.rows("judged_calls", run_id)]

    async def past_calls(self, agent: AgentName, within_s: int) -> AsyncIterator[PastCall]:
        """Yield the calls that an agent's plans of the last `within_s` seconds recorded, oldest first."""
        since, after = await self._database.value("seconds_ago", within_s), ("", -1, -1)
        while rows := await self._database.rows("past_calls", agent, since, *after, PAGE):
            for row in rows:
                fields = {name: row[name] for name in PastCall.model_fields if name not in {"arguments", "recorded"}}
                arguments = from_json(verified(row["arguments_digest"], row["arguments"]))
                yield PastCall(**fields, arguments=arguments, recorded=row["decision"])
            since, after = rows[-1]["at"], (rows[-1]["run_id"], rows[-1]["step"], rows[-1]["call"])

    async def follow(self, run_id: RunId, after: int = -1) -> AsyncIterator[AuditRecord]:
        """Yield audit records as they come, until the run has ended. Raises `UnknownName`.

        Polls: a NOTIFY in every writer's transaction would make all commits of the database queue for one lock.
        """
        while True:
            # The status is read before the records, so that the last ones are not missed.
            has_ended = (await self.run(run_id)).status.is_end
            for record in await self._audit_after(run_id, after):
                after = record.n
                yield record
            if has_ended:
                return
            await asyncio.sleep(FOLLOW_INTERVAL_S)

    async def _row(self, run_id: RunId) -> Row:
        row = await self._database.row("run", run_id)
        if row is None:
            raise UnknownName(f"there is no run {run_id}", hint="`proctor ps` lists the runs")
        return row

    async def _audit_after(self, run_id: RunId, after: int) -> list[AuditRecord]:
        return [to_audit(row) for row in await self._database.rows("audit", run_id, after)]
