"""Routes calls to the adapter of their contract's kind of implementation."""

import logging
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Protocol, Self

from proctor.contracts.key_forms import written_key
from proctor.contracts.tool import Failed, ToolContract, ToolInvocation, ToolOutcome
from proctor.tools.authoring import ToolResources
from proctor.tools.hiding import without_secrets
from proctor.tools.http_adapter import HttpAdapter
from proctor.tools.python_adapter import PythonAdapter
from proctor.tools.results import lost

_log = logging.getLogger(__name__)


class ToolAdapter(Protocol):
    """Carries out calls of one kind of implementation. A further kind is one more of these."""

    @property
    def kind(self) -> str:
        """The `kind` of implementation that this adapter calls."""

    async def invoke(self, contract: ToolContract, invocation: ToolInvocation) -> ToolOutcome:
        """As `ToolPort.invoke`."""

    def egress_hosts(self, contract: ToolContract, arguments: dict[str, Any]) -> tuple[str, ...]:
        """As `ToolPort.egress_hosts`."""

    def problems(self, contract: ToolContract) -> list[str]:
        """Say why the contract cannot be called as it stands; empty when it can."""

    async def aclose(self) -> None:
        """Release what the adapter holds."""


class ToolDispatcher:
    """`ToolPort` over Python functions and HTTP calls; `adapters` adds kinds or replaces one.

    No outcome leaves with a secret in it.
    """

    def __init__(self, resources: ToolResources, adapters: Sequence[ToolAdapter] = ()) -> None:
        self._resources = resources
        every: tuple[ToolAdapter, ...] = (PythonAdapter(resources), HttpAdapter(resources), *adapters)
        self._adapters = {adapter.kind: adapter for adapter in every}

    async def invoke(self, contract: ToolContract, invocation: ToolInvocation) -> ToolOutcome:
        """Call the tool. See `ToolPort.invoke`."""
        outcome = await self._invoke(contract, invocation)
        credentials = self._resources.credentials
        return outcome if credentials is None else without_secrets(outcome, credentials)

    async def _invoke(self, contract: ToolContract, invocation: ToolInvocation) -> ToolOutcome:
        adapter = self._adapter(contract)
        if adapter is None:
            return Failed(error=self.problems(contract)[0])
        try:
            return await adapter.invoke(contract, _with_written_key(contract, invocation))
        except Exception as error:  # noqa: BLE001 - a fault of the adapter itself: nobody knows what left the process
            _log.exception("the adapter of %s failed", contract.name)
            return lost(contract, f"the adapter failed: {type(error).__name__}")

    def egress_hosts(self, contract: ToolContract, arguments: dict[str, Any]) -> tuple[str, ...]:
        """Name the hosts that the call would reach. See `ToolPort.egress_hosts`."""
        adapter = self._adapter(contract)
        return () if adapter is None else adapter.egress_hosts(contract, arguments)

    def problems(self, contract: ToolContract) -> list[str]:
        """Say why a contract cannot be called as it stands; empty when it can."""
        if contract.implementation is None:
            return [f"{contract.name} has no implementation"]
        adapter = self._adapter(contract)
        if adapter is None:
            return [f"{contract.name} needs an adapter of kind {contract.implementation.kind}, which is not installed"]
        return adapter.problems(contract)

    async def aclose(self) -> None:
        """Close the adapters and the resources."""
        for adapter in self._adapters.values():
            await adapter.aclose()
        await self._resources.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def _adapter(self, contract: ToolContract) -> ToolAdapter | None:
        return None if contract.implementation is None else self._adapters.get(contract.implementation.kind)


def _with_written_key(contract: ToolContract, invocation: ToolInvocation) -> ToolInvocation:
    """Let a service see the key in the form that its contract says, and nobody else."""
    return invocation.model_copy(update={"key": written_key(invocation.key, contract.key_form)})
