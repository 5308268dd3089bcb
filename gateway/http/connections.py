"""How long and how much of a request's head is waited for, before anybody is known to be asking."""

from asyncio import TimerHandle, Transport

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol


class GuardedProtocol(H11Protocol):
    """Closes connections whose request does not begin, or whose head does not end, in time.

    h11 takes heads of at most 64 KiB; what uvicorn takes by itself, httptools where it is installed, has no such limit.
    """

    HEAD_S = 15.0
    _due: TimerHandle | None = None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Wait for the first head."""
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._stop_waiting()
        super().connection_lost(exc)

    def handle_events(self) -> None:
        """Take what came; part of a further head begins its time."""
        super().handle_events()
        if self.conn.their_state is not h11.IDLE:
            self._stop_waiting()
        elif self._due is None and self.conn.trailing_data[0]:
            self._await_head()

    def _await_head(self) -> None:
        self._due = self.loop.call_later(self.HEAD_S, self.transport.abort)

    def _stop_waiting(self) -> None:
        if self._due is not None:
            self._due.cancel()
            self._due = None
