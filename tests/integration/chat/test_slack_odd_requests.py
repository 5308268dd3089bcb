"""Requests that are signed by Slack's secret and are odd all the same: none decides, and the next one is taken."""

import json
import time
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

import httpx

from gateway.chat.slack_http import MOST_BODY, PATH
from proctor.contracts.human import RequestState
from tests.integration.chat.conftest import Chat, user
from tests.integration.chat.slack_workspace import signature, signed


async def test_the_stamp_is_a_number_and_part_of_what_issignature(talking: Chat, client: httpx.AsyncClient) -> None:
    """One of another form is refused although it is signed, and another fresh one makes nothing old new again."""
    request = await talking.ask()
    body, good = signed(talking.slack.pressed(await talking.slack.card(), "Approve", user("adam")))
    now = int(time.time())
    for stamp in (f"{now}.5", f"+{now}", f" {now}", "0" * 13 + str(now), "0" * 5000 + str(now)):
        assert 401 == (await client.post(PATH, content=body, headers=signature(body, stamp))).status_code, stamp[:20]
    squared = httpx.Headers({**good, "x-slack-request-timestamp": "²"}, encoding="latin-1")
    assert 401 == (await client.post(PATH, content=body, headers=squared)).status_code
    renewed = {**good, "x-slack-request-timestamp": str(int(good["x-slack-request-timestamp"]) - 1)}
    assert 401 == (await client.post(PATH, content=body, headers=renewed)).status_code
    assert [] == await talking.words(request)
    assert 200 == (await client.post(PATH, content=body, headers=good)).status_code
    await talking.until_state(request, RequestState.GRANTED)


async def test_a_body_of_no_known_length_or_too_large_a_one_is_not_read(
    talking: Chat, client: httpx.AsyncClient
) -> None:
    """Whoever signed it; up to the limit it is taken."""

    async def in_chunks(body: bytes) -> AsyncIterator[bytes]:
        yield body

    stamp = str(int(time.time()))
    order = talking.slack.ordered("help", user("adam"))
    large = urlencode({**order, "pad": "x" * MOST_BODY}).encode()
    assert 401 == (await client.post(PATH, content=large, headers=signature(large, stamp))).status_code
    body = urlencode(order).encode()
    assert 401 == (await client.post(PATH, content=in_chunks(body), headers=signature(body, stamp))).status_code
    assert [] == talking.slack.replies
    assert 200 == (await client.post(PATH, content=body, headers=signature(body, stamp))).status_code
    await talking.slack.until(lambda: talking.slack.replies)


async def test_a_payload_that_cannot_be_read_decides_nothing_and_harms_nobody(
    talking: Chat, client: httpx.AsyncClient
) -> None:
    """No JSON, no action, no user, no team, another person's shape of it, a word that is none; then a good one."""
    request = await talking.ask()
    good = talking.slack.pressed(await talking.slack.card(), "Approve", user("adam"))
    button = good["actions"][0]
    odd: list[Any] = [
        {},
        [],
        "text",
        {**good, "actions": []},
        {**good, "actions": [{**button, "action_id": "proctor:frobnicate"}]},
        {**good, "actions": [{**button, "value": ""}]},
        {**good, "actions": [{**button, "value": "nobody|"}]},
        {**good, "user": {"id": user("adam")}, "team": None},
        {**good, "user": {}},
        {**good, "type": "view_submission", "view": {"callback_id": "proctor:deny", "private_metadata": "{"}},
    ]
    stamp = str(int(time.time()))
    bodies = [urlencode({"payload": json.dumps(one)}).encode() for one in odd]
    bodies += [urlencode({"payload": "{"}).encode(), b"", b"\xff\xfe", b"payload"]
    for body in bodies:
        answer = await client.post(PATH, content=body, headers=signature(body, stamp))
        assert answer.status_code in {200, 400, 404, 500}, body
        assert "Traceback" not in answer.text
    assert RequestState.PENDING == await talking.state(request)
    assert [] == await talking.words(request)
    body, headers = signed(good)
    assert 200 == (await client.post(PATH, content=body, headers=headers)).status_code
    await talking.until_state(request, RequestState.GRANTED)


async def test_the_same_id_in_another_workspace_gives_no_orders(talking: Chat, client: httpx.AsyncClient) -> None:
    """A command names the workspace that it was typed in; only there the person is ours."""
    stamp = str(int(time.time()))
    order = talking.slack.ordered("kill all now", user("olga"))
    body = urlencode({**order, "team_id": "T0OTHER"}).encode()
    await client.post(PATH, content=body, headers=signature(body, stamp))
    await talking.slack.until(lambda: talking.slack.replies)
    assert "I do not know who you are here (T0OTHER/" in str(talking.slack.replies[0])
    assert {"response_type": "ephemeral", "unfurl_links": False}.items() <= talking.slack.replies[0].items()
    assert [] == await talking.store.kills.active()
