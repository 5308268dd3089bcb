"""What the author of a Python tool imports: the two errors to raise, and the resources to ask for."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from proctor.contracts.credentials import Credentials, Secret
from proctor.contracts.egress import EgressEntry
from proctor.contracts.errors import InvalidInput, NotAuthorised
from proctor.contracts.ports import Knowledge
from proctor.contracts.tool import ToolContract
from proctor.tools.credential_uses import resolve
from proctor.tools.egress.client import EgressClient
from proctor.tools.egress.clients import EgressClients
from proctor.tools.egress.settings import settled


class ToolFailed(Exception):
    """The tool did not do it, for sure.

    Raise it only where the effect is known not to have happened: it is never compensated.
    """

    def __init__(self, message: str, *, retryable: bool = False) -> None:
        """Say in one line why; `retryable` when the same call may succeed later."""
        self.retryable = retryable
        super().__init__(message)


class OutcomeUnknown(Exception):
    """The tool cannot tell whether it did it."""


@dataclass(frozen=True)
class ToolResources:
    """What tools may be given; a function asks for it with a parameter named `resources`.

    Tools read their settings from `environment`, which the worker chooses, never from the process environment. Each
    call sees them as they are for its own tool: `for_tool`.
    """

    knowledge: Knowledge
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    credentials: Credentials | None = None
    clients: EgressClients = field(default_factory=EgressClients, repr=False)
    tool: ToolContract | None = None
    """Whose call this is; None: nobody's, who may reach nothing."""

    def for_tool(self, contract: ToolContract) -> "ToolResources":
        """Give the same resources, with what this tool's contract allows."""
        return replace(self, tool=contract)

    def setting(self, name: str) -> str:
        """Give a setting. Raises `InvalidInput` when it is missing."""
        value = self.environment.get(name, "")
        if not value:
            raise InvalidInput(f"{name} is not set", hint=f"set {name} in the environment of the worker")
        return value

    @property
    def http(self) -> EgressClient:
        """An HTTP client that reaches what the tool's `egress` names and nothing else.

        No proxies, no cookies, no compression, no retries; redirects are answers. A request that is not allowed
        raises `RequestDenied`. Raises `InvalidInput` where an entry of the contract cannot be meant as written.
        """
        return self.clients.bound_to(self.egress())

    def egress(self) -> tuple[EgressEntry, ...]:
        """Give the tool's entries, those that a setting names filled in. Raises `InvalidInput` when one is missing."""
        return () if self.tool is None else settled(self.tool.egress, self.environment)

    async def secret(self, name: str) -> Secret:
        """Give a credential that the tool's contract declares, fresh enough for a call that begins now.

        Raises `NotAuthorised` for any other, and what `Credentials.resolve` raises.
        """
        uses = () if self.tool is None else self.tool.credentials
        use = next((use for use in uses if use.name == name), None)
        if use is None or self.tool is None:
            raise NotAuthorised(f"the tool declares no credential {name}", hint="name it in the tool's `credentials:`")
        return await resolve(use, self.tool, self.credentials)

    async def aclose(self) -> None:
        """Close the HTTP clients that were used."""
        await self.clients.aclose()
