"""Policies as they stand in files: the folder of an agent, its rules, its cases, and what is wrong with either."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from proctor.contracts.errors import InvalidDocument, UnknownName
from proctor.contracts.manifest import AgentBundle
from proctor.documents.agent import MANIFEST, read_agent
from proctor.documents.policy_tests import POLICY_TESTS, PolicyCases, case_problems, read_policy_tests
from proctor.documents.problems import Problem, did_you_mean, from_error, raise_first
from proctor.documents.source import read_source
from proctor.tools.signature import derive_schemas


@dataclass
class PolicyFolder:
    """What one reading of an agent's folder found about its policy."""

    path: Path
    bundle: AgentBundle | None
    problems: list[Problem]
    warnings: list[Problem]
    cases: PolicyCases | None = None

    @property
    def name(self) -> str:
        """Name of the agent, which is its folder's."""
        return self.path.resolve().name

    def sound(self) -> AgentBundle:
        """Give the agent. Raises `InvalidDocument` with the first mistake."""
        raise_first(self.problems)
        if self.bundle is None:
            raise InvalidDocument("cannot be used", path=str(self.path), hint="see `proctor policy check`")
        return self.bundle


def read_policy_folder(path: Path) -> PolicyFolder:
    """Read an agent's folder with the cases of its policy; mistakes are in the answer, never raised."""
    reading = read_agent(path, derive_schemas)
    found = PolicyFolder(path, reading.bundle, list(reading.problems), list(reading.warnings))
    if (path / POLICY_TESTS).is_file():
        _read_cases(found)
    return found


def folders_of(agents: Path, asked_for: Sequence[str]) -> list[Path]:
    """Find agents' folders by name or path; all of the project where nothing is asked for.

    Raises `UnknownName` for what is neither.
    """
    known = sorted(path.parent for path in agents.glob(f"*/{MANIFEST}"))
    if not asked_for:
        return known
    return [_folder(agents, known, word) for word in asked_for]


def folder_of(agents: Path, word: str) -> Path:
    """Find one agent's folder, by name or path. Raises `UnknownName`."""
    return folders_of(agents, [word])[0]


def _folder(agents: Path, known: list[Path], word: str) -> Path:
    if agents / word in known:
        return agents / word
    path = Path(word)
    if path.is_file() and (path.parent / MANIFEST).is_file():
        return path.parent
    if (path / MANIFEST).is_file():
        return path
    names = [folder.name for folder in known]
    hint = did_you_mean(word, names) or f"there are no agents in {agents}"
    raise UnknownName(f"{word!r} is no agent, and no agent's folder", hint=hint)


def _read_cases(found: PolicyFolder) -> None:
    try:
        source = read_source(found.path / POLICY_TESTS)
    except InvalidDocument as error:
        found.problems.append(from_error(error))
        return
    found.cases, problems = read_policy_tests(source)
    if found.cases is not None and found.bundle is not None:
        problems += case_problems(source, found.cases, found.bundle)
    found.problems += problems
