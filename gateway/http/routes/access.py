"""Who comes in, and what there is."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query

from gateway.front_models import (
    AgentSummary,
    ApiKeyOrder,
    CreatedApiKey,
    IdentityOrder,
    ToolReport,
    ToolUsageQuery,
)
from gateway.http.callers import CallersFront
from gateway.http.forms import Name, NamePath, NameQuery
from proctor.contracts.human import Principal
from proctor.contracts.identity_ports import ApiKey, Identity, OtherSystem
from proctor.contracts.ids import PrincipalName, ToolName
from proctor.contracts.manifest import AgentBundle


def build_routes() -> APIRouter:
    """Give the routes of access and of the catalog."""
    router = APIRouter()
    router.get("/me", tags=["access"])(whoami)
    router.get("/api-keys", tags=["access"])(api_keys)
    router.post("/api-keys", status_code=201, tags=["access"])(create_api_key)
    router.post("/api-keys/{key_id}/revocation", tags=["access"])(revoke_api_key)
    router.get("/identities", tags=["access"])(identities)
    router.post("/identities", status_code=201, tags=["access"])(link_identity)
    router.delete("/identities/{system}", tags=["access"])(unlink_identity)
    router.get("/agents", tags=["catalog"])(agents)
    router.get("/agents/{name}", tags=["catalog"])(agent)
    router.get("/tools/usage", tags=["catalog"])(tool_usage)
    return router


async def whoami(front: CallersFront) -> Principal:
    """Say who the caller is, and with which roles."""
    return await front.whoami()


async def api_keys(front: CallersFront, principal: NameQuery = None) -> Sequence[ApiKey]:
    """List API keys: the caller's own; an owner or auditor sees all."""
    return await front.api_keys(None if principal is None else PrincipalName(principal))


async def create_api_key(front: CallersFront, order: ApiKeyOrder) -> CreatedApiKey:
    """Make an API key: the caller's own, or as an owner that of a service. Its token is shown this once."""
    return await front.create_api_key(order)


async def revoke_api_key(front: CallersFront, key_id: NamePath) -> ApiKey:
    """End an API key at once."""
    return await front.revoke_api_key(key_id)


async def identities(front: CallersFront, principal: NameQuery = None) -> Sequence[Identity]:
    """List who principals are in other systems: the caller's own; an owner or auditor sees all."""
    return await front.identities(None if principal is None else PrincipalName(principal))


async def link_identity(front: CallersFront, order: IdentityOrder) -> Identity:
    """Say who a principal is in another system. Takes the role owner."""
    return await front.link_identity(order)


async def unlink_identity(
    front: CallersFront, system: OtherSystem, subject: Annotated[str, Query(min_length=1, max_length=400)]
) -> Identity:
    """Take that back: one's own, or as an owner anybody's."""
    return await front.unlink_identity(system, subject)


async def agents(front: CallersFront) -> Sequence[AgentSummary]:
    """List the agents; one whose files are wrong is listed with its problem."""
    return await front.agents()


async def agent(
    front: CallersFront,
    name: NamePath,
    model: Annotated[Name | None, Query(description="`provider:name`: as it would be planned by this model.")] = None,
) -> AgentBundle:
    """Show an agent with its tools, as it is understood."""
    return await front.agent(name, model)


async def tool_usage(
    front: CallersFront,
    tool: Annotated[Name | None, Query(description="Only this tool.")] = None,
    since: Annotated[str, Query(max_length=20, description="How far to look back: 30d, 24h.")] = "30d",
) -> Sequence[ToolReport]:
    """Say how tools were used, and which agents may use them; those that were never called too. No requester may."""
    return await front.tool_usage(ToolUsageQuery(tool=None if tool is None else ToolName(tool), since=since))
