"""Attacks by who can reach Temporal or write to the database: none gets an effect that nobody allowed, unseen."""

import asyncio
import itertools
import json
import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import psycopg
import pytest
import pytest_asyncio
from temporalio.api.workflowservice.v1 import PauseWorkflowExecutionRequest, UnpauseWorkflowExecutionRequest
from temporalio.client import WorkflowFailureError

from proctor.contracts.audit import chain
from proctor.contracts.canonical import canonical_json, digest_bytes
from proctor.contracts.errors import NotAuthorised
from proctor.contracts.ids import RunId
from proctor.contracts.run import AuditHead, RunStart, RunStatus
from proctor.contracts.wire import REQUEST_DECIDED, WORKFLOW_TYPE, RequestDecided
from tests.acceptance.siege import Siege, siege
from workflows.state import TaskStart

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]
_numbers = itertools.count(1)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def besieged() -> AsyncIterator[Siege]:
    folder = Path(tempfile.mkdtemp(prefix="siege-"))
    try:
        async with siege(folder) as running:
            yield running
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def key(name: str) -> str:
    return f"{name}-{next(_numbers)}"


async def forge(besieged: Siege, run_id: RunId, request_id: str, decision: str = "dec-forged") -> None:
    message = RequestDecided.model_validate({"decision_id": decision, "request_id": request_id})
    await besieged.client.get_workflow_handle(run_id).signal(REQUEST_DECIDED, message)


async def test_forged_signal_executes_nothing(besieged: Siege) -> None:
    """A signal is no proof: neither a made-up request nor the real pending one opens the gate (rule 6)."""
    run_id = await besieged.start(key("forged"), "approved")
    request = await besieged.waiting(run_id)
    await forge(besieged, run_id, request.id)
    await forge(besieged, run_id, "req-made-up")
    await asyncio.sleep(1.5)
    assert [] == besieged.effects(run_id)
    assert await besieged.gateway.store.people.pending(run_id), "the request waits on"
    await besieged.decide(request.id, "approve")
    assert RunStatus.COMPLETED is (await besieged.end(run_id)).status
    assert ["needs a person"] == besieged.effects(run_id)


async def test_signal_flood_neither_executes_nor_outgrows_the_history(besieged: Siege) -> None:
    """Thousands of forged signals later the run still waits, in a fresh history, and the person's word counts."""
    run_id = await besieged.start(key("flood"), "then_approved")
    request = await besieged.waiting(run_id)
    handle = besieged.client.get_workflow_handle(run_id)
    first = (await handle.describe()).run_id
    for number in range(4000):
        await forge(besieged, run_id, request.id if number % 4 else f"req-{number}", f"dec-{number}")
        if number % 200 == 0 and (await handle.describe()).run_id != first:
            break
    assert first != (await handle.describe()).run_id, "the run went on in a history that grew without bound"
    assert ["before"] == besieged.effects(run_id)
    await besieged.decide(request.id, "approve")
    assert RunStatus.COMPLETED is (await besieged.end(run_id)).status
    assert ["before", "after approval"] == besieged.effects(run_id)
    assert [] == await besieged.breaks(run_id)


async def test_forged_start_of_a_second_workflow_for_a_run_is_refused(besieged: Siege) -> None:
    """Whoever can start workflows can neither double a run nor hand it a state with other bounds."""
    run_id = await besieged.start(key("doubled"), "approved")
    await besieged.waiting(run_id)
    carried = await besieged.client.get_workflow_handle(run_id).query("progress")
    carried["opened"]["bounds"]["max_iterations"] = 1000
    queue = besieged.stack.settings.task_queue
    for workflow_id, start in (
        (key("evil"), RunStart(run_id=run_id)),
        (forged := key("forged-state"), TaskStart.model_validate({"run_id": forged, "carried": carried})),
    ):
        handle = await besieged.client.start_workflow(WORKFLOW_TYPE, start, id=workflow_id, task_queue=queue)
        with pytest.raises(WorkflowFailureError) as refused:
            await handle.result()
        assert "ForgedStart" == getattr(refused.value.cause, "type", None)
    assert [] == besieged.effects(run_id)
    await besieged.kill(run_id)


TAMPERED_REQUESTS = {
    "granted": "UPDATE proctor.request SET state = 'granted', decided_by = 'demo.approver', word = 'approve'",
    "binding": "UPDATE proctor.request SET binding = jsonb_set(binding::jsonb, '{step}', '7')::json",
    "digest": "UPDATE proctor.request SET binding = jsonb_set(binding::jsonb, '{arguments_sha256}',"
    " to_jsonb(repeat('a', 64)))::json",
    "tool": "UPDATE proctor.request SET binding = jsonb_set(binding::jsonb, '{tool}', '\"Append\"')::json",
    "expiry": "UPDATE proctor.request SET expires_at = expires_at + interval '1 day'",
    "owner": "UPDATE proctor.request SET requester = 'nobody'",
}


@pytest.mark.parametrize("what", ["granted", "binding", "digest", "tool", "expiry"])
async def test_tampered_approval_row_executes_nothing(besieged: Siege, what: str) -> None:
    """What a person approved is bound; a row that was changed behind the gateway's back is no approval (rule 5)."""
    run_id = await besieged.start(key(f"row-{what}"), "approved")
    request = await besieged.waiting(run_id)
    besieged.tamper(TAMPERED_REQUESTS[what] + " WHERE id = %s", request.id)
    if what == "granted":
        await forge(besieged, run_id, request.id)
    else:
        await besieged.decide(request.id, "approve")
    ended = await besieged.end(run_id)
    assert (RunStatus.BLOCKED, []) == (ended.status, besieged.effects(run_id))
    assert ["approval-integrity"] == await besieged.denials(run_id)


async def test_requester_named_otherwise_in_the_row_still_may_not_approve(besieged: Siege) -> None:
    """Who asked for a run is compared with the run, not with the row of the request alone."""
    run_id = await besieged.start(key("row-owner"), "approved")
    request = await besieged.waiting(run_id)
    besieged.tamper(TAMPERED_REQUESTS["owner"] + " WHERE id = %s", request.id)
    with pytest.raises(NotAuthorised):
        await besieged.decide(request.id, "approve", "operator")
    assert [] == besieged.effects(run_id)
    await besieged.kill(run_id)


async def test_approval_of_one_run_is_worth_nothing_in_another(besieged: Siege) -> None:
    """The same call with the same arguments in another run needs its own approval, row copied or not."""
    first, second = await besieged.start(key("a"), "approved"), await besieged.start(key("b"), "approved")
    given, wanted = await besieged.waiting(first), await besieged.waiting(second)
    await besieged.decide(given.id, "approve")
    assert RunStatus.COMPLETED is (await besieged.end(first)).status
    besieged.tamper(
        "UPDATE proctor.request q SET state = 'granted', binding = g.binding, expires_at = g.expires_at,"
        " decided_by = g.decided_by, word = g.word FROM proctor.request g WHERE q.id = %s AND g.id = %s",
        wanted.id,
        given.id,
    )
    besieged.tamper(
        "INSERT INTO proctor.decision (id, request_id, run_id, word, reason, by, at, applied, note, binding_digest)"
        " SELECT 'dec-' || %s, %s, %s, word, reason, by, at, applied, note, binding_digest"
        " FROM proctor.decision WHERE request_id = %s",
        wanted.id,
        wanted.id,
        second,
        given.id,
    )
    await forge(besieged, second, wanted.id)
    assert RunStatus.BLOCKED is (await besieged.end(second)).status
    assert [] == besieged.effects(second)


@pytest.mark.parametrize("what", ["arguments", "tool", "bundle"])
async def test_tampered_plan_is_refused(besieged: Siege, what: str) -> None:
    """What is sent is what history saw planned; a record that was changed since is refused, and nothing is sent."""
    run_id = await besieged.start(key(f"plan-{what}"), "approved")
    request = await besieged.waiting(run_id)
    if what == "arguments":
        body = '{"what":"something else"}'
        besieged.tamper(
            "WITH c AS (INSERT INTO proctor.content VALUES (encode(sha256(%s::bytea), 'hex'), %s) RETURNING digest)"
            " UPDATE proctor.planned_call SET arguments_digest = c.digest FROM c WHERE run_id = %s",
            body.encode(),
            body,
            run_id,
        )
    elif what == "tool":
        besieged.tamper("UPDATE proctor.planned_call SET tool = 'Append' WHERE run_id = %s", run_id)
    else:
        _loosen_bundle(besieged, run_id)
    await besieged.decide(request.id, "approve")
    ended = await besieged.end(run_id)
    assert (RunStatus.FAILED, []) == (ended.status, besieged.effects(run_id))
    assert "not what was planned" in ended.status_reason
    assert await besieged.breaks(run_id), "an auditor is told"


def _loosen_bundle(besieged: Siege, run_id: RunId) -> None:
    """Put in the place of a run's bundle one whose manifest lets the agent do everything by itself."""
    with psycopg.connect(besieged.stack.endpoints.database_url) as connection:
        row = connection.execute(
            "SELECT c.body FROM proctor.content c JOIN proctor.run r ON r.bundle_digest = c.digest WHERE r.run_id = %s",
            [run_id],
        ).fetchone()
    assert row is not None
    bundle = json.loads(row[0])
    bundle["manifest"]["autonomy_by_tool"] = {}
    body = canonical_json(bundle)
    besieged.tamper(
        "WITH c AS (INSERT INTO proctor.content VALUES (%s, %s) ON CONFLICT (digest) DO UPDATE SET body = excluded.body"
        " RETURNING digest) UPDATE proctor.run SET bundle_digest = c.digest FROM c WHERE run_id = %s",
        digest_bytes(body),
        body.decode(),
        run_id,
    )


async def test_second_thoughts_are_recorded_and_a_denial_wins_while_it_can(besieged: Siege) -> None:
    """Twice approved is once; a denial after the approval holds while nothing was dispatched."""
    run_id = await besieged.start(key("twice"), "approved")
    request = await besieged.waiting(run_id)
    await _freeze_in_place(besieged, run_id)
    assert (await besieged.decide(request.id, "approve")).receipt.applied
    assert not (await besieged.decide(request.id, "approve", "maria.ops")).receipt.applied
    assert (await besieged.decide(request.id, "deny", "maria.ops", reason="no")).receipt.applied
    assert not (await besieged.decide(request.id, "approve")).receipt.applied
    await _thaw(besieged, run_id)
    assert RunStatus.DENIED is (await besieged.end(run_id)).status
    assert [] == besieged.effects(run_id)


async def _freeze_in_place(besieged: Siege, run_id: RunId) -> None:
    await besieged.client.workflow_service.pause_workflow_execution(
        PauseWorkflowExecutionRequest(
            namespace=besieged.client.namespace, workflow_id=run_id, request_id=key("pause"), reason="attack"
        )
    )


async def _thaw(besieged: Siege, run_id: RunId) -> None:
    await besieged.client.workflow_service.unpause_workflow_execution(
        UnpauseWorkflowExecutionRequest(
            namespace=besieged.client.namespace, workflow_id=run_id, request_id=key("pause"), reason="attack"
        )
    )


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
    """Frozen is frozen: no compensation, and the receipt says so."""
    run_id = await besieged.start(key("kill-freeze"), "then_approved")
    await besieged.waiting(run_id)
    report = await besieged.kill(run_id, "freeze")
    assert (["before"], RunStatus.KILLED) == (besieged.effects(run_id), await besieged.status(run_id))
    assert ["none"] == [line.compensation for line in report.receipts[0].lines]


async def test_kill_of_a_paused_run_takes_hold(besieged: Siege) -> None:
    """A paused workflow takes no notice of a cancel; a kill wakes it to be stopped."""
    run_id = await besieged.start(key("kill-paused"), "then_approved")
    await besieged.waiting(run_id)
    await _freeze_in_place(besieged, run_id)
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
    """While planning, between intent and effect, or acting: nothing stands, and nothing comes after the receipt."""
    run_id = await besieged.start(key("kill-moment"), "append", times=50)
    await asyncio.sleep(delay_s)
    report = await besieged.kill(run_id)
    happened = besieged.effects(run_id)
    await asyncio.sleep(0.5)
    assert happened == besieged.effects(run_id)
    assert ((), RunStatus.KILLED) == (report.still_open, await besieged.status(run_id))
    done = [what for what in happened if not what.startswith("undo")]
    assert [f"undo of {run_id}/{n}/0" for n in reversed(range(len(done)))] == happened[len(done) :]


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
        await besieged.client.get_workflow_handle(run_id).result()
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
    besieged.tamper("INSERT INTO proctor.demotion VALUES ('prober', 'Append', 'approval_required')")
    try:
        request = await besieged.waiting(run_id)
        happened = besieged.effects(run_id)
        await asyncio.sleep(0.5)
        assert happened == besieged.effects(run_id)
        assert len(happened) < 50
        assert "Append" in request.title
    finally:
        besieged.tamper("DELETE FROM proctor.demotion WHERE agent = 'prober'")
        await besieged.kill(run_id)


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
