"""The declared plan: what a run said it would do before it had read anything untrusted, held against what it does.

A declared argument may take a value from the results of an earlier declared call. Such a slot takes whole fields of
structured results only: a field counts as structured when every record holds a single typed value there, so that an
account number inside a message, a subject or a web page fills no slot, even when it stands there alone. A read that
leaves for a place outside may also follow a link that stands in a text, since a link that is taken as it stands
carries nothing out.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from policies.flow.provenance import is_moment, tokens_of
from policies.flow.values import Kind, Token, keys, leaves
from proctor.contracts.labels import Flow, Integrity
from proctor.contracts.planning import DeclaredCall, DeclaredPlan
from proctor.contracts.tool import ArgumentRole, ToolContract

Standing = Literal["none", "on_plan", "off_plan"]
MADE_OF_WORDS: Final = frozenset({ArgumentRole.CONTENT, ArgumentRole.FILTER})
_IDENTIFIER: Final = re.compile(
    r"(?:^|_)(?:id|ids|uid|uuid|guid|key|no|nr|num|number|ref|code)_?$|[a-z](?:Id|ID|Ids|No|Number)$"
)
"""Names of fields whose numbers are identifiers."""
TRUSTED_SOURCES: Final = frozenset({"request", "manifest", "person"})


@dataclass(frozen=True, slots=True)
class CallFlow:
    """A proposed call with where its parts come from."""

    contract: ToolContract
    arguments: Mapping[str, Any]
    flows: Mapping[str, Flow]
    links: Mapping[str, Flow]
    """Of the arguments that are made of words: where the links in them come from."""
    derivation: Mapping[str, tuple[str, ...]] | None = None

    def role_of(self, argument: str) -> ArgumentRole:
        """Give the role of an argument; undeclared means target."""
        return self.contract.argument_roles.get(argument, ArgumentRole.TARGET)

    @property
    def leaves_by(self) -> frozenset[str]:
        """Arguments that leave for a place outside."""
        return frozenset(self.contract.egress_arguments) & self.arguments.keys()


@dataclass(slots=True)
class Slot:
    """What the results of one declared call hold."""

    fields: set[str] = field(default_factory=set)
    """Values that are a whole field of a structured result."""
    links: set[str] = field(default_factory=set)
    """Links, wherever they stand."""

    def add(self, result: Any) -> None:
        """Take a result in."""
        for column, values in _columns(result).items():
            if all(_is_typed(value) for value in values):
                self.fields.update(_key(value, as_name=_holds_identifiers(column)) for value in values)
            self.links.update(token.text for value in values for token in value if token.is_link)


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


def _key(value: list[Token], *, as_name: bool) -> str:
    """Tell numbers that name something from numbers that say how much: neither fills the other's slot."""
    if as_name and [token.kind for token in value] == [Kind.NUMBER]:
        return f"identifier:{value[0].key}"
    return " ".join(token.text for token in value)


def _holds_identifiers(column: tuple[str, ...]) -> bool:
    name = next((part for part in reversed(column) if part != "*"), "")
    return bool(_IDENTIFIER.search(name))


class PlanLedger:
    """Which calls of a declared plan were made, and what they gave."""

    def __init__(self, declared: DeclaredPlan | None) -> None:
        self._declared = declared
        self._made: Counter[str] = Counter()
        self._slots: dict[str, Slot] = {}

    def standing(self, call: CallFlow) -> Standing:
        """Say whether the call is one that was declared and not yet used up."""
        if self._declared is None:
            return "none"
        return "on_plan" if self._match(call) is not None else "off_plan"

    def record(self, call: CallFlow, result: Any, *, was_asked_for: bool) -> None:
        """Count a call that was made, and keep what it gave for the slots that refer to it.

        `was_asked_for`: a call off plan that was made nevertheless was let through by a person or before anything
        untrusted was read, and so stands for the declared call of its tool. Plain reads are not asked for: off plan,
        their results fill no slot.
        """
        declared = self._match(call) or (next(self._open(call), None) if was_asked_for else None)
        if declared is None:
            return
        self._made[declared.id] += 1
        self._slots.setdefault(declared.id, Slot()).add(result)

    def _open(self, call: CallFlow) -> Iterator[DeclaredCall]:
        for declared in self._declared.calls if self._declared else ():
            if declared.tool == call.contract.name and self._made[declared.id] < declared.max_count:
                yield declared

    def _match(self, call: CallFlow) -> DeclaredCall | None:
        return next((declared for declared in self._open(call) if self._fits(declared, call)), None)

    def _fits(self, declared: DeclaredCall, call: CallFlow) -> bool:
        return all(self._comes_from(declared, call, argument) for argument in call.arguments)

    def _comes_from(self, declared: DeclaredCall, call: CallFlow, argument: str) -> bool:
        listed = declared.arguments.get(argument)
        sources = frozenset(listed.sources) if listed else TRUSTED_SOURCES
        if call.derivation is not None and argument in call.derivation:
            return all(_source_of(root) in sources | TRUSTED_SOURCES for root in call.derivation[argument])
        role, is_egress = call.role_of(argument), argument in call.leaves_by
        is_words = role in MADE_OF_WORDS and not is_egress
        flow = call.links[argument] if is_words else call.flows[argument]
        if flow.labels.integrity is Integrity.TRUSTED:
            return True
        slots = [self._slots[source] for source in sources - TRUSTED_SOURCES if source in self._slots]
        if is_words:
            return _are_fields(_links_in(call.arguments[argument]), slots)
        may_follow = is_egress and call.contract.is_read
        as_name = role is ArgumentRole.TARGET
        values = [_key(tokens_of(leaf), as_name=as_name) for _, leaf in leaves(call.arguments[argument])]
        return _are_fields(values, slots, may_follow=may_follow)


def _source_of(root: str) -> str:
    if root in {"input", "goal"}:
        return "request"
    if root == "run":
        return "manifest"
    return root.removeprefix("steps.")


def _links_in(value: Any) -> list[str]:
    texts = [*(leaf for _, leaf in leaves(value)), *keys(value)]
    return [token.text for text in texts for token in tokens_of(text) if token.is_link]


def _are_fields(values: list[str], slots: list[Slot], *, may_follow: bool = False) -> bool:
    return bool(values) and all(
        any(value in slot.fields or (may_follow and value in slot.links) for slot in slots) for value in values
    )
