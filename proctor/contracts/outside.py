"""Systems outside: webhooks to them, and hooks and schedules by which runs begin. Models and ports."""

from collections.abc import Sequence
from datetime import datetime
from difflib import get_close_matches
from typing import Any, Literal, Protocol, Self

from pydantic import AwareDatetime, Field, model_validator

from proctor.contracts.base import Contract
from proctor.contracts.events import EVENT_KINDS
from proctor.contracts.human import Principal
from proctor.contracts.ids import AgentName, PrincipalName, TenantId

OUTSIDE_NAME = r"[a-z0-9][a-z0-9_-]{0,62}"
"""Form of the name of a hook or schedule: it becomes part of addresses and idempotency keys."""
SignatureScheme = Literal["standard", "github"]
"""Standard Webhooks (`webhook-signature`, with a time), or GitHub's `X-Hub-Signature-256`, which names no time."""


class WebhookOrder(Contract):
    """What somebody subscribes to."""

    url: str = Field(max_length=2000)
    kinds: tuple[str, ...] = Field(default=(), max_length=100)
    """Kinds of events; none: all."""
    agent: AgentName | None = None
    tenant: TenantId | None = None
    """Only events of this agent or tenant; those that concern all of them come too."""
    with_arguments: bool = False
    """Send what approvals ask for word by word. Takes the role owner or auditor, at each delivery."""

    @model_validator(mode="after")
    def _knows_its_kinds(self) -> Self:
        unknown = sorted(set(self.kinds) - EVENT_KINDS)
        if unknown:
            near = get_close_matches(unknown[0], sorted(EVENT_KINDS), n=1)
            there_are = f"did you mean {near[0]}?" if near else f"there are {', '.join(sorted(EVENT_KINDS))}"
            raise ValueError(f"no event is of kind {', '.join(unknown)}; {there_are}")
        return self


class Webhook(WebhookOrder):
    """A subscription."""

    id: str
    by: PrincipalName
    created_at: AwareDatetime
    disabled_at: datetime | None = None
    disabled_why: str = ""


class OpenedWebhook(Contract):
    """A subscription with what a delivery needs. Secrets are sealed."""

    webhook: Webhook
    secret: str
    former_secret: str | None = None
    """Signs too, until the rotation is over."""
    may_see_arguments: bool
    """Whether its author is enabled still, and has a role that may."""


class Webhooks(Protocol):
    """Subscriptions. Changes need the role owner or operator, and are audited."""

    async def create(self, webhook_id: str, order: WebhookOrder, sealed: str, by: Principal) -> Webhook:
        """Keep a subscription. Raises `NotAuthorised`."""

    async def webhooks(self) -> Sequence[Webhook]:
        """List subscriptions, newest first, disabled ones too."""

    async def opened(self, webhook_id: str) -> OpenedWebhook:
        """Give what a delivery needs. Raises `UnknownName`."""

    async def rotate(self, webhook_id: str, sealed: str, keep_former_s: float, by: Principal) -> Webhook:
        """Sign with another secret from now on, and with the one before for a while too."""

    async def disable(self, webhook_id: str, why: str, by: Principal | None) -> Webhook:
        """Send nothing more; what was due is dead. `by` None: the receiver said that it is gone. Repeated: as first."""

    async def enable(self, webhook_id: str, by: Principal) -> Webhook:
        """Send again what happens from now on."""


class Beginning(Contract):
    """A run that something outside asks for, in the name of a service."""

    name: str = Field(pattern=f"^{OUTSIDE_NAME}$")
    agent: AgentName
    tenant: TenantId
    principal: PrincipalName
    """A service principal: its one role is requester, so that nobody approves what they set off themselves by it."""
    goal: str = Field(default="", max_length=2000)


class HookOrder(Beginning):
    """A way in for another system."""

    scheme: SignatureScheme = "standard"
    mapping: dict[str, str] | None = Field(default=None, max_length=100)
    """JSON pointers (RFC 6901) into the payload, by field of the input; None: the whole payload is the input."""


class Hook(HookOrder):
    """A way in, as it stands."""

    by: PrincipalName
    created_at: AwareDatetime
    disabled_at: datetime | None = None


class OpenedHook(Contract):
    """A hook with what taking a call needs. The secret is sealed."""

    hook: Hook
    secret: str
    principal: Principal
    """The service, with the roles that it has now."""


class Timing(Contract):
    """When a schedule fires: cron expressions, or an interval."""

    cron: tuple[str, ...] = Field(default=(), max_length=20)
    every_s: int | None = Field(default=None, ge=1, le=366 * 86_400)
    timezone: str = Field(default="UTC", max_length=60)
    catch_up_s: int = Field(default=3600, ge=10, le=7 * 86_400)
    """Firings that were missed for longer than this are left out."""

    @model_validator(mode="after")
    def _says_when(self) -> Self:
        if bool(self.cron) == (self.every_s is not None):
            raise ValueError("say either `cron` or `every_s`")
        return self


class ScheduleOrder(Beginning):
    """A run to be started again and again."""

    input: Any
    timing: Timing


class Schedule(ScheduleOrder):
    """A schedule, as it was recorded; whether it is paused, and when it fires next, Temporal says."""

    by: PrincipalName
    created_at: AwareDatetime
    deleted_at: datetime | None = None


class OpenedSchedule(Contract):
    """A schedule with the service that its runs begin as."""

    schedule: Schedule
    principal: Principal


class Beginnings(Protocol):
    """Hooks and schedules. Changes need the role owner, are audited, and name services only: `NotAuthorised`.

    Holding and firing a schedule needs owner or operator.
    """

    async def put_hook(self, order: HookOrder, sealed: str, by: Principal) -> Hook:
        """Keep a hook; one that was disabled may be made anew. Raises `Refused` when the name is in use."""

    async def hooks(self) -> Sequence[Hook]:
        """List hooks by name, disabled ones too."""

    async def hook(self, name: str) -> OpenedHook:
        """Give an enabled hook whose service is enabled. Raises `UnknownName`."""

    async def disable_hook(self, name: str, by: Principal) -> Hook:
        """Take no more calls. Repeated: as first."""

    async def put_schedule(self, order: ScheduleOrder, by: Principal) -> Schedule:
        """Keep a schedule; the same one again is left as it is. Raises `Refused` when the name is another's."""

    async def schedules(self) -> Sequence[Schedule]:
        """List schedules that were not deleted, by name."""

    async def schedule(self, name: str) -> OpenedSchedule:
        """Give a schedule whose service is enabled. Raises `UnknownName`, also when it was deleted."""

    async def delete_schedule(self, name: str, by: Principal) -> Schedule:
        """Start nothing more by it. Repeated: as first."""

    async def note_schedule(self, name: str, word: Literal["paused", "resumed", "triggered"], by: Principal) -> None:
        """Audit what was asked of Temporal. Raises `NotAuthorised`, `UnknownName`."""
