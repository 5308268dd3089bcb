"""What the store and an activity say to each other when a call is begun."""

from decimal import Decimal

from pydantic import AwareDatetime

from proctor.contracts.base import Contract
from proctor.contracts.governing import CellLevel, DeniedGoal, WindowAnswer
from proctor.contracts.ids import Digest
from proctor.contracts.manifest import Autonomy
from proctor.contracts.steps import CallReport
from proctor.contracts.traffic import Breaker, Passage


class EffectStanding(Contract):
    """What the ledger knows of an effect."""

    state: str
    """intent (no outcome known) | attempt_failed (surely did not happen; may be tried again) | confirmed | failed |
    unknown"""
    attempt: int
    age_s: float
    """Seconds since the newest intent."""


class LiveFacts(Contract):
    """Facts read under lock at dispatch, given to the judge inside the transaction."""

    demotions: dict[str, Autonomy]
    cost_usd: Decimal
    step: int
    reserved_usd: Decimal = Decimal(0)
    at: AwareDatetime | None = None
    """The database's clock."""
    cells: tuple[CellLevel, ...] = ()
    windows: tuple[WindowAnswer, ...] = ()
    """Answers to the judge's own queries, read under a lock that orders calls of the same window."""
    denied_goals: tuple[DeniedGoal, ...] = ()
    active_bundle: Digest | None = None
    """Bundle of the policy version that is active now for the agent; None: none was recorded yet."""
    breakers: tuple[Breaker, ...] = ()
    """Every breaker that is not at rest."""


class Admitted(Contract):
    """The intent is written: the effect may be attempted now, once."""

    attempt: int
    turn: int = 0
    """Names the room that it holds (see `Traffic.leave`); 0: none."""
    is_watched: bool = False
    """Whether a breaker is waiting to hear that it succeeds; a fault is told in any case."""


class Waiting(Contract):
    """There is no room for the call now: nothing was written and nothing may be dispatched."""

    passage: Passage


class Prior(Contract):
    """An earlier attempt left an intent without an outcome: settle before anything else."""

    standing: EffectStanding
    is_of_call: bool = False
    """Of a compensation: it is the call itself that has no outcome. Settle that, and begin the compensation again."""


class Refusal(Contract):
    """Nothing may be dispatched; `report` says why, and was recorded."""

    report: CallReport
