"""Scored evaluation specs as a document: `tests:`. Read and checked here; nothing is run yet."""

import json
import re
from typing import Annotated, Any, Literal

from pydantic import Field

from proctor.contracts.base import Contract
from proctor.contracts.canonical import summarize
from proctor.contracts.ids import ToolName
from proctor.contracts.places import Place
from proctor.documents.problems import Problem, Problems, read_form
from proctor.documents.source import Source

_PATH = re.compile(r"\$(?:\.[A-Za-z_][A-Za-z0-9_-]*|\['[^']*'\]|\[[0-9]{1,6}\])*", re.ASCII)
_PART = re.compile(r"\.([A-Za-z_][A-Za-z0-9_-]*)|\['([^']*)'\]|\[([0-9]+)\]", re.ASCII)
_MISSING = object()
Part = str | int


class JsonPathMetric(Contract):
    """Holds when the value at `path` of the final report is exactly `equals`."""

    type: Literal["json_path"]
    path: str
    equals: Any

    def __str__(self) -> str:
        return f"{self.path} of the report equals {json.dumps(self.equals, ensure_ascii=False)}"


class ToolSuccessMetric(Contract):
    """Holds when the run called `tool` and it succeeded."""

    type: Literal["tool_success"]
    tool: ToolName = Field(min_length=1)

    def __str__(self) -> str:
        return f"{self.tool} was called and succeeded"


class ToolNotCalledMetric(Contract):
    """Holds when the run never carried out a call of `tool`."""

    type: Literal["tool_not_called"]
    tool: ToolName = Field(min_length=1)

    def __str__(self) -> str:
        return f"{self.tool} was not called"


class ExactMatchMetric(Contract):
    """Holds when the final report has every member of `expected`, each exactly equal."""

    type: Literal["exact_match"]

    def __str__(self) -> str:
        return "the report holds what is expected"


Metric = Annotated[
    JsonPathMetric | ToolSuccessMetric | ToolNotCalledMetric | ExactMatchMetric, Field(discriminator="type")
]


class EvaluationCase(Contract):
    """One case: inputs, what is expected, and the metrics that score it."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$")
    description: str = ""
    inputs: dict[str, Any]
    expected: dict[str, Any] = Field(default_factory=dict)
    metrics: tuple[Metric, ...] = Field(min_length=1)


class EvaluationSpec(Contract):
    """A set of cases."""

    tests: tuple[EvaluationCase, ...] = Field(min_length=1)


def read_evaluation(source: Source) -> tuple[EvaluationSpec | None, list[Problem]]:
    """Read `tests:`; mistakes come with line and fix."""
    problems = Problems(source)
    spec = read_form(EvaluationSpec, source.data, problems)
    names: set[str] = set()
    for n, case in enumerate(spec.tests if spec else ()):
        if case.name in names:
            problems.add(("tests", n, "name"), f"{case.name} stands here twice", "give every case its own name")
        names.add(case.name)
        for m, metric in enumerate(case.metrics):
            _check_metric(case, metric, problems, ("tests", n, "metrics", m))
    return (None if problems.found else spec), problems.found


def describe(case: EvaluationCase) -> list[str]:
    """Say what was understood, a line each."""
    given = summarize(json.dumps(case.inputs, ensure_ascii=False), 100)
    return [f"{case.name}: given {given}", *(f"{case.name}: scores whether {metric}" for metric in case.metrics)]


def parse_json_path(text: str) -> tuple[Part, ...]:
    """Read `$.name[0]['other name']`. Raises `ValueError`."""
    if not _PATH.fullmatch(text):
        raise ValueError("not a path")
    parts = _PART.findall(text)
    return tuple(int(index) if index else name or quoted for name, quoted, index in parts)


def _check_metric(case: EvaluationCase, metric: Metric, problems: Problems, place: Place) -> None:
    if isinstance(metric, ExactMatchMetric) and not case.expected:
        problems.add(place, "exact_match has nothing to compare with", "add `expected:`")
    if not isinstance(metric, JsonPathMetric):
        return
    try:
        path = parse_json_path(metric.path)
    except ValueError:
        problems.add((*place, "path"), f"{metric.path!r} is not a path", "write it as $.severity or $.items[0].id")
        return
    expected = _at(case.expected, path)
    if expected is not _MISSING and json.dumps(expected) != json.dumps(metric.equals):
        message = f"{metric.path} is to equal {metric.equals!r}, and expected says {expected!r}"
        problems.add((*place, "equals"), message, "make both say the same")


def _at(value: Any, path: tuple[Part, ...]) -> Any:
    for part in path:
        if isinstance(value, dict):
            value = value.get(part, _MISSING)
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            value = value[part]
        else:
            return _MISSING
    return value
