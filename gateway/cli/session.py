"""How a command reaches the parts: settings, the front of the person at the keyboard, or an open gateway."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar

import typer

from gateway.cli.output import Format

if TYPE_CHECKING:  # Importing them takes longer than `proctor --help` may.
    from contextlib import AbstractAsyncContextManager

    from gateway.connections import Gateway, OpenGateway
    from gateway.front import Front
    from gateway.remote import Link
    from proctor.contracts.human import Principal
    from proctor.contracts.ports import AgentCatalog
    from proctor.settings import Settings

T = TypeVar("T")

OutputOption = Annotated[Format, typer.Option("--output", "-o", help="How to print data on stdout.")]
AsOption = Annotated[
    str | None, typer.Option("--as", metavar="NAME", help="Act as this principal, by its token in the state folder.")
]

URL_VARIABLE: Final = "PROCTOR_URL"
LET_CLIENT_END_S = 0.05
"""A process that ends right after a call of Temporal's client may crash (sdk-python#300)."""


@dataclass(frozen=True)
class Wiring:
    """What the command is given from outside: the environment, and how to open and start the parts."""

    environ: Mapping[str, str]
    cwd: Path
    entries: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    """Parts that the gateway may not import: `dev`, `worker` (give an exit code), `doctor` (gives findings), `tools`
    (opens what calls tools)."""
    gateway: "OpenGateway | None" = None
    """Opens the gateway; None: the real one, imported when it is first needed."""
    catalog: "Callable[[Settings], AgentCatalog] | None" = None
    """Opens the catalog; None: the files of the project."""

    @property
    def url(self) -> str | None:
        """Where the gateway is that commands ask; None: they do it themselves."""
        return self.environ.get(URL_VARIABLE) or None

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
    """What one command works with: fronts, and the open parts where it has them."""

    wiring: Wiring
    settings: "Settings"
    exits: AsyncExitStack
    _parts: "Gateway | None" = None

    @property
    def gateway(self) -> "Gateway":
        """The open parts. Raises `InvalidInput` where a gateway is asked over the network: it does not lend them."""
        from proctor.contracts.errors import InvalidInput

        if self._parts is None:
            raise InvalidInput(
                f"this command works on the store itself, and {URL_VARIABLE} is set",
                hint=f"unset {URL_VARIABLE}, on a machine that reaches the store",
            )
        return self._parts

    @property
    def is_remote(self) -> bool:
        """Whether a gateway is asked over the network."""
        return self._parts is None

    async def caller(self, name: str | None) -> "Principal":
        """Authenticate the person at the keyboard. Raises `NotAuthorised`."""
        return await self.gateway.store.people.authenticate(self._token(name))

    async def front(self, name: str | None = None) -> "Front":
        """Give the front of the person at the keyboard. Raises `NotAuthorised`, or `Unavailable`."""
        if self.wiring.url is not None and self._parts is None:
            from gateway.remote import open_remote

            return await self.exits.enter_async_context(open_remote(self.wiring.url, self._token(name)))
        from gateway.local_front import LocalFront

        return LocalFront(self.gateway, await self.caller(name))

    async def reader(self, name: str | None = None) -> "Front":
        """Give a front that only reads: of whoever is named; else locally for anybody who can reach the database."""
        if name is not None or self._parts is None:
            return await self.front(name)
        from gateway.local_front import LocalFront
        from proctor.contracts.human import Principal, Role
        from proctor.contracts.ids import PrincipalName

        return LocalFront(self._parts, Principal(name=PrincipalName("local.reader"), roles=frozenset({Role.AUDITOR})))

    async def link(self, name: str | None = None) -> "Link":
        """Give the way to a gateway, for what a gateway alone does: the one named, else that of `proctor dev`.

        Raises `Unavailable`: neither is there. `NotAuthorised`.
        """
        from gateway.remote import open_remote
        from proctor.contracts.errors import Unavailable
        from proctor.devstate import running_stack

        stack = None if self.wiring.url else running_stack(self.settings.home)
        url = self.wiring.url or (stack.gateway_url if stack is not None else "")
        if not url:
            raise Unavailable("this is done by a gateway, and none is known", hint=f"set {URL_VARIABLE}")
        return (await self.exits.enter_async_context(open_remote(url, self._token(name)))).link

    def _token(self, name: str | None) -> str:
        from gateway.identity import DEV_PRINCIPAL, find_token

        # The development stack's token is sent nowhere unless somebody says so.
        is_dev = self._parts is not None and self.settings.configured is None
        return find_token(self.wiring.environ, self.settings.home, name, DEV_PRINCIPAL if is_dev else None)


def perform(context: typer.Context, work: Callable[[Session], Awaitable[T]]) -> T:
    """Open what the command needs, do the work, close everything, and give what the work gave."""
    import asyncio

    return asyncio.run(_perform(wiring_of(context), work))


def wiring_of(context: typer.Context) -> Wiring:
    """Give the wiring that the command was called with."""
    wiring = context.find_object(Wiring)
    if wiring is None:
        raise RuntimeError("the command was called without wiring")
    return wiring


async def _perform(wiring: Wiring, work: Callable[[Session], Awaitable[T]]) -> T:
    import asyncio

    settings = wiring.settings()
    async with AsyncExitStack() as exits:
        if wiring.url is not None:
            return await work(Session(wiring, settings, exits))
        exits.push_async_callback(asyncio.sleep, LET_CLIENT_END_S)
        gateway = await exits.enter_async_context(wiring.open_gateway(settings))
        return await work(Session(wiring, settings, exits, gateway))
