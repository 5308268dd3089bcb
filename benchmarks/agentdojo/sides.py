"""What is compared: ways to judge a call, ours and two reference policies that check the harness."""

from collections.abc import Callable
from typing import Any

from benchmarks.agentdojo.contracts import contract_of
from policies.engine import CompiledPolicy
from policies.flow.rules import flow_rules
from policies.flow.run import RunFlows
from policies.manifest_policy import compile_policy
from proctor.contracts.decision import Verdict
from proctor.contracts.governing import DeniedGoal
from proctor.contracts.ids import AgentName, ToolName
from proctor.contracts.manifest import AgentBundle, AgentManifest, Autonomy
from proctor.contracts.tool import Risk, ToolContract

Judge = Callable[["Asked"], Verdict]


class Asked:
    """One call to be judged."""

    def __init__(
        self, bundle: AgentBundle, flows: RunFlows, tool: str, arguments: dict[str, Any], denied: list[DeniedGoal]
    ) -> None:
        self.contract: ToolContract = next(one for one in bundle.tools if one.name == tool)
        self.bundle, self.flows, self.arguments, self.denied = bundle, flows, arguments, denied


def bundle_of(suite: Any) -> AgentBundle:
    """Make an agent of a suite's tools: autonomous, so that nothing but the flow of data holds a call up."""
    tools = tuple(contract_of(function) for function in suite.tools)
    manifest = AgentManifest(
        name=AgentName(f"agentdojo-{suite.name}"),
        owner="owner",
        autonomy=Autonomy.AUTONOMOUS,
        allowed_tools=tuple(ToolName(tool.name) for tool in tools),
    )
    return AgentBundle(manifest=manifest, tools=tools)


def proctor(bundle: AgentBundle) -> Judge:
    """Judge by the policy that is compiled from the bundle."""
    policy = compile_policy(bundle)
    missing = [rule for rule in flow_rules(bundle) if rule.id not in {one.id for one in policy.rules}]
    engine = CompiledPolicy([*policy.rules, *missing], bundle.tools) if missing else policy
    return lambda asked: engine.judge(_facts(asked)).verdict


def allow_all(_: AgentBundle) -> Judge:
    """Let everything pass."""
    return lambda _: Verdict.ALLOW


def ask_every_write(_: AgentBundle) -> Judge:
    """Ask a person for everything that is not a read."""
    return lambda asked: Verdict.ALLOW if asked.contract.is_read else Verdict.REQUIRE_APPROVAL


def _facts(asked: Asked) -> dict[str, Any]:
    manifest, contract = asked.bundle.manifest, asked.contract
    return {
        "agent": manifest.name,
        "agent_version": manifest.version,
        "owner": manifest.owner,
        "requester": "requester",
        "tenant": "tenant",
        "environment": "benchmark",
        "tool": contract.name,
        "tool_version": contract.version,
        "effect": contract.effect.value,
        "risk": contract.risk.value,
        "compensable": False,
        **{f"autonomy.{risk.value}": Autonomy.AUTONOMOUS.value for risk in Risk},
        "iteration": 0,
        "cost.spent_usd": 0.0,
        "cost.reserved_usd": 0.0,
        "egress.hosts": (),
        "arguments": asked.arguments,
        **asked.flows.facts(contract, asked.arguments, denied_goals=asked.denied),
    }
