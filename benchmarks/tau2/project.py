"""A project of generated agents: one for each task, whose playbook is the task's ground truth."""

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.tau2.sequences import Sequence, is_read
from proctor.contracts.ids import ToolName
from proctor.contracts.tool import Effect, McpServer, Risk, ToolContract
from proctor.documents.tool_text import tool_text
from proctor.documents.yaml_writer import to_yaml
from proctor.tools.mcp.importing import McpSource, Said, contracts_of, read_said
from proctor.tools.mcp.surroundings import Surroundings

ATTEMPTS = 20
"""How often an agent proposes a call that a person found not to have happened."""
OWNER = "maria.ops"


@dataclass(frozen=True)
class Environment:
    """One tau2 environment as an MCP server, its state on disk, and the witness before it."""

    domain: str
    folder: Path

    @property
    def journal(self) -> Path:
        """What the witness saw."""
        return self.folder / f"{self.domain}.journal"

    def witnessed_calls(self) -> int:
        """Count the calls with a key that were sent so far."""
        return self.journal.read_bytes().count(b"\n") if self.journal.exists() else 0

    def plain(self) -> McpSource:
        """Give the environment itself."""
        return McpSource(self._server((self._command,)))

    def witnessed(self, hold_s: float) -> McpSource:
        """Give the environment behind the witness."""
        module = (sys.executable, "-m", "benchmarks.tau2.witness", str(self.journal), str(hold_s), self._command)
        return McpSource(self._server(module))

    @property
    def _command(self) -> str:
        return str(Path(sys.executable).with_name(f"agenteval-tau2-{self.domain}-mcp"))

    def _server(self, command: tuple[str, ...]) -> McpServer:
        root = Path(__file__).parents[2]
        settings = {
            f"TAU2_{self.domain.upper()}_MCP_STATE_DIR": str(self.folder / self.domain),
            "PYTHONPATH": str(root),
        }
        return McpServer(name=self.domain, command=command, environment=settings)


async def write_project(agents: Path, environment: Environment, tasks: Iterable[Sequence], hold_s: float) -> None:
    """Import the environment's tools as `tools add mcp` does, declare them as a person would, write the agents."""
    source = environment.witnessed(hold_s)
    said = await read_said(source, Surroundings())
    for task in tasks:
        _write_agent(agents / task.agent, task, source, said)


def _write_agent(folder: Path, task: Sequence, source: McpSource, said: Said) -> None:
    (folder / "tools").mkdir(parents=True)
    names = list(dict.fromkeys(action.tool for action in task.actions))
    contracts = {operation(one): declared(one) for one in contracts_of(source, said, names)}
    for contract in contracts.values():
        (folder / "tools" / f"{contract.name}.yaml").write_text(tool_text(contract), encoding="utf-8")
    tools = {name: contract.name for name, contract in contracts.items()}
    (folder / "playbook.yaml").write_text(to_yaml(_playbook(task, tools)), encoding="utf-8")
    (folder / "manifest.yaml").write_text(to_yaml(_manifest(task, list(tools.values()))), encoding="utf-8")


def declared(contract: ToolContract) -> ToolContract:
    """Declare what the server does not claim: which tools read, and that the others are plain writes without a key."""
    effect = Effect.READ if is_read(operation(contract)) else Effect.WRITE
    return contract.model_copy(update={"effect": effect, "risk": Risk.LOW, "owner": OWNER})


def operation(contract: ToolContract) -> str:
    """Give the tool's name at its server."""
    assert contract.provenance is not None
    return contract.provenance.operation


def _manifest(task: Sequence, tools: list[ToolName]) -> dict[str, Any]:
    text = {"type": "string"}
    agent = {
        "name": task.agent,
        "version": "1",
        "owner": OWNER,
        "description": f"Does what solves task {task.task} of tau2 {task.domain}.",
        "autonomy": "autonomous",
        "allowed_tools": tools,
        "blocked_domains": ["*"],
        "max_iterations": ATTEMPTS * len(task.actions) + 10,
        "max_stalled_steps": ATTEMPTS + 4,
        "max_cost_usd": 0.1,
        "planner": {"kind": "playbook", "file": "playbook.yaml"},
        "input_schema": {"type": "object", "required": ["state_key"], "properties": {"state_key": text}},
    }
    return {"agent": agent}


def _playbook(task: Sequence, tools: dict[str, ToolName]) -> dict[str, Any]:
    steps: list[dict[str, Any]] = []
    for n, action in enumerate(task.actions):
        arguments = {name: value for name, value in action.arguments.items() if value is not None}
        call = {
            "id": f"call_{n}",
            "call": tools[action.tool],
            "with": {**arguments, "state_key": "${input.state_key}"},
            "on_failed": "continue",
        }
        lost = {
            "finish": {"outcome": "failed", "report": {"call": n, "why": f"${{steps.call_{n}.reason|default: null}}"}}
        }
        until = {"path": f"steps.call_{n}.status", "equals": "confirmed"}
        steps.append(
            {"id": f"until_{n}", "repeat": {"until": until, "max": ATTEMPTS, "steps": [call], "otherwise": [lost]}}
        )
    return {
        "version": 1,
        "steps": [*steps, {"finish": {"outcome": "completed", "report": {"calls": len(task.actions)}}}],
    }
