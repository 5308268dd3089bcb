"""How a run is shown while it waits for a person."""

import pytest

from gateway.approvals import as_it_stands
from proctor.contracts.run import RunStatus
from tests.unit.gateway.fakes import human_request, run_record


@pytest.mark.parametrize(
    ("status", "run_id", "shown"),
    [
        (RunStatus.RUNNING, "run-1", RunStatus.WAITING),
        (RunStatus.RUNNING, "run-2", RunStatus.RUNNING),
        (RunStatus.STOPPING, "run-1", RunStatus.STOPPING),
        (RunStatus.FAILED, "run-1", RunStatus.FAILED),
    ],
)
def test_a_running_run_with_an_open_request_is_shown_as_waiting(
    status: RunStatus, run_id: str, shown: RunStatus
) -> None:
    """Whose turn it is can be seen; a run that is stopping or has ended is shown as that."""
    request = human_request()
    assert shown is as_it_stands(run_record(run_id, status), [request]).status
