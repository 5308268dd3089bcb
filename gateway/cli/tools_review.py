"""`proctor tools lock | verify | accept | deprecate`: what of the catalog was reviewed, and by whom."""

import hashlib
import json
import shlex
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.catalog import catalog_of
from gateway.cli.importing import catalog_root
from gateway.cli.output import Format, print_rows, say
from gateway.cli.session import OutputOption, wiring_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.tool_sources import Verified
    from proctor.contracts.catalog import LockedTool
    from proctor.contracts.tool import ToolContract
    from proctor.documents.catalog_files import CatalogTool

EXIT_CHANGED = 6
NamesArgument = Annotated[list[str] | None, typer.Argument(metavar="[TOOL]…", help="Only these; all otherwise.")]
VersionOption = Annotated[str | None, typer.Option(help="Which version; needed where there are several.")]
ByOption = Annotated[str, typer.Option("--as", metavar="NAME", help="Who reviewed it; it is recorded.")]
_LOCK_COLUMNS = {"CHANGE": "change", "TOOL": "name", "VERSION": "version", "FILE": "file", "OWNER": "owner"}
_NARROW_LOCK = {title: path for title, path in _LOCK_COLUMNS.items() if title in {"CHANGE", "FILE", "OWNER"}}
"""What a narrow terminal has room for; a file has its tool's name."""
_VERIFY_COLUMNS = {"TOOL": "name", "VERSION": "version", "SOURCE": "source", "STATE": "state", "WHY": "why"}


def register(group: typer.Typer) -> None:
    """Add the commands."""
    for command in (lock, verify, accept, deprecate):
        group.command(command.__name__)(command)


def lock(
    context: typer.Context,
    *,
    names: NamesArgument = None,
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; exit 6 when the lock is not current.")
    ] = False,
    output: OutputOption = Format.TABLE,
) -> None:
    """Record the catalog as it is as reviewed. Agents load what is locked, as it was locked, and nothing else."""
    from gateway.tool_shelf import locked_digests
    from proctor.documents.catalog_lock import lock_entry, write_lock

    root = catalog_root(context)
    tools = {(tool.contract.name, tool.contract.version): tool for tool in _catalog(context)}
    _check_names(names, [name for name, _ in tools])
    before, after = locked_digests(root), {}
    for key, tool in tools.items():
        entry = lock_entry(tool.contract, tool.file) if not names or key[0] in names else before.get(key)
        if entry is not None:
            after[key] = entry
    rows = [_lock_row(before.get(key), after.get(key), tools.get(key)) for key in sorted({*before, *after})]
    changed = [row for row in rows if row is not None]
    print_rows(changed, output, _LOCK_COLUMNS, _NARROW_LOCK)
    if check and changed:
        raise typer.Exit(EXIT_CHANGED)
    if not check:
        write_lock(root, after.values())
        say(f"{len(after)} tools are locked; {len(changed)} differ from the lock before")


def verify(context: typer.Context, *, names: NamesArgument = None, output: OutputOption = Format.TABLE) -> None:
    """Ask the sources of imported tools again. Exit 6 when one says something else than was reviewed."""
    contracts = [contract for contract in _every(context) if contract.provenance is not None]
    _check_names(names, [contract.name for contract in contracts])
    found = _ask(context, [contract for contract in contracts if not names or contract.name in names])
    print_rows([_verify_row(one) for one in found], output, _VERIFY_COLUMNS)
    for one in found:
        if one.diff:
            say(one.diff)
    wrong = [one for one in found if one.state != "same"]
    say(f"tools that have a source: {len(found)}; not as reviewed: {len(wrong)}")
    if wrong:
        say("`proctor tools accept TOOL --as NAME` shows one again, and says how to take it over")
        raise typer.Exit(EXIT_CHANGED)


def accept(
    context: typer.Context,
    *,
    names: Annotated[list[str], typer.Argument(metavar="TOOL…", help="Tools of the catalog.")],
    by: ByOption,
    version: VersionOption = None,
    claims: Annotated[bool, typer.Option("--claims/--no-claims", help="Take what the source claims for facts.")] = True,
    seen: Annotated[
        str, typer.Option(metavar="DIGEST", help="The change that was shown; nothing else is taken over.")
    ] = "",
    output: OutputOption = Format.TABLE,
) -> None:
    """Take over what the source says now, and its claims for facts. Records who did, and locks the tool so.

    A change is shown first, with the digest to repeat as --seen: a source that says something else in between is not
    taken at its word.
    """
    from proctor.documents.claims import accepted

    tools = [_one(context, name, version) for name in names]
    answers = _ask(context, [tool.contract for tool in tools])
    for answer in answers:
        _check_answer(answer)
    again = [
        *names,
        "--as",
        by,
        *(() if version is None else ("--version", version)),
        *(() if claims else ("--no-claims",)),
    ]
    _check_seen(answers, seen, again)
    said_now = {id(answer.contract): answer.now for answer in answers}
    now = [(tool, said_now.get(id(tool.contract)) or tool.contract) for tool in tools]
    changed = [(tool, accepted(contract, by) if claims else contract) for tool, contract in now]
    _write(context, changed)
    print_rows([_accepted_row(tool, contract) for tool, contract in changed], output, _ACCEPT_COLUMNS)


def _check_answer(answer: "Verified") -> None:
    from proctor.contracts.errors import Refused, Unavailable

    if answer.state == "unreachable":
        raise Unavailable(f"the source of {answer.contract.name} cannot be asked: {answer.why}")
    if answer.state == "gone":
        hint = "deprecate it, or remove its file"
        raise Refused(f"the source of {answer.contract.name} does not have it any more", hint=hint)


def _check_seen(answers: "Sequence[Verified]", seen: str, again: "Sequence[str]") -> None:
    """Let pass what changes nothing, and the very change that was shown before; show any other, and end.

    `again` is what was asked for: what is to be typed next must not ask for more, such as claims that were not wanted.
    """
    changes = sorted(answer.diff for answer in answers if answer.diff)
    # The whole digest: a source could find two changes that share a part of it, one to show and one to have taken.
    digest = hashlib.sha256(json.dumps(changes).encode()).hexdigest()
    if not changes or digest == seen:
        return
    for change in changes:
        say(change)
    if seen:
        say(f"the source says something else now than the change {seen}")
    say("nothing was taken over; once you have read the difference:")
    say(f"  proctor tools accept {shlex.join(again)} --seen {digest}")
    raise typer.Exit(EXIT_CHANGED)


_ACCEPT_COLUMNS = {
    "TOOL": "name",
    "VERSION": "version",
    "EFFECT": "effect",
    "IDEMPOTENCY": "idempotency",
    "ACCEPTED BY": "provenance.accepted_by",
    "FILE": "file",
}


def deprecate(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="TOOL", help="A tool of the catalog.")],
    *,
    reason: Annotated[str, typer.Option(help="Why; agents' owners read it.")],
    use: Annotated[str | None, typer.Option(metavar="TOOL", help="What to use instead.")] = None,
    version: VersionOption = None,
    output: OutputOption = Format.TABLE,
) -> None:
    """Say that a tool goes away. It still works, with a warning; planners that have --use are not offered it."""
    from proctor.contracts.ids import ToolName
    from proctor.contracts.tool import Deprecation

    tool = _one(context, name, version)
    if use is not None:
        _check_names([use], [contract.name for contract in _every(context)])
    said = Deprecation(reason=reason, use=None if use is None else ToolName(use))
    contract = tool.contract.model_copy(update={"deprecated": said})
    _write(context, [(tool, contract)])
    print_rows([_accepted_row(tool, contract)], output, {"TOOL": "name", "VERSION": "version", "FILE": "file"})


def _write(context: typer.Context, changed: "Sequence[tuple[CatalogTool, ToolContract]]") -> None:
    """Write contracts into their files, and lock them so: what was not locked before, was reviewed just now."""
    from gateway.tool_shelf import locked_digests
    from proctor.documents.catalog_lock import lock_entry, write_lock
    from proctor.documents.tool_editing import rewrite
    from proctor.tools.signature import derive_schemas

    root = catalog_root(context)
    locked = locked_digests(root)
    for tool, contract in changed:
        rewrite(root, tool, contract, derive_schemas)
        locked[contract.name, contract.version] = lock_entry(contract, tool.file)
        write_lock(root, locked.values())


def _ask(context: typer.Context, contracts: "Sequence[ToolContract]") -> "list[Verified]":
    import asyncio

    return asyncio.run(_asked(context, contracts))


async def _asked(context: typer.Context, contracts: "Sequence[ToolContract]") -> "list[Verified]":
    from gateway.tool_sources import ask_again
    from proctor.contracts.catalog import SourcePlace
    from proctor.credentials_file import opened_credentials

    wiring = wiring_of(context)
    settings = wiring.settings()
    async with opened_credentials(settings, wiring.environ) as credentials:
        place = SourcePlace(catalog_root(context).parent, dict(wiring.environ), credentials, settings.home)
        return await ask_again(contracts, place)


def _catalog(context: typer.Context) -> "list[CatalogTool]":
    """Read the whole catalog. Raises `InvalidDocument` for the first mistake in it."""
    from proctor.documents.catalog_files import read_catalog
    from proctor.documents.problems import raise_first
    from proctor.tools.signature import derive_schemas

    reading = read_catalog(catalog_root(context), derive_schemas)
    raise_first(reading.problems)
    return reading.tools


def _every(context: typer.Context) -> "list[ToolContract]":
    """Give every contract of the project: of agents that can be read, and of the catalog."""
    from gateway.tool_shelf import read_shelf
    from proctor.tools.signature import derive_schemas

    shelf = read_shelf(catalog_of(context), catalog_root(context), derive_schemas)
    for name, error in shelf.unreadable.items():
        say(f"agent {name} is left out: {error.diagnostics()}")
    return [tool.contract for tool in shelf.tools]


def _one(context: typer.Context, name: str, version: str | None) -> "CatalogTool":
    from proctor.contracts.errors import InvalidInput, UnknownName

    tools = _catalog(context)
    found = [tool for tool in tools if tool.contract.name == name and version in {None, tool.contract.version}]
    if not found:
        known = ", ".join(sorted({tool.contract.name for tool in tools})) or "none"
        what = name if version is None else f"{name} {version}"
        raise UnknownName(f"there is no tool {what} in the catalog", hint=f"the tools there: {known}")
    if len(found) > 1:
        versions = ", ".join(tool.contract.version for tool in found)
        raise InvalidInput(f"{name} has several versions: {versions}", hint="say which with --version")
    return found[0]


def _check_names(names: "Sequence[str] | None", known: "Sequence[str]") -> None:
    from proctor.contracts.errors import UnknownName
    from proctor.documents.problems import did_you_mean

    for name in names or ():
        if name not in known:
            raise UnknownName(f"there is no tool {name} here", hint=did_you_mean(name, sorted(set(known))))


def _lock_row(
    before: "LockedTool | None", after: "LockedTool | None", tool: "CatalogTool | None"
) -> dict[str, Any] | None:
    if before == after:
        return None
    entry = after or before
    assert entry is not None
    change = "locked" if before is None else "unlocked" if after is None else "changed"
    owner = (tool.contract.owner or "nobody") if tool is not None else ""
    return {"change": change, **entry.model_dump(mode="json"), "owner": owner}


def _verify_row(one: "Verified") -> dict[str, Any]:
    origin = one.contract.provenance
    return {
        "name": one.contract.name,
        "version": one.contract.version,
        "source": origin.source if origin is not None else "",
        "state": one.state,
        "why": one.why,
        "diff": one.diff,
    }


def _accepted_row(tool: "CatalogTool", contract: "ToolContract") -> dict[str, Any]:
    body = contract.model_dump(mode="json", exclude={"input_schema", "output_schema"})
    return {**body, "file": f"catalog/{tool.file}"}
