"""A small Slack of our own, on real sockets: its Web API, Socket Mode, and signed requests over HTTP.

It refuses what Slack refuses (limits of Block Kit, wrong tokens, missing scopes) and keeps what people would see.
Written from Slack's public documentation; Slack itself was never reached.
"""

import asyncio
import hashlib
import hmac
import itertools
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode

import aiohttp
from aiohttp import web

from tests.integration.chat.block_kit import problem_with_blocks, problem_with_view

TEAM, CHANNEL, APP = "T0WORK", "C0APPROVALS", "A0PROCTOR"
BOT_TOKEN, APP_TOKEN, SECRET = "xoxb-test-bot", "xapp-test-app", "shhh-signing-secret"
_numbers = itertools.count(1)


@dataclass
class Posted:
    """A message as people see it."""

    ts: str
    text: str
    blocks: list[dict[str, Any]]
    thread_ts: str | None = None
    edits: int = 0
    user: str | None = None
    """Who alone sees it."""
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def said(self) -> str:
        """All texts in it."""
        return "\n".join(texts_in(self.blocks)) or self.text

    @property
    def buttons(self) -> dict[str, dict[str, Any]]:
        """The buttons, by label."""
        found = [one for block in self.blocks if block["type"] == "actions" for one in block["elements"]]
        return {one["text"]["text"]: one for one in found}


@dataclass
class Failure:
    """What the Web API does instead, once."""

    method: str
    status: int = 200
    error: str = "internal_error"
    headers: dict[str, str] = field(default_factory=dict)
    delay_s: float = 0.0


@dataclass
class SlackWorkspace:
    """One workspace with one app and one channel."""

    port: int = 0
    scopes: str = "chat:write,commands,channels:read"
    messages: list[Posted] = field(default_factory=list)
    whispers: list[Posted] = field(default_factory=list)
    views: list[dict[str, Any]] = field(default_factory=list)
    replies: list[dict[str, Any]] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    is_down: bool = False
    acks: dict[str, Any] = field(default_factory=dict)
    ack_times_s: list[float] = field(default_factory=list)
    sockets: list[web.WebSocketResponse] = field(default_factory=list)
    _waiting: dict[str, "asyncio.Future[Any]"] = field(default_factory=dict)

    @property
    def api_url(self) -> str:
        """Where its Web API is."""
        return f"http://127.0.0.1:{self.port}/api/"

    @property
    def cards(self) -> list[Posted]:
        """Messages that stand in the channel by themselves."""
        return [one for one in self.messages if one.thread_ts is None]

    def thread_of(self, message: Posted) -> list[str]:
        """Texts below a message."""
        return [one.said for one in self.messages if one.thread_ts == message.ts]

    async def until(self, holds: Any, timeout_s: float = 30) -> Any:
        """Wait until something is there."""
        async with asyncio.timeout(timeout_s):
            while not (found := holds()):  # noqa: ASYNC110 - what is waited for comes over a socket
                await asyncio.sleep(0.01)
        return found

    async def card(self, n: int = 0) -> Posted:
        """Wait for the card number `n`."""
        await self.until(lambda: len(self.cards) > n)
        return self.cards[n]

    # What people do

    async def press(self, message: Posted, label: str, user: str, **more: Any) -> Any:
        """Press a button; gives what the app acknowledged with."""
        return await self.send("interactive", self.pressed(message, label, user, **more))

    def pressed(self, message: Posted, label: str, user: str, **more: Any) -> dict[str, Any]:
        """Make the payload of a press, as Slack sends it."""
        button = message.buttons[label]
        action = {**button, "action_ts": f"{time.time():.6f}", "block_id": "b"}
        return {
            "type": "block_actions",
            "user": {"id": user, "team_id": TEAM},
            "api_app_id": APP,
            "team": {"id": TEAM, "domain": "work"},
            "channel": {"id": CHANNEL, "name": "approvals"},
            "container": {"type": "message", "message_ts": message.ts, "channel_id": CHANNEL},
            "message": {"ts": message.ts},
            "trigger_id": f"{next(_numbers)}.trigger",
            "response_url": f"http://127.0.0.1:{self.port}/respond",
            "actions": [action],
            **more,
        }

    async def submit(self, view: dict[str, Any], user: str, **values: Any) -> Any:
        """Submit a form with these values by block; gives what the app acknowledged with."""
        state = {
            name: {name: {"selected_option": {"value": value}} if name in {"scope", "for_s"} else {"value": value}}
            for name, value in values.items()
        }
        payload = {
            "type": "view_submission",
            "user": {"id": user, "team_id": TEAM},
            "team": {"id": TEAM},
            "trigger_id": f"{next(_numbers)}.trigger",
            "view": {**view, "id": "V1", "hash": "1", "state": {"values": state}},
        }
        return await self.send("interactive", payload)

    async def order(self, text: str, user: str) -> str:
        """Write `/proctor TEXT` and give the private answer."""
        before = len(self.replies)
        await self.send("slash_commands", self.ordered(text, user))
        await self.until(lambda: len(self.replies) > before)
        return "\n".join(texts_in(self.replies[before].get("blocks") or []))

    def ordered(self, text: str, user: str) -> dict[str, Any]:
        """Make the payload of an order, as Slack sends it."""
        return {
            "command": "/proctor",
            "text": text,
            "team_id": TEAM,
            "user_id": user,
            "channel_id": CHANNEL,
            "api_app_id": APP,
            "trigger_id": f"{next(_numbers)}.trigger",
            "response_url": f"http://127.0.0.1:{self.port}/respond",
        }

    async def send(self, kind: str, payload: dict[str, Any], envelope_id: str | None = None) -> Any:
        """Send something over the newest socket and wait for its acknowledgement, as long as Slack would."""
        name = envelope_id or f"env-{next(_numbers)}"
        envelope = {
            "envelope_id": name,
            "type": kind,
            "accepts_response_payload": True,
            "payload": payload,
        }
        await self.until(lambda: self.sockets)
        answer = self._waiting[name] = asyncio.get_running_loop().create_future()
        began = time.monotonic()
        await self.sockets[-1].send_json(envelope)
        async with asyncio.timeout(3):
            found = await answer
        self.ack_times_s.append(time.monotonic() - began)
        return found

    async def disconnect(self, *, gracefully: bool) -> None:
        """End the socket, as Slack does every few hours, or as a network does."""
        socket = self.sockets.pop()
        if gracefully:
            await socket.send_json({"type": "disconnect", "reason": "refresh_requested"})
        else:
            await socket.close()

    # What the app asks for

    async def serve_api(self, request: web.Request) -> web.Response:
        """Answer a call of the Web API."""
        method = request.match_info["method"]
        if self.is_down:
            request.transport.close()  # type: ignore[union-attr]
            return web.Response(status=503)
        self.calls.append(method)
        failure = next((one for one in self.failures if one.method == method), None)
        if failure is not None:
            self.failures.remove(failure)
            await asyncio.sleep(failure.delay_s)
            if failure.error:
                answer = {"ok": False, "error": failure.error}
                return web.json_response(answer, status=failure.status, headers=failure.headers)
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if token != (APP_TOKEN if method == "apps.connections.open" else BOT_TOKEN):
            return web.json_response({"ok": False, "error": "invalid_auth"})
        fields = await _fields(request)
        answer = self._answer(method, fields)
        return web.json_response(answer, headers={"x-oauth-scopes": self.scopes})

    def _answer(self, method: str, fields: dict[str, Any]) -> dict[str, Any]:
        fixed = {
            "auth.test": {"ok": True, "team_id": TEAM, "user_id": "U0BOT", "bot_id": "B0"},
            "apps.connections.open": {"ok": True, "url": f"ws://127.0.0.1:{self.port}/socket"},
        }
        if method in fixed:
            return fixed[method]
        if method == "views.open":
            return self._open(fields)
        if fields.get("channel") != CHANNEL or method == "conversations.info":
            return {"ok": fields.get("channel") == CHANNEL, "error": "channel_not_found"}
        wrong = problem_with_blocks(fields.get("blocks") or [])
        if wrong:
            return {"ok": False, "error": "invalid_blocks", "detail": wrong}
        return self._take(method, fields)

    def _open(self, fields: dict[str, Any]) -> dict[str, Any]:
        wrong = problem_with_view(fields["view"])
        if wrong:
            return {"ok": False, "error": "invalid_arguments", "detail": wrong}
        self.views.append(fields["view"])
        return {"ok": True, "view": {"id": "V1"}}

    def _take(self, method: str, fields: dict[str, Any]) -> dict[str, Any]:
        if method == "chat.update":
            found = next((one for one in self.messages if one.ts == fields["ts"]), None)
            if found is None:
                return {"ok": False, "error": "message_not_found"}
            found.text, found.blocks, found.edits = fields["text"], fields.get("blocks") or [], found.edits + 1
            return {"ok": True, "channel": CHANNEL, "ts": found.ts}
        ts = f"1700000000.{next(_numbers):06d}"
        options = {name: fields.get(name) for name in ("parse", "link_names", "unfurl_links", "unfurl_media")}
        posted = Posted(ts, fields["text"], fields.get("blocks") or [], fields.get("thread_ts"), options=options)
        if method == "chat.postEphemeral":
            posted.user = fields["user"]
            self.whispers.append(posted)
        else:
            self.messages.append(posted)
        return {"ok": True, "channel": CHANNEL, "ts": ts}

    async def serve_socket(self, request: web.Request) -> web.WebSocketResponse:
        """Hold one Socket Mode connection."""
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_json({"type": "hello", "num_connections": 1})
        self.sockets.append(socket)
        async for message in socket:
            if message.type == aiohttp.WSMsgType.TEXT:
                answer = json.loads(message.data)
                waiting = self._waiting.pop(answer["envelope_id"], None)
                if waiting is not None and not waiting.done():
                    waiting.set_result(answer.get("payload"))
        if socket in self.sockets:
            self.sockets.remove(socket)
        return socket

    async def serve_reply(self, request: web.Request) -> web.Response:
        """Take what is sent to a response address."""
        reply = await request.json()
        wrong = problem_with_blocks(reply.get("blocks") or [])
        if wrong:
            return web.Response(status=400, text=wrong)
        self.replies.append(reply)
        return web.Response(text="ok")


def texts_in(node: Any) -> list[str]:
    """Give every text in blocks, in order."""
    if isinstance(node, list):
        return [text for one in node for text in texts_in(one)]
    if isinstance(node, dict):
        own = [node["text"]] if isinstance(node.get("text"), str) else []
        return [*own, *(text for name, one in node.items() if not isinstance(one, str) for text in texts_in(one))]
    return []


def signed(payload: dict[str, Any], *, secret: str = SECRET, age_s: float = 0) -> tuple[bytes, dict[str, str]]:
    """Make body and headers of a request over HTTP, as Slack signs it."""
    fields = payload if "command" in payload else {"payload": json.dumps(payload)}
    body, stamp = urlencode(fields).encode(), str(int(time.time() - age_s))
    return body, signature(body, stamp, secret)


def signature(body: bytes, stamp: str, secret: str = SECRET) -> dict[str, str]:
    """Make the headers of a body as Slack signs it, whatever stamp there is."""
    digest = hmac.new(secret.encode(), f"v0:{stamp}:".encode() + body, hashlib.sha256).hexdigest()
    return {
        "content-type": "application/x-www-form-urlencoded",
        "x-slack-request-timestamp": stamp,
        "x-slack-signature": f"v0={digest}",
    }


async def _fields(request: web.Request) -> dict[str, Any]:
    body = await request.text()
    if request.content_type == "application/json":
        return dict(json.loads(body))
    fields: dict[str, Any] = {**dict(parse_qsl(body)), **request.query}
    return {name: json.loads(value) if name in {"blocks", "view"} else value for name, value in fields.items()}


@asynccontextmanager
async def slack_workspace() -> AsyncIterator[SlackWorkspace]:
    """Serve a workspace on a free port."""
    workspace = SlackWorkspace()
    app = web.Application(client_max_size=10_000_000)
    app.router.add_route("*", "/api/{method}", workspace.serve_api)
    app.router.add_get("/socket", workspace.serve_socket)
    app.router.add_post("/respond", workspace.serve_reply)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    workspace.port = runner.addresses[0][1]
    try:
        yield workspace
    finally:
        await runner.cleanup()
