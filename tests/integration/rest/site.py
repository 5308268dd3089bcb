"""A gateway that listens on a real socket, over a real store and an engine in memory."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from gateway.connections import Gateway
from gateway.http.app import build_app
from gateway.http.composition import open_ways_in
from gateway.http.login import Login
from gateway.http.oidc import OidcVerifier
from gateway.http.parts import HttpParts
from gateway.http.rates import Rates
from gateway.http.server import Server, config_of
from gateway.http.settings import HttpSettings
from proctor.contracts.human import Role
from proctor.documents.catalog import FileAgentCatalog
from proctor.settings import Settings
from proctor.store.postgres import PostgresStore
from proctor.tools.signature import derive_schemas
from tests.unit.gateway.fakes import FakeEngine

AGENTS = Path(__file__).parents[2] / "acceptance" / "agents"
FAST = {"PROCTOR_RATE_LIMIT": "100000/minute", "PROCTOR_LOGIN_RATE_LIMIT": "100000/minute"}
NOBODY = "the.idle"
"""A principal without any role."""


def name_of(role: Role) -> str:
    """Give the principal that has this role and no other."""
    return f"the.{role}"


def token_of(name: str) -> str:
    """Give a principal's token."""
    return f"token-of-{name}"


@dataclass
class Site:
    """A running gateway."""

    parts: HttpParts
    app: FastAPI
    store: PostgresStore
    engine: FakeEngine
    url: str
    client: httpx.AsyncClient

    async def ask(self, method: str, path: str, *, by: str | None = None, **more: Any) -> httpx.Response:
        """Send one request, as a principal or as nobody."""
        headers = {**({"authorization": f"Bearer {token_of(by)}"} if by else {}), **more.pop("headers", {})}
        return await self.client.request(method, f"/v1{path}", headers=headers, **more)


@contextlib.asynccontextmanager
async def open_site(dsn: str, environ: Mapping[str, str] = {}, *, clock: Any = None) -> AsyncIterator[Site]:
    """Enrol one principal per role, and serve."""
    store = await PostgresStore.connect(dsn, min_size=1, max_size=10)
    for role in Role:
        await store.people.enrol(name_of(role), frozenset({role}), token_of(name_of(role)))
    await store.people.enrol(NOBODY, frozenset(), token_of(NOBODY))
    settings = Settings.load({"PROCTOR_AGENTS": str(AGENTS), "PROCTOR_ENVIRONMENT": "development"}, AGENTS.parent)
    http = HttpSettings.load({"PROCTOR_GATEWAY_PORT": "0", **FAST, **environ})
    engine, rates = FakeEngine(), Rates(http.rate, http.login_rate)
    catalog = FileAgentCatalog(settings.agents, derive_schemas)
    async with httpx.AsyncClient() as outward:
        oidc = OidcVerifier(http.oidc_issuer, http.oidc_audience, outward) if http.oidc_issuer else None
        if oidc is not None and clock is not None:
            oidc.clock = clock
        login = Login(store.people, store.api_keys, store.identities, rates, oidc)
        gateway = Gateway(settings, store, engine, catalog)
        parts = HttpParts(gateway, http, rates, login, environ=environ)
        async with open_ways_in(parts) as ways:
            app = build_app(parts, api=ways.api, others=ways.routes)
            async with _serving(app, http) as url, httpx.AsyncClient(base_url=url, timeout=20) as client:
                parts.public_url = url
                yield Site(parts, app, store, engine, url, client)
                parts.stopping.set()
    await store.close()


@contextlib.asynccontextmanager
async def _serving(app: FastAPI, http: HttpSettings) -> AsyncIterator[str]:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", 0))
    server = Server(config_of(app, http, 2))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:  # noqa: ASYNC110 - it tells nobody
        await asyncio.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving
        listener.close()
