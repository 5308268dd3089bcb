from decimal import Decimal
from typing import Any

from proctor.contracts.manifest import AgentBundle, AgentManifest, Threshold
from proctor.contracts.policy import PolicyDocument
from proctor.contracts.tool import HttpImplementation, ToolContract

REFUND_SCHEMA = {
    "type": "object",
    "required": ["order"],
    "properties": {"order": {"type": "string"}, "amount": {}, "note": {"type": "object"}},
}
SEARCH = ToolContract(
    name="Search", input_schema={"type": "object", "additionalProperties": True}, effect="read", risk="low"
)
REFUND = ToolContract(name="Refund", input_schema=REFUND_SCHEMA, effect="write", risk="low")
PAY = ToolContract(
    name="Pay", input_schema={"type": "object", "additionalProperties": True}, effect="irreversible", risk="high"
)
POST = ToolContract(
    name="Post",
    input_schema={"type": "object", "additionalProperties": True},
    effect="write",
    risk="low",
    implementation=HttpImplementation(method="POST", base_url="https://api.example.com"),
)
TOOLS = (SEARCH, REFUND, PAY, POST)

TRANSFER = ToolContract(
    name="Transfer",
    effect="irreversible",
    risk="medium",
    input_schema={
        "type": "object",
        "additionalProperties": False,
        "required": ["to", "amount", "currency"],
        "properties": {
            "to": {"type": "string"},
            "amount": {"type": "number", "minimum": 0, "maximum": 100_000},
            "currency": {"enum": ["EUR", "USD", "GBP"]},
            "copies": {"type": "array", "items": {"type": "string"}},
            "urgent": {"type": "boolean"},
            "note": {
                "type": "object",
                "required": ["text"],
                "properties": {"text": {"type": "string"}, "pages": {"type": "integer", "minimum": 1}},
            },
        },
    },
)
"""A tool with an argument of every type."""


def bundle(**fields: Any) -> AgentBundle:
    manifest = {
        "name": "clerk",
        "owner": "ana",
        "autonomy": "autonomous",
        "allowed_tools": tuple(tool.name for tool in TOOLS),
        "allow_domains": ("api.example.com", "*.internal.company"),
        **fields,
    }
    return AgentBundle(manifest=AgentManifest(**manifest), tools=TOOLS)


def limited(beyond: str = "require_approval", argument: str = "amount", **fields: Any) -> AgentBundle:
    return bundle(thresholds=(Threshold(tool="Refund", argument=argument, max=Decimal(100), beyond=beyond),), **fields)


def written(*tools: ToolContract, autonomy: str = "autonomous", **document: Any) -> AgentBundle:
    """Build a bundle with a policy document, over all tools."""
    all_tools = (*TOOLS, TRANSFER, *tools)
    manifest = AgentManifest(
        name="clerk", owner="ana", autonomy=autonomy, allowed_tools=tuple(tool.name for tool in all_tools)
    )
    return AgentBundle(manifest=manifest, tools=all_tools, policy=PolicyDocument.model_validate(document))


def facts(tool: ToolContract = REFUND, *, autonomy: str = "autonomous", **arguments: Any) -> dict[str, Any]:
    """Facts of a call that nothing is wrong with; arguments by name, other facts by `changed`."""
    given = arguments or {"order": "o-1", "amount": 5}
    integrity, origins = "trusted", ["request"]
    labels = {
        f"{place}.{name}": value
        for place in ("labels", "labels.targets", *(f"labels.{name}" for name in given))
        for name, value in (
            ("integrity", integrity),
            ("confidentiality", "internal"),
            ("origins", origins),
            ("sources", ["request"]),
        )
    }
    return {
        "agent": "clerk",
        "agent_version": "1",
        "owner": "ana",
        "requester": "rob",
        "tenant": "default",
        "environment": "development",
        "tool": tool.name,
        "tool_version": tool.version,
        "effect": tool.effect.value,
        "risk": tool.risk.value,
        "compensable": tool.compensation is not None,
        **{f"autonomy.{risk}": str(autonomy) for risk in ("low", "medium", "high")},
        "iteration": 1,
        "cost.spent_usd": 0.5,
        "cost.reserved_usd": 0,
        "time.hour": 12,
        "time.weekday": "mon",
        "time.date": "2026-11-16",
        "egress.hosts": [],
        "labels.links.integrity": "trusted",
        "run.has_read_untrusted": False,
        "run.plan": "none",
        "goal.denied": "no",
        "arguments": given,
        **labels,
    }


def transfer(**changed: Any) -> dict[str, Any]:
    """Facts of a sound transfer."""
    return facts(TRANSFER, **{"to": "bob", "amount": 50, "currency": "EUR", **changed})
