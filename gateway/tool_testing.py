"""Contract tests: whether each contract agrees with itself, with its cases, and with the tools that it names."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from gateway.argument_samples import mutations, sample
from proctor.contracts.base import Contract
from proctor.contracts.errors import ProctorError
from proctor.contracts.ids import ToolName
from proctor.contracts.schemas import checker, schema_problem
from proctor.contracts.templates import MissingValueError, descend, fill
from proctor.contracts.tool import PythonImplementation, ToolContract
from proctor.documents.tool_tests import ToolCase
from proctor.tools.signature import load_signature

Level = Literal["ok", "failed", "note"]


class Check(Contract):
    """How one check of one tool came out. A note does not fail."""

    tool: ToolName
    version: str
    check: str
    level: Level
    message: str = ""


@dataclass(frozen=True)
class Subject:
    """A contract with its cases, and the tools that its probe and compensation may be."""

    contract: ToolContract
    cases: tuple[ToolCase, ...]
    others: Mapping[ToolName, ToolContract]

    @property
    def fitting(self) -> list[ToolCase]:
        """The cases whose arguments should fit."""
        return [case for case in self.cases if case.expect == "fits"]

    def arguments(self) -> dict[str, Any] | None:
        """Give arguments that fit: of a case, else made from the schema; None when neither is to be had."""
        for found in (*(case.arguments for case in self.fitting), sample(self.contract.input_schema, is_closed=True)):
            if isinstance(found, dict) and not _refusal(self.contract, found):
                return found
        return None

    def result(self) -> Any:
        """Give a result that fits, likewise."""
        given = next((case.result for case in self.fitting if case.result is not None), None)
        return given if given is not None else sample(self.contract.output_schema)


Found = Iterator[tuple[Level, str]]


def check_tool(subject: Subject) -> list[Check]:
    """Check one tool without calling it."""
    contract = subject.contract
    checks = []
    for name, check in _CHECKS.items():
        found = list(check(subject)) or [("ok", "")]
        checks += [
            Check(tool=contract.name, version=contract.version, check=name, level=level, message=message)
            for level, message in found
        ]
    return checks


def has_failed(checks: Iterable[Check]) -> bool:
    """Whether one of them failed."""
    return any(check.level == "failed" for check in checks)


def _schemas(subject: Subject) -> Found:
    for what, schema in (("input", subject.contract.input_schema), ("output", subject.contract.output_schema)):
        if schema and (problem := schema_problem(schema)):
            yield "failed", f"{what}: {problem}"
    for n, example in enumerate(subject.contract.input_schema.get("examples", ())):
        if problems := _refusal(subject.contract, example):
            yield "failed", f"example {n + 1} of the schema does not fit: {problems[0]}"


def _cases(subject: Subject) -> Found:
    if not subject.cases:
        yield "note", "has no cases: add `tests:`"
    for case in subject.cases:
        yield from ((level, f"{case.case}: {message}") for level, message in _case(subject.contract, case))


def _case(contract: ToolContract, case: ToolCase) -> Found:
    problems = _refusal(contract, case.arguments)
    if case.expect == "fits" and problems:
        yield "failed", f"its arguments should fit: {problems[0]}"
    if case.expect == "refused" and not problems:
        yield "failed", "its arguments should be refused, and fit"
    if problems and case.names and not any(case.names in problem for problem in problems):
        yield "failed", f"the refusal does not name {case.names!r}: {problems[0]}"
    if case.result is not None and (misfits := checker(contract.output_schema)(case.result)):
        yield "failed", f"its result does not fit the output schema: {misfits[0]}"


def _mutated(subject: Subject) -> Found:
    arguments = subject.arguments()
    if arguments is None:
        yield "note", "no arguments that fit could be made from the schema: add a case"
        return
    for what, changed in mutations(subject.contract.input_schema, arguments):
        if not _refusal(subject.contract, changed):
            yield "failed", f"takes arguments {what}"


def _probe(subject: Subject) -> Found:
    name = subject.contract.probe
    probe = subject.others.get(name) if name is not None else None
    if name is None:
        return
    if probe is None:
        yield "failed", f"its probe {name} is not there"
        return
    if problems := _refusal(probe, {"idempotency_key": "run/0/0"}):
        yield "failed", f"its probe {name} does not take a key: {problems[0]}"
    answers = [checker(probe.output_schema)(_answer(probe, happened=happened)) for happened in (True, False)]
    if problems := [problem for answer in answers for problem in answer if "happened" in problem]:
        yield "failed", f"its probe {name} cannot answer `happened`: {problems[0]}"


def _answer(probe: ToolContract, *, happened: bool) -> dict[str, Any]:
    made = sample(probe.output_schema)
    return {**(made if isinstance(made, dict) else {}), "happened": happened}


def _compensation(subject: Subject) -> Found:
    rule = subject.contract.compensation
    if rule is None:
        return
    target, arguments = subject.others.get(rule.tool), subject.arguments()
    if target is None:
        yield "failed", f"its compensation {rule.tool} is not there"
        return
    if arguments is None:
        yield "note", "its compensation was not filled: there are no arguments to fill it from"
        return
    values = {"arguments": arguments, "result": subject.result()}
    try:
        filled = fill(rule.arguments, lambda path: descend(values, path.parts))
    except (MissingValueError, ValueError) as error:
        level: Level = "failed" if any(case.result is not None for case in subject.fitting) else "note"
        yield level, f"its compensation cannot be filled: {error} is not there; a case with a `result` shows it"
        return
    if problems := _refusal(target, filled):
        is_shown = any(case.result is not None for case in subject.fitting)
        yield "failed" if is_shown else "note", f"its compensation does not fit {rule.tool}: {problems[0]}"


def _roles(subject: Subject) -> Found:
    contract = subject.contract
    declared = contract.input_schema.get("properties", {})
    for name in (*contract.argument_roles, *contract.egress_arguments):
        if declared and name not in declared:
            yield "failed", f"gives a role to {name}, which is no argument"


def _owner(subject: Subject) -> Found:
    if not subject.contract.owner:
        yield "failed", "nobody owns it"


def _implementation(subject: Subject) -> Found:
    how = subject.contract.implementation
    if how is None:
        yield "note", "has no implementation: it cannot be called"
    if isinstance(how, PythonImplementation):
        try:
            load_signature(how.function, is_read=subject.contract.is_read)
        except ProctorError as error:
            yield "failed", error.diagnostics()


_CHECKS: Mapping[str, Callable[[Subject], Found]] = {
    "schemas": _schemas,
    "cases": _cases,
    "mutations": _mutated,
    "probe": _probe,
    "compensation": _compensation,
    "roles": _roles,
    "owner": _owner,
    "implementation": _implementation,
}


def _refusal(contract: ToolContract, arguments: Any) -> Sequence[str]:
    return checker(contract.input_schema, is_closed=True)(arguments)
