"""Matrix, put together from its parts. Imported only where Matrix is set up."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from gateway.chat.card_channel import CardChannel, Cards
from gateway.chat.conversation import Conversation
from gateway.chat.editing import ToolContracts
from gateway.chat.matrix_api import Heard, MatrixRoom, open_client
from gateway.chat.matrix_card import MatrixMessage, MatrixScribe
from gateway.chat.matrix_desk import NAME, PREFIX, MatrixDesk
from gateway.chat.matrix_settings import MatrixSettings
from gateway.front import Front
from proctor.contracts.chat_ports import SeenMessages
from proctor.contracts.errors import ProctorError
from proctor.contracts.human import Principal

if TYPE_CHECKING:
    from gateway.connections import Store

OLDEST_TAKEN_S = 600.0
"""What was said while no gateway listened is still done when it is not older than this."""
KEEP_S = 86_400.0
"""How long a message is remembered as taken up: far beyond `OLDEST_TAKEN_S`."""
AT_ONCE = 32

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class MatrixListener:
    """Implements `Companion`: hears what people say in the room, and has each of it done once."""

    room: MatrixRoom
    desk: MatrixDesk
    seen: SeenMessages
    oldest_taken_s: float = OLDEST_TAKEN_S

    @property
    def name(self) -> str:
        """What it is called in logs."""
        return NAME

    async def run(self) -> None:
        """Check token and room, then listen until cancelled.

        Raises:
            NotAuthorised: the homeserver refuses the token. `Undeliverable`: the room is encrypted.
            Unavailable: the homeserver does not answer, or the room is not for us.

        """
        account = await self.room.check()
        _log.info("matrix_ready", account=account, room=self.room.room)
        limit = asyncio.Semaphore(AT_ONCE)
        async with asyncio.TaskGroup() as tasks:
            while True:
                for heard in await self.room.listen():
                    tasks.create_task(self._take(heard, limit))

    async def _take(self, heard: Heard, limit: asyncio.Semaphore) -> None:
        async with limit:
            try:
                if self._is_recent(heard) and await self.seen.is_new(NAME, heard.event_id, KEEP_S):
                    await self.desk.take(heard)
            except ProctorError as error:
                _log.warning("matrix_message_not_taken_up", heard=heard.event_id, reason=error.message)

    def _is_recent(self, heard: Heard) -> bool:
        return heard.sent_at_ms / 1000 > time.time() - self.oldest_taken_s


@dataclass(frozen=True)
class MatrixParts:
    """What the gateway's process takes in."""

    companion: MatrixListener
    channel: CardChannel[MatrixMessage]


@asynccontextmanager
async def open_matrix(
    settings: MatrixSettings, store: "Store", front_of: Callable[[Principal], Front], public_url: str
) -> AsyncIterator[MatrixParts]:
    """Open Matrix's parts, and close its connections at the end. Nothing is sent before the companion runs."""
    scribe = MatrixScribe(settings.may_see, public_url)
    conversation = Conversation(
        system=NAME,
        identities=store.identities,
        front_of=front_of,
        public_url=public_url,
        prefix=f"{PREFIX} ",
        words_here=scribe.words_here,
    )
    async with open_client(settings) as client:
        room = MatrixRoom(client, settings.room)
        desk = MatrixDesk(conversation, room, store.outbox, ToolContracts(store.archive, store.journal))
        cards = Cards(scribe, store.people, store.words, store.journal)
        channel = CardChannel(NAME, room, cards, store.outbox, store.kills, store.archive)
        yield MatrixParts(MatrixListener(room, desk, store.seen_messages), channel)
