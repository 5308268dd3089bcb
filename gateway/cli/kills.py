"""`proctor kill`, `release`, `fences`."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.output import Format, print_json, print_one, print_rows, say
from gateway.cli.session import AsOption, OutputOption, Session, perform

if TYPE_CHECKING:
    from gateway.killing import KillReport
    from proctor.contracts.ids import PrincipalName
    from proctor.contracts.kill import KillOrder

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
    is_all: Annotated[bool, typer.Option("--all", help="Kill everything.")] = False,
    compensate: Annotated[
        bool | None,
        typer.Option(
            "--compensate/--freeze",
            help="Take effects back, or leave all as it is. One run compensates, a wider kill freezes, unless told.",
            show_default=False,
        ),
    ] = None,
    wait_s: Annotated[float, typer.Option("--timeout", min=0, metavar="S", help="Wait so long for the end.")] = 30.0,
    act_as: AsOption = None,
    output: OutputOption = Format.TABLE,
) -> None:
    """Stop a run, an agent or everything, at once. Prints what had already happened."""
    if sum((run_id is not None, agent is not None, is_all)) != 1:
        raise typer.BadParameter("name one of RUN, --agent NAME and --all")

    async def work(session: Session) -> "KillReport":
        from gateway import killing

        caller = await session.caller(act_as)
        order = _order(run_id, agent, compensate, reason, caller.name)
        gateway, store = session.gateway, session.gateway.store
        if run_id is not None:
            await store.archive.run(order.value)  # type: ignore[arg-type]
        if agent is not None:
            _check_agent(agent, gateway.catalog.names(), bool(await store.archive.runs(agent=agent, limit=1)))  # type: ignore[arg-type]
        return await killing.kill(
            order,
            by=caller,
            kills=store.kills,
            archive=store.archive,
            journal=store.journal,
            engine=gateway.engine,
            wait_s=wait_s,
        )

    raise typer.Exit(_print_report(perform(context, work), output))


def _order(
    run_id: str | None, agent: str | None, compensate: bool | None, reason: str, actor: "PrincipalName"
) -> "KillOrder":
    from gateway.killing import default_mode
    from proctor.contracts.errors import InvalidInput
    from proctor.contracts.kill import KillOrder, KillScope

    scope = KillScope.RUN if run_id is not None else KillScope.AGENT if agent is not None else KillScope.ALL
    mode = default_mode(scope) if compensate is None else "compensate" if compensate else "freeze"
    try:
        return KillOrder(scope=scope, value=run_id or agent or "", actor=actor, reason=reason, mode=mode)
    except ValueError as error:
        raise InvalidInput("the reason must have 1 to 500 characters", hint="say in a line why") from error


def _check_agent(agent: str, known: list[Any], has_runs: bool) -> None:
    from proctor.contracts.errors import UnknownName

    if agent not in known and not has_runs:
        raise UnknownName(f"there is no agent {agent}", hint=f"the agents here: {', '.join(known) or 'none'}")


def _print_report(report: "KillReport", output: Format) -> int:
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
        return await session.gateway.store.kills.release(epoch, await session.caller(act_as))

    fence = perform(context, work)
    say(f"fence {fence.epoch} is lifted by {fence.released_by}; runs that it ended stay ended")
    if output is not Format.TABLE:
        print_one(fence, output, {})


def fences(context: typer.Context, output: OutputOption = Format.TABLE) -> None:
    """List the kills in force, oldest first."""

    async def work(session: Session) -> Any:
        return await session.gateway.store.kills.active()

    standing = perform(context, work)
    print_rows(standing, output, _FENCE)
    if not standing and output is Format.TABLE:
        say("no kill is in force")
