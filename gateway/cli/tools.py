"""`proctor tools`: the tools of this project, of its agents and of its catalog."""

from typing import Annotated, Any

import typer

from gateway.cli import tools_add
from gateway.cli.catalog import catalog_of
from gateway.cli.output import Format, plain, print_json, print_rows, say
from gateway.cli.session import OutputOption

_TOOL_COLUMNS = {
    "TOOL": "name",
    "VERSION": "version",
    "EFFECT": "effect",
    "RISK": "risk",
    "IDEMPOTENCY": "idempotency",
    "COMPENSATION": "compensation.tool",
    "AGENTS": "agents",
}


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(name="tools", help="The tools of this project's agents.", no_args_is_help=True)
    group.command("ls")(list_tools)
    group.command("show")(show_tool)
    tools_add.register(group)
    app.add_typer(group)


def list_tools(
    context: typer.Context,
    agent: Annotated[str | None, typer.Option(help="Only the tools of this agent.")] = None,
    output: OutputOption = Format.TABLE,
) -> None:
    """List the tools, with the agents that use them."""
    print_rows(_tools(context, agent), output, _TOOL_COLUMNS)


def show_tool(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="TOOL")],
    output: OutputOption = Format.JSON,
) -> None:
    """Show a tool's contract in every version that an agent uses; JSON unless told otherwise."""
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


def _tools(context: typer.Context, agent: str | None) -> list[dict[str, Any]]:
    from gateway.agents import load_agent
    from proctor.contracts.canonical import digest_json
    from proctor.contracts.errors import InvalidDocument

    catalog = catalog_of(context)
    found: dict[str, dict[str, Any]] = {}
    for name in [agent] if agent is not None else catalog.names():
        try:
            bundle = load_agent(catalog, name)
        except InvalidDocument as error:
            if agent is not None:
                raise
            say(f"agent {name} is left out: {error.diagnostics()}")
            continue
        for tool in bundle.tools:
            contract = plain(tool)
            entry = found.setdefault(digest_json(contract), {**contract, "agents": []})
            entry["agents"].append(bundle.manifest.name)
    return sorted(found.values(), key=lambda tool: (tool["name"], tool["version"]))
