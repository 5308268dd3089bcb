"""From a person's press in a chat to the effect: the workspace is our own on this machine, all else is the product."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from benchmarks.figures import Figure, Goal, percentile
from benchmarks.moments import read_moments
from benchmarks.product import ProductSide
from benchmarks.scale import Scale
from benchmarks.sides import BareSide, Order, finish
from gateway.chat.slack import open_slack
from gateway.chat.slack_settings import SlackSettings
from gateway.companions import Companions
from gateway.events.dispatcher import ChannelSource, Dispatcher
from gateway.local_front import LocalFront
from proctor.contracts.ids import PrincipalName
from tests.integration.chat.slack_workspace import (
    APP_TOKEN,
    BOT_TOKEN,
    CHANNEL,
    TEAM,
    SlackWorkspace,
    slack_workspace,
)

SETTLE_S = 0.3
USER = "U0DEMO"
SOON = Goal(150, "at_most")


async def measure_chat(folder: Path, scale: Scale) -> list[Figure]:
    """Time from a press of Approve (for the bare loop: the signal) to the tool's own note that it was called.

    Also the time from the request to its card in the workspace.
    """
    bare_ms, pressed_ms, shown_ms = [], [], []
    async with BareSide(folder) as bare, ProductSide(folder) as product, slack_beside(product) as slack:
        for attempt in range(scale.attempts):
            run = f"chat-{attempt}"
            bare_ms.append(await _signalled_ms(bare, run))
            shown, pressed = await _pressed_ms(product, slack, run)
            shown_ms.append(shown)
            pressed_ms.append(pressed)
    return [
        *_figures("pressed to effect started", ProductSide.name, pressed_ms, SOON),
        *_figures("pressed to effect started", BareSide.name, bare_ms),
        *_figures("asked to card shown", ProductSide.name, shown_ms),
    ]


@asynccontextmanager
async def slack_beside(product: ProductSide) -> AsyncIterator[SlackWorkspace]:
    """Open Slack's parts over the product's gateway, with one linked approver."""
    gateway = product.gateway
    owner = await gateway.store.people.principal(PrincipalName("maria.ops"))
    await gateway.store.identities.link("slack", f"{TEAM}/{USER}", PrincipalName("demo.approver"), owner)
    async with AsyncExitStack() as stack:
        slack = await stack.enter_async_context(slack_workspace())
        settings = SlackSettings(BOT_TOKEN, CHANNEL, APP_TOKEN, None, slack.api_url)
        opened = open_slack(settings, gateway.store, lambda principal: LocalFront(gateway, principal), "")
        parts = await stack.enter_async_context(opened)
        feed = Dispatcher(gateway.store.outbox, ChannelSource([parts.channel], lambda _: None))
        running = asyncio.create_task(Companions([parts.companion, feed]).run())
        try:
            await slack.until(lambda: slack.sockets)
            yield slack
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


async def _signalled_ms(side: BareSide, run: str) -> float:
    await side.start(Order(run, "wait", 1))
    await side.until_waiting([run])
    await asyncio.sleep(SETTLE_S)
    signalled = time.time()
    await side.release(run)
    await finish(side, run)
    (called,) = read_moments(side.moments, f"{run}/")
    return (called.at_s - signalled) * 1000


async def _pressed_ms(product: ProductSide, slack: SlackWorkspace, run: str) -> tuple[float, float]:
    known = len(slack.cards)
    await product.start(Order(run, "wait", 1))
    card = await slack.card(known)
    shown = time.time()
    asked = (await product.gateway.store.people.pending())[0].created_at.timestamp()
    await asyncio.sleep(SETTLE_S)
    pressed = time.time()
    await slack.press(card, "Approve", USER)
    await finish(product, run)
    (called,) = read_moments(product.moments, f"{run}/")
    return (shown - asked) * 1000, (called.at_s - pressed) * 1000


def _figures(name: str, side: str, values: list[float], goal: Goal | None = None) -> list[Figure]:
    return [
        Figure(
            "chat", f"{name}: p{percent}", "ms", side, (percentile(values, percent),), goal if percent < 99 else None
        )
        for percent in (50, 99)
    ]
