"""`proctor policy check | test | coverage | decide | explain`: what a policy says, without changing anything."""

import json
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli import policy_versions
from gateway.cli.output import Format, emit, fit, print_json, print_rows, say
from gateway.cli.reading import parse_json, read_json
from gateway.cli.session import OutputOption, Session, perform, wiring_of
from gateway.cli.visible import visible_line

if TYPE_CHECKING:
    from gateway.coverage import RuleCoverage
    from gateway.policy_explaining import Explanation
    from gateway.policy_files import PolicyFolder
    from gateway.policy_testing import CaseResult

AgentsArgument = Annotated[
    list[str] | None, typer.Argument(metavar="[AGENT|PATH]…", help="Agents, or their folders; all of the project.")
]
SinceOption = Annotated[str, typer.Option(help="How far to look back: 30d, 24h.")]
EXIT_FAILED = 1
EXIT_UNUSABLE = 2

_CHECK_COLUMNS = {"LEVEL": "level", "WHERE": "where", "WHAT": "message", "FIX": "hint"}
_TEST_COLUMNS = {
    "AGENT": "agent",
    "CASE": "case",
    "EXPECTED": "expected",
    "DECIDED": "decided",
    "RULE": "rule",
    "RESULT": "result",
}
_COVERAGE_COLUMNS = {
    "AGENT": "agent",
    "RULE": "rule",
    "EFFECT": "effect",
    "ORIGIN": "origin",
    "CASES": "fired_in_cases",
    "DECIDED": "determined_cases",
}
_HISTORY_COLUMNS = {"IN HISTORY": "fired_in_history", "DECIDED THERE": "determined_in_history"}


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(name="policy", help="What an agent may do, and how that changes.", no_args_is_help=True)
    group.command("check")(check)
    group.command("test")(run_tests)
    for command in (coverage, decide, explain):
        group.command(command.__name__)(command)
    policy_versions.register(group)
    app.add_typer(group)


def check(context: typer.Context, agents: AgentsArgument = None, output: OutputOption = Format.TABLE) -> None:
    """Find mistakes in policies and cases. Each comes with file, line and fix; exit 2 when there is one."""
    rows = [row for folder in _folders(context, agents) for row in _findings(folder)]
    errors = sum(row["level"] == "error" for row in rows)
    if output is Format.TABLE:
        for row in rows:
            fix = f" — {row['hint']}" if row["hint"] else ""
            emit(visible_line(f"{row['where']}: {row['level']}: {row['message']}{fix}"))
    else:
        print_rows(rows, output, _CHECK_COLUMNS)
    say(f"{errors} errors, {len(rows) - errors} warnings")
    if errors:
        raise typer.Exit(EXIT_UNUSABLE)


def run_tests(
    context: typer.Context,
    *,
    agents: AgentsArgument = None,
    require_coverage: Annotated[
        bool, typer.Option("--require-coverage", help="Fail also when a rule of the document has no case.")
    ] = False,
    output: OutputOption = Format.TABLE,
) -> None:
    """Run the cases of `policy.tests.yaml`; exit 1 when one fails."""
    from gateway.coverage import coverage as cover

    results: list[CaseResult] = []
    uncovered: list[RuleCoverage] = []
    for folder in _folders(context, agents):
        bundle, policy, ran = _run_cases(folder)
        results += ran
        uncovered += [rule for rule in cover(bundle, policy, ran) if rule.lacks_case]
    print_rows([_case_row(result) for result in results], output, _TEST_COLUMNS)
    failed = [result for result in results if not result.passed]
    for result in failed:
        say(f"{result.agent}: {result.case}: {'; '.join(result.differences)}")
    for rule in uncovered:
        say(f"{rule.agent}: no case shows the rule {rule.rule} at work")
    say(f"{len(results)} cases, {len(failed)} failed, {len(uncovered)} rules without a case")
    if failed or (require_coverage and uncovered):
        raise typer.Exit(EXIT_FAILED)


def coverage(
    context: typer.Context,
    *,
    agents: AgentsArgument = None,
    history: Annotated[bool, typer.Option("--history", help="Count recorded decisions too.")] = False,
    since: SinceOption = "30d",
    output: OutputOption = Format.TABLE,
) -> None:
    """Count for each rule the cases that it decides. Built-in rules too, and those in which one only applies."""
    from gateway.coverage import coverage as cover

    folders = _folders(context, agents)
    past = perform(context, lambda session: _decisions(session, folders, since)) if history else {}
    rows = []
    for folder in folders:
        bundle, policy, ran = _run_cases(folder)
        rows += cover(bundle, policy, ran, past.get(bundle.manifest.name, []) if history else None)
    print_rows(rows, output, _COVERAGE_COLUMNS | (_HISTORY_COLUMNS if history else {}))


def decide(
    context: typer.Context,
    *,
    agent: Annotated[str, typer.Argument(metavar="AGENT", help="An agent, or its folder.")],
    call: Annotated[str, typer.Option(metavar="JSON|FILE", help='{"tool": NAME, "arguments": {…}}; - reads stdin.')],
    facts: Annotated[str, typer.Option(metavar="JSON|FILE", help="Facts that are not harmless, by name.")] = "{}",
    every: Annotated[bool, typer.Option("--all", help="Show the rules that did not apply too.")] = False,
    output: OutputOption = Format.TABLE,
) -> None:
    """Say what the policy in the files decides on a call. And why; nothing is carried out."""
    from gateway.assumed_facts import assumed_facts
    from gateway.policy_explaining import explain_call
    from gateway.policy_files import folder_of, read_policy_folder
    from policies.manifest_policy import compile_policy

    bundle = read_policy_folder(folder_of(wiring_of(context).settings().agents, agent)).sound()
    policy = compile_policy(bundle)
    tool, arguments = _call(_json(call, "--call"))
    given = _object(_json(facts, "--facts"), "--facts")
    known = assumed_facts(bundle, tool, arguments, given, windows=policy.windows_for(tool))
    decision = policy.judge(known)
    _print_explanation(explain_call(bundle, policy, decision, known), output, every=every)


def explain(
    context: typer.Context,
    *,
    run_id: Annotated[str, typer.Argument(metavar="RUN", help="The run's id.")],
    step: Annotated[int, typer.Argument(metavar="STEP", min=0)],
    call: Annotated[int, typer.Option(min=0, help="Which call of the step, from 0.")] = 0,
    every: Annotated[bool, typer.Option("--all", help="Show the rules that did not apply too.")] = False,
    output: OutputOption = Format.TABLE,
) -> None:
    """Say in plain words why a recorded call was judged so. Which rules applied, what they saw, what else may be."""
    from gateway.policy_records import explain_recorded
    from proctor.contracts.ids import RunId
    from proctor.contracts.steps import CallRef

    ref = CallRef(run_id=RunId(run_id), step=step, call=call)
    explanation = perform(context, lambda session: explain_recorded(session.gateway.store, ref))
    _print_explanation(explanation, output, every=every)


def _folders(context: typer.Context, agents: list[str] | None) -> "list[PolicyFolder]":
    from gateway.policy_files import folders_of, read_policy_folder

    paths = folders_of(wiring_of(context).settings().agents, agents or ())
    return [read_policy_folder(path) for path in paths]


def _findings(folder: "PolicyFolder") -> Iterable[dict[str, Any]]:
    for level, found in (("error", folder.problems), ("warning", folder.warnings)):
        for problem in found:
            where = problem.file if problem.line is None else f"{problem.file}:{problem.line}"
            yield {"level": level, "agent": folder.name, "where": where, **problem.model_dump()}


def _run_cases(folder: "PolicyFolder") -> "tuple[Any, Any, list[CaseResult]]":
    from gateway.policy_testing import run_cases
    from policies.manifest_policy import compile_policy

    bundle = folder.sound()
    policy = compile_policy(bundle)
    return bundle, policy, run_cases(bundle, policy, folder.cases) if folder.cases else []


def _case_row(result: "CaseResult") -> dict[str, Any]:
    decision = result.decision
    return {
        "agent": result.agent,
        "case": result.case,
        "tool": result.tool,
        "expected": result.expected,
        "decided": decision.verdict,
        "rule": decision.determining,
        "result": "ok" if result.passed else "FAILED",
        "differences": result.differences,
        "decision": decision,
    }


async def _decisions(session: Session, folders: "list[PolicyFolder]", since: str) -> dict[str, list[Any]]:
    from gateway.policy_records import past_calls

    found: dict[str, list[Any]] = {}
    for folder in folders:
        async for past in past_calls(session.gateway.store, folder.sound().manifest.name, since):
            found.setdefault(past.agent, []).append(past.recorded.decision)
    return found


def _json(text: str, option: str) -> Any:
    return parse_json(text, option) if text.lstrip().startswith(("{", "[")) else read_json(text)


def _object(value: Any, option: str) -> dict[str, Any]:
    from proctor.contracts.errors import InvalidInput

    if not isinstance(value, dict):
        raise InvalidInput(f"{option} is not a JSON object", hint="write it as {…}")
    return value


def _call(value: Any) -> tuple[Any, dict[str, Any]]:
    from proctor.contracts.errors import InvalidInput

    call = _object(value, "--call")
    tool, arguments = call.get("tool"), call.get("arguments", {})
    if not isinstance(tool, str) or not isinstance(arguments, dict) or call.keys() - {"tool", "arguments"}:
        raise InvalidInput(
            "--call does not name a tool and its arguments", hint='write {"tool": "X", "arguments": {…}}'
        )
    return tool, arguments


def _print_explanation(explanation: "Explanation", output: Format, *, every: bool) -> None:
    if output is not Format.TABLE:
        print_json(explanation, indent=2 if output is Format.JSON else None)
        return
    emit(visible_line(f"{explanation.tool} {json.dumps(explanation.arguments, ensure_ascii=False)}"))
    for line in explanation.lines(with_rest=every):
        indent = len(line) - len(line.lstrip())
        for part in fit(" " * indent + visible_line(line), sys.stdout, indent + 4):
            emit(part)
