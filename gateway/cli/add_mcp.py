"""`proctor tools add mcp`: every tool of an MCP server, with one command."""

import re
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.importing import AcceptReadsOption, NameOption, UpdateOption, take_in
from gateway.cli.output import Format, say
from gateway.cli.session import OutputOption, wiring_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from proctor.contracts.credentials import CredentialUse
    from proctor.contracts.sandboxing import SandboxProfile
    from proctor.contracts.tool import ToolContract
    from proctor.tools.mcp.importing import McpSource, Said

NameArgument = Annotated[
    str,
    typer.Argument(metavar="NAME", help="What it is called here: its folder in the catalog, and its tools' prefix."),
]
ServerArgument = Annotated[
    list[str],
    typer.Argument(metavar="COMMAND…|URL", help="What starts the server, or where it is. Options go before NAME."),
]
OnlyOption = Annotated[
    list[str] | None, typer.Option("--only", metavar="TOOL", help="Take this tool alone; repeatable.")
]
EnvOption = Annotated[
    list[str] | None,
    typer.Option(
        "--env", metavar="NAME=VALUE", help="A setting of the command; `env:OTHER` reads the worker's. Repeatable."
    ),
]
CredentialOption = Annotated[
    list[str] | None,
    typer.Option(
        "--credential",
        metavar="NAME=PLACE[=FORM]",
        help="A credential and where it goes: `desk=env:TOKEN`, `desk=header:Authorization=Bearer {secret}`.",
    ),
]
SandboxOption = Annotated[
    bool, typer.Option("--sandbox", help="Run the command in the sandbox: no network, no other files.")
]
ReadsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--sandbox-reads", metavar="FOLDER", help="A folder of the project that it can read there; repeatable."
    ),
]
_SECRET = re.compile(r"(TOKEN|SECRET|PASSWORD|PASSPHRASE|_KEY)$", re.IGNORECASE)
SANDBOX = {"memory_mb": 1024, "processes": 64, "cpu_s": 3600.0, "open_files": 256}
"""Of a server that lives on: interpreters need more than one short command does."""


def register(group: typer.Typer) -> None:
    """Add the command."""
    settings = {"allow_interspersed_args": False, "ignore_unknown_options": False}
    group.command("mcp", context_settings=settings)(add_mcp)


def add_mcp(
    context: typer.Context,
    name: NameArgument,
    server: ServerArgument,
    *,
    only: OnlyOption = None,
    env: EnvOption = None,
    credential: CredentialOption = None,
    sandbox: SandboxOption = False,
    sandbox_reads: ReadsOption = None,
    accept_reads: AcceptReadsOption = False,
    by: NameOption = "",
    update: UpdateOption = False,
    output: OutputOption = Format.TABLE,
) -> None:
    """Take the tools of an MCP server into the catalog. Starts the command, or asks the URL, and lists its tools."""
    import asyncio

    from proctor.contracts.catalog import Imported
    from proctor.contracts.errors import InvalidInput
    from proctor.tools.mcp.importing import contracts_of, schema_notes

    if accept_reads and not by:
        raise InvalidInput("nobody says that the claims are true", hint="add `--as` with your name: it is recorded")
    source = _source(name, server, env or [], credential or [], _profile(sandbox, sandbox_reads or []))
    if behind := _behind(context, server):
        say(f"{', '.join(behind)} is behind the command, so it is the server's; options of ours go before NAME")
    said = asyncio.run(_listed(context, source, only or ()))
    contracts = contracts_of(source, said, only or ())
    _tell(source, contracts, schema_notes(said))
    found = Imported(name, contracts, heading=_heading(source), is_whole=not only)
    take_in(context, found, update=update, accept_by=by if accept_reads else None, output=output)


def _source(
    name: str,
    server: "Sequence[str]",
    env: "Sequence[str]",
    credential: "Sequence[str]",
    sandbox: "SandboxProfile | None",
) -> "McpSource":
    from proctor.contracts.errors import InvalidInput
    from proctor.contracts.tool import McpServer
    from proctor.tools.mcp.importing import McpSource

    if not re.fullmatch(r"[a-z][a-z0-9-]{0,62}", name):
        raise InvalidInput(f"{name!r} cannot be a server's name", hint="lower-case letters, digits and dashes")
    if server[0].startswith("-"):
        raise InvalidInput(f"{server[0]} stands where the command begins", hint="options go before NAME")
    uses = tuple(_use(text) for text in credential)
    if server[0].startswith(("http://", "https://")):
        if len(server) > 1 or env or sandbox is not None:
            raise InvalidInput("a URL takes no further words, no --env and no --sandbox", hint="those are for commands")
        return McpSource(McpServer(name=name, url=server[0]), uses)
    settings = dict(_setting(text) for text in env)
    return McpSource(McpServer(name=name, command=tuple(server), environment=settings, sandbox=sandbox), uses)


def _behind(context: typer.Context, server: "Sequence[str]") -> list[str]:
    """Give the words of a server's command that are called like our own options: perhaps they were meant for us."""
    ours = {option for one in context.command.params for option in one.opts}
    return [word for word in server if word.partition("=")[0] in ours]


def _setting(text: str) -> tuple[str, str]:
    from proctor.contracts.errors import InvalidInput

    name, equals, value = text.partition("=")
    if not equals or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        raise InvalidInput(f"{name!r} is not a setting", hint="write NAME=VALUE")
    if _SECRET.search(name) and not value.startswith("env:"):
        hint = f"use `--credential YOUR_NAME_FOR_IT=env:{name}`: what --env gives is written into the catalog"
        raise InvalidInput(f"{name} looks like a secret", hint=hint)
    return name, value


def _use(text: str) -> "CredentialUse":
    from pydantic import ValidationError

    from proctor.contracts.credentials import CredentialUse
    from proctor.contracts.errors import InvalidInput

    name, _, rest = text.partition("=")
    at, _, form = rest.partition("=")
    fields = {"name": name, "at": at, **({"form": form} if form else {})}
    try:
        return CredentialUse.model_validate(fields)
    except ValidationError as error:
        hint = "write e.g. desk=env:TOKEN, or desk=header:Authorization=Bearer {secret}"
        raise InvalidInput(f"{text!r} is not a credential and its place", hint=hint) from error


def _profile(wanted: bool, reads: "Sequence[str]") -> "SandboxProfile | None":
    from proctor.contracts.sandboxing import SandboxProfile

    return SandboxProfile.model_validate({**SANDBOX, "reads": tuple(reads)}) if wanted or reads else None


async def _listed(context: typer.Context, source: "McpSource", only: "Sequence[str]") -> "Said":
    """Ask the server what it says of its tools, with the project's credentials."""
    from proctor.credentials_file import opened_credentials
    from proctor.tools.mcp.importing import read_said
    from proctor.tools.mcp.names import tool_names
    from proctor.tools.mcp.surroundings import Surroundings
    from proctor.tools.sandbox.local import choose_sandbox

    wiring = wiring_of(context)
    settings = wiring.settings()
    async with opened_credentials(settings, wiring.environ) as credentials:
        sandbox = choose_sandbox(settings.root, settings.home)
        surroundings = Surroundings(wiring.environ, credentials, settings.root, sandbox)
        return await read_said(source, surroundings, list(tool_names(source.server.name, only).values()))


def _heading(source: "McpSource") -> str:
    return f"From the MCP server {source.server.name}: {source.text}"


def _tell(source: "McpSource", contracts: "Sequence[ToolContract]", notes: dict[str, list[str]]) -> None:
    """Say what the server claims, what that is worth, and with which rights it runs."""
    claims = {one.name: one.provenance.claims for one in contracts if one.provenance is not None}
    reads = _names(claims, "effect", "read")
    native = _names(claims, "idempotency", "native")
    if reads:
        say(f"claim to only read, by readOnlyHint: {', '.join(reads)}")
    if native:
        say(f"claim that a repeated call changes nothing more, by idempotentHint: {', '.join(native)}")
    if reads or native:
        say("a claim lowers nothing: each is an irreversible effect of high risk until `proctor tools accept`")
    else:
        say(
            "the server claims nothing that counts: each tool is an irreversible effect of high risk until you say more"
        )
    for tool, lines in notes.items():
        say(f"the schema of {tool} was taken with changes: {'; '.join(lines)}")
    if source.server.command and source.server.sandbox is None:
        say("the command runs WITHOUT a sandbox, with all rights of the worker: its files, its network; see --sandbox")


def _names(claims: dict[Any, dict[str, Any]], field: str, value: str) -> list[str]:
    return [str(name) for name, claim in claims.items() if claim.get(field) == value]
