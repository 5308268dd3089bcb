"""How a call of Slack's Web API ends, for each way in which Slack can answer."""

import asyncio
from typing import Any

import pytest
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
        ("invalid_auth", NotAuthorised),
        ("missing_scope", NotAuthorised),
        ("not_in_channel", Unavailable),
        ("message_not_found", MessageGone),
        ("invalid_blocks", Undeliverable),
        ("internal_error", Unavailable),
    ],
)
async def test_each_error_of_slack_is_one_of_ours_and_is_not_repeated(error: str, kind: type[ProctorError]) -> None:
    """Whoever calls learns whether a repetition can help."""
    method = FakeMethod(error, Retry_After="0")
    with pytest.raises(kind) as refused:
        await told(method)
    assert (kind, 1) == (type(refused.value), method.calls)
