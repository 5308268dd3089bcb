"""`proctor tools add openapi`: an OpenAPI document becomes governed tools."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.importing import AcceptReadsOption, NameOption, UpdateOption, take_in
from gateway.cli.output import Format, say
from gateway.cli.session import OutputOption, wiring_of
from gateway.cli.visible import visible_line

if TYPE_CHECKING:
    from proctor.tools.openapi.importing import OpenApiImport

_SHOWN = 3
_WORDS = {"left_out": "left out", "weakened": "weakened", "assumed": "assumed"}


def register(group: typer.Typer) -> None:
    """Add the command."""
    group.command("openapi")(add_openapi)


def add_openapi(
    context: typer.Context,
    *,
    document: Annotated[str, typer.Argument(metavar="FILE|URL", help="An OpenAPI 3.0 or 3.1 document.")],
    name: Annotated[
        str, typer.Option(metavar="NAME", help="Its folder in the catalog, and the beginning of its tools' names.")
    ] = "",
    base_url: Annotated[
        str, typer.Option(metavar="URL|env:NAME", help="Where the service is, instead of what the document says.")
    ] = "",
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="GLOB", help="Only these: of a tool's name, an operation's id, or `METHOD /path`."),
    ] = None,
    update: UpdateOption = False,
    accept_reads: AcceptReadsOption = False,
    act_as: NameOption = "",
    report: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write what was left out or weakened there, as JSON.")
    ] = None,
    output: OutputOption = Format.TABLE,
) -> None:
    """Take the operations of an OpenAPI document into the catalog. Ends with what was left out, and why."""
    import asyncio

    from proctor.contracts.catalog import Imported
    from proctor.contracts.errors import InvalidInput
    from proctor.tools.openapi.fetching import fetch_document
    from proctor.tools.openapi.importing import Asked, import_openapi

    if accept_reads and not act_as:
        raise InvalidInput("nobody is named who takes the claims for facts", hint="add `--as NAME`")
    read, url = asyncio.run(fetch_document(document, Path.cwd()))
    source = name or _source_name(document, read.title)
    shown = _as_recorded(document, wiring_of(context).settings().root)
    asked = Asked(source=source, shown=shown, document_url=url, base_url=base_url, only=tuple(only or ()))
    made = import_openapi(read, asked)
    if report is not None:
        report.write_text(_as_json(made), encoding="utf-8")
    heading = f"{visible_line(made.title)}, taken from {visible_line(document)} by `proctor tools add openapi`."
    found = Imported(source=source, contracts=made.contracts, heading=heading, is_whole=not asked.only)
    take_in(context, found, update=update, accept_by=act_as if accept_reads else None, output=output)
    _tell(made)


def _as_recorded(document: str, root: Path) -> str:
    """Name a file from the root of the project, where `tools verify` looks for it from any folder."""
    if document.startswith(("http://", "https://")):
        return document
    path = (Path.cwd() / document).resolve()
    return path.relative_to(root.resolve()).as_posix() if path.is_relative_to(root.resolve()) else str(path)


def _source_name(document: str, title: str) -> str:
    last = document.rstrip("/").rsplit("/", 1)[-1].partition(".")[0]
    words = title if last.lower() in {"", "openapi", "swagger", "api", "spec", "index", "v1", "v2", "v3"} else last
    return re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-")[:40].rstrip("-") or "api"


def _as_json(made: "OpenApiImport") -> str:
    from gateway.cli.output import encode

    return encode(_report(made), indent=2) + "\n"


def _report(made: "OpenApiImport") -> dict[str, Any]:
    return {
        "title": made.title,
        "operations": made.operations,
        "chosen": made.chosen,
        "tools": len(made.contracts),
        "notes": [note.model_dump(mode="json") for note in made.notes],
    }


def _tell(made: "OpenApiImport") -> None:
    """Tell everything that the contracts do not hold, grouped by reason; `--report` has each one by itself."""
    from proctor.tools.openapi.notes import grouped

    say(f"{made.title}: {len(made.contracts)} tools of {made.chosen} operations ({made.operations} in the document)")
    for group in grouped(list(made.notes)):
        places = [f"{note.operation}: {note.what}" if note.operation else note.what for note in group.notes]
        more = f" and {len(places) - _SHOWN} more" if len(places) > _SHOWN else ""
        say(visible_line(f"{_WORDS[group.kind]}: {group.reason} — {'; '.join(places[:_SHOWN])}{more}"))
    if not made.notes:
        say("nothing was left out")
