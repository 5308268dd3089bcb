"""Events, webhooks, hooks and schedules over HTTP."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from pydantic import Field

from gateway.events.hooks import CreatedHook
from gateway.events.parts import EventParts
from gateway.events.scheduling import ScheduleStanding
from gateway.events.subscribing import SubscribedWebhook
from gateway.http.callers import Caller, address_of, parts_of
from gateway.http.forms import NamePath, NameQuery
from proctor.contracts.base import Contract
from proctor.contracts.errors import NotAuthorised
from proctor.contracts.events import Delivery, Event
from proctor.contracts.human import Principal, Role
from proctor.contracts.ids import RunId
from proctor.contracts.outside import OUTSIDE_NAME, Hook, HookOrder, Schedule, ScheduleOrder, Webhook, WebhookOrder

_SEES = frozenset({Role.OWNER, Role.OPERATOR, Role.AUDITOR})
_CHANGES = frozenset({Role.OWNER, Role.OPERATOR})
OutsidePath = Annotated[str, Path(pattern=f"^{OUTSIDE_NAME}$")]
DeliveryPath = Annotated[int, Path(ge=1, le=2**63 - 1)]


class NewHook(HookOrder):
    """A hook to be made; `secret` is one that the other system made, otherwise we make one."""

    secret: Annotated[str | None, Field(min_length=16, max_length=300)] = None


class Why(Contract):
    """A reason, for the records."""

    reason: str = Field(default="", max_length=500)


class HookReceipt(Contract):
    """What became of a call of a hook."""

    run_id: RunId
    is_new: bool
    """False: the same message was taken before."""


def build_routes(parts: EventParts) -> APIRouter:
    """Give the routes under `/v1`."""
    router = APIRouter()
    for add in (_event_routes, _webhook_routes, _hook_routes, _schedule_routes):
        add(router, parts)
    return router


def _needs(caller: Principal, roles: frozenset[Role], what: str) -> None:
    if not roles & caller.roles:
        raise NotAuthorised(f"{caller.name} may not {what}", hint=f"it takes the role {' or '.join(sorted(roles))}")


def _event_routes(router: APIRouter, parts: EventParts) -> None:
    @router.get("/events", tags=["events"])
    async def events(
        who: Caller,
        run_id: NameQuery = None,
        after: Annotated[int, Query(ge=0, le=2**63 - 1)] = 0,
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
    ) -> Sequence[Event]:
        """List events of the last month, oldest first, from after a position on. Takes owner, operator or auditor."""
        _needs(who, _SEES, "read events")
        return await parts.outbox.events(after=after, limit=limit, run_id=None if run_id is None else RunId(run_id))

    @router.get("/deliveries/dead", tags=["events"])
    async def dead_deliveries(
        who: Caller, channel: NameQuery = None, limit: Annotated[int, Query(ge=1, le=500)] = 50
    ) -> Sequence[Delivery]:
        """List deliveries that were given up, newest first."""
        _needs(who, _SEES, "read deliveries")
        return await parts.outbox.dead(channel, limit=limit)

    @router.post("/deliveries/{delivery_id}/replay", tags=["events"])
    async def replay_delivery(who: Caller, delivery_id: DeliveryPath) -> Delivery:
        """Try a delivery again that was given up. Takes owner or operator."""
        _needs(who, _CHANGES, "replay deliveries")
        return await parts.outbox.replay(delivery_id, who)


def _webhook_routes(router: APIRouter, parts: EventParts) -> None:
    @router.get("/webhooks", tags=["webhooks"])
    async def webhooks(who: Caller) -> Sequence[Webhook]:
        """List subscriptions, newest first."""
        _needs(who, _SEES, "see subscriptions")
        return await parts.subscriptions.webhooks.webhooks()

    @router.post("/webhooks", status_code=201, tags=["webhooks"])
    async def subscribe(who: Caller, order: WebhookOrder) -> SubscribedWebhook:
        """Subscribe. The secret is shown this once."""
        return await parts.subscriptions.subscribe(order, who)

    @router.post("/webhooks/{webhook_id}/rotation", tags=["webhooks"])
    async def rotate_webhook(who: Caller, webhook_id: NamePath) -> SubscribedWebhook:
        """Make a new secret; for a day messages carry both signatures."""
        return await parts.subscriptions.rotate(webhook_id, who)

    @router.post("/webhooks/{webhook_id}/disabling", tags=["webhooks"])
    async def disable_webhook(who: Caller, webhook_id: NamePath, why: Why) -> Webhook:
        """Send nothing more."""
        return await parts.subscriptions.webhooks.disable(webhook_id, why.reason, who)

    @router.post("/webhooks/{webhook_id}/enabling", tags=["webhooks"])
    async def enable_webhook(who: Caller, webhook_id: NamePath) -> Webhook:
        """Send what happens from now on."""
        return await parts.subscriptions.webhooks.enable(webhook_id, who)


def _hook_routes(router: APIRouter, parts: EventParts) -> None:
    @router.get("/hooks", tags=["hooks"])
    async def hooks(who: Caller) -> Sequence[Hook]:
        """List hooks by name."""
        _needs(who, _SEES, "see hooks")
        return await parts.hooks.gateway.store.beginnings.hooks()

    @router.post("/hooks", status_code=201, tags=["hooks"])
    async def create_hook(who: Caller, order: NewHook) -> CreatedHook:
        """Make a way in for another system. Takes the role owner; the secret is shown this once."""
        plain = HookOrder.model_validate(order.model_dump(exclude={"secret"}))
        return await parts.hooks.create(plain, who, order.secret)

    @router.delete("/hooks/{name}", tags=["hooks"])
    async def disable_hook(who: Caller, name: OutsidePath) -> Hook:
        """Take no more calls."""
        return await parts.hooks.gateway.store.beginnings.disable_hook(name, who)

    @router.post("/hooks/{name}", status_code=202, tags=["hooks"])
    async def receive(request: Request, name: OutsidePath) -> HookReceipt:
        """Begin a run as another system: signed by Standard Webhooks, or GitHub's `X-Hub-Signature-256`."""
        parts_of(request).rates.count_request(f"hook {name} from {address_of(request)}")
        done = await parts.hooks.receive(name, request.headers, await request.body())
        return HookReceipt(run_id=done.record.run_id, is_new=done.is_new)


def _schedule_routes(router: APIRouter, parts: EventParts) -> None:
    @router.get("/schedules", tags=["schedules"])
    async def schedules(who: Caller) -> Sequence[ScheduleStanding]:
        """List schedules by name."""
        _needs(who, _SEES, "see schedules")
        return await parts.schedules.list()

    @router.post("/schedules", status_code=201, tags=["schedules"])
    async def create_schedule(who: Caller, order: ScheduleOrder) -> ScheduleStanding:
        """Start a run again and again. Takes the role owner."""
        return await parts.schedules.create(order, who)

    @router.post("/schedules/{name}/pause", tags=["schedules"])
    async def pause_schedule(who: Caller, name: OutsidePath, why: Why) -> ScheduleStanding:
        """Fire no more until it is resumed."""
        return await parts.schedules.pause(name, who, why.reason)

    @router.post("/schedules/{name}/resumption", tags=["schedules"])
    async def resume_schedule(who: Caller, name: OutsidePath, why: Why) -> ScheduleStanding:
        """Fire again from now on."""
        return await parts.schedules.resume(name, who, why.reason)

    @router.post("/schedules/{name}/firing", tags=["schedules"])
    async def trigger_schedule(who: Caller, name: OutsidePath) -> ScheduleStanding:
        """Fire once now."""
        return await parts.schedules.trigger(name, who)

    @router.delete("/schedules/{name}", tags=["schedules"])
    async def delete_schedule(who: Caller, name: OutsidePath) -> Schedule:
        """Begin nothing more by it."""
        return await parts.schedules.delete(name, who)
