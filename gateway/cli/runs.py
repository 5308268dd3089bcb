"""`proctor run`, `ps`, `show`, `receipt`."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.output import Format, emit, encode, moment_line, print_json, print_one, print_rows, say
from gateway.cli.session import AsOption, OutputOption, Session, perform

if TYPE_CHECKING:
    from gateway.front import Front
    from gateway.front_models import TaskOrder
    from proctor.contracts.run import RunRecord

EXIT_INTERRUPTED = 130

RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="The run's id.")]
_RUN_COLUMNS = {
    "RUN": "run_id",
    "AGENT": "agent",
    "STATUS": "status",
    "STEPS": "steps",
    "COST USD": "cost_usd",
    "REQUESTER": "requester",
    "CREATED": "created_at",
    "REASON": "status_reason",
}
_NARROW = {title: path for title, path in _RUN_COLUMNS.items() if title in {"RUN", "AGENT", "STATUS", "CREATED"}}
"""What a narrow terminal has room for; `proctor show RUN` has the rest, the reason included."""
_RUN_FIELDS = {
    "run": "run_id",
    "agent": "agent",
    "version": "agent_version",
    "owner": "owner",
    "autonomy": "autonomy",
    "requester": "requester",
    "tenant": "tenant",
    "goal": "goal",
    "status": "status",
    "reason": "status_reason",
    "paused by": "paused_by",
    "driven by": "driver",
    "steps": "steps",
    "cost (USD)": "cost_usd",
    "created": "created_at",
    "closed": "closed_at",
    "bundle": "bundle_digest",
    "policy": "policy_digest",
    "audit head": "audit_head",
}
_RECEIPT_COLUMNS = {
    "EFFECT": "key",
    "TOOL": "tool",
    "FATE": "fate",
    "AFTER FENCE": "after_fence",
    "COMPENSATION": "compensation",
}


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("run")(run)
    app.command("ps")(ps)
    app.command("show")(show)
    app.command("receipt")(receipt)


def run(
    context: typer.Context,
    *,
    agent: Annotated[str, typer.Argument(metavar="AGENT", help="Which agent; `proctor agents` lists them.")],
    source: Annotated[str, typer.Option("--input", "-i", metavar="FILE", help="JSON input; - reads stdin.")],
    goal: Annotated[str, typer.Option(help="What to reach, in words; at most 2000 characters.")] = "",
    wait: Annotated[bool, typer.Option("--wait/--detach", help="Wait for the end, or only print the run's id.")] = True,
    timeout_s: Annotated[
        float | None, typer.Option("--timeout", min=0, metavar="S", help="Wait at most so long; exit 8 after it.")
    ] = None,
    key: Annotated[
        str | None, typer.Option("--idempotency-key", metavar="K", help="The same key names the same run.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(metavar="PROVIDER:NAME", help="Plan by this model instead of the agent's planner.")
    ] = None,
    act_as: AsOption = None,
    output: OutputOption = Format.TABLE,
) -> None:
    """Run an agent on an input, and wait for its end."""
    from gateway.cli.reading import read_json

    content = read_json(source)
    started: list[str] = []

    async def work(session: Session) -> int:
        front, record = await _submit(
            session, act_as=act_as, agent=agent, content=content, goal=goal, key=key, model=model
        )
        started.append(record.run_id)
        if not wait:
            _print_detached(record, output)
            return 0
        from gateway.cli.watch import wait_for_end

        return await wait_for_end(front, record.run_id, timeout_s, output)

    try:
        code = perform(context, work)
    except KeyboardInterrupt:
        if started:
            say(f"interrupted; run {started[0]} goes on: proctor watch {started[0]}")
        raise typer.Exit(EXIT_INTERRUPTED) from None
    raise typer.Exit(code)


def _print_detached(record: "RunRecord", output: Format) -> None:
    if output is Format.TABLE:
        emit(record.run_id)
    else:
        print_one(record, output, {})


async def _submit(
    session: Session, *, act_as: str | None, agent: str, content: Any, goal: str, key: str | None, model: str | None
) -> "tuple[Front, RunRecord]":
    front = await session.front(act_as)
    done = await front.submit(_order(agent, content, goal, model), key)
    record = done.run
    say(f"run {record.run_id} {'accepted' if done.is_new else f'exists already ({record.status})'}")
    if done.note:
        say(done.note)
    return front, record


def _order(agent: str, content: Any, goal: str, model: str | None) -> "TaskOrder":
    from pydantic import ValidationError

    from gateway.front_models import TaskOrder
    from gateway.unfitting import misfit_of

    try:
        return TaskOrder.model_validate({"agent": agent, "input": content, "goal": goal, "model": model})
    except ValidationError as error:
        raise misfit_of(error, hint="shorten it") from error


def ps(
    context: typer.Context,
    *,
    agent: Annotated[str | None, typer.Option(help="Only runs of this agent.")] = None,
    is_open: Annotated[bool, typer.Option("--open", help="Only runs that have not ended.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many, newest first.")] = 50,
    act_as: AsOption = None,
    output: OutputOption = Format.TABLE,
) -> None:
    """List runs, newest first."""

    async def work(session: Session) -> "list[RunRecord]":
        from gateway.front_models import MAX_PAGE, RunQuery
        from proctor.contracts.ids import AgentName

        front, found, cursor = await session.reader(act_as), list["RunRecord"](), None
        name = AgentName(agent) if agent else None
        while len(found) < limit:
            size = min(limit - len(found), MAX_PAGE)
            page = await front.runs(RunQuery(agent=name, open_only=is_open, limit=size, cursor=cursor))
            found += page.items
            cursor = page.next_cursor
            if cursor is None:
                break
        return found

    print_rows(perform(context, work), output, _RUN_COLUMNS, _NARROW, empty="there are no such runs")


def show(context: typer.Context, run_id: RunArgument, output: OutputOption = Format.TABLE) -> None:
    """Show a run. Its standing, its report, and what waits for a person."""
    from gateway.approvals import ways_to_decide
    from proctor.contracts.ids import RunId

    async def work(session: Session) -> dict[str, Any]:
        from gateway.cli.output import plain

        detail = await (await session.reader()).run(RunId(run_id))
        requests = [{**plain(request), "decide_by": ways_to_decide(request)} for request in detail.waiting_for]
        shown: dict[str, Any] = plain(detail.run)
        return {**shown, "audit_head": plain(detail.audit_head), "report": detail.report, "waiting_for": requests}

    found = perform(context, work)
    head = found["audit_head"]
    as_given = f"{head['n']}:{head['hash']}" if head else None  # As `audit verify --head` takes it.
    print_one(found | {"audit_head": as_given} if output is Format.TABLE else found, output, _RUN_FIELDS)
    if output is Format.TABLE:
        for request in found["waiting_for"]:
            say(f"waits for a person until {moment_line(request['expires_at'])}: {request['title']}")
            if arguments := request["details"].get("arguments"):
                say(f"  with exactly {encode(arguments)}")
            say("  " + "\n  ".join(request["decide_by"]))
        if found["report"] is not None:
            print_json(found["report"])


def receipt(context: typer.Context, run_id: RunArgument, output: OutputOption = Format.TABLE) -> None:
    """Say what a run had done. Every effect, its fate, and what was taken back."""
    from proctor.contracts.ids import RunId

    async def work(session: Session) -> Any:
        return await (await session.reader()).receipt(RunId(run_id))

    print_receipt(perform(context, work), output)


def print_receipt(found: Any, output: Format) -> None:
    """Print a receipt; the table has the effects on stdout and the rest as messages."""
    if output is not Format.TABLE:
        print_json(found, indent=2 if output is Format.JSON else None)
        return
    say(f"run {found.run_id}: {found.status}" + (f" by fence {found.epoch}" if found.epoch is not None else ""))
    if found.lines:
        print_rows(found.lines, output, _RECEIPT_COLUMNS)
    else:
        say("no effect was attempted")
    if found.status == "killed" and "terminated" in found.reason:
        say(found.reason)
    for item in found.open_items:
        say(f"open item: {item} (proctor approvals)")
