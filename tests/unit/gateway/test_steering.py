"""The services of people at the wheel, on fakes."""

from typing import Any

import pytest

from gateway.approvals import as_it_stands
from gateway.steering import FOLLOWS_ITS_PLAYBOOK, steer
from gateway.undoing import undo
from proctor.contracts.control import ControlEntry, ControlOrder, ControlReceipt, UndoLine, UndoPreview, Wheel
from proctor.contracts.errors import Unavailable
from proctor.contracts.human import Principal, Role
from proctor.contracts.run import RunStatus

from .fakes import FakeEngine, FakeStore, bundle, human_request, run_record

OPERATOR = Principal(name="olga", roles=frozenset({Role.OPERATOR}))


class FakeControls:
    """Records every order."""

    def __init__(self, paused_by: str | None = None) -> None:
        self.wheel = Wheel(paused_by=paused_by)

    async def order(self, order: ControlOrder, by: Principal) -> ControlReceipt:
        entry = ControlEntry(
            n=4, run_id=order.run_id, word=order.word, by=by.name, text=order.text, at="2026-01-01T00:00:00Z"
        )
        return ControlReceipt(entry=entry, wheel=self.wheel, is_new=True)


class FakeUndoing:
    """Has one effect to take back, or none."""

    def __init__(self, *fates: str) -> None:
        self.fates = fates

    async def order_undo(self, run_id: str, by: Principal, reason: str) -> UndoPreview:
        lines = [
            UndoLine(key=f"{run_id}/{n}/0", step=n, call=0, tool="Pay", happened="confirmed", undo=fate)
            for n, fate in enumerate(self.fates)
        ]
        return UndoPreview(run_id=run_id, status="completed", owner="wanda", lines=tuple(lines))


async def order(engine: FakeEngine, word: str, paused_by: str | None = None, **fields: Any) -> ControlReceipt:
    """Give an order."""
    store = FakeStore(rows={"run-1": run_record(bundle_digest="b" * 64)})
    store.policies.bundles["b" * 64] = bundle()
    made = ControlOrder(run_id="run-1", word=word, **fields)
    return await steer(
        made, by=OPERATOR, controls=FakeControls(paused_by), archive=store, journal=store, engine=engine, pause_s=0
    )


async def test_an_order_holds_though_nobody_can_be_woken() -> None:
    """The row is written first; the note says what is left open."""
    engine = FakeEngine()
    engine.away = 3
    receipt = await order(engine, "pause")
    assert "the order holds, but the run was not told" in receipt.note
    receipt = await order(engine, "pause")
    assert ("", [("run-1", 4)]) == (receipt.note, engine.steered)


async def test_whoever_drives_a_paused_run_is_told_what_it_waits_for() -> None:
    """The order is on record, and begins when the run is resumed."""
    for word in ("take_over", "act", "hand_back"):
        assert "proctor resume run-1" in (await order(FakeEngine(), word, paused_by="otto")).note
    assert "" == (await order(FakeEngine(), "take_over")).note
    assert "resume" not in (await order(FakeEngine(), "say", paused_by="otto", text="hurry")).note


async def test_whoever_speaks_to_a_playbook_is_told_that_it_does_not_listen() -> None:
    """The message is on record all the same."""
    assert FOLLOWS_ITS_PLAYBOOK == (await order(FakeEngine(), "say", text="hurry")).note


async def test_nothing_is_started_where_nothing_can_be_taken_back() -> None:
    """The workflow is started once there is something to do, and an engine that is away is told."""
    engine, store = FakeEngine(), FakeStore(rows={"run-1": run_record(status=RunStatus.COMPLETED)})
    parts: dict[str, Any] = {"by": OPERATOR, "kills": store, "engine": engine}
    report = await undo("run-1", undoing=FakeUndoing("done", "not_possible"), **parts)
    assert (True, []) == (report.is_finished, engine.taken_back)
    report = await undo("run-1", undoing=FakeUndoing("possible"), **parts)
    assert (True, ["run-1"]) == (report.is_finished, engine.taken_back)
    engine.away = 1
    with pytest.raises(Unavailable):
        await undo("run-1", undoing=FakeUndoing("possible"), **parts)


def test_a_held_run_is_shown_as_held() -> None:
    """A pause is shown before a request that waits, and a request before somebody who drives."""
    record = run_record(status=RunStatus.RUNNING, driver="opal")
    request = human_request().model_copy(update={"run_id": record.run_id})
    assert RunStatus.TAKEN_OVER == as_it_stands(record, []).status
    assert RunStatus.WAITING == as_it_stands(record, [request]).status
    assert RunStatus.PAUSED == as_it_stands(record.model_copy(update={"paused_by": "otto"}), [request]).status
