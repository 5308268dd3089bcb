"""The hash chain of a run's audit: pure, so that it can be verified without a database."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from proctor.contracts.base import Contract
from proctor.contracts.canonical import digest_json
from proctor.contracts.ids import AgentName, Digest, RunId
from proctor.contracts.run import AuditHead

GENESIS = Digest("0" * 64)
"""Previous hash of the first record of every chain."""


_AGENT_CHAIN = "agent:"
INSTALLATION = AgentName("@installation")
"""No agent's name: its chain, `agent:@installation`, tells who was let in and by whom."""


def agent_chain(agent: AgentName) -> RunId:
    """Name the chain that tells what governs an agent; no run has such an id, for keys hold no colon."""
    return RunId(f"{_AGENT_CHAIN}{agent}")


def agent_of_chain(chain_id: RunId) -> AgentName | None:
    """Give the agent whose own chain this is; None for a run's."""
    return AgentName(chain_id.removeprefix(_AGENT_CHAIN)) if chain_id.startswith(_AGENT_CHAIN) else None


class AuditRecord(Contract):
    """One record: `hash = SHA-256(RFC 8785 of all other fields)`, chained by `prev`."""

    run_id: RunId
    n: int
    at: datetime
    kind: str
    """Past participle: run_opened, plan_recorded, approval_requested, approval_granted, effect_intended, …"""
    body: dict[str, Any]
    prev: Digest
    hash: Digest

    def expected_hash(self) -> Digest:
        """Compute the hash that the record must carry."""
        return digest_json(self.model_dump(mode="json", exclude={"hash"}))


def chain(
    run_id: RunId, head: AuditHead | None, at: datetime, events: Iterable[tuple[str, dict[str, Any]]]
) -> list[AuditRecord]:
    """Append `events` (kind, body) to the chain that ends in `head`, all at the time `at`."""
    n, prev, records = (-1, GENESIS, []) if head is None else (head.n, head.hash, [])
    for kind, body in events:
        n += 1
        draft = AuditRecord(run_id=run_id, n=n, at=at, kind=kind, body=body, prev=prev, hash=GENESIS)
        prev = draft.expected_hash()
        records.append(draft.model_copy(update={"hash": prev}))
    return records


def find_breaks(run_id: RunId, records: list[AuditRecord], witnesses: Iterable[AuditHead]) -> list[str]:
    """List every way in which `records` is not the chain that was written; empty means proven.

    `witnesses` are heads kept outside the records (run row, workflow history, export). Each must be found in the
    chain, so that cutting off the newest records is seen too; no witness at all is a break (fail closed).
    """
    breaks, prev = [], GENESIS
    for position, record in enumerate(records):
        if record.run_id != run_id:
            breaks.append(f"record {position} belongs to run {record.run_id}")
        if record.n != position:
            breaks.append(f"record {position} is numbered {record.n}: one is missing, doubled or out of order")
        if record.prev != prev:
            breaks.append(f"record {record.n} does not follow from the record before it")
        if record.hash != record.expected_hash():
            breaks.append(f"record {record.n} was altered: its content does not match its hash")
        prev = record.hash
    return breaks + _missing_witnesses(records, list(witnesses))


def _missing_witnesses(records: list[AuditRecord], witnesses: list[AuditHead]) -> list[str]:
    if not witnesses:
        return ["no witness: nothing outside the records says where the chain ends"]
    by_n = {record.n: record.hash for record in records}
    breaks = []
    for witness in witnesses:
        if witness.n not in by_n:
            breaks.append(f"record {witness.n} is missing: a witness saw it ({witness.hash[:12]}…)")
        elif by_n[witness.n] != witness.hash:
            breaks.append(f"record {witness.n} is not the one that a witness saw ({witness.hash[:12]}…)")
    return breaks
