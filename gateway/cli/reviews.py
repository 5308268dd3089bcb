"""`proctor reviews`, `review`."""

from typing import Annotated, Any

import typer

from gateway.cli.output import Format, emit, encode, print_one, print_rows, say
from gateway.cli.session import AsOption, OutputOption, Session, perform

_COLUMNS = {
    "REVIEW": "id",
    "KIND": "kind",
    "RUN": "run_id",
    "STEP": "step",
    "WHAT": "title",
    "RISK": "risk",
    "REQUESTER": "requester",
    "AT": "at",
}
_DECIDED = {"VERDICT": "verdict", "BY": "by", "REASON": "reason"}


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("reviews")(reviews)
    app.command("review")(review)


def reviews(
    context: typer.Context,
    agent: Annotated[str | None, typer.Argument(metavar="AGENT", help="Only reviews of this agent.")] = None,
    has_decided: Annotated[bool, typer.Option("--all", help="Those that are decided, too.")] = False,
    output: OutputOption = Format.TABLE,
) -> None:
    """List what people have to look at, oldest first. Proposals and effects; decide them in this order."""
    from proctor.contracts.ids import AgentName

    async def work(session: Session) -> Any:
        if agent is not None:
            await _check_agent(session, agent)
        name = None if agent is None else AgentName(agent)
        return await session.gateway.store.autonomy.reviews(name, open_only=not has_decided)

    found = perform(context, work)
    print_rows(found, output, {**_COLUMNS, **_DECIDED} if has_decided else _COLUMNS, empty="nothing waits for a review")


def review(
    context: typer.Context,
    *,
    review_id: Annotated[str, typer.Argument(metavar="ID", help="The review's id.")],
    verdict: Annotated[
        str | None, typer.Argument(metavar="VERDICT", help="agree, disagree or harmful; none shows the call.")
    ] = None,
    reason: Annotated[str, typer.Option(help="Why; it is recorded, and wanted unless you agree.")] = "",
    act_as: AsOption = None,
    output: OutputOption = Format.TABLE,
) -> None:
    """Say whether a proposal or an effect was right. Without a verdict, show it with its exact arguments.

    `harmful` lowers the tool one level at once.
    """
    if verdict is None:
        _show(context, review_id, output)
        return

    async def work(session: Session) -> Any:
        from gateway.reviewing import give_verdict

        caller = await session.caller(act_as)
        return await give_verdict(session.gateway.store.autonomy, review_id, verdict, by=caller, reason=reason)

    decided = perform(context, work)
    say(f"{decided.id} is decided: {decided.verdict}: {decided.title}")
    if output is not Format.TABLE:
        print_one(decided, output, {})


def _show(context: typer.Context, review_id: str, output: Format) -> None:
    async def work(session: Session) -> Any:
        from gateway.reviewing import find_review

        found = await find_review(session.gateway.store.autonomy, review_id)
        return found, await session.gateway.store.archive.content(found.arguments_digest)

    found, arguments = perform(context, work)
    shown = {**found.model_dump(mode="json"), "arguments": arguments}
    print_one(shown, output, {**_COLUMNS, **_DECIDED})
    if output is Format.TABLE:
        emit(f"arguments {encode(arguments, indent=2)}")


async def _check_agent(session: Session, agent: str) -> None:
    from proctor.contracts.errors import UnknownName
    from proctor.contracts.ids import AgentName

    known = session.gateway.catalog.names()
    if agent not in known and not await session.gateway.store.archive.runs(agent=AgentName(agent), limit=1):
        raise UnknownName(f"there is no agent {agent}", hint=f"the agents here: {', '.join(known) or 'none'}")
