"""`proctor dev` in the foreground: says where everything is, and stops all of it at the end."""

import asyncio
import contextlib
import signal
import sys

from proctor.contracts.errors import Unavailable
from proctor.settings import Settings
from workers.dev import DevStack, StackOrder

WATCH_S = 0.5


async def run_dev(settings: Settings, order: StackOrder) -> int:
    """Run the stack in the foreground until SIGINT or SIGTERM; gives the exit code.

    Raises:
        Unavailable: a part does not start, or cannot go on.

    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    stack = DevStack(settings, order)
    _say(f"starting on {stack.home}\n")
    starting = asyncio.ensure_future(stack.__aenter__())
    stopping = asyncio.ensure_future(stop.wait())
    await asyncio.wait((starting, stopping), return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():
        starting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await starting
            await stack.__aexit__()
        return 0
    await starting
    try:
        _say(_addresses(stack))
        await _watch(stack, stop)
    finally:
        _say("stopping\n")
        await stack.__aexit__()
    return 0


async def _watch(stack: DevStack, stop: asyncio.Event) -> None:
    while not stop.is_set():
        if problem := stack.problem():
            raise Unavailable(problem, hint="everything else was stopped; start `proctor dev` again")
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), WATCH_S)


def _addresses(stack: DevStack) -> str:
    gateway = stack.gateway
    lines = [
        ("Temporal", stack.endpoints.temporal.address),
        ("Temporal UI", stack.endpoints.temporal.ui_url or ""),
        ("Postgres", stack.endpoints.database_url),
        *(("Worker", f"{worker.health_url}/readyz") for worker in stack.workers),
        *(
            [("Gateway", f"{gateway.health_url}/v1"), ("Approvals", f"{gateway.health_url}/approvals")]
            if gateway
            else []
        ),
        ("Logs", str(stack.home / "logs")),
    ]
    return "".join(f"{name:<12} {value}\n" for name, value in lines) + "ready; Ctrl-C stops everything\n"


def _say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
