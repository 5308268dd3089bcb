"""`proctor drill`: kill something harmless, and see how long it takes."""

from typing import Annotated, Any

import typer

from gateway.cli.output import Format, print_one, print_rows, say
from gateway.cli.session import AsOption, OutputOption, Session, perform

_COLUMNS = {
    "DRILL": "n",
    "AT": "at",
    "BY": "by",
    "PASSED": "passed",
    "FENCE S": "fence_s",
    "STOPPED S": "stopped_s",
    "CLOSED S": "closed_s",
    "NOTE": "note",
}
_NARROW = {title: path for title, path in _COLUMNS.items() if title != "BY"}
_FIELDS = {
    "drill": "n",
    "run": "run_id",
    "fence committed (s)": "fence_s",
    "tool stopped (s)": "stopped_s",
    "run closed (s)": "closed_s",
    "passed": "passed",
    "note": "note",
}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("drill")(drill)


def drill(
    context: typer.Context,
    is_list: Annotated[bool, typer.Option("--list", help="List the newest drills instead.")] = False,
    act_as: AsOption = None,
    output: OutputOption = Format.TABLE,
) -> None:
    """Kill a harmless run, and measure it. Exit 1 when anything was too slow."""
    if is_list:
        print_rows(perform(context, _newest), output, _COLUMNS, _NARROW, empty="no drill was made yet")
        return

    async def work(session: Session) -> Any:
        from gateway.drilling import drill as make

        return await make(session.gateway, await session.caller(act_as))

    made = perform(context, work)
    print_one(made, output, _FIELDS)
    if not made.passed:
        say(f"the drill failed: {made.note} — docs/runbooks/kill-drill-failed.md")
        raise typer.Exit(1)


async def _newest(session: Session) -> Any:
    return await session.gateway.store.drills.newest()
