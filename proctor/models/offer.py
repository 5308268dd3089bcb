"""What a model may answer with: the agent's allowed tools, `finish`, and `ask_person`."""

from dataclasses import dataclass
from typing import Any

from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.tools import ToolDefinition

from proctor.contracts.errors import PlannerFailed
from proctor.contracts.manifest import AgentBundle

FINISH = "finish"
ASK = "ask_person"


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


def offer_of(bundle: AgentBundle) -> Offer:
    """Offer the allowed tools; what only compensates or probes is in the bundle and is never offered.

    Raises:
        PlannerFailed: a tool has the name of one of the two answers.

    """
    taken = {FINISH, ASK} & set(bundle.manifest.allowed_tools)
    if taken:
        raise PlannerFailed(f"a tool may not be called {min(taken)}", hint="the planner answers by that name")
    contracts = [tool for tool in bundle.tools if tool.name in bundle.manifest.allowed_tools]
    functions = [
        ToolDefinition(
            name=tool.name, parameters_json_schema=tool.input_schema, description=tool.description or tool.name
        )
        for tool in contracts
    ]
    answers = [_finish(bundle.manifest.output_schema), _ask()]
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
    schema = {
        "type": "object",
        "properties": {"outcome": {"enum": ["completed", "failed", "blocked"]}, "report": report},
        "required": ["outcome", "report"],
        "additionalProperties": False,
        **definitions,
    }
    description = (
        "End the run with a report that cites what it rests on. completed: the goal is reached; failed: it cannot be "
        "reached and what was done should be taken back; blocked: policy or a person does not allow what it needs."
    )
    return ToolDefinition(name=FINISH, parameters_json_schema=schema, description=description, kind="output")


def _ask() -> ToolDefinition:
    schema = {
        "type": "object",
        "properties": {"question": {"type": "string", "minLength": 1, "maxLength": 2000}},
        "required": ["question"],
        "additionalProperties": False,
    }
    description = "Ask a person something that no tool can tell, and wait for the answer."
    return ToolDefinition(name=ASK, parameters_json_schema=schema, description=description, kind="output")
