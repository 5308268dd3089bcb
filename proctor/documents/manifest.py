"""The agent manifest as a document: the flat form of `agent:`, read into `AgentManifest`."""

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from policies.guardrails import GUARDRAILS
from policies.hosts import ANY_HOST, parse_pattern
from proctor.contracts.base import Contract
from proctor.contracts.ids import AgentName, ToolName
from proctor.contracts.manifest import AgentManifest, Autonomy, Bounds, PlannerSpec, Threshold
from proctor.contracts.places import Place
from proctor.contracts.tool import Risk
from proctor.contracts.traffic import Degradation
from proctor.documents.problems import Problem, Problems, did_you_mean, read_form
from proctor.documents.source import Source


def _as_text(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


VersionText = Annotated[str, BeforeValidator(_as_text)]
SchemaOrFile = dict[str, Any] | str


class PlaybookForm(Contract):
    """`planner: {kind: playbook, file: playbook.yaml}`."""

    kind: Literal["playbook"]
    file: str = "playbook.yaml"


class ModelForm(Contract):
    """Settings of a model planner; instructions stand in a file or inline."""

    model: str = Field(default="", pattern=r"^$|^[a-z][a-z0-9_-]*:.+$")
    instructions_file: str | None = None
    instructions: str | None = None
    base_url: str | None = None
    max_output_tokens: int = Field(default=2048, ge=1)
    temperature: float | None = Field(default=None, ge=0, le=2)
    timeout_s: float = Field(default=60.0, gt=0, le=600)
    max_repairs: int = Field(default=2, ge=0, le=5)
    price_per_million_input_usd: Decimal | None = Field(default=None, ge=0)
    price_per_million_output_usd: Decimal | None = Field(default=None, ge=0)


class ModelPlannerForm(ModelForm):
    """`planner: {kind: model, model: provider:name, …}`."""

    kind: Literal["model"]


class AlternativeModelForm(ModelForm):
    """`model_planner:`, chosen with `--model provider:name`; it needs no `kind`."""

    kind: Literal["model"] = "model"


class AgentForm(Contract):
    """What stands under `agent:`."""

    name: AgentName = Field(pattern=r"^[a-z][a-z0-9-]{0,62}$")
    version: VersionText = "1"
    owner: str = ""
    description: str = ""
    autonomy: Autonomy
    autonomy_by_tool: dict[ToolName, Autonomy] = Field(default_factory=dict)
    autonomy_by_risk: dict[Risk, Autonomy] = Field(default_factory=dict)
    allowed_tools: tuple[ToolName, ...] = ()
    tool_versions: dict[ToolName, VersionText] = Field(default_factory=dict)
    degradation: dict[ToolName, Degradation] = Field(default_factory=dict)
    blocked_domains: tuple[str, ...] = (ANY_HOST,)
    allow_domains: tuple[str, ...] = ()
    thresholds: tuple[Threshold, ...] = ()
    guardrails: tuple[str, ...] = ()
    max_iterations: int = Field(default=25, ge=1, le=100_000)
    max_cost_usd: Decimal = Field(default=Decimal("1.00"), ge=0)
    max_wall_clock_s: int = Field(default=86_400, ge=1)
    max_stalled_steps: int = Field(default=5, ge=1)
    approval_timeout_s: int = Field(default=3600, ge=1, le=30 * 86_400)
    planner: Annotated[PlaybookForm | ModelPlannerForm, Field(discriminator="kind")] | None = None
    model_planner: AlternativeModelForm | None = None
    input_schema: SchemaOrFile = Field(default_factory=dict)
    output_schema: SchemaOrFile = Field(default_factory=dict)

    @property
    def bounds(self) -> Bounds:
        """The bounds, which stand flat in the document."""
        return Bounds(**{name: getattr(self, name) for name in Bounds.model_fields})


def read_manifest(source: Source) -> tuple[AgentForm | None, list[Problem]]:
    """Read `agent:` and find the contradictions that the manifest shows by itself; None when its form is wrong."""
    problems = Problems(source)
    data = source.data
    if not isinstance(data, dict) or not isinstance(data.get("agent"), dict):
        problems.add((), "an agent manifest begins with `agent:` and a mapping", "write `agent:` and indent the rest")
        return None, problems.found
    for key in data:
        if key != "agent":
            problems.add((key,), f"unknown key {key!r} beside `agent:`", "indent it under `agent:`")
    form = read_form(AgentForm, data["agent"], problems, ("agent",))
    if form is not None:
        _check_tools(form, problems)
        _check_tiers(form, problems)
        _check_domains(form, problems)
        _check_guardrails(form, problems)
        _check_planners(form, problems)
    return form, problems.found


def notes_on(form: AgentForm) -> list[str]:
    """Say what is valid and still worth knowing."""
    notes = []
    if not form.owner:
        notes.append("has no owner: will not run until one is named")
    if form.planner is None:
        notes.append("has no planner: will not run until one is named")
    if not form.allowed_tools:
        notes.append("allows no tools: it can only answer")
    return notes


def to_manifest(form: AgentForm, planner: PlannerSpec | None, schemas: dict[str, dict[str, Any]]) -> AgentManifest:
    """Build the manifest from its form and what was read from other files."""
    left_out = {*Bounds.model_fields, "planner", "model_planner", "input_schema", "output_schema"}
    same = {name: getattr(form, name) for name in AgentForm.model_fields if name not in left_out}
    return AgentManifest(**same, bounds=form.bounds, planner=planner, **schemas)


def _check_tools(form: AgentForm, problems: Problems) -> None:
    _check_repeats("allowed_tools", form.allowed_tools, problems)
    for tool in form.autonomy_by_tool:
        if tool not in form.allowed_tools:
            message = f"gives {tool} a level, and {tool} is not allowed"
            problems.add(("agent", "autonomy_by_tool", tool), message, _allow_hint(tool, form))
    for n, threshold in enumerate(form.thresholds):
        if threshold.tool not in form.allowed_tools:
            place = ("agent", "thresholds", n, "tool")
            message = f"limits {threshold.tool}, and {threshold.tool} is not allowed"
            problems.add(place, message, _allow_hint(threshold.tool, form))


def _check_tiers(form: AgentForm, problems: Problems) -> None:
    highest = max((form.autonomy, *form.autonomy_by_tool.values()), key=list(Autonomy).index)
    for risk, level in form.autonomy_by_risk.items():
        if highest.lower_of(level) is not level:
            message = f"gives risk {risk} the level {level}, and no tool has more than {highest}: the lower one counts"
            hint = f"raise `autonomy` and hold back the other tiers, or write {highest}"
            problems.add(("agent", "autonomy_by_risk", risk.value), message, hint)


def _allow_hint(tool: str, form: AgentForm) -> str:
    guess = did_you_mean(tool, form.allowed_tools)
    return guess if guess.startswith("did") else f"add {tool} to allowed_tools, or remove this entry"


def _check_repeats(key: str, items: tuple[str, ...], problems: Problems) -> None:
    for n, item in enumerate(items):
        if item in items[:n]:
            problems.add(("agent", key, n), f"{key} lists {item!r} twice", "remove one")


def _check_domains(form: AgentForm, problems: Problems) -> None:
    for key, patterns in (("blocked_domains", form.blocked_domains), ("allow_domains", form.allow_domains)):
        for n, pattern in enumerate(patterns):
            _check_pattern(pattern, ("agent", key, n), problems)
        _check_repeats(key, patterns, problems)
    if ANY_HOST not in form.blocked_domains:
        message = 'blocked_domains does not hold "*": egress is denied unless allowed, and the manifest must say so'
        problems.add(("agent", "blocked_domains"), message, 'add "*" to blocked_domains')
    for n, pattern in enumerate(form.allow_domains):
        if pattern == ANY_HOST:
            message = 'allow_domains holds "*", which contradicts default deny'
            problems.add(("agent", "allow_domains", n), message, "list the hosts that the tools need")
        elif pattern in form.blocked_domains:
            message = f"{pattern!r} is both blocked and allowed"
            problems.add(("agent", "allow_domains", n), message, "remove it from one of the two")


def _check_pattern(pattern: str, place: Place, problems: Problems) -> None:
    try:
        parse_pattern(pattern)
    except ValueError as error:
        host = pattern.partition("://")[2].partition("/")[0]
        hint = f"write the host only: {host}" if host else 'write a host name, "*.suffix" or HOST:PORT'
        problems.add(place, f"{pattern!r} is not a host pattern: {error}", hint)


def _check_guardrails(form: AgentForm, problems: Problems) -> None:
    for n, name in enumerate(form.guardrails):
        if name not in GUARDRAILS:
            problems.add(("agent", "guardrails", n), f"unknown guardrail {name!r}", did_you_mean(name, GUARDRAILS))
    _check_repeats("guardrails", form.guardrails, problems)


def _check_planners(form: AgentForm, problems: Problems) -> None:
    for key, planner in (("planner", form.planner), ("model_planner", form.model_planner)):
        if not isinstance(planner, ModelForm):
            continue
        if (planner.instructions is None) == (planner.instructions_file is None):
            hint = "write `instructions_file: prompts/system.md`"
            problems.add(("agent", key), f"{key} needs its instructions, inline or in a file, once", hint)
        if not planner.model and key == "planner":
            problems.add(("agent", key), "the model planner names no model", "add `model: provider:name`")
