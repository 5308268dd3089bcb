"""A project with a catalog, in a folder of the test's own."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from proctor.contracts.ids import AgentName
from proctor.contracts.manifest import AgentBundle
from proctor.contracts.tool import HttpImplementation, Provenance, ToolContract
from proctor.documents.agent import AgentReading, read_agent
from proctor.documents.catalog import FileAgentCatalog
from proctor.documents.catalog_files import read_catalog
from proctor.documents.catalog_lock import lock_entry, write_lock

MANIFEST = """\
agent:
  name: helper
  owner: ann
  autonomy: supervised
  allow_domains: [shop.example]
  allowed_tools: [{tools}]
{more}  planner: {{kind: model, model: "openai:gpt-5", instructions: help}}
"""
TOOL = """\
tool:
  name: {name}
  version: "{version}"
  owner: ann
  effect: {effect}
{more}  input: {{type: object, properties: {{order: {{type: string}}}}}}
  implementation: {{kind: http, method: GET, base_url: "https://shop.example", path: /orders}}
"""


@dataclass(frozen=True)
class Project:
    """`agents/` and `catalog/` beside each other."""

    root: Path

    @property
    def catalog(self) -> Path:
        return self.root / "catalog"

    def agent(self, *tools: str, more: str = "", own: dict[str, str] | None = None) -> None:
        """Write the agent `helper`, with contracts of its own by file name."""
        folder = self.root / "agents" / "helper"
        (folder / "tools").mkdir(parents=True, exist_ok=True)
        text = MANIFEST.format(tools=", ".join(tools), more=more)
        (folder / "manifest.yaml").write_text(text, encoding="utf-8")
        for name, body in (own or {}).items():
            (folder / "tools" / name).write_text(body, encoding="utf-8")

    def shelve(self, name: str, version: str = "1", *, effect: str = "read", more: str = "", file: str = "") -> Path:
        """Write a tool into the catalog."""
        path = self.catalog / "shop" / (file or f"{name}@{version}.yaml")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(TOOL.format(name=name, version=version, effect=effect, more=more), encoding="utf-8")
        return path

    def lock(self) -> None:
        """Lock the catalog as it is."""
        reading = read_catalog(self.catalog, None)
        assert reading.problems == []
        write_lock(self.catalog, [lock_entry(tool.contract, tool.file) for tool in reading.tools])

    def read(self) -> AgentReading:
        """Read the agent."""
        return read_agent(self.root / "agents" / "helper", None)

    def problems(self) -> list[str]:
        """Say what is wrong with the agent, each with file, line and fix."""
        found = self.read().problems
        return [f"{Path(one.file).name}:{one.line}: {one.message} — {one.hint}" for one in found]

    def load(self) -> AgentBundle:
        """Load the agent as a run does."""
        return FileAgentCatalog(self.root / "agents").load(AgentName("helper"))


def imported(name: str = "GetOrder", said: str = "a", **fields: Any) -> ToolContract:
    """Make a contract as an importer does: all dangerous, with what the source claims beside it."""
    origin = Provenance(
        kind="openapi",
        source="shop.yaml",
        operation=f"GET /{name}",
        digest=said * 64,
        claims={"method": "GET", "effect": "read"},
    )
    values: dict[str, Any] = {
        "name": name,
        "description": f"Said {said}.",
        "input_schema": {"type": "object", "properties": {"order": {"type": "string"}}},
        "provenance": origin,
        "implementation": HttpImplementation(method="GET", base_url="https://shop.example", path="/orders"),
    }
    return ToolContract(**values | fields)
