"""The facts that a call is judged on, as policy reads them: one flat mapping, built from what is known of the run."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from policies.autonomy.levels import effective_level
from policies.facts import WEEKDAYS
from policies.flow.goals import denied, goal_of
from policies.rules import Facts
from proctor.contracts.canonical import canonical_json
from proctor.contracts.governing import CellLevel, DeniedGoal, WindowAnswer, WindowQuery
from proctor.contracts.ids import ToolName
from proctor.contracts.labels import Labels, Origin
from proctor.contracts.manifest import AgentBundle, Autonomy
from proctor.contracts.planning import ProposedCall
from proctor.contracts.policy import LONG_AGO, WindowForm
from proctor.contracts.ports import ToolPort
from proctor.contracts.run import RunRecord
from proctor.contracts.tool import Effect, Risk, ToolContract

PRODUCTION: Final = "production"
_UNTRACED: Final = Labels(sources=(Origin.PLANNER.value,))
"""Labels of what nobody traced: untrusted, made up by the planner."""


@dataclass(frozen=True)
class Moment:
    """What is known of the run at one moment; a fact that is not known is left out, and policy denies on it."""

    step: int
    cost_usd: Decimal
    reserved_usd: Decimal = Decimal(0)
    at: datetime | None = None
    cells: tuple[CellLevel, ...] = ()
    denied_goals: tuple[DeniedGoal, ...] = ()
    windows: tuple[WindowAnswer, ...] = ()
    flows: Facts = field(default_factory=dict)
    """The facts `labels.*` and `run.*` of the call, where it was traced."""


@dataclass(frozen=True)
class FactSheet:
    """Fills in the facts of calls of one run."""

    run: RunRecord
    bundle: AgentBundle
    tools: ToolPort
    environment: str = PRODUCTION

    def of(
        self, call: ProposedCall, moment: Moment, wanted: Collection[str], windows: Iterable[WindowForm] = ()
    ) -> dict[str, Any]:
        """Give the wanted facts of a call as far as they are known, and all that was traced of its flows."""
        contract = self.bundle.tool(call.tool)
        groups: tuple[Callable[[], Facts], ...] = (
            self._of_run,
            lambda: self._of_tool(call, contract, moment),
            lambda: _of_moment(moment),
            lambda: _untraced(call),
            lambda: _of_windows(call, windows, moment.windows),
        )
        known = {name: value for group in groups for name, value in group().items() if name in wanted}
        if "egress.hosts" in wanted:
            known["egress.hosts"] = [] if contract is None else list(self.tools.egress_hosts(contract, call.arguments))
        return known | dict(moment.flows) | {"tool": call.tool, "arguments": call.arguments}

    def _of_run(self) -> Facts:
        run = self.run
        return {
            "agent": run.agent,
            "agent_version": run.agent_version,
            "owner": run.owner,
            "requester": run.requester,
            "tenant": run.tenant,
            "environment": self.environment,
        }

    def _levels(self, tool: ToolName, own: Risk, moment: Moment) -> dict[Risk, Autonomy]:
        """Give the live level at each tier.

        From the tool's own tier upwards no tier is freer than the one below, so that raising the risk of a call never
        loosens it; where a manifest declares that it is, it is taken at its word.
        """
        manifest, levels = self.bundle.manifest, {}
        declared = {risk: manifest.autonomy_for(tool, risk) for risk in Risk}
        below: Risk | None = None
        for risk in Risk:
            levels[risk] = effective_level(manifest, tool, risk, moment.cells)
            if below is not None and declared[risk].lower_of(declared[below]) is declared[risk]:
                levels[risk] = levels[risk].lower_of(levels[below])
            below = risk if below is not None or risk is own else None
        return levels

    def _of_tool(self, call: ProposedCall, contract: ToolContract | None, moment: Moment) -> Facts:
        own = Risk.HIGH if contract is None else contract.risk
        levels = {f"autonomy.{risk}": level.value for risk, level in self._levels(call.tool, own, moment).items()}
        if contract is None:
            unpinned = {"tool_version": "", "effect": Effect.IRREVERSIBLE.value, "risk": Risk.HIGH.value}
            return levels | unpinned | {"compensable": False, "goal.denied": "no"}
        goal = goal_of(contract, call.arguments)
        return levels | {
            "tool_version": contract.version,
            "effect": contract.effect.value,
            "risk": contract.risk.value,
            "compensable": contract.compensation is not None,
            "goal.denied": denied(goal, contract.name, moment.denied_goals),
        }


def window_queries(call: ProposedCall, windows: Iterable[WindowForm]) -> tuple[WindowQuery, ...]:
    """Ask the store for the windows of a call.

    An argument that must be the same and is not given here is not compared: more calls are counted, not fewer.
    """
    return tuple(
        WindowQuery(
            name=window.id,
            measure=window.measure,
            tools=window.tools,
            argument=tuple(window.argument.split(".")) if window.argument else (),
            within_s=window.within_s,
            per=window.per,
            same={
                path: canonical_json(value).decode()
                for path in window.same
                if (value := _at(call.arguments, path)) is not None
            },
        )
        for window in windows
    )


def _of_windows(call: ProposedCall, windows: Iterable[WindowForm], answers: Iterable[WindowAnswer]) -> Facts:
    """Give each window as it would be with this call; one without an answer is left out, and so denies."""
    found = {answer.name: answer.value for answer in answers}
    known = {f"windows.{window.id}": _with(call, window, found[window.id]) for window in windows if window.id in found}
    return {name: value for name, value in known.items() if value is not None}


def _with(call: ProposedCall, window: WindowForm, past: Decimal | None) -> float | None:
    if window.measure == "last":
        return LONG_AGO if past is None else float(past)
    if past is None:
        return None
    if call.tool not in window.tools:
        return float(past)
    own = 1 if window.measure == "count" else _at(call.arguments, window.argument or "")
    if isinstance(own, bool) or not isinstance(own, int | float):
        return None
    return float(past + Decimal(repr(own)))


def _at(arguments: Mapping[str, Any], path: str) -> Any:
    value: Any = arguments
    for key in path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _of_moment(moment: Moment) -> Facts:
    known: dict[str, Any] = {
        "iteration": moment.step,
        "cost.spent_usd": float(moment.cost_usd),
        "cost.reserved_usd": float(moment.reserved_usd),
    }
    if moment.at is not None:
        at = moment.at.astimezone(UTC)
        known |= {"time.hour": at.hour, "time.weekday": WEEKDAYS[at.weekday()], "time.date": at.date().isoformat()}
    return known


def _untraced(call: ProposedCall) -> Facts:
    """Label every argument as untraced: nothing is trusted that was not shown to be."""
    known: dict[str, Any] = {
        "labels.targets.integrity": _UNTRACED.integrity.value,
        "labels.targets.origins": [Origin.PLANNER.value],
        "labels.links.integrity": _UNTRACED.integrity.value,
        "run.has_read_untrusted": True,
        "run.plan": "none",
    }
    for place in ("labels", *(f"labels.{name}" for name in call.arguments if name not in {"targets", "links"})):
        known |= {
            f"{place}.integrity": _UNTRACED.integrity.value,
            f"{place}.confidentiality": _UNTRACED.confidentiality.value,
            f"{place}.origins": [Origin.PLANNER.value],
            f"{place}.sources": list(_UNTRACED.sources),
        }
    return known
