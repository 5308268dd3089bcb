"""What a model may answer with: the tools that it is offered, and the answers that are not tools."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.tools import ToolDefinition

from proctor.contracts.errors import PlannerFailed
from proctor.contracts.planning import Situation
from proctor.contracts.tool import ToolContract
from proctor.models.thrift import definition_size, described, described_size, indexed

FINISH = "finish"
ASK = "ask_person"
DECLARE = "declare_plan"
OTHERWISE = "alternative"
DESCRIBE = "describe_tools"
READ = "read_result"
LOOKS = frozenset({DESCRIBE, READ})
"""What is answered at once, from what the platform has already; nothing of it leaves the process."""
ANSWERS = frozenset({FINISH, ASK, DECLARE, OTHERWISE, *LOOKS})

MAX_CALLS = 16
"""Calls of one answer, as `CallsProposal` has them."""
MAX_ALTERNATIVES = 4
"""Other ways of one answer, as `Proposal` has them."""
MANY_TOOLS = 30
"""Beyond so many tools a model is given their names, and is told of the rest when it asks."""
MAX_DESCRIBED = 24
"""So many tools of many are told whole at a time; the ones that were asked for last."""
MAX_NAMES = 8
"""Tools that are asked for at once."""


@dataclass(frozen=True)
class Offer:
    """The tools that are offered, by name, with the JSON schema that their arguments must fit."""

    tools: dict[str, dict[str, Any]]
    parameters: ModelRequestParameters
    contracts: dict[str, ToolContract] = field(default_factory=dict)
    """Of the offered tools, by name."""
    told: tuple[str, ...] | None = None
    """The tools that are told whole, where the others are in an index; None: all are."""

    @property
    def size(self) -> int:
        """Bytes of the definitions, as part of the prompt."""
        definitions = [*self.parameters.function_tools, *self.parameters.output_tools]
        return sum(map(definition_size, definitions))

    @property
    def may_declare(self) -> bool:
        """Whether a plan may be declared now."""
        return DECLARE in self.tools

    @property
    def may_look(self) -> bool:
        """Whether there is anything to look up."""
        return bool(LOOKS & self.tools.keys())

    def without_looks(self) -> "Offer":
        """Take no further look; the prompt stays as it is, for the provider's cache."""
        return replace(self, tools={name: schema for name, schema in self.tools.items() if name not in LOOKS})

    def telling(self, names: Iterable[str]) -> "Offer":
        """Tell some more tools whole; of too many the ones that were asked for longest ago are in the index only."""
        if self.told is None:
            return self
        new = [name for name in dict.fromkeys(names) if name in self.contracts]
        told = (*(name for name in self.told if name not in new), *new)[-MAX_DESCRIBED:]
        functions = [described(self.contracts[name]) for name in self.contracts if name in told]
        return replace(self, told=told, parameters=replace(self.parameters, function_tools=functions))

    def told_of(self, names: Iterable[str]) -> str:
        """Say of which tools the arguments are told now; they stand among the tools of the next request."""
        known = [name for name in dict.fromkeys(names) if name in self.contracts]
        unknown = len(set(names)) - len(known)
        strange = f" {unknown} of the names stand in no line of the index." if unknown else ""
        return (f"Described now, and ready to be called: {', '.join(known)}." if known else "Nothing.") + strange

    @property
    def largest(self) -> int:
        """Bytes that the descriptions of tools can add to a prompt by one look."""
        if self.told is None:
            return 0
        sizes = sorted(map(described_size, self.contracts.values()), reverse=True)
        return sum(sizes[:MAX_NAMES])

    def is_tool(self, name: str) -> bool:
        """Whether this is the name of an offered tool."""
        return name in self.tools and name not in ANSWERS

    def declared(self) -> "Offer":
        """Take no other declaration; the prompt stays as it is, for the provider's cache."""
        return replace(self, tools={name: schema for name, schema in self.tools.items() if name != DECLARE})


def offered_tools(situation: Situation) -> list[ToolContract]:
    """List the tools that a model is shown: allowed by the manifest, not ruled out by policy, and not on their way out.

    A deprecated tool is shown where the one to use instead is not.
    """
    bundle, offered = situation.bundle, situation.offered
    allowed = [tool for tool in bundle.tools if tool.name in bundle.manifest.allowed_tools]
    can_be = [tool for tool in allowed if offered is None or tool.name in offered]
    names = {tool.name for tool in can_be}
    return [tool for tool in can_be if not (tool.deprecated and tool.deprecated.use in names - {tool.name})]


def offer_of(situation: Situation, *, told: Iterable[str] = (), has_parts: bool = False) -> Offer:
    """Offer the tools of a situation; what only compensates or probes is in the bundle and is never offered.

    `told`: the tools that are told whole where there are many. `has_parts`: whether a result is not shown whole.

    Raises:
        PlannerFailed: a tool has the name of one of the answers.

    """
    taken = ANSWERS & set(situation.bundle.manifest.allowed_tools)
    if taken:
        raise PlannerFailed(f"a tool may not be called {min(taken)}", hint="the planner answers by that name")
    contracts = offered_tools(situation)
    is_many = len(contracts) > MANY_TOOLS
    functions = [] if is_many else [described(tool) for tool in contracts]
    answers = [_finish(situation.bundle.manifest.output_schema), _ask()]
    if any(not tool.is_read or tool.egress_arguments for tool in contracts):
        answers += [_otherwise(), *([] if situation.step else [_declare()])]
    answers += [_describe(contracts)] if is_many else []
    answers += [_read()] if has_parts else []
    said = {answer.name: answer.parameters_json_schema for answer in answers}
    offer = Offer(
        tools={tool.name: tool.input_schema for tool in contracts} | said,
        parameters=ModelRequestParameters(
            function_tools=functions, output_tools=answers, output_mode="tool", allow_text_output=False
        ),
        contracts={tool.name: tool for tool in contracts},
        told=() if is_many else None,
    )
    return offer.telling(told)


def _finish(output_schema: dict[str, Any]) -> ToolDefinition:
    report = {**output_schema, "type": "object"}
    # `#/$defs/…` counts from the root of the schema that it stands in, so the definitions have to move up with it.
    definitions = {"$defs": report.pop("$defs")} if "$defs" in report else {}
    properties = {"outcome": {"enum": ["completed", "failed", "blocked"]}, "report": report}
    description = (
        "End the run with a report that cites what it rests on. completed: the goal is reached; failed: it cannot be "
        "reached and what was done should be taken back; blocked: policy or a person does not allow what it needs."
    )
    return _answer(FINISH, description, {**_object(properties), **definitions})


def _ask() -> ToolDefinition:
    question = {"type": "string", "minLength": 1, "maxLength": 2000}
    description = "Ask a person something that no tool can tell, and wait for the answer."
    return _answer(ASK, description, _object({"question": question}))


def _otherwise() -> ToolDefinition:
    call = _object({"tool": {"type": "string"}, "arguments": {"type": "object"}})
    calls = {"type": "array", "minItems": 1, "maxItems": MAX_CALLS, "items": call}
    description = "Beside your calls: other calls that would do as well. Policy takes the way that is least restricted."
    return _answer(OTHERWISE, description, _object({"calls": calls}))


def _describe(contracts: list[ToolContract]) -> ToolDefinition:
    names = {"type": "array", "minItems": 1, "maxItems": MAX_NAMES, "items": {"type": "string"}}
    description = (
        "Stands alone. There are more tools than are described here; ask for those that you need by name, and call "
        f"them once you are told their arguments. All of them:\n{indexed(contracts)}"
    )
    return _answer(DESCRIBE, description, _object({"names": names}))


def _read() -> ToolDefinition:
    properties = {
        "result": {"type": "string", "maxLength": 32},
        "offset": {"type": "integer", "minimum": 0},
        "find": {"type": "string", "maxLength": 200},
    }
    description = (
        "Stands alone, or beside others of its kind. Read on in a result that is not shown whole. result: the number "
        "that it is marked with; offset: from which byte; find: from where this text stands next."
    )
    return _answer(READ, description, _object(properties, required=["result"]))


def _declare() -> ToolDefinition:
    sources = {"type": "array", "minItems": 1, "items": {"type": "string"}}
    properties = {
        "id": {"type": "string", "minLength": 1, "maxLength": 64},
        "tool": {"type": "string"},
        "max_count": {"type": "integer", "minimum": 1, "maximum": 1000},
        "arguments": {"type": "object", "additionalProperties": sources},
    }
    call = _object(properties, required=["id", "tool"])
    description = (
        "Before or beside your first calls, once: all calls that the run may need, without values. arguments says per "
        "argument where it will come from: request (goal, input), manifest (instructions), person (an answer), or "
        "the id of an earlier call. Effects that are not declared need a person's approval once data was read."
    )
    return _answer(DECLARE, description, _object({"calls": {"type": "array", "maxItems": 64, "items": call}}))


def _object(properties: dict[str, Any], required: list[str] | None = None) -> dict[str, Any]:
    needed = list(properties) if required is None else required
    return {"type": "object", "properties": properties, "required": needed, "additionalProperties": False}


def _answer(name: str, description: str, schema: dict[str, Any]) -> ToolDefinition:
    return ToolDefinition(name=name, parameters_json_schema=schema, description=description, kind="output")
