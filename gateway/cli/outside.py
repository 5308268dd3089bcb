"""`proctor webhooks`, `hooks`, `schedules`, `deliveries`: other systems, out and in. A gateway does all of it."""

from typing import Annotated, Any

import typer

from gateway.cli.output import Format, emit, print_one, print_rows, say
from gateway.cli.session import AsOption, OutputOption, Session, perform

NameArgument = Annotated[str, typer.Argument(metavar="NAME")]
IdArgument = Annotated[str, typer.Argument(metavar="WEBHOOK", help="Its id.")]
ReasonOption = Annotated[str, typer.Option(help="Why; it is recorded.")]
_WEBHOOK = {"WEBHOOK": "id", "URL": "url", "KINDS": "kinds", "AGENT": "agent", "BY": "by", "DISABLED": "disabled_at"}
_HOOK = {"HOOK": "name", "AGENT": "agent", "AS": "principal", "SCHEME": "scheme", "DISABLED": "disabled_at"}
_SCHEDULE = {
    "SCHEDULE": "schedule.name",
    "AGENT": "schedule.agent",
    "AS": "schedule.principal",
    "STATE": "state",
    "FIRED": "fired",
    "NEXT": "next_at",
    "NOTE": "note",
}
_DELIVERY = {"DELIVERY": "id", "CHANNEL": "channel", "ATTEMPTS": "attempts", "TROUBLE": "trouble"}


def register(app: typer.Typer) -> None:
    """Add the commands."""
    webhooks = typer.Typer(name="webhooks", help="Events sent to other systems, signed.", no_args_is_help=True)
    webhooks.command("ls")(list_webhooks)
    webhooks.command("add")(add_webhook)
    webhooks.command("rotate")(rotate_webhook)
    webhooks.command("disable")(disable_webhook)
    webhooks.command("enable")(enable_webhook)
    app.add_typer(webhooks)
    hooks = typer.Typer(name="hooks", help="Runs begun by other systems.", no_args_is_help=True)
    hooks.command("ls")(list_hooks)
    hooks.command("add")(add_hook)
    hooks.command("disable")(disable_hook)
    app.add_typer(hooks)
    schedules = typer.Typer(name="schedules", help="Runs begun by the clock.", no_args_is_help=True)
    schedules.command("ls")(list_schedules)
    schedules.command("add")(add_schedule)
    schedules.command("pause")(pause_schedule)
    schedules.command("resume")(resume_schedule)
    schedules.command("trigger")(trigger_schedule)
    schedules.command("delete")(delete_schedule)
    app.add_typer(schedules)
    deliveries = typer.Typer(name="deliveries", help="Events that could not be delivered.", no_args_is_help=True)
    deliveries.command("dead")(dead)
    deliveries.command("replay")(replay)
    app.add_typer(deliveries)


def _ask(context: typer.Context, act_as: str | None, *path: str, **query: Any) -> Any:
    async def work(session: Session) -> Any:
        return await (await session.link(act_as)).get(Any, *path, **query)

    return perform(context, work)


def _order(context: typer.Context, act_as: str | None, *path: str, **body: Any) -> Any:
    given = {name: value for name, value in body.items() if value is not None}

    async def work(session: Session) -> Any:
        return await (await session.link(act_as)).post(Any, *path, body=given)

    return perform(context, work)


def _remove(context: typer.Context, act_as: str | None, *path: str) -> Any:
    async def work(session: Session) -> Any:
        return await (await session.link(act_as)).delete(Any, *path)

    return perform(context, work)


def _print_secret(made: Any, what: str, output: Format) -> None:
    sealed = "" if made["sealed"] else "; PROCTOR_SECRETS_KEY is not set, so the store keeps it in the clear"
    say(f"{what}; keep its secret now, it is not shown again{sealed}:")
    if output is Format.TABLE:
        emit(made["secret"])
    else:
        print_one(made, output, {})


def list_webhooks(context: typer.Context, act_as: AsOption = None, output: OutputOption = Format.TABLE) -> None:
    """List subscriptions to events, newest first."""
    print_rows(_ask(context, act_as, "webhooks"), output, _WEBHOOK, empty="there are no webhooks")


def add_webhook(
    context: typer.Context,
    *,
    url: Annotated[str, typer.Argument(metavar="URL", help="Where events go.")],
    kind: Annotated[list[str] | None, typer.Option(metavar="KIND", help="Only events of this kind.")] = None,
    agent: Annotated[str | None, typer.Option(metavar="NAME", help="Only of this agent.")] = None,
    is_whole: Annotated[
        bool, typer.Option("--with-arguments", help="Send what approvals ask for, word by word.")
    ] = False,
    act_as: AsOption = None,
    output: OutputOption = Format.TABLE,
) -> None:
    """Send events to another system. Prints the secret by which it can tell that they are ours."""
    body = {"url": url, "kinds": kind or [], "agent": agent, "with_arguments": is_whole}
    made = _order(context, act_as, "webhooks", **body)
    _print_secret(made, f"webhook {made['webhook']['id']} sends to {url}", output)


def rotate_webhook(
    context: typer.Context, webhook: IdArgument, act_as: AsOption = None, output: OutputOption = Format.TABLE
) -> None:
    """Make a new secret; for a day messages carry both signatures."""
    made = _order(context, act_as, "webhooks", webhook, "rotation")
    _print_secret(made, f"webhook {webhook} has a new secret", output)


def disable_webhook(
    context: typer.Context, webhook: IdArgument, reason: ReasonOption = "", act_as: AsOption = None
) -> None:
    """Send nothing more."""
    _order(context, act_as, "webhooks", webhook, "disabling", reason=reason)
    say(f"webhook {webhook} sends nothing more")


def enable_webhook(context: typer.Context, webhook: IdArgument, act_as: AsOption = None) -> None:
    """Send again what happens from now on."""
    _order(context, act_as, "webhooks", webhook, "enabling")
    say(f"webhook {webhook} sends what happens from now on")


def list_hooks(context: typer.Context, act_as: AsOption = None, output: OutputOption = Format.TABLE) -> None:
    """List ways in for other systems, by name."""
    print_rows(_ask(context, act_as, "hooks"), output, _HOOK, empty="there are no hooks")


def add_hook(
    context: typer.Context,
    *,
    source: Annotated[
        str,
        typer.Argument(metavar="FILE", help="JSON: name, agent, tenant, principal, scheme, mapping; - reads stdin."),
    ],
    act_as: AsOption = None,
    output: OutputOption = Format.TABLE,
) -> None:
    """Let another system begin runs, in the name of a service. Prints the secret that it signs with."""
    made = _order(context, act_as, "hooks", **_document(source))
    _print_secret(made, f"hook {made['hook']['name']} begins runs of {made['hook']['agent']}", output)


def disable_hook(context: typer.Context, name: NameArgument, act_as: AsOption = None) -> None:
    """Take no more calls."""
    _remove(context, act_as, "hooks", name)
    say(f"hook {name} takes no more calls")


def list_schedules(context: typer.Context, act_as: AsOption = None, output: OutputOption = Format.TABLE) -> None:
    """List schedules by name, and what Temporal says of each."""
    print_rows(_ask(context, act_as, "schedules"), output, _SCHEDULE, empty="there are no schedules")


def add_schedule(
    context: typer.Context,
    *,
    source: Annotated[
        str, typer.Argument(metavar="FILE", help="JSON: name, agent, tenant, principal, input, timing; - reads stdin.")
    ],
    act_as: AsOption = None,
    output: OutputOption = Format.TABLE,
) -> None:
    """Begin a run again and again, in the name of a service."""
    made = _order(context, act_as, "schedules", **_document(source))
    say(f"schedule {made['schedule']['name']} begins runs of {made['schedule']['agent']}")
    if output is not Format.TABLE:
        print_one(made, output, {})


def pause_schedule(
    context: typer.Context, name: NameArgument, reason: ReasonOption = "", act_as: AsOption = None
) -> None:
    """Fire no more until it is resumed."""
    _order(context, act_as, "schedules", name, "pause", reason=reason)
    say(f"schedule {name} is paused")


def resume_schedule(
    context: typer.Context, name: NameArgument, reason: ReasonOption = "", act_as: AsOption = None
) -> None:
    """Fire again from now on."""
    _order(context, act_as, "schedules", name, "resumption", reason=reason)
    say(f"schedule {name} fires again")


def trigger_schedule(context: typer.Context, name: NameArgument, act_as: AsOption = None) -> None:
    """Fire once now."""
    _order(context, act_as, "schedules", name, "firing")
    say(f"schedule {name} fires now")


def delete_schedule(context: typer.Context, name: NameArgument, act_as: AsOption = None) -> None:
    """Begin nothing more by it."""
    _remove(context, act_as, "schedules", name)
    say(f"schedule {name} begins nothing more")


def dead(
    context: typer.Context,
    channel: Annotated[str | None, typer.Option(metavar="NAME", help="Only of this channel.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="At most so many, newest first.")] = 50,
    act_as: AsOption = None,
    output: OutputOption = Format.TABLE,
) -> None:
    """List deliveries that were given up, newest first."""
    found = _ask(context, act_as, "deliveries", "dead", channel=channel, limit=limit)
    print_rows(found, output, _DELIVERY, empty="no delivery was given up")


def replay(
    context: typer.Context,
    delivery: Annotated[int, typer.Argument(metavar="DELIVERY", min=1)],
    act_as: AsOption = None,
) -> None:
    """Try a delivery again that was given up."""
    _order(context, act_as, "deliveries", str(delivery), "replay")
    say(f"delivery {delivery} is tried again")


def _document(source: str) -> dict[str, Any]:
    from gateway.cli.reading import name_of, read_json
    from proctor.contracts.errors import InvalidInput

    found = read_json(source)
    if not isinstance(found, dict):
        raise InvalidInput(f"{name_of(source)} is not a JSON object", hint="see docs/reference/command.md")
    return found
