"""What a change of the manifest does beyond the verdicts on calls."""

from collections.abc import Iterator
from typing import Any, Final

from policies.change.changes import Change
from policies.change.contracts import schema_change
from proctor.contracts.governing import ChangeKind
from proctor.contracts.manifest import AgentManifest

_JUDGED: Final = "allowed_tools allow_domains blocked_domains thresholds autonomy autonomy_by_tool autonomy_by_risk"
"""Fields whose effect is in the verdicts on calls."""
_NEUTRAL: Final = "version description planner"
_DOUBT: Final = "no rule judges it call by call"


def manifest_changes(old: AgentManifest, new: AgentManifest) -> Iterator[Change]:
    """List the changes of a manifest that no call shows."""
    for field, what, kind in _parts(old, new):
        yield Change(kind, f"manifest {field}", what, doubt=_DOUBT if kind is ChangeKind.LOOSENS else "")


def _parts(old: AgentManifest, new: AgentManifest) -> Iterator[tuple[str, str, ChangeKind]]:
    for field in AgentManifest.model_fields:
        before, after = getattr(old, field), getattr(new, field)
        if before == after or field in _JUDGED.split():
            continue
        if field == "bounds":
            yield from _bounds(before, after)
        elif field in {"input_schema", "output_schema"}:
            yield (field, *schema_change(field.replace("_", " "), before, after))
        elif field == "guardrails":
            yield from _guardrails(before, after)
        elif field == "approval_timeout_s":
            yield field, *_number("how long a request to a person stays open", before, after)
        elif field in _NEUTRAL.split():
            yield field, "changed, and no decision depends on it", ChangeKind.NEUTRAL
        else:
            yield field, f"was {before!r} and is {after!r}", ChangeKind.LOOSENS


def _bounds(old: Any, new: Any) -> Iterator[tuple[str, str, ChangeKind]]:
    for field in type(new).model_fields:
        before, after = getattr(old, field), getattr(new, field)
        if before != after:
            yield f"bounds.{field}", *_number("the bound", before, after)


def _number(what: str, old: Any, new: Any) -> tuple[str, ChangeKind]:
    return f"{what} was {old} and is {new}", ChangeKind.LOOSENS if new > old else ChangeKind.TIGHTENS


def _guardrails(old: tuple[str, ...], new: tuple[str, ...]) -> Iterator[tuple[str, str, ChangeKind]]:
    for name in sorted(set(old) - set(new)):
        yield "guardrails", f"{name} is no longer applied", ChangeKind.LOOSENS
    for name in sorted(set(new) - set(old)):
        yield "guardrails", f"{name} is applied", ChangeKind.TIGHTENS
