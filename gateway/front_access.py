"""Who comes in, and what there is: keys of programs, identities elsewhere, the catalog."""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.agents import load_agent
from gateway.connections import Gateway
from gateway.front_models import (
    AgentSummary,
    ApiKeyOrder,
    CreatedApiKey,
    IdentityOrder,
    ToolReport,
    ToolUsageQuery,
)
from gateway.front_people import EVERYBODY
from gateway.front_runs import SEES_ALL, needs_role
from gateway.tool_reports import tool_reports
from proctor.contracts.durations import looked_back
from proctor.contracts.errors import InvalidDocument
from proctor.contracts.human import Principal, Role
from proctor.contracts.identity_ports import ApiKey, Identity, NewApiKey, OtherSystem
from proctor.contracts.ids import AgentName, PrincipalName
from proctor.contracts.manifest import AgentBundle
from proctor.contracts.ports import AgentCatalog

API_KEY_PREFIX = "pk_"
SEES_ACCESS = frozenset({Role.OWNER, Role.AUDITOR})


@dataclass(frozen=True)
class LocalAccess:
    """Keys of programs, identities elsewhere, and the catalog."""

    gateway: Gateway
    principal: Principal

    async def whoami(self) -> Principal:
        """Give the principal that this front acts for, with the roles that count."""
        return self.principal

    async def api_keys(self, principal: PrincipalName | None = None) -> Sequence[ApiKey]:
        """List API keys: my own; an owner or auditor sees all."""
        return await self.gateway.store.api_keys.keys(self._whose(principal))

    async def create_api_key(self, order: ApiKeyOrder) -> CreatedApiKey:
        """Make an API key."""
        needs_role(self.principal, EVERYBODY, "make API keys")
        who = order.principal or self.principal.name
        roles = order.roles
        if roles is None:
            is_own = who == self.principal.name
            roles = self.principal.roles if is_own else (await self.gateway.store.people.principal(who)).roles
        key_id, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
        new = NewApiKey(
            id=key_id,
            principal=who,
            secret_sha256=hash_of(secret),
            roles=roles,
            label=order.label,
            for_s=order.for_s,
        )
        made = await self.gateway.store.api_keys.create(new, self.principal)
        return CreatedApiKey(key=made, token=f"{API_KEY_PREFIX}{key_id}_{secret}")

    async def revoke_api_key(self, key_id: str) -> ApiKey:
        """End an API key at once."""
        return await self.gateway.store.api_keys.revoke(key_id, self.principal)

    async def identities(self, principal: PrincipalName | None = None) -> Sequence[Identity]:
        """List who principals are elsewhere: my own; an owner or auditor sees all."""
        return await self.gateway.store.identities.identities(self._whose(principal))

    async def link_identity(self, order: IdentityOrder) -> Identity:
        """Say who a principal is elsewhere."""
        links = self.gateway.store.identities
        return await links.link(order.system, order.subject, order.principal, self.principal)

    async def unlink_identity(self, system: OtherSystem, subject: str) -> Identity:
        """Take that back: mine, or as an owner anybody's."""
        return await self.gateway.store.identities.unlink(system, subject, self.principal)

    async def agents(self) -> Sequence[AgentSummary]:
        """List agents; one whose files are wrong is listed with its problem."""
        needs_role(self.principal, EVERYBODY, "see the agents")
        return [summary_of(self.gateway.catalog, name) for name in self.gateway.catalog.names()]

    async def agent(self, name: str, model: str | None = None) -> AgentBundle:
        """Show an agent with its tools, as it is understood."""
        needs_role(self.principal, EVERYBODY, "see the agents")
        return load_agent(self.gateway.catalog, name, model)

    async def tool_usage(self, query: ToolUsageQuery) -> Sequence[ToolReport]:
        """Say how tools were used, and who may use them; those that were never called too."""
        needs_role(self.principal, SEES_ALL, "see how tools are used")
        used = await self.gateway.store.tool_use.usage(looked_back(query.since), query.tool)
        return tool_reports(self.gateway.catalog, used, query.tool)

    def _whose(self, principal: PrincipalName | None) -> PrincipalName | None:
        return principal if self.principal.roles & SEES_ACCESS else self.principal.name


def hash_of(secret: str) -> str:
    """Take the hash by which the store knows a secret: random secrets need no slow one."""
    return hashlib.sha256(secret.encode()).hexdigest()


def summary_of(catalog: AgentCatalog, name: AgentName) -> AgentSummary:
    """Say in a line what an agent is, or why it does not run."""
    try:
        manifest = catalog.load(name).manifest
    except InvalidDocument as error:
        return AgentSummary(name=name, problem=error.diagnostics())
    return AgentSummary(
        name=manifest.name,
        version=manifest.version,
        owner=manifest.owner or None,
        autonomy=manifest.autonomy,
        planner=manifest.planner.kind if manifest.planner else None,
        tools=tuple(manifest.allowed_tools),
        problem=None if manifest.owner else "no owner: it does not run",
    )
