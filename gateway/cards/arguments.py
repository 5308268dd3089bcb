"""The arguments of a call on its card: what each steers, what is in it, and where that comes from."""

from collections.abc import Iterable
from typing import Any, Final

from gateway.cards.values import Rows, digest_of, rows_of
from gateway.cards.visible_text import LeftOut, Mark, Shown, line, show
from proctor.contracts.base import Contract
from proctor.contracts.labels import Flow, Integrity, Origin
from proctor.contracts.tool import ArgumentRole

MOST_ARGUMENTS: Final = 60
SOURCES: Final = {
    Origin.REQUEST: "the request",
    Origin.MANIFEST: "the agent's owner",
    Origin.ADDRESS_BOOK: "the address book",
    Origin.PERSON: "a person",
    Origin.VALIDATED: "a validated result",
    Origin.TOOL: "a tool's result",
    Origin.PLANNER: "made up by the agent",
}


class CardArgument(Contract):
    """One argument with its whole value, and where that comes from."""

    name: str
    role: ArgumentRole
    """What it steers; undeclared ones count as targets."""
    is_declared: bool
    """Whether the tool's contract says so."""
    rows: Rows
    sources: tuple[str, ...] = ()
    """Where its parts come from, in words, and the names of those sources; empty where that was not traced."""
    is_trusted: bool | None = None
    """None: not traced."""
    confidentiality: str = ""
    name_marks: tuple[Mark, ...] = ()

    @property
    def marks(self) -> tuple[Mark, ...]:
        """What was made visible in its name and in its values, each once."""
        found = (*self.name_marks, *(mark for value in self.rows.values for mark in value.shown.marks))
        return tuple({mark.code: mark for mark in found}.values())

    @property
    def is_whole(self) -> bool:
        """Whether every value of it is shown from its beginning to its end."""
        return not self.rows.left_out and all(one.shown.left_out is None for one in self.rows.values)


def arguments_of(
    details: dict[str, Any], arguments: dict[str, Any], *, whole: bool
) -> tuple[tuple[CardArgument, ...], LeftOut | None]:
    """Lay out the arguments of a call by what its details tell of them; of too many, say what is left out."""
    names = list(arguments)
    kept, left_out = names, None
    if not whole and len(names) > MOST_ARGUMENTS:
        half = MOST_ARGUMENTS // 2
        declared = [name for name in names[half:-half] if name in (details.get("roles") or {})]
        kept = [*names[:half], *declared[:half], *names[-half:]]
        rest = {name: arguments[name] for name in names if name not in set(kept)}
        left_out = LeftOut(count=len(rest), of="arguments", sha256=digest_of(rest))
    return tuple(_argument(name, arguments[name], details, whole=whole) for name in kept), left_out


def _argument(name: str, value: Any, details: dict[str, Any], *, whole: bool) -> CardArgument:
    role = (details.get("roles") or {}).get(name)
    named, rows = show(name, whole=whole, head=60, tail=30), rows_of(value, whole=whole)
    flow = (details.get("flows") or {}).get(name)
    return CardArgument(
        name=named.text if name.isidentifier() and name.isascii() else f"“{named.text}”",
        role=ArgumentRole(role or ArgumentRole.TARGET),
        is_declared=role is not None,
        rows=rows,
        name_marks=named.marks,
        **({} if flow is None else _provenance(Flow.model_validate(flow))),
    )


def _provenance(flow: Flow) -> dict[str, Any]:
    return {
        "sources": _sources(flow),
        "is_trusted": flow.labels.integrity is Integrity.TRUSTED,
        "confidentiality": flow.labels.confidentiality.value,
    }


def _sources(flow: Flow) -> tuple[str, ...]:
    """Name the origins, then the sources by their names; a trusted source that is called as its origin is said once."""
    said = set(flow.origins) if flow.labels.integrity is Integrity.TRUSTED else set()
    names = (line(name) for name in flow.labels.sources if name not in said)
    return (*(SOURCES[origin] for origin in flow.origins), *names)


def in_brief(listed: Iterable[CardArgument], role: ArgumentRole) -> tuple[str, ...]:
    """Name what the declared arguments of a role hold; of long lists the first, and how many there are."""
    said = []
    for argument in listed:
        if argument.role is role and argument.is_declared:
            values = argument.rows.values
            total = len(values) + sum(one.count for one in argument.rows.left_out)
            first = ", ".join(_short(one.shown, one.reading) for one in values[:3])
            said.append(f"{argument.name}: {first}" + (f" and {total - 3} more" if total > 3 else ""))  # noqa: PLR2004
    return tuple(said)


def _short(shown: Shown, reading: str) -> str:
    text = shown.text
    brief = text if len(text) <= 160 else f"{text[:80]} … {text[-80:]}"  # noqa: PLR2004 - fits a title
    return reading or brief
