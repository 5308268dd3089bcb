"""All ways in that one gateway process has: the one place that knows pages, chats and events."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from fastapi import APIRouter
from starlette.routing import BaseRoute

from gateway.companions import Companion
from gateway.events.channels import Channel
from gateway.http.parts import HttpParts
from gateway.page.routes import routes as page_routes


@dataclass
class WaysIn:
    """What the ways in bring along."""

    companions: list[Companion] = field(default_factory=list)
    channels: list[Channel] = field(default_factory=list)
    """Where events are delivered to."""
    api: list[APIRouter] = field(default_factory=list)
    """Routers under `/v1`, which the OpenAPI document describes."""
    routes: list[BaseRoute] = field(default_factory=list)
    """Routes at the root."""


@asynccontextmanager
async def open_ways_in(parts: HttpParts) -> AsyncIterator[WaysIn]:
    """Open every way in that the environment sets up, and close them at the end.

    Raises:
        InvalidInput: a way in is set up wrongly; names the variable.

    """
    async with AsyncExitStack() as stack:
        ways = WaysIn(routes=page_routes(parts))
        _add_drills(parts, ways)
        await _open_slack(parts, ways, stack)
        await _open_matrix(parts, ways, stack)
        _add_events(parts, ways)
        yield ways


def _add_drills(parts: HttpParts, ways: WaysIn) -> None:
    from gateway.drill_schedule import DrillMetrics, DrillSchedule

    if every_s := parts.settings.drill_every_s:
        ways.companions.append(DrillSchedule(parts.gateway, DrillMetrics(parts.metrics.registry), every_s))


def _add_events(parts: HttpParts, ways: WaysIn) -> None:
    """Add what delivers to the channels that the other ways in brought; so it comes last."""
    from gateway.events.envelopes import Links
    from gateway.events.parts import EventParts, connector
    from gateway.events.routes import build_routes
    from gateway.events.settings import EventSettings

    settings = EventSettings.load(parts.environ)
    events = EventParts(parts.gateway, settings, Links(parts.public_url), connector(parts.gateway))
    ways.companions.extend(events.companions(ways.channels))
    ways.api.append(build_routes(events))


async def _open_slack(parts: HttpParts, ways: WaysIn, stack: AsyncExitStack) -> None:
    from gateway.chat.slack_settings import SlackSettings

    settings = SlackSettings.load(parts.environ)
    if settings is None:
        return
    from gateway.chat.slack import open_slack

    slack = await stack.enter_async_context(open_slack(settings, parts.gateway.store, parts.front_of, parts.public_url))
    ways.companions.append(slack.companion)
    ways.channels.append(slack.channel)
    ways.routes.extend(slack.routes)


async def _open_matrix(parts: HttpParts, ways: WaysIn, stack: AsyncExitStack) -> None:
    from gateway.chat.matrix_settings import MatrixSettings

    settings = MatrixSettings.load(parts.environ)
    if settings is None:
        return
    from gateway.chat.matrix import open_matrix

    opened = open_matrix(settings, parts.gateway.store, parts.front_of, parts.public_url)
    matrix = await stack.enter_async_context(opened)
    ways.companions.append(matrix.companion)
    ways.channels.append(matrix.channel)
