"""Python tools that are not trusted: each call in a sandboxed interpreter of its own."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any, Final

from proctor.contracts.canonical import summarize
from proctor.contracts.errors import ProctorError
from proctor.contracts.tool import Failed, PythonImplementation, ToolContract, ToolInvocation, ToolOutcome
from proctor.tools.process_adapter import failure, profile_of
from proctor.tools.results import confirm
from proctor.tools.sandbox.port import Sandbox

_PACKAGES: Final = Path(__file__).resolve().parents[2]
_CODE: Final = "import sys;sys.path.extend({paths!r});from proctor.tools.sandbox.function import main;main()"


class SandboxedPython:
    """Calls a function in a process of its own, which imports it there: its module is never imported here.

    The module must lie in a folder of the profile's `reads`, or be installed. The function gets no `resources`. As
    with every sandboxed process, a call that did not succeed has failed, for sure.
    """

    def __init__(self, sandbox: Sandbox, root: Path) -> None:
        """Take the sandbox, and the project that modules are imported from."""
        self._sandbox, self._root = sandbox, root

    async def invoke(self, contract: ToolContract, invocation: ToolInvocation) -> ToolOutcome:
        """Call the function. See `ToolPort.invoke`."""
        implementation = contract.implementation
        assert isinstance(implementation, PythonImplementation)
        call = {
            "function": implementation.function,
            "is_read": contract.is_read,
            "arguments": invocation.arguments,
            "key": invocation.key,
        }
        paths = [str(self._root), *([] if self._root == _PACKAGES else [str(_PACKAGES)])]
        try:
            ran = await self._sandbox.run(
                [sys.executable, "-I", "-c", _CODE.format(paths=paths)],
                profile_of(contract),
                timeout_s=contract.timeout_s,
                stdin=json.dumps(call).encode(),
                shows=[_PACKAGES / "proctor"],
            )
        except ProctorError as error:
            return Failed(error=summarize(f"{contract.name}: {error.diagnostics()}", 500), retryable=error.retryable)
        except asyncio.CancelledError:
            return Failed(error=f"{contract.name} was stopped; nothing left its sandbox")
        return failure(contract, ran) or _outcome(contract, ran.stdout)

    def problems(self, contract: ToolContract) -> list[str]:
        """Say why the contract cannot be called as it stands; the function itself is not looked at."""
        found = [f"{contract.name} is sandboxed, and a sandboxed function has no credentials"]
        refusal = self._sandbox.refusal(profile_of(contract))
        return (found if contract.credentials else []) + ([refusal] if refusal else [])


def _outcome(contract: ToolContract, said: bytes) -> ToolOutcome:
    try:
        answer: Any = json.loads(said)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        # The function may have written there itself: nothing of it is taken for granted.
        return Failed(error=f"{contract.name} ended without an answer")
    if "error" in answer:
        return Failed(error=summarize(str(answer["error"]), 500), retryable=answer.get("retryable") is True)
    return confirm(contract, answer.get("value"))
