"""Matrix, beside a real Synapse: who may decide, what they do, and what changes nothing."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from gateway.chat.matrix import OLDEST_TAKEN_S, MatrixParts, open_matrix
from gateway.chat.matrix_api import Heard, MatrixRoom
from gateway.chat.matrix_settings import MatrixSettings
from gateway.companions import Companions
from gateway.connections import Gateway
from gateway.events.dispatcher import ChannelSource, Dispatcher
from gateway.local_front import LocalFront
from proctor.contracts.approving import ApprovalProcess
from proctor.contracts.decision import Verdict
from proctor.contracts.errors import ProctorError
from proctor.contracts.human import HumanRequest, Principal, RequestState
from proctor.contracts.ids import PrincipalName
from proctor.documents.catalog import FileAgentCatalog
from proctor.settings import Settings
from proctor.store.postgres import PostgresStore
from proctor.tools.signature import derive_schemas
from tests.integration.chat.conftest import PAGES, PEOPLE, QUICK, with_call
from tests.integration.chat.homeserver import Homeserver, homeserver, until
from tests.integration.store.scenes import BUNDLE, POLICY, plan_of, task
from tests.unit.gateway.fakes import FakeEngine

Event = dict[str, Any]
PATIENT = replace(QUICK, timeout_s=60)


@dataclass
class MatrixChat:
    """A gateway's Matrix on a real store, and one room of a real homeserver."""

    store: PostgresStore
    server: Homeserver
    room: str
    engine: FakeEngine
    settings: MatrixSettings
    asked: int = 0
    ears: "AttentiveRoom" = field(init=False)

    async def ask(self, arguments: dict[str, Any] | None = None, **more: Any) -> HumanRequest:
        """Have an agent ask for an approval; gives the request."""
        self.asked += 1
        run, _ = await self.store.admissions.admit(task(f"run-{self.asked}"), BUNDLE)
        await self.store.journal.open_run(run.run_id, lambda _: POLICY)
        self.engine.open.add(run.run_id)
        record, (request,) = plan_of(run.run_id, Verdict.REQUIRE_APPROVAL, step=0, expires_in_s=3600)
        request = with_call(request, arguments or {"service": "web", "replicas": 3}, **more)
        await self.store.journal.record_plan(record, [request])
        return request

    @asynccontextmanager
    async def gateway(self, oldest_taken_s: float = OLDEST_TAKEN_S) -> AsyncIterator[MatrixParts]:
        """Run the gateway's Matrix: companion and feed."""
        settings = Settings(root=Path(), home=Path("none"), agents=Path("agents"))
        catalog = FileAgentCatalog(Path("agents"), derive_schemas)
        opened = Gateway(settings, self.store, self.engine, catalog)

        def front_of(principal: Principal) -> LocalFront:
            return LocalFront(opened, principal)

        async with open_matrix(self.settings, self.store, front_of, PAGES) as parts:
            feed = Dispatcher(
                self.store.outbox, ChannelSource([parts.channel], lambda _: None), replace(QUICK, timeout_s=60)
            )
            self.ears = AttentiveRoom(parts.companion.room)
            listener = replace(parts.companion, room=self.ears, oldest_taken_s=oldest_taken_s)
            running = asyncio.create_task(Companions([listener, feed]).run())
            try:
                yield parts
            finally:
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)

    async def card(self) -> Event:
        """Wait for the newest card; gives its first event."""
        return dict(await until(self._newest_card))

    async def _newest_card(self) -> Event | None:
        said = await self.server.messages(self.room)
        return next((one for one in reversed(said) if "asks to call" in _body(one) and not _relation(one)), None)

    async def shows(self, card: Event, text: str) -> None:
        """Wait until the card says so where it stands."""

        async def newest() -> bool:
            said = await self.server.messages(self.room)
            anew = [
                one["content"]["m.new_content"]["body"]
                for one in said
                if _relation(one) == "m.replace" and one["content"]["m.relates_to"]["event_id"] == card["event_id"]
            ]
            return any(text in body for body in anew)

        await until(newest)

    async def answer(self, text: str) -> str:
        """Wait until Proctor says something with this text."""

        async def found() -> str:
            said = await self.server.messages(self.room)
            return next((_body(one) for one in said if text in _body(one) and _relation(one) == "m.thread"), "")

        return str(await until(found))

    async def until_state(self, request: HumanRequest, state: RequestState) -> HumanRequest:
        """Wait until a request stands so."""

        async def found() -> HumanRequest | None:
            now = await self.store.people.request(request.id)
            return now if now.state is state else None

        result: HumanRequest = await until(found)
        return result

    async def words(self, request: HumanRequest) -> list[tuple[str, str, bool]]:
        """Give who said what on a request, and whether it was applied."""
        return [(one.by, one.word, one.applied) for one in await self.store.words.words(request.id)]

    async def settle(self) -> None:
        """Have an order done that comes after all that was said before."""
        await self.server.send("olga", self.room, {"msgtype": "m.text", "body": "!proctor runs"})
        await self.answer("@olga:chat.example: ")


class AttentiveRoom(MatrixRoom):
    """A room that remembers what was heard in it."""

    def __init__(self, room: MatrixRoom) -> None:
        self.__dict__ |= room.__dict__
        self.heard: set[str] = set()

    async def listen(self) -> Sequence[Heard]:
        found = await super().listen()
        self.heard.update(one.event_id for one in found)
        return found

    def has_heard(self, event_id: str) -> Callable[[], Awaitable[bool]]:
        async def is_heard() -> bool:
            return event_id in self.heard

        return is_heard


def _body(event: Event) -> str:
    return str(event["content"].get("body", ""))


def _relation(event: Event) -> str | None:
    relation = event["content"].get("m.relates_to", {}).get("rel_type")
    return None if relation is None else str(relation)


@pytest.fixture(scope="module")
def server() -> Iterator[Homeserver]:
    with homeserver(*PEOPLE, "stranger") as running:
        yield running


@pytest.fixture
async def chat(store: PostgresStore, server: Homeserver) -> MatrixChat:
    """Give a store with linked people, and a room with them; no gateway runs yet."""
    for name, roles in PEOPLE.items():
        await store.people.enrol(PrincipalName(name), roles, f"token-{name}")
    owner = await store.people.principal(PrincipalName("wanda"))
    for name in PEOPLE:
        await store.identities.link("matrix", server.mxid(name), PrincipalName(name), owner)
    await store.outbox.attend("matrix")
    room = await server.room("adam", "olga")
    settings = MatrixSettings(server.url, server.tokens["proctor"], room)
    return MatrixChat(store, server, room, FakeEngine(), settings)


@pytest.fixture
async def talking(chat: MatrixChat) -> AsyncIterator[MatrixChat]:
    """Give the same with a gateway that serves it."""
    async with chat.gateway():
        yield chat


async def test_tap_on_a_reaction_approves_as_the_linked_person(talking: MatrixChat) -> None:
    """The card names the call and offers its reactions; the run is woken, and the card says what became of it."""
    request = await talking.ask()
    card = await talking.card()
    assert "fixer asks to call Restart" in _body(card)
    assert "web" in _body(card)
    assert {} == card["content"]["m.mentions"]
    await talking.server.react("adam", talking.room, card["event_id"], "✅")
    await talking.until_state(request, RequestState.GRANTED)
    assert [("adam", "approve", True)] == await talking.words(request)
    assert [(request.run_id, request.id)] == talking.engine.woken
    await talking.shows(card, "Approved")


async def test_who_is_not_linked_or_asked_for_it_decides_nothing(talking: MatrixChat) -> None:
    """A stranger hears how to be linked; the requester's attempt is on record and not applied."""
    request = await talking.ask()
    card = await talking.card()
    for name in ("stranger", "rita"):
        await talking.server.join(name, talking.room)
    await talking.server.react("stranger", talking.room, card["event_id"], "✅")
    assert "proctor principals link YOUR-NAME matrix @stranger:chat.example" in await talking.answer("link")
    await talking.server.react("rita", talking.room, card["event_id"], "✅")
    await talking.answer("asked for this run")
    assert [("rita", "approve", False)] == await talking.words(request)
    assert RequestState.PENDING == (await talking.store.people.request(request.id)).state


async def test_talk_below_a_card_decides_nothing(talking: MatrixChat) -> None:
    """A thumb up, a sentence that begins with the word, an edited message and a reaction to something else."""
    request = await talking.ask()
    card = await talking.card()
    await talking.server.react("adam", talking.room, card["event_id"], "👍")
    await talking.server.reply("adam", talking.room, card["event_id"], "approve this only when the tests are green")
    first = await talking.server.send("adam", talking.room, {"msgtype": "m.text", "body": "approve"})
    await talking.server.react("adam", talking.room, first, "✅")
    anew = {"msgtype": "m.text", "body": "!proctor kill all now"}
    edited = {**anew, "m.new_content": anew, "m.relates_to": {"rel_type": "m.replace", "event_id": first}}
    await talking.server.send("adam", talking.room, edited)
    await talking.settle()
    assert [] == await talking.words(request)
    assert [] == await talking.store.kills.active()


async def test_denial_by_reply_keeps_its_reason(talking: MatrixChat) -> None:
    """What stands behind the colon is recorded; a denial without it is asked for again."""
    await talking.server.join("bea", talking.room)
    request = await talking.ask()
    card = await talking.card()
    await talking.server.reply("bea", talking.room, card["event_id"], "deny")
    await talking.answer("reply: deny: why")
    await talking.server.reply("bea", talking.room, card["event_id"], "deny: not <b>before</b> noon @room")
    found = await talking.until_state(request, RequestState.DENIED)
    assert ("bea", "not <b>before</b> noon @room") == (found.decided_by, found.reason)
    await talking.shows(card, "Denied")
    told = [one for one in await talking.server.messages(talking.room) if "before" in _body(one)]
    html = [one["content"]["formatted_body"] for one in told if one["sender"] == talking.server.mxid("proctor")]
    assert html
    assert not [one for one in html if "<b>" in one]


async def test_edit_by_reply_is_checked_before_it_is_recorded(talking: MatrixChat) -> None:
    """What is no JSON or does not fit the tool is refused with the reason; what fits ends the request as edited."""
    request = await talking.ask({"service": "web"})
    card = await talking.card()
    await talking.server.reply("adam", talking.room, card["event_id"], "edit: {service: web}")
    await talking.answer("this is not JSON")
    await talking.server.reply("adam", talking.room, card["event_id"], "edit: [1]")
    await talking.answer("must be a JSON object")
    await talking.server.reply("adam", talking.room, card["event_id"], 'edit: {"service": "web"}')
    await talking.answer("nothing is changed")
    assert [] == await talking.words(request)
    await talking.server.reply("adam", talking.room, card["event_id"], f"edit: {json.dumps({'service': 'db'})}")
    await talking.until_state(request, RequestState.EDITED)


async def test_approval_for_a_while_makes_a_grant(talking: MatrixChat) -> None:
    """`approve for 2h` approves and stops asking; nobody gets one that has no end."""
    request = await talking.ask()
    card = await talking.card()
    await talking.server.reply("adam", talking.room, card["event_id"], "approve for 9999d")
    await talking.answer("at most 30 days")
    await talking.server.reply("adam", talking.room, card["event_id"], "approve for 2h")
    await talking.until_state(request, RequestState.GRANTED)
    (grant,) = await talking.store.grants.grants()
    assert 7200 == (grant.expires_at - grant.created_at).total_seconds()


@pytest.mark.parametrize("how", ["signed", "hidden", "long"])
async def test_what_the_room_cannot_carry_is_approved_elsewhere(talking: MatrixChat, how: str) -> None:
    """What must be signed, what the room may not see and what is too long: the page is named, and only no is taken."""
    arguments, more = {"service": "web"}, dict[str, Any]()
    if how == "signed":
        more = {"process": ApprovalProcess(is_signed=True, may_grant=False)}
    elif how == "hidden":
        flow = {"labels": {"confidentiality": "pii"}, "origins": ["tool"]}
        arguments, more = {"service": "maria@example.org"}, {"flows": {"service": flow}}
    else:
        arguments = {f"field{n}": "x" * 900 for n in range(50)}
    request = await talking.ask(arguments, **more)
    card = await talking.card()
    assert f"{PAGES}/approvals/{request.id}" in _body(card)
    assert "maria@example.org" not in json.dumps(card["content"])
    await talking.server.react("adam", talking.room, card["event_id"], "✅")
    await talking.answer("so not here")
    assert [] == await talking.words(request)
    await talking.server.react("adam", talking.room, card["event_id"], "❌")
    await talking.until_state(request, RequestState.DENIED)


async def test_order_kills_as_the_person_who_may(talking: MatrixChat) -> None:
    """An operator's order raises the fence; an approver's is refused."""
    for name in ("adam", "olga"):
        order = {"msgtype": "m.text", "body": "!proctor kill all it goes wrong"}
        await talking.server.send(name, talking.room, order)
        await talking.answer(f"@{name}:chat.example: ")
    (fence,) = await talking.store.kills.active()
    assert ("olga", "it goes wrong", "all") == (fence.actor, fence.reason, fence.scope)


async def test_two_gateways_take_a_reaction_up_once(chat: MatrixChat) -> None:
    """Both hear it; one decides, and one card stands in the room."""
    async with chat.gateway(), chat.gateway():
        request = await chat.ask()
        card = await chat.card()
        await chat.server.react("adam", chat.room, card["event_id"], "✅")
        await chat.until_state(request, RequestState.GRANTED)
        await chat.settle()
    assert [("adam", "approve", True)] == await chat.words(request)
    cards = [one for one in await chat.server.messages(chat.room) if "asks to call" in _body(one)]
    assert 1 == len([one for one in cards if not _relation(one)])


async def test_decision_while_no_gateway_listened_is_taken_up_when_one_does(chat: MatrixChat) -> None:
    """It survives the restart, and is not done again at the next one."""
    request = await chat.ask()
    async with chat.gateway():
        card = await chat.card()
    await chat.server.react("adam", chat.room, card["event_id"], "✅")
    async with chat.gateway():
        await chat.until_state(request, RequestState.GRANTED)
    async with chat.gateway():
        await chat.settle()
    assert [("adam", "approve", True)] == await chat.words(request)


async def test_what_was_said_long_ago_is_not_done_any_more(chat: MatrixChat) -> None:
    """A reaction from before a long absence of all gateways is heard and decides nothing."""
    request = await chat.ask()
    async with chat.gateway():
        card = await chat.card()
    reaction = await chat.server.react("adam", chat.room, card["event_id"], "✅")
    async with chat.gateway(oldest_taken_s=0.0):
        await until(chat.ears.has_heard(reaction))
        await asyncio.sleep(0.2)
    assert [] == await chat.words(request)


async def test_wrong_token_and_wrong_room_are_one_clear_error(chat: MatrixChat) -> None:
    """Each names the setting to look at, and no token."""
    encrypted = await chat.server.room(
        initial_state=[
            {"type": "m.room.encryption", "state_key": "", "content": {"algorithm": "m.megolm.v1.aes-sha2"}}
        ],
    )
    cases = [
        (replace(chat.settings, token="nobodys"), "PROCTOR_MATRIX_TOKEN"),
        (replace(chat.settings, room="!nowhere:chat.example"), "PROCTOR_MATRIX_ROOM"),
        (replace(chat.settings, room=encrypted), "encrypted"),
        (replace(chat.settings, homeserver="http://127.0.0.1:9"), "does not answer"),
    ]
    for settings, said in cases:
        async with open_matrix(settings, chat.store, lambda _: None, PAGES) as parts:  # type: ignore[arg-type, return-value]
            with pytest.raises(ProctorError) as refused:
                await parts.companion.run()
        assert said in refused.value.diagnostics()
        assert settings.token not in refused.value.diagnostics()
