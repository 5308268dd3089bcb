"""What a model is told before it plans: the tools that policy could permit, hard limits, and preferences (G5)."""

from activities.bench import Bench
from activities.facts import FactSheet, Moment
from policies.offering import offered
from proctor.contracts.decision import Decision, Verdict
from proctor.contracts.ids import Digest, ToolName
from proctor.contracts.planning import ProposedCall, Situation
from proctor.contracts.steps import PlanFacts

UNKNOWN_BEFORE = ("arguments", "labels.", "windows.", "egress.hosts", "run.plan", "goal.denied")
"""Beginnings of the names of facts that only a call's arguments or a plan decide."""
MAX_LIMITS = 40
_NOTHING_AGAINST = Decision(verdict=Verdict.ALLOW, determining="", reason="", policy_digest=Digest(""))


def told(situation: Situation, bench: Bench, facts: PlanFacts) -> Situation:
    """Fill in what policy has to say; a playbook is a plan already, and is told nothing."""
    planner = bench.bundle.manifest.planner
    if planner is None or planner.kind == "playbook":
        return situation
    return situation.model_copy(
        update={
            "offered": _offered(bench, facts, situation.step),
            "limits": tuple(dict.fromkeys([*_outages(bench, facts), *_limits(bench)]))[:MAX_LIMITS],
            "preferences": tuple(dict.fromkeys(_preferences(bench)))[:MAX_LIMITS],
        }
    )


def _offered(bench: Bench, facts: PlanFacts, step: int) -> tuple[ToolName, ...]:
    moment = Moment(step=step, cost_usd=facts.run.cost_usd, at=facts.at, cells=facts.cells)
    tools = bench.bundle.manifest.allowed_tools
    open_tools = set(tools)
    for ruling in bench.rulings:
        sheet = FactSheet(bench.run, ruling.bundle, bench.tools, bench.environment)
        known = {tool: _known(sheet, tool, moment, ruling.policy.reads(tool)) for tool in tools}
        open_tools &= {tool for tool, offer in offered(ruling.policy, known).items() if offer.is_open}
    return tuple(tool for tool in tools if tool in open_tools and _held_back(bench, facts, tool) is None)


def _held_back(bench: Bench, facts: PlanFacts, tool: ToolName) -> Decision | None:
    """Give the decision that keeps a tool from being called while a breaker is open; None: nothing does."""
    made = bench.degraded(_NOTHING_AGAINST, tool, facts.breakers)
    return made if made.verdict is Verdict.DENY else None


def _outages(bench: Bench, facts: PlanFacts) -> list[str]:
    held = (_held_back(bench, facts, tool) for tool in bench.bundle.manifest.allowed_tools)
    return [f"{made.reason}: {made.advice}" for made in held if made is not None]


def _known(sheet: FactSheet, tool: ToolName, moment: Moment, wanted: frozenset[str]) -> dict[str, object]:
    certain = frozenset(name for name in wanted if not name.startswith(UNKNOWN_BEFORE))
    facts = sheet.of(ProposedCall(tool=tool, arguments={}), moment, certain)
    return {name: value for name, value in facts.items() if not name.startswith(UNKNOWN_BEFORE)}


def _limits(bench: Bench) -> list[str]:
    rules = [rule for ruling in bench.rulings for rule in (ruling.bundle.policy.rules if ruling.bundle.policy else ())]
    return [f"{rule.reason} {rule.advice}".strip() for rule in rules if rule.effect == "forbid"]


def _preferences(bench: Bench) -> list[str]:
    return [
        preference.reason
        for ruling in bench.rulings
        for preference in (ruling.bundle.policy.prefer if ruling.bundle.policy else ())
    ]
