"""Tools that are Python functions of this process."""

import asyncio
import contextvars
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import httpx
from pydantic_core import PydanticSerializationError, to_jsonable_python

from proctor.contracts.canonical import summarize
from proctor.contracts.credentials import Secret
from proctor.contracts.errors import EgressDenied, InvalidInput, ProctorError
from proctor.contracts.tool import Failed, PythonImplementation, ToolContract, ToolInvocation, ToolOutcome, Unknown
from proctor.tools.authoring import OutcomeUnknown, ToolFailed, ToolResources
from proctor.tools.credential_uses import foreign_places, resolved
from proctor.tools.egress.settings import UNKNOWN_HOST, hosts_of
from proctor.tools.results import confirm, lost, unusable
from proctor.tools.sandboxed_python import SandboxedPython
from proctor.tools.signature import IDEMPOTENCY_KEY, RESOURCES, Signature, load_signature

SECRET_PLACES = frozenset({"argument"})
STOP_GRACE_S = 0.5
"""How long a coroutine that was told to stop may take before it is left to itself."""


@dataclass(frozen=True)
class _Ended:
    value: Any = None
    error: BaseException | None = None


class PythonAdapter:
    """Awaits async functions; runs plain ones in a thread of their own.

    A thread cannot be stopped: a cancelled call is followed to its end, within the contract's time-out, and what it
    did is what is reported. A coroutine is stopped at once.
    """

    kind = "python"

    def __init__(self, resources: ToolResources, sandboxed: SandboxedPython | None = None) -> None:
        """Take what tools may ask for, and what calls those with a sandbox profile; None: they are not called."""
        self._resources, self._sandboxed = resources, sandboxed
        self._strays: set[asyncio.Future[_Ended]] = set()

    async def invoke(self, contract: ToolContract, invocation: ToolInvocation) -> ToolOutcome:
        """Call the function with typed arguments. See `ToolPort.invoke`."""
        if contract.sandbox is not None:
            if self._sandboxed is None:
                return Failed(error=_unsandboxed(contract))
            return await self._sandboxed.invoke(contract, invocation)
        try:
            signature = _signature(contract)
            arguments = signature.bind(invocation.arguments)
            placed = await resolved(contract, self._resources.credentials, SECRET_PLACES)
            secrets = {name: Secret(placed.argument[name]) for name in signature.secrets}
        except ProctorError as error:
            return Failed(error=error.diagnostics(), retryable=error.retryable)
        except KeyError as error:
            return Failed(error=f"{contract.name}: no credential goes to the parameter {error}")
        gifts = {RESOURCES: self._resources.for_tool(contract), IDEMPOTENCY_KEY: invocation.key}
        arguments |= secrets | {name: gifts[name] for name in signature.injected}
        call = partial(signature.function, **arguments)
        if signature.is_async:
            return await self._await(contract, call)
        ended, _ = await _wait(_in_thread(call), contract.timeout_s, patient=True)
        return lost(contract, _late(contract)) if ended is None else _outcome(contract, ended)

    def egress_hosts(self, contract: ToolContract, arguments: dict[str, Any]) -> tuple[str, ...]:
        """Name the hosts of its egress entries: by `ToolResources.http` it reaches no other."""
        del arguments
        try:
            return hosts_of(self._resources.for_tool(contract).egress())
        except InvalidInput:
            return (UNKNOWN_HOST,)

    def problems(self, contract: ToolContract) -> list[str]:
        """Say why the contract cannot be called as it stands. A sandboxed function is not even imported here."""
        if contract.sandbox is not None:
            return [_unsandboxed(contract)] if self._sandboxed is None else self._sandboxed.problems(contract)
        try:
            derived = _signature(contract).input_schema()
        except InvalidInput as error:
            return [error.diagnostics()]
        try:
            hosts_of(self._resources.for_tool(contract).egress())
        except InvalidInput as error:
            return [error.diagnostics()]
        if found := _misplaced(contract):
            return found
        taken, declared = set(derived.get("properties", {})), set(contract.input_schema.get("properties", {}))
        missing = set(derived.get("required", ())) - declared
        return [f"the function needs {name}, which the input schema does not have" for name in sorted(missing)] + [
            f"the input schema has {name}, which the function does not take" for name in sorted(declared - taken)
        ]

    async def aclose(self) -> None:
        """Stop the coroutines that outlived their call."""
        for stray in tuple(self._strays):
            stray.cancel()

    async def _await(self, contract: ToolContract, call: Callable[[], Any]) -> ToolOutcome:
        running = asyncio.ensure_future(_run(call))
        ended, cancelled = await _wait(running, contract.timeout_s, patient=False)
        if ended is None:
            running.cancel()
            ended, _ = await _wait(running, STOP_GRACE_S, patient=False)
        if ended is None:
            self._strays.add(running)
            running.add_done_callback(self._strays.discard)
        if ended is None or isinstance(ended.error, asyncio.CancelledError):
            return Unknown(error=f"{contract.name} was cancelled") if cancelled else lost(contract, _late(contract))
        return _outcome(contract, ended)


def _unsandboxed(contract: ToolContract) -> str:
    return f"{contract.name} is to run in a sandbox, and there is none here"


def _signature(contract: ToolContract) -> Signature:
    implementation = contract.implementation
    if not isinstance(implementation, PythonImplementation):
        raise InvalidInput(f"{contract.name} is not implemented in Python")
    return load_signature(implementation.function, is_read=contract.is_read)


def _misplaced(contract: ToolContract) -> list[str]:
    """Say which credentials go to no parameter of type `Secret`, and which of those get none."""
    given = {use.at.partition(":")[2] for use in contract.credentials if use.at}
    wanted = _signature(contract).secrets
    return [
        *foreign_places(contract, SECRET_PLACES),
        *(f"a credential goes to {name}, which is no parameter of type Secret" for name in sorted(given - wanted)),
        *(f"the function needs the secret {name}, which no credential gives" for name in sorted(wanted - given)),
    ]


def _late(contract: ToolContract) -> str:
    return f"{contract.name} gave no answer within {contract.timeout_s:g} s"


async def _run(call: Callable[[], Any]) -> _Ended:
    try:
        return _Ended(value=await call())
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - a tool that calls sys.exit() must not end the worker
        return _Ended(error=error)


def _in_thread(call: Callable[[], Any]) -> asyncio.Future[_Ended]:
    loop = asyncio.get_running_loop()
    future: asyncio.Future[_Ended] = loop.create_future()
    context = contextvars.copy_context()

    def deliver(ended: _Ended) -> None:
        if not future.done():
            future.set_result(ended)

    def body() -> None:
        try:
            ended = _Ended(value=context.run(call))
        except BaseException as error:  # noqa: BLE001 - as in `_run`
            ended = _Ended(error=error)
        with suppress(RuntimeError):  # the loop may be gone by now
            loop.call_soon_threadsafe(deliver, ended)

    # A daemon, and not a pool's thread: a tool that hangs must neither hold up others nor the end of the process.
    threading.Thread(target=body, name="tool", daemon=True).start()
    return future


async def _wait(running: asyncio.Future[_Ended], timeout_s: float, *, patient: bool) -> tuple[_Ended | None, bool]:
    """Wait for the end; gives what ended, if it did, and whether we were cancelled meanwhile."""
    loop = asyncio.get_running_loop()
    deadline, cancelled = loop.time() + timeout_s, False
    while not running.done() and (left := deadline - loop.time()) > 0:
        try:
            await asyncio.wait({running}, timeout=left)
        except asyncio.CancelledError:
            cancelled = True
            if not patient:
                break
    return (running.result() if running.done() and not running.cancelled() else None), cancelled


def _outcome(contract: ToolContract, ended: _Ended) -> ToolOutcome:
    if ended.error is not None:
        return _failure(contract, ended.error)
    try:
        value = to_jsonable_python(ended.value)
    except (PydanticSerializationError, ValueError) as error:
        return unusable(contract, f"the result is not JSON: {error}", repr(ended.value))
    return confirm(contract, value)


def _failure(contract: ToolContract, error: BaseException) -> ToolOutcome:
    said = error.diagnostics() if isinstance(error, ProctorError) else str(error)
    text = summarize(said or type(error).__name__, 500)
    match error:
        case ToolFailed():
            return Failed(error=text, retryable=error.retryable)
        case OutcomeUnknown():
            return lost(contract, text)
        case _ if contract.is_read:
            passing = isinstance(error, OSError | TimeoutError | httpx.TransportError)
            may_pass = passing and not isinstance(error, EgressDenied)
            return Failed(error=f"{type(error).__name__}: {text}", retryable=may_pass)
    return lost(contract, f"{type(error).__name__}: {text}")
