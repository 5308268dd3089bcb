"""What a policy decides, as conditions: when a call is denied, asked about or allowed, and what is owed then."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal, NamedTuple

from policies.conditions import NEVER, AllOf, AnyOf, Condition, Not
from policies.programs import Line
from proctor.contracts.decision import Decision, RuleEffect, Verdict
from proctor.contracts.obligations import Notify, Obligation, Quorum, Redact, ReviewAfter


class Due(NamedTuple):
    """One thing that an obligation asks for."""

    kind: Literal["redact", "notify", "quorum", "review_after"]
    of: str = ""
    least: int = 0
    is_by_level: bool = False
    """Owed because of the level of autonomy, and not of a rule that somebody wrote."""


class Outcome(NamedTuple):
    """When each verdict is given, and when each due is owed."""

    denied: Condition
    asked: Condition
    allowed: Condition
    owed: Mapping[Due, Condition]

    def owes(self, due: Due) -> Condition:
        """Say when this, or more than this, is owed."""
        return AnyOf(tuple(when for other, when in self.owed.items() if _covers(other, due)))


def outcome_of(lines: Iterable[Line], unreadable: Condition = NEVER) -> Outcome:
    """Give the outcome of rules, as the engine decides; `unreadable` says when a fact cannot be read."""
    kept = tuple(lines)
    forbidden = AnyOf((unreadable, _any(kept, "forbid")))
    asked, permitted = _any(kept, "require_approval"), _any(kept, "permit")
    opened = AnyOf(tuple(line.when for line in kept if line.rule.can_permit))
    owing = [(due, line.when) for line in kept for due in _dues_of_line(line)]
    return Outcome(
        denied=AnyOf((forbidden, Not(opened))),
        asked=AllOf((Not(forbidden), asked, opened)),
        allowed=AllOf((Not(forbidden), Not(asked), permitted)),
        owed={due: AnyOf(tuple(when for other, when in owing if other == due)) for due in dict.fromkeys(dict(owing))},
    )


def looser(old: Outcome, new: Outcome) -> Condition:
    """Say when `new` decides looser: a looser verdict, or at the same verdict something less that is owed."""
    verdict = AnyOf((AllOf((new.allowed, Not(old.allowed))), AllOf((new.asked, old.denied))))
    lost = (AllOf((_matters(due, old, new), old.owes(due), Not(new.owes(due)))) for due in old.owed)
    return AnyOf((verdict, *lost))


def is_looser(old: Decision, new: Decision) -> bool:
    """Whether `new` really is looser, by the same order."""
    if old.verdict is not new.verdict and new.verdict is not old.verdict.stricter_of(new.verdict):
        return True
    kept = tuple(dues_of(new.obligations))
    lost = [due for due in dues_of(old.obligations) if not any(_covers(other, due) for other in kept)]
    return any(_still_matters(due, old.verdict, new.verdict) for due in lost)


def dues_of(obligations: Iterable[Obligation]) -> Iterator[Due]:
    """List what obligations ask for; limits and cool-downs are rules of their own."""
    for one in obligations:
        if isinstance(one, Redact):
            yield from (Due("redact", field) for field in one.fields)
        elif isinstance(one, Notify):
            yield from (Due("notify", who) for who in one.who)
        elif isinstance(one, Quorum):
            yield Due("quorum", one.role, one.count)
        elif isinstance(one, ReviewAfter):
            yield Due("review_after")


def _dues_of_line(line: Line) -> Iterator[Due]:
    is_by_level = line.rule.effect == "oblige"
    return (due._replace(is_by_level=is_by_level) for due in dues_of(line.rule.obligations))


def _covers(other: Due, due: Due) -> bool:
    if other.kind != due.kind:
        return False
    if due.kind == "redact":
        return due.of == other.of or due.of.startswith(f"{other.of}.")
    return other.of == due.of and other.least >= due.least


def _matters(due: Due, old: Outcome, new: Outcome) -> Condition:
    """Say when the loss of a due loosens: what is redacted also when the call must now be asked about.

    The review that a level asks for takes the place of an approval, so beside one it is not missed.
    """
    both_asked, both_allowed = AllOf((old.asked, new.asked)), AllOf((old.allowed, new.allowed))
    if due.kind == "quorum":
        return both_asked
    if due.kind == "redact":
        return AllOf((Not(old.denied), Not(new.denied)))
    return both_allowed if due.is_by_level else AnyOf((both_asked, both_allowed))


def _still_matters(due: Due, old: Verdict, new: Verdict) -> bool:
    if due.kind == "quorum":
        return old is new is Verdict.REQUIRE_APPROVAL
    if due.kind == "redact":
        return Verdict.DENY not in {old, new}
    return old is new is not Verdict.DENY


def _any(lines: Iterable[Line], effect: RuleEffect) -> Condition:
    return AnyOf(tuple(line.when for line in lines if line.rule.effect == effect))
