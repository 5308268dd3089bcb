"""Slack's Web API as we use it: one attempt at a time, errors in our words, no secret in any of them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from gateway.chat.card_channel import MessageGone
from gateway.chat.slack_card import CardMessage
from gateway.chat.slack_settings import APP_TOKEN, BOT_TOKEN, CHANNEL, SlackSettings
from gateway.events.channels import Undeliverable
from proctor.contracts.errors import NotAuthorised, ProctorError, Unavailable

if TYPE_CHECKING:
    from slack_sdk.web.async_client import AsyncWebClient
    from slack_sdk.web.async_slack_response import AsyncSlackResponse

TIMEOUT_S = 10
LONGEST_RETRY_AFTER_S = 15.0
"""Asked to wait longer than this, we give the attempt up; it is repeated by whoever keeps what is to be sent."""
NEEDED_SCOPES = frozenset({"chat:write", "commands"})
_OF_TOKEN = frozenset({"invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired"})
_OF_CHANNEL = frozenset({"channel_not_found", "not_in_channel", "is_archived"})
_GONE = frozenset({"message_not_found", "cant_update_message", "edit_window_closed"})
_MALFORMED = frozenset({"invalid_blocks", "msg_too_long", "msg_blocks_too_long", "invalid_arguments"})


@asynccontextmanager
async def open_client(settings: SlackSettings) -> "AsyncIterator[AsyncWebClient]":
    """Open a client whose calls share connections. Nothing retries inside it: whoever calls owns the repetition."""
    from aiohttp import ClientSession, ClientTimeout
    from slack_sdk.web.async_client import AsyncWebClient

    async with ClientSession(timeout=ClientTimeout(total=TIMEOUT_S)) as session:
        yield AsyncWebClient(
            token=settings.bot_token,
            base_url=settings.api_url,
            session=session,
            retry_handlers=[],
            logger=quiet_logger(),
        )


def quiet_logger() -> Any:
    """Give the logger for Slack's libraries; below warnings they write whole payloads."""
    import logging

    logger = logging.getLogger("gateway.chat.slack")
    logger.setLevel(logging.WARNING)
    return logger


class SlackApi:
    """The calls that we make."""

    def __init__(self, client: "AsyncWebClient", channel: str) -> None:
        """Take a client and the channel that cards go to."""
        self._client, self.channel = client, channel

    async def check(self) -> str:
        """Check the bot token, its scopes and the channel; gives the id of the workspace.

        Raises:
            NotAuthorised: Slack refuses the token, or a scope is missing.
            Undeliverable: the channel is not there for us.
            Unavailable: Slack does not answer.

        """
        answer = await told(self._client.auth_test)
        scopes = {one.strip() for one in str(answer.headers.get("x-oauth-scopes", "")).split(",")} - {""}
        if scopes and not scopes >= NEEDED_SCOPES:
            missing = ", ".join(sorted(NEEDED_SCOPES - scopes))
            raise NotAuthorised(
                f"the token in {BOT_TOKEN} lacks the scopes {missing}", hint="add them to the app and install it again"
            )
        if scopes & {"channels:read", "groups:read"}:
            await told(self._client.conversations_info, channel=self.channel)
        return str(answer["team_id"])

    async def post(self, message: CardMessage, thread: str | None = None) -> str:
        """Post to the channel, or to a thread in it; gives the message's place, `CHANNEL/TS`."""
        answer = await told(
            self._client.chat_postMessage,
            channel=self.channel if thread is None else place_of(thread)[0],
            text=message.text,
            blocks=message.blocks or None,
            thread_ts=None if thread is None else place_of(thread)[1],
            parse="none",
            link_names=False,
            unfurl_links=False,
            unfurl_media=False,
        )
        return f"{answer['channel']}/{answer['ts']}"

    async def replace(self, place: str, message: CardMessage) -> None:
        """Replace a message where it stands. Raises `MessageGone`."""
        channel, ts = place_of(place)
        await told(
            self._client.chat_update,
            channel=channel,
            ts=ts,
            text=message.text,
            blocks=message.blocks,
            parse="none",
            link_names=False,
        )

    async def whisper(self, channel: str, user: str, message: CardMessage) -> None:
        """Show something to one person only."""
        await told(
            self._client.chat_postEphemeral,
            channel=channel,
            user=user,
            text=message.text,
            blocks=message.blocks or None,
            parse="none",
            link_names=False,
        )

    async def open_form(self, trigger_id: str, view: dict[str, Any]) -> None:
        """Open a form; Slack allows it for 3 seconds after the person pressed."""
        await told(self._client.views_open, trigger_id=trigger_id, view=view)


def place_of(reference: str) -> tuple[str, str]:
    """Give channel and timestamp of a message's place."""
    channel, _, ts = reference.partition("/")
    return channel, ts


async def told(call: "Callable[..., Awaitable[AsyncSlackResponse]]", **arguments: Any) -> "AsyncSlackResponse":
    """Call Slack; asked to come back soon, do so once.

    Raises:
        NotAuthorised: the token or one of its scopes. `Undeliverable`: no repetition helps. `Unavailable`: it may.

    """
    from aiohttp import ClientError
    from slack_sdk.errors import SlackApiError

    given = {name: value for name, value in arguments.items() if value is not None}
    for has_waited in (False, True):
        try:
            return await call(**given)
        except SlackApiError as error:
            wait_s = _retry_after(error)
            if wait_s is None or has_waited or wait_s > LONGEST_RETRY_AFTER_S:
                raise _in_our_words(error) from error
            await asyncio.sleep(wait_s)
        except (ClientError, OSError, TimeoutError) as error:
            raise Unavailable(f"Slack does not answer: {type(error).__name__}", hint="it is tried again") from error
    raise AssertionError("unreachable")


def _retry_after(error: Any) -> float | None:
    """Give how long Slack asks us to wait; None when it asks for nothing."""
    if _said(error, "error") != "ratelimited":
        return None
    text = str(error.response.headers.get("Retry-After", "1"))
    return float(text) if text.isascii() and text.isdigit() else 1.0


def _said(error: Any, name: str) -> str:
    """Read a field of Slack's answer; an answer that is not JSON has none."""
    fields = getattr(error.response, "data", None)
    return str(fields.get(name) or "")[:80] if isinstance(fields, dict) else ""


def _in_our_words(error: Any) -> ProctorError:
    code = _said(error, "error") or "nothing that can be read"
    if code in _OF_TOKEN:
        return NotAuthorised(f"Slack refuses the token ({code})", hint=f"check {BOT_TOKEN} and {APP_TOKEN}")
    if code == "missing_scope":
        needed = _said(error, "needed") or "that this takes"
        return NotAuthorised(f"the Slack app lacks the scope {needed}", hint="add it to the app and install it again")
    if code in _OF_CHANNEL:
        return Unavailable(f"Slack: {code}", hint=f"check {CHANNEL}, and invite the app to that channel")
    if code in _GONE:
        return MessageGone(f"Slack: {code}")
    if code in _MALFORMED:
        return Undeliverable(f"Slack takes no such message: {code}")
    return Unavailable(f"Slack answers {code}", hint="it is tried again")
