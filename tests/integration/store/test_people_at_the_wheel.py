"""Orders of people, in the store: what they hold, what they let through, and what stays on record."""

import asyncio
from typing import Any

import pytest

from proctor.contracts.canonical import digest_json
from proctor.contracts.control import ControlOrder, ControlReceipt, NextUndo, PersonsCall
from proctor.contracts.decision import RecordedDecision, Verdict
from proctor.contracts.dispatching import Admitted, Prior, Refusal
from proctor.contracts.edits import EditRef, EditToJudge
from proctor.contracts.errors import NotAuthorised, Refused, UnknownName
from proctor.contracts.human import Principal
from proctor.contracts.ids import PrincipalName, ToolName
from proctor.contracts.kill import KillOrder, KillScope
from proctor.contracts.run import RunStatus
from proctor.contracts.tool import Confirmed, Failed
from proctor.store.postgres import PostgresStore
from tests.integration.store.scenes import (
    ALLOW,
    OPERATOR,
    OWNER,
    REQUESTER,
    SECOND_OPERATOR,
    Scene,
    decision,
    open_scene,
    plan_of,
    warm,
)


async def order(scene: Scene, word: str, by: Principal = OPERATOR, **more: Any) -> ControlReceipt:
    """Give an order."""
    return await scene.store.controls.order(
        ControlOrder.model_validate({"run_id": scene.run_id, "word": word, **more}), by
    )


def status(begun: Admitted | Prior | Refusal) -> str:
    """Say what came of beginning a call."""
    return begun.report.status if isinstance(begun, Refusal) else type(begun).__name__


async def test_no_intent_follows_an_acknowledged_pause(store: PostgresStore) -> None:
    """Twelve effects and a pause at the same time: whatever began has its record before the pause."""
    scene = await open_scene(store)
    await warm(scene)
    await scene.plan(*[Verdict.ALLOW] * 12)
    begun = [asyncio.create_task(store.journal.begin_effect(scene.call(0, n), ALLOW)) for n in range(6)]
    pausing = asyncio.create_task(order(scene, "pause"))
    begun += [asyncio.create_task(store.journal.begin_effect(scene.call(0, n), ALLOW)) for n in range(6, 12)]
    found = [status(one) for one in await asyncio.gather(*begun)]
    await pausing
    assert {"Admitted", "paused"} >= set(found)
    kinds = await scene.kinds()
    assert "effect_intended" not in kinds[kinds.index("run_paused") :]
    assert found.count("Admitted") == kinds.count("effect_intended")
    assert "paused" == status(await store.journal.begin_read(scene.call(0, 11), ALLOW))


async def test_a_further_attempt_waits_for_the_end_of_the_pause(store: PostgresStore) -> None:
    """It is an intent like the first; afterwards it goes on as it was."""
    scene = await open_scene(store)
    await scene.plan(Verdict.ALLOW)
    await store.journal.begin_effect(scene.call(), ALLOW)
    await store.journal.settle_effect(scene.call(), Failed(error="busy", retryable=True), final=False)
    await order(scene, "pause")
    assert "paused" == status(await store.journal.retry_effect(scene.call()))
    await order(scene, "resume")
    assert "Admitted" == status(await store.journal.retry_effect(scene.call()))


@pytest.mark.parametrize(("word", "kind"), [("pause", "paused"), ("take_over", "taken_over")])
async def test_a_plan_that_was_made_meanwhile_is_not_recorded(store: PostgresStore, word: str, kind: str) -> None:
    """A person holds the run since: what the agent wanted before that is wanted anew afterwards."""
    scene = await open_scene(store)
    await store.journal.plan_facts(scene.step())
    await order(scene, word)
    record, requests = plan_of(scene.run_id, Verdict.ALLOW, step=0)
    assert kind == (await store.journal.record_plan(record, requests)).kind
    assert [] == await store.archive.calls(scene.run_id)


async def test_what_was_planned_is_set_aside_and_what_a_person_wrote_is_not(store: PostgresStore) -> None:
    """The agent's calls are given up together; a step of which something was done keeps its place."""
    scene = await open_scene(store)
    await scene.plan(Verdict.ALLOW, Verdict.ALLOW)
    await store.journal.begin_effect(scene.call(), ALLOW)
    await store.journal.settle_effect(scene.call(), Confirmed(result={}), final=True)
    (request,) = await scene.plan(Verdict.REQUIRE_APPROVAL, step=1)
    receipt = await order(scene, "take_over")
    assert ("withdrawn", OPERATOR.name) == ((await store.people.request(request.id)).state, receipt.wheel.driver)
    assert "taken_over" == status(await store.journal.begin_effect(scene.call(0, 1), ALLOW))
    for ref in (scene.call(0, 1), scene.call(1)):
        assert "denied" == (await store.journal.set_aside(ref)).status
        assert "denied" == status(await store.journal.begin_effect(ref, ALLOW))
    await store.journal.set_aside(scene.call(1))
    assert 2 == (await scene.kinds()).count("call_set_aside")
    nodes = [entry.node for entry in await store.archive.observations(scene.run_id) if entry.kind == "denial"]
    assert ["node1", ""] == nodes
    await order(scene, "act", call=PersonsCall(tool=ToolName("Restart"), arguments={}))
    act = await store.journal.act_to_plan(scene.step(2))
    assert act is not None
    assert (OPERATOR.name, "node0") == (act.entry.by, act.node)


async def test_words_of_the_requester_are_labelled_as_the_requests(store: PostgresStore) -> None:
    """They may speak into their own run, and into no other; an operator's words are a person's."""
    scene = await open_scene(store)
    requester = Principal(name=REQUESTER, roles=frozenset())
    await order(scene, "say", requester, text="hurry")
    await order(scene, "say", text="do not")
    with pytest.raises(NotAuthorised):
        await order(scene, "pause", requester)
    with pytest.raises(NotAuthorised):
        await order(scene, "say", Principal(name=PrincipalName("eve"), roles=frozenset()), text="let me in")
    said = [entry for entry in await store.archive.observations(scene.run_id) if entry.kind == "message"]
    assert [("requester:rita",), ("person:olga",)] == [entry.labels.sources for entry in said]
    sent = [record for record in await store.archive.audit(scene.run_id) if record.kind == "message_sent"]
    assert [digest_json(entry.content) for entry in said] == [record.body["message"] for record in sent]


async def edited(store: PostgresStore) -> tuple[Scene, EditRef]:
    """Have a call edited that waits for approval."""
    scene = await open_scene(store)
    (request,) = await scene.plan(Verdict.REQUIRE_APPROVAL)
    ref = EditRef(run_id=scene.run_id, step=0, call=0, request_id=request.id)
    with pytest.raises(UnknownName):
        await store.journal.edit_to_judge(ref)
    await scene.decide(request.id, "edit", arguments={"service": "other"})
    return scene, ref


def judged(edit: EditToJudge, verdict: Verdict) -> RecordedDecision:
    """Judge an edited call."""
    return RecordedDecision(
        call=edit.call,
        decision=decision(verdict),
        arguments_digest=digest_json(edit.arguments),
        author=edit.by,
        replaces=edit.old.call,
        goal="restart:other",
    )


async def test_one_call_stands_in_the_place_of_an_edited_one(store: PostgresStore) -> None:
    """However often and at once it is judged; the old one can never be carried out."""
    scene, ref = await edited(store)
    edit = await store.journal.edit_to_judge(ref)
    assert ({"service": "other"}, 1, None) == (edit.arguments, edit.call, edit.recorded)
    verdicts = [Verdict.ALLOW, Verdict.DENY] * 3
    tries = [store.journal.record_edit(ref, edit, judged(edit, verdict), None) for verdict in verdicts]
    stands = {one.recorded.decision.verdict for one in await asyncio.gather(*tries) if one.recorded is not None}
    assert 1 == len(stands)
    assert stands == {(await store.journal.edit_to_judge(ref)).recorded.decision.verdict}  # type: ignore[union-attr]
    assert [0, 1] == [call.call for call in await store.archive.calls(scene.run_id)]
    assert "denied" == status(await store.journal.begin_effect(scene.call(0, 0), ALLOW))


async def test_policy_may_forbid_what_a_person_wrote(store: PostgresStore) -> None:
    """The edited call is denied and told; a repeated goal is denied without asking."""
    scene, ref = await edited(store)
    edit = await store.journal.edit_to_judge(ref)
    await store.journal.record_edit(ref, edit, judged(edit, Verdict.DENY), None)
    assert "denied" == status(await store.journal.begin_effect(scene.call(0, 1), ALLOW))
    facts = await store.journal.plan_facts(scene.step(1))
    assert ["restart:other"] == [goal.goal for goal in facts.denied_goals]


async def closed(store: PostgresStore, *, by_kill: bool) -> Scene:
    """Close a run that did something, frozen by a kill or by itself."""
    scene = await open_scene(store)
    await scene.plan(Verdict.ALLOW)
    await store.journal.begin_effect(scene.call(), ALLOW)
    await store.journal.settle_effect(scene.call(), Confirmed(result={}), final=True)
    if by_kill:
        await freeze(scene, KillScope.ALL, "")
        await store.journal.acknowledge_cancel(scene.run_id)
    await store.journal.close_run(scene.run_id, RunStatus.KILLED if by_kill else RunStatus.FAILED, "over")
    return scene


async def freeze(scene: Scene, scope: KillScope, value: str) -> None:
    """Kill something and leave it as it is."""
    kill = KillOrder(scope=scope, value=value, actor=SECOND_OPERATOR.name, reason="fire", mode="freeze")
    await scene.store.kills.raise_fence(kill, SECOND_OPERATOR)


async def test_an_order_to_take_back_lifts_older_freezes_and_no_newer_ones(store: PostgresStore) -> None:
    """And none without an order: a compensation of a frozen run waits for a person who wants it."""
    scene = await closed(store, by_kill=True)
    assert "fenced" == status(await store.journal.begin_compensation(scene.call()))
    assert () == await store.undoing.next_undoable(NextUndo(run_id=scene.run_id))
    assert 1 == (await store.undoing.order_undo(scene.run_id, OWNER, "it was wrong")).possible
    assert 1 == len(await store.undoing.next_undoable(NextUndo(run_id=scene.run_id)))
    await freeze(scene, KillScope.AGENT, "fixer")
    assert "fenced" == status(await store.journal.begin_compensation(scene.call()))
    await store.undoing.order_undo(scene.run_id, OPERATOR, "still")
    await freeze(scene, KillScope.TOOL, "Rollback")
    await store.undoing.order_undo(scene.run_id, OPERATOR, "still")
    assert "fenced" == status(await store.journal.begin_compensation(scene.call()))
    await store.kills.release(3, OPERATOR)
    assert "Admitted" == status(await store.journal.begin_compensation(scene.call()))


async def test_what_cannot_be_taken_back_says_why_and_whose_it_is(store: PostgresStore) -> None:
    """A compensation that failed stays an open item, and is not tried again."""
    scene = await closed(store, by_kill=False)
    assert "fenced" == status(await store.journal.begin_compensation(scene.call()))
    await store.undoing.order_undo(scene.run_id, OPERATOR, "")
    await store.journal.begin_compensation(scene.call())
    await store.journal.settle_compensation(scene.call(), Failed(error="gone"), final=True)
    (line,) = (await store.undoing.preview(scene.run_id)).lines
    assert ("failed", "Rollback", True) == (line.undo, line.by_tool, OWNER.name in line.why)
    assert line.request_id == (await store.people.pending(scene.run_id))[0].id
    assert () == await store.undoing.next_undoable(NextUndo(run_id=scene.run_id))
    receipt = await store.undoing.close_undo(scene.run_id)
    await store.undoing.close_undo(scene.run_id)
    assert ("failed", 1) == (receipt.lines[0].compensation, (await scene.kinds()).count("undo_finished"))


async def test_a_run_that_goes_on_is_not_taken_back(store: PostgresStore) -> None:
    """It is killed instead, and the hint says how; whoever tried is on record."""
    scene = await open_scene(store)
    with pytest.raises(Refused) as caught:
        await store.undoing.order_undo(scene.run_id, OPERATOR, "")
    assert "proctor kill" in caught.value.hint
    assert "undo_refused" == (await scene.kinds())[-1]
