"""Ports on the loopback interface."""

import socket

from proctor.contracts.errors import Unavailable

LOOPBACK = "127.0.0.1"


def free_port() -> int:
    """Give a port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def claim_port(port: int, *, what: str, remedy: str) -> int:
    """Give `port` when it can be listened on, or a free one for 0.

    Raises:
        Unavailable: something else listens there; `what` and `remedy` tell the reader what to do.

    """
    if port == 0:
        return free_port()
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            raise Unavailable(f"port {port} for {what} is occupied", hint=remedy) from error
    return port
