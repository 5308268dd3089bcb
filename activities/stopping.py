"""Being told to stop: heard at once, and heeded where nothing is half written."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from temporalio import activity

Result = TypeVar("Result")


class Stop:
    """Whether Temporal has told this activity to stop, and why."""

    def __init__(self) -> None:
        """Begin untold."""
        self._told = asyncio.Event()

    @property
    def is_told(self) -> bool:
        """Whether the activity was told to stop, for whatever reason."""
        return self._told.is_set()

    @property
    def ends_run(self) -> bool:
        """Whether the run is being stopped, and not just this worker."""
        details = activity.cancellation_details()
        return self.is_told and (details is None or details.cancel_requested)

    def tell(self) -> None:
        """Tell it."""
        self._told.set()

    def raise_if_told(self) -> None:
        """Raise the cancellation, where nothing is half done. Raises `CancelledError`."""
        if self.is_told:
            raise asyncio.CancelledError

    async def wait_for(self, work: "asyncio.Future[Any]") -> None:
        """Return when `work` has ended or the activity is told to stop, whichever comes first."""
        telling = asyncio.ensure_future(self._told.wait())
        try:
            await asyncio.wait({work, telling}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            telling.cancel()

    async def sleep(self, seconds: float) -> None:
        """Wait, whoever stops the run; raises `CancelledError` when it is this worker alone that stops."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._told.wait()
        if self.is_told and not self.ends_run:
            raise asyncio.CancelledError
        await asyncio.sleep(max(0.0, end - loop.time()))


async def heeding(work: Callable[[Stop], Coroutine[Any, Any, Result]]) -> Result:
    """Do `work` to its end, though Temporal cancels the activity meanwhile; the work asks its `Stop`.

    A cancellation raised inside it would also strike between an effect and its record: an intent that was just
    written, or an outcome that was in hand, would be lost, and the effect stand as unknown (rule 2).
    """
    stop = Stop()
    working = asyncio.ensure_future(work(stop))
    while True:
        try:
            return await asyncio.shield(working)
        except asyncio.CancelledError:
            if working.cancelled():
                raise
            stop.tell()
