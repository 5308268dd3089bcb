"""Attacks by who can reach Temporal or write to the database: none gets an effect that nobody allowed, unseen."""

import asyncio
import json

import psycopg
import pytest
from temporalio.client import WorkflowFailureError

from proctor.contracts.canonical import canonical_json, digest_bytes
from proctor.contracts.errors import NotAuthorised
from proctor.contracts.ids import RunId
from proctor.contracts.run import RunStart, RunStatus
from proctor.contracts.wire import REQUEST_DECIDED, WORKFLOW_TYPE, RequestDecided
from tests.acceptance.siege import Siege, freeze_in_place, key, thaw
from workflows.state import TaskStart

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]


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

    async def went_on_afresh() -> bool:
        return (await handle.describe()).run_id != first

    await besieged.until(went_on_afresh)  # a busy worker comes to the end of them later than who sends them
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
        await besieged.client.start_workflow(WORKFLOW_TYPE, start, id=workflow_id, task_queue=queue)
        with pytest.raises(WorkflowFailureError) as refused:
            await besieged.result(workflow_id)
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


@pytest.mark.parametrize("tool", ["AppendReadBack", "UndoFails"])
async def test_compensation_of_a_tampered_call_sends_nothing_and_is_named(besieged: Siege, tool: str) -> None:
    """What would be sent is not what was planned: the run ends all the same, and says what was not taken back."""
    run_id = await besieged.start(key("undo"), "then_approved")
    await besieged.waiting(run_id)
    besieged.tamper("UPDATE proctor.planned_call SET tool = %s WHERE run_id = %s AND step = 0", tool, run_id)
    report = await besieged.kill(run_id)
    ended = await besieged.end(run_id)
    open_items = [one.kind for one in await besieged.gateway.store.people.pending(run_id)]
    assert (RunStatus.KILLED, ()) == (ended.status, report.still_open)
    assert ["failed_compensation"] == open_items or "was not taken back" in ended.status_reason
    assert ["before"] == besieged.effects(run_id)
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
    await freeze_in_place(besieged, run_id)
    assert (await besieged.decide(request.id, "approve")).receipt.applied
    assert not (await besieged.decide(request.id, "approve", "maria.ops")).receipt.applied
    assert (await besieged.decide(request.id, "deny", "maria.ops", reason="no")).receipt.applied
    assert not (await besieged.decide(request.id, "approve")).receipt.applied
    await thaw(besieged, run_id)
    assert RunStatus.DENIED is (await besieged.end(run_id)).status
    assert [] == besieged.effects(run_id)
