"""`proctor grants`, `delegate`, `delegations`, `keys`: what people decide beforehand, and how they sign."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.output import Format, print_one, print_rows, say
from gateway.cli.session import AsOption, OutputOption, Session, perform

if TYPE_CHECKING:
    from proctor.contracts.approving import ApproverKey

_GRANT = {
    "GRANT": "id",
    "AGENT": "agent",
    "TOOL": "tool",
    "RUN": "run_id",
    "SAME": "match",
    "BY": "by",
    "USES": "uses",
    "AT MOST": "max_uses",
    "EXPIRES": "expires_at",
}
_DELEGATION = {
    "DELEGATION": "id",
    "OF": "principal",
    "TO": "to",
    "AGENT": "agent",
    "UNTIL": "until",
    "REASON": "reason",
}
_KEY = {
    "KEY": "id",
    "OF": "principal",
    "LABEL": "label",
    "ADDED": "added_at",
    "COUNTS FROM": "valid_from",
    "VOUCHED BY": "vouched_by",
    "REVOKED": "revoked_at",
}
_NARROW_KEY = {title: path for title, path in _KEY.items() if title not in {"ADDED", "VOUCHED BY"}}


def register(app: typer.Typer) -> None:
    """Add the commands."""
    grants = typer.Typer(name="grants", help="Standing approvals: approve and stop asking.", no_args_is_help=True)
    grants.command("ls")(list_grants)
    grants.command("revoke")(revoke_grant)
    app.add_typer(grants)
    app.command("delegate")(delegate)
    delegations = typer.Typer(name="delegations", help="Who decides in whose place.", no_args_is_help=True)
    delegations.command("ls")(list_delegations)
    delegations.command("end")(end_delegation)
    app.add_typer(delegations)
    keys = typer.Typer(name="keys", help="Keys by which approvers sign.", no_args_is_help=True)
    keys.command("ls")(list_keys)
    keys.command("add")(add_key)
    keys.command("vouch")(vouch_key)
    keys.command("revoke")(revoke_key)
    app.add_typer(keys)


def list_grants(
    context: typer.Context,
    agent: Annotated[str | None, typer.Option(metavar="NAME", help="Only of this agent.")] = None,
    act_as: AsOption = None,
    output: OutputOption = Format.TABLE,
) -> None:
    """List standing approvals that are live, newest first."""
    from proctor.contracts.ids import AgentName

    async def work(session: Session) -> Any:
        return await (await session.reader(act_as)).grants(AgentName(agent) if agent else None)

    found = perform(context, work)
    print_rows(found, output, _GRANT, empty="no standing approval is live")


def revoke_grant(
    context: typer.Context,
    grant_id: Annotated[str, typer.Argument(metavar="GRANT")],
    reason: Annotated[str, typer.Option(help="Why; it is recorded.")] = "",
    act_as: AsOption = None,
    output: OutputOption = Format.TABLE,
) -> None:
    """End a standing approval: people are asked again."""

    async def work(session: Session) -> Any:
        return await (await session.front(act_as)).revoke_grant(grant_id, reason)

    grant = perform(context, work)
    say(f"grant {grant.id} is revoked by {grant.revoked_by}; it was used {grant.uses} time(s)")
    if output is not Format.TABLE:
        print_one(grant, output, {})


def delegate(
    context: typer.Context,
    *,
    to: Annotated[str, typer.Argument(metavar="NAME", help="Who decides in your place.")],
    lasting: Annotated[str, typer.Option("--for", metavar="FOR", help="For so long: 8h, 7d.")],
    agent: Annotated[str | None, typer.Option(metavar="NAME", help="Only for this agent.")] = None,
    reason: Annotated[str, typer.Option(help="Why; it is recorded.")] = "",
    act_as: AsOption = None,
    output: OutputOption = Format.TABLE,
) -> None:
    """Let another person decide in your place for a while."""
    from datetime import UTC, datetime, timedelta

    from gateway.cli.decide import lasting_s
    from gateway.front_models import DelegationOrder

    until = datetime.now(UTC) + timedelta(seconds=lasting_s(lasting))
    fields = {"to": to, "agent": agent, "reason": reason, "until": until}

    async def work(session: Session) -> Any:
        return await (await session.front(act_as)).delegate(DelegationOrder.model_validate(fields))

    made = perform(context, work)
    say(f"{made.to} decides in the place of {made.principal} until {made.until:%Y-%m-%d %H:%M:%S %Z}")
    if output is not Format.TABLE:
        print_one(made, output, {})


def list_delegations(context: typer.Context, act_as: AsOption = None, output: OutputOption = Format.TABLE) -> None:
    """List delegations that are live."""

    async def work(session: Session) -> Any:
        return await (await session.reader(act_as)).delegations()

    found = perform(context, work)
    print_rows(found, output, _DELEGATION, empty="nobody decides in another's place")


def end_delegation(
    context: typer.Context,
    delegation_id: Annotated[str, typer.Argument(metavar="DELEGATION")],
    act_as: AsOption = None,
    output: OutputOption = Format.TABLE,
) -> None:
    """End a delegation of yours."""

    async def work(session: Session) -> Any:
        return await (await session.front(act_as)).end_delegation(delegation_id)

    ended = perform(context, work)
    say(f"{ended.to} no longer decides in the place of {ended.principal}")
    if output is not Format.TABLE:
        print_one(ended, output, {})


def list_keys(
    context: typer.Context,
    principal: Annotated[str | None, typer.Option(metavar="NAME", help="Only of this person.")] = None,
    act_as: AsOption = None,
    output: OutputOption = Format.TABLE,
) -> None:
    """List the public keys of approvers."""
    from proctor.contracts.ids import PrincipalName

    async def work(session: Session) -> Any:
        return await (await session.reader(act_as)).keys(PrincipalName(principal) if principal else None)

    print_rows(perform(context, work), output, _KEY, _NARROW_KEY, empty="nobody has registered a key")


def add_key(
    context: typer.Context,
    label: Annotated[str, typer.Option(help="Where it is kept, for people.")] = "",
    act_as: AsOption = None,
    output: OutputOption = Format.TABLE,
) -> None:
    """Make a key in the state folder and register its public half. A key you had introduces the new one."""

    async def work(session: Session) -> "ApproverKey":
        from gateway.front_models import KeyOrder
        from gateway.signing import find_signer, key_path, make_key

        front = await session.front(act_as)
        name, home = front.principal.name, session.settings.home
        former, path = find_signer(home, name), key_path(home, name)
        kept = path.read_bytes() if former is not None else None
        signer = make_key(home, name)
        introduced = None if former is None else former.introduce(signer.public_key)
        try:
            return await front.add_key(KeyOrder(public_key=signer.public_key, label=label, introduced=introduced))
        except BaseException:
            # The one that the others know must not be lost for one that they do not.
            path.unlink() if kept is None else path.write_bytes(kept)
            raise

    key = perform(context, work)
    say(f"key {key.id} of {key.principal} is registered; it counts from {key.valid_from:%Y-%m-%d %H:%M:%S %Z}")
    if output is not Format.TABLE:
        print_one(key, output, {})


def vouch_key(
    context: typer.Context,
    key_id: Annotated[str, typer.Argument(metavar="KEY")],
    act_as: AsOption = None,
    output: OutputOption = Format.TABLE,
) -> None:
    """Let another person's new key count from now on. An owner may, who has made sure whose it is."""

    async def work(session: Session) -> "ApproverKey":
        return await (await session.front(act_as)).vouch_key(key_id)

    key = perform(context, work)
    say(f"key {key.id} of {key.principal} counts from now on")
    if output is not Format.TABLE:
        print_one(key, output, {})


def revoke_key(
    context: typer.Context,
    key_id: Annotated[str, typer.Argument(metavar="KEY")],
    act_as: AsOption = None,
    output: OutputOption = Format.TABLE,
) -> None:
    """Revoke a key: yours, or as an owner anybody's. Approvals signed with it before still stand."""

    async def work(session: Session) -> "ApproverKey":
        return await (await session.front(act_as)).revoke_key(key_id)

    key = perform(context, work)
    say(f"key {key.id} of {key.principal} is revoked")
    if output is not Format.TABLE:
        print_one(key, output, {})
