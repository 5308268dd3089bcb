"""Credentials of tools: named in contracts, resolved inside the activity, kept nowhere else."""

from datetime import datetime
from typing import Protocol

from pydantic import Field

from proctor.contracts.base import Contract
from proctor.contracts.ids import ToolName


class CredentialUse(Contract):
    """A credential that a tool needs, and where it goes. The contract never says where the secret itself lies."""

    name: str = Field(pattern=r"^[a-z][a-z0-9-]{0,62}$")
    """A name of the worker's credentials file, which says where it comes from and which tools may have it."""
    scope: str = ""
    """What it is asked for, where its source gives narrower ones (a role, a policy, an audience)."""
    at: str = Field(default="", pattern=r"^$|^(header|query|cookie|env|argument):[A-Za-z_][A-Za-z0-9_-]{0,63}$")
    """Where the adapter puts it: `header:NAME`, `query:NAME`, `cookie:NAME`; `env:NAME` of a process or MCP server;
    `argument:NAME` of a Python function. Empty: only code that asks for it by name has it."""
    form: str = "{secret}"
    """How it is written there, e.g. `Bearer {secret}`; `{basic}` is the base64 of a `user:password` secret."""


class Secret:
    """A secret in memory: it shows itself nowhere but in `reveal()`, and cannot be pickled or copied to JSON."""

    __slots__ = ("__value", "expires_at")

    def __init__(self, value: str, expires_at: datetime | None = None) -> None:
        """Hold `value`; `expires_at` tells until when it may be used, where its source says so."""
        self.__value = value
        self.expires_at = expires_at

    def reveal(self) -> str:
        """Give the value, at the one place where it leaves."""
        return self.__value

    def __repr__(self) -> str:
        return "Secret(***)"

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a secret is not written anywhere")


class Credentials(Protocol):
    """Resolves credentials, each for one tool."""

    async def resolve(self, use: CredentialUse, tool: ToolName, origin: str = "") -> Secret:
        """Give the secret, fresh enough for a call that begins now.

        `origin` is where the call goes (`https://HOST[:PORT]`), empty where that cannot be told.

        Raises:
            NotAuthorised: this tool may not have it, or not send it there.
            UnknownName: no credential of that name.
            Unavailable: its source does not answer.

        """

    def known(self, text: str) -> bool:
        """Whether `text` holds a secret that was resolved in this process: it must not be shown or stored."""

    def hide(self, text: str) -> str:
        """Give `text` with every secret that was resolved in this process replaced."""
