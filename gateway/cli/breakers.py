"""`proctor breakers`: which circuit breakers are open, and opening or closing one by hand."""

from typing import Annotated, Any

import typer

from gateway.cli.output import Format, print_one, print_rows, say
from gateway.cli.session import AsOption, OutputOption, Session, perform

_COLUMNS = {
    "BREAKER": "name",
    "STATE": "state",
    "FAILURES": "failures",
    "OPEN S": "open_until_s",
    "BY": "by",
    "REASON": "reason",
    "LAST ERROR": "last_error",
}
NameArgument = Annotated[str, typer.Argument(metavar="BREAKER", help="tool:NAME or host:NAME.")]
ReasonOption = Annotated[str, typer.Option(help="Why; it is recorded.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="Circuit breakers of tools and hosts.", invoke_without_command=True)
    group.callback()(_default)
    group.command("ls")(ls)
    group.command("open")(open_breaker)
    group.command("close")(close_breaker)
    app.add_typer(group, name="breakers")


def _default(context: typer.Context) -> None:
    """Show circuit breakers, open one or close one; alone it lists them."""
    if context.invoked_subcommand is None:
        ls(context)


def ls(context: typer.Context, output: OutputOption = Format.TABLE) -> None:
    """List the breakers that are open, half-open or count failures."""

    async def work(session: Session) -> Any:
        return await (await session.reader()).breakers()

    found = perform(context, work)
    print_rows(found, output, _COLUMNS, empty="every breaker is closed")


def open_breaker(
    context: typer.Context,
    name: NameArgument,
    reason: ReasonOption,
    act_as: AsOption = None,
    output: OutputOption = Format.TABLE,
) -> None:
    """Open a breaker until somebody closes it: no call of its tool, or to its host, begins meanwhile."""
    _set(context, name, "open", reason=reason, act_as=act_as, output=output)


def close_breaker(
    context: typer.Context,
    name: NameArgument,
    reason: ReasonOption,
    act_as: AsOption = None,
    output: OutputOption = Format.TABLE,
) -> None:
    """Close a breaker at once, whatever opened it."""
    _set(context, name, "closed", reason=reason, act_as=act_as, output=output)


def _set(context: typer.Context, name: str, state: str, *, reason: str, act_as: str | None, output: Format) -> None:
    async def work(session: Session) -> Any:
        return await (await session.front(act_as)).set_breaker(_order(name=name, state=state, reason=reason))

    breaker = perform(context, work)
    say(f"{breaker.name} is {breaker.state}, by {breaker.by}: {breaker.reason}")
    if output is not Format.TABLE:
        print_one(breaker, output, {})


def _order(**fields: Any) -> Any:
    from pydantic import ValidationError

    from gateway.front_models import BreakerOrder
    from proctor.contracts.errors import InvalidInput

    try:
        return BreakerOrder.model_validate(fields)
    except ValidationError as error:
        raise InvalidInput("the reason must have 1 to 500 characters, the name 1 to 300") from error
