"""Matrix's client API as we use it, by matrix-nio: errors in our words, no token in any of them."""

from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from gateway.chat.matrix_card import REQUEST, Content, MatrixMessage
from gateway.chat.matrix_settings import HOMESERVER, ROOM, TOKEN, MatrixSettings
from gateway.events.channels import Undeliverable
from proctor.contracts.errors import NotAuthorised, ProctorError, Unavailable

if TYPE_CHECKING:
    from nio import AsyncClient

Answer = TypeVar("Answer")
REQUEST_TIMEOUT_S = 15
SYNC_WAIT_MS = 30_000
EVENTS_AT_ONCE = 100
_OF_TOKEN = frozenset({"M_UNKNOWN_TOKEN", "M_MISSING_TOKEN", "M_USER_DEACTIVATED"})
_OF_ROOM = frozenset({"M_FORBIDDEN", "M_NOT_FOUND", "M_UNKNOWN"})


@dataclass(frozen=True)
class Heard:
    """A message or a reaction of somebody in the room. Its sender is who their own server says that they are."""

    event_id: str
    sender: str
    is_reaction: bool
    text: str
    """The message without what it quotes, or the reaction's emoji."""
    about: str | None
    """The event that it answers or reacts to."""
    sent_at_ms: int
    """By the clock of the sender's server."""


@asynccontextmanager
async def open_client(settings: MatrixSettings) -> "AsyncIterator[AsyncClient]":
    """Open a client. Nothing is sent before it is used; whoever calls owns the repetition."""
    from nio import AsyncClient, AsyncClientConfig

    config = AsyncClientConfig(
        max_limit_exceeded=2,
        max_timeouts=1,
        request_timeout=REQUEST_TIMEOUT_S,
        encryption_enabled=False,
        store_sync_tokens=False,
    )
    client = AsyncClient(settings.homeserver, config=config)
    client.access_token = settings.token
    try:
        yield client
    finally:
        await client.close()


class MatrixRoom:
    """One room, as one account sees it. Implements `Room`."""

    def __init__(self, client: "AsyncClient", room: str) -> None:
        """Take a client and the id of the room."""
        self._client, self.room = client, room
        self._filter = {
            "presence": {"types": []},
            "account_data": {"types": []},
            "room": {
                "rooms": [room],
                "account_data": {"types": []},
                "ephemeral": {"types": []},
                "state": {"types": []},
                "timeline": {"limit": EVENTS_AT_ONCE, "types": ["m.room.message", "m.reaction"]},
            },
        }

    async def check(self) -> str:
        """Check the token, enter the room and check that it is not encrypted; gives our own user id.

        Raises:
            NotAuthorised: the homeserver refuses the token. `Undeliverable`: the room is not for us.
            Unavailable: the homeserver does not answer.

        """
        who = await _told(self._client.whoami(), f"check {TOKEN}")
        self._client.user_id = who.user_id
        await _told(self._client.join(self.room), f"check {ROOM}, and invite {who.user_id} to that room")
        state = await _told(self._client.room_get_state(self.room), f"check {ROOM}")
        if any(event.get("type") == "m.room.encryption" for event in state.events):
            raise Undeliverable(
                "the Matrix room is encrypted, and Proctor cannot read it", hint=f"name an unencrypted room in {ROOM}"
            )
        return str(who.user_id)

    async def post(self, message: MatrixMessage, thread: str | None = None) -> str:
        """Post to the room, or below a message; gives the event's id."""
        content = message.content if thread is None else {**message.content, "m.relates_to": _below(thread)}
        place = await self._send("m.room.message", content)
        for emoji in message.offers if thread is None else ():
            about = {"rel_type": "m.annotation", "event_id": place, "key": emoji}
            await self._send("m.reaction", {"m.relates_to": about})
        return place

    async def replace(self, place: str, message: MatrixMessage) -> None:
        """Replace a message where it stands."""
        content = message.content
        about = {"rel_type": "m.replace", "event_id": place}
        anew = {**content, "body": f"* {content['body']}", "m.new_content": content, "m.relates_to": about}
        await self._send("m.room.message", anew)

    async def listen(self) -> Sequence[Heard]:
        """Wait for what others say next; the first time, gives what they said last."""
        answer = await _told(
            self._client.sync(timeout=SYNC_WAIT_MS, sync_filter=self._filter), f"check {HOMESERVER} and {TOKEN}"
        )
        room = answer.rooms.join.get(self.room)
        events = () if room is None else room.timeline.events
        heard = (_heard(event.source) for event in events)
        return [one for one in heard if one is not None and one.sender != self._client.user_id]

    async def request_in(self, place: str) -> str | None:
        """Give the request that a card of ours is about; None for anybody else's message."""
        answer = await _told(self._client.room_get_event(self.room, place), f"check {ROOM}")
        source = answer.event.source
        found = source.get("content", {}).get(REQUEST) if source.get("sender") == self._client.user_id else None
        return found if isinstance(found, str) else None

    async def _send(self, kind: str, content: Content) -> str:
        answer = await _told(self._client.room_send(self.room, kind, content), f"check {ROOM}")
        return str(answer.event_id)


def _below(thread: str) -> dict[str, Any]:
    return {
        "rel_type": "m.thread",
        "event_id": thread,
        "is_falling_back": True,
        "m.in_reply_to": {"event_id": thread},
    }


def _heard(source: dict[str, Any]) -> Heard | None:
    """Read an event; None for one that is none of our business. An edited message is not said again."""
    content = source.get("content")
    if not isinstance(content, dict):
        return None
    about = content.get("m.relates_to")
    about = about if isinstance(about, dict) else {}
    rel_type, is_reaction = about.get("rel_type"), source.get("type") == "m.reaction"
    if rel_type == "m.replace" or (not is_reaction and content.get("msgtype") != "m.text"):
        return None
    text = about.get("key") if is_reaction else content.get("body")
    answered = about.get("m.in_reply_to")
    target = about.get("event_id") if rel_type else answered.get("event_id") if isinstance(answered, dict) else None
    fields = (source.get("event_id"), source.get("sender"), text)
    if not all(isinstance(one, str) and one for one in fields):
        return None
    sent = source.get("origin_server_ts")
    return Heard(
        event_id=str(fields[0]),
        sender=str(fields[1]),
        is_reaction=is_reaction,
        text=str(text) if is_reaction else _unquoted(str(text)),
        about=target if isinstance(target, str) else None,
        sent_at_ms=sent if isinstance(sent, int) else 0,
    )


def _unquoted(body: str) -> str:
    """Take off what older clients quote before a reply."""
    lines = body.split("\n")
    while lines and lines[0].startswith("> "):
        lines.pop(0)
    return "\n".join(lines).strip()


async def _told(call: Awaitable[Any], hint: str) -> Any:
    """Call the homeserver.

    Raises:
        NotAuthorised: the token. `Undeliverable`: no repetition helps. `Unavailable`: it may.

    """
    from aiohttp import ClientError
    from nio import ErrorResponse

    try:
        answer = await call
    except (TimeoutError, ClientError, OSError) as error:
        raise Unavailable(f"the Matrix homeserver does not answer: {type(error).__name__}", hint=hint) from error
    if isinstance(answer, ErrorResponse):
        raise _in_our_words(answer, hint)
    return answer


def _in_our_words(answer: Any, hint: str) -> ProctorError:
    code, message = str(answer.status_code or "")[:40], str(answer.message or "")[:120]
    if code in _OF_TOKEN:
        return NotAuthorised(f"the Matrix homeserver refuses the token ({code})", hint=hint)
    if code == "M_TOO_LARGE":
        return Undeliverable("Matrix takes no message of that size")
    if code in _OF_ROOM:
        return Unavailable(f"Matrix: {code} {message}".strip(), hint=hint)
    return Unavailable(f"the Matrix homeserver answers {code or message or 'nothing that can be read'}", hint=hint)
