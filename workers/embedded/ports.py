"""Ports on the loopback interface, held from their choice until the server that they are for is gone."""

import socket
import sys
from typing import Self

from proctor.contracts.errors import Unavailable

LOOPBACK = "127.0.0.1"
CAN_HOLD = sys.platform == "linux"
"""Whether a socket that is bound and does not listen leaves the port to a listener that allows reuse, and to no other.

Elsewhere a port is only looked for, and somebody else may take it before its server does.
"""


class HeldPort:
    """A port that the kernel gives to nobody else, neither to listen on nor for an outgoing connection.

    A server that sets `SO_REUSEADDR`, as Go, Python's and Rust's do, listens on it meanwhile, again and again.
    """

    def __init__(self, port: int = 0) -> None:
        """Take `port`, or a free one for 0. Raises `OSError` when something listens there."""
        self._keeper = socket.socket()
        try:
            self._keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._keeper.bind((LOOPBACK, port))
        except OSError:
            self._keeper.close()
            raise
        self.number = int(self._keeper.getsockname()[1])
        if not CAN_HOLD:
            self._keeper.close()

    def release(self) -> None:
        """Leave it to whoever wants it. Repeated: nothing."""
        self._keeper.close()

    def __enter__(self) -> Self:
        """Hold it for the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Release it."""
        self.release()


def claim_port(port: int, *, what: str, remedy: str) -> HeldPort:
    """Hold `port` when it can be listened on, or a free one for 0.

    Raises:
        Unavailable: something else listens there; `what` and `remedy` tell the reader what to do.

    """
    try:
        return HeldPort(port)
    except OSError as error:
        raise Unavailable(f"port {port} for {what} is occupied", hint=remedy) from error
