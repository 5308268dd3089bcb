"""What a person changed in the arguments of a call: every value that differs, whole, by its path."""

from typing import Any

from gateway.cards.values import Value, flat, value_of
from proctor.contracts.base import Contract


class Change(Contract):
    """One path at which two arguments differ. None: there is nothing at this path."""

    path: str
    old: Value | None
    new: Value | None


def changes_between(old: Any, new: Any, *, whole: bool = False) -> tuple[Change, ...]:
    """List every difference, in the order of the new arguments and then of what is gone."""
    before, after = dict(flat(old)), dict(flat(new))
    paths = [*after, *(path for path in before if path not in after)]
    return tuple(
        Change(
            path=value_of(path.removeprefix(".") or "all", True, whole=whole).path,
            old=value_of("", before[path], whole=whole) if path in before else None,
            new=value_of("", after[path], whole=whole) if path in after else None,
        )
        for path in paths
        if path not in before or path not in after or not _is_same(before[path], after[path])
    )


def _is_same(old: Any, new: Any) -> bool:
    """Whether two values are one; true and 1, or the text `1`, are not."""
    is_number = isinstance(old, int | float) and isinstance(new, int | float)
    same_kind = isinstance(old, bool) == isinstance(new, bool) if is_number else type(old) is type(new)
    return same_kind and bool(old == new)
