"""How a run ends: from what happened to a status with a reason."""

from temporalio.exceptions import ActivityError, ApplicationError

from proctor.contracts.canonical import summarize
from proctor.contracts.run import Ending, RunStatus
from proctor.contracts.steps import StepPlan
from workflows.state import TaskState


def from_final_plan(state: TaskState, plan: StepPlan) -> Ending:
    """End by the planner's own word; `blocked` needs a refusal on record."""
    status = RunStatus.COMPLETED if plan.outcome == "completed" else RunStatus.FAILED
    if plan.outcome == "blocked" and state.refused_by is not None:
        status = RunStatus.BLOCKED if state.refused_by == "policy" else RunStatus.DENIED
    return Ending(run_id=state.run_id, status=status, reason=plan.summary)


def from_bound(state: TaskState, bound: str) -> Ending:
    """End because a bound was reached; the bound is the reason."""
    return Ending(run_id=state.run_id, status=RunStatus.FAILED, reason=summarize(bound))


def from_failure(state: TaskState, error: BaseException) -> Ending:
    """End because an activity failed for good: a remote one (`ActivityError`), or a local one (its own error)."""
    return Ending(run_id=state.run_id, status=RunStatus.FAILED, reason=summarize(reason_of(error)))


def reason_of(error: BaseException) -> str:
    """Give in words why an activity failed for good."""
    cause = error.cause if isinstance(error, ActivityError) else error
    if isinstance(cause, ApplicationError):
        return cause.message
    return f"{error.activity_type}: {cause or error}" if isinstance(error, ActivityError) else str(error)


def leaving(ending: Ending, stood: list[str]) -> Ending:
    """Say in the reason of an end what was to be taken back and was not even begun."""
    return ending.model_copy(update={"reason": summarize("; ".join([*stood, ending.reason]))}) if stood else ending


def is_lost(error: ActivityError) -> bool:
    """Whether every attempt of an activity was lost, as against one that told us why it failed for good."""
    return not (isinstance(error.cause, ApplicationError) and error.cause.non_retryable)
