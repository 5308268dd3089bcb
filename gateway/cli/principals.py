"""`proctor principals`: who is enrolled here, and who they are in other systems."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.access import register_links
from gateway.cli.output import Format, print_one, print_rows, say
from gateway.cli.session import AsOption, OutputOption, Session, perform

if TYPE_CHECKING:
    from proctor.contracts.human import Role


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(name="principals", help="The people whose tokens are kept here.", no_args_is_help=True)
    group.command("ls")(ls)
    group.command("add")(add)
    group.command("disable")(disable)
    register_links(group)
    app.add_typer(group)


def ls(context: typer.Context, output: OutputOption = Format.TABLE) -> None:
    """List the principals with a token in the state folder, and whether the store still knows it."""

    async def work(session: Session) -> list[dict[str, Any]]:
        from gateway.identity import local_names

        names = local_names(session.gateway.settings.home)
        return [await _standing(session, name) for name in names]

    columns = {"NAME": "name", "ROLES": "roles", "TOKEN": "token"}
    print_rows(perform(context, work), output, columns, empty="there are no tokens in the state folder")


async def _standing(session: Session, name: str) -> dict[str, Any]:
    from proctor.contracts.errors import NotAuthorised

    try:
        principal = await session.caller(name)
    except NotAuthorised as error:
        return {"name": name, "roles": "", "token": f"not accepted: {error.message}"}
    if principal.name != name:
        return {"name": name, "roles": "", "token": f"belongs to {principal.name}"}
    return {"name": name, "roles": ", ".join(sorted(principal.roles)), "token": "accepted"}


def add(
    context: typer.Context,
    *,
    name: Annotated[str, typer.Argument(metavar="NAME")],
    roles: Annotated[list[str], typer.Option("--role", help="requester, approver, owner, operator or auditor.")],
    is_service: Annotated[
        bool, typer.Option("--service", help="A program: it neither approves nor owns, and owners make its keys.")
    ] = False,
    act_as: AsOption = None,
    output: OutputOption = Format.TABLE,
) -> None:
    """Create a principal, or give it new roles and a new token; token and key go to the state folder (mode 0600).

    It takes the role owner, except for the first principal of all.
    """
    chosen = _roles(roles)

    async def work(session: Session) -> Any:
        from gateway.identity import check_may_enrol, enrol
        from gateway.signing import enrol_key

        settings, people = session.gateway.settings, session.gateway.store.people
        by = await check_may_enrol(lambda: session.caller(act_as), settings.home)
        principal = await enrol(people, settings.home, name, chosen, is_service=is_service, by=by)
        if not is_service:
            await enrol_key(session.gateway.store.approver_keys, settings.home, principal.name)
        return principal

    principal = perform(context, work)
    say(f"{principal.name} may now act: {', '.join(sorted(principal.roles))} — use --as {principal.name}")
    if output is not Format.TABLE:
        print_one(principal, output, {})


def disable(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME")],
    reason: Annotated[str, typer.Option(help="Why; it is recorded.")] = "",
    act_as: AsOption = None,
    output: OutputOption = Format.TABLE,
) -> None:
    """Lock a principal out at once: token, API keys, sessions and links. `principals add` lets them in again.

    It takes the role owner, and another person than the one who is locked out.
    """
    from proctor.contracts.ids import PrincipalName

    async def work(session: Session) -> Any:
        by = await session.caller(act_as)
        return await session.gateway.store.people.disable(PrincipalName(name), by, reason=reason)

    principal = perform(context, work)
    say(f"{principal.name} is locked out; `proctor principals add {principal.name} --role R` lets them in again")
    if output is not Format.TABLE:
        print_one(principal, output, {})


def _roles(names: list[str]) -> "frozenset[Role]":
    from proctor.contracts.errors import InvalidInput
    from proctor.contracts.human import Role

    try:
        return frozenset(Role(name) for name in names)
    except ValueError as error:
        wrong = sorted(set(names) - set(Role))
        raise InvalidInput(f"{', '.join(wrong)}: no such role", hint=f"the roles are {', '.join(Role)}") from error
