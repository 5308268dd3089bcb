"""Cases of a tool: arguments that fit or are refused, results, and calls that `proctor tools test --live` makes."""

from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from proctor.contracts.base import Contract
from proctor.contracts.errors import InvalidDocument
from proctor.contracts.ids import ToolName
from proctor.documents.problems import Problem, Problems, did_you_mean, from_error, read_form
from proctor.documents.source import Source, read_source

TESTS_SUFFIX = ".tests.yaml"


class ToolCase(Contract):
    """One case, in `tests:` of a contract or of the file `<name>.tests.yaml` beside it."""

    case: str = Field(min_length=1, max_length=200)
    tool: ToolName | None = None
    """Needed in a file of cases beside a file with several contracts."""
    arguments: dict[str, Any]
    expect: Literal["fits", "refused"] = "fits"
    names: str = ""
    """Of a refusal: a text that its message holds, such as the argument at fault."""
    result: dict[str, Any] | list[Any] | str | float | bool | None = None
    """A result that must fit the output schema."""
    live: bool = False
    """Of an effect: `--live` may carry it out. Reads are called in any case that fits."""
    gives: dict[str, Any] = Field(default_factory=dict)
    """JSON Schema that the live result must fit besides the output schema."""
    fails: bool = False
    """Live: the tool must answer that it did not do it."""


class ToolCases(Contract):
    """What stands in a file of cases."""

    tests: tuple[ToolCase, ...] = ()


def is_tests_file(name: str) -> bool:
    """Whether a file of that name holds cases and no contracts."""
    return name.endswith((TESTS_SUFFIX, ".tests.yml", ".tests.json"))


def cases_beside(source: Source, names: list[ToolName]) -> tuple[dict[ToolName, list[ToolCase]], list[Problem]]:
    """Read `<name>.tests.yaml` beside a file of contracts, by the names of those contracts."""
    path = Path(source.path)
    beside = path.with_name(path.name.removesuffix(path.suffix) + TESTS_SUFFIX)
    if not beside.is_file():
        return {}, []
    try:
        cases = read_source(beside)
    except InvalidDocument as error:
        return {}, [from_error(error)]
    problems = Problems(cases)
    form = read_form(ToolCases, cases.data, problems)
    found: dict[ToolName, list[ToolCase]] = {}
    for n, case in enumerate(form.tests if form is not None else ()):
        name = case.tool or (names[0] if len(names) == 1 else None)
        if name in names and name is not None:
            found.setdefault(name, []).append(case)
        else:
            hint = did_you_mean(str(case.tool), names) if case.tool else f"add `tool:` with one of {', '.join(names)}"
            problems.add(("tests", n), f"{path.name} holds no contract for this case", hint)
    return found, problems.found
