"""Kills at every moment, altered records and tools that misbehave: the store tells the truth about each."""

import asyncio
import json
from contextlib import closing

import psycopg
import pytest
from temporalio.client import WorkflowFailureError

from proctor.contracts.audit import chain
from proctor.contracts.ids import RunId
from proctor.contracts.run import AuditHead, RunStatus
from tests.acceptance.siege import Siege, freeze_in_place, key
from tests.acceptance.witness import connect

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]


async def test_kill_while_waiting_withdraws_the_request(besieged: Siege) -> None:
    """What came before is taken back, and an approval that comes after the kill is not applied."""
    run_id = await besieged.start(key("kill-waiting"), "then_approved")
    request = await besieged.waiting(run_id)
    report = await besieged.kill(run_id)
    assert ((), RunStatus.KILLED) == (report.still_open, await besieged.status(run_id))
    assert not (await besieged.decide(request.id, "approve")).receipt.applied
    assert ["before", f"undo of {run_id}/0/0"] == besieged.effects(run_id)
    assert ["done"] == [line.compensation for line in report.receipts[0].lines]


async def test_freezing_kill_leaves_everything_as_it_is(besieged: Siege) -> None:
    """Frozen is frozen: no compensation, and the receipt says so. Nobody works on the run: the store itself ends it.

    Temporal shows who ended the workflow and why, and its history holds the end of the audit: a witness.
    """
    run_id = await besieged.start(key("kill-freeze"), "then_approved")
    request = await besieged.waiting(run_id)
    report = await besieged.kill(run_id, "freeze")
    assert (["before"], RunStatus.KILLED) == (besieged.effects(run_id), await besieged.status(run_id))
    assert ["none"] == [line.compensation for line in report.receipts[0].lines]
    assert not (await besieged.decide(request.id, "approve")).receipt.applied
    *_, last = [event async for event in besieged.client.get_workflow_handle(run_id).fetch_history_events()]
    ended = last.workflow_execution_terminated_event_attributes
    assert f"fence {report.fence.epoch}: attack" == ended.reason
    (newest,) = [record for record in await besieged.gateway.store.archive.audit(run_id) if record.kind == "run_closed"]
    assert AuditHead(n=newest.n, hash=newest.hash) == (await besieged.gateway.engine.heads(run_id))[-1]
    assert [] == await besieged.breaks(run_id)


async def test_kill_of_a_paused_run_takes_hold(besieged: Siege) -> None:
    """A paused workflow takes no notice of a cancel; a kill wakes it to be stopped."""
    run_id = await besieged.start(key("kill-paused"), "then_approved")
    await besieged.waiting(run_id)
    await freeze_in_place(besieged, run_id)
    report = await besieged.kill(run_id)
    assert ((), RunStatus.KILLED) == (report.still_open, await besieged.status(run_id))
    assert ["before", f"undo of {run_id}/0/0"] == besieged.effects(run_id)


async def test_kill_of_a_closed_run_changes_nothing(besieged: Siege) -> None:
    """What has ended stays as it ended, and its effects stay."""
    run_id = await besieged.start(key("kill-closed"), "append", times=1)
    assert RunStatus.COMPLETED is (await besieged.end(run_id)).status
    report = await besieged.kill(run_id)
    assert () == report.still_open
    assert (RunStatus.COMPLETED, ["item 0"]) == (await besieged.status(run_id), besieged.effects(run_id))
    assert [] == await besieged.breaks(run_id)


@pytest.mark.parametrize("delay_s", [0.0, 0.05, 0.1, 0.2, 0.4])
async def test_kill_at_any_moment_leaves_no_effect_standing_and_none_after(besieged: Siege, delay_s: float) -> None:
    """While planning, between intent and effect, or acting: nothing stands, and nothing comes after the receipt.

    Nothing is left to a person either: the worker lives, so it learns of every effect that it began.
    """
    run_id = await besieged.start(key("kill-moment"), "append", times=50)
    await asyncio.sleep(delay_s)
    report = await besieged.kill(run_id)
    happened = besieged.effects(run_id)
    await asyncio.sleep(0.5)
    assert happened == besieged.effects(run_id)
    assert ((), RunStatus.KILLED) == (report.still_open, await besieged.status(run_id))
    done = [what for what in happened if not what.startswith("undo")]
    assert [f"undo of {run_id}/{n}/0" for n in reversed(range(len(done)))] == happened[len(done) :]
    (receipt,) = report.receipts
    assert (len(done), ()) == (sum(line.fate == "confirmed" for line in receipt.lines), receipt.open_items)
    assert {("confirmed", "done"), ("failed", "not_needed")} >= {(x.fate, x.compensation) for x in receipt.lines}


async def test_stop_while_an_outcome_is_written_does_not_lose_it(besieged: Siege) -> None:
    """The effect happened and its answer is in hand: it is recorded and taken back, not left to a person as unknown."""
    with (
        closing(connect(str(besieged.witness))) as held_up,
        psycopg.connect(besieged.stack.endpoints.database_url) as store,
    ):
        held_up.execute("BEGIN IMMEDIATE")
        run_id = await besieged.start(key("stop-writing"), "append", times=50)
        await besieged.until(lambda: _has(besieged, run_id, "effect_intended"))
        store.execute("SELECT 1 FROM proctor.run WHERE run_id = %s FOR UPDATE", (run_id,))
        held_up.execute("COMMIT")
        await besieged.until(lambda: _some_effect(besieged, run_id))
        await besieged.client.get_workflow_handle(run_id).cancel()
        await asyncio.sleep(1)  # The worker hears of it, while its outcome waits for the row.
        store.rollback()
    assert RunStatus.CANCELLED is (await besieged.end(run_id)).status
    assert ["item 0", f"undo of {run_id}/0/0"] == besieged.effects(run_id)
    assert () == (await besieged.gateway.store.kills.receipt(run_id)).open_items


async def test_kill_after_the_worker_was_lost_reads_back_and_takes_back(besieged: Siege) -> None:
    """Nobody heard the tool's answer, but its probe tells that the effect happened; so nobody has to be asked."""
    run_id = await besieged.start(key("kill-lost"), "die_probed")
    await besieged.until(lambda: _some_effect(besieged, run_id))
    report = await besieged.kill(run_id)
    assert ((), RunStatus.KILLED) == (report.still_open, await besieged.status(run_id))
    assert ["lost", f"undo of {run_id}/0/0"] == besieged.effects(run_id)
    assert [("confirmed", "done")] == [(line.fate, line.compensation) for line in report.receipts[0].lines]
    assert () == report.receipts[0].open_items


async def test_kill_before_the_workflow_was_ever_started_holds(besieged: Siege) -> None:
    """An accepted run without a workflow ends at once, and a start that comes late does nothing."""
    run_id = await besieged.admit(key("kill-unstarted"), "append", times=2)
    record = await besieged.gateway.store.archive.run(run_id)
    report = await besieged.kill(run_id)
    assert ((), RunStatus.KILLED) == (report.still_open, await besieged.status(run_id))
    fence = report.fence.epoch
    await besieged.gateway.store.kills.release(fence, await besieged.principal("second.operator"))
    await besieged.gateway.engine.start(record)
    with pytest.raises(WorkflowFailureError):
        await besieged.result(run_id)
    assert ([], RunStatus.KILLED) == (besieged.effects(run_id), await besieged.status(run_id))


async def test_cancel_in_temporal_itself_is_fenced_and_compensated(besieged: Siege) -> None:
    """An operator who presses Cancel in the UI gets what a kill does, under Temporal's name."""
    run_id = await besieged.start(key("ui-cancel"), "then_approved")
    await besieged.waiting(run_id)
    await besieged.client.get_workflow_handle(run_id).cancel()
    ended = await besieged.end(run_id)
    assert (RunStatus.CANCELLED, True) == (ended.status, "temporal" in ended.status_reason)
    assert ["before", f"undo of {run_id}/0/0"] == besieged.effects(run_id)


async def test_terminated_workflow_does_not_leave_its_run_open(besieged: Siege) -> None:
    """A terminated workflow can say nothing; the sweep of any worker closes its run and says what stands (rule 11)."""
    run_id = await besieged.start(key("terminated"), "then_approved")
    request = await besieged.waiting(run_id)
    await besieged.client.get_workflow_handle(run_id).terminate()
    ended = await besieged.end(run_id, timeout_s=40)
    assert (RunStatus.CANCELLED, True) == (ended.status, "proctor receipt" in ended.status_reason)
    assert not (await besieged.decide(request.id, "approve")).receipt.applied
    assert ["before"] == besieged.effects(run_id)
    assert [] == await besieged.breaks(run_id)


async def test_accepted_run_without_a_workflow_is_started(besieged: Siege) -> None:
    """Its caller crashed between the row and the start; a worker finds it."""
    run_id = await besieged.admit(key("unstarted"), "append", times=1)
    assert RunStatus.COMPLETED is (await besieged.end(run_id, timeout_s=60)).status
    assert ["item 0"] == besieged.effects(run_id)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE proctor.audit SET body = '{}' WHERE run_id = %s AND n = 2",
        "UPDATE proctor.audit SET at = at + interval '1 second' WHERE run_id = %s AND n = 2",
        "UPDATE proctor.audit SET kind = 'call_denied' WHERE run_id = %s AND n = 3",
        "DELETE FROM proctor.audit WHERE run_id = %s AND n = 2",
        "DELETE FROM proctor.audit WHERE run_id = %s AND n = (SELECT max(n) FROM proctor.audit)",
        "DELETE FROM proctor.audit WHERE run_id = %s",
        "UPDATE proctor.run SET audit_hash = repeat('a', 64) WHERE run_id = %s",
        "UPDATE proctor.run SET audit_n = audit_n - 1 WHERE run_id = %s",
    ],
)
async def test_edited_audit_is_found(besieged: Siege, statement: str) -> None:
    """Rule 12: edits, gaps and a cut-off end are found, whoever made them."""
    run_id = await besieged.start(key("audit"), "append", times=1)
    await besieged.end(run_id)
    assert [] == await besieged.breaks(run_id)
    besieged.tamper(
        statement.replace("(SELECT max(n) FROM proctor.audit)", f"{len(await besieged.kinds(run_id)) - 1}"), run_id
    )
    assert [] != await besieged.breaks(run_id)


async def test_rewritten_chain_is_found_by_the_history_of_the_workflow(besieged: Siege) -> None:
    """Who rewrites a whole chain, hashes and run row included, cannot rewrite what Temporal saw."""
    run_id = await besieged.start(key("rewritten"), "append", times=1)
    await besieged.end(run_id)
    records = await besieged.gateway.store.archive.audit(run_id)
    events = [(r.kind, {**r.body, "requester": "somebody else"} if r.n == 0 else r.body) for r in records]
    forged, head = [], None
    for record, event in zip(records, events, strict=True):
        link = chain(run_id, head, record.at, [event])[0]
        forged.append(link)
        head = AuditHead(n=link.n, hash=link.hash)
    for link in forged:
        besieged.tamper(
            "UPDATE proctor.audit SET body = %s, prev = %s, hash = %s WHERE run_id = %s AND n = %s",
            json.dumps(link.body),
            link.prev,
            link.hash,
            run_id,
            link.n,
        )
    besieged.tamper("UPDATE proctor.run SET audit_hash = %s WHERE run_id = %s", head.hash, run_id)
    found = await besieged.breaks(run_id)
    assert [line for line in found if "a witness saw" in line]


async def test_demotion_during_a_run_takes_effect_at_the_next_dispatch(besieged: Siege) -> None:
    """Autonomy falls at once: what was planned as allowed waits for a person when it comes to be sent."""
    run_id = await besieged.start(key("demoted"), "append", times=50)
    await besieged.until(lambda: _some_effect(besieged, run_id))
    besieged.tamper(
        "INSERT INTO proctor.cell_level (agent, tool, risk, level, kind, declared, by, reason, at) "
        "VALUES ('prober', 'Append', '*', 'approval_required', 'demotion', 'autonomous', 'olga', 'drill', now())"
    )
    try:
        request = await besieged.waiting(run_id)
        happened = besieged.effects(run_id)
        await asyncio.sleep(0.5)
        assert happened == besieged.effects(run_id)
        assert len(happened) < 50
        assert "Append" in request.title
    finally:
        besieged.tamper("DELETE FROM proctor.cell_level WHERE agent = 'prober'")
        await besieged.kill(run_id)


async def _has(besieged: Siege, run_id: RunId, kind: str) -> bool:
    return kind in await besieged.kinds(run_id)


async def _some_effect(besieged: Siege, run_id: RunId) -> bool:
    return bool(besieged.effects(run_id))


ODD = [
    "error", "exit", "interrupt", "cancel", "stop", "unprintable", "huge_error", "control_error", "recursion",
    "huge", "nan", "bytes", "surrogate", "nul", "deep", "big_integer", "odd_keys", "wrong_shape", "escape", "generator",
]  # fmt: skip


@pytest.mark.parametrize("tool", ["odd", "odd_read"])
async def test_tools_that_misbehave_end_their_own_call_and_nothing_else(besieged: Siege, tool: str) -> None:
    """Whatever a tool raises or returns, its run reaches an end with a recorded outcome, and the worker lives on."""
    pid = besieged.stack.workers[0].pid
    runs = {how: await besieged.start(key(f"{tool}-{how.replace('_', '-')}"), tool, what=how) for how in ODD}
    outcomes = {}
    for how, run_id in runs.items():
        for request in await _requests_of(besieged, run_id):
            await besieged.decide(request, "not_happened", "maria.ops")
        ended = await besieged.end(run_id, timeout_s=90)
        outcomes[how] = (str(ended.status), ended.status_reason)
        assert [] == await besieged.breaks(run_id)
    assert {} == {how: outcome for how, outcome in outcomes.items() if outcome[0] != "completed"}
    assert pid == besieged.stack.workers[0].pid, "a tool ended the worker"


async def _requests_of(besieged: Siege, run_id: RunId) -> list[str]:
    async def ends_or_waits() -> bool:
        return (await besieged.status(run_id)).is_end or bool(await besieged.gateway.store.people.pending(run_id))

    await besieged.until(ends_or_waits)
    return [request.id for request in await besieged.gateway.store.people.pending(run_id)]
