"""`proctor autonomy show | propose | promote | demote`."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.output import Format, emit, plain, print_json, print_one, print_rows, say
from gateway.cli.session import AsOption, OutputOption, Session, perform
from gateway.cli.visible import visible_line

if TYPE_CHECKING:
    from gateway.autonomy import Ladder, Standing
    from proctor.contracts.tool import Risk

AgentArgument = Annotated[str, typer.Argument(metavar="AGENT", help="The agent's name.")]
ToolArgument = Annotated[str, typer.Argument(metavar="TOOL", help="A tool of the agent that has an effect.")]
RiskOption = Annotated[
    str | None, typer.Option("--risk", metavar="TIER", help="low, medium or high; the tool's own unless told.")
]
_CHANGES = {
    "AT": "at",
    "TOOL": "cell.tool",
    "RISK": "cell.risk",
    "KIND": "kind",
    "LEVEL": "level",
    "DECLARED": "declared",
    "BY": "by",
    "REASON": "reason",
}
_STANDING = {
    "TOOL": "tool",
    "RISK": "risk",
    "DECLARED": "declared",
    "LEVEL": "level",
    "VERDICTS": "verdicts",
    "AGREE": "agreement",
    "SURELY": "lower_bound",
    "NEXT": "next",
    "REQUIRED": "required",
    "MISSING": "missing",
}


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(name="autonomy", help="How far an agent may go by itself, and why.", no_args_is_help=True)
    group.command("show")(show)
    group.command("propose")(propose)
    group.command("promote")(promote)
    group.command("demote")(demote)
    app.add_typer(group)


def show(
    context: typer.Context,
    agent: AgentArgument,
    has_history: Annotated[bool, typer.Option("--history", help="List every change instead, newest first.")] = False,
    output: OutputOption = Format.TABLE,
) -> None:
    """Show levels, and the evidence for the next ones. Of each tool with an effect, since its level last changed."""

    async def work(session: Session) -> Any:
        ladder = await _ladder(session, agent)
        return await (ladder.record.history(ladder.bundle.manifest.name) if has_history else ladder.show())

    found = perform(context, work)
    if has_history:
        print_rows(found, output, _CHANGES)
    else:
        print_rows(found if output is not Format.TABLE else [_in_words(one) for one in found], output, _STANDING)
    if not found and output is Format.TABLE:
        say("no level was ever changed" if has_history else f"{agent} has no tool with an effect")


def propose(
    context: typer.Context,
    agent: AgentArgument,
    tool: ToolArgument,
    risk: RiskOption = None,
    output: OutputOption = Format.TABLE,
) -> None:
    """Say whether the evidence lets a tool rise. One level; what is missing; nothing is changed."""
    tier = _tier(risk)

    async def work(session: Session) -> "Standing":
        return await (await _ladder(session, agent)).propose(tool, tier)

    standing = perform(context, work)
    if output is not Format.TABLE:
        print_json(standing, indent=2 if output is Format.JSON else None)
        return
    shown = _in_words(standing)
    print_one(shown, output, {title.lower(): path for title, path in _STANDING.items() if title != "MISSING"})
    for line in standing.missing:
        emit(f"it takes  {visible_line(line)}")
    if standing.may_rise:
        emit(f"the owner may: proctor autonomy promote {agent} {standing.tool} --risk {standing.risk}")


def promote(
    context: typer.Context,
    *,
    agent: AgentArgument,
    tool: ToolArgument,
    risk: RiskOption = None,
    reason: Annotated[str, typer.Option(help="Why; recorded after the figures of the evidence.")] = "",
    act_as: AsOption = None,
    output: OutputOption = Format.TABLE,
) -> None:
    """Raise a tool one level, if the evidence allows it. Only the agent's owner may."""
    tier = _tier(risk)

    async def work(session: Session) -> Any:
        caller = await session.caller(act_as)
        return await (await _ladder(session, agent)).promote(tool, tier, by=caller, reason=reason)

    _tell(perform(context, work), output)


def demote(
    context: typer.Context,
    *,
    agent: AgentArgument,
    reason: Annotated[str, typer.Option(help="Why; it is recorded.")],
    tool: Annotated[str, typer.Argument(metavar="TOOL", help="Only this tool; all of the agent unless told.")] = "*",
    risk: Annotated[
        str | None, typer.Option("--risk", metavar="TIER", help="Only calls of this tier; all unless told.")
    ] = None,
    to: Annotated[
        str, typer.Option("--to", metavar="LEVEL", help="suggest, approval_required or supervised.")
    ] = "suggest",
    act_as: AsOption = None,
    output: OutputOption = Format.TABLE,
) -> None:
    """Lower a tool, or all of an agent, at once. Running work meets it at its next plan and dispatch."""
    tier = _tier(risk)

    async def work(session: Session) -> Any:
        from proctor.contracts.manifest import Autonomy

        caller, level = await session.caller(act_as), _chosen(Autonomy, to, "level")
        return await (await _ladder(session, agent)).demote(tool, tier, level, by=caller, reason=reason)

    _tell(perform(context, work), output)


async def _ladder(session: Session, agent: str) -> "Ladder":
    from gateway.agents import load_agent
    from gateway.autonomy import open_ladder

    store = session.gateway.store
    return await open_ladder(load_agent(session.gateway.catalog, agent), store.autonomy, store.policies)


def _tier(risk: str | None) -> "Risk | None":
    from proctor.contracts.tool import Risk

    return None if risk is None else _chosen(Risk, risk, "tier")


def _chosen(kind: Any, word: str, what: str) -> Any:
    from proctor.contracts.errors import InvalidInput

    try:
        return kind(word)
    except ValueError as error:
        raise InvalidInput(f"{word!r} is no {what}", hint=f"one of {', '.join(kind)}") from error


def _in_words(standing: "Standing") -> dict[str, Any]:
    shown: dict[str, Any] = plain(standing)
    for name in ("agreement", "lower_bound", "required"):
        value = getattr(standing, name)
        # Cut, never rounded up: a bound that is not reached must not look as if it were.
        shown[name] = "" if value is None or not standing.verdicts else f"{int(value * 1000 + 1e-6) / 10:g} %"
    shown["verdicts"] = str(standing.verdicts)
    return shown


def _tell(level: Any, output: Format) -> None:
    tool = "every tool" if level.cell.tool == "*" else level.cell.tool
    tier = "every tier" if level.cell.risk == "*" else f"{level.cell.risk} risk"
    word = "rose to" if level.kind == "promotion" else "may go no further than"
    say(f"{level.agent}: {tool} at {tier} {word} {level.level}; running work meets it at its next step")
    if output is not Format.TABLE:
        print_one(level, output, {})
