"""How far an approval has come: which people fill which stage. Pure, so that cards and dispatch count alike."""

from collections.abc import Iterable
from datetime import datetime

from proctor.contracts.approving import ApprovalProcess
from proctor.contracts.base import Contract
from proctor.contracts.human import Channel, DecisionWord
from proctor.contracts.ids import Digest, PrincipalName
from proctor.contracts.obligations import Stage

ESCALATED = "escalated"
"""Stands among the roles of a decision when the person was asked by an escalation: any stage's role, for this one."""


class SpokenWord(Contract):
    """A decision as it was recorded. Append-only."""

    id: str
    word: DecisionWord
    by: PrincipalName
    on_behalf_of: PrincipalName | None = None
    roles: tuple[str, ...] = ()
    """Roles in which the person decided: their own, or those of whom they stand for."""
    at: datetime
    applied: bool
    """False: refused, late or losing; `note` says why."""
    note: str = ""
    reason: str = ""
    channel: Channel = "cli"
    key_id: str | None = None
    """Of the key that signed it."""
    binding_digest: Digest | None = None
    arguments_digest: Digest | None = None
    """Of an edit: what the person wrote."""

    @property
    def names(self) -> frozenset[PrincipalName]:
        """The person, and whose place they took: neither counts again."""
        return frozenset({self.by} if self.on_behalf_of is None else {self.by, self.on_behalf_of})


class StageStanding(Contract):
    """A stage and who approved in it."""

    stage: Stage
    by: tuple[PrincipalName, ...] = ()

    @property
    def missing(self) -> int:
        """How many people it still takes."""
        return self.stage.count - len(self.by)


def stages_of(
    process: ApprovalProcess, words: Iterable[SpokenWord], *, in_order: bool = True
) -> tuple[StageStanding, ...]:
    """Count approvals in the order in which they were given.

    Each counts for the stage that was asked then, if its author has that stage's role and neither they nor whom they
    stand for have counted before; otherwise it counts for nothing. Without order all stages are asked at once.
    """
    filled: list[list[PrincipalName]] = [[] for _ in process.stages]
    seen: set[PrincipalName] = set()
    for word in words:
        still_open = [n for n, stage in enumerate(process.stages) if len(filled[n]) < stage.count]
        asked = still_open[:1] if in_order else still_open
        fitting = next((n for n in asked if can_fill(process.stages[n], word.roles)), None)
        if word.applied and word.word == "approve" and not word.names & seen and fitting is not None:
            filled[fitting].append(word.by)
            seen |= word.names
    return tuple(StageStanding(stage=stage, by=tuple(by)) for stage, by in zip(process.stages, filled, strict=True))


def can_fill(stage: Stage, roles: Iterable[str]) -> bool:
    """Whether somebody with these roles counts in a stage."""
    return bool({stage.role, ESCALATED} & set(roles))


def asked_now(standings: Iterable[StageStanding]) -> StageStanding | None:
    """Give the stage that is asked now; None: all are full."""
    return next((one for one in standings if one.missing > 0), None)


def said_of(standing: StageStanding) -> str:
    """Say how far a stage is, such as `1 of 2 approvers (finance)`."""
    stage = standing.stage
    named = f" ({stage.name})" if stage.name else ""
    return f"{len(standing.by)} of {stage.count} {stage.role}{'s' if stage.count > 1 else ''}{named}"
