"""`proctor whoami`, `api-keys`, and the links of principals to other systems."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.output import Format, emit, print_one, print_rows, say
from gateway.cli.session import AsOption, OutputOption, Session, perform

if TYPE_CHECKING:
    from gateway.front_models import ApiKeyOrder

_KEY = {
    "KEY": "id",
    "PRINCIPAL": "principal",
    "ROLES": "roles",
    "LABEL": "label",
    "EXPIRES": "expires_at",
    "LAST USED": "last_used_at",
    "REVOKED": "revoked_at",
}
_LINK = {"SYSTEM": "system", "SUBJECT": "subject", "PRINCIPAL": "principal", "BY": "added_by", "SINCE": "added_at"}
SystemArgument = Annotated[str, typer.Argument(metavar="SYSTEM", help="slack, matrix, email or oidc.")]
SubjectArgument = Annotated[
    str, typer.Argument(metavar="SUBJECT", help="T1/U2, @maria:example.org, maria@example.org, or ISSUER SUBJECT.")
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("whoami")(whoami)
    keys = typer.Typer(name="api-keys", help="Keys by which programs come in.", no_args_is_help=True)
    keys.command("ls")(list_keys)
    keys.command("create")(create)
    keys.command("revoke")(revoke)
    app.add_typer(keys)


def register_links(principals: typer.Typer) -> None:
    """Add the commands that say who a principal is elsewhere."""
    principals.command("links")(links)
    principals.command("link")(link)
    principals.command("unlink")(unlink)


def whoami(context: typer.Context, act_as: AsOption = None, output: OutputOption = Format.TABLE) -> None:
    """Say who is signed in here, with which roles."""

    async def work(session: Session) -> Any:
        return await (await session.front(act_as)).whoami()

    print_one(perform(context, work), output, {"name": "name", "roles": "roles"})


def list_keys(
    context: typer.Context,
    principal: Annotated[str | None, typer.Option(metavar="NAME", help="Only of this principal.")] = None,
    act_as: AsOption = None,
    output: OutputOption = Format.TABLE,
) -> None:
    """List API keys: your own; an owner or auditor sees all."""
    from proctor.contracts.ids import PrincipalName

    async def work(session: Session) -> Any:
        return await (await session.front(act_as)).api_keys(PrincipalName(principal) if principal else None)

    print_rows(perform(context, work), output, _KEY, empty="there are no API keys; `proctor api-keys create` makes one")


def create(
    context: typer.Context,
    *,
    principal: Annotated[
        str | None, typer.Option(metavar="NAME", help="Whom it acts as; an owner may make one for others.")
    ] = None,
    role: Annotated[
        list[str] | None, typer.Option(metavar="R", help="A role it has; all of its principal's unless given.")
    ] = None,
    label: Annotated[str, typer.Option(help="What it is for.")] = "",
    lasting: Annotated[str, typer.Option("--for", metavar="FOR", help="How long it lives.")] = "90d",
    act_as: AsOption = None,
    output: OutputOption = Format.TABLE,
) -> None:
    """Make an API key. It is printed on stdout, this once."""
    from gateway.cli.decide import lasting_s
    from proctor.contracts.identity_ports import LONGEST_KEY_S

    for_s = lasting_s(lasting, LONGEST_KEY_S)
    order = _order(principal=principal, roles=role or None, label=label, for_s=for_s)

    async def work(session: Session) -> Any:
        return await (await session.front(act_as)).create_api_key(order)

    made = perform(context, work)
    say(f"API key {made.key.id} of {made.key.principal}, until {made.key.expires_at:%Y-%m-%d}; keep it now:")
    if output is Format.TABLE:
        emit(made.token)
    else:
        print_one(made, output, {})


def _order(**fields: Any) -> "ApiKeyOrder":
    from pydantic import ValidationError

    from gateway.front_models import ApiKeyOrder
    from gateway.unfitting import misfit_of

    try:
        return ApiKeyOrder.model_validate(fields)
    except ValidationError as error:
        raise misfit_of(error) from error


def revoke(
    context: typer.Context,
    key_id: Annotated[str, typer.Argument(metavar="KEY", help="Its id: what stands between pk_ and the second _.")],
    act_as: AsOption = None,
    output: OutputOption = Format.TABLE,
) -> None:
    """End an API key at once."""

    async def work(session: Session) -> Any:
        return await (await session.front(act_as)).revoke_api_key(key_id)

    key = perform(context, work)
    say(f"API key {key.id} of {key.principal} is revoked")
    if output is not Format.TABLE:
        print_one(key, output, {})


def links(
    context: typer.Context,
    principal: Annotated[str | None, typer.Option(metavar="NAME", help="Only of this principal.")] = None,
    act_as: AsOption = None,
    output: OutputOption = Format.TABLE,
) -> None:
    """List who principals are in Slack, Matrix, e-mail and OIDC."""
    from proctor.contracts.ids import PrincipalName

    async def work(session: Session) -> Any:
        return await (await session.front(act_as)).identities(PrincipalName(principal) if principal else None)

    print_rows(perform(context, work), output, _LINK, empty="nobody is linked to another system")


def link(
    context: typer.Context,
    *,
    principal: Annotated[str, typer.Argument(metavar="NAME")],
    system: SystemArgument,
    subject: SubjectArgument,
    act_as: AsOption = None,
    output: OutputOption = Format.TABLE,
) -> None:
    """Say who a principal is in another system. Whoever is not linked there is nobody here."""
    from pydantic import ValidationError

    from gateway.front_models import IdentityOrder
    from gateway.unfitting import misfit_of

    try:
        order = IdentityOrder.model_validate({"system": system, "subject": subject, "principal": principal})
    except ValidationError as error:
        raise misfit_of(error) from error

    async def work(session: Session) -> Any:
        return await (await session.front(act_as)).link_identity(order)

    made = perform(context, work)
    say(f"{made.subject} in {made.system} is {made.principal}")
    if output is not Format.TABLE:
        print_one(made, output, {})


def unlink(
    context: typer.Context,
    system: SystemArgument,
    subject: SubjectArgument,
    act_as: AsOption = None,
    output: OutputOption = Format.TABLE,
) -> None:
    """Take such a link back: whoever is there is nobody here from now on."""

    async def work(session: Session) -> Any:
        return await (await session.front(act_as)).unlink_identity(system, subject)  # type: ignore[arg-type]

    gone = perform(context, work)
    say(f"{gone.subject} in {gone.system} is nobody here any more")
    if output is not Format.TABLE:
        print_one(gone, output, {})
