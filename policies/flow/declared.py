"""The declared plan: what a run said it would do before it had read anything untrusted, held against what it does.

A declared argument may take a value from the results of an earlier declared call (`policies/flow/slots.py`). A read
that leaves for a place outside may also follow a link that stands in a text: taken as it stands it carries nothing out.

A text among the records can steer which record is chosen. So an irreversible call that is nothing but a choice, all of
whose arguments are slots (delete one of these files), is on plan only where there is one record to choose.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from policies.flow.provenance import tokens_of
from policies.flow.slots import Slot, key_of
from policies.flow.values import keys, leaves
from proctor.contracts.labels import Flow, Integrity
from proctor.contracts.planning import DeclaredCall, DeclaredPlan
from proctor.contracts.tool import ArgumentRole, Effect, ToolContract

Standing = Literal["none", "on_plan", "off_plan"]
MADE_OF_WORDS: Final = frozenset({ArgumentRole.CONTENT, ArgumentRole.FILTER})
_UNTRUSTED: Final = Integrity.UNTRUSTED
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

    @property
    def is_bare_choice(self) -> bool:
        """Whether an irreversible call only picks what to act on: nothing in it is trusted, and it need say nothing.

        Words that the tool does not require make no difference: a planner could add them to any call.
        """
        if self.contract.effect is not Effect.IRREVERSIBLE or self.derivation is not None:
            return False
        required = self.contract.input_schema.get("required", ())
        picked = [name for name in self.arguments if not self.is_words(name)]
        says = any(self.is_words(name) and name in required for name in self.arguments)
        return bool(picked) and not says and all(self.flows[name].labels.integrity is _UNTRUSTED for name in picked)

    def is_words(self, argument: str) -> bool:
        """Whether an argument is made of words, in which only links matter."""
        return self.role_of(argument) in MADE_OF_WORDS and argument not in self.leaves_by

    def values_of(self, argument: str) -> list[str]:
        """Give the values of an argument as slots hold them."""
        as_name = self.role_of(argument) is ArgumentRole.TARGET
        return [key_of(tokens_of(leaf), as_name=as_name) for _, leaf in leaves(self.arguments[argument])]


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
        if not all(self._comes_from(declared, call, argument) for argument in call.arguments):
            return False
        return not call.is_bare_choice or all(
            self._is_only_one(declared, call, name) for name in call.arguments if not call.is_words(name)
        )

    def _is_only_one(self, declared: DeclaredCall, call: CallFlow, argument: str) -> bool:
        slots = self._slots_of(declared, argument)
        return all(
            any(slot.leaves_no_choice(value) for slot in slots if slot.holds(value))
            for value in call.values_of(argument)
        )

    def _slots_of(self, declared: DeclaredCall, argument: str) -> list[Slot]:
        sources = _sources_of(declared, argument) - TRUSTED_SOURCES
        return [self._slots[source] for source in sorted(sources) if source in self._slots]

    def _comes_from(self, declared: DeclaredCall, call: CallFlow, argument: str) -> bool:
        if call.derivation is not None and argument in call.derivation:
            sources = _sources_of(declared, argument) | TRUSTED_SOURCES
            return all(_source_of(root) in sources for root in call.derivation[argument])
        is_words = call.is_words(argument)
        flow = call.links[argument] if is_words else call.flows[argument]
        if flow.labels.integrity is Integrity.TRUSTED:
            return True
        slots = self._slots_of(declared, argument)
        if is_words:
            return _fills(_links_in(call.arguments[argument]), slots)
        if any(keys(call.arguments[argument])):
            return False  # A slot gives values; what an object's keys say comes from nowhere.
        return _fills(call.values_of(argument), slots, may_follow=argument in call.leaves_by and call.contract.is_read)


def _sources_of(declared: DeclaredCall, argument: str) -> frozenset[str]:
    listed = declared.arguments.get(argument)
    return frozenset(listed.sources) if listed else TRUSTED_SOURCES


def _source_of(root: str) -> str:
    if root in {"input", "goal"}:
        return "request"
    if root == "run":
        return "manifest"
    return root.removeprefix("steps.")


def _links_in(value: Any) -> list[str]:
    texts = [*(leaf for _, leaf in leaves(value)), *keys(value)]
    return [token.text for text in texts for token in tokens_of(text) if token.is_link]


def _fills(values: list[str], slots: list[Slot], *, may_follow: bool = False) -> bool:
    return bool(values) and all(any(slot.holds(value, may_follow=may_follow) for slot in slots) for value in values)
