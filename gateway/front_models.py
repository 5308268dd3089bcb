"""What goes into a `Front` and comes out of it, where the contracts have no model of it yet."""

from typing import Any, Generic, Literal, TypeVar

from pydantic import AwareDatetime, Field

from gateway.auditing import Witness
from proctor.contracts.audit import AuditRecord
from proctor.contracts.base import Contract
from proctor.contracts.catalog import ToolUsage
from proctor.contracts.control import ControlEntry, UndoPreview, Wheel
from proctor.contracts.human import DecisionReceipt, HumanRequest, Roles, Signature
from proctor.contracts.identity_ports import LONGEST_KEY_S, ApiKey, OtherSystem
from proctor.contracts.ids import AgentName, PrincipalName, RunId, ToolName
from proctor.contracts.kill import Fence, KillScope, Receipt
from proctor.contracts.run import AuditHead, RunRecord

T = TypeVar("T")

MAX_PAGE = 500


class Page(Contract, Generic[T]):
    """Part of a list; `next_cursor` continues it, None: that was all."""

    items: tuple[T, ...]
    next_cursor: str | None = None


class TaskOrder(Contract):
    """A run that somebody asks for, in their own name."""

    agent: AgentName
    input: Any
    goal: str = Field(default="", max_length=2000)
    model: str | None = Field(default=None, max_length=200)
    """`provider:name`: plan by this model instead of the agent's planner."""


class SubmittedRun(Contract):
    """An accepted run. `is_new` is False when its idempotency key named a run that exists."""

    run: RunRecord
    is_new: bool
    note: str = ""
    """What stands in its way already: tools of the agent that a kill holds."""


class BreakerOrder(Contract):
    """Open a circuit breaker until somebody closes it, or close one."""

    name: str = Field(min_length=1, max_length=300)
    state: Literal["open", "closed"]
    reason: str = Field(min_length=1, max_length=500)


class RunQuery(Contract):
    """Which runs, newest first."""

    agent: AgentName | None = None
    open_only: bool = False
    limit: int = Field(default=50, ge=1, le=MAX_PAGE)
    cursor: str | None = Field(default=None, max_length=400)


class RunDetail(Contract):
    """A run with what came of it, and what it waits for."""

    run: RunRecord
    audit_head: AuditHead | None
    report: Any = None
    waiting_for: tuple[HumanRequest, ...] = ()


class AuditTrail(Contract):
    """The audit records of a run or an agent's chain, and the witnesses for them."""

    run_id: RunId
    records: tuple[AuditRecord, ...]
    witnesses: tuple[Witness, ...]
    notes: tuple[str, ...] = ()
    """Witnesses that could not be asked."""
    contradictions: tuple[str, ...] = ()


class Decided(Contract):
    """What became of a decision, and whether the run was told. `woken=False` does not weaken the decision."""

    receipt: DecisionReceipt
    woken: bool
    note: str


class KillCommand(Contract):
    """A kill. `mode` None: one run takes its effects back, anything wider stays as it is."""

    scope: KillScope
    value: str = Field(default="", max_length=200)
    reason: str = Field(min_length=1, max_length=500)
    mode: Literal["compensate", "freeze"] | None = None
    wait_s: float = Field(default=30.0, ge=0, le=60)
    """How long to wait for the runs to end before the answer."""


class KillOutcome(Contract):
    """What a kill did: receipts of the runs that ended, and those that had not by the end of the wait."""

    fence: Fence
    receipts: tuple[Receipt, ...]
    still_open: tuple[RunId, ...]
    trouble: str = ""
    """Why some runs could not be told to stop; the fence holds for them all the same."""


class RunControl(Contract):
    """Who drives a run, and every order that was given."""

    run_id: RunId
    wheel: Wheel
    entries: tuple[ControlEntry, ...]


class UndoOutcome(Contract):
    """What became of taking a run back."""

    preview: UndoPreview
    """As it stood before."""
    receipt: Receipt
    """As it stands now: `done`, `failed` (an open item) or `not_possible` for each effect."""
    is_finished: bool
    """False: it goes on, or waits for a worker; ask again, or look at the receipt later."""


class DelegationOrder(Contract):
    """Let another decide in my place."""

    to: PrincipalName
    agent: AgentName | None = None
    reason: str = Field(default="", max_length=500)
    until: AwareDatetime


class KeyOrder(Contract):
    """Register my public key."""

    public_key: str = Field(max_length=64)
    """32 raw bytes in unpadded base64url."""
    label: str = Field(default="", max_length=100)
    introduced: Signature | None = None
    """By a key of mine that counts already: then the new one counts at once."""


class ApiKeyOrder(Contract):
    """Make an API key: for me, or by an owner for `principal`."""

    principal: PrincipalName | None = None
    roles: Roles | None = None
    """None: all that the principal has."""
    label: str = Field(default="", max_length=100)
    for_s: int = Field(default=90 * 86_400, gt=0, le=LONGEST_KEY_S)


class CreatedApiKey(Contract):
    """A key that was made, with the one text that lets a program in. It is shown this once."""

    key: ApiKey
    token: str


class IdentityOrder(Contract):
    """Say who a principal is elsewhere."""

    system: OtherSystem
    subject: str = Field(min_length=1, max_length=400)
    principal: PrincipalName


class AgentSummary(Contract):
    """An agent of this installation; `problem` says why it does not run."""

    name: AgentName
    version: str | None = None
    owner: str | None = None
    autonomy: str | None = None
    planner: str | None = None
    tools: tuple[str, ...] = ()
    problem: str | None = None


class ToolUsageQuery(Contract):
    """Which tools, and how far to look back."""

    tool: ToolName | None = None
    since: str = Field(default="30d", max_length=20)
    """An age such as 30d or 24h."""


class ToolUser(Contract):
    """An agent that may use a tool, who answers for it, and how far it goes alone there."""

    agent: AgentName
    owner: str
    autonomy: str


class ToolReport(Contract):
    """How one version of a tool is used, and by whom it may be."""

    tool: ToolName
    version: str
    owner: str = ""
    may_use: tuple[ToolUser, ...] = ()
    usage: tuple[ToolUsage, ...] = ()
    marks: tuple[str, ...] = ()
    """`unused`: no agent has it. `never called`, `failing`, `unowned`, `deprecated`."""
