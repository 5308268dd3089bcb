"""The facts that a call is judged on, as policy reads them: one flat mapping, built from what is known of the run."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from policies.facts import WEEKDAYS
from policies.rules import Facts
from proctor.contracts.labels import Labels, Origin
from proctor.contracts.manifest import AgentBundle, Autonomy
from proctor.contracts.planning import ProposedCall
from proctor.contracts.ports import ToolPort
from proctor.contracts.run import RunRecord
from proctor.contracts.tool import Effect, Risk, ToolContract

DEVELOPMENT: Final = "development"
_UNTRACED: Final = Labels(sources=(Origin.PLANNER.value,))
"""Labels of what nobody traced: untrusted, made up by the planner."""


@dataclass(frozen=True)
class Moment:
    """What is known of the run at one moment; a fact that is not known is left out, and policy denies on it."""

    step: int
    cost_usd: Decimal
    demotions: dict[str, Autonomy]
    reserved_usd: Decimal = Decimal(0)
    at: datetime | None = None


@dataclass(frozen=True)
class FactSheet:
    """Fills in the facts of calls of one run."""

    run: RunRecord
    bundle: AgentBundle
    tools: ToolPort
    environment: str = DEVELOPMENT

    def of(self, call: ProposedCall, moment: Moment, wanted: Collection[str]) -> dict[str, Any]:
        """Give the wanted facts of a call, as far as they are known."""
        contract = self.bundle.tool(call.tool)
        groups: tuple[Callable[[], Facts], ...] = (
            self._of_run,
            lambda: self._of_tool(call.tool, contract, moment),
            lambda: _of_moment(moment),
            lambda: _of_labels(call),
        )
        known = {name: value for group in groups for name, value in group().items() if name in wanted}
        if "egress.hosts" in wanted:
            known["egress.hosts"] = [] if contract is None else list(self.tools.egress_hosts(contract, call.arguments))
        return known | {"tool": call.tool, "arguments": call.arguments}

    def _of_run(self) -> Facts:
        run = self.run
        return {
            "agent": run.agent,
            "agent_version": run.agent_version,
            "owner": run.owner,
            "requester": run.requester,
            "tenant": run.tenant,
            "environment": self.environment,
            "run.has_read_untrusted": True,
            "run.plan": "none",
            "goal.denied": "no",
        }

    def _of_tool(self, tool: str, contract: ToolContract | None, moment: Moment) -> Facts:
        levels = {f"autonomy.{risk}": self._level(tool, risk, moment).value for risk in Risk}
        if contract is None:
            return {
                "tool_version": "",
                "effect": Effect.IRREVERSIBLE.value,
                "risk": "high",
                "compensable": False,
            } | levels
        return levels | {
            "tool_version": contract.version,
            "effect": contract.effect.value,
            "risk": contract.risk.value,
            "compensable": contract.compensation is not None,
        }

    def _level(self, tool: str, risk: Risk, moment: Moment) -> Autonomy:
        level = self.bundle.manifest.autonomy_for(tool, risk)  # type: ignore[arg-type]
        for name in (tool, "*"):
            level = level.lower_of(moment.demotions.get(name, level))
        return level


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


def _of_labels(call: ProposedCall) -> Facts:
    """Label every argument as untraced: nothing is trusted that was not shown to be."""
    known: dict[str, Any] = {
        "labels.targets.integrity": _UNTRACED.integrity.value,
        "labels.targets.origins": [Origin.PLANNER.value],
    }
    for place in ("labels", *(f"labels.{name}" for name in call.arguments if name != "targets")):
        known |= {
            f"{place}.integrity": _UNTRACED.integrity.value,
            f"{place}.confidentiality": _UNTRACED.confidentiality.value,
            f"{place}.origins": [Origin.PLANNER.value],
            f"{place}.sources": list(_UNTRACED.sources),
        }
    return known
