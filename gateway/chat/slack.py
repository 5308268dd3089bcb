"""Slack, put together from its parts. Imported only where Slack is set up."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gateway.chat.card_channel import CardChannel, Cards
from gateway.chat.conversation import Conversation
from gateway.chat.editing import ToolContracts
from gateway.chat.slack_api import SlackApi, open_client
from gateway.chat.slack_app import build_app
from gateway.chat.slack_card import CardMessage, Drawing, words_here
from gateway.chat.slack_desk import Desk
from gateway.chat.slack_http import slack_routes
from gateway.chat.slack_scribe import SlackScribe
from gateway.chat.slack_settings import SlackSettings
from gateway.chat.slack_socket import PING_S, SlackSocket
from gateway.front import Front
from proctor.contracts.human import Principal

if TYPE_CHECKING:
    from starlette.routing import Route

    from gateway.connections import Store


@dataclass(frozen=True)
class SlackParts:
    """What the gateway's process takes in."""

    companion: SlackSocket
    channel: CardChannel[CardMessage]
    routes: "list[Route]"
    """Empty in Socket Mode."""


@asynccontextmanager
async def open_slack(
    settings: SlackSettings,
    store: "Store",
    front_of: Callable[[Principal], Front],
    public_url: str,
    ping_s: float = PING_S,
) -> AsyncIterator[SlackParts]:
    """Open Slack's parts, and close its connections at the end. Nothing is sent before the companion runs."""
    drawing = Drawing(settings.may_see)
    conversation = Conversation(
        system="slack",
        identities=store.identities,
        front_of=front_of,
        public_url=public_url,
        words_here=lambda card: words_here(card, drawing),
    )
    cards = Cards(SlackScribe(drawing, public_url), store.people, store.words, store.journal)
    async with open_client(settings) as client:
        api = SlackApi(client, settings.channel)
        desk = Desk(conversation, api, cards, ToolContracts(store.archive, store.journal))
        app = build_app(client, desk, store.seen_messages, settings.signing_secret)
        secret = settings.signing_secret
        yield SlackParts(
            companion=SlackSocket(app, client, api, settings.app_token, ping_s),
            channel=CardChannel("slack", api, cards, store.outbox, store.kills, store.archive),
            routes=slack_routes(app, secret, store.seen_messages) if secret else [],
        )
