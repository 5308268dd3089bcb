"""From rows to contracts."""

import hashlib
from collections.abc import Iterable
from typing import Any

from pydantic_core import from_json

from proctor.contracts.approving import Grant
from proctor.contracts.audit import AuditRecord
from proctor.contracts.errors import Corrupted
from proctor.contracts.governing import Cell, CellLevel, DeniedGoal, WindowAnswer
from proctor.contracts.granting import HeldGrant
from proctor.contracts.human import HumanRequest
from proctor.contracts.kill import Fence
from proctor.contracts.planning import Observation
from proctor.contracts.run import AuditHead, RunRecord

Row = Any
"""A record of asyncpg, read by column name."""

_RUN = tuple(name for name in RunRecord.model_fields if name != "cost_usd")
_REQUEST = tuple(HumanRequest.model_fields)
_GRANT = tuple(Grant.model_fields)
_FENCE = tuple(Fence.model_fields)
_AUDIT = tuple(AuditRecord.model_fields)
_GOAL = tuple(DeniedGoal.model_fields)
_LEVEL = tuple(name for name in CellLevel.model_fields if name != "cell")


def to_run(row: Row) -> RunRecord:
    """Read a run; what is reserved and not settled counts as spent."""
    fields = {name: row[name] for name in _RUN}
    return RunRecord.model_validate({**fields, "cost_usd": row["cost_usd"] + row["reserved_usd"]})


def to_head(row: Row) -> AuditHead | None:
    """Read the head of the audit chain from a run's row."""
    return None if row["audit_hash"] is None else AuditHead(n=row["audit_n"], hash=row["audit_hash"])


def to_request(row: Row) -> HumanRequest:
    """Read a request."""
    return HumanRequest.model_validate({name: row[name] for name in _REQUEST})


def to_grant(row: Row) -> Grant:
    """Read a standing grant."""
    return Grant.model_validate({name: row[name] for name in _GRANT})


def to_held(rows: Iterable[Row] | None) -> tuple[HeldGrant, ...]:
    """Read grants with the roles that their authors have."""
    return tuple(HeldGrant(grant=to_grant(row["standing"]), roles=row["roles"]) for row in rows or ())


def to_fence(row: Row) -> Fence:
    """Read a fence."""
    return Fence.model_validate({name: row[name] for name in _FENCE})


def to_level(row: Row) -> CellLevel:
    """Read a level of a cell."""
    cell = Cell(tool=row["tool"], risk=row["risk"])
    return CellLevel.model_validate({**{name: row[name] for name in _LEVEL}, "cell": cell})


def to_levels(rows: Iterable[Row] | None) -> tuple[CellLevel, ...]:
    """Read levels of cells."""
    return tuple(to_level(row) for row in rows or ())


def to_denied_goals(rows: Iterable[Row] | None) -> tuple[DeniedGoal, ...]:
    """Read the goals that were denied in a run."""
    return tuple(DeniedGoal.model_validate({name: row[name] for name in _GOAL}) for row in rows or ())


def to_answers(rows: Iterable[Row] | None) -> tuple[WindowAnswer, ...]:
    """Read answers to windows; numbers come as text, so that they stay exact."""
    return tuple(WindowAnswer.model_validate(row) for row in rows or ())


def to_audit(row: Row) -> AuditRecord:
    """Read an audit record."""
    return AuditRecord.model_validate({name: row[name] for name in _AUDIT})


def to_observation(row: Row) -> Observation:
    """Read a transcript entry with its content."""
    names = ("n", "step", "call", "kind", "node", "tool", "labels")
    content = from_json(verified(row["content_digest"], row["body"]))
    return Observation.model_validate({**{name: row[name] for name in names}, "content": content})


def verified(digest: str, body: str | None) -> str:
    """Give `body` if it is what its digest says. Raises `Corrupted`."""
    if body is None or hashlib.sha256(body.encode()).hexdigest() != digest:
        raise Corrupted(f"the stored content {digest[:16]}… does not match its digest", hint="restore from a backup")
    return body
