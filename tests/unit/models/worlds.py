"""Situations and transcripts for planner tests."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from proctor.contracts.ids import AgentName, RunId, ToolName
from proctor.contracts.manifest import AgentBundle, AgentManifest, Autonomy, PlannerSpec, PlaybookPlannerSpec
from proctor.contracts.planning import CallsProposal, Observation, Proposal, QuestionProposal, Situation
from proctor.contracts.ports import Planner
from proctor.contracts.tool import Effect, ToolContract


class FakeTranscript:
    """A run's transcript in memory; counts how much a planner reads."""

    def __init__(self, entries: Sequence[Observation] = ()) -> None:
        self.entries = list(entries)
        self.asked: list[list[str]] = []
        self._newest_by_node: dict[str, Observation] = {}

    def add(self, step: int, kind: str, content: Any, **fields: Any) -> None:
        """Append an entry."""
        entry = Observation.model_validate(
            {"n": len(self.entries), "step": step, "kind": kind, "content": content, **fields}
        )
        self.entries.append(entry)
        if entry.node and kind != "proposal":
            self._newest_by_node[entry.node] = entry

    async def latest(self, nodes: Sequence[str]) -> dict[str, Observation]:
        self.asked.append(list(nodes))
        return {node: self._newest_by_node[node] for node in nodes if node in self._newest_by_node}

    async def newest(self) -> Observation | None:
        return next((entry for entry in reversed(self.entries) if entry.kind != "proposal"), None)

    async def all(self) -> list[Observation]:
        return list(self.entries)


Outcome = tuple[str, Any]
"""Kind and content of the entry that a call leaves, or an empty kind for no entry at all."""
Tool = Callable[[dict[str, Any]], Outcome]


def confirmed(result: Any) -> Tool:
    """Make a tool that always gives `result`."""
    return lambda _: ("result", result)


def denied(reason: str, by: str = "policy") -> Tool:
    """Make a tool that is always denied."""
    return lambda _: ("denial", {"rule": "r1", "reason": reason, "by": by})


def failed(error: str) -> Tool:
    """Make a tool that always fails."""
    return lambda _: ("failure", {"error": error})


def one_after_the_other(*outcomes: Tool) -> Tool:
    """Make a tool that behaves differently each time; the last way stays."""
    left = list(outcomes)

    def behave(arguments: dict[str, Any]) -> Outcome:
        return (left.pop(0) if len(left) > 1 else left[0])(arguments)

    return behave


def contract(name: str, **properties: dict[str, Any]) -> ToolContract:
    """Describe a read tool whose arguments are `properties`, all required."""
    schema = {
        "type": "object",
        "properties": properties,
        "required": sorted(properties),
        "additionalProperties": False,
    }
    return ToolContract(name=ToolName(name), input_schema=schema, effect=Effect.READ, description=f"{name} it")


def situation(planner: PlannerSpec | dict[str, Any], **fields: Any) -> Situation:
    """Make a situation at the first step; a dict is a playbook document."""
    if isinstance(planner, dict):
        planner = PlaybookPlannerSpec(playbook=planner)
    tools = tuple(fields.pop("tools", ()))
    manifest = AgentManifest(
        name=AgentName("tester"),
        autonomy=Autonomy.AUTONOMOUS,
        allowed_tools=fields.pop("allowed_tools", tuple(tool.name for tool in tools)),
        planner=planner,
        output_schema=fields.pop("output_schema", {}),
    )
    defaults = {
        "run_id": RunId("run-1"),
        "step": 0,
        "bundle": AgentBundle(manifest=manifest, tools=tools),
        "goal": "the goal",
        "input": {},
        "remaining_iterations": 25,
        "remaining_cost_usd": Decimal(1),
        "deadline": datetime(2030, 1, 1, tzinfo=UTC),
    }
    return Situation.model_validate({**defaults, **fields})


class Play:
    """Drives a planner as the workflow does, with tools in place of the world, until it ends or asks."""

    def __init__(self, planner: Planner, tools: dict[str, Tool]) -> None:
        self.transcript = FakeTranscript()
        self.proposals: list[Proposal] = []
        self._planner = planner
        self._tools = tools

    async def run(self, start: Situation, max_steps: int = 50) -> Proposal:
        """Plan and carry out, step by step; gives the last proposal."""
        now = start
        for step in range(start.step, start.step + max_steps):
            now = now.model_copy(update={"step": step})
            proposal = await self._planner.propose(now, self.transcript)
            self.proposals.append(proposal)
            if not isinstance(proposal.proposed, CallsProposal):
                return proposal
            self._carry_out(step, proposal.proposed)
            now = now.model_copy(update={"cursor": proposal.cursor})
        raise AssertionError(f"no end within {max_steps} steps")

    def _carry_out(self, step: int, proposed: CallsProposal) -> None:
        for index, call in enumerate(proposed.calls):
            kind, content = self._tools[call.tool](call.arguments)
            if kind:
                self.transcript.add(step, kind, content, node=call.node, tool=call.tool, call=index)

    @property
    def calls(self) -> list[tuple[str, dict[str, Any]]]:
        """Every call that was proposed: tool and arguments."""
        return [
            (call.tool, call.arguments)
            for proposal in self.proposals
            if isinstance(proposal.proposed, CallsProposal)
            for call in proposal.proposed.calls
        ]

    @property
    def questions(self) -> list[str]:
        """Every question that was asked."""
        return [p.proposed.question for p in self.proposals if isinstance(p.proposed, QuestionProposal)]
