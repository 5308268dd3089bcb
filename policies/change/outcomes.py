"""What a policy decides, as conditions: when a call is denied, asked about or allowed, and what is owed then."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, Literal, NamedTuple

from policies.conditions import NEVER, AllOf, AnyOf, Condition, Not
from policies.programs import Line
from proctor.contracts.decision import Decision, RuleEffect, Verdict
from proctor.contracts.obligations import (
    AskEachTime,
    Escalate,
    Notify,
    Obligation,
    Quorum,
    Redact,
    ReviewAfter,
    Signed,
    Stage,
    Stages,
)


class Due(NamedTuple):
    """One thing that an obligation asks for."""

    kind: Literal["redact", "notify", "stage", "signed", "ask_each_time", "review_after"]
    of: str = ""
    least: int = 0
    is_by_level: bool = False
    """Owed because of the level of autonomy, and not of a rule that somebody wrote."""


_OF_APPROVALS: Final = frozenset({"stage", "signed", "ask_each_time"})
ANYBODY: Final = Due("stage", "approver", 1)
"""What an approval takes where no rule says it."""


class Opening(NamedTuple):
    """Somebody who may decide, too, when nobody has decided after so long: the one thing owed that loosens."""

    to: str
    after_s: int


class Outcome(NamedTuple):
    """When each verdict is given, and when each due is owed."""

    denied: Condition
    asked: Condition
    allowed: Condition
    owed: Mapping[Due, Condition]
    opened: Mapping[Opening, Condition]

    def opens(self, opening: Opening) -> Condition:
        """Say when this person may decide as soon as this."""
        sooner = (one for one in self.opened if one.to == opening.to and one.after_s <= opening.after_s)
        return AnyOf(tuple(self.opened[one] for one in sooner))

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
    staged = AnyOf(tuple(when for due, when in owing if due.kind == "stage"))
    owing.append((ANYBODY, AllOf((asked, Not(staged)))))
    opening = [(one, line.when) for line in kept for one in openings_of(line.rule.obligations)]
    return Outcome(
        denied=AnyOf((forbidden, Not(opened))),
        asked=AllOf((Not(forbidden), asked, opened)),
        allowed=AllOf((Not(forbidden), Not(asked), permitted)),
        owed={due: AnyOf(tuple(when for other, when in owing if other == due)) for due in dict.fromkeys(dict(owing))},
        opened={one: AnyOf(tuple(when for other, when in opening if other == one)) for one in dict(opening)},
    )


def looser(old: Outcome, new: Outcome) -> Condition:
    """Say when `new` decides looser: a looser verdict, or at the same verdict something less that is owed."""
    verdict = AnyOf((AllOf((new.allowed, Not(old.allowed))), AllOf((new.asked, old.denied))))
    lost = (AllOf((_matters(due, old, new), old.owes(due), Not(new.owes(due)))) for due in old.owed)
    both_asked = AllOf((old.asked, new.asked))
    opened = (AllOf((both_asked, new.opens(one), Not(old.opens(one)))) for one in new.opened)
    return AnyOf((verdict, *lost, *opened))


def is_looser(old: Decision, new: Decision) -> bool:
    """Whether `new` really is looser, by the same order."""
    if old.verdict is not new.verdict and new.verdict is not old.verdict.stricter_of(new.verdict):
        return True
    kept = _owed_by(new)
    lost = [due for due in _owed_by(old) if not any(_covers(other, due) for other in kept)]
    if any(_still_matters(due, old.verdict, new.verdict) for due in lost):
        return True
    known = tuple(openings_of(old.obligations))
    sooner = (one for one in openings_of(new.obligations) if not any(_is_as_soon(other, one) for other in known))
    return old.verdict is new.verdict is Verdict.REQUIRE_APPROVAL and any(sooner)


def _owed_by(decision: Decision) -> tuple[Due, ...]:
    dues = tuple(dues_of(decision.obligations))
    return dues if any(due.kind == "stage" for due in dues) else (*dues, ANYBODY)


def _is_as_soon(other: Opening, opening: Opening) -> bool:
    return other.to == opening.to and other.after_s <= opening.after_s


def openings_of(obligations: Iterable[Obligation]) -> Iterator[Opening]:
    """List who may decide, too, and when."""
    return (Opening(name, one.after_s) for one in obligations if isinstance(one, Escalate) for name in one.to)


def dues_of(obligations: Iterable[Obligation]) -> Iterator[Due]:
    """List what obligations ask for; limits and cool-downs are rules of their own."""
    for one in obligations:
        if isinstance(one, Redact):
            yield from (Due("redact", field) for field in one.fields)
        elif isinstance(one, Notify):
            yield from (Due("notify", who) for who in one.who)
        elif isinstance(one, ReviewAfter):
            yield Due("review_after")
        else:
            yield from _dues_of_approvals(one)


def _dues_of_approvals(one: Obligation) -> Iterator[Due]:
    if isinstance(one, Quorum):
        yield Due("stage", one.role, one.count)
    elif isinstance(one, Stages):
        yield from (Due("stage", _place(stage), stage.count) for stage in one.stages)
    elif isinstance(one, Signed):
        yield Due("signed")
    elif isinstance(one, AskEachTime):
        yield Due("ask_each_time")


def _dues_of_line(line: Line) -> Iterator[Due]:
    is_by_level = line.rule.effect == "oblige"
    return (due._replace(is_by_level=is_by_level) for due in dues_of(line.rule.obligations))


def _place(stage: Stage) -> str:
    return f"{stage.role}:{stage.name}" if stage.name else stage.role


def _covers(other: Due, due: Due) -> bool:
    if due.kind == "ask_each_time" and (other.kind == "signed" or (other.kind == "stage" and other.least > 1)):
        return True  # no standing grant answers there either
    if due == ANYBODY and other.kind == "stage" and other.of.partition(":")[0] in {"approver", "owner"}:
        return True  # an operator alone would be somebody else
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
    if due.kind in _OF_APPROVALS:
        return both_asked
    if due.kind == "redact":
        return AllOf((Not(old.denied), Not(new.denied)))
    return both_allowed if due.is_by_level else AnyOf((both_asked, both_allowed))


def _still_matters(due: Due, old: Verdict, new: Verdict) -> bool:
    if due.kind in _OF_APPROVALS:
        return old is new is Verdict.REQUIRE_APPROVAL
    if due.kind == "redact":
        return Verdict.DENY not in {old, new}
    return old is new is not Verdict.DENY


def _any(lines: Iterable[Line], effect: RuleEffect) -> Condition:
    return AnyOf(tuple(line.when for line in lines if line.rule.effect == effect))
