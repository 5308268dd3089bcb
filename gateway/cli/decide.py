"""`proctor approvals`, `approve`, `deny`, `answer`, `settle`."""

from typing import Annotated, Any

import typer

from gateway.cli.output import Format, print_json, print_rows, say
from gateway.cli.session import AsOption, OutputOption, Session, perform

RequestArgument = Annotated[str, typer.Argument(metavar="ID", help="The request's id, or its first 6 characters.")]
ReasonOption = Annotated[str, typer.Option(help="Why; it is recorded, and the agent may read it.")]
_COLUMNS = {
    "REQUEST": "id",
    "KIND": "kind",
    "RUN": "run_id",
    "STEP": "step",
    "WHAT": "title",
    "REQUESTER": "requester",
    "OWNER": "owner",
    "EXPIRES": "expires_at",
}


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("approvals")(approvals)
    app.command("approve")(approve)
    app.command("deny")(deny)
    app.command("answer")(answer)
    app.command("settle")(settle)


def approvals(
    context: typer.Context,
    run_id: Annotated[str | None, typer.Option("--run", metavar="RUN", help="Only requests of this run.")] = None,
    output: OutputOption = Format.TABLE,
) -> None:
    """List what waits for a person, oldest first."""
    from proctor.contracts.ids import RunId

    async def work(session: Session) -> Any:
        if run_id is not None:
            await session.gateway.store.archive.run(RunId(run_id))
        return await session.gateway.store.people.pending(RunId(run_id) if run_id is not None else None)

    waiting = perform(context, work)
    print_rows(waiting, output, _COLUMNS)
    if not waiting and output is Format.TABLE:
        say("nothing waits for a person")


def approve(
    context: typer.Context,
    request_id: RequestArgument,
    reason: ReasonOption = "",
    act_as: AsOption = None,
    output: OutputOption = Format.TABLE,
) -> None:
    """Approve a request, with exactly the arguments that it shows."""
    _decide(context, request_id, act_as, output, {"word": "approve", "reason": reason})


def deny(
    context: typer.Context,
    request_id: RequestArgument,
    reason: Annotated[str, typer.Option(help="Why not; it is recorded, and the agent may read it.")],
    act_as: AsOption = None,
    output: OutputOption = Format.TABLE,
) -> None:
    """Deny a request. A denial beats an approval that was not used yet."""
    _decide(context, request_id, act_as, output, {"word": "deny", "reason": reason})


def answer(
    context: typer.Context,
    request_id: RequestArgument,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="The answer.")],
    act_as: AsOption = None,
    output: OutputOption = Format.TABLE,
) -> None:
    """Answer a question of an agent."""
    _decide(context, request_id, act_as, output, {"word": "answer", "answer": text})


def settle(
    context: typer.Context,
    *,
    request_id: RequestArgument,
    happened: Annotated[
        bool, typer.Option("--happened/--not-happened", help="Whether the effect took place.", show_default=False)
    ],
    reason: ReasonOption = "",
    act_as: AsOption = None,
    output: OutputOption = Format.TABLE,
) -> None:
    """Settle an unknown outcome: say whether the effect happened."""
    word = "happened" if happened else "not_happened"
    _decide(context, request_id, act_as, output, {"word": word, "reason": reason})


def _decide(
    context: typer.Context, request_id: str, act_as: str | None, output: Format, decision: dict[str, str]
) -> None:
    async def work(session: Session) -> Any:
        from gateway.approvals import decide
        from gateway.signing import find_signer
        from proctor.contracts.human import HumanDecision

        caller = await session.caller(act_as)
        signer = find_signer(session.gateway.settings.home, caller.name)
        order = HumanDecision.model_validate({"request_id": request_id, **decision})
        people, engine = session.gateway.store.people, session.gateway.engine
        return await decide(order, by=caller, people=people, engine=engine, signer=signer)

    result = perform(context, work)
    receipt = result.receipt
    request = receipt.request
    say(f"{request.id} is {request.state}: {request.title}" + (f" ({result.note})" if result.note != "applied" else ""))
    if output is not Format.TABLE:
        print_json({"woken": result.woken, "note": result.note, "receipt": receipt}, indent=_indent(output))
    if not receipt.applied:
        say("the decision was recorded and not applied")
        raise typer.Exit(6)


def _indent(output: Format) -> int | None:
    return 2 if output is Format.JSON else None
