"""What Proctor hears in a Matrix room and what it does not, without a homeserver."""

import asyncio
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import ClientConnectionError
from nio import ErrorResponse, JoinResponse, RoomGetStateResponse, WhoamiResponse

from gateway.chat.matrix import MatrixListener
from gateway.chat.matrix_api import Heard, MatrixRoom
from gateway.chat.matrix_card import REQUEST, said
from gateway.chat.matrix_settings import MatrixSettings
from gateway.events.channels import Undeliverable
from proctor.contracts.errors import InvalidInput, NotAuthorised, ProctorError, Unavailable

OURS, ADAM, ROOM = "@proctor:chat.example", "@adam:chat.example", "!room:chat.example"
Event = dict[str, Any]


class FakeClient:
    """A homeserver's client, with what its rooms hold."""

    def __init__(self, *events: Event, room: str = ROOM, answer: Any = None) -> None:
        self.user_id, self.asked_for = OURS, dict[str, Any]()
        self.events, self.room, self.answer, self.state = events, room, answer, list[Event]()

    async def whoami(self) -> Any:
        return self.answer or WhoamiResponse(OURS, None, None)

    async def join(self, room: str) -> Any:
        return JoinResponse(room)

    async def room_get_state(self, room: str) -> Any:
        return RoomGetStateResponse(self.state, room)

    async def room_get_event(self, room: str, event_id: str) -> Any:
        found = [one for one in self.events if one["event_id"] == event_id and room == self.room]
        return SimpleNamespace(event=SimpleNamespace(source=found[0]))

    async def room_send(self, room: str, kind: str, content: Event) -> Any:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def sync(self, *, timeout: int, sync_filter: Event) -> Any:  # noqa: ASYNC109 - as matrix-nio calls it
        self.asked_for = sync_filter
        timeline = SimpleNamespace(events=[SimpleNamespace(source=one) for one in self.events])
        return SimpleNamespace(rooms=SimpleNamespace(join={self.room: SimpleNamespace(timeline=timeline)}))


def event(body: Any = "approve", sender: str = ADAM, **more: Any) -> Event:
    """Make a message as a homeserver gives it."""
    content = {"msgtype": "m.text", "body": body, **more.pop("content", {})}
    fields = {"type": "m.room.message", "event_id": "$1", "sender": sender, "origin_server_ts": 1, "content": content}
    return {**fields, **more}


async def heard(*events: Event, room: str = ROOM) -> Sequence[Heard]:
    """Listen once in `ROOM`, after these came in in `room`."""
    return await MatrixRoom(FakeClient(*events, room=room), ROOM).listen()


async def test_a_message_is_heard_with_what_it_answers() -> None:
    """Who said it, and which event it is about; what an older client quotes before it is not what they said."""
    about = {"m.relates_to": {"m.in_reply_to": {"event_id": "$card"}}}
    (one,) = await heard(event("> <@eve:chat.example> approve\n> \n\ndeny: no", content=about))
    assert ("deny: no", ADAM, "$card", False) == (one.text, one.sender, one.about, one.is_reaction)


async def test_only_the_own_room_is_asked_for_and_heard() -> None:
    """Whoever invites the account elsewhere, and says something there, is not listened to."""
    client = FakeClient(event(), room="!elsewhere:chat.example")
    assert () == tuple(await MatrixRoom(client, ROOM).listen())
    assert [ROOM] == client.asked_for["room"]["rooms"]


@pytest.mark.parametrize(
    "unheard",
    [
        event(sender=OURS),
        event(content={"m.relates_to": {"rel_type": "m.replace", "event_id": "$0"}}),
        event(content={"msgtype": "m.notice"}),
        event(content={"msgtype": "m.image"}),
        event(body=7),
        event(body=""),
        event(event_id=None),
        event(sender=""),
        event() | {"content": "approve"},
        event(type="m.reaction", content={"m.relates_to": "✅"}),
    ],
    ids=["ours", "edited", "notice", "image", "number", "empty", "nameless", "nobody", "no content", "no relation"],
)
async def test_what_is_no_message_of_a_person_is_not_heard(unheard: Event) -> None:
    """Bots, edits of older messages, our own words and what cannot be read."""
    assert () == tuple(await heard(unheard))


async def test_a_card_counts_as_one_only_when_we_posted_it() -> None:
    """Anybody can write a message with the field that names a request."""
    forged, ours = (event(sender=sender, content={REQUEST: "req-1"}) for sender in (ADAM, OURS))
    assert [None, "req-1"] == [await MatrixRoom(FakeClient(one), ROOM).request_in("$1") for one in (forged, ours)]


async def test_an_encrypted_room_is_refused_at_the_start() -> None:
    """Nothing could be read in it."""
    client = FakeClient()
    assert OURS == await MatrixRoom(client, ROOM).check()
    client.state = [{"type": "m.room.encryption"}]
    with pytest.raises(Undeliverable, match="encrypted"):
        await MatrixRoom(client, ROOM).check()


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (ErrorResponse("no", "M_UNKNOWN_TOKEN"), NotAuthorised),
        (ErrorResponse("no", "M_TOO_LARGE"), Undeliverable),
        (ErrorResponse("no", "M_FORBIDDEN"), Unavailable),
        (ErrorResponse("no", "M_LIMIT_EXCEEDED"), Unavailable),
        (ClientConnectionError(), Unavailable),
        (TimeoutError(), Unavailable),
    ],
)
async def test_each_error_of_the_homeserver_is_one_of_ours(answer: Any, kind: type[ProctorError]) -> None:
    """Whoever calls learns whether a repetition can help."""
    with pytest.raises(ProctorError) as refused:
        await MatrixRoom(FakeClient(answer=answer), ROOM).post(said("hello"))
    assert kind is type(refused.value)


class FakeRoom:
    """A room in which some things were said, and then nothing any more."""

    room = ROOM

    def __init__(self, *said: Sequence[Heard]) -> None:
        self.said = list(said)

    async def check(self) -> str:
        return OURS

    async def listen(self) -> Sequence[Heard]:
        await asyncio.sleep(0.01)  # so that whatever was said before is done by now, or has failed
        if not self.said:
            await asyncio.Event().wait()
        return self.said.pop(0)


class FakeSeen:
    """Remembers what was taken up; it is away for some messages."""

    def __init__(self) -> None:
        self.taken: set[str] = set()

    async def is_new(self, source: str, key: str, keep_s: float) -> bool:
        if key == "$away":
            raise Unavailable("the store is away")
        is_new = key not in self.taken
        self.taken.add(key)
        return is_new


class FakeDesk:
    """Notes what it is to do."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.is_done = asyncio.Event()

    async def take(self, heard: Heard) -> None:
        self.taken.append(heard.event_id)
        if heard.event_id == "$last":
            self.is_done.set()


def spoken(event_id: str, sent_at_ms: int = 2**60) -> Heard:
    """Make something that was said, lately unless told otherwise."""
    return Heard(event_id, ADAM, is_reaction=False, text="approve", about="$card", sent_at_ms=sent_at_ms)


async def test_what_is_old_or_was_taken_up_before_is_not_done_and_what_fails_stops_nobody() -> None:
    """Nor is anything done while nobody knows whether another gateway has done it."""
    before = (spoken("$away"), spoken("$1"), spoken("$1"), spoken("$old", sent_at_ms=0))
    room = FakeRoom(before, [spoken("$last")])
    desk: Any = FakeDesk()
    parts: tuple[Any, Any] = room, FakeSeen()
    listening = asyncio.create_task(MatrixListener(parts[0], desk, parts[1]).run())
    async with asyncio.timeout(5):
        await desk.is_done.wait()
    assert not listening.done()
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)
    assert ["$1", "$last"] == desk.taken


SET_UP = {
    "PROCTOR_MATRIX_HOMESERVER": "https://chat.example/",
    "PROCTOR_MATRIX_TOKEN": "hush-hush",
    "PROCTOR_MATRIX_ROOM": ROOM,
}


def test_settings_are_none_without_matrix_and_never_show_the_token() -> None:
    """An address of this machine needs no TLS."""
    assert MatrixSettings.load({"PROCTOR_MATRIX_MAY_SEE": "pii"}) is None
    settings = MatrixSettings.load({**SET_UP, "PROCTOR_MATRIX_HOMESERVER": "http://127.0.0.1:8008"})
    assert settings is not None
    assert "hush" not in repr(settings)


@pytest.mark.parametrize(
    "change",
    [
        *({name: ""} for name in SET_UP),
        {"PROCTOR_MATRIX_HOMESERVER": "http://chat.example"},
        {"PROCTOR_MATRIX_HOMESERVER": "http://127.0.0.1.evil.test"},
        {"PROCTOR_MATRIX_ROOM": "#room:chat.example"},
        {"PROCTOR_MATRIX_MAY_SEE": "secret"},
        {"PROCTOR_MATRIX_MAY_SEE": "all"},
    ],
)
def test_settings_that_cannot_be_used_name_the_variable_and_no_token(change: dict[str, str]) -> None:
    """A token goes over TLS or not at all, and no room is shown a secret."""
    with pytest.raises(InvalidInput) as refused:
        MatrixSettings.load({**SET_UP, **change})
    assert next(iter(change)) in refused.value.message
    assert "hush" not in refused.value.diagnostics()
