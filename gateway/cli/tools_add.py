"""`proctor tools add`: take tools from elsewhere into the catalog, one command a kind."""

import typer

from gateway.cli import add_mcp, add_openapi, add_python

_PARTS = (add_mcp, add_openapi, add_python)


def register(tools: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(name="add", help="Take tools from elsewhere into the catalog.", no_args_is_help=True)
    for part in _PARTS:
        part.register(group)
    tools.add_typer(group)
