"""How a call passes breakers, rate limits and room: what it asks for, how it waits, and what its end tells them."""

import asyncio
import logging
import random
from typing import Any, Final

from activities.stopping import Stop
from proctor.contracts.dispatching import Admitted, Waiting
from proctor.contracts.errors import NoRoom, Unavailable
from proctor.contracts.ids import EffectKey
from proctor.contracts.ports import ToolPort
from proctor.contracts.tool import Failed, ToolContract, ToolOutcome, Unknown
from proctor.contracts.traffic import CallEnd, Lane, Traffic

SHORT_WAIT_S: Final = 1.0
"""Up to here a call waits in its worker; for longer it gives its place there to others, and Temporal wakes it."""
LEASE_MARGIN_S: Final = 15.0
"""Added to a tool's time-out: by then a call whose worker is lost cannot be under way any more."""
JITTER: Final = 0.25
"""By how much of itself a pause is longer or shorter, so that calls that failed together do not come back together."""
UNDO_PATIENCE_S: Final = 600.0
"""How long taking an effect back waits at least: it must come to pass."""

_log = logging.getLogger(__name__)


def lane_of(
    contract: ToolContract,
    arguments: dict[str, Any],
    tenant: str,
    tools: ToolPort,
    *,
    despite_open: bool = False,
    patience_s: float = 0.0,
) -> Lane:
    """Give the lane of a call; `patience_s` is the least that it waits."""
    return Lane(
        tool=contract.name,
        tenant=tenant,
        hosts=tuple(dict.fromkeys(tools.egress_hosts(contract, arguments))),
        rate_limit=contract.rate_limit,
        concurrency=contract.concurrency,
        breaker=contract.breaker,
        patience_s=max(contract.patience_s, patience_s),
        lease_s=contract.timeout_s + LEASE_MARGIN_S,
        despite_open=despite_open,
    )


def jittered(seconds: float) -> float:
    """Spread a pause around its length."""
    return seconds * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - nothing is kept secret by it


def end_of(outcome: ToolOutcome) -> tuple[CallEnd, str]:
    """Say what an outcome tells of the tool and its hosts: a refusal is an answer, a lost answer is a fault."""
    if isinstance(outcome, Unknown):
        return CallEnd.FAULT, outcome.error
    if isinstance(outcome, Failed):
        is_fault = outcome.retryable if outcome.is_fault is None else outcome.is_fault
        if is_fault:
            return CallEnd.FAULT, outcome.error
        return (CallEnd.UNTOLD if outcome.retryable else CallEnd.ANSWERED), ""
    return CallEnd.ANSWERED, ""


class Patience:
    """Waits a short while for room within one attempt; beyond that the attempt ends, and another comes later."""

    def __init__(self, stop: Stop | None = None) -> None:
        """Begin to wait, for as long as nobody stops the activity."""
        self._left_s, self._stop = SHORT_WAIT_S, stop

    async def wait(self, waiting: Waiting) -> None:
        """Return when it is time to ask again. Raises `NoRoom` when that is not soon."""
        passage = waiting.passage
        if passage.wait_s > self._left_s:
            raise NoRoom(passage.reason, retry_after_s=passage.wait_s)
        self._left_s -= max(passage.wait_s, 0.01)
        sleeping = asyncio.ensure_future(asyncio.sleep(passage.wait_s))
        if self._stop is None:
            await sleeping
            return
        await self._stop.wait_for(sleeping)
        sleeping.cancel()
        self._stop.raise_if_told()


class Ends:
    """Tells breakers and room how calls ended."""

    def __init__(self, traffic: Traffic) -> None:
        """Take the port."""
        self._traffic = traffic

    async def tell(
        self, lane: Lane, key: EffectKey, admitted: Admitted, outcome: ToolOutcome | None, *, is_stopped: bool = False
    ) -> None:
        """Tell it, where it is news to anybody; None: the call was not sent.

        An absent store is not the call's failure: its lease runs out by itself.
        """
        end, error = (CallEnd.UNTOLD, "") if outcome is None or is_stopped else end_of(outcome)
        is_news = admitted.turn or end is CallEnd.FAULT or (admitted.is_watched and end is CallEnd.ANSWERED)
        if not is_news:
            return
        try:
            await self._traffic.leave(lane, key, admitted.turn, end, error)
        except Unavailable as absent:
            _log.warning("the end of %s was not told to its breakers: %s", key, absent.message)
