"""Breakers, rate limits and bulkheads: what all workers together keep to around a tool (R3, R6)."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Literal, Protocol

from pydantic import Field

from proctor.contracts.base import Contract
from proctor.contracts.ids import EffectKey, ToolName


class RateLimit(Contract):
    """At most `calls` in `per_s` seconds, as a token bucket that is shared by all workers."""

    calls: int = Field(ge=1, le=1_000_000)
    per_s: float = Field(gt=0, le=86_400)
    per: Literal["tool", "tenant", "host"] = "tool"
    """Whose calls share the bucket; `tenant`: each tenant of the tool has its own."""


class BreakerRule(Contract):
    """When a circuit breaker opens, and how it closes again."""

    failures: int = Field(default=5, ge=1, le=1000)
    """Consecutive failures of the tool itself (time-outs, 5xx, lost answers) that open it; refusals do not count."""
    open_s: float = Field(default=30.0, gt=0, le=86_400)
    """How long it refuses before it lets probes through."""
    probes: int = Field(default=1, ge=1, le=100)
    """Calls that may be under way while half-open; as many successes close it, one failure opens it again."""


class BreakerState(StrEnum):
    """State of a circuit breaker."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Degradation(Contract):
    """What an agent does about a tool while its breaker is open."""

    to: Literal["refuse", "read_only", "ask_person", "other_tool"] = "refuse"
    """`refuse`: the call fails and the planner is told. `read_only`: no effect of the agent begins until it closes.
    `ask_person`: each call waits for approval. `other_tool`: the planner is pointed to `tool`."""
    tool: ToolName | None = None


class Lane(Contract):
    """What a call passes through: breakers of its tool and hosts, buckets, and room under way."""

    tool: ToolName
    tenant: str
    hosts: tuple[str, ...] = ()
    rate_limit: RateLimit | None = None
    concurrency: int | None = Field(default=None, ge=1)
    breaker: BreakerRule | None = BreakerRule()


class Passage(Contract):
    """The answer to a call that wants to pass."""

    admitted: bool
    wait_s: float = 0.0
    """Not admitted by a bucket or for lack of room: when to ask again."""
    open_until_s: float | None = None
    """Not admitted by an open breaker: seconds until it lets a probe through."""
    breaker: str = ""
    """Which breaker stood open, e.g. `tool:CreateTicket` or `host:api.example.com`."""


class Breaker(Contract):
    """A circuit breaker as people see it."""

    name: str
    state: BreakerState
    failures: int
    open_until_s: float | None = None
    last_error: str = ""


class Traffic(Protocol):
    """Shared by all workers through the store; survives their restart."""

    async def enter(self, lane: Lane, key: EffectKey) -> Passage:
        """Ask to pass. An admitted call holds room until `leave`, or until its lease runs out with its worker."""

    async def leave(self, lane: Lane, key: EffectKey, *, failed: str | None) -> None:
        """Give room back and tell the breakers: `failed` names a fault of the tool or host, None is a success."""

    async def breakers(self, names: Sequence[str] = ()) -> list[Breaker]:
        """List breakers that are not closed, or those named."""

    async def set_breaker(self, name: str, state: BreakerState, by: str, reason: str) -> Breaker:
        """Open or close a breaker by hand."""
