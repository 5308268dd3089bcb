"""Decisions in Slack: who may, what they do, and what changes nothing."""

import asyncio
import json

import psycopg

from proctor.contracts.approving import ApprovalProcess
from proctor.contracts.human import HumanRequest, RequestKind, RequestState
from proctor.contracts.ids import RequestId
from proctor.contracts.run import RequestRef
from proctor.contracts.steps import StepPlan, StepRef
from tests.integration.chat.conftest import PAGES, Chat, user


async def test_approval_in_slack_is_the_principals_and_wakes_the_run(talking: Chat) -> None:
    """The card names the call; pressing it decides as the linked person, and the card shows what became of it."""
    request = await talking.ask()
    card = await talking.slack.card()
    assert {"Approve", "Deny", "Edit", "Approve and stop asking", "Open the page"} == set(card.buttons)
    assert "fixer asks to call Restart" in card.said
    assert '"web"' in card.said
    await talking.slack.press(card, "Approve", user("adam"))
    await talking.until_state(request, RequestState.GRANTED)
    assert [("adam", "approve", True)] == await talking.words(request)
    await talking.slack.until(lambda: "Approved · fixer" in card.said)
    assert {"Deny", "Open the page"} == set(card.buttons)
    assert [(request.run_id, request.id)] == talking.engine.woken
    assert max(talking.slack.ack_times_s) < 3


async def test_unlinked_user_is_told_how_to_be_linked_and_nothing_happens(talking: Chat) -> None:
    """Only they see it; no decision is recorded, no form opens, no order is obeyed."""
    request = await talking.ask()
    card = await talking.slack.card()
    for label in ("Approve", "Deny"):
        await talking.slack.press(card, label, "U0STRANGER")
    await talking.slack.until(lambda: len(talking.slack.whispers) == 2)
    assert {"U0STRANGER"} == {one.user for one in talking.slack.whispers}
    assert all("proctor principals link" in one.said for one in talking.slack.whispers)
    assert "T0WORK/U0STRANGER" in talking.slack.whispers[0].said
    assert "nothing was done" in await talking.slack.order("kill all now", "U0STRANGER")
    assert [] == await talking.store.kills.active()
    assert ([], []) == (await talking.words(request), talking.slack.views)


async def test_user_of_another_workspace_with_the_same_id_is_somebody_else(talking: Chat) -> None:
    """In a channel that companies share, the person's own workspace counts, not the app's."""
    request = await talking.ask()
    card = await talking.slack.card()
    payload = talking.slack.pressed(card, "Approve", user("adam"))
    await talking.slack.send("interactive", {**payload, "user": {"id": user("adam"), "team_id": "T0OTHER"}})
    await talking.slack.until(lambda: talking.slack.whispers)
    assert [] == await talking.words(request)


async def test_requester_cannot_approve_their_own_run_in_slack(talking: Chat) -> None:
    """They are told so; the attempt is on record and not applied."""
    request = await talking.ask()
    await talking.slack.press(await talking.slack.card(), "Approve", user("rita"))
    await talking.slack.until(lambda: talking.slack.whispers)
    assert "asked for this run" in talking.slack.whispers[0].said
    assert RequestState.PENDING == await talking.state(request)
    assert [("rita", "approve", False)] == await talking.words(request)


async def test_double_click_decides_once(talking: Chat) -> None:
    """Two presses are two messages; the second finds the request decided."""
    request = await talking.ask()
    card = await talking.slack.card()
    first, second = (talking.slack.pressed(card, "Approve", user("adam")) for _ in range(2))
    await asyncio.gather(talking.slack.send("interactive", first), talking.slack.send("interactive", second))
    await talking.slack.until(lambda: talking.slack.whispers)
    assert [True, False] == sorted((one[2] for one in await talking.words(request)), reverse=True)
    assert 1 == len(talking.engine.woken)


async def test_message_that_comes_twice_is_taken_up_once(talking: Chat) -> None:
    """Slack repeats what it takes for lost; the repetition is acknowledged and does nothing."""
    request = await talking.ask()
    payload = talking.slack.pressed(await talking.slack.card(), "Approve", user("adam"))
    await talking.slack.send("interactive", payload)
    await talking.until_state(request, RequestState.GRANTED)
    await talking.slack.send("interactive", payload)
    other = {**payload, "user": {"id": user("bea"), "team_id": "T0WORK"}}
    await talking.slack.send("interactive", other)
    await talking.slack.until(lambda: user("bea") in [one.user for one in talking.slack.whispers])
    assert [("adam", "approve", True), ("bea", "approve", False)] == await talking.words(request)
    assert [user("bea")] == [one.user for one in talking.slack.whispers]


async def test_two_people_racing_have_one_winner_and_the_other_is_told(talking: Chat) -> None:
    """Whoever comes second hears who decided."""
    request = await talking.ask()
    card = await talking.slack.card()
    await asyncio.gather(
        talking.slack.press(card, "Approve", user("adam")), talking.slack.press(card, "Approve", user("bea"))
    )
    await talking.slack.until(lambda: talking.slack.whispers)
    winner = (await talking.store.people.request(request.id)).decided_by
    assert f"already granted by {winner}" in talking.slack.whispers[0].said
    assert {True, False} == {one[2] for one in await talking.words(request)}


async def test_denial_takes_a_reason_and_beats_an_unused_approval(talking: Chat) -> None:
    """The form asks why; a granted card still offers the denial."""
    request = await talking.ask()
    card = await talking.slack.card()
    await talking.slack.press(card, "Approve", user("adam"))
    await talking.slack.until(lambda: "Approved · fixer" in card.said)
    await talking.slack.press(card, "Deny", user("bea"))
    view = (await talking.slack.until(lambda: talking.slack.views))[0]
    await talking.slack.submit(view, user("bea"), said="wrong <service> & <!channel>")
    await talking.until_state(request, RequestState.DENIED)
    found = await talking.store.people.request(request.id)
    assert ("bea", "wrong <service> & <!channel>") == (found.decided_by, found.reason)
    await talking.slack.until(lambda: "Denied · fixer" in card.said)
    assert {"Open the page"} == set(card.buttons)


async def test_click_on_a_stale_card_changes_nothing_and_mends_it(talking: Chat) -> None:
    """A card that was posted twice, decided at the command line, still shows buttons: pressing one draws it anew."""
    request = await talking.ask()
    card = await talking.slack.card()
    talking.slack.messages.append(copy := type(card)("1.1", card.text, card.blocks))
    await talking.store.people.decide(talking.word(request, "deny"), await talking.principal("adam"))
    await talking.slack.press(copy, "Approve", user("bea"))
    await talking.slack.until(lambda: "Denied · fixer" in copy.said)
    assert "too late" in talking.slack.whispers[0].said
    assert RequestState.DENIED == await talking.state(request)


async def test_button_of_another_call_decides_nothing(talking: Chat) -> None:
    """What travels with a button names the call that was shown; a request that asks for another is not decided."""
    request = await talking.ask()
    card = await talking.slack.card()
    payload = talking.slack.pressed(card, "Approve", user("adam"))
    payload["actions"][0]["value"] = f"{request.id}|{'0' * 16}"
    await talking.slack.send("interactive", payload)
    await talking.slack.until(lambda: talking.slack.whispers)
    assert "another call" in talking.slack.whispers[0].said
    assert [] == await talking.words(request)


async def test_request_that_shows_another_call_than_it_is_bound_to_can_only_be_denied(talking: Chat) -> None:
    """Whoever can write to the database changes what the card shows: nobody approves that."""
    request = await talking.ask(shows={"service": "harmless"})
    card = await talking.slack.card()
    assert "Do not approve" in card.said
    assert {"Deny", "Open the page"} == set(card.buttons)
    assert "can only be denied" in await talking.slack.order(f"approve {request.id}", user("adam"))
    assert [] == await talking.words(request)


async def test_hidden_value_that_steers_is_approved_elsewhere(talking: Chat) -> None:
    """Neither by a made-up button nor by an order."""
    labels = {"integrity": "untrusted", "confidentiality": "pii", "sources": ["mail"]}
    flows = {"service": {"labels": labels, "origins": ["tool"]}}
    request = await talking.ask(flows=flows, roles={"service": "target"}, arguments={"service": "jane.doe"})
    card = await talking.slack.card()
    assert "jane.doe" not in str(card.blocks)
    assert "does not show" in await talking.slack.order(f"approve {request.id}", user("adam"))
    assert [] == await talking.words(request)


async def test_signed_request_is_not_approved_in_slack_but_may_be_denied(talking: Chat) -> None:
    """Neither by the button, which is not there, nor by one made up, nor by an order; the page is linked."""
    request = await talking.ask(process=ApprovalProcess(is_signed=True, may_grant=False))
    card = await talking.slack.card()
    assert {"Deny", "Decide on the page"} == set(card.buttons)
    assert f"{PAGES}/approvals/{request.id}" == card.buttons["Decide on the page"]["url"]
    made_up = talking.slack.pressed(card, "Deny", user("adam"))
    made_up["actions"][0]["action_id"] = "proctor:approve"
    await talking.slack.send("interactive", made_up)
    whisper = (await talking.slack.until(lambda: talking.slack.whispers))[0]
    assert f"{PAGES}/approvals/{request.id}" in whisper.said
    assert "signed" in await talking.slack.order(f"approve {request.id}", user("adam"))
    assert [] == await talking.words(request)
    assert "denied" in await talking.slack.order(f"deny {request.id} not today", user("adam"))


async def test_edit_is_checked_in_the_form_shown_as_a_diff_and_proposed(talking: Chat) -> None:
    """Bad JSON and a bad shape are told beside the field; the change is looked at before it is proposed."""
    request = await talking.ask(arguments={"service": "web", "replicas": 3})
    await talking.slack.press(await talking.slack.card(), "Edit", user("adam"))
    form = (await talking.slack.until(lambda: talking.slack.views))[0]
    field = form["blocks"][-1]["element"]
    assert {"service": "web", "replicas": 3} == json.loads(field["initial_value"])
    for text, wrong in (
        ("{", "not JSON: line 1"),
        ('{"a": 1, "a": 2}', "occurs twice"),
        ("[1]", "must be a JSON object"),
        ('{"service": 1}', "at $.service"),
    ):
        answer = await talking.slack.submit(form, user("adam"), said=text)
        assert "errors" == answer["response_action"]
        assert wrong in answer["errors"]["said"]
    same = await talking.slack.submit(form, user("adam"), said=field["initial_value"])
    assert "nothing is changed" in same["errors"]["said"]
    looked = await talking.slack.submit(form, user("adam"), said='{"service": "web", "replicas": 1}')
    assert "update" == looked["response_action"]
    assert "- 3\n+ 1" in json.dumps(looked["view"]["blocks"]).replace("\\n", "\n")
    assert RequestState.PENDING == await talking.state(request)
    await talking.slack.submit(looked["view"], user("adam"))
    await talking.until_state(request, RequestState.EDITED)
    await talking.slack.submit(looked["view"], user("adam"))
    await talking.slack.until(lambda: talking.slack.whispers)
    assert "too late: the request is edited" in talking.slack.whispers[0].said


async def test_question_is_answered_in_the_form_that_repeats_it(talking: Chat, dsn: str) -> None:
    """What the person writes there is the answer, in their name."""
    approval = await talking.ask()
    changes = {"kind": RequestKind.QUESTION, "binding": None, "process": None, "details": {"question": "which disk?"}}
    asked = approval.model_copy(update={"id": RequestId("req-question"), "step": 1, **changes})
    halt = StepPlan(step=1, kind="question", request_id=asked.id)
    await talking.store.journal.record_halt(halt, StepRef(run_id=asked.run_id, step=1), asked)
    await talking.slack.press(await talking.slack.card(1), "Answer", user("adam"))
    form = (await talking.slack.until(lambda: talking.slack.views))[0]
    assert "which disk?" in json.dumps(form)
    await talking.slack.submit(form, user("adam"), said="the second")
    await talking.until_state(asked, RequestState.ANSWERED)
    with psycopg.connect(dsn) as connection:
        assert [("adam", "the second")] == connection.execute("SELECT by, answer FROM proctor.decision").fetchall()


async def test_stop_asking_is_a_grant_with_scope_and_end(talking: Chat) -> None:
    """The person chooses for what and for how long; the grant is theirs."""
    request = await talking.ask()
    await talking.slack.press(await talking.slack.card(), "Approve and stop asking", user("adam"))
    form = (await talking.slack.until(lambda: talking.slack.views))[0]
    await talking.slack.submit(form, user("adam"), scope="run", for_s="3600", max_uses="2")
    await talking.until_state(request, RequestState.GRANTED)
    (grant,) = await talking.store.grants.grants()
    assert ("adam", request.run_id, 2) == (grant.by, grant.run_id, grant.max_uses)


async def test_terms_of_a_grant_that_cannot_be_read_are_told(talking: Chat) -> None:
    """Whoever typed no number hears of it; nothing is approved."""
    request = await talking.ask()
    await talking.slack.press(await talking.slack.card(), "Approve and stop asking", user("adam"))
    form = (await talking.slack.until(lambda: talking.slack.views))[0]
    await talking.slack.submit(form, user("adam"), scope="run", for_s="3600", max_uses="twice")
    await talking.slack.until(lambda: talking.slack.whispers)
    assert "choose for what and for how long" in talking.slack.whispers[0].said
    assert RequestState.PENDING is (await talking.store.people.request(request.id)).state


async def test_expired_and_withdrawn_cards_lose_their_buttons(talking: Chat) -> None:
    """The feed draws them anew; a press in between is too late."""
    request = await talking.ask(for_s=0.2)
    card = await talking.slack.card()
    await asyncio.sleep(0.25)
    await talking.slack.press(card, "Approve", user("adam"))
    await talking.slack.until(lambda: talking.slack.whispers)
    assert "expired" in talking.slack.whispers[0].said
    await talking.store.journal.read_request(_ref(request))
    await talking.slack.until(lambda: "Expired" in card.said)
    assert {"Open the page"} == set(card.buttons)


def _ref(request: HumanRequest) -> RequestRef:
    return RequestRef(run_id=request.run_id, request_id=request.id)
