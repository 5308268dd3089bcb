"""Channels and receivers of webhooks for tests."""

import asyncio
import contextlib
import ssl
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from gateway.events.dispatcher import ChannelSource, Dispatcher, Patience
from proctor.contracts.events import Event, Outbox
from proctor.store.postgres import PostgresStore

SOON = Patience(max_attempts=3, first_pause_s=0.02, factor=1.0, timeout_s=2.0, poll_s=0.05)


@dataclass
class FakeChannel:
    """Notes what it is given; `trouble` may raise or wait."""

    name: str = "slack"
    trouble: Callable[[Event], Any] = lambda _: None
    kinds: frozenset[str] | None = None
    taken: list[tuple[str, str, str | None]] = field(default_factory=list)

    def wants(self, event: Event) -> bool:
        return self.kinds is None or event.kind in self.kinds

    async def deliver(self, event: Event, reference: str | None) -> str | None:
        waited = self.trouble(event)
        if waited is not None:
            await waited
        self.taken.append((event.kind, event.subject, reference))
        return f"{self.name}/{len(self.taken)}"


@dataclass
class Received:
    """One call of a webhook."""

    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """An HTTP server that notes each call and answers with the next status."""

    url: str = ""
    port: int = 0
    calls: list[Received] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    redirected: int = 0

    async def take(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.calls.append(Received(headers, await request.read()))
        status = self.statuses.pop(0) if self.statuses else 204
        return web.Response(status=status, headers={"Location": f"{self.url}/elsewhere"})

    async def redirect(self, _: web.Request) -> web.Response:
        self.redirected += 1
        return web.Response()

    async def endless(self, request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        with contextlib.suppress(ConnectionError):
            while True:
                await answer.write(b"x" * 65_536)
        return answer

    async def slow(self, _: web.Request) -> web.Response:
        await asyncio.sleep(30)
        return web.Response()


@contextlib.asynccontextmanager
async def receiving(tls: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    """Serve a receiver on a free port of this machine."""
    receiver, app = Receiver(), web.Application()
    app.router.add_post("/hook", receiver.take)
    app.router.add_route("*", "/elsewhere", receiver.redirect)
    app.router.add_post("/endless", receiver.endless)
    app.router.add_post("/slow", receiver.slow)
    runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    receiver.port = runner.addresses[0][1]
    receiver.url = f"http://127.0.0.1:{receiver.port}"
    try:
        yield receiver
    finally:
        await runner.cleanup()


@contextlib.asynccontextmanager
async def dispatching(
    store: PostgresStore,
    *channels: Any,
    make: Callable[[str], Any] = lambda _: None,
    patience: Patience = SOON,
    outbox: Outbox | None = None,
) -> AsyncIterator[Dispatcher]:
    """Run a dispatcher, which attends to its channels from the start; `outbox` stands for the store's own."""
    for channel in channels:
        await store.outbox.attend(channel.name)
    dispatcher = Dispatcher(outbox or store.outbox, ChannelSource(channels, make), patience)
    task = asyncio.create_task(dispatcher.run())
    try:
        yield dispatcher
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def until(condition: Callable[[], Any], timeout_s: float = 10.0) -> None:
    """Wait until a condition, which may be asynchronous, holds."""
    async with asyncio.timeout(timeout_s):
        while True:
            held = condition()
            if await held if asyncio.iscoroutine(held) else held:
                return
            await asyncio.sleep(0.01)


def by_subject(taken: list[tuple[str, str, str | None]]) -> dict[str, list[str]]:
    """Group the kinds of what a channel took by subject."""
    grouped: dict[str, list[str]] = defaultdict(list)
    for kind, subject, _ in taken:
        grouped[subject].append(kind)
    return dict(grouped)
