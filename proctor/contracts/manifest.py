"""The agent manifest, in memory. `proctor.documents` reads the YAML forms into it."""

from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Field

from proctor.contracts.base import Contract
from proctor.contracts.ids import AgentName, ToolName
from proctor.contracts.policy import PolicyDocument
from proctor.contracts.tool import Risk, ToolContract
from proctor.contracts.traffic import Degradation


class Autonomy(StrEnum):
    """How much an agent may do by itself; ordered from least to most (DESIGN §7)."""

    SUGGEST = "suggest"
    APPROVAL_REQUIRED = "approval_required"
    SUPERVISED = "supervised"
    AUTONOMOUS = "autonomous"

    def lower_of(self, other: "Autonomy") -> "Autonomy":
        """Give the more restricted of two levels."""
        return min(self, other, key=list(Autonomy).index)


class PlaybookPlannerSpec(Contract):
    """Plan by a declarative playbook; `playbook` is the parsed document, pinned with the manifest."""

    kind: Literal["playbook"] = "playbook"
    playbook: dict[str, Any]


class ModelPlannerSpec(Contract):
    """Plan by a language model.

    `model` is `provider:name` as pydantic-ai names models, e.g. `openai:gpt-5` or `anthropic:claude-…`.
    """

    kind: Literal["model"] = "model"
    model: str
    instructions: str
    base_url: str | None = None
    max_output_tokens: int = Field(default=2048, ge=1)
    temperature: float | None = None
    timeout_s: float = Field(default=60.0, gt=0, le=600)
    max_repairs: int = Field(default=2, ge=0, le=5)
    """How often malformed output goes back to the model with the error, within one plan."""
    price_per_million_input_usd: Decimal | None = None
    """Price override for models that genai-prices does not know."""
    price_per_million_output_usd: Decimal | None = None


PlannerSpec = Annotated[PlaybookPlannerSpec | ModelPlannerSpec, Field(discriminator="kind")]


class Threshold(Contract):
    """A limit on a numeric argument: beyond `max` the call is forbidden or goes to a person."""

    tool: ToolName
    argument: str
    """Dotted path into the arguments, e.g. `amount` or `order.total`."""
    max: Decimal
    beyond: Literal["forbid", "require_approval"] = "require_approval"


class Bounds(Contract):
    """What ends a run that does not end by itself (R5)."""

    max_iterations: int = Field(default=25, ge=1, le=100_000)
    max_cost_usd: Decimal = Field(default=Decimal("1.00"), ge=0)
    max_wall_clock_s: int = Field(default=86_400, ge=1)
    max_stalled_steps: int = Field(default=5, ge=1)
    """Steps in a row that brought nothing new: same calls with same results, or only refusals."""


class AgentManifest(Contract):
    """An agent: who answers for it, what it may use, and how far it may go alone."""

    name: AgentName = Field(pattern=r"^[a-z][a-z0-9-]{0,62}$")
    version: str = "1"
    owner: str = ""
    """The one accountable person (a principal). An agent without an owner validates and does not run (G2)."""
    description: str = ""
    autonomy: Autonomy
    autonomy_by_tool: dict[ToolName, Autonomy] = Field(default_factory=dict)
    autonomy_by_risk: dict[Risk, Autonomy] = Field(default_factory=dict)
    """Level of a risk tier; a tool's own level and its tier's both hold, so that the lower one counts."""
    allowed_tools: tuple[ToolName, ...] = ()
    tool_versions: dict[ToolName, str] = Field(default_factory=dict)
    """Which version of a tool of the catalog, where it has several."""
    degradation: dict[ToolName, Degradation] = Field(default_factory=dict)
    """What to do while a tool's breaker is open; without an entry the call is refused and the planner told."""
    blocked_domains: tuple[str, ...] = ("*",)
    allow_domains: tuple[str, ...] = ()
    thresholds: tuple[Threshold, ...] = ()
    guardrails: tuple[str, ...] = ()
    bounds: Bounds = Bounds()
    approval_timeout_s: int = Field(default=3600, ge=1, le=30 * 86_400)
    """How long a request to a person stays open."""
    planner: PlannerSpec | None = None
    input_schema: dict[str, Any] = Field(default_factory=dict)
    output_schema: dict[str, Any] = Field(default_factory=dict)
    """JSON Schema of the final report."""

    def autonomy_for(self, tool: ToolName, risk: Risk | None = None) -> Autonomy:
        """Give the declared level for a tool, at a risk tier."""
        level = self.autonomy_by_tool.get(tool, self.autonomy)
        return level if risk is None else level.lower_of(self.autonomy_by_risk.get(risk, level))


class AgentBundle(Contract):
    """All that decides how an agent behaves, pinned by one digest at `open_run`."""

    manifest: AgentManifest
    policy: PolicyDocument | None = None
    tools: tuple[ToolContract, ...]
    """Contracts of the allowed tools, their probes and their compensations."""

    def tool(self, name: ToolName) -> ToolContract | None:
        """Find the pinned contract of a tool."""
        return next((tool for tool in self.tools if tool.name == name), None)
