"""Tools that are commands, each call a process in the sandbox."""

import asyncio
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from proctor.contracts.canonical import canonical_json, summarize
from proctor.contracts.credentials import Credentials
from proctor.contracts.errors import InvalidInput, ProctorError
from proctor.contracts.sandboxing import SandboxProfile
from proctor.contracts.templates import MissingValueError, descend, fill, parse_template
from proctor.contracts.tool import Failed, ProcessImplementation, ToolContract, ToolInvocation, ToolOutcome
from proctor.tools.mcp.secrets import granted
from proctor.tools.results import confirm
from proctor.tools.sandbox.port import Ran, Sandbox

KEY_VARIABLE: Final = "PROCTOR_IDEMPOTENCY_KEY"
MAY_PASS: Final = 75
"""EX_TEMPFAIL of sysexits.h."""
END_OF_OPTIONS: Final = "--"
_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?", re.ASCII)


class ProcessAdapter:
    """Runs commands in the sandbox: arguments as JSON on standard input, the result as JSON on standard output.

    A sandboxed process reaches nothing outside: no network, no file that stays, no other process. So whatever becomes
    of it (it fails, passes a limit, is stopped, or is lost), the call is known not to have taken effect: it failed,
    and is never unknown.
    """

    kind = "process"

    def __init__(self, sandbox: Sandbox, root: Path, credentials: Credentials | None = None) -> None:
        """Take the sandbox, the project that relative commands are looked up in, and what resolves credentials."""
        self._sandbox, self._root, self._credentials = sandbox, root, credentials

    async def invoke(self, contract: ToolContract, invocation: ToolInvocation) -> ToolOutcome:
        """Run the command once. See `ToolPort.invoke`."""
        try:
            command = self._command(_implementation(contract), invocation.arguments)
            ran = await self._sandbox.run(
                command,
                profile_of(contract),
                timeout_s=contract.timeout_s,
                stdin=canonical_json(invocation.arguments) + b"\n",
                environment=await self._environment(contract, invocation),
            )
        except ProctorError as error:
            return Failed(error=summarize(f"{contract.name}: {error.diagnostics()}", 500), retryable=error.retryable)
        except asyncio.CancelledError:
            return Failed(error=f"{contract.name} was stopped; nothing left its sandbox")
        return failure(contract, ran) or _result(contract, ran)

    def egress_hosts(self, contract: ToolContract, arguments: dict[str, Any]) -> tuple[str, ...]:
        """Name no host: a sandboxed process has no network."""
        del contract, arguments
        return ()

    def problems(self, contract: ToolContract) -> list[str]:
        """Say why the contract cannot be called as it stands."""
        found = [
            f"the credential {use.name} of {contract.name} must go to env:NAME, not to {use.at or 'nowhere'}"
            for use in contract.credentials
            if not use.at.startswith("env:")
        ]
        for element in _implementation(contract).command:
            try:
                parse_template(element)
            except ValueError as error:
                found.append(str(error))
        refusal = self._sandbox.refusal(profile_of(contract))
        return [*found, refusal] if refusal else found

    async def aclose(self) -> None:
        """Hold nothing: each call ends its own process."""

    async def _environment(self, contract: ToolContract, invocation: ToolInvocation) -> Mapping[str, str]:
        secrets = (await granted(contract, self._credentials)).environment
        return secrets if contract.is_read else {**secrets, KEY_VARIABLE: invocation.key}

    def _command(self, implementation: ProcessImplementation, arguments: dict[str, Any]) -> list[str]:
        filled = fill_command(implementation.command, arguments)
        if "/" in filled[0] and not filled[0].startswith("/"):
            filled[0] = str(self._root / filled[0])
        return filled


def profile_of(contract: ToolContract) -> SandboxProfile:
    """Give the profile that a contract runs with: a process without one has the default."""
    return contract.sandbox or SandboxProfile()


def fill_command(command: tuple[str, ...], arguments: dict[str, Any]) -> list[str]:
    """Fill `${arguments.PATH}` in each element, which stays one element.

    Raises:
        InvalidInput: a value is missing, is no scalar, holds a NUL, or would be taken for an option where the command
            has none: write `--` before it.

    """
    filled: list[str] = []
    for template in command:
        text = _filled(template, arguments)
        became_option = text.startswith("-") and not template.startswith("-")
        if became_option and END_OF_OPTIONS not in filled and not _is_number(text):
            hint = "write `--` before it in the command, if the program knows that"
            raise InvalidInput(f"{template} is filled with {text[:40]!r}, which reads as an option", hint=hint)
        filled.append(text)
    return filled


def failure(contract: ToolContract, ran: Ran) -> Failed | None:
    """Give what a process that did not succeed comes to; None for one that did."""
    said = summarize(ran.stderr.decode("utf-8", "replace"), 300)
    match ran.why:
        case "exit" if ran.exit == 0:
            return None
        case "exit":
            why = f"exit status {ran.exit} {said}"
            return Failed(error=f"{contract.name}: {why}".strip(), retryable=ran.exit == MAY_PASS)
        case "wall":
            return Failed(error=f"{contract.name} gave no answer within {contract.timeout_s:g} s", retryable=True)
        case "refused" | "stopped":
            return Failed(error=f"{contract.name} did not run: {ran.text} {said}".strip(), retryable=False)
    limits = profile_of(contract)
    limit = {"cpu": f"{limits.cpu_s:g} s of processor", "memory": f"{limits.memory_mb} MiB of memory"}
    passed = limit.get(ran.why, f"{limits.output_kb} KiB of output")
    return Failed(error=f"{contract.name} was ended: it took more than {passed}")


def _implementation(contract: ToolContract) -> ProcessImplementation:
    assert isinstance(contract.implementation, ProcessImplementation)
    return contract.implementation


def _filled(template: str, arguments: dict[str, Any]) -> str:
    try:
        value = fill(template, lambda path: descend({"arguments": arguments}, path.parts))
    except MissingValueError as error:
        raise InvalidInput(f"{error} is missing") from error
    except ValueError as error:
        raise InvalidInput(str(error)) from error
    if value is None or isinstance(value, dict | list):
        raise InvalidInput(f"{template} is filled with something that is not a text, number or boolean")
    text = value if isinstance(value, str) else json.dumps(value)
    if "\0" in text:
        raise InvalidInput(f"{template} is filled with a text that holds a NUL")
    return text


def _is_number(text: str) -> bool:
    """Whether it is written in digits; `-inf` is a number to Python and three options to a command."""
    return _NUMBER.fullmatch(text) is not None


def _result(contract: ToolContract, ran: Ran) -> ToolOutcome:
    try:
        value = json.loads(ran.stdout) if ran.stdout.strip() else None
    except (ValueError, RecursionError) as error:
        # An effect elsewhere would be confirmed all the same; here there is none that could have happened.
        return Failed(error=f"{contract.name}: the result is not JSON: {error}")
    return confirm(contract, value)
