"""The Slack app: reads what Slack sends, answers within its 3 seconds, and hands the work on."""

import json
import re
from typing import TYPE_CHECKING, Any

from gateway.chat.slack_api import quiet_logger
from gateway.chat.slack_card import ACTION, PAGE_ACTION, read_value
from gateway.chat.slack_desk import Desk, Press, Speaker, spoken
from gateway.chat.slack_forms import FORM
from proctor.contracts.canonical import digest_bytes
from proctor.contracts.chat_ports import SeenMessages
from proctor.contracts.ids import RequestId

if TYPE_CHECKING:
    from slack_bolt.async_app import AsyncApp
    from slack_sdk.web.async_client import AsyncWebClient

KEEP_S = 3600.0
"""How long a message is remembered: far beyond the 5 minutes within which a signed one is taken."""
COMMAND = "/proctor"


def build_app(client: "AsyncWebClient", desk: Desk, seen: SeenMessages, signing_secret: str | None) -> "AsyncApp":
    """Build the app. Every message is taken up once, whichever gateway gets it and however often it comes."""
    from slack_bolt.async_app import AsyncApp
    from slack_bolt.authorization import AuthorizeResult

    async def authorize(enterprise_id: str | None, team_id: str | None) -> AuthorizeResult:
        return AuthorizeResult(enterprise_id=enterprise_id, team_id=team_id, bot_token=client.token)

    app = AsyncApp(
        name="proctor",
        logger=quiet_logger(),
        client=_without_token(client),
        authorize=authorize,
        signing_secret=signing_secret or "",
        raise_error_for_unhandled_request=True,
    )
    _once_only(app, seen)
    _listen_to_buttons(app, desk)
    _listen_to_forms(app, desk)
    _listen_to_orders(app, desk)
    return app


def _without_token(client: "AsyncWebClient") -> "AsyncWebClient":
    """Give a client over the same connections that the app does not look into: `authorize` says who we are."""
    from slack_sdk.web.async_client import AsyncWebClient

    return AsyncWebClient(base_url=client.base_url, session=client.session, retry_handlers=[], logger=quiet_logger())


def _once_only(app: "AsyncApp", seen: SeenMessages) -> None:
    from slack_bolt import BoltResponse

    async def take_once(body: dict[str, Any], next: Any) -> BoltResponse | None:  # noqa: A002 - bolt goes by the name
        """Go on with a message that is new; answer a repetition as if all were well, and do nothing."""
        if not await seen.is_new("slack", digest_of(body), KEEP_S):
            return BoltResponse(status=200, body="")
        await next()
        return None

    async def report(error: Exception) -> BoltResponse:
        quiet_logger().warning("a message of Slack was not taken up: %s", type(error).__name__)
        return BoltResponse(status=500, body="")

    app.use(take_once)
    app.error(report)


def _listen_to_buttons(app: "AsyncApp", desk: Desk) -> None:
    async def press(ack: Any, body: dict[str, Any], action: dict[str, Any]) -> None:
        await ack()
        if action["action_id"] != PAGE_ACTION:
            await desk.press(_who_pressed(body), _pressed(body, action))

    app.action(re.compile(f"^{re.escape(ACTION)}"))(press)


def _listen_to_forms(app: "AsyncApp", desk: Desk) -> None:
    async def submit(ack: Any, body: dict[str, Any], view: dict[str, Any]) -> None:
        word, speaker = view["callback_id"].removeprefix(FORM), _who_pressed(body)
        if word == "edit":
            await ack(**await desk.look_at_edit(speaker, view))
            return
        await ack()
        await desk.submit(speaker, word, view)

    app.view(re.compile(f"^{re.escape(FORM)}"))(submit)


def _listen_to_orders(app: "AsyncApp", desk: Desk) -> None:
    async def obey(ack: Any, respond: Any, body: dict[str, Any]) -> None:
        await ack()
        speaker = Speaker(f"{body['team_id']}/{body['user_id']}", body["user_id"], body.get("channel_id", ""))
        answer = spoken((await desk.obey(speaker, body.get("text", ""), body.get("trigger_id", ""))).text)
        await respond(text=answer.text, blocks=answer.blocks, response_type="ephemeral", unfurl_links=False)

    app.command(COMMAND)(obey)


def _who_pressed(body: dict[str, Any]) -> Speaker:
    """Say who acted. In a channel that two companies share, a person's workspace is not the app's."""
    user = body["user"]
    team = user.get("team_id") or (body.get("team") or {}).get("id") or ""
    return Speaker(f"{team}/{user['id']}", user["id"], (body.get("channel") or {}).get("id", ""))


def _pressed(body: dict[str, Any], action: dict[str, Any]) -> Press:
    request_id, shown = read_value(str(action.get("value", "")))
    ts = str((body.get("container") or {}).get("message_ts") or "")
    word = action["action_id"].removeprefix(ACTION)
    return Press(word, RequestId(request_id), shown, ts, str(body.get("trigger_id") or ""))


def digest_of(body: dict[str, Any]) -> str:
    """Name a message by all that it says; two presses of one button differ in when they were made."""
    return digest_bytes(json.dumps(body, sort_keys=True).encode())
