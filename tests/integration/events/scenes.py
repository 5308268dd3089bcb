"""A gateway over a real store, whose one agent is in memory, and its people."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gateway.connections import Gateway
from gateway.engine import RunEngine
from proctor.contracts.errors import UnknownName
from proctor.contracts.human import Principal, Role
from proctor.contracts.manifest import AgentBundle
from proctor.settings import Settings
from proctor.store.postgres import PostgresStore
from tests.unit.gateway.fakes import FakeEngine, bundle

OLGA = Principal(name="olga", roles=frozenset({Role.OWNER}))
SERVICE = Principal(name="tickets", roles=frozenset({Role.REQUESTER}))


class FakeCatalog:
    """Knows one agent."""

    def __init__(self, agent: AgentBundle) -> None:
        self._agent = agent

    def names(self) -> Sequence[str]:
        return [self._agent.manifest.name]

    def load(self, name: str, *, model: str | None = None) -> AgentBundle:
        if name != self._agent.manifest.name:
            raise UnknownName(f"there is no agent {name}")
        return self._agent


async def open_gateway(
    store: PostgresStore, engine: RunEngine | None = None, *, queue: str = "proctor", **manifest: Any
) -> Gateway:
    """Give a gateway; its owner and its service are enrolled."""
    for who in (OLGA, SERVICE):
        await store.people.enrol(who.name, who.roles, f"token of {who.name}", is_service=who is SERVICE)
    settings = Settings(Path(), Path(), Path(), task_queue=queue, declared_environment="development")
    return Gateway(settings, store, engine or FakeEngine(), FakeCatalog(bundle(**manifest)))
