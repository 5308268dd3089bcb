"""`proctor approvals`, `approve`, `deny`, `edit`, `answer`, `settle`."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.output import Format, emit, print_json, print_rows, say, text_width
from gateway.cli.session import AsOption, OutputOption, Session, perform

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.cards.difference import Change
    from gateway.front import Front
    from gateway.front_models import Decided
    from proctor.contracts.human import HumanDecision, HumanRequest

RequestArgument = Annotated[str, typer.Argument(metavar="ID", help="The request's id, or its first 6 characters.")]
ReasonOption = Annotated[str, typer.Option(help="Why; it is recorded, and the agent may read it.")]
PlaceOption = Annotated[
    str | None,
    typer.Option("--as-delegate-of", metavar="NAME", help="Decide in the place of this person, by their delegation."),
]
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
_NARROW = {"REQUEST": "id", "RUN": "run_id", "WHAT": "title", "EXPIRES": "expires_at"}
"""What a narrow terminal has room for, ids unbroken; `proctor approvals ID` shows the rest."""


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("approvals")(approvals)
    app.command("approve")(approve)
    app.command("deny")(deny)
    app.command("edit")(edit)
    app.command("answer")(answer)
    app.command("settle")(settle)


def approvals(
    context: typer.Context,
    request_id: Annotated[
        str | None, typer.Argument(metavar="ID", help="Show this request, with all that it takes to decide.")
    ] = None,
    run_id: Annotated[str | None, typer.Option("--run", metavar="RUN", help="Only requests of this run.")] = None,
    act_as: AsOption = None,
    output: OutputOption = Format.TABLE,
) -> None:
    """List what waits for a person, oldest first; or show one request whole."""
    if request_id is not None:
        _show(context, request_id, act_as, output)
        return
    from proctor.contracts.ids import RunId

    async def work(session: Session) -> Any:
        front = await session.reader(act_as)
        if run_id is not None:
            await front.run(RunId(run_id))
        return await front.approvals(RunId(run_id) if run_id is not None else None)

    waiting = perform(context, work)
    print_rows(waiting, output, _COLUMNS, _NARROW, empty="nothing waits for a person")


def _show(context: typer.Context, request_id: str, act_as: str | None, output: Format) -> None:
    from gateway.cards.plain import render_text
    from proctor.contracts.deciding import commands_for
    from proctor.contracts.ids import RequestId

    async def work(session: Session) -> Any:
        return await (await session.reader(act_as)).card(RequestId(request_id))

    card = perform(context, work)
    if output is Format.TABLE:
        emit(render_text(card, width=text_width()).rstrip("\n"))
        for way in commands_for(card.kind, card.request_id) if card.state == "pending" else ():
            say(f"  {way}")
    else:
        print_json(card, indent=_indent(output))


def approve(
    context: typer.Context,
    *,
    request_id: RequestArgument,
    reason: ReasonOption = "",
    stop_asking: Annotated[
        str | None, typer.Option(metavar="FOR", help="Approve further calls too for so long: 30m, 8h, 7d.")
    ] = None,
    same: Annotated[
        list[str] | None,
        typer.Option(metavar="ARG", help="With --stop-asking: arguments that must stay the same; all without it."),
    ] = None,
    scope: Annotated[str, typer.Option(metavar="run|agent", help="With --stop-asking: whose further calls.")] = "run",
    max_uses: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="With --stop-asking: at most so many calls.")
    ] = None,
    is_for_all: Annotated[
        bool, typer.Option("--identical", help="Approve every open request that asks for exactly the same.")
    ] = False,
    place_of: PlaceOption = None,
    act_as: AsOption = None,
    output: OutputOption = Format.TABLE,
) -> None:
    """Approve a request, with exactly the arguments that it shows."""
    decision: dict[str, Any] = {"word": "approve", "reason": reason, "on_behalf_of": place_of}
    if stop_asking is not None:
        from proctor.contracts.approving import LONGEST_GRANT_S

        for_s = lasting_s(stop_asking, LONGEST_GRANT_S)
        decision["grant"] = {"scope": scope, "for_s": for_s, "max_uses": max_uses, "same": same}
    elif same or max_uses is not None or scope != "run":
        raise typer.BadParameter("--same, --scope and --max-uses go with --stop-asking FOR")
    _decide(context, request_id, act_as, output, decision, is_for_all=is_for_all)


def deny(
    context: typer.Context,
    *,
    request_id: RequestArgument,
    reason: Annotated[str, typer.Option(help="Why not; it is recorded, and the agent may read it.")],
    is_for_all: Annotated[
        bool, typer.Option("--identical", help="Deny every open request that asks for exactly the same.")
    ] = False,
    place_of: PlaceOption = None,
    act_as: AsOption = None,
    output: OutputOption = Format.TABLE,
) -> None:
    """Deny a request. A denial beats an approval that was not used yet."""
    decision = {"word": "deny", "reason": reason, "on_behalf_of": place_of}
    _decide(context, request_id, act_as, output, decision, is_for_all=is_for_all)


def edit(
    context: typer.Context,
    *,
    request_id: RequestArgument,
    source: Annotated[
        str | None, typer.Option("--arguments", metavar="FILE", help="All arguments anew, as JSON; - reads stdin.")
    ] = None,
    in_editor: Annotated[bool, typer.Option("--editor", "-e", help="Change them in $VISUAL or $EDITOR.")] = False,
    reason: ReasonOption = "",
    act_as: AsOption = None,
    output: OutputOption = Format.TABLE,
) -> None:
    """Change the arguments of a call. What you write is judged again, and approved by another person."""
    from gateway.cli.editing import edited_arguments

    if (source is None) == (not in_editor):
        raise typer.BadParameter("give either --arguments FILE or -e")

    async def work(session: Session) -> "tuple[HumanRequest, Decided, Sequence[HumanRequest]]":
        from proctor.contracts.ids import RequestId

        front = await session.front(act_as)
        request = await front.approval(RequestId(request_id))
        new = edited_arguments(request, source, session.wiring.environ)
        _say_changes(request, new)
        decided = await _send(session, front, request, {"word": "edit", "arguments": new, "reason": reason})
        return request, decided, await front.approvals(request.run_id)

    _, decided, waiting = perform(context, work)
    _print_decided([decided], output)
    for one in waiting:
        if one.step == decided.receipt.request.step and one.replaces is not None:
            say(f"it is asked for as {one.id}: {one.title}")


def _say_changes(request: "HumanRequest", new: dict[str, Any]) -> None:
    from gateway.cards.difference import changes_between
    from proctor.contracts.errors import InvalidInput

    changes = changes_between(request.details.get("arguments"), new, whole=True)
    if not changes:
        raise InvalidInput("nothing was changed", hint=f"`proctor approve {request.id}` approves it as it is")
    for change in changes:
        say(_change_line(change))


def _change_line(change: "Change") -> str:
    old, new = (("nothing" if value is None else value.shown.text) for value in (change.old, change.new))
    return f"  {change.path}: {old} -> {new}"


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
    context: typer.Context,
    request_id: str,
    act_as: str | None,
    output: Format,
    decision: dict[str, Any],
    *,
    is_for_all: bool = False,
) -> None:
    async def work(session: Session) -> "Sequence[Decided]":
        from proctor.contracts.ids import RequestId

        front = await session.front(act_as)
        request = await front.approval(RequestId(request_id))
        if is_for_all:
            return await front.decide_identical(_checked(request, decision))
        return [await _send(session, front, request, decision)]

    _print_decided(perform(context, work), output)


async def _send(session: Session, front: "Front", request: "HumanRequest", decision: dict[str, Any]) -> "Decided":
    """Decide, signed where the person's key is in the state folder."""
    made = _checked(request, decision)
    if request.binding is not None:
        from gateway.signing import find_signer

        signer = find_signer(session.settings.home, front.principal.name)
        made = made if signer is None else signer.signed(request, made)
    return await front.decide(made)


def _checked(request: "HumanRequest", decision: dict[str, Any]) -> "HumanDecision":
    from pydantic import ValidationError

    from gateway.unfitting import misfit_of
    from proctor.contracts.human import HumanDecision

    given = {name: value for name, value in decision.items() if value is not None}
    try:
        return HumanDecision.model_validate({"request_id": request.id, **given})
    except ValidationError as error:
        raise misfit_of(error) from error


def lasting_s(text: str, longest_s: int | None = None) -> int:
    """Read how long something lasts, in seconds. Raises `InvalidInput`, also where it is longer than `longest_s`."""
    from proctor.contracts.durations import seconds_of
    from proctor.contracts.errors import InvalidInput

    seconds = seconds_of(text)
    if not seconds:
        raise InvalidInput(f"{text!r} is not a time", hint="write 30m, 8h or 7d")
    if longest_s is not None and seconds > longest_s:
        raise InvalidInput(f"{text} is too long", hint=f"it may last {longest_s // 86_400} days at most")
    return seconds


def _print_decided(decided: "Sequence[Decided]", output: Format) -> None:
    for one in decided:
        request = one.receipt.request
        note = f" ({one.note})" if one.note != "applied" else ""
        say(f"{request.id} is {request.state}: {request.title}{note}")
        if output is not Format.TABLE:
            print_json({"woken": one.woken, "note": one.note, "receipt": one.receipt}, indent=_indent(output))
    if not all(one.receipt.applied for one in decided):
        say("the decision was recorded and not applied")
        raise typer.Exit(6)


def _indent(output: Format) -> int | None:
    return 2 if output is Format.JSON else None
