"""Slack over HTTP: only what it signed, lately, and each request once."""

import httpx
from starlette.applications import Starlette

from gateway.chat.slack_http import PATH
from proctor.contracts.human import RequestState
from tests.integration.chat.conftest import Chat, user
from tests.integration.chat.slack_workspace import signed


async def test_signed_press_decides_and_its_replay_is_refused(talking: Chat, client: httpx.AsyncClient) -> None:
    """The very same request within the 5 minutes changes nothing, at this gateway or another."""
    request = await talking.ask()
    body, headers = signed(talking.slack.pressed(await talking.slack.card(), "Approve", user("adam")))
    assert 200 == (await client.post(PATH, content=body, headers=headers)).status_code
    await talking.until_state(request, RequestState.GRANTED)
    assert 409 == (await client.post(PATH, content=body, headers=headers)).status_code
    async with talking.gateway() as other:
        elsewhere = httpx.ASGITransport(Starlette(routes=other.routes))
        async with httpx.AsyncClient(transport=elsewhere, base_url="http://other") as second:
            assert 409 == (await second.post(PATH, content=body, headers=headers)).status_code
    assert [("adam", "approve", True)] == await talking.words(request)


async def test_same_press_signed_anew_is_taken_up_once(talking: Chat, client: httpx.AsyncClient) -> None:
    """Slack repeats with another time and signature; the message in it is the same."""
    request = await talking.ask()
    payload = talking.slack.pressed(await talking.slack.card(), "Approve", user("adam"))
    for age_s in (2, 1):
        body, headers = signed(payload, age_s=age_s)
        assert 200 == (await client.post(PATH, content=body, headers=headers)).status_code
    await talking.until_state(request, RequestState.GRANTED)
    await talking.slack.order("help", user("adam"))
    assert [("adam", "approve", True)] == await talking.words(request)


async def test_what_slack_did_not_sign_lately_is_refused(talking: Chat, client: httpx.AsyncClient) -> None:
    """Another secret, another body, too old, from the future, no time, no signature, not text: nothing happens."""
    request = await talking.ask()
    payload = talking.slack.pressed(await talking.slack.card(), "Approve", user("adam"))
    body, good = signed(payload)
    forged = [
        signed(payload, secret="guessed"),
        (body + b"&x=1", good),
        signed(payload, age_s=360),
        signed(payload, age_s=-360),
        (body, {**good, "x-slack-request-timestamp": "now"}),
        (body, {**good, "x-slack-request-timestamp": "-1"}),
        (body, {name: value for name, value in good.items() if name != "x-slack-request-timestamp"}),
        (body, {name: value for name, value in good.items() if name != "x-slack-signature"}),
        (body, {**good, "x-slack-signature": ""}),
        (b"\xff\xfe", good),
    ]
    answers = [(await client.post(PATH, content=content, headers=headers)).status_code for content, headers in forged]
    assert [401] * len(forged) == answers
    foreign = httpx.Headers({**good, "x-slack-signature": "v0=é"}, encoding="utf-8")
    assert 401 == (await client.post(PATH, content=body, headers=foreign)).status_code
    assert 405 == (await client.get(PATH)).status_code
    assert ([], []) == (await talking.words(request), talking.engine.woken)


async def test_refused_request_uses_up_no_signature(talking: Chat, client: httpx.AsyncClient) -> None:
    """Who cannot sign cannot make the true request look like a repetition, or fill the memory."""
    request = await talking.ask()
    payload = talking.slack.pressed(await talking.slack.card(), "Approve", user("adam"))
    body, headers = signed(payload)
    assert 401 == (await client.post(PATH, content=body + b" ", headers=headers)).status_code
    assert 200 == (await client.post(PATH, content=body, headers=headers)).status_code
    await talking.until_state(request, RequestState.GRANTED)


async def test_request_is_not_taken_while_the_store_is_away(talking: Chat, client: httpx.AsyncClient) -> None:
    """Nobody knows then whether it is a repetition."""
    body, headers = signed(talking.slack.ordered("help", user("adam")))
    await talking.store.close()
    assert 503 == (await client.post(PATH, content=body, headers=headers)).status_code
