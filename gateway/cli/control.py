"""`proctor pause`, `resume`, `say`, `take-over`, `act`, `hand-back`, `undo`: a person at the wheel of a run."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.output import Format, print_one, print_rows, say
from gateway.cli.runs import print_receipt
from gateway.cli.session import AsOption, OutputOption, Session, perform

if TYPE_CHECKING:
    from proctor.contracts.control import ControlReceipt, UndoPreview

RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="The run's id.")]
ReasonOption = Annotated[str, typer.Option(help="Why; it is recorded.")]
KeyOption = Annotated[
    str, typer.Option("--idempotency-key", metavar="K", help="The same key on the same run is the same order.")
]
_WHEEL = {"paused by": "wheel.paused_by", "driver": "wheel.driver", "order": "entry.n", "note": "note"}
_UNDO = {"EFFECT": "key", "TOOL": "tool", "HAPPENED": "happened", "UNDO": "undo", "BY": "by_tool", "WHY": "why"}


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("pause")(pause)
    app.command("resume")(resume)
    app.command("say")(tell)
    app.command("take-over")(take_over)
    app.command("act")(act)
    app.command("hand-back")(hand_back)
    app.command("undo")(undo)


def pause(
    context: typer.Context,
    run_id: RunArgument,
    reason: ReasonOption = "",
    act_as: AsOption = None,
    output: OutputOption = Format.TABLE,
) -> None:
    """Let a run begin nothing new until somebody resumes it. What is under way comes to its end."""
    _steer(context, run_id, act_as, output, word="pause", text=reason)


def resume(
    context: typer.Context,
    run_id: RunArgument,
    reason: ReasonOption = "",
    act_as: AsOption = None,
    output: OutputOption = Format.TABLE,
) -> None:
    """Let a paused run go on."""
    _steer(context, run_id, act_as, output, word="resume", text=reason)


def tell(
    context: typer.Context,
    *,
    run_id: RunArgument,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="The message; at most 4000 characters.")],
    key: KeyOption = "",
    act_as: AsOption = None,
    output: OutputOption = Format.TABLE,
) -> None:
    """Send a message into a run. Its planner reads it before its next step, labelled with your name.

    What a model plans after it rests on your words: you may deny it then, and somebody else approves it.
    """
    _steer(context, run_id, act_as, output, word="say", text=text, key=key)


def take_over(
    context: typer.Context,
    run_id: RunArgument,
    reason: ReasonOption = "",
    act_as: AsOption = None,
    output: OutputOption = Format.TABLE,
) -> None:
    """Take the wheel of a run. Its agent plans nothing more until you hand it back."""
    _steer(context, run_id, act_as, output, word="take_over", text=reason)


def act(
    context: typer.Context,
    *,
    run_id: RunArgument,
    tool: Annotated[str, typer.Argument(metavar="TOOL", help="One of the agent's tools.")],
    source: Annotated[
        str, typer.Option("--arguments", metavar="FILE", help="All arguments of the call, as JSON; - reads stdin.")
    ],
    reason: ReasonOption = "",
    key: KeyOption = "",
    act_as: AsOption = None,
    output: OutputOption = Format.TABLE,
) -> None:
    """Call a tool while you have the wheel. Policy judges your call like the agent's, and it is recorded as yours."""
    from gateway.cli.reading import read_json

    call = {"tool": tool, "arguments": read_json(source)}
    _steer(context, run_id, act_as, output, word="act", text=reason, call=call, key=key)


def hand_back(
    context: typer.Context,
    run_id: RunArgument,
    reason: ReasonOption = "",
    act_as: AsOption = None,
    output: OutputOption = Format.TABLE,
) -> None:
    """Give the wheel back to the agent. It goes on from where the run now stands."""
    _steer(context, run_id, act_as, output, word="hand_back", text=reason)


def _steer(context: typer.Context, run_id: str, act_as: str | None, output: Format, **order: Any) -> None:
    async def work(session: Session) -> "ControlReceipt":
        from pydantic import ValidationError

        from gateway.unfitting import misfit_of
        from proctor.contracts.control import ControlOrder

        try:
            made = ControlOrder.model_validate({"run_id": run_id, **order})
        except ValidationError as error:
            raise misfit_of(error) from error
        return await (await session.front(act_as)).steer(made)

    receipt = perform(context, work)
    wheel = receipt.wheel
    driver = wheel.driver or "the agent"
    stands = f"paused by {wheel.paused_by}" if wheel.paused_by else f"driven by {driver}"
    again = "" if receipt.is_new else " (ordered before)"
    say(f"run {receipt.entry.run_id}: {receipt.entry.word.replace('_', ' ')} is on record{again}; it is {stands}")
    if receipt.note:
        say(receipt.note)
    if output is not Format.TABLE:
        print_one(receipt, output, _WHEEL)


def undo(
    context: typer.Context,
    *,
    run_id: RunArgument,
    is_dry: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be taken back, and change nothing.")
    ] = False,
    reason: ReasonOption = "",
    wait_s: Annotated[
        float, typer.Option("--timeout", min=0, max=60, metavar="S", help="Wait so long for the end.")
    ] = 30.0,
    act_as: AsOption = None,
    output: OutputOption = Format.TABLE,
) -> None:
    """Take back what a run that has ended did. Names what cannot be taken back, and who must act on it."""
    from proctor.contracts.ids import RunId

    if is_dry:
        _preview(context, run_id, act_as, output)
        return

    async def work(session: Session) -> Any:
        return await (await session.front(act_as)).undo(RunId(run_id), reason, wait_s=wait_s)

    done = perform(context, work)
    if output is Format.TABLE:
        _say_left_over(done.preview)
        print_receipt(done.receipt, output)
    else:
        print_one(done, output, {})
    if not done.is_finished:
        say(f"it is not finished yet: proctor receipt {run_id}")
        raise typer.Exit(8)
    if any(line.compensation == "failed" for line in done.receipt.lines):
        raise typer.Exit(5)


def _preview(context: typer.Context, run_id: str, act_as: str | None, output: Format) -> None:
    from proctor.contracts.ids import RunId

    async def work(session: Session) -> "UndoPreview":
        front = await (session.front(act_as) if act_as else session.reader())
        return await front.preview_undo(RunId(run_id))

    preview = perform(context, work)
    if output is Format.TABLE:
        print_rows(preview.lines, output, _UNDO)
        _say_left_over(preview)
        say(f"{preview.possible} of {len(preview.lines)} effects would be taken back")
    else:
        print_one(preview, output, {})


def _say_left_over(preview: "UndoPreview") -> None:
    for line in preview.lines:
        if line.undo in {"not_possible", "unsettled", "failed"}:
            say(f"{line.key} ({line.tool}) is for {preview.owner}: {line.why or line.undo.replace('_', ' ')}")
