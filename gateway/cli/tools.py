"""`proctor tools`: the tools of this project, of its agents and of its catalog."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli import tools_add, tools_review, tools_test
from gateway.cli.catalog import catalog_of
from gateway.cli.importing import catalog_root
from gateway.cli.output import Format, plain, print_json, print_rows, say
from gateway.cli.session import OutputOption, Session, perform

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.front_models import ToolReport
    from gateway.tool_shelf import Shelf
    from proctor.contracts.catalog import ToolUsage

_TOOL_COLUMNS = {
    "TOOL": "name",
    "VERSION": "version",
    "EFFECT": "effect",
    "RISK": "risk",
    "IDEMPOTENCY": "idempotency",
    "COMPENSATION": "compensation.tool",
    "AGENTS": "agents",
    "MARKS": "marks",
}
_NARROW = {
    title: path for title, path in _TOOL_COLUMNS.items() if title not in {"VERSION", "IDEMPOTENCY", "COMPENSATION"}
}
"""What a narrow terminal has room for; `proctor tools show TOOL` has the rest."""
_USAGE_COLUMNS = {
    "TOOL": "tool",
    "VERSION": "version",
    "AGENT": "agent",
    "TENANT": "tenant",
    "CALLS": "calls",
    "FAILED": "failed",
    "UNKNOWN": "unknown",
    "LAST USE": "last_used",
    "MEDIAN S": "median_s",
    "MAY USE IT": "may_use",
    "MARKS": "marks",
}
SinceOption = Annotated[str, typer.Option(help="How far to look back: 30d, 24h.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(name="tools", help="The tools of this project.", no_args_is_help=True)
    group.command("ls")(list_tools)
    group.command("show")(show_tool)
    group.command("usage")(usage)
    tools_add.register(group)
    tools_review.register(group)
    tools_test.register(group)
    app.add_typer(group)


def list_tools(
    context: typer.Context,
    *,
    agent: Annotated[str | None, typer.Option(help="Only the tools of this agent.")] = None,
    with_usage: Annotated[bool, typer.Option("--usage", help="Mark those that fail or were never called too.")] = False,
    output: OutputOption = Format.TABLE,
) -> None:
    """List the tools, those of the catalog that no agent uses too. Marks what somebody should look at."""
    used = _used(perform(context, lambda session: _reports(session, "30d", None))) if with_usage else None
    print_rows(_tools(context, agent, used), output, _TOOL_COLUMNS, _NARROW, empty="there are no tools")


def show_tool(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="TOOL")],
    output: OutputOption = Format.JSON,
) -> None:
    """Show a tool's contract in every version that there is; JSON unless told otherwise."""
    from proctor.contracts.errors import UnknownName

    tools = _tools(context, None)
    found = [tool for tool in tools if tool["name"] == name]
    if not found:
        known = ", ".join(sorted({tool["name"] for tool in tools})) or "none"
        raise UnknownName(f"there is no tool {name}", hint=f"the tools here: {known}")
    if output is Format.JSON and len(found) == 1:
        print_json(found[0])
    else:
        print_rows(found, output, _TOOL_COLUMNS)


def usage(
    context: typer.Context,
    *,
    name: Annotated[str | None, typer.Argument(metavar="[TOOL]", help="Only this tool.")] = None,
    since: SinceOption = "30d",
    output: OutputOption = Format.TABLE,
) -> None:
    """Count calls, failures and unknown outcomes. By agent and tenant, with the agents that may use the tool."""
    reports = perform(context, lambda session: _reports(session, since, name))
    if output is not Format.TABLE:
        print_rows(reports, output, {})
        return
    print_rows([row for report in reports for row in _usage_rows(report)], output, _USAGE_COLUMNS)


async def _reports(session: Session, since: str, name: str | None) -> "Sequence[ToolReport]":
    from gateway.front_models import ToolUsageQuery
    from proctor.contracts.ids import ToolName

    front = await session.reader()
    return await front.tool_usage(ToolUsageQuery(tool=None if name is None else ToolName(name), since=since))


def _used(reports: "Sequence[ToolReport]") -> "list[ToolUsage]":
    return [row for report in reports for row in report.usage]


def _usage_rows(report: "ToolReport") -> list[dict[str, Any]]:
    who = {"may_use": [user.agent for user in report.may_use], "marks": report.marks}
    rows = [{**plain(row), **who} for row in report.usage]
    return rows or [{"tool": report.tool, "version": report.version, "calls": 0, **who}]


def _tools(context: typer.Context, agent: str | None, used: "list[ToolUsage] | None" = None) -> list[dict[str, Any]]:
    shelf = _shelf(context, agent)
    for name, error in shelf.unreadable.items():
        say(f"agent {name} is left out: {error.diagnostics()}")
    for problem in shelf.problems:
        say(f"left out: {problem.as_error().diagnostics()}")
    return [
        {
            **plain(tool.contract),
            "agents": tool.agents,
            "file": None if tool.file is None else f"catalog/{tool.file}",
            "marks": tool.marks(used),
        }
        for tool in shelf.tools
    ]


def _shelf(context: typer.Context, agent: str | None) -> "Shelf":
    from gateway.tool_shelf import read_shelf
    from proctor.contracts.ids import AgentName
    from proctor.tools.signature import derive_schemas

    only = None if agent is None else AgentName(agent)
    return read_shelf(catalog_of(context), catalog_root(context), derive_schemas, only)
