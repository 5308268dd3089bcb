"""The parts that the gateway works with, opened with short time-outs and closed in order."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol
from urllib.parse import parse_qs, urlsplit

from gateway.command_trace import CommandTrace
from gateway.engine import RunEngine
from gateway.on_demand import on_demand
from proctor.contracts.approving_ports import ApproverKeys, Delegations, SpokenWords
from proctor.contracts.archive_ports import RunArchive
from proctor.contracts.catalog import ToolUse
from proctor.contracts.chat_ports import SeenMessages
from proctor.contracts.control_ports import Controls, Undoing
from proctor.contracts.drilling import Drills
from proctor.contracts.errors import Unavailable
from proctor.contracts.events import Addresses, Outbox
from proctor.contracts.governing_ports import AutonomyRecord, PolicyRegister
from proctor.contracts.granting_ports import Grants
from proctor.contracts.identity_ports import ApiKeys, Identities
from proctor.contracts.kill_ports import KillSwitch
from proctor.contracts.outside import Beginnings, Webhooks
from proctor.contracts.people_ports import People
from proctor.contracts.ports import Admissions, AgentCatalog, RunJournal
from proctor.contracts.session_ports import WebSessions
from proctor.contracts.traffic import Traffic
from proctor.settings import Endpoints, Settings

if TYPE_CHECKING:
    from temporalio.client import Client, Plugin

    from gateway.policy_changes import PolicyChanges
    from proctor.store.postgres import PostgresStore

POOL_SIZE = 4


class Store(Protocol):
    """What the gateway needs of the store."""

    @property
    def admissions(self) -> Admissions:
        """Where runs begin."""

    @property
    def people(self) -> People:
        """Principals, requests and decisions."""

    @property
    def kills(self) -> KillSwitch:
        """Fences."""

    @property
    def traffic(self) -> Traffic:
        """Circuit breakers."""

    @property
    def drills(self) -> Drills:
        """Drills of the kill switch."""

    @property
    def archive(self) -> RunArchive:
        """Read access."""

    @property
    def journal(self) -> RunJournal:
        """The record of runs; the gateway only closes runs that never started."""

    @property
    def policies(self) -> PolicyRegister:
        """Versions of each agent's policy."""

    @property
    def web_sessions(self) -> WebSessions:
        """Who is signed in at the approval page."""

    @property
    def api_keys(self) -> ApiKeys:
        """Keys of programs."""

    @property
    def identities(self) -> Identities:
        """Who principals are in other systems."""

    @property
    def approver_keys(self) -> ApproverKeys:
        """Public keys of approvers."""

    @property
    def delegations(self) -> Delegations:
        """Who decides in whose place."""

    @property
    def words(self) -> SpokenWords:
        """What people said on requests."""

    @property
    def grants(self) -> Grants:
        """Standing approvals."""

    @property
    def seen_messages(self) -> SeenMessages:
        """Messages of chats that were taken up already."""

    @property
    def autonomy(self) -> AutonomyRecord:
        """Reviews and live levels."""

    @property
    def outbox(self) -> Outbox:
        """Events on their way out."""

    @property
    def addresses(self) -> Addresses:
        """Where people are written to."""

    @property
    def webhooks(self) -> Webhooks:
        """Subscriptions to events."""

    @property
    def beginnings(self) -> Beginnings:
        """Hooks and schedules."""

    @property
    def tool_use(self) -> ToolUse:
        """How tools were used."""

    @property
    def controls(self) -> Controls:
        """Who drives a run."""

    @property
    def undoing(self) -> Undoing:
        """Taking ended runs back."""


@dataclass(frozen=True)
class Gateway:
    """The open parts."""

    settings: Settings
    store: Store
    engine: RunEngine
    catalog: AgentCatalog

    @property
    def changes(self) -> "PolicyChanges":
        """Changes of policies, as this installation takes them."""
        from gateway.policy_changes import PolicyChanges

        return PolicyChanges(self.store.policies, self.store.journal.bundle, self.settings.environment)


OpenGateway = Callable[[Settings], AbstractAsyncContextManager[Gateway]]


@asynccontextmanager
async def open_gateway(settings: Settings) -> AsyncIterator[Gateway]:
    """Connect to the store now and to Temporal when it is first needed; close both at the end.

    Raises:
        Unavailable: the store does not answer or is not migrated; says which address was tried.

    """
    tracing = CommandTrace(settings.otlp_endpoint)
    store = await connect_store(settings.endpoints(), POOL_SIZE)
    try:
        engine = on_demand(lambda: open_engine(settings, [tracing.plugin()]))
        yield Gateway(settings, store, engine, on_demand(lambda: open_catalog(settings)))
    finally:
        await store.close()
        tracing.end()


async def connect_store(endpoints: Endpoints, pool_size: int) -> "PostgresStore":
    """Connect to the store. Raises `Unavailable`, which says which address was tried."""
    from proctor.store.postgres import PostgresStore

    try:
        return await PostgresStore.connect(endpoints.database_url, min_size=0, max_size=pool_size)
    except Unavailable as error:
        tried = address_of(endpoints.database_url)
        raise Unavailable(f"{error.message} (tried {tried})", hint=_start_hint(endpoints, error)) from error


def open_catalog(settings: Settings) -> AgentCatalog:
    """Give the agents of the project's files."""
    from proctor.documents.catalog import FileAgentCatalog
    from proctor.tools.signature import derive_schemas

    return FileAgentCatalog(settings.agents, derive_schemas)


def address_of(database_url: str) -> str:
    """Give host, port and name of a database, without user and password."""
    parts = urlsplit(database_url)
    query = parse_qs(parts.query)
    host = parts.hostname or (query.get("host") or ["localhost"])[0]
    port = parts.port or (query.get("port") or ["5432"])[0]
    return f"{host}:{port}{parts.path}"


def _start_hint(endpoints: Endpoints, error: Unavailable) -> str:
    if endpoints.source == "dev":
        return error.hint if "migrate" in error.hint else "restart `proctor dev`"
    return error.hint


def open_engine(settings: Settings, plugins: "list[Plugin]") -> RunEngine:
    """Give the engine, which connects to Temporal when it is first used."""
    from gateway.temporal_engine import TemporalRunEngine
    from proctor.connection import connect_temporal

    endpoint = settings.endpoints().temporal

    async def connect() -> "Client":
        return await connect_temporal(endpoint, plugins=plugins)

    queue, weights = settings.task_queue, settings.tenant_weights
    return TemporalRunEngine(connect, address=endpoint.address, task_queue=queue, weights=weights)
