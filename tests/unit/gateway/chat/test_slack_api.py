"""How a call of Slack's Web API ends, for each way in which Slack can answer."""

import asyncio
from typing import Any

import pytest
from aiohttp import ClientError
from slack_sdk.errors import SlackApiError

from gateway.chat.card_channel import MessageGone
from gateway.chat.slack_api import LONGEST_RETRY_AFTER_S, told
from gateway.events.channels import Undeliverable
from proctor.contracts.errors import NotAuthorised, ProctorError, Unavailable


class FakeAnswer:
    """What Slack answers."""

    def __init__(self, error: str, headers: dict[str, str]) -> None:
        self.data, self.headers = {"ok": False, "error": error}, headers


class FakeMethod:
    """A method that answers with an error, and counts its calls."""

    def __init__(self, error: str, **headers: str) -> None:
        self.calls = 0
        self._answer = FakeAnswer(error, {name.replace("_", "-"): value for name, value in headers.items()})

    async def __call__(self, **_: Any) -> Any:
        self.calls += 1
        raise SlackApiError("refused", self._answer)  # type: ignore[no-untyped-call]


async def test_slack_that_asks_to_wait_for_long_is_not_waited_for() -> None:
    """The attempt is given up at once; whoever keeps what is to be sent repeats it, and others are not held up."""
    method = FakeMethod("ratelimited", Retry_After=str(int(LONGEST_RETRY_AFTER_S) + 1))
    async with asyncio.timeout(LONGEST_RETRY_AFTER_S / 2):
        with pytest.raises(Unavailable):
            await told(method)
    assert 1 == method.calls


async def test_slack_is_waited_for_once() -> None:
    """Asked to wait again, the attempt is given up."""
    method = FakeMethod("ratelimited", Retry_After="0")
    with pytest.raises(Unavailable):
        await told(method)
    assert 2 == method.calls


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        *((one, NotAuthorised) for one in ("invalid_auth", "not_authed", "account_inactive")),
        *((one, NotAuthorised) for one in ("token_revoked", "token_expired", "missing_scope")),
        *((one, Unavailable) for one in ("channel_not_found", "not_in_channel", "is_archived")),
        *((one, MessageGone) for one in ("message_not_found", "cant_update_message", "edit_window_closed")),
        *((one, Undeliverable) for one in ("invalid_blocks", "msg_too_long", "msg_blocks_too_long")),
        ("invalid_arguments", Undeliverable),
        ("internal_error", Unavailable),
    ],
)
async def test_each_error_of_slack_is_one_of_ours_and_is_not_repeated(error: str, kind: type[ProctorError]) -> None:
    """Whoever calls learns whether a repetition can help."""
    method = FakeMethod(error, Retry_After="0")
    with pytest.raises(kind) as refused:
        await told(method)
    assert (kind, 1) == (type(refused.value), method.calls)


@pytest.mark.parametrize("error", ["channel_not_found", "not_in_channel", "is_archived"])
async def test_a_channel_that_is_not_there_for_us_is_named_by_its_setting(error: str) -> None:
    """Whoever reads the trouble knows what to set right."""
    with pytest.raises(Unavailable) as refused:
        await told(FakeMethod(error))
    assert "PROCTOR_SLACK_CHANNEL" in refused.value.diagnostics()


async def test_an_odd_time_to_wait_is_a_second_and_an_answer_that_is_no_json_is_tried_again() -> None:
    """Nothing that Slack, or a proxy before it, answers is an error of ours."""
    method = FakeMethod("ratelimited", Retry_After="soon")
    began = asyncio.get_running_loop().time()
    with pytest.raises(Unavailable):
        await told(method)
    assert 0.9 <= asyncio.get_running_loop().time() - began < 5
    page = FakeMethod("")
    page._answer.data = "<html>" * 1000  # type: ignore[assignment]
    with pytest.raises(Unavailable) as refused:
        await told(page)
    assert "<html>" not in refused.value.diagnostics()
    long = FakeMethod("x" * 5000)
    with pytest.raises(Unavailable) as refused:
        await told(long)
    assert len(refused.value.message) < 200


@pytest.mark.parametrize("error", [ClientError("no way"), ConnectionResetError(), TimeoutError()])
async def test_a_network_that_breaks_is_unavailable(error: Exception) -> None:
    """So that whoever keeps what is to be sent sends it again."""

    async def broken(**_: Any) -> Any:
        raise error

    with pytest.raises(Unavailable):
        await told(broken)
