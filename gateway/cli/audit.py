"""`proctor audit verify` and `proctor audit export`."""

import re
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.output import Format, print_json, print_rows, say
from gateway.cli.session import OutputOption, Session, perform

if TYPE_CHECKING:
    from gateway.auditing import Trail, Witness

_COLUMNS = {"RUN": "run_id", "RECORDS": "records", "WITNESSES": "witnesses", "PROVEN": "proven", "BREAKS": "breaks"}


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(name="audit", help="Prove and export the audit trail.", no_args_is_help=True)
    group.command("verify")(verify)
    group.command("export")(export)
    app.add_typer(group)


def verify(
    context: typer.Context,
    *,
    run_id: Annotated[
        str | None, typer.Argument(metavar="RUN", help="Verify this run, or what governs an agent: agent:NAME.")
    ] = None,
    is_all: Annotated[bool, typer.Option("--all", help="Verify every run and agent.")] = False,
    file: Annotated[
        str | None, typer.Option(metavar="F", help="Verify an export, without database and Temporal; - reads stdin.")
    ] = None,
    head: Annotated[
        str | None, typer.Option(metavar="N:HASH", help="A head that you kept yourself: one more witness.")
    ] = None,
    output: OutputOption = Format.TABLE,
) -> None:
    """Prove that records were neither altered, removed, added nor reordered; exit 1 when they were."""
    if sum((run_id is not None, is_all, file is not None)) != 1 or (head is not None and is_all):
        raise typer.BadParameter("name one of RUN, --all and --file F; --head goes with one run")
    given = [_witness(head)] if head is not None else []
    trails = [_from_file(file)] if file is not None else perform(context, lambda session: _read(session, run_id))
    findings = [_finding(trail, given) for trail in trails]
    print_rows(findings, output, _COLUMNS)
    broken = [finding["run_id"] for finding in findings if not finding["proven"]]
    for note in dict.fromkeys(note for trail in trails for note in trail.notes):
        say(note)
    say(f"{len(findings) - len(broken)} of {len(findings)} proven")
    raise typer.Exit(1 if broken else 0)


def export(context: typer.Context, run_id: Annotated[str, typer.Argument(metavar="RUN")]) -> None:
    """Write a run's records and witnesses as JSON lines, for `audit verify --file`."""
    from gateway.auditing import export_lines

    for trail in perform(context, lambda session: _read(session, run_id)):
        for note in trail.notes:
            say(note)
        for line in export_lines(trail):
            print_json(line, indent=None)


async def _read(session: Session, run_id: str | None) -> "list[Trail]":
    from gateway.auditing import Trail
    from proctor.contracts.ids import RunId

    front = await session.reader()
    chains = [RunId(run_id)] if run_id is not None else await front.chains()
    found = [await front.audit(chain) for chain in chains]
    return [Trail(one.run_id, [*one.records], [*one.witnesses], [*one.notes], [*one.contradictions]) for one in found]


def _from_file(source: str) -> "Trail":
    from gateway.auditing import import_lines
    from gateway.cli.reading import name_of, read_text

    return import_lines(read_text(source).split("\n"), name_of(source))


def _witness(text: str) -> "Witness":
    from gateway.auditing import Witness
    from proctor.contracts.ids import Digest
    from proctor.contracts.run import AuditHead

    match = re.fullmatch(r"(\d{1,12}):([0-9a-f]{64})", text)
    if match is None:
        raise typer.BadParameter("--head is N:HASH, as `proctor show RUN` prints it under audit head")
    return Witness(source="given", head=AuditHead(n=int(match[1]), hash=Digest(match[2])))


def _finding(trail: "Trail", given: "list[Witness]") -> dict[str, Any]:
    from dataclasses import replace

    complete = replace(trail, witnesses=[*trail.witnesses, *given])
    breaks = complete.breaks()
    return {
        "run_id": trail.run_id,
        "records": len(trail.records),
        "witnesses": len(complete.witnesses),
        "proven": not breaks,
        "breaks": breaks,
    }
