"""`proctor tools test`: contract tests of every tool."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.catalog import catalog_of
from gateway.cli.output import Format, print_rows, say
from gateway.cli.session import OutputOption, wiring_of

if TYPE_CHECKING:
    from gateway.tool_testing import Check, Subject

EXIT_FAILED = 1
EXIT_UNUSABLE = 2
_COLUMNS = {"TOOL": "tool", "VERSION": "version", "CHECK": "check", "RESULT": "level", "WHAT": "message"}


def register(group: typer.Typer) -> None:
    """Add the command."""
    group.command("test")(run_tests)


def run_tests(
    context: typer.Context,
    *,
    names: Annotated[list[str] | None, typer.Argument(metavar="[TOOL]…", help="Only these; all otherwise.")] = None,
    agent: Annotated[str | None, typer.Option(help="Only the tools of this agent.")] = None,
    live: Annotated[
        bool, typer.Option("--live", help="Call reads too, and effects whose case says `live: true`, for real.")
    ] = False,
    output: OutputOption = Format.TABLE,
) -> None:
    """Test the contracts of all tools. Against their cases and each other; exit 1 when one fails."""
    subjects = _subjects(context, names, agent)
    from gateway.tool_testing import check_tool, has_failed

    checks = [check for subject in subjects for check in check_tool(subject)]
    if live:
        checks += _called(context, subjects)
    shown = checks if output is not Format.TABLE else [check for check in checks if check.level != "ok"]
    print_rows(shown, output, _COLUMNS)
    failed = {(check.tool, check.version) for check in checks if check.level == "failed"}
    say(f"{len(subjects)} tools, {len(checks)} checks, {len(failed)} tools failed")
    if has_failed(checks):
        raise typer.Exit(EXIT_FAILED)


def _subjects(context: typer.Context, names: Sequence[str] | None, agent: str | None) -> "list[Subject]":
    from gateway.tool_subjects import gather
    from proctor.contracts.errors import UnknownName
    from proctor.contracts.ids import AgentName
    from proctor.documents.problems import did_you_mean
    from proctor.tools.signature import derive_schemas

    known = catalog_of(context).names()
    if agent is not None and agent not in known:
        raise UnknownName(f"there is no agent {agent!r}", hint=did_you_mean(agent, known))
    agents = [AgentName(agent)] if agent is not None else known
    found = gather(wiring_of(context).settings().agents, agents, derive_schemas, with_catalog=agent is None)
    for problem in found.problems:
        say(problem.as_error().diagnostics())
    if found.problems:
        raise typer.Exit(EXIT_UNUSABLE)
    subjects = sorted(found.found.values(), key=lambda one: (one.contract.name, one.contract.version))
    there = sorted({subject.contract.name for subject in subjects})
    for name in names or ():
        if name not in there:
            raise UnknownName(f"there is no tool {name} here", hint=did_you_mean(name, there))
    return [subject for subject in subjects if not names or subject.contract.name in names]


def _called(context: typer.Context, subjects: "Sequence[Subject]") -> "list[Check]":
    import asyncio

    from gateway.tool_calling import call_tool

    wiring = wiring_of(context)

    async def work() -> "list[Check]":
        async with wiring.entry("tools")(wiring.settings(), wiring.environ) as tools:
            return [check for subject in subjects async for check in call_tool(subject, tools)]

    return asyncio.run(work())
