"""Slack's requests over HTTP: signed by Slack, fresh, and each taken once."""

import hashlib
import hmac
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from gateway.chat.slack_api import quiet_logger
from gateway.chat.slack_app import KEEP_S
from proctor.contracts.chat_ports import SeenMessages
from proctor.contracts.errors import NotAuthorised, Unavailable

if TYPE_CHECKING:
    from slack_bolt.async_app import AsyncApp
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

PATH = "/slack/events"
WINDOW_S = 300
MOST_BODY = 1_000_000
_SIGNATURE, _TIMESTAMP = "x-slack-signature", "x-slack-request-timestamp"


def check_signature(secret: str, headers: Mapping[str, str], body: bytes, now_s: float) -> str:
    """Check that Slack sent this within the last 5 minutes; gives the signature, which names the request.

    Raises:
        NotAuthorised: it is not signed by this secret, or too old, or from the future.

    """
    stamp, signature = headers.get(_TIMESTAMP, ""), headers.get(_SIGNATURE, "")
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 12) or abs(now_s - int(stamp)) > WINDOW_S:  # noqa: PLR2004
        raise NotAuthorised("the request is not of the last 5 minutes")
    expected = "v0=" + hmac.new(secret.encode(), b"v0:" + stamp.encode() + b":" + body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected.encode(), signature.encode()):
        raise NotAuthorised("the request is not signed by Slack")
    return expected


def slack_routes(
    app: "AsyncApp", secret: str, seen: SeenMessages, now_s: Callable[[], float] = time.time
) -> "list[Route]":
    """Give the routes to mount in the gateway's application."""
    from slack_bolt.adapter.starlette.async_handler import AsyncSlackRequestHandler
    from starlette.responses import PlainTextResponse
    from starlette.routing import Route

    taker = AsyncSlackRequestHandler(app)

    async def take(request: "Request") -> "Response":
        try:
            signature = check_signature(secret, request.headers, await _body(request), now_s())
            is_new = await seen.is_new("slack-http", signature, KEEP_S)
        except NotAuthorised as error:
            return PlainTextResponse(error.message, 401)
        except Unavailable:
            # Nobody knows whether it is a repetition, so it is not taken up.
            return PlainTextResponse("come back later", 503)
        if not is_new:
            return PlainTextResponse("this very request was taken before", 409)
        try:
            return await taker.handle(request)
        except (ValueError, TypeError, AttributeError, LookupError) as error:
            # Raised while the library reads the payload: what listeners raise, the app answers itself.
            quiet_logger().warning("a request of Slack cannot be read: %s", type(error).__name__)
            return PlainTextResponse("this cannot be read", 400)

    return [Route(PATH, take, methods=["POST"])]


async def _body(request: "Request") -> bytes:
    """Read the body, up to the size that Slack ever sends; the request keeps it for whoever reads it next."""
    length = request.headers.get("content-length", "")
    if not length.isdigit() or int(length) > MOST_BODY:
        raise NotAuthorised("the request has no length that Slack sends")
    return await request.body()
