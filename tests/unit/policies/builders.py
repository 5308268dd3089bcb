from decimal import Decimal
from typing import Any

from proctor.contracts.decision import CallFacts
from proctor.contracts.manifest import AgentBundle, AgentManifest, Threshold
from proctor.contracts.tool import HttpImplementation, ToolContract

REFUND_SCHEMA = {
    "type": "object",
    "required": ["order"],
    "properties": {"order": {"type": "string"}, "amount": {}, "note": {"type": "object"}},
}
SEARCH = ToolContract(name="Search", input_schema={"type": "object"}, effect="read", risk="low")
REFUND = ToolContract(name="Refund", input_schema=REFUND_SCHEMA, effect="write", risk="low")
PAY = ToolContract(name="Pay", input_schema={"type": "object"}, effect="irreversible", risk="high")
POST = ToolContract(
    name="Post",
    input_schema={"type": "object"},
    effect="write",
    risk="low",
    implementation=HttpImplementation(method="POST", base_url="https://api.example.com"),
)
TOOLS = (SEARCH, REFUND, PAY, POST)


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


def facts(tool: ToolContract = REFUND, **fields: Any) -> CallFacts:
    known = {
        "tenant": "default",
        "requester": "rob",
        "agent": "clerk",
        "agent_version": "1",
        "tool": tool.name,
        "tool_version": tool.version,
        "effect": tool.effect,
        "risk": tool.risk,
        "arguments": {"order": "o-1", "amount": 5},
        "autonomy": "autonomous",
        "iteration": 1,
        **fields,
    }
    return CallFacts(**known)
