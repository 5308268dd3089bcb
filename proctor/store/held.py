"""Whether a person holds a run, or it has ended, so that nothing new of the agent may begin."""

from proctor.contracts.steps import CallReport, StepPlan
from proctor.store.governing import recorded_decision
from proctor.store.locked import LockedRun


def held_report(locked: LockedRun) -> CallReport | None:
    """Report that a person holds the run, read under its lock; None when nobody does.

    A pause holds everything. Somebody at the wheel holds what the agent planned, and not what a person wrote.
    """
    if locked.run["paused_by"] is not None:
        return CallReport(status="paused", summary=f"paused by {locked.run['paused_by']}", head=locked.head)
    if locked.run["driver"] is not None and recorded_decision(locked.planned).author is None:
        return CallReport(status="taken_over", summary=f"{locked.run['driver']} took over", head=locked.head)
    return None


def ended_plan(locked: LockedRun, step: int) -> StepPlan | None:
    """Say that a plan comes too late: the run ended while it was made, and nobody is asked for it any more."""
    if not locked.has_ended:
        return None
    return StepPlan(step=step, kind="fenced", summary=f"the run has ended: {locked.run['status']}")


def held_plan(locked: LockedRun, step: int) -> StepPlan | None:
    """Say that what the agent planned comes too late: a person has held the run since it began to plan.

    It is made anew, for what the person did is something else to plan on. What it cost stays reserved, so counted.
    """
    if locked.run["paused_by"] is not None:
        return StepPlan(step=step, kind="paused", summary=f"paused by {locked.run['paused_by']}")
    if locked.run["driver"] is not None:
        return StepPlan(step=step, kind="taken_over", summary=f"{locked.run['driver']} took over")
    return None
