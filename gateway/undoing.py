"""Taking back what a run did that has ended."""

import asyncio
from dataclasses import dataclass

from gateway.engine import RunEngine
from proctor.contracts.control import UndoPreview
from proctor.contracts.control_ports import Undoing
from proctor.contracts.human import Principal
from proctor.contracts.ids import RunId
from proctor.contracts.kill import Receipt
from proctor.contracts.kill_ports import KillSwitch

WAIT_S = 30.0
POLL_S = 0.1


@dataclass(frozen=True)
class UndoReport:
    """What became of taking a run back."""

    preview: UndoPreview
    """As it stood before."""
    receipt: Receipt
    """As it stands now: `done`, `failed` (an open item) or `not_possible` for each effect."""
    is_finished: bool
    """False: it goes on, or waits for the worker; ask again, or look at the receipt later."""


async def preview_undo(run_id: RunId, *, undoing: Undoing) -> UndoPreview:
    """Tell what undoing a run would do, and what it cannot. Changes nothing. Raises `UnknownName`."""
    return await undoing.preview(run_id)


async def undo(
    run_id: RunId,
    *,
    by: Principal,
    reason: str = "",
    undoing: Undoing,
    kills: KillSwitch,
    engine: RunEngine,
    wait_s: float = WAIT_S,
) -> UndoReport:
    """Take back what can be, newest first, once each, and report. Repeating it is safe: what is done stays done.

    Raises:
        NotAuthorised: `by` is neither operator nor the agent's owner.
        Refused: the run has not ended.
        Unavailable: the store or the engine does not answer; ordering it again goes on.

    """
    preview = await undoing.order_undo(run_id, by, reason)
    is_finished = preview.possible == 0
    if not is_finished:
        await engine.take_back(run_id)
        is_finished = await _wait_for_end(run_id, engine, wait_s)
    return UndoReport(preview, await kills.receipt(run_id), is_finished)


async def _wait_for_end(run_id: RunId, engine: RunEngine, wait_s: float) -> bool:
    try:
        async with asyncio.timeout(wait_s):
            while await engine.is_taking_back(run_id):  # noqa: ASYNC110 - a workflow of another process
                await asyncio.sleep(POLL_S)
    except TimeoutError:
        return False
    return True
