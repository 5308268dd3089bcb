"""What a change of a tool's contract does: to what is asked of its calls, whatever the rules say."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from policies.change.changes import Change
from policies.change.schemas import is_narrower
from proctor.contracts.closing import closed
from proctor.contracts.governing import ChangeKind
from proctor.contracts.ids import ToolName
from proctor.contracts.tool import ArgumentRole, Effect, Idempotency, Risk, ToolContract

_DOUBT: Final = "no rule judges it call by call"
_SAID: Final = "version owner description timeout_s retry"
"""Fields that say who and how, and bear on no decision."""


def contract_changes(old: ToolContract, new: ToolContract) -> Iterator[Change]:
    """List what changed in a contract; the verdicts that follow from it are compared call by call elsewhere."""
    where = f"tool {new.name}"
    for what, kind in _parts(old, new):
        yield Change(kind, where, what, _of(new, kind), doubt=_DOUBT if kind is ChangeKind.LOOSENS else "")


def _of(tool: ToolContract, kind: ChangeKind) -> tuple[ToolName, ...]:
    return () if kind is ChangeKind.NEUTRAL else (tool.name,)


def _parts(old: ToolContract, new: ToolContract) -> Iterator[tuple[str, ChangeKind]]:
    yield from _ranked("effect", old.effect, new.effect, tuple(Effect))
    yield from _ranked("risk", old.risk, new.risk, tuple(Risk))
    settled = (Idempotency.NATIVE, Idempotency.READ_BACK, Idempotency.NONE)
    yield from _ranked("idempotency", old.idempotency, new.idempotency, settled)
    yield from _schemas(old, new)
    yield from _roles(old, new)
    yield from _egress(old, new)
    for field in ("action", "probe", "compensation", "implementation"):
        if getattr(old, field) != getattr(new, field):
            yield f"{field} is another one, which cannot be compared", ChangeKind.LOOSENS
    said = [field for field in _SAID.split() if getattr(old, field) != getattr(new, field)]
    if said:
        yield f"{', '.join(said)} changed", ChangeKind.NEUTRAL


def _ranked(field: str, old: Any, new: Any, loosest_first: Sequence[Any]) -> Iterator[tuple[str, ChangeKind]]:
    if old != new:
        is_looser = loosest_first.index(new) < loosest_first.index(old)
        yield f"{field} {old} becomes {new}", ChangeKind.LOOSENS if is_looser else ChangeKind.TIGHTENS


def _schemas(old: ToolContract, new: ToolContract) -> Iterator[tuple[str, ChangeKind]]:
    for field, name in (("input_schema", "input schema"), ("output_schema", "output schema")):
        before, after = getattr(old, field), getattr(new, field)
        if before != after:
            # What an input schema leaves unsaid, it refuses: to say that it is open is a change.
            means = closed if field == "input_schema" else dict
            yield schema_change(name, means(before), means(after))


def schema_change(name: str, old: dict[str, Any], new: dict[str, Any]) -> tuple[str, ChangeKind]:
    """Say what another schema does: it loosens unless it is proved to accept no more."""
    if not is_narrower(new, old):
        return f"the {name} may accept more than before", ChangeKind.LOOSENS
    if is_narrower(old, new):
        return f"the {name} accepts the same in other words", ChangeKind.NEUTRAL
    return f"the {name} accepts less", ChangeKind.TIGHTENS


def _roles(old: ToolContract, new: ToolContract) -> Iterator[tuple[str, ChangeKind]]:
    target = ArgumentRole.TARGET
    for name in sorted({**old.argument_roles, **new.argument_roles}):
        before, after = old.argument_roles.get(name, target), new.argument_roles.get(name, target)
        if before is not after:
            is_known = after is target
            kind = ChangeKind.TIGHTENS if is_known else ChangeKind.LOOSENS
            yield f"the role of {name} was {before} and is {after}", kind


def _egress(old: ToolContract, new: ToolContract) -> Iterator[tuple[str, ChangeKind]]:
    for name in old.egress_arguments:
        if name not in new.egress_arguments:
            yield f"{name} no longer counts as leaving for a place outside", ChangeKind.LOOSENS
    for name in new.egress_arguments:
        if name not in old.egress_arguments:
            yield f"{name} counts as leaving for a place outside", ChangeKind.TIGHTENS
