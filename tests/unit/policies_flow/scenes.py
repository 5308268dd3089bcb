"""A small agent with tools of each sort, and entries of its transcript."""

from typing import Any

from proctor.contracts.ids import AgentName, ToolName
from proctor.contracts.labels import Labels
from proctor.contracts.manifest import AgentBundle, AgentManifest, Autonomy, ModelPlannerSpec
from proctor.contracts.planning import Observation
from proctor.contracts.policy import PolicyDocument
from proctor.contracts.tool import ArgumentRole, Effect, Risk, ToolContract

TARGET, AMOUNT, CONTENT, FILTER = ArgumentRole.TARGET, ArgumentRole.AMOUNT, ArgumentRole.CONTENT, ArgumentRole.FILTER


def _schema(*names: str) -> dict[str, Any]:
    return {"type": "object", "properties": {name: {} for name in names}}


PAY = ToolContract(
    name="pay",
    input_schema={
        **_schema("to", "amount", "note"),
        "required": ["to", "amount", "note"],
        "additionalProperties": True,
    },
    effect=Effect.IRREVERSIBLE,
    action="pay",
    argument_roles={"to": TARGET, "amount": AMOUNT, "note": CONTENT},
)
SEARCH = ToolContract(
    name="search", input_schema=_schema("query"), effect=Effect.READ, risk=Risk.LOW, argument_roles={"query": FILTER}
)
LOOK = ToolContract(name="look", input_schema=_schema("record"), effect=Effect.READ, risk=Risk.LOW)
FETCH = ToolContract(
    name="fetch", input_schema=_schema("url"), effect=Effect.READ, risk=Risk.LOW, egress_arguments=("url",)
)
RESET = ToolContract(name="reset", input_schema=_schema(), effect=Effect.WRITE)
DELETE = ToolContract(
    name="delete",
    input_schema=_schema("record", "why"),
    effect=Effect.IRREVERSIBLE,
    argument_roles={"record": TARGET, "why": CONTENT},
)
TOOLS = (PAY, DELETE, SEARCH, LOOK, FETCH, RESET)


def bundle(instructions: str = "", **document: Any) -> AgentBundle:
    """Give an autonomous agent with these tools; `document` are words of its policy document."""
    manifest = AgentManifest(
        name=AgentName("tester"),
        owner="owner",
        autonomy=Autonomy.AUTONOMOUS,
        allowed_tools=tuple(ToolName(tool.name) for tool in TOOLS),
        planner=ModelPlannerSpec(model="test:model", instructions=instructions),
    )
    return AgentBundle(manifest=manifest, tools=TOOLS, policy=PolicyDocument.model_validate(document))


def entries(
    step: int, tool: str, arguments: dict[str, Any], result: Any, **labels: Any
) -> tuple[Observation, Observation]:
    """Give a proposal of one call, and its result."""
    proposed = {"proposed": {"kind": "calls", "calls": [{"tool": tool, "arguments": arguments}]}}
    return (
        Observation(n=2 * step, step=step, kind="proposal", content=proposed),
        Observation(
            n=2 * step + 1, step=step, kind="result", tool=ToolName(tool), content=result, labels=Labels(**labels)
        ),
    )
