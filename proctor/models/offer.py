"""What a model may answer with: the tools that it is offered, and the answers that are not tools."""

from dataclasses import dataclass, replace
from typing import Any

from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.tools import ToolDefinition

from proctor.contracts.errors import PlannerFailed
from proctor.contracts.planning import Situation
from proctor.contracts.tool import ToolContract

FINISH = "finish"
ASK = "ask_person"
DECLARE = "declare_plan"
OTHERWISE = "alternative"
ANSWERS = frozenset({FINISH, ASK, DECLARE, OTHERWISE})

MAX_CALLS = 16
"""Calls of one answer, as `CallsProposal` has them."""
MAX_ALTERNATIVES = 4
"""Other ways of one answer, as `Proposal` has them."""


@dataclass(frozen=True)
class Offer:
    """The tools that are offered, by name, with the JSON schema that their arguments must fit."""

    tools: dict[str, dict[str, Any]]
    parameters: ModelRequestParameters

    @property
    def size(self) -> int:
        """Bytes of the definitions, as part of the prompt."""
        definitions = [*self.parameters.function_tools, *self.parameters.output_tools]
        return sum(len(str(tool.parameters_json_schema)) + len(tool.description or "") + 64 for tool in definitions)

    @property
    def may_declare(self) -> bool:
        """Whether a plan may be declared now."""
        return DECLARE in self.tools

    def is_tool(self, name: str) -> bool:
        """Whether this is the name of an offered tool."""
        return name in self.tools and name not in ANSWERS

    def declared(self) -> "Offer":
        """Take no other declaration; the prompt stays as it is, for the provider's cache."""
        return replace(self, tools={name: schema for name, schema in self.tools.items() if name != DECLARE})


def offered_tools(situation: Situation) -> list[ToolContract]:
    """List the tools that a model is shown: allowed by the manifest, and not ruled out by policy."""
    bundle, offered = situation.bundle, situation.offered
    allowed = [tool for tool in bundle.tools if tool.name in bundle.manifest.allowed_tools]
    return [tool for tool in allowed if offered is None or tool.name in offered]


def offer_of(situation: Situation) -> Offer:
    """Offer the tools of a situation; what only compensates or probes is in the bundle and is never offered.

    Raises:
        PlannerFailed: a tool has the name of one of the answers.

    """
    taken = ANSWERS & set(situation.bundle.manifest.allowed_tools)
    if taken:
        raise PlannerFailed(f"a tool may not be called {min(taken)}", hint="the planner answers by that name")
    contracts = offered_tools(situation)
    functions = [
        ToolDefinition(
            name=tool.name, parameters_json_schema=tool.input_schema, description=tool.description or tool.name
        )
        for tool in contracts
    ]
    answers = [_finish(situation.bundle.manifest.output_schema), _ask()]
    if any(not tool.is_read or tool.egress_arguments for tool in contracts):
        answers += [_otherwise(), *([] if situation.step else [_declare()])]
    return Offer(
        tools={tool.name: tool.parameters_json_schema for tool in [*functions, *answers]},
        parameters=ModelRequestParameters(
            function_tools=functions, output_tools=answers, output_mode="tool", allow_text_output=False
        ),
    )


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
