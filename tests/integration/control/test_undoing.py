"""Taking back runs that have ended."""

import pytest

from gateway.auditing import read_trail
from proctor.contracts.errors import NotAuthorised, Refused
from proctor.contracts.run import RunStatus
from tests.integration.control.conftest import APPROVER, OWNER, Control

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_an_ended_run_is_taken_back_newest_first_and_once(control: Control) -> None:
    """Repeating it does nothing; the chain of the run goes on after its end and verifies."""
    run_id = await control.start("undo", "append", times=3)
    with pytest.raises(Refused, match="has not ended") as refused:
        await control.undo(open_run := await control.start("undo-open", "approved"))
    assert f"`proctor kill {open_run} --reason WHY`" in refused.value.hint
    assert RunStatus.COMPLETED == (await control.ended(run_id)).status
    with pytest.raises(NotAuthorised):
        await control.undo(run_id, by=APPROVER)
    preview = await control.studio.gateway.store.undoing.preview(run_id)
    assert (3, "olga.owner", ["2/0", "1/0", "0/0"]) == (
        preview.possible,
        preview.owner,
        [line.key.removeprefix(f"{run_id}/") for line in preview.lines],
    )
    report = await control.undo(run_id)
    assert (True, ["done"] * 3) == (report.is_finished, [line.compensation for line in report.receipt.lines])
    undone = [key for key, _ in control.effects(run_id) if key.endswith("/undo")]
    assert ["2/0/undo", "1/0/undo", "0/0/undo"] == undone
    again = await control.undo(run_id, by=OWNER)
    assert (0, 6) == (again.preview.possible, len(control.effects(run_id)))
    kinds = await control.kinds(run_id)
    assert ["undo_refused", "undo_ordered", "compensation_intended"] == kinds[kinds.index("run_closed") + 1 :][:3]
    assert "undo_finished" in kinds
    gateway = control.studio.gateway
    assert [] == (await read_trail(run_id, gateway.store.archive, gateway.engine)).breaks()
