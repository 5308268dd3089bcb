"""What is wrong with what a rule says of approvals: contradictions, and words that change nothing."""

from collections.abc import Iterator
from typing import Final

from policies.problems import Problem
from proctor.contracts.obligations import AskEachTime, Escalate, Quorum, Signed, Stages
from proctor.contracts.policy import RuleForm

_OF_APPROVALS: Final = {
    Quorum: "a quorum is",
    Stages: "stages are",
    Escalate: "an escalation is",
    Signed: "a signature is",
    AskEachTime: "asking each time is",
}


def approval_problems(rule: RuleForm, expires_s: float) -> Iterator[Problem]:
    """List the mistakes in a rule's obligations that concern approvals, by their places among them.

    `expires_s` is when a request of the agent expires.
    """
    for n, one in enumerate(rule.obligations):
        what = _OF_APPROVALS.get(type(one))
        if what and rule.effect == "permit":
            yield Problem((n,), f"{what} for a rule that asks people: write effect: require_approval")
    if rule.effect == "require_approval":
        yield from _repeated(rule)
        yield from _stages(rule)
        yield from _escalations(rule, expires_s)
        yield from _each_time(rule)


def _repeated(rule: RuleForm) -> Iterator[Problem]:
    for n, one in enumerate(rule.obligations):
        if type(one) in _OF_APPROVALS and one in rule.obligations[:n]:
            yield Problem((n,), f"{one.kind} stands twice: leave one out")


def _stages(rule: RuleForm) -> Iterator[Problem]:
    said = [n for n, one in enumerate(rule.obligations) if isinstance(one, Stages)]
    for n in said[1:]:
        yield Problem((n,), "the order of two lists of stages is not said: write one list")
    for n, one in enumerate(rule.obligations):
        if isinstance(one, Quorum) and said:
            yield Problem((n,), "people are named twice: write the quorum as one of the stages")
        if isinstance(one, Stages):
            places = [(stage.role, stage.name) for stage in one.stages]
            for m, place in enumerate(places):
                if place in places[:m]:
                    message = "two stages of one role cannot be told apart: give each a `name:`, or one a count"
                    yield Problem((n, "stages", m), message)


def _escalations(rule: RuleForm, expires_s: float) -> Iterator[Problem]:
    asked: set[str] = set()
    escalations = ((n, one) for n, one in enumerate(rule.obligations) if isinstance(one, Escalate))
    for n, one in sorted(escalations, key=lambda found: found[1].after_s):
        if one.after_s >= expires_s:
            message = f"a request expires after {expires_s:g} s, so nobody is asked then: write an earlier `after:`"
            yield Problem((n, "after"), message)
        if len(set(one.to)) < len(one.to) or asked >= set(one.to):
            yield Problem((n, "to"), "these are asked already: name somebody else, or leave it out")
        asked |= set(one.to)


def _each_time(rule: RuleForm) -> Iterator[Problem]:
    why = ""
    people = sum(one.count for one in rule.obligations if isinstance(one, Quorum))
    people += sum(stage.count for one in rule.obligations if isinstance(one, Stages) for stage in one.stages)
    if any(isinstance(one, Signed) for one in rule.obligations):
        why = "a signature is given"
    elif people > 1:
        why = "more than one person approves"
    for n, one in enumerate(rule.obligations):
        if isinstance(one, AskEachTime) and why:
            yield Problem((n,), f"people are asked each time anyway where {why}: leave ask_each_time out")
