"""Log lines of activities: each names its run, and stands inside the trace that began at the caller."""

import time
from typing import Any

import structlog
from temporalio import activity
from temporalio.exceptions import is_cancelled_exception
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from proctor.contracts.canonical import summarize
from proctor.telemetry.logs import bind_run

_log = structlog.get_logger(__name__)


class ActivityLog(Interceptor):
    """Logs how each attempt of an activity ended. Says what and where, never with which arguments or results."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002
        """As Temporal calls it."""
        return _LoggedActivity(next)


class _LoggedActivity(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002 - Temporal's own name
        order = input.args[0] if input.args else None
        if run_id := getattr(order, "run_id", None):
            bind_run(run_id)
        info, began = activity.info(), time.perf_counter()
        place = {name: getattr(order, name) for name in ("step", "call") if hasattr(order, name)}
        log = _log.bind(activity=info.activity_type, attempt=info.attempt, **place)
        try:
            result = await super().execute_activity(input)
        except BaseException as error:
            stopped = is_cancelled_exception(error)
            log.warning("activity_stopped" if stopped else "activity_failed", reason=summarize(str(error)))
            raise
        log.info("activity_ended", seconds=round(time.perf_counter() - began, 4), **_status_of(result))
        return result


def _status_of(result: Any) -> dict[str, str]:
    status = getattr(result, "status", None) or getattr(result, "state", None) or getattr(result, "kind", None)
    return {} if status is None else {"status": str(status)}
