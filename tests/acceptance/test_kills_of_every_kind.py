"""Kills by tool and by tenant, of paused runs, of runs that take effects back: receipt and witness say the same."""

import asyncio

import pytest

from gateway.steering import steer
from proctor.contracts.control import ControlOrder, ControlWord
from proctor.contracts.errors import Fenced
from proctor.contracts.ids import RunId
from proctor.contracts.kill import KillScope
from proctor.contracts.run import RunStatus
from tests.acceptance.siege import Siege, key

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]


async def order(besieged: Siege, run_id: RunId, word: ControlWord) -> None:
    """Order as the operator does."""
    store = besieged.gateway.store
    await steer(
        ControlOrder(run_id=run_id, word=word, text="a look"),
        by=await besieged.principal(),
        controls=store.controls,
        archive=store.archive,
        journal=store.journal,
        engine=besieged.gateway.engine,
    )


async def lift(besieged: Siege, epoch: int) -> None:
    """Release as the second operator does."""
    await besieged.gateway.store.kills.release(epoch, await besieged.principal("second.operator"))


async def test_kill_of_a_tool_stops_who_uses_it_and_nobody_else(besieged: Siege) -> None:
    """The running tool is stopped; a run that waits for another tool waits on, and one that comes to it is stopped."""
    uses, waits = await besieged.start(key("tool"), "slow"), await besieged.start(key("tool"), "then_approved")
    request = await besieged.waiting(waits)
    await besieged.until(lambda: _has_begun(besieged, uses))
    report = await besieged.kill("WorkSlowly", "freeze", scope=KillScope.TOOL)
    assert ([uses], ()) == ([receipt.run_id for receipt in report.receipts], report.still_open)
    assert (RunStatus.KILLED, RunStatus.RUNNING) == (await besieged.status(uses), await besieged.status(waits))
    assert [f"{uses}/1/0"] == [line.key for line in report.receipts[0].lines if line.after_fence]
    assert ["before", "begun"] == besieged.effects(uses)
    late = await besieged.start(key("tool"), "slow")
    assert RunStatus.KILLED is (await besieged.end(late)).status
    assert ["before"] == besieged.effects(late)
    await lift(besieged, report.fence.epoch)
    await besieged.decide(request.id, "approve")
    assert RunStatus.COMPLETED is (await besieged.end(waits)).status


async def test_kill_of_a_tenant_closes_its_door(besieged: Siege) -> None:
    """All of its runs end, and no new one is admitted until somebody else lifts the fence."""
    run_id = await besieged.start(key("tenant"), "then_approved")
    await besieged.waiting(run_id)
    report = await besieged.kill("default", "freeze", scope=KillScope.TENANT)
    assert run_id in [receipt.run_id for receipt in report.receipts]
    assert () == report.still_open
    with pytest.raises(Fenced):
        await besieged.start(key("tenant"), "append", times=1)
    await lift(besieged, report.fence.epoch)
    after = await besieged.start(key("tenant"), "append", times=1)
    assert RunStatus.COMPLETED is (await besieged.end(after)).status


@pytest.mark.parametrize("word", ["pause", "take_over"])
async def test_kill_reaches_a_run_that_a_person_holds(besieged: Siege, word: ControlWord) -> None:
    """Paused or taken over, it begins nothing; a kill ends it and takes back what it did."""
    run_id = await besieged.start(key("held"), "append", times=50)
    await besieged.until(lambda: _some_effect(besieged, run_id))
    await order(besieged, run_id, word)
    await besieged.until(lambda: _stands_still(besieged, run_id))
    report = await besieged.kill(run_id)
    assert ((), RunStatus.KILLED) == (report.still_open, await besieged.status(run_id))
    done = [what for what in besieged.effects(run_id) if not what.startswith("undo")]
    assert [f"undo of {run_id}/{n}/0" for n in reversed(range(len(done)))] == besieged.effects(run_id)[len(done) :]
    assert {("confirmed", "done")} == {(line.fate, line.compensation) for line in report.receipts[0].lines}


@pytest.mark.parametrize("mode", ["compensate", "freeze"])
async def test_kill_while_effects_are_taken_back(besieged: Siege, mode: str) -> None:
    """What is being taken back is taken back, once; a freezing kill begins nothing more, and the receipt says which."""
    run_id = await besieged.start(key("undoing"), "slow_undo")
    await besieged.until(lambda: _is_undoing(besieged, run_id))
    report = await besieged.kill(run_id, mode)
    assert () == report.still_open
    undone = [what.removeprefix("undo of ") for what in besieged.effects(run_id) if what.startswith("undo")]
    expected = [f"{run_id}/1/0", f"{run_id}/0/0"] if mode == "compensate" else [f"{run_id}/1/0"]
    assert expected == undone
    told = {line.key: line.compensation for line in report.receipts[0].lines if line.fate == "confirmed"}
    assert {f"{run_id}/{n}/0": "done" if f"{run_id}/{n}/0" in undone else "none" for n in (0, 1)} == told
    await asyncio.sleep(1.2)
    assert len(undone) == sum(what.startswith("undo") for what in besieged.effects(run_id))
    assert report.receipts[0] == await besieged.gateway.store.kills.receipt(run_id)
    assert [] == await besieged.breaks(run_id)


@pytest.mark.parametrize(
    ("what", "fate", "open_items"), [("stop_probed", "confirmed", 0), ("stop_blind", "unknown", 1)]
)
async def test_call_whose_worker_is_lost_in_the_kill_has_a_fate_on_the_receipt(
    besieged: Siege, what: str, fate: str, open_items: int
) -> None:
    """A freezing kill sends nothing again: the probe tells, and where there is none the owner is asked."""
    run_id = await besieged.start(key("lost"), what)
    await besieged.until(lambda: _some_effect(besieged, run_id))
    report = await besieged.kill(run_id, "freeze")
    (receipt,), (line,) = report.receipts, report.receipts[0].lines
    assert (fate, True, open_items) == (line.fate, line.after_fence, len(receipt.open_items))
    assert 1 == len(besieged.effects(run_id))
    assert receipt == await besieged.gateway.store.kills.receipt(run_id)
    assert [] == await besieged.breaks(run_id)


async def _has_begun(besieged: Siege, run_id: RunId) -> bool:
    return "begun" in besieged.effects(run_id)


async def _some_effect(besieged: Siege, run_id: RunId) -> bool:
    return bool(besieged.effects(run_id))


async def _stands_still(besieged: Siege, run_id: RunId) -> bool:
    before = besieged.effects(run_id)
    await asyncio.sleep(0.5)
    return before == besieged.effects(run_id)


async def _is_undoing(besieged: Siege, run_id: RunId) -> bool:
    return "compensation_intended" in await besieged.kinds(run_id)
