"""What governs an agent while it runs: policy versions, autonomy cells, reviews, windows, denied goals."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Literal

from pydantic import AwareDatetime, Field

from proctor.contracts.base import Contract
from proctor.contracts.ids import AgentName, Digest, PrincipalName, RunId, TenantId, ToolName
from proctor.contracts.manifest import Autonomy
from proctor.contracts.tool import Risk


class WindowQuery(Contract):
    """Asks the store for one window, for one call; the answer does not include the call itself."""

    name: str
    measure: Literal["count", "sum", "last"]
    tools: tuple[ToolName, ...]
    argument: tuple[str, ...] = ()
    """For `sum`: keys into the arguments."""
    within_s: int
    per: Literal["run", "agent", "requester", "tenant"]
    same: dict[str, str] = Field(default_factory=dict)
    """Dotted path of an argument, and the canonical JSON that it must have."""


class WindowAnswer(Contract):
    """What the store found: `value` is the count, the sum, or the seconds since the newest call (None: none)."""

    name: str
    value: Decimal | None


class DeniedGoal(Contract):
    """A goal that was denied in this run: it is denied again without asking (H6)."""

    goal: str
    tool: ToolName
    by: Literal["person", "policy"]
    reason: str
    step: int
    call: int


class Cell(Contract):
    """A cell of the autonomy ladder: a tool at a risk tier. `*` stands for every tool, or every tier."""

    tool: ToolName | Literal["*"]
    risk: Risk | Literal["*"]


class CellLevel(Contract):
    """A live level of a cell, set by a promotion or a demotion.

    A demotion is a ceiling. A promotion holds only while the manifest still declares the level that it was made from.
    """

    agent: AgentName
    cell: Cell
    level: Autonomy
    kind: Literal["promotion", "demotion"]
    declared: Autonomy
    """Level that the manifest declared for the cell when this was set."""
    by: PrincipalName
    reason: str
    at: AwareDatetime


class ReviewVerdict(StrEnum):
    """What a person says of a proposal or an effect."""

    AGREE = "agree"
    DISAGREE = "disagree"
    HARMFUL = "harmful"
    """A breach: the cell falls one level at once."""


class ReviewKind(StrEnum):
    """Where the evidence comes from."""

    SUGGESTION = "suggestion"
    """Proposed at level `suggest`; nothing was carried out."""
    AFTERWARDS = "afterwards"
    """Carried out at level `supervised`."""
    APPROVAL = "approval"
    """A decision on an approval request is a review: approve agrees, deny disagrees."""


class Review(Contract):
    """One call that a person looks at, or looked at."""

    id: str
    kind: ReviewKind
    run_id: RunId
    step: int
    call: int
    tenant: TenantId
    agent: AgentName
    requester: PrincipalName
    tool: ToolName
    risk: Risk
    arguments_digest: Digest
    title: str
    at: datetime
    verdict: ReviewVerdict | None = None
    by: PrincipalName | None = None
    reason: str = ""
    decided_at: datetime | None = None


class Evidence(Contract):
    """What speaks for and against a cell since its level last changed, in order of decision."""

    cell: Cell
    verdicts: tuple[ReviewVerdict, ...]
    open_incidents: int
    """Unknown outcomes and failed compensations of the cell that nobody has settled."""
    since: AwareDatetime | None


class ChangeKind(StrEnum):
    """What a change of policy does. What cannot be proved to tighten counts as loosening."""

    TIGHTENS = "tightens"
    NEUTRAL = "neutral"
    LOOSENS = "loosens"


class PolicyVersion(Contract):
    """A version of an agent's policy: manifest, policy document and tool contracts, by the digest of the bundle."""

    id: str
    agent: AgentName
    bundle_digest: Digest
    policy_digest: Digest
    owner: PrincipalName
    change: ChangeKind
    summary: tuple[str, ...]
    """A line for each change, for people; a loosening with its witness."""
    state: Literal["proposed", "active", "retired", "rejected"]
    proposed_by: PrincipalName
    approved_by: tuple[PrincipalName, ...] = ()
    reason: str = ""
    at: datetime
