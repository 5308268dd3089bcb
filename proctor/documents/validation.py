"""What `proctor validate` answers: what a document is, what was understood, and what is wrong with it."""

from collections.abc import Callable
from pathlib import Path
from typing import Literal

from proctor.contracts.base import Contract
from proctor.contracts.errors import InvalidDocument
from proctor.contracts.manifest import AgentBundle, Autonomy
from proctor.contracts.tool import ToolContract
from proctor.documents import evaluation, slo
from proctor.documents.agent import MANIFEST, check_playbook, read_agent
from proctor.documents.credentials import credentials_of
from proctor.documents.folder import Folder
from proctor.documents.manifest import AgentForm, ModelForm, PlaybookForm, notes_on, read_manifest
from proctor.documents.policy import POLICY, SECTIONS, describe_policy, read_policy
from proctor.documents.policy_tests import POLICY_TESTS, case_problems, read_policy_tests
from proctor.documents.problems import Problem, Problems, did_you_mean, from_error, read_form
from proctor.documents.source import Source, read_source
from proctor.documents.tool import SchemaSource, assumptions, is_bare_schema, read_tools
from proctor.documents.tool_tests import ToolCases, is_tests_file

Kind = Literal[
    "agent",
    "agent folder",
    "tool contract",
    "tool tests",
    "policy",
    "policy tests",
    "slo",
    "evaluation",
    "playbook",
    "credentials",
    "unknown",
]
_KINDS: dict[str, Kind] = {
    "agent": "agent",
    "tool": "tool contract",
    "tools": "tool contract",
    "slos": "slo",
    "tests": "evaluation",
    "steps": "playbook",
    **dict.fromkeys(SECTIONS, "policy"),
    "cases": "policy tests",
    "credentials": "credentials",
}


class ValidationReport(Contract):
    """The answer for one document or agent folder."""

    path: str
    kind: Kind
    understood: tuple[str, ...] = ()
    """What it says, in normalised form, a line each."""
    notes: tuple[str, ...] = ()
    """Valid, and worth knowing."""
    problems: tuple[Problem, ...] = ()

    @property
    def exit_code(self) -> int:
        """0 when the document can be used, 2 when it cannot."""
        return 2 if self.problems else 0


def validate(path: Path, derive_schema: SchemaSource | None = None) -> ValidationReport:
    """Validate a file by what it holds, or an agent's folder. Mistakes are in the report, never raised."""
    if path.is_dir() or (path.name == MANIFEST and (path.parent / "tools").is_dir()):
        return _validate_folder(path if path.is_dir() else path.parent, derive_schema)
    try:
        source = read_source(path)
    except InvalidDocument as error:
        return ValidationReport(path=str(path), kind="unknown", problems=(from_error(error),))
    kind = _kind_of(source)
    if kind == "tool contract":
        return _validate_tools(path, source, derive_schema)
    if kind == "policy" and path.name == POLICY and (path.parent / MANIFEST).is_file():
        return _validate_policy_of(path, source, derive_schema)
    return _READERS[kind](source)


def _kind_of(source: Source) -> Kind:
    if not isinstance(source.data, dict):
        return "unknown"
    if is_bare_schema(source.data):
        return "tool contract"
    name = Path(source.path).name
    if name == POLICY:
        return "policy"
    if is_tests_file(name) and "tests" in source.data:
        return "tool tests"
    return next((kind for key, kind in _KINDS.items() if key in source.data), "unknown")


def _validate_folder(path: Path, derive: SchemaSource | None) -> ValidationReport:
    if not (path / MANIFEST).is_file() and (agents := _agents_below(path)):
        problem = Problem(
            file=str(path), message="is not an agent's folder, but holds some", hint=f"name one: {', '.join(agents)}"
        )
        return ValidationReport(path=str(path), kind="unknown", problems=(problem,))
    reading = read_agent(path, derive)
    understood: list[str] = []
    notes: list[str] = []
    if reading.form is not None:
        understood, notes = _describe_agent(reading.form, reading.bundle), notes_on(reading.form)
    for contract in reading.bundle.tools if reading.bundle else ():
        notes += assumptions(contract)
    notes += [_warning(problem) for problem in reading.warnings]
    return ValidationReport(
        path=str(path),
        kind="agent folder",
        understood=tuple(understood),
        notes=tuple(notes),
        problems=(*reading.problems, *_problems_of_cases(path, reading.bundle)),
    )


def _agents_below(path: Path) -> list[str]:
    return sorted(str(found.parent) for place in ("*", "agents/*") for found in path.glob(f"{place}/{MANIFEST}"))


def _problems_of_cases(path: Path, bundle: AgentBundle | None) -> list[Problem]:
    if not (path / POLICY_TESTS).is_file():
        return []
    try:
        source = read_source(path / POLICY_TESTS)
    except InvalidDocument as error:
        return [from_error(error)]
    cases, problems = read_policy_tests(source)
    return problems if cases is None or bundle is None else case_problems(source, cases, bundle)


def _validate_policy(source: Source) -> ValidationReport:
    document, problems = read_policy(source)
    alone = "read alone: its facts were not held against an agent's tools"
    return _report(source, "policy", describe_policy(document) if document else [], [alone], problems)


def _validate_policy_of(path: Path, source: Source, derive: SchemaSource | None) -> ValidationReport:
    reading = read_agent(path.parent, derive)
    mine = [problem for problem in reading.problems if problem.file == source.path]
    document = read_policy(source)[0]
    notes = [_warning(problem) for problem in reading.warnings]
    if len(mine) < len(reading.problems):
        notes.insert(0, "other files of the agent are wrong, so that its facts were not held against the agent's tools")
    return _report(source, "policy", describe_policy(document) if document else [], notes, mine)


def _validate_policy_tests(source: Source) -> ValidationReport:
    cases, problems = read_policy_tests(source)
    understood = [f"{case.case}: {case.tool}, {case.expect}" for case in (cases.cases if cases else ())]
    return _report(source, "policy tests", understood, ["read and checked; `proctor policy test` runs them"], problems)


def _warning(problem: Problem) -> str:
    where = problem.file if problem.line is None else f"{problem.file}:{problem.line}"
    return f"{where}: {problem.message}" + (f" — {problem.hint}" if problem.hint else "")


def _validate_manifest(source: Source) -> ValidationReport:
    form, problems = read_manifest(source)
    understood = _describe_agent(form, None) if form else []
    alone = "read alone: its tools, planner and schema files were not looked at"
    notes = [*notes_on(form), alone] if form else []
    return _report(source, "agent", understood, notes, problems)


def _validate_tools(path: Path, source: Source, derive: SchemaSource | None) -> ValidationReport:
    in_agent = path.parent.name == "tools" and (path.parent.parent / MANIFEST).is_file()
    documents, problems = read_tools(source, Folder(path.parent.parent if in_agent else path.parent), derive)
    contracts = [document.contract for document in documents]
    understood = [line for contract in contracts for line in _describe_tool(contract)]
    notes = [note for contract in contracts for note in assumptions(contract)]
    if is_bare_schema(source.data):
        notes.insert(0, "a bare JSON Schema declares no effect: the most dangerous values are assumed")
    return _report(source, "tool contract", understood, notes, problems)


def _validate_slos(source: Source) -> ValidationReport:
    levels, problems = slo.read_slos(source)
    understood = [line for level in levels for line in slo.describe(level)]
    return _report(source, "slo", understood, ["read and checked; nothing measures it yet"], problems)


def _validate_evaluation(source: Source) -> ValidationReport:
    spec, problems = evaluation.read_evaluation(source)
    understood = [line for case in (spec.tests if spec else ()) for line in evaluation.describe(case)]
    return _report(source, "evaluation", understood, ["read and checked; nothing runs it yet"], problems)


def _validate_tool_tests(source: Source) -> ValidationReport:
    problems = Problems(source)
    form = read_form(ToolCases, source.data, problems)
    understood = [f"{case.case}: {case.expect}" for case in (form.tests if form else ())]
    return _report(source, "tool tests", understood, ["read alone; `proctor tools test` runs them"], problems.found)


def _validate_playbook(source: Source) -> ValidationReport:
    problems = check_playbook(source)
    steps = source.data.get("steps")
    understood = [] if problems or not isinstance(steps, list) else [f"playbook with {len(steps)} steps"]
    return _report(source, "playbook", understood, [], problems)


def _validate_unknown(source: Source) -> ValidationReport:
    keys = list(source.data) if isinstance(source.data, dict) else []
    guess = next((hint for key in keys if (hint := did_you_mean(str(key), list(_KINDS))).startswith("did")), "")
    problem = Problem(
        file=source.path,
        line=source.lines.of((keys[0],)) if keys else 1,
        message="not a document that Proctor knows",
        hint=guess or f"a document begins with one of {', '.join(f'`{key}:`' for key in _KINDS)}, or is a JSON Schema",
    )
    return _report(source, "unknown", [], [], [problem])


def _validate_credentials(source: Source) -> ValidationReport:
    found, problems = credentials_of(source)
    credentials = found.credentials if found is not None else {}
    understood = [f"{name} from {one.source.kind}: {', '.join(one.tools)}" for name, one in credentials.items()]
    return _report(source, "credentials", understood, [], problems)


_READERS: dict[Kind, Callable[[Source], ValidationReport]] = {
    "agent": _validate_manifest,
    "policy": _validate_policy,
    "policy tests": _validate_policy_tests,
    "slo": _validate_slos,
    "evaluation": _validate_evaluation,
    "tool tests": _validate_tool_tests,
    "playbook": _validate_playbook,
    "credentials": _validate_credentials,
    "unknown": _validate_unknown,
}


def _report(
    source: Source, kind: Kind, understood: list[str], notes: list[str], problems: list[Problem]
) -> ValidationReport:
    kept = notes if not problems else []
    return ValidationReport(
        path=source.path, kind=kind, understood=tuple(understood), notes=tuple(kept), problems=tuple(problems)
    )


def _describe_agent(form: AgentForm, bundle: AgentBundle | None) -> list[str]:
    by_risk: dict[str, Autonomy] = {f"risk {tier}": level for tier, level in form.autonomy_by_risk.items()}
    by_tool = "".join(f"; {cell}: {level}" for cell, level in (form.autonomy_by_tool | by_risk).items())
    bounds = form.bounds
    ends = f"{bounds.max_iterations} iterations, {bounds.max_cost_usd} USD, {bounds.max_wall_clock_s} s"
    return [
        f"agent {form.name}, version {form.version}, owner {form.owner or 'nobody'}",
        f"autonomy: {form.autonomy}{by_tool}",
        f"tools: {', '.join(form.allowed_tools) or 'none'}",
        *(line for contract in (bundle.tools if bundle else ()) for line in _describe_tool(contract)),
        "egress: denied" + (f", except {', '.join(form.allow_domains)}" if form.allow_domains else ""),
        *(f"limit: {t.tool}.{t.argument} up to {t.max}, beyond: {t.beyond}" for t in form.thresholds),
        f"bounds: {ends}, {bounds.max_stalled_steps} steps without progress",
        *(describe_policy(bundle.policy) if bundle and bundle.policy else ()),
        f"guardrails: {', '.join(form.guardrails) or 'none named'} (json_schema_validator is always on)",
        f"planner: {_describe_planner(form)}",
    ]


def _describe_planner(form: AgentForm) -> str:
    if isinstance(form.planner, PlaybookForm):
        chosen = f"playbook {form.planner.file}"
    else:
        chosen = f"model {form.planner.model}" if isinstance(form.planner, ModelForm) else "none"
    other = f", or with --model: {form.model_planner.model or 'any'}" if form.model_planner else ""
    return chosen + other


def _describe_tool(contract: ToolContract) -> list[str]:
    required = contract.input_schema.get("required", [])
    names = [f"{name}{'' if name in required else '?'}" for name in contract.input_schema.get("properties", {})]
    back = f", taken back by {contract.compensation.tool}" if contract.compensation else ""
    settle = f", read back by {contract.probe}" if contract.probe else f", idempotency {contract.idempotency}"
    how = "" if contract.is_read else f"{settle}{back}"
    return [
        f"tool {contract.name} {contract.version}({', '.join(names)}): {contract.effect}, risk {contract.risk}{how}"
    ]
