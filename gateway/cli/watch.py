"""`proctor watch`, and how `proctor run` waits."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.output import Format, encode, fit, plain, print_json, say
from gateway.cli.session import Session, perform

if TYPE_CHECKING:
    from gateway.front import Front
    from proctor.contracts.ids import RunId
    from proctor.contracts.run import RunRecord

NO_WORKER_AFTER_S = 5.0


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("watch")(watch)


def watch(
    context: typer.Context,
    run_id: Annotated[str, typer.Argument(metavar="RUN", help="The run's id.")],
    timeout_s: Annotated[
        float | None, typer.Option("--timeout", min=0, metavar="S", help="Watch at most so long; exit 8 after it.")
    ] = None,
    output: Annotated[
        Format | None, typer.Option("--output", "-o", help="table at a terminal, jsonl otherwise.")
    ] = None,
) -> None:
    """Watch a run until its end. Lines at a terminal, its audit records as JSON lines otherwise."""
    from proctor.contracts.ids import RunId

    chosen = output or (Format.TABLE if sys.stdout.isatty() else Format.JSONL)

    async def work(session: Session) -> int:
        front = await session.reader()
        found = await front.run(RunId(run_id))
        if chosen is Format.TABLE:
            return await wait_for_end(front, found.run.run_id, timeout_s, chosen)
        return await _stream(front, found.run.run_id, timeout_s)

    try:
        code = perform(context, work)
    except KeyboardInterrupt:
        say(f"interrupted; run {run_id} goes on")
        raise typer.Exit(130) from None
    raise typer.Exit(code)


async def wait_for_end(front: "Front", run_id: "RunId", timeout_s: float | None, output: Format) -> int:
    """Tell on stderr what happens, print the result on stdout, and give the exit code; 8 when time is up."""
    import asyncio

    hint = asyncio.create_task(_mind_absent_worker(front, run_id))
    try:
        async with asyncio.timeout(timeout_s):
            await _narrate(front, run_id)
    except TimeoutError:
        say(f"still {(await _standing(front, run_id)).status} after {timeout_s:g} s: proctor watch {run_id}")
        return 8
    finally:
        hint.cancel()
    return await _print_result(front, run_id, output)


async def _narrate(front: "Front", run_id: "RunId") -> None:
    from gateway.narration import is_quiet, sentence

    told: set[str] = set()
    async for record in front.follow(run_id):
        if not is_quiet(record):
            for line in fit(f"{record.at:%H:%M:%S}  {sentence(record)}", sys.stderr, indent=10):
                say(line)
        if "request" in record.body:
            await _say_whose_turn(front, run_id, told)


async def _say_whose_turn(front: "Front", run_id: "RunId", told: set[str]) -> None:
    from gateway.approvals import ways_to_decide

    for request in await front.approvals(run_id):
        if request.id in told:
            continue
        told.add(request.id)
        say(
            f"          waits until {request.expires_at:%Y-%m-%d %H:%M:%S %Z} for {request.owner} or an approver "
            f"other than {request.requester}, signed in or by --as NAME:"
        )
        if arguments := request.details.get("arguments"):
            for line in fit(f"            with exactly {encode(arguments)}", sys.stderr, indent=14):
                say(line)
        for way in ways_to_decide(request):
            say(f"            {way}")


async def _mind_absent_worker(front: "Front", run_id: "RunId") -> None:
    import asyncio

    from proctor.contracts.run import RunStatus

    await asyncio.sleep(NO_WORKER_AFTER_S)
    if (await _standing(front, run_id)).status is RunStatus.ACCEPTED:
        say("no worker has taken the run up yet: start one with `proctor worker` (or see `proctor doctor`)")


async def _standing(front: "Front", run_id: "RunId") -> "RunRecord":
    return (await front.run(run_id)).run


async def _print_result(front: "Front", run_id: "RunId", output: Format) -> int:
    from gateway.cli.exits import exit_code_of

    found = await front.run(run_id)
    record, report = found.run, found.report
    reason = f": {record.status_reason}" if record.status_reason else ""
    say(f"run {run_id} {record.status}{reason} ({record.steps} steps, ${record.cost_usd})")
    if output is not Format.TABLE:
        print_json({**plain(record), "report": report}, indent=2 if output is Format.JSON else None)
    elif report is not None:
        print_json(report)
    return exit_code_of(record.status)


async def _stream(front: "Front", run_id: "RunId", timeout_s: float | None) -> int:
    import asyncio

    from gateway.cli.exits import exit_code_of

    try:
        async with asyncio.timeout(timeout_s):
            async for record in front.follow(run_id):
                print_json(record, indent=None)
    except TimeoutError:
        return 8
    return exit_code_of((await _standing(front, run_id)).status)
