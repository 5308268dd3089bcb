"""Where the working tables say something else than the audit trail: an altered row is found though no record was."""

from collections.abc import Iterator, Sequence
from typing import Any

from proctor.contracts.audit import AuditRecord
from proctor.contracts.run import RunRecord
from proctor.contracts.steps import JudgedCall

_OF_RUN = {
    "run_accepted": {"agent": "agent", "owner": "owner", "requester": "requester", "tenant": "tenant"}
    | {"input": "input_digest", "bundle": "bundle_digest"},
    "run_opened": {"bundle": "bundle_digest", "policy": "policy_digest"},
    "run_closed": {"status": "status", "report": "report_digest"},
}
"""What an audit record of a kind says under a name, and the column of the run's row that must say the same."""


def contradictions(run: RunRecord, calls: Sequence[JudgedCall], records: Sequence[AuditRecord]) -> list[str]:
    """List them. `run` and `calls` must have been read after `records`, or a run that goes on contradicts itself."""
    return [*_of_run(run, records), *_of_calls(calls, records)]


def _of_run(run: RunRecord, records: Sequence[AuditRecord]) -> Iterator[str]:
    row = run.model_dump(mode="json")
    for record in records:
        for name, column in _OF_RUN.get(record.kind, {}).items():
            if name in record.body and record.body[name] != row[column]:
                yield f"the run's row says {column} {row[column]}, and record {record.n} says {record.body[name]}"


def _of_calls(calls: Sequence[JudgedCall], records: Sequence[AuditRecord]) -> Iterator[str]:
    judged = {(r.body["step"], r.body["call"]): r for r in records if r.kind == "call_judged"}
    found = {(call.step, call.call): call for call in calls}
    for place, record in judged.items():
        call = found.get(place)
        if call is None:
            yield f"the recorded call {place[0]}/{place[1]} is missing: record {record.n} judged it"
        elif _said(record) != (call.tool, call.tool_version, call.arguments):
            yield f"the recorded call {place[0]}/{place[1]} is not the one that record {record.n} judged"
    newest = max((step for step, _ in judged), default=-1)
    for step, index in sorted(found.keys() - judged.keys()):
        if step <= newest or any(record.kind == "run_closed" for record in records):
            yield f"the recorded call {step}/{index} was never judged"


def _said(record: AuditRecord) -> tuple[Any, ...]:
    return tuple(record.body.get(name) for name in ("tool", "tool_version", "arguments"))
