"""Editing what waits for approval."""

import pytest

from gateway.auditing import read_trail
from proctor.contracts.errors import InvalidInput, NotAuthorised
from proctor.contracts.human import Principal, Role
from proctor.contracts.ids import PrincipalName
from proctor.contracts.run import RunStatus
from tests.integration.control.conftest import APPROVER, Control

pytestmark = pytest.mark.asyncio(loop_scope="session")
SECOND = Principal(name=PrincipalName("abel"), roles=frozenset({Role.APPROVER}))
THIRD = Principal(name=PrincipalName("abby"), roles=frozenset({Role.APPROVER}))


async def test_an_edited_call_is_a_new_call_that_its_editors_cannot_approve(control: Control) -> None:
    """Edited twice, approved by a third person: one effect, with the newest words and a key of its own."""
    run_id = await control.start("edit", "approved")
    first = await control.pending(run_id)
    await control.decide(first.id, "edit", arguments={"what": "better"})
    second = await control.pending(run_id)
    assert (0, 1, 0) == (second.step, second.call, second.replaces)
    assert {"what": "needs a person"} == second.details["replaced"]
    with pytest.raises(NotAuthorised):
        await control.decide(second.id, "approve")
    await control.decide(second.id, "edit", by=SECOND, arguments={"what": "best"})
    third = await control.pending(run_id)
    assert (2, 1) == (third.call, third.replaces)
    for editor in (APPROVER, SECOND):
        with pytest.raises(NotAuthorised):
            await control.decide(third.id, "approve", by=editor)
    assert [] == control.effects(run_id)
    await control.decide(third.id, "approve", by=THIRD)
    assert RunStatus.COMPLETED == (await control.ended(run_id)).status
    assert [("0/2", "best")] == control.effects(run_id)
    gateway = control.studio.gateway
    assert [] == (await read_trail(run_id, gateway.store.archive, gateway.engine)).breaks()
    story = await control.story(run_id)
    assert [(0, "", None), (1, APPROVER.name, 0), (2, SECOND.name, 1)] == [
        (call.call, call.author, call.replaces) for call in story.steps[0].calls
    ]
    assert [{"what": "needs a person"}, {"what": "better"}, {"what": "best"}] == [
        call.arguments for call in story.steps[0].calls
    ]
    await control.undo(run_id)
    assert ("0/2/undo", f"undo of {run_id}/0/2") == control.effects(run_id)[-1]


async def test_arguments_that_the_tool_does_not_take_are_refused_at_the_decision(control: Control) -> None:
    """The mistake is named, and the request stays as it was."""
    run_id = await control.start("edit-wrong", "approved")
    request = await control.pending(run_id)
    for arguments in ({"what": 7}, {"what": "x", "more": 1}, {}):
        with pytest.raises(InvalidInput, match="does not take"):
            await control.decide(request.id, "edit", arguments=arguments)
    assert "pending" == (await control.pending(run_id)).state
    await control.decide(request.id, "deny")
    await control.ended(run_id)
    assert [] == control.effects(run_id)
