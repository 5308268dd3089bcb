"""Breakers, rate limits and bulkheads: what all workers together keep to around a tool (R3, R6)."""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Final, Literal, Protocol

from pydantic import AwareDatetime, Field

from proctor.contracts.base import Contract
from proctor.contracts.ids import AgentName, EffectKey, ToolName

TRAFFIC_CHAIN: Final = AgentName("@traffic")
"""No agent's name: its chain, `agent:@traffic`, tells which breaker opened and closed when, and who said so."""
BREAKER_OPEN: Final = "breaker-open"
BREAKER_READ_ONLY: Final = "breaker-read-only"
BREAKER_OTHER_TOOL: Final = "breaker-other-tool"
BREAKER_ASK_PERSON: Final = "breaker-ask-person"
HELD_BACK: Final = frozenset({BREAKER_OPEN, BREAKER_READ_ONLY, BREAKER_OTHER_TOOL})
"""Rules that hold a call back for as long as a breaker is open: nothing was denied, and it may be tried later."""


class RateLimit(Contract):
    """At most `calls` in `per_s` seconds, as a token bucket that is shared by all workers.

    An idle bucket is full, so that a burst of `calls` passes at once, and from then on one call each `per_s / calls`.
    """

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
    """What a call passes through: breakers of its tool and hosts, a bucket, and room under way."""

    tool: ToolName
    tenant: str
    hosts: tuple[str, ...] = ()
    rate_limit: RateLimit | None = None
    concurrency: int | None = Field(default=None, ge=1)
    breaker: BreakerRule = BreakerRule()
    patience_s: float = Field(default=60.0, ge=0)
    """How long it may wait for room before it fails, from the first time that it asked."""
    lease_s: float = Field(default=60.0, gt=0)
    """How long it holds its room if its worker is lost; longer than the call can take."""
    despite_open: bool = False
    """A person lets it pass though a breaker is open."""

    @property
    def breakers(self) -> tuple[str, ...]:
        """Names of its breakers: that of the tool, then those of the hosts."""
        return breaker_names(self.tool, self.hosts)

    @property
    def bucket(self) -> str | None:
        """Name of the bucket that it draws on."""
        if self.rate_limit is None:
            return None
        if self.rate_limit.per == "tenant":
            return f"tool:{self.tool}/tenant:{self.tenant}"
        return f"host:{self.hosts[0]}" if self.rate_limit.per == "host" and self.hosts else f"tool:{self.tool}"

    @property
    def is_limited(self) -> bool:
        """Whether it must ask for room even while every breaker is closed."""
        return self.rate_limit is not None or self.concurrency is not None


class Passage(Contract):
    """The answer to a call that wants to pass."""

    admitted: bool
    turn: int = 0
    """Names this admission: only whoever holds it gives its room back."""
    wait_s: float = 0.0
    """Not admitted: when to ask again."""
    is_over: bool = False
    """Not admitted, and its patience is over: it is to fail."""
    open_until_s: float | None = None
    """Held back by an open breaker: seconds until it lets a probe through; None: until a person closes it."""
    breaker: str = ""
    """Which breaker stood open, e.g. `tool:CreateTicket` or `host:api.example.com`."""
    lacks: str = ""
    """What it waits for otherwise: `rate limit NAME` or `room at NAME`."""

    @property
    def reason(self) -> str:
        """Say in a few words what holds the call back."""
        if self.breaker:
            return f"the breaker {self.breaker} is open {until(self.open_until_s)}"
        return f"waits for the {self.lacks}"


class CallEnd(StrEnum):
    """What a call that passed says of its tool and hosts."""

    ANSWERED = "answered"
    """They answered, be it with a refusal."""
    FAULT = "fault"
    """Time-out, lost answer, 5xx, no connection."""
    UNTOLD = "untold"
    """It was not sent, or was stopped: that says nothing."""


class Breaker(Contract):
    """A circuit breaker as people and policy see it."""

    name: str
    state: BreakerState
    failures: int
    is_shut: bool = False
    """Whether a call is held back by it now: open, or half-open with all probes under way."""
    open_until_s: float | None = None
    """Seconds until it lets a probe through; None while it is closed, or open until a person closes it."""
    last_error: str = ""
    by: str = ""
    """Who changed it last; `proctor` for its own rule."""
    reason: str = ""
    changed_at: AwareDatetime | None = None

    @property
    def shown(self) -> str:
        """Say in a few words that it is open, and until when."""
        return f"the breaker {self.name} is open {until(self.open_until_s)}"


def breaker_names(tool: ToolName, hosts: Iterable[str]) -> tuple[str, ...]:
    """Name the breakers of a tool and of hosts."""
    return (f"tool:{tool}", *(f"host:{host}" for host in hosts))


def until(open_until_s: float | None) -> str:
    """Say until when a breaker is open."""
    return "until a person closes it" if open_until_s is None else f"for another {max(1.0, open_until_s):.0f} s"


class Traffic(Protocol):
    """Shared by all workers through the store; survives their restart. All times are the database's."""

    async def enter(self, lane: Lane, key: EffectKey) -> Passage:
        """Ask to pass. An admitted call holds room until `leave`, or until its lease runs out with its worker.

        The same key again is the same call: it takes over the room that a lost worker holds for it.
        """

    async def leave(self, lane: Lane, key: EffectKey, turn: int, end: CallEnd, error: str = "") -> None:
        """Give the room of an admission back and tell the breakers how the call ended; `error` of a fault.

        A turn that another worker took over gives nothing back.
        """

    async def breakers(self, names: Sequence[str] = ()) -> list[Breaker]:
        """List breakers that are open, half-open or count failures, or those named, in order of their names."""

    async def set_breaker(self, name: str, state: BreakerState, by: str, reason: str) -> Breaker:
        """Open a breaker until a person closes it, or close one; on record with who said so.

        Raises `InvalidInput` for a name that no breaker can have, and for half-open: nobody sets that.
        """
