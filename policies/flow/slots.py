"""Slots: what the results of a declared call offer to the calls that refer to it.

A slot takes whole fields of structured results only: a field counts as structured when every record holds a single
typed value there. So an account number inside a message, a subject or a web page fills no slot, even when it stands
there alone.
"""

import re
from dataclasses import dataclass, field
from typing import Any, Final

from policies.flow.provenance import is_moment, tokens_of
from policies.flow.values import Kind, Token, keys, leaves

_IDENTIFIER: Final = re.compile(
    r"(?:^|_)(?:id|ids|uid|uuid|guid|key|no|nr|num|number|ref|code)_?$|[a-z](?:Id|ID|Ids|No|Number)$"
)
"""Names of fields whose numbers are identifiers."""


@dataclass(slots=True)
class Slot:
    """What the results of one declared call hold. They are read when somebody asks: a playbook's calls never do."""

    _columns: dict[tuple[str, ...], set[str]] = field(default_factory=dict)
    """Values that are a whole field of a structured result, by the place of the field in its records."""
    _links: set[str] = field(default_factory=set)
    """Links, wherever they stand."""
    _unread: list[Any] = field(default_factory=list)

    def add(self, result: Any) -> None:
        """Take a result in."""
        self._unread.append(result)

    def holds(self, value: str, *, may_follow: bool = False) -> bool:
        """Whether a value is a field; with `may_follow`, a link in a text will do."""
        self._read_all()
        return any(value in held for held in self._columns.values()) or (may_follow and value in self._links)

    def leaves_no_choice(self, value: str) -> bool:
        """Whether a value is the only one wherever it stands."""
        self._read_all()
        found = [held for held in self._columns.values() if value in held]
        return bool(found) and all(len(held) == 1 for held in found)

    def _read_all(self) -> None:
        for result in self._unread:
            self._read(result)
        self._unread.clear()

    def _read(self, result: Any) -> None:
        for column, values in _columns(result).items():
            if all(_is_typed(value) for value in values):
                held = (key_of(value, as_name=_holds_identifiers(column)) for value in values)
                self._columns.setdefault(column, set()).update(held)
            self._links.update(token.text for value in values for token in value if token.is_link)


def _columns(result: Any) -> dict[tuple[str, ...], list[list[Token]]]:
    """Collect what stands in the same field of each record."""
    columns: dict[tuple[str, ...], list[list[Token]]] = {}
    for path, leaf in leaves(result):
        if path and leaf is not None and not isinstance(leaf, bool):
            column = tuple("*" if isinstance(part, int) else part for part in path)
            columns.setdefault(column, []).append(tokens_of(leaf))
    names = [tokens_of(key) for key in keys(result)]
    return columns | ({("keys",): names} if names else {})


def _is_typed(value: list[Token]) -> bool:
    return is_moment(value) or (len(value) == 1 and value[0].kind is not Kind.SYMBOL)


def key_of(value: list[Token], *, as_name: bool) -> str:
    """Tell numbers that name something from numbers that say how much: neither fills the other's slot."""
    if as_name and [token.kind for token in value] == [Kind.NUMBER]:
        return f"identifier:{value[0].key}"
    return " ".join(token.text for token in value)


def _holds_identifiers(column: tuple[str, ...]) -> bool:
    name = next((part for part in reversed(column) if part != "*"), "")
    return bool(_IDENTIFIER.search(name))
