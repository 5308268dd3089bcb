"""`proctor egress check`: what the client of tools would do with URLs, without connecting anywhere."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO, Final

import typer

from gateway.cli.output import Format, print_rows, say
from gateway.cli.visible import visible_line

if TYPE_CHECKING:  # Importing them takes longer than `proctor --help` may.
    from collections.abc import Iterable

    from proctor.tools.egress.verdicts import EgressJudge, Verdict

_COLUMNS: Final = {"VERDICT": "verdict", "ID": "id", "URL": "url", "REASON": "reason"}
_UNUSABLE: Final = 2


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(name="egress", help="Where tools may connect to.", no_args_is_help=True)
    group.command("check")(check)
    group.callback()(_group)
    app.add_typer(group)


def _group() -> None:
    """Keep `check` a command of its own while it is the only one."""


def check(
    allow: Annotated[Path, typer.Option("--allow", metavar="FILE", help="Allow entries: `allow:`, in YAML or JSON.")],
    given: Annotated[
        str, typer.Option("--input", metavar="FILE", help="Lines `{id, url}` of JSON; - reads them from stdin.")
    ],
    output: Annotated[Format, typer.Option("--output", "-o", help="How to print data on stdout.")] = Format.JSONL,
) -> None:
    """Judge URLs as the client of tools would, one line of answer for each line. Exit 2 when a line is unusable."""
    judge = _judge(allow)
    with _lines(given) as lines:
        if output is Format.JSONL:
            unusable = _stream(judge, lines, at_once=given == "-")
        else:
            unusable = _collect(judge, lines, output)
    if unusable:
        say(f"{unusable} of the lines could not be judged, and so were denied")
        raise typer.Exit(_UNUSABLE)


def _judge(path: Path) -> "EgressJudge":
    from proctor.contracts.egress import EgressAllowList
    from proctor.documents.problems import Problems, raise_first, read_form
    from proctor.documents.source import read_source
    from proctor.tools.egress.verdicts import EgressJudge

    source = read_source(path)
    problems = Problems(source)
    found = read_form(EgressAllowList, source.data, problems)
    raise_first(problems.found)
    assert found is not None
    return EgressJudge(found.allow)


@contextmanager
def _lines(given: str) -> "Iterator[Iterable[str]]":
    from proctor.contracts.errors import InvalidInput

    try:
        file: BinaryIO = sys.stdin.buffer if given == "-" else Path(given).open("rb")  # noqa: SIM115 - closed below
    except OSError as error:
        raise InvalidInput(f"{visible_line(given)} cannot be read: {error.strerror}") from error
    # A line ends where JSON Lines ends it; bytes that are no UTF-8 are denied under their line's id.
    with TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape", newline="\n") as lines:
        yield lines


def _stream(judge: "EgressJudge", lines: "Iterable[str]", *, at_once: bool) -> int:
    """Write each verdict as it is found; to a pipe that is read while it is written, at once."""
    unusable = 0
    for verdict in judge.verdicts(lines):
        sys.stdout.write(verdict.line() + "\n")
        if at_once:
            sys.stdout.flush()
        unusable += not verdict.is_usable
    sys.stdout.flush()
    return unusable


def _collect(judge: "EgressJudge", lines: "Iterable[str]", output: Format) -> int:
    found: list[Verdict] = list(judge.verdicts(lines))
    print_rows([verdict.told() for verdict in found], output, _COLUMNS)
    return sum(not verdict.is_usable for verdict in found)
