"""Gathers what contract tests need: every contract of the project once, with its cases and those around it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from gateway.tool_testing import Subject
from proctor.contracts.ids import AgentName, ToolName
from proctor.documents.agent import read_agent
from proctor.documents.catalog_files import read_catalog
from proctor.documents.catalog_lock import contract_digest
from proctor.documents.problems import Problem
from proctor.documents.tool import SchemaSource, ToolDocument
from proctor.documents.tool_catalog import catalog_beside
from proctor.documents.tool_tests import ToolCase, cases_beside

Key = tuple[str, str]


@dataclass
class Subjects:
    """The tools to test, and what could not be read."""

    found: dict[str, Subject] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    _beside: dict[str, dict[ToolName, list[ToolCase]]] = field(default_factory=dict)

    def add(self, documents: Iterable[ToolDocument]) -> None:
        """Take in tools that stand together: a probe or compensation is looked up among them."""
        together = {document.contract.name: document for document in documents}
        others = {name: document.contract for name, document in together.items()}
        for document in together.values():
            digest = contract_digest(document.contract)
            if digest not in self.found:
                cases = (*document.tests, *self._cases(document, together))
                self.found[digest] = Subject(document.contract, tuple(cases), others)

    def _cases(self, document: ToolDocument, together: dict[ToolName, ToolDocument]) -> list[ToolCase]:
        path = document.source.path
        if path not in self._beside:
            names = [name for name, other in together.items() if other.source.path == path]
            self._beside[path], problems = cases_beside(document.source, names)
            self.problems += problems
        return self._beside[path].get(document.contract.name, [])


def gather(agents: Path, names: Iterable[AgentName], derive: SchemaSource, *, with_catalog: bool) -> Subjects:
    """Read the tools of the agents named, used or not, and with `with_catalog` every tool of the catalog."""
    subjects = Subjects()
    for name in names:
        reading = read_agent(agents / name, derive)
        subjects.problems += reading.problems
        subjects.add(reading.tools.values())
    if with_catalog:
        catalog = read_catalog(catalog_beside(agents), derive)
        known = {(problem.file, problem.line, problem.message) for problem in subjects.problems}
        subjects.problems += [one for one in catalog.problems if (one.file, one.line, one.message) not in known]
        for version in sorted({tool.contract.version for tool in catalog.tools}):
            subjects.add(tool.document for tool in catalog.tools if tool.contract.version == version)
        subjects.add(tool.document for tool in catalog.tools)
    return subjects
