"""A person at the wheel: taking over, acting, handing back."""

import pytest

from proctor.contracts.errors import InvalidInput, NotAuthorised, Refused
from proctor.contracts.run import RunStatus
from tests.integration.control.conftest import APPROVER, DRIVING_APPROVER, OPERATOR, OWNER, SECOND_OPERATOR, Control

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_what_the_agent_wanted_is_set_aside_and_wanted_again_after_handing_back(control: Control) -> None:
    """The person's own calls are the next steps; the playbook goes on where it was, and asks anew."""
    run_id = await control.start("drive", "approved")
    asked = await control.pending(run_id)
    await control.order(run_id, "take_over")
    await control.shown(run_id, f"{OPERATOR.name} drives", "taken_over")
    assert "withdrawn" == (await control.studio.gateway.store.people.request(asked.id)).state
    assert not (await control.decide(asked.id, "approve")).receipt.applied
    await control.act(run_id, "Append", what="by hand")
    await control.act(run_id, "Look", n=3)
    await control.order(run_id, "hand_back")
    again = await control.pending(run_id)
    assert (3, asked.title) == (again.step, again.title)
    context = again.details["context"]
    assert (3, ["set aside", "done", "done"]) == (context["steps"], [call["became"] for call in context["calls"]])
    assert [OPERATOR.name] * 2 == [call["by"] for call in context["calls"] if "by" in call]
    assert [("1/0", "by hand")] == control.effects(run_id)
    await control.decide(again.id, "approve")
    assert RunStatus.COMPLETED == (await control.ended(run_id)).status
    assert [("1/0", "by hand"), ("3/0", "needs a person")] == control.effects(run_id)
    entries = await control.studio.gateway.store.controls.history(run_id)
    assert [("take_over", None), ("act", 1), ("act", 2), ("hand_back", None)] == [(e.word, e.step) for e in entries]


async def test_a_call_that_stands_in_for_the_agents_is_not_made_twice(control: Control) -> None:
    """The person does what was set aside; the playbook takes that for its own call and finishes."""
    run_id = await control.start("stand-in", "approved")
    await control.pending(run_id)
    await control.order(run_id, "take_over")
    await control.act(run_id, "AppendApproved", what="done by a person")
    request = await control.pending(run_id)
    assert OPERATOR.name == request.details["author"]
    with pytest.raises(NotAuthorised):
        await control.decide(request.id, "approve", by=DRIVING_APPROVER)
    await control.decide(request.id, "approve")
    await control.order(run_id, "hand_back")
    assert RunStatus.COMPLETED == (await control.ended(run_id)).status
    assert [("1/0", "done by a person")] == control.effects(run_id)


async def test_only_who_drives_may_act_or_hand_back(control: Control) -> None:
    """A second person is refused on the record; the owner may take the wheel; wrong calls are refused at once."""
    run_id = await control.start("second", "approved")
    await control.pending(run_id)
    with pytest.raises(Refused, match="nobody has taken over"):
        await control.act(run_id, "Append", what="too early")
    await control.order(run_id, "take_over")
    for order in (
        control.order(run_id, "take_over", SECOND_OPERATOR),
        control.order(run_id, "hand_back", SECOND_OPERATOR),
        control.act(run_id, "Append", SECOND_OPERATOR, what="not mine"),
    ):
        with pytest.raises(Refused, match="opal drives"):
            await order
    with pytest.raises(InvalidInput, match="what"):
        await control.act(run_id, "Append", wat=1)
    with pytest.raises(InvalidInput, match="no tool"):
        await control.act(run_id, "DropDatabase", name="x")
    with pytest.raises(NotAuthorised):
        await control.act(run_id, "Append", APPROVER, what="x")
    assert OWNER.name == (await control.order(run_id, "take_over", OWNER)).wheel.driver
    with pytest.raises(Refused, match=r"olga\.owner drives"):
        await control.act(run_id, "Append", what="no longer mine")
    await control.studio.kill_now(run_id)
    assert RunStatus.KILLED == (await control.ended(run_id)).status
    assert [] == control.effects(run_id)


async def test_a_person_is_held_to_policy_like_any_planner(control: Control) -> None:
    """A tool of the bundle that the agent may not call is denied to whoever drives; the run goes on."""
    run_id = await control.start("bound", "approved")
    await control.pending(run_id)
    await control.order(run_id, "take_over")
    await control.act(run_id, "TakeBack", key="whatever")
    await control.order(run_id, "say", text="I tried to take back by hand")
    await control.order(run_id, "hand_back")
    await control.decide((await control.pending(run_id)).id, "deny")
    await control.ended(run_id)
    denied = [entry for entry in await control.seen(run_id) if entry.kind == "denial" and entry.step == 1]
    assert ["TakeBack"] == [entry.tool for entry in denied]
    (message,) = [entry for entry in await control.seen(run_id) if entry.kind == "message"]
    assert ({"by": "opal", "text": "I tried to take back by hand"}, ("person:opal",)) == (
        message.content,
        message.labels.sources,
    )
    assert [] == control.effects(run_id)
