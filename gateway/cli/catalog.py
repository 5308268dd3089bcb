"""`proctor agents`, `validate`: what is in the files, without Temporal and without a database."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.output import Format, emit, print_one, print_rows, say
from gateway.cli.session import OutputOption, wiring_of
from gateway.cli.visible import visible_line

if TYPE_CHECKING:
    from proctor.contracts.ports import AgentCatalog

_AGENT_COLUMNS = {
    "AGENT": "name",
    "VERSION": "version",
    "OWNER": "owner",
    "AUTONOMY": "autonomy",
    "PLANNER": "planner",
    "TOOLS": "tools",
    "PROBLEM": "problem",
}


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("validate")(validate)
    agents_group = typer.Typer(name="agents", help="The agents of this project.", invoke_without_command=True)
    agents_group.callback()(agents)
    agents_group.command("ls")(list_agents)
    agents_group.command("show")(show_agent)
    app.add_typer(agents_group)


def agents(context: typer.Context) -> None:
    """List the agents of this project, or show one."""
    if context.invoked_subcommand is None:
        list_agents(context)


def list_agents(context: typer.Context, output: OutputOption = Format.TABLE) -> None:
    """List the agents; one whose files are wrong is listed with its problem."""
    catalog = catalog_of(context)
    rows = [_agent_row(catalog, name) for name in catalog.names()]
    print_rows(rows, output, _AGENT_COLUMNS, empty=f"no agents in {wiring_of(context).settings().agents}")


def _agent_row(catalog: "AgentCatalog", name: Any) -> dict[str, Any]:
    from proctor.contracts.errors import InvalidDocument

    try:
        bundle = catalog.load(name)
    except InvalidDocument as error:
        return {"name": name, "problem": error.diagnostics()}
    manifest = bundle.manifest
    return {
        "name": manifest.name,
        "version": manifest.version,
        "owner": manifest.owner,
        "autonomy": manifest.autonomy,
        "planner": manifest.planner.kind if manifest.planner else None,
        "tools": " ".join(manifest.allowed_tools),
        "problem": None if manifest.owner else "no owner: it does not run",
    }


def show_agent(
    context: typer.Context, name: Annotated[str, typer.Argument(metavar="AGENT")], output: OutputOption = Format.JSON
) -> None:
    """Show an agent's manifest as it is understood, and its tools; JSON unless told otherwise."""
    from gateway.agents import load_agent

    bundle = load_agent(catalog_of(context), name)
    fields = {key: key for key in ("name", "version", "owner", "description", "autonomy", "approval_timeout_s")}
    print_one(bundle.manifest if output is Format.TABLE else bundle, output, fields)


def validate(
    context: typer.Context,
    path: Annotated[str, typer.Argument(metavar="PATH", help="A document, or an agent's folder.")],
    output: OutputOption = Format.TABLE,
) -> None:
    """Check a document or an agent's folder. Manifest, tools, policy, SLOs, credentials; with what was read."""
    del context
    from pathlib import Path

    from proctor.documents.validation import validate as check
    from proctor.tools.signature import derive_schemas

    report = check(Path(path), derive_schemas)
    if output is Format.TABLE:
        print_one(report, output, {"kind": "kind", "path": "path"})
        for line in report.understood:
            emit(f"  {visible_line(line)}")
        for note in report.notes:
            say(f"note: {note}")
        for problem in report.problems:
            where = problem.file if problem.line is None else f"{problem.file}:{problem.line}"
            say(visible_line(f"{where}: {problem.message}" + (f" — {problem.hint}" if problem.hint else "")))
    else:
        print_one(report, output, {})
    raise typer.Exit(report.exit_code)


def catalog_of(context: typer.Context) -> "AgentCatalog":
    """Give the catalog of this project."""
    wiring = wiring_of(context)
    return wiring.open_catalog(wiring.settings())
