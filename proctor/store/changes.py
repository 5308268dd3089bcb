"""Everything that one transaction writes about a run, collected and written in one statement."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from proctor.contracts.audit import GENESIS, chain
from proctor.contracts.canonical import digest_bytes, summarize
from proctor.contracts.human import HumanRequest
from proctor.contracts.ids import Digest, RunId
from proctor.contracts.labels import Integrity, Labels
from proctor.contracts.run import AuditHead
from proctor.store.database import Connection
from proctor.store.locked import LockedRun
from proctor.store.queries import query
from proctor.store.storable import canonical_text, clean, clean_body

Json = dict[str, Any]

OWN_WORDS = Labels(integrity=Integrity.TRUSTED, sources=("proctor",))
"""Labels of what Proctor itself writes into the transcript."""


class Overtaken(Exception):
    """Somebody wrote about the run since it was read."""


class Changes:
    """A batch for one run, whose row is locked; audit records are chained in the order in which they are added."""

    def __init__(self, run_id: RunId, at: datetime, head: AuditHead | None = None, transcript_n: int = -1) -> None:
        """Begin a batch after the audit record `head` and the transcript entry `transcript_n`."""
        self.run_id, self.at, self._head, self._n = run_id, at, head, transcript_n
        self._known: tuple[str, int] | tuple[None, None] = (None, None)
        self._run: Json = {}
        self._events: list[tuple[str, Json]] = []
        self._records: list[Json] = []
        self._content: dict[Digest, str] = {}
        self._transcript: list[Json] = []
        self._effects: list[Json] = []
        self._requests: list[Json] = []
        self._standings: dict[str, Json] = {}
        self._decisions: list[Json] = []
        self._plans: list[Json] = []
        self._calls: list[Json] = []
        self._goals: list[Json] = []
        self._declarations: list[Json] = []
        self._reads: list[Json] = []
        self._reviews: list[Json] = []
        self._verdicts: list[Json] = []
        self._levels: list[Json] = []
        self._notices: list[Json] = []

    @classmethod
    def to(cls, locked: LockedRun) -> "Changes":
        """Begin a batch on a run that is locked, or was read a moment ago."""
        batch = cls(locked.run_id, locked.at, locked.head, locked.run["transcript_n"])
        if not locked.is_locked:
            batch._known = (locked.run["audit_hash"] or GENESIS, locked.run["transcript_n"])
        return batch

    def audit(self, kind: str, /, **body: Any) -> None:
        """Add an audit record: references, decisions and summaries, never content."""
        self._events.append((kind, clean_body(body)))

    def content(self, value: Any) -> Digest:
        """Store a JSON value by its digest."""
        return self.content_text(canonical_text(value))

    def content_text(self, body: str) -> Digest:
        """Store canonical JSON by its digest."""
        digest = digest_bytes(body.encode())
        self._content[digest] = body
        return digest

    def observe(
        self,
        kind: str,
        content: Any,
        *,
        step: int,
        call: int = 0,
        node: str = "",
        tool: str | None = None,
        labels: Labels = OWN_WORDS,
        summary: str | None = None,
    ) -> tuple[Digest, str]:
        """Add a transcript entry; gives the digest of its content and its one-line summary."""
        body = canonical_text(content)
        digest, summary = self.content_text(body), summary or _summary(kind, content, body)
        self._n += 1
        entry = {"n": self._n, "step": step, "call": call, "kind": kind, "node": node, "tool": tool}
        self._transcript.append({**entry, "content_digest": digest, "labels": labels, "summary": summary})
        return digest, summary

    def effect(self, row: Json) -> None:
        """Insert or update an effect by its key."""
        self._effects.append(row)

    def ask(self, request: HumanRequest) -> None:
        """Insert a request to people; one with the same id stays as it is."""
        row = request.model_dump(mode="json", exclude={"run_id", "state", "decided_by", "reason"})
        row |= {"title": clean(request.title), "details": clean_body(request.details)}
        self._requests.append(row)

    def stand(self, request_id: str, **fields: Any) -> None:
        """Change where a request stands."""
        self._standings.setdefault(request_id, {"id": request_id}).update(fields)

    def decision(self, **row: Any) -> None:
        """Append a person's decision."""
        self._decisions.append({"at": self.at, **row})

    def plan(self, **row: Any) -> None:
        """Insert a step's plan."""
        self._plans.append({"recorded_at": self.at, **row})

    def planned_call(self, **row: Any) -> None:
        """Insert a call of a plan."""
        self._calls.append(row)

    def deny_goal(self, **row: Any) -> None:
        """Remember that a goal was denied in this run; the first denial of each stands."""
        self._goals.append({"at": self.at, **row})

    def declare(self, **row: Any) -> None:
        """Insert the plan that the run declared."""
        self._declarations.append({"at": self.at, **row})

    def read_call(self, **row: Any) -> None:
        """Note that a read was dispatched, for windows over history; once for each call."""
        self._reads.append({"at": self.at, **row})

    def review(self, **row: Any) -> None:
        """Insert a review for a person to make; one with the same id stays as it is."""
        self._reviews.append({"at": self.at, **row})

    def verdict(self, **row: Any) -> None:
        """Append a person's verdict; the agent is locked (`lock_agent`)."""
        self._verdicts.append(row)

    def level(self, **row: Any) -> None:
        """Append a level of one of the agent's cells; the agent is locked (`lock_agent`)."""
        self._levels.append(row)

    def notice(self, **row: Any) -> None:
        """Append a notice to be delivered; once for each call and person."""
        self._notices.append({"at": self.at, **row})

    def run(self, **fields: Any) -> None:
        """Change columns of the run's row."""
        self._run.update(fields)

    def seal(self) -> AuditHead | None:
        """Chain the audit records added so far; gives the head after them."""
        records = chain(self.run_id, self._head, self.at, self._events)
        self._events = []
        self._records += [record.model_dump(mode="json", exclude={"run_id"}) for record in records]
        if records:
            self._head = AuditHead(n=records[-1].n, hash=records[-1].hash)
        return self._head

    async def write(self, connection: Connection) -> AuditHead | None:
        """Write the batch in one statement; gives the head of the audit chain after it.

        Raises:
            Overtaken: the run was not locked and has moved on; nothing was written.

        """
        head = self.seal()
        if await connection.fetchval(query("record"), *self._arguments()) is None:
            raise Overtaken
        return head

    def _arguments(self) -> tuple[Any, ...]:
        """Give what the statement takes, once everything is sealed."""
        at_head = {} if self._head is None else {"audit_n": self._head.n, "audit_hash": self._head.hash}
        contents = [{"digest": digest, "body": body} for digest, body in self._content.items()]
        rows = (
            contents,
            self._records,
            self._transcript,
            self._effects,
            self._requests,
            list(self._standings.values()),
            self._decisions,
            self._plans,
            self._calls,
        )
        governing = (
            self._goals,
            self._declarations,
            self._reads,
            self._reviews,
            self._verdicts,
            self._levels,
            self._notices,
        )
        run = {**self._run, **at_head, "transcript_n": self._n}
        return (self.run_id, run, *(r or None for r in rows), *self._known, *(g or None for g in governing))


async def write_all(connection: Connection, batches: Sequence[Changes]) -> list[AuditHead | None]:
    """Write the batches of many locked runs without waiting for an answer to each; gives the heads."""
    heads = [batch.seal() for batch in batches]
    await connection.executemany(query("record"), [batch._arguments() for batch in batches])  # noqa: SLF001 - its own
    return heads


def _summary(kind: str, content: Any, body: str) -> str:
    if kind == "denial":
        return clean(summarize(content["reason"]))
    return clean(summarize(content["error"])) if kind == "failure" else summarize(body)
