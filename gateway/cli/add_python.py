"""`proctor tools add python`: contracts of typed Python functions, written into the catalog."""

from typing import Annotated

import typer

from gateway.cli.importing import UpdateOption, take_in
from gateway.cli.output import Format
from gateway.cli.session import OutputOption


def register(group: typer.Typer) -> None:
    """Add the command."""
    group.command("python")(add_python)


def add_python(
    context: typer.Context,
    *,
    function: Annotated[
        str, typer.Argument(metavar="MODULE[:FUNCTION]", help="A typed function, or all public ones of a module.")
    ],
    source: Annotated[
        str | None, typer.Option(help="Folder in the catalog; the module's last name unless said.")
    ] = None,
    effect: Annotated[str, typer.Option(help="read, write or irreversible: what calling it does.")] = "irreversible",
    owner: Annotated[str, typer.Option(help="Who answers for it.")] = "",
    version: Annotated[str, typer.Option(help="Version of the contracts.")] = "1",
    update: UpdateOption = False,
    output: OutputOption = Format.TABLE,
) -> None:
    """Take typed Python functions into the catalog. Their schemas come from their types, the rest is for you to say."""
    from proctor.contracts.catalog import Imported
    from proctor.contracts.errors import InvalidInput
    from proctor.contracts.tool import Effect
    from proctor.tools.drafting import python_tools

    if effect not in set(Effect):
        raise InvalidInput(f"{effect!r} is no effect", hint=f"write one of {', '.join(Effect)}")
    tools = python_tools(function, effect=Effect(effect), owner=owner, version=version)
    module, _, name = function.partition(":")
    folder = source or module.rpartition(".")[2].replace("_", "-").lower()
    found = Imported(folder, tools, heading=f"Made from the types of {module}.", is_whole=not name)
    take_in(context, found, update=update, output=output)
