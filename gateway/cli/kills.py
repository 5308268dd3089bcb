"""`proctor kill`, `release`, `fences`."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.output import Format, print_json, print_one, print_rows, say
from gateway.cli.session import AsOption, OutputOption, Session, perform

if TYPE_CHECKING:
    from gateway.front_models import KillCommand, KillOutcome

_FENCE = {
    "EPOCH": "epoch",
    "SCOPE": "scope",
    "VALUE": "value",
    "MODE": "mode",
    "ACTOR": "actor",
    "RAISED": "raised_at",
    "REASON": "reason",
}


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("kill")(kill)
    app.command("release")(release)
    app.command("fences")(fences)


def kill(
    context: typer.Context,
    *,
    reason: Annotated[str, typer.Option(help="Why; it is recorded.")],
    run_id: Annotated[str | None, typer.Argument(metavar="RUN", help="Kill this run.")] = None,
    agent: Annotated[str | None, typer.Option(metavar="NAME", help="Kill all runs of an agent.")] = None,
    tool: Annotated[
        str | None, typer.Option(metavar="NAME", help="Kill all runs that are about to use a tool, or do.")
    ] = None,
    tenant: Annotated[str | None, typer.Option(metavar="NAME", help="Kill all runs of a tenant.")] = None,
    is_all: Annotated[bool, typer.Option("--all", help="Kill everything.")] = False,
    compensate: Annotated[
        bool | None,
        typer.Option(
            "--compensate/--freeze",
            help="Take effects back, or leave all as it is. One run compensates, a wider kill freezes, unless told.",
            show_default=False,
        ),
    ] = None,
    wait_s: Annotated[
        float, typer.Option("--timeout", min=0, max=60, metavar="S", help="Wait so long for the end.")
    ] = 30.0,
    act_as: AsOption = None,
    output: OutputOption = Format.TABLE,
) -> None:
    """Stop a run, an agent, a tool, a tenant or everything, at once. Prints what had already happened."""
    named = {"run": run_id, "agent": agent, "tool": tool, "tenant": tenant, "all": "" if is_all else None}
    given = {scope: value for scope, value in named.items() if value is not None}
    if len(given) != 1:
        raise typer.BadParameter("name one of RUN, --agent NAME, --tool NAME, --tenant NAME and --all")
    ((scope, value),) = given.items()
    mode = None if compensate is None else "compensate" if compensate else "freeze"

    async def work(session: Session) -> "KillOutcome":
        front = await session.front(act_as)
        return await front.kill(_command(scope=scope, value=value, reason=reason, mode=mode, wait_s=wait_s))

    raise typer.Exit(_print_report(perform(context, work), output))


def _command(**fields: Any) -> "KillCommand":
    from pydantic import ValidationError

    from gateway.front_models import KillCommand
    from proctor.contracts.errors import InvalidInput

    try:
        return KillCommand.model_validate(fields)
    except ValidationError as error:
        if error.errors()[0]["loc"] == ("reason",):
            raise InvalidInput("the reason must have 1 to 500 characters", hint="say in a line why") from error
        raise InvalidInput("the name has more than 200 characters", hint="no run, agent or tool has") from error


def _print_report(report: "KillOutcome", output: Format) -> int:
    from gateway.cli.output import plain
    from gateway.cli.runs import print_receipt

    fence = report.fence
    scope = f"{fence.scope} {fence.value}".strip()
    say(f"fence {fence.epoch} is up ({scope}, {fence.mode}): no new effect can begin under it")
    if output is Format.TABLE:
        for receipt in report.receipts:
            print_receipt(receipt, output)
    else:
        shown = {"fence": plain(fence), "receipts": plain(report.receipts), "still_open": list(report.still_open)}
        print_json(shown, indent=2 if output is Format.JSON else None)
    if report.trouble:
        say(f"some runs could not be told to stop: {report.trouble} — repeat the kill once that is mended")
    for run_id in report.still_open:
        say(f"run {run_id} has not ended yet: proctor receipt {run_id}")
    if report.trouble:
        return 1
    return 8 if report.still_open else 0


def release(
    context: typer.Context,
    epoch: Annotated[int, typer.Argument(metavar="EPOCH", help="The fence's number; `proctor fences` lists them.")],
    act_as: AsOption = None,
    output: OutputOption = Format.TABLE,
) -> None:
    """Lift a fence. It takes another person than the one who raised it."""

    async def work(session: Session) -> Any:
        front = await session.front(act_as)
        return await front.release(epoch), front.principal.name

    fence, by = perform(context, work)
    if fence.released_by == by:
        say(f"fence {fence.epoch} is lifted by {by}; runs that it ended stay ended")
    else:
        say(f"fence {fence.epoch} was lifted before, by {fence.released_by}; `proctor fences` lists those in force")
    if output is not Format.TABLE:
        print_one(fence, output, {})


def fences(context: typer.Context, act_as: AsOption = None, output: OutputOption = Format.TABLE) -> None:
    """List the kills in force, oldest first."""

    async def work(session: Session) -> Any:
        return await (await session.reader(act_as)).fences()

    standing = perform(context, work)
    print_rows(standing, output, _FENCE, empty="no kill is in force")
