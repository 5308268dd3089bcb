"""`proctor policy diff | backtest | propose | versions | approve | reject`: how a policy changes."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.output import Format, emit, print_json, print_one, print_rows, say
from gateway.cli.session import AsOption, OutputOption, Session, perform, wiring_of
from gateway.cli.visible import visible_line

if TYPE_CHECKING:
    from gateway.backtesting import Backtest
    from gateway.policy_difference import PolicyDifference
    from gateway.policy_sources import PolicySource

SOURCE = "An agent's name or folder, `active`, or the digest of a recorded bundle."
AgentArgument = Annotated[str, typer.Argument(metavar="AGENT", help="The agent's name.")]
VersionArgument = Annotated[str, typer.Argument(metavar="VERSION", help="The version's id.")]
EXIT_LOOSENS = 1
SHOWN = 50
_VERSION_COLUMNS = {
    "VERSION": "id",
    "STATE": "state",
    "CHANGE": "change",
    "PROPOSED BY": "proposed_by",
    "APPROVED BY": "approved_by",
    "AT": "at",
    "BUNDLE": "bundle_digest",
    "WHAT": "summary",
}
_VERSION_FIELDS = {title.lower(): path for title, path in _VERSION_COLUMNS.items()} | {"reason": "reason"}


def register(group: typer.Typer) -> None:
    """Add the commands to the group `policy`."""
    for command in (diff, backtest, propose, versions, approve, reject):
        group.command(command.__name__)(command)


def diff(
    context: typer.Context,
    old: Annotated[str, typer.Argument(metavar="OLD", help=SOURCE)],
    new: Annotated[str, typer.Argument(metavar="NEW", help=SOURCE)],
    output: OutputOption = Format.TABLE,
) -> None:
    """Say of each change whether it tightens or loosens. With a call that shows it; exit 1 when one loosens."""
    from gateway.policy_difference import difference

    before, after = _two(context, old, new)
    found = difference(before.bundle, after.bundle)
    _print_difference(found, output)
    if found.kind == "loosens":
        raise typer.Exit(EXIT_LOOSENS)


def backtest(
    context: typer.Context,
    *,
    new: Annotated[str, typer.Argument(metavar="NEW", help=SOURCE)],
    since: Annotated[str, typer.Option(help="How far to look back: 7d, 24h.")] = "7d",
    agent: Annotated[str | None, typer.Option(help="Whose calls; NEW's agent unless said.")] = None,
    output: OutputOption = Format.TABLE,
) -> None:
    """Decide recorded calls again by another policy. Shows those decided otherwise; nothing is carried out."""

    async def work(session: Session) -> "Backtest":
        from gateway.backtesting import backtest as redecide
        from gateway.policy_records import past_calls
        from gateway.policy_sources import policy_from
        from proctor.contracts.ids import AgentName

        store, agents = session.gateway.store, session.gateway.settings.agents
        whose = AgentName(agent) if agent is not None else None
        bundle = (await policy_from(new, agents, store, whose)).bundle
        calls = past_calls(store, whose or bundle.manifest.name, since)
        return await redecide(bundle, calls, store.journal.bundle)

    _print_backtest(perform(context, work), output)


def propose(
    context: typer.Context, agent: AgentArgument, act_as: AsOption = None, output: OutputOption = Format.TABLE
) -> None:
    """Propose the policy in the agent's files. It is active at once, unless it loosens the active one."""
    from gateway.agents import load_agent

    async def work(session: Session) -> Any:
        caller = await session.caller(act_as)
        bundle = load_agent(session.gateway.catalog, agent)
        return await session.gateway.changes.propose(bundle, caller.name)

    version = perform(context, work)
    print_one(version, output, _VERSION_FIELDS)
    if version.state == "proposed":
        say(f"it loosens the policy: `proctor policy approve {version.id}` by the agent's owner and by a second person")


def versions(context: typer.Context, agent: AgentArgument, output: OutputOption = Format.TABLE) -> None:
    """List the versions of an agent's policy, newest first."""
    from proctor.contracts.ids import AgentName

    async def work(session: Session) -> Any:
        return await session.gateway.store.policies.versions(AgentName(agent))

    found = perform(context, work)
    print_rows(
        found,
        output,
        _VERSION_COLUMNS,
        empty=f"{agent} has no recorded policy yet: its first run, or `proctor policy propose`, records one",
    )


def approve(
    context: typer.Context,
    version: VersionArgument,
    reason: Annotated[str, typer.Option(help="Why; it is recorded.")] = "",
    act_as: AsOption = None,
    output: OutputOption = Format.TABLE,
) -> None:
    """Approve a proposed loosening. It is active once the owner and a second person did."""
    _decide(context, version, "approve", reason, act_as, output)


def reject(
    context: typer.Context,
    version: VersionArgument,
    reason: Annotated[str, typer.Option(help="Why not; it is recorded.")],
    act_as: AsOption = None,
    output: OutputOption = Format.TABLE,
) -> None:
    """Reject a proposed loosening; one word ends it."""
    _decide(context, version, "reject", reason, act_as, output)


def _decide(  # noqa: PLR0917 - the six parts of one order
    context: typer.Context, version: str, word: str, reason: str, act_as: str | None, output: Format
) -> None:
    async def work(session: Session) -> Any:
        caller = await session.caller(act_as)
        return await session.gateway.changes.decide(version, word, caller, reason)

    decided = perform(context, work)
    print_one(decided, output, _VERSION_FIELDS)
    if decided.state == "proposed":
        has = ", ".join(decided.approved_by)
        say(f"recorded; it takes the owner whom the active policy names and a second person, and has {has}")


def _two(context: typer.Context, old: str, new: str) -> "tuple[PolicySource, PolicySource]":
    import asyncio

    from gateway.policy_sources import is_recorded, two_policies

    if is_recorded(old) or is_recorded(new):
        return perform(
            context,
            lambda session: two_policies(old, new, session.gateway.settings.agents, session.gateway.store),
        )
    return asyncio.run(two_policies(old, new, wiring_of(context).settings().agents, None))


def _print_difference(found: "PolicyDifference", output: Format) -> None:
    if output is Format.JSON:
        print_json(found)
    elif output is Format.JSONL:
        for change in found.changes:
            print_json(change, indent=None)
    else:
        for change in found.changes:
            emit(visible_line(change.line))
        say(f"in all: {found.kind}" if found.changes else "nothing that decides changed")


def _print_backtest(found: "Backtest", output: Format) -> None:
    if output is not Format.TABLE:
        print_json(found, indent=2 if output is Format.JSON else None)
        return
    rows = [
        {**row.model_dump(mode="json"), "which": "looser" if row.change < 0 else "stricter"}
        for row in found.changed[:SHOWN]
    ]
    columns = {
        "CHANGE": "which",
        "RUN": "run_id",
        "STEP": "step",
        "CALL": "call",
        "TOOL": "tool",
        "WAS": "before",
        "WOULD BE": "after",
        "BY RULE": "after_rule",
        "ARGUMENTS": "arguments",
    }
    print_rows(rows, output, columns)
    if len(found.changed) > SHOWN:
        say(f"and {len(found.changed) - SHOWN} more: --output json lists all")
    say(
        f"{found.calls} calls of {found.agent}: {found.same} as before, {found.looser} looser, "
        f"{found.stricter} stricter, {found.undecided} recorded without their facts"
    )
    for note in found.notes:
        say(f"note: {note}")
