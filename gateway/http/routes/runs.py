"""Tasks and runs."""

import json
from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import Field

from gateway.auditing import Trail, export_lines
from gateway.explaining import Story
from gateway.front_models import (
    MAX_PAGE,
    AuditTrail,
    Page,
    RunControl,
    RunDetail,
    RunQuery,
    SubmittedRun,
    TaskOrder,
    UndoOutcome,
)
from gateway.http.callers import Caller, CallersFront, parts_of
from gateway.http.forms import Name, RunPath
from gateway.http.streaming import NewRecords, events_of, new_records
from proctor.contracts.base import Contract
from proctor.contracts.control import ControlOrder, ControlReceipt, ControlWord, PersonsCall, UndoPreview
from proctor.contracts.ids import AgentName, RunId
from proctor.contracts.kill import Receipt
from proctor.contracts.run import RunRecord

LINES: dict[int | str, dict[str, Any]] = {
    200: {"description": "JSON lines", "content": {"application/jsonl": {"schema": {"type": "string"}}}}
}
EVENTS: dict[int | str, dict[str, Any]] = {
    200: {"description": "Server-sent events", "content": {"text/event-stream": {"schema": {"type": "string"}}}}
}


class RunOrder(Contract):
    """What a person wants of a run that goes on."""

    word: ControlWord
    text: str = Field(default="", max_length=4000)
    """For `say`: the message; otherwise the reason."""
    call: PersonsCall | None = None
    """For `act`."""
    key: str = Field(default="", max_length=100)
    """The same key on the same run is the same order."""


class UndoCommand(Contract):
    """Take back what can be."""

    reason: str = Field(default="", max_length=500)
    wait_s: float = Field(default=30.0, ge=0, le=60)


def build_routes() -> APIRouter:
    """Give the routes of tasks and runs."""
    router = APIRouter(tags=["runs"])
    router.post(
        "/tasks", status_code=201, responses={200: {"model": SubmittedRun, "description": "It exists already"}}
    )(submit)
    router.get("/runs")(list_runs)
    router.get("/runs/{run_id}")(show)
    router.get("/runs/{run_id}/receipt")(receipt)
    router.get("/runs/{run_id}/explanation")(explain)
    router.get("/runs/{run_id}/records")(records)
    router.get("/runs/{run_id}/events", response_class=StreamingResponse, responses=EVENTS)(events)
    router.get("/runs/{run_id}/control")(control)
    router.post("/runs/{run_id}/control")(steer)
    router.get("/runs/{run_id}/undo")(preview_undo)
    router.post("/runs/{run_id}/undo")(undo)
    router.get("/audit", tags=["audit"])(chains)
    router.get("/audit/{chain_id}", tags=["audit"])(trail)
    router.get("/audit/{chain_id}/export", tags=["audit"], response_class=StreamingResponse, responses=LINES)(export)
    return router


async def submit(
    front: CallersFront,
    order: TaskOrder,
    response: Response,
    idempotency_key: Annotated[
        str | None, Header(max_length=200, description="The same key with the same order names the same run.")
    ] = None,
) -> SubmittedRun:
    """Ask for a run of an agent. 201 when it is new, 200 when its idempotency key named a run that exists."""
    done = await front.submit(order, idempotency_key)
    response.status_code = 201 if done.is_new else 200
    response.headers["location"] = f"/v1/runs/{done.run.run_id}"
    return done


async def list_runs(
    front: CallersFront,
    agent: Annotated[Name | None, Query(description="Only runs of this agent.")] = None,
    open_only: Annotated[bool, Query(description="Only runs that have not ended.")] = False,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 50,
    cursor: Annotated[str | None, Query(max_length=400, description="`next_cursor` of the page before.")] = None,
) -> Page[RunRecord]:
    """List runs, newest first. A requester sees their own, every other role all of them."""
    name = None if agent is None else AgentName(agent)
    return await front.runs(RunQuery(agent=name, open_only=open_only, limit=limit, cursor=cursor))


async def show(front: CallersFront, run_id: RunPath) -> RunDetail:
    """Show a run: its standing, its report, what it waits for."""
    return await front.run(RunId(run_id))


async def receipt(front: CallersFront, run_id: RunPath) -> Receipt:
    """Say what a run had done: every effect, its fate, and what was taken back."""
    return await front.receipt(RunId(run_id))


async def explain(front: CallersFront, run_id: RunPath) -> Story:
    """Say why a run did what it did, from its records alone."""
    return await front.explain(RunId(run_id))


async def records(
    request: Request,
    front: CallersFront,
    run_id: RunPath,
    after: Annotated[int, Query(ge=-1, le=2**31 - 1, description="Number of the newest record that you have.")] = -1,
    wait_s: Annotated[float, Query(ge=0, le=30, description="How long to wait for a new one.")] = 0,
) -> NewRecords:
    """Give audit records behind `after`, waiting for the first one (long poll)."""
    await front.receipt(RunId(run_id))
    return await new_records(front.follow(RunId(run_id), after), wait_s, parts_of(request).stopping)


async def events(  # noqa: PLR0917 - FastAPI passes all of them by name
    request: Request,
    who: Caller,
    front: CallersFront,
    run_id: RunPath,
    after: Annotated[int, Query(ge=-1, le=2**31 - 1)] = -1,
    last_event_id: Annotated[str | None, Header(pattern=r"^[0-9]{1,9}$")] = None,
) -> StreamingResponse:
    """Stream a run's audit records as they come, until it ends (server-sent events; `Last-Event-ID` goes on)."""
    parts = parts_of(request)
    await front.receipt(RunId(run_id))
    parts.rates.begin_stream(who.name)
    start = after if last_event_id is None else max(after, int(last_event_id))

    async def body() -> AsyncIterator[str]:
        try:
            async for line in events_of(front.follow(RunId(run_id), start), parts.stopping):
                yield line
        finally:
            parts.rates.end_stream(who.name)

    return StreamingResponse(body(), media_type="text/event-stream", headers={"x-accel-buffering": "no"})


async def control(front: CallersFront, run_id: RunPath) -> RunControl:
    """Say who drives a run, and which orders were given."""
    return await front.control(RunId(run_id))


async def steer(front: CallersFront, run_id: RunPath, order: RunOrder) -> ControlReceipt:
    """Pause, resume, say something, take over, act, or hand back."""
    return await front.steer(ControlOrder(run_id=RunId(run_id), **order.model_dump()))


async def preview_undo(front: CallersFront, run_id: RunPath) -> UndoPreview:
    """Say what taking a run back would do, and what it cannot. Changes nothing."""
    return await front.preview_undo(RunId(run_id))


async def undo(front: CallersFront, run_id: RunPath, command: UndoCommand) -> UndoOutcome:
    """Take back what can be, of a run that has ended. Repeating it is safe."""
    return await front.undo(RunId(run_id), command.reason, wait_s=command.wait_s)


async def chains(front: CallersFront) -> Sequence[str]:
    """List every audit chain: runs, then agents and the installation."""
    return await front.chains()


async def trail(front: CallersFront, chain_id: RunPath) -> AuditTrail:
    """Give a chain's records with the witnesses for them."""
    return await front.audit(RunId(chain_id))


async def export(front: CallersFront, chain_id: RunPath) -> StreamingResponse:
    """Give a chain as JSON lines, for `proctor audit verify --file`."""
    found = await front.audit(RunId(chain_id))
    whole = Trail(found.run_id, list(found.records), list(found.witnesses))
    lines = (json.dumps(line, ensure_ascii=False) + "\n" for line in export_lines(whole))
    return StreamingResponse(lines, media_type="application/jsonl")
