"""Proves a run's audit trail against heads that are kept elsewhere, and exports it with them."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import ValidationError

from gateway.contradictions import contradictions
from gateway.engine import RunEngine
from gateway.unfitting import first_misfit
from proctor.contracts.archive_ports import RunArchive
from proctor.contracts.audit import AuditRecord, agent_of_chain, find_breaks
from proctor.contracts.base import Contract
from proctor.contracts.errors import InvalidInput, Unavailable
from proctor.contracts.ids import RunId
from proctor.contracts.run import AuditHead

STEADY_READS = 10
"""How often a trail that grows while we read it is read anew."""


class Witness(Contract):
    """A head, and where it was kept."""

    source: Literal["run_row", "agent_row", "workflow_history", "given"]
    head: AuditHead


@dataclass(frozen=True)
class Trail:
    """The audit records of a run and the witnesses for them. `notes` name the witnesses that could not be asked."""

    run_id: RunId
    records: list[AuditRecord]
    witnesses: list[Witness]
    notes: list[str] = field(default_factory=list)
    contradictions: list[str] = field(default_factory=list)
    """Where the working tables say something else; an export carries the records alone."""

    def breaks(self) -> list[str]:
        """List every way in which the trail is not proven: each break of the chain, and records nobody witnessed."""
        heads = [witness.head for witness in self.witnesses]
        found = find_breaks(self.run_id, self.records, heads)
        newest = max((head.n for head in heads), default=-1)
        if heads and self.records and self.records[-1].n > newest:
            found.append(f"records after {newest} have no witness: they may have been added")
        return found + self.contradictions


async def read_trail(run_id: RunId, archive: RunArchive, engine: RunEngine) -> Trail:
    """Read a run's trail with the witnesses of run row and workflow history.

    An engine that does not answer is a note, not an error: the run row is a witness by itself. An agent's own chain
    has the agent's row for a witness.

    Raises:
        UnknownName: there is no such run.

    """
    if agent_of_chain(run_id) is not None:
        records, head = await _steady(run_id, archive)
        return Trail(run_id, records, [Witness(source="agent_row", head=head)] if head is not None else [])
    await archive.run(run_id)
    witnesses, notes = [], []
    try:  # History first: heads read later could be ahead of the records of a run that goes on.
        witnesses += [Witness(source="workflow_history", head=head) for head in _unique(await engine.heads(run_id))]
    except Unavailable as error:
        notes.append(f"workflow history was not asked: {error.message}")
    records, head = await _steady(run_id, archive)
    if head is not None:
        witnesses.append(Witness(source="run_row", head=head))
    against = contradictions(await archive.run(run_id), await archive.calls(run_id), records)
    return Trail(run_id, records, witnesses, notes, against)


async def _steady(run_id: RunId, archive: RunArchive) -> tuple[list[AuditRecord], AuditHead | None]:
    before = await archive.recorded_head(run_id)
    for _ in range(STEADY_READS):
        records, after = await archive.audit(run_id), await archive.recorded_head(run_id)
        if before == after:
            break
        before = after
    return records, after


def export_lines(trail: Trail) -> Iterator[dict[str, Any]]:
    """Give the trail as JSON objects, a line each: the run, its records in order, the witnesses."""
    yield {"type": "trail", "version": 1, "run_id": trail.run_id}
    for record in trail.records:
        yield {"type": "record", **record.model_dump(mode="json")}
    for witness in trail.witnesses:
        yield {"type": "witness", **witness.model_dump(mode="json")}


def import_lines(lines: Iterable[str], name: str) -> Trail:
    """Read what `export_lines` gave.

    Raises:
        InvalidInput: it is not such an export; names the line.

    """
    run_id, records, witnesses = None, [], []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            content = json.loads(line)
            kind = content.pop("type")
            if kind == "trail":
                run_id = RunId(str(content["run_id"]))
            elif kind == "record":
                records.append(AuditRecord.model_validate(content))
            elif kind == "witness":
                witnesses.append(Witness.model_validate(content))
            else:
                raise ValueError(f"unknown type {kind!r}")  # noqa: TRY301 - one place says where the mistake is
        except (ValueError, KeyError, AttributeError, TypeError) as error:
            raise InvalidInput(f"{name}:{number}: not a line of an audit export: {_short(error)}") from error
    if run_id is None:
        raise InvalidInput(f"{name} is not an audit export", hint="write one with `proctor audit export RUN`")
    return Trail(run_id, records, witnesses)


def _short(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return first_misfit(error)
    return f"{type(error).__name__} {error}"


def _unique(heads: list[AuditHead]) -> list[AuditHead]:
    return sorted({(head.n, head.hash): head for head in heads}.values(), key=lambda head: (head.n, head.hash))
