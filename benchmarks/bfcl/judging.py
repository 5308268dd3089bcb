"""The corpus's calls before a policy that permits every offered tool: what is refused, is for its arguments or name."""

from collections.abc import Sequence
from typing import Any

from benchmarks.bfcl.corpus import Tool
from policies.engine import CompiledPolicy
from policies.manifest_policy import compile_policy
from proctor.contracts.decision import Verdict
from proctor.contracts.manifest import AgentBundle, AgentManifest
from proctor.contracts.tool import ToolContract


def contract_of(tool: Tool) -> ToolContract:
    """Give a tool of the corpus as a read of low risk, which an agent may call by itself."""
    return ToolContract.model_validate(
        {"name": tool.name, "input_schema": tool.schema, "effect": "read", "risk": "low"}
    )


def policy_of(tools: Sequence[Tool]) -> CompiledPolicy:
    """Permit an agent to use these tools."""
    manifest = AgentManifest.model_validate(
        {"name": "caller", "owner": "ana", "autonomy": "autonomous", "allowed_tools": [tool.name for tool in tools]}
    )
    contracts = {tool.name: contract_of(tool) for tool in tools}
    return compile_policy(AgentBundle(manifest=manifest, tools=tuple(contracts.values())))


def is_refused(policy: CompiledPolicy, tool: str, arguments: Any) -> tuple[bool, str]:
    """Say whether the call is denied, and why."""
    decision = policy.judge(
        {
            "agent": "caller", "requester": "rob", "tenant": "default", "environment": "production", "tool": tool,
            "tool_version": "1", "effect": "read", "risk": "low", "autonomy.low": "autonomous",
            "autonomy.medium": "autonomous", "autonomy.high": "autonomous", "iteration": 1, "cost.spent_usd": 0,
            "egress.hosts": [], "goal.denied": "no", "compensable": False, "run.plan": "none",
            "run.has_read_untrusted": False, "arguments": arguments,
            "labels.targets.integrity": "trusted", "labels.targets.origins": ["request"],
            "labels.links.integrity": "trusted", "labels.confidentiality": "internal",
        }
    )  # fmt: skip
    return decision.verdict is Verdict.DENY, decision.reason
