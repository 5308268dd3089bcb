"""A gateway's Slack on a real store, beside a workspace of our own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from gateway.chat.slack import SlackParts, open_slack
from gateway.chat.slack_settings import SlackSettings
from gateway.companions import Companions
from gateway.connections import Gateway
from gateway.events.dispatcher import ChannelSource, Dispatcher, Patience
from gateway.local_front import LocalFront
from proctor.contracts.approving import ApprovalProcess
from proctor.contracts.canonical import digest_json
from proctor.contracts.decision import Verdict
from proctor.contracts.human import HumanDecision, HumanRequest, Principal, RequestState, Role
from proctor.contracts.ids import PrincipalName, RequestId
from proctor.documents.catalog import FileAgentCatalog
from proctor.settings import Settings
from proctor.store.postgres import PostgresStore
from proctor.tools.signature import derive_schemas
from tests.integration.chat.slack_workspace import (
    APP_TOKEN,
    BOT_TOKEN,
    CHANNEL,
    SECRET,
    TEAM,
    SlackWorkspace,
    slack_workspace,
)
from tests.integration.store.scenes import BUNDLE, POLICY, plan_of, task
from tests.unit.gateway.fakes import FakeEngine

SCHEMA = {"type": "object", "properties": {"service": {"type": "string"}, "replicas": {"type": "integer"}}}
CHECKED = BUNDLE.model_copy(
    update={"tools": tuple(one.model_copy(update={"input_schema": SCHEMA}) for one in BUNDLE.tools)}
)
PAGES = "https://proctor.example.org"
PEOPLE: dict[str, frozenset[Role]] = {
    "adam": frozenset({Role.APPROVER}),
    "bea": frozenset({Role.APPROVER}),
    "rita": frozenset({Role.REQUESTER, Role.APPROVER}),
    "olga": frozenset({Role.OPERATOR}),
    "wanda": frozenset({Role.OWNER}),
}
QUICK = Patience(first_pause_s=0.05, factor=1.5, longest_pause_s=0.2, timeout_s=5, poll_s=0.05)


def user(name: str) -> str:
    """Give the id of a person in Slack."""
    return f"U0{name.upper()}"


@dataclass
class Chat:
    """A running Slack of a gateway."""

    store: PostgresStore
    slack: SlackWorkspace
    engine: FakeEngine
    settings: SlackSettings
    parts: SlackParts | None = None
    companions: Companions = field(default_factory=lambda: Companions([]))
    asked: int = 0

    async def ask(self, key: str = "run1", arguments: dict[str, Any] | None = None, **more: Any) -> HumanRequest:
        """Have an agent ask for an approval; gives the request."""
        self.asked += 1
        run, _ = await self.store.admissions.admit(task(f"{key}-{self.asked}"), CHECKED)
        await self.store.journal.open_run(run.run_id, lambda _: POLICY)
        self.engine.open.add(run.run_id)
        record, (request,) = plan_of(run.run_id, Verdict.REQUIRE_APPROVAL, step=0, expires_in_s=more.pop("for_s", 3600))
        request = with_call(request, arguments or {"service": "web", "replicas": 3}, **more)
        await self.store.journal.record_plan(record, [request])
        return request

    async def state(self, request: HumanRequest) -> RequestState:
        """Give where a request stands in the store."""
        return (await self.store.people.request(request.id)).state

    async def until_state(self, request: HumanRequest, state: RequestState) -> None:
        """Wait until a request stands so."""
        async with asyncio.timeout(10):
            while await self.state(request) is not state:  # noqa: ASYNC110 - the store is asked
                await asyncio.sleep(0.01)

    async def settled(self) -> None:
        """Wait until nothing is left to be delivered."""
        async with asyncio.timeout(10):
            while await self.store.outbox.due():  # noqa: ASYNC110 - the store is asked
                await asyncio.sleep(0.05)

    async def words(self, request: HumanRequest) -> list[tuple[str, str, bool]]:
        """Give who said what on a request, and whether it was applied."""
        return [(one.by, one.word, one.applied) for one in await self.store.words.words(request.id)]

    def word(self, request: HumanRequest, word: str, **more: Any) -> HumanDecision:
        """Make a decision."""
        return HumanDecision.model_validate({"request_id": request.id, "word": word, **more})

    async def principal(self, name: str) -> Principal:
        """Give a principal."""
        return await self.store.people.principal(PrincipalName(name))

    @asynccontextmanager
    async def gateway(self, settings: SlackSettings | None = None, pages: str = PAGES) -> AsyncIterator[SlackParts]:
        """Run the gateway's Slack: companion, feed and routes."""
        opened = Gateway(
            Settings(root=Path(), home=Path("none"), agents=Path("agents")),
            self.store,
            self.engine,
            FileAgentCatalog(Path("agents"), derive_schemas),
        )

        def front_of(principal: Principal) -> LocalFront:
            return LocalFront(opened, principal)

        async with open_slack(settings or self.settings, self.store, front_of, pages, ping_s=0.2) as parts:
            feed = Dispatcher(self.store.outbox, ChannelSource([parts.channel], lambda _: None), QUICK)
            self.companions = Companions([parts.companion, feed])
            running = asyncio.create_task(self.companions.run())
            try:
                yield parts
            finally:
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)


def with_call(request: HumanRequest, arguments: dict[str, Any], **more: Any) -> HumanRequest:
    """Let a request ask for a call with these arguments."""
    process = more.pop("process", ApprovalProcess())
    details: dict[str, Any] = {"tool": "Restart", "version": "1", "effect": "write", "risk": "medium"}
    shown = more.pop("shows", arguments)
    details |= {"rule": "ask-first", "reason": "restarts are asked for", "arguments": shown, **more}
    assert request.binding is not None
    bound = {"arguments_sha256": digest_json(arguments), "process_sha256": process.digest()}
    binding = request.binding.model_copy(update=bound)
    update = {"details": details, "binding": binding, "process": process, "id": RequestId(f"{request.id}-x")}
    return request.model_copy(update=update)


@pytest.fixture
async def slack() -> AsyncIterator[SlackWorkspace]:
    async with slack_workspace() as workspace:
        yield workspace


@pytest.fixture
async def chat(store: PostgresStore, slack: SlackWorkspace) -> Chat:
    """Give a store with linked people, and a workspace; no gateway runs yet."""
    for name, roles in PEOPLE.items():
        await store.people.enrol(PrincipalName(name), roles, f"token-{name}")
    owner = await store.people.principal(PrincipalName("wanda"))
    for name in PEOPLE:
        await store.identities.link("slack", f"{TEAM}/{user(name)}", PrincipalName(name), owner)
    await store.outbox.attend("slack")
    settings = SlackSettings(BOT_TOKEN, CHANNEL, APP_TOKEN, SECRET, slack.api_url)
    return Chat(store, slack, FakeEngine(), settings)


@pytest.fixture
async def talking(chat: Chat) -> AsyncIterator[Chat]:
    """Give the same with a gateway that serves it."""
    async with chat.gateway() as parts:
        chat.parts = parts
        await chat.slack.until(lambda: chat.slack.sockets)
        yield chat


@pytest.fixture
async def client(talking: Chat) -> AsyncIterator[httpx.AsyncClient]:
    """Give a client of the gateway's application with Slack's routes in it."""
    assert talking.parts is not None
    transport = httpx.ASGITransport(Starlette(routes=talking.parts.routes))
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as opened:
        yield opened
