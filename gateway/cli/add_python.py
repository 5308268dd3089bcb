"""`proctor tools add python`: the contract of a typed Python function, written for a person to complete."""

import sys
from typing import Annotated

import typer

FunctionArgument = Annotated[str, typer.Argument(metavar="MODULE[:FUNCTION]", help="Where the function is.")]


def register(group: typer.Typer) -> None:
    """Add the command."""
    group.command("python")(add_python)


def add_python(function: FunctionArgument) -> None:
    """Print the contract of a Python function. Its schemas come from the function's types."""
    from proctor.tools.draft import main

    raise typer.Exit(main([function], sys.stdout))
