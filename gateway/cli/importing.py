"""What the commands `tools add …` share: work out what an import does, show it, write it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.output import Format, print_rows, say
from gateway.cli.session import wiring_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from proctor.contracts.catalog import Imported
    from proctor.contracts.tool import ToolContract
    from proctor.documents.catalog_writer import ImportPlan

UpdateOption = Annotated[
    bool, typer.Option("--update", help="Take over what the source says otherwise of tools that are here already.")
]
AcceptReadsOption = Annotated[
    bool, typer.Option("--accept-reads", help="Take claims that a tool only reads for facts, in the name of --as.")
]
NameOption = Annotated[str, typer.Option("--as", metavar="NAME", help="Who takes claims for facts; it is recorded.")]
_COLUMNS = {
    "CHANGE": "kind",
    "TOOL": "contract.name",
    "VERSION": "contract.version",
    "EFFECT": "contract.effect",
    "RISK": "contract.risk",
    "CLAIMED": "contract.provenance.claims.effect",
    "ACCEPTED BY": "contract.provenance.accepted_by",
    "FILE": "file",
}
_NARROW = {title: path for title, path in _COLUMNS.items() if title not in {"VERSION", "ACCEPTED BY", "FILE"}}
"""What a narrow terminal has room for; a file has its tool's name, and the last lines say where it lies."""


def catalog_root(context: typer.Context) -> Path:
    """Give the folder of the catalog: beside that of the agents."""
    from proctor.documents.tool_catalog import catalog_beside

    return catalog_beside(wiring_of(context).settings().agents)


def take_in(
    context: typer.Context,
    found: "Imported",
    *,
    update: bool = False,
    accept_by: str | None = None,
    output: Format = Format.TABLE,
) -> None:
    """Write an import into the catalog and print what was done.

    With `accept_by` (the person's name) claims that a tool only reads become facts at once. When the source says
    something else of a tool that is here already, the difference is printed and, without `update`, nothing is written
    and the command ends with exit code 6.
    """
    from proctor.contracts.errors import Refused
    from proctor.documents.catalog_writer import plan_import
    from proctor.tools.signature import derive_schemas

    plan = plan_import(catalog_root(context), found, derive_schemas, accept_reads_by=accept_by)
    for change in plan.of("changed"):
        say(change.diff)
    try:
        plan.write(update=update)
    except Refused:
        print_rows(_rows(plan), output, _COLUMNS, _NARROW)
        raise
    print_rows(_rows(plan), output, _COLUMNS, _NARROW)
    _tell(plan)


def _rows(plan: "ImportPlan") -> list[dict[str, Any]]:
    return [
        {
            "kind": change.kind,
            "file": change.file,
            "contract": change.contract.model_dump(mode="json", exclude={"input_schema", "output_schema"}),
        }
        for change in plan.changes
    ]


def _tell(plan: "ImportPlan") -> None:
    counts = {kind: len(plan.of(kind)) for kind in ("new", "changed", "unchanged", "gone")}
    say(f"{plan.root}: " + ", ".join(f"{count} {kind}" for kind, count in counts.items() if count))
    if counts["gone"]:
        say("what is gone from the source stays here: `proctor tools deprecate` it, or remove its file")
    if counts["new"] or counts["changed"]:
        _say_what_is_needed([change.contract for change in plan.of("new", "changed")])
        say("read what was written, say who owns each tool, and then: `proctor tools lock`")


def _say_what_is_needed(contracts: "Sequence[ToolContract]") -> None:
    """Tell what runs fail without, and only then: a credential that the worker does not know yet."""
    if names := sorted({use.name for contract in contracts for use in contract.credentials}):
        say(f"they need from credentials.yaml: {', '.join(names)}; a worker reads that file when it starts")
