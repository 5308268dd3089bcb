"""A person at the wheel of a run: the row first, then the wake-up (rule 6)."""

import asyncio

from gateway.engine import RunEngine
from proctor.contracts.archive_ports import RunArchive
from proctor.contracts.control import ControlOrder, ControlReceipt
from proctor.contracts.control_ports import Controls
from proctor.contracts.errors import Unavailable
from proctor.contracts.human import Principal
from proctor.contracts.ids import RunId
from proctor.contracts.manifest import PlaybookPlannerSpec
from proctor.contracts.ports import RunJournal
from proctor.contracts.wire import RunSteered

WAKE_ATTEMPTS = 3
WAKE_PAUSE_S = 0.5
DRIVING = frozenset({"take_over", "act", "hand_back"})
FOLLOWS_ITS_PLAYBOOK = "on record; this agent follows its playbook and does not read messages"


async def steer(
    order: ControlOrder,
    *,
    by: Principal,
    controls: Controls,
    archive: RunArchive,
    journal: RunJournal,
    engine: RunEngine,
    pause_s: float = WAKE_PAUSE_S,
) -> ControlReceipt:
    """Record an order to a run and wake it. `ControlReceipt.note` says what the person should know besides.

    From here on a pause and a take-over hold, whether the run was woken or not.

    Raises:
        NotAuthorised: `by` may not order this.
        Refused: the run has ended, or somebody else drives it.
        InvalidInput: arguments that the pinned tool does not take; `UnknownName`; `IdempotencyConflict`.
        Unavailable: the store does not answer.

    """
    receipt = await controls.order(order, by)
    is_unheard = order.word == "say" and await _follows_a_playbook(order.run_id, archive, journal)
    note = FOLLOWS_ITS_PLAYBOOK if is_unheard else ""
    is_held = order.word in DRIVING and receipt.wheel.paused_by is not None
    resume = f"nothing begins before it is resumed: proctor resume {order.run_id}" if is_held else ""
    trouble = await _wake(receipt, engine, pause_s)
    notes = [said for said in (receipt.note, note, resume, trouble) if said]
    return receipt.model_copy(update={"note": "; ".join(notes)})


async def _follows_a_playbook(run_id: RunId, archive: RunArchive, journal: RunJournal) -> bool:
    record = await archive.run(run_id)
    if record.bundle_digest is None:
        return False
    planner = (await journal.bundle(record.bundle_digest)).manifest.planner
    return planner is None or isinstance(planner, PlaybookPlannerSpec)


async def _wake(receipt: ControlReceipt, engine: RunEngine, pause_s: float) -> str:
    """Wake the run; says what went wrong. A repeated order wakes again: the first wake-up may have been lost."""
    message, reason = RunSteered(entry=receipt.entry.n), ""
    for attempt in range(WAKE_ATTEMPTS):
        try:
            await engine.steer(message, receipt.entry.run_id)
        except Unavailable as error:
            reason = error.message
            if attempt + 1 < WAKE_ATTEMPTS:
                await asyncio.sleep(pause_s * 2**attempt)
        else:
            return ""
    return f"the order holds, but the run was not told ({reason}); it reads it when it next looks"
