"""Four eyes, where one person acts by what is not their name: a hook, a schedule, a service, words to the run."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from proctor.contracts.decision import Verdict
from proctor.contracts.dispatching import Admitted, Refusal
from proctor.contracts.errors import NotAuthorised
from proctor.contracts.human import Principal, Role
from proctor.contracts.ids import PrincipalName
from proctor.contracts.kill import Fence, KillOrder, KillScope
from proctor.contracts.labels import Flow, Integrity, Labels, Origin
from proctor.contracts.outside import HookOrder, ScheduleOrder
from proctor.contracts.planning import CallsProposal
from proctor.store.postgres import PostgresStore
from tests.integration.store.scenes import ASK, REQUESTER, Scene, asked_for, open_scene, plan_of
from tests.integration.store.test_ending_waiting import wait_for_an_answer
from tests.integration.store.test_grants import Granted, approve, asked
from tests.integration.store.test_narrow_keys import _key_of
from tests.integration.store.test_people_at_the_wheel import order
from tests.integration.store.test_stages import person

OLGA = person("olga", Role.OWNER, Role.APPROVER, Role.OPERATOR)
ANNA = person("anna", Role.APPROVER, Role.OPERATOR)
OTTO = person("otto", Role.OWNER, Role.APPROVER, Role.OPERATOR)
CARL = person("carl")
SERVICE = Principal(name=REQUESTER, roles=frozenset({Role.REQUESTER}))
BEGINNING: dict[str, Any] = {"agent": "fixer", "tenant": "default", "principal": SERVICE.name, "goal": "mend it"}
HOOK = HookOrder(name="tickets", **BEGINNING)
SCHEDULE = ScheduleOrder.model_validate({**BEGINNING, "name": "at-night", "input": {}, "timing": {"every_s": 60}})


async def _enrolled(store: PostgresStore) -> None:
    for one in (OLGA, OTTO, ANNA):
        await store.people.enrol(one.name, one.roles, f"token of {one.name}")
    await store.people.enrol(SERVICE.name, SERVICE.roles, "token of the service", is_service=True)


async def _asked(scene: Scene) -> str:
    (request,) = await scene.plan(Verdict.REQUIRE_APPROVAL)
    return request.id


@pytest.mark.parametrize("way", ["hook", "schedule"])
async def test_who_made_what_began_the_run_does_not_approve(store: PostgresStore, way: str) -> None:
    """They know a hook's secret, or wrote what a schedule asks for; that another made it anew later helps nobody."""
    await _enrolled(store)
    if way == "hook":
        await store.beginnings.put_hook(HOOK, "sealed", OLGA)
        scene = await open_scene(store, "hook-tickets-1", source="webhook:tickets")
        await store.beginnings.disable_hook(HOOK.name, OLGA)
        await store.beginnings.put_hook(HOOK, "sealed", OTTO)
    else:
        await store.beginnings.put_schedule(SCHEDULE, OLGA)
        scene = await open_scene(store, "sched-at-night-20261121T223000000Z")
        await store.beginnings.delete_schedule(SCHEDULE.name, OLGA)
        await store.beginnings.put_schedule(SCHEDULE, OTTO)
    request = await _asked(scene)
    await store.delegations.delegate(ANNA.name, datetime.now(UTC) + timedelta(hours=1), OLGA)
    for by, place in ((OLGA, None), (ANNA, OLGA.name)):
        with pytest.raises(NotAuthorised, match="of olga's making"):
            await scene.decide(request, "approve", by, on_behalf_of=place)
    assert (await scene.decide(request, "approve", OTTO)).applied
    assert (await scene.decide(request, "deny", OLGA, reason="no")).applied


async def test_a_grant_answers_for_nothing_that_its_author_had_a_hand_in(store: PostgresStore) -> None:
    """By a service's key of their making, or with words of theirs: a person is asked, whatever they approved before."""
    await _enrolled(store)
    await approve(await asked(store), OLGA, scope="agent", for_s=60)
    (grant,) = await store.grants.grants()
    made = Granted(store, grant)
    assert "admitted" == await made.begin(await made.another())
    told, answered = await made.another(), await open_scene(store, "answered")
    await order(told, "say", OLGA, text="go on")
    await wait_for_an_answer(answered)
    await answered.decide("req-answered-0-0", "answer", OLGA, answer="the blue one")
    await answered.store.journal.record_plan(plan_of(answered.run_id, Verdict.REQUIRE_APPROVAL, step=1)[0], [])
    assert isinstance(await store.journal.begin_effect(answered.call(1), ASK), Refusal)
    assert "needs_approval" == await made.begin(told)
    await _key_of(store, SERVICE, OLGA)
    assert "needs_approval" == await made.begin(await made.another())


async def _killed(store: PostgresStore, by: Principal) -> Fence:
    order = KillOrder(scope=KillScope.AGENT, value="fixer", actor=by.name, reason="drill", mode="freeze")
    return await store.kills.raise_fence(order, by)


async def test_a_fence_is_released_by_a_second_person_and_by_no_program(store: PostgresStore) -> None:
    """A key of a service is no second person: neither to release by, nor to have killed by."""
    await _enrolled(store)
    robot = Principal(name=PrincipalName("robot"), roles=frozenset({Role.OPERATOR}))
    await store.people.enrol(robot.name, robot.roles, "token of the robot", is_service=True)
    fence = await _killed(store, OLGA)
    with pytest.raises(NotAuthorised, match="a service"):
        await store.kills.release(fence.epoch, robot)
    await store.kills.release(fence.epoch, OTTO)
    await _key_of(store, robot, OLGA)
    fence = await _killed(store, robot)
    with pytest.raises(NotAuthorised, match="olga's making"):
        await store.kills.release(fence.epoch, OLGA)
    assert "otto" == (await store.kills.release(fence.epoch, OTTO)).released_by


async def _planned(scene: Scene, step: int, node: str, *calls: dict[str, Any]) -> str:
    """Ask about calls, each with what its decision says of it; without a node they are a model's. Gives the last."""
    record, requests = plan_of(scene.run_id, *[Verdict.REQUIRE_APPROVAL] * len(calls), step=step)
    assert isinstance(record.proposal.proposed, CallsProposal)
    decisions = tuple(one.model_copy(update=said) for one, said in zip(record.decisions, calls, strict=True))
    proposed = tuple(one.model_copy(update={"node": node}) for one in record.proposal.proposed.calls)
    proposal = record.proposal.model_copy(update={"proposed": CallsProposal(calls=proposed)})
    asked = [asked_for(one, decisions[one.call]) for one in requests]
    await scene.store.journal.record_plan(
        record.model_copy(update={"decisions": decisions, "proposal": proposal}), asked
    )
    return asked[-1].id


def _from(origin: Origin) -> dict[str, Any]:
    """Say of a call that it takes an argument from somewhere."""
    labels = Labels(integrity=Integrity.TRUSTED, sources=(str(origin),))
    return {"flows": {"service": Flow(labels=labels, origins=(origin,))}}


@pytest.mark.parametrize(
    ("origin", "node", "refused"),
    [
        (Origin.REQUEST, "", {"otto"}),
        (Origin.PERSON, "", {"olga", "otto", "carl"}),
        (Origin.PERSON, "pay", {"olga", "carl"}),
        (Origin.REQUEST, "pay", set()),
    ],
    ids=["told a model", "told a model, and answered it", "answered a playbook", "neither"],
)
async def test_whose_words_a_call_rests_on_does_not_approve_it(
    store: PostgresStore, origin: Origin, node: str, refused: set[str]
) -> None:
    """Whom a model heard before it planned the call, and whose answer or edit is among the arguments; they may deny."""
    scene = await open_scene(store)
    await wait_for_an_answer(scene)
    await scene.decide(f"req-{scene.run_id}-0-0", "answer", OLGA, answer="the blue one")
    (edited,) = await scene.plan(Verdict.REQUIRE_APPROVAL, step=1)
    await scene.decide(edited.id, "edit", CARL, arguments={"service": "the blue one"})
    await order(scene, "say", OTTO, text="restart web")
    request = await _planned(scene, 2, node, _from(origin))
    await order(scene, "say", ANNA, text="and then look")
    for one in (one for one in (OLGA, OTTO, CARL) if one.name in refused):
        with pytest.raises(NotAuthorised, match="may not approve it") as caught:
            await scene.decide(request, "approve", one)
        assert "nor gave the call its words" in caught.value.hint
    who = next(one for one in (OLGA, OTTO, CARL, ANNA) if one.name not in refused)
    assert (await scene.decide(request, "approve", who)).applied
    assert (await scene.decide(request, "deny", OLGA, reason="no")).applied


WRITTEN = {**_from(Origin.PERSON), "author": CARL.name}
EDITED = {**WRITTEN, "replaces": 0}


@pytest.mark.parametrize(
    ("calls", "says", "is_refused"),
    [
        ([WRITTEN], True, False),
        ([_from(Origin.REQUEST), EDITED], False, False),
        ([_from(Origin.REQUEST), EDITED], True, True),
        ([_from(Origin.PERSON), EDITED], False, True),
    ],
    ids=["made at the wheel", "edited", "edited, and the model was told", "edited, and it took the answer"],
)
async def test_what_a_person_wrote_rests_on_nobody_elses_words(
    store: PostgresStore, calls: list[dict[str, Any]], says: bool, is_refused: bool
) -> None:
    """But for those that the call rests on in whose place it stands."""
    scene = await open_scene(store)
    await wait_for_an_answer(scene)
    await scene.decide(f"req-{scene.run_id}-0-0", "answer", OLGA, answer="the blue one")
    if says:
        await order(scene, "say", OLGA, text="restart web")
    request = await _planned(scene, 1, "", *calls)
    if is_refused:
        with pytest.raises(NotAuthorised, match="olga told the run"):
            await scene.decide(request, "approve", OLGA)
    else:
        assert (await scene.decide(request, "approve", OLGA)).applied


@pytest.mark.parametrize("place", [None, "otto"])
async def test_who_was_locked_out_since_they_approved_has_not_approved(store: PostgresStore, place: str | None) -> None:
    """It may not have been them: people are asked again, and a person who is still there is enough."""
    await _enrolled(store)
    await store.delegations.delegate(OLGA.name, datetime.now(UTC) + timedelta(hours=1), OTTO)
    scene = await open_scene(store)
    (request,) = await scene.plan(Verdict.REQUIRE_APPROVAL)
    assert (await scene.decide(request.id, "approve", OLGA, on_behalf_of=place)).applied
    out, other = (OTTO, OLGA) if place else (OLGA, OTTO)
    await store.people.disable(out.name, other, reason="the token was stolen")
    begun = await store.journal.begin_effect(scene.call(), ASK)
    assert isinstance(begun, Refusal)
    assert ("needs_approval", True) == (begun.report.status, begun.report.request_id != request.id)
    await scene.decide(str(begun.report.request_id), "approve", other)
    assert isinstance(await store.journal.begin_effect(scene.call(), ASK), Admitted)
