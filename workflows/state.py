"""The one state model of a run: what continue-as-new hands on, and what queries show."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from proctor.contracts.base import Contract
from proctor.contracts.deciding import commands_for
from proctor.contracts.human import RequestKind
from proctor.contracts.ids import PrincipalName, RequestId, RunId
from proctor.contracts.run import OpenedRun, RunStatus
from proctor.contracts.steps import CallRef, CallReport, StepPlan

WAKE_UPS_KEPT = 64
"""Signals for requests that we do not wait for yet are remembered up to this number; the row decides anyway."""


class Waiting(Contract):
    """Whose turn it is."""

    request_id: RequestId
    kind: RequestKind = RequestKind.APPROVAL
    what: str
    who: str
    until: datetime


class TaskState(BaseModel):
    """Where a run stands. Grows with open effects only, never with the length of the run."""

    model_config = ConfigDict(extra="forbid")

    run_id: RunId
    opened: OpenedRun
    started_at: datetime
    status: RunStatus = RunStatus.RUNNING
    step: int = 0
    cost_usd: Decimal = Decimal(0)
    saga: list[tuple[int, int, str]] = Field(default_factory=list)
    """Registered compensations as (step, call, fingerprint), oldest first."""
    stalled_steps: int = 0
    last_trace: str = ""
    """Calls and results of the newest step; the same again is no progress."""
    refused_by: Literal["policy", "person"] | None = None
    waiting: Waiting | None = None
    paused_by: PrincipalName | None = None
    driver: PrincipalName | None = None
    """A person who took over, as it was read last."""
    activity: str = "opening"
    """What it is doing, in a few words."""

    def exceeded_bound(self, now: datetime) -> str | None:
        """Name the bound that this run has reached, if any (R5)."""
        bounds = self.opened.bounds
        if self.step >= bounds.max_iterations:
            return f"max_iterations: {bounds.max_iterations} steps made"
        if now - self.started_at >= timedelta(seconds=bounds.max_wall_clock_s):
            return f"max_wall_clock_s: {bounds.max_wall_clock_s} s passed"
        if self.stalled_steps >= bounds.max_stalled_steps:
            return f"no_progress: {self.stalled_steps} steps brought nothing new"
        return None

    def time_left(self, now: datetime) -> timedelta:
        """Tell how much of its wall clock the run has left."""
        return timedelta(seconds=self.opened.bounds.max_wall_clock_s) - (now - self.started_at)

    @property
    def held_by(self) -> str:
        """Name who holds the run; empty when nobody does."""
        return self.paused_by or self.driver or ""

    def note_progress(self, plan: StepPlan, reports: list[CallReport]) -> None:
        """Count a step that brought nothing new: every call refused, or the same calls with the same results."""
        trace = "|".join(
            f"{call.fingerprint}={report.status}:{report.result}"
            for call, report in zip(plan.calls, reports, strict=True)
        )
        brought_something = any(report.status == "confirmed" for report in reports) and trace != self.last_trace
        self.stalled_steps = 0 if brought_something else self.stalled_steps + 1
        self.last_trace = trace

    def register(self, ref: CallRef) -> None:
        """Remember that an effect may have to be taken back; before it is attempted (rule 4)."""
        entry = (ref.step, ref.call, ref.fingerprint)
        if entry not in self.saga:
            self.saga.append(entry)

    def details(self) -> str:
        """Say in Markdown what it is doing, what it waits for and whose turn it is (row O9)."""
        opened = self.opened
        lines = [
            *self._turn(),
            f"Step {self.step} of {opened.bounds.max_iterations} · ${self.cost_usd:f} spent"
            + (f" · {len(self.saga)} effect(s) can be taken back" if self.saga and not self.status.is_end else ""),
            f"{opened.agent} {opened.agent_version} · owner {opened.owner} · autonomy {opened.autonomy}",
        ]
        return "\n\n".join(lines)

    def _turn(self) -> list[str]:
        """Say whose turn it is."""
        if self.waiting is None:
            return [f"### {self._whose()}: {self.status}", as_code(self.activity)]
        waiting = self.waiting
        ways = "\n".join(f"* `{command}`" for command in commands_for(waiting.kind, waiting.request_id))
        return [
            f"### A person's turn: {waiting.kind.replace('_', ' ')}",
            f"**{waiting.who}**, or another who may decide it, until {waiting.until:%Y-%m-%d %H:%M:%S} UTC:",
            as_code(waiting.what),
            ways,
            *self._held(),
        ]

    def _whose(self) -> str:
        if self.status.is_end:
            return "Ended"
        return " · ".join(self._held()) or "The agent's turn"

    def _held(self) -> list[str]:
        """Say who holds the run."""
        paused = [] if self.paused_by is None else [f"Paused by {self.paused_by}"]
        return paused + ([] if self.driver is None else [f"{self.driver} drives"])


def as_code(text: str) -> str:
    """Quote text that is not ours, so that it cannot pass for Markdown of ours in the Temporal UI."""
    return f"`{text.replace('`', chr(39))}`"


class TaskStart(Contract):
    """Input of the workflow: a fresh run by its id, or one that goes on after continue-as-new."""

    run_id: RunId
    carried: TaskState | None = None
