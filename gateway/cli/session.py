"""How a command reaches the parts: settings, an open gateway, and the person at the keyboard."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from gateway.cli.output import Format

if TYPE_CHECKING:  # Importing them takes longer than `proctor --help` may.
    from contextlib import AbstractAsyncContextManager

    from gateway.connections import Gateway, OpenGateway
    from proctor.contracts.human import Principal
    from proctor.contracts.ports import AgentCatalog
    from proctor.settings import Settings

T = TypeVar("T")

OutputOption = Annotated[Format, typer.Option("--output", "-o", help="How to print data on stdout.")]
AsOption = Annotated[
    str | None, typer.Option("--as", metavar="NAME", help="Act as this principal, by its token in the state folder.")
]

LET_CLIENT_END_S = 0.05
"""A process that ends right after a call of Temporal's client may crash (sdk-python#300)."""


@dataclass(frozen=True)
class Wiring:
    """What the command is given from outside: the environment, and how to open and start the parts."""

    environ: Mapping[str, str]
    cwd: Path
    entries: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    """Parts that the gateway may not import: `dev`, `worker` (give an exit code), `doctor` (gives findings)."""
    gateway: "OpenGateway | None" = None
    """Opens the gateway; None: the real one, imported when it is first needed."""
    catalog: "Callable[[Settings], AgentCatalog] | None" = None
    """Opens the catalog; None: the files of the project."""

    def settings(self) -> "Settings":
        """Read the settings. Raises `InvalidInput`."""
        from proctor.settings import Settings

        return Settings.load(self.environ, self.cwd)

    def entry(self, name: str) -> Callable[..., Any]:
        """Give an entry. Raises `Unavailable` where this command was built without it."""
        from proctor.contracts.errors import Unavailable

        if name not in self.entries:
            raise Unavailable(f"this command was built without `{name}`", hint="use the installed `proctor`")
        return self.entries[name]

    def open_gateway(self, settings: "Settings") -> "AbstractAsyncContextManager[Gateway]":
        """Open the gateway."""
        from gateway.connections import open_gateway

        return (self.gateway or open_gateway)(settings)

    def open_catalog(self, settings: "Settings") -> "AgentCatalog":
        """Open the catalog."""
        from gateway.connections import open_catalog

        return (self.catalog or open_catalog)(settings)


@dataclass(frozen=True)
class Session:
    """An open gateway for one command."""

    gateway: "Gateway"
    environ: Mapping[str, str]

    async def caller(self, name: str | None) -> "Principal":
        """Authenticate the person at the keyboard. Raises `NotAuthorised`."""
        from gateway.identity import DEV_PRINCIPAL, find_token

        settings = self.gateway.settings
        fallback = DEV_PRINCIPAL if settings.configured is None else None
        token = find_token(self.environ, settings.home, name, fallback)
        return await self.gateway.store.people.authenticate(token)


def perform(context: typer.Context, work: Callable[[Session], Awaitable[T]]) -> T:
    """Open the gateway, do the work, close everything, and give what the work gave."""
    return asyncio.run(_perform(wiring_of(context), work))


def wiring_of(context: typer.Context) -> Wiring:
    """Give the wiring that the command was called with."""
    wiring = context.find_object(Wiring)
    if wiring is None:
        raise RuntimeError("the command was called without wiring")
    return wiring


async def _perform(wiring: Wiring, work: Callable[[Session], Awaitable[T]]) -> T:
    try:
        async with wiring.open_gateway(wiring.settings()) as gateway:
            return await work(Session(gateway, wiring.environ))
    finally:
        await asyncio.sleep(LET_CLIENT_END_S)
