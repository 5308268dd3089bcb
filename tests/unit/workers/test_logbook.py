"""What a worker's log says of activities."""

import io
import json
from dataclasses import dataclass
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput

from proctor.contracts.ids import RunId
from proctor.contracts.steps import CallRef, CallReport
from proctor.telemetry.logs import set_up_logs
from workers.logbook import ActivityLog


@dataclass
class FakeNext:
    """Stands for the activity itself."""

    result: Any

    async def execute_activity(self, _: ExecuteActivityInput) -> Any:
        if isinstance(self.result, Exception):
            raise self.result
        return self.result


async def logged(result: Any) -> list[dict[str, Any]]:
    stream = io.StringIO()
    set_up_logs("info", stream=stream, plain=False)
    following: Any = FakeNext(result)
    seen = ActivityLog().intercept_activity(following)
    assert isinstance(seen, ActivityInboundInterceptor)
    order = ExecuteActivityInput(
        fn=lambda: None, args=[CallRef(run_id=RunId("r-1"), step=2, call=1)], executor=None, headers={}
    )

    async def run() -> Any:
        return await seen.execute_activity(order)

    try:
        await ActivityEnvironment().run(run)
    finally:
        lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    return lines


async def test_a_line_names_run_step_call_attempt_and_status() -> None:
    """An operator finds every activity of a run by its id, without arguments or results in the log."""
    (line,) = await logged(CallReport(status="confirmed", summary="secret"))
    assert ("activity_ended", "r-1", 2, 1, 1, "confirmed") == (
        line["message"],
        line["run_id"],
        line["step"],
        line["call"],
        line["attempt"],
        line["status"],
    )
    assert "secret" not in json.dumps(line)


async def test_a_failed_attempt_is_a_warning_with_its_reason_and_still_fails(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The log does not swallow what Temporal must see."""
    with pytest.raises(ApplicationError):
        await logged(ApplicationError("no answer", type="Unavailable"))
