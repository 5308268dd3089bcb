"""Where the parts of a run's calls come from, kept up to date from step to step."""

from collections import OrderedDict
from dataclasses import dataclass

from policies.flow.run import RunFlows
from proctor.contracts.ids import RunId
from proctor.contracts.manifest import AgentBundle
from proctor.contracts.planning import DeclaredPlan
from proctor.contracts.ports import Transcript
from proctor.contracts.steps import PlanFacts

RUNS_KEPT = 128
"""Runs whose flows stay in memory; any other is read again from the store when it plans its next effect."""


@dataclass
class _Known:
    flows: RunFlows
    bundle: AgentBundle
    declared: DeclaredPlan | None
    seen: int = -1
    """Position of the newest entry that was taken in."""


class FlowShelf:
    """Flows by run. What is forgotten, by this process or by its end, is built again from the transcript."""

    def __init__(self, kept: int = RUNS_KEPT) -> None:
        """Say for how many runs to keep them."""
        self._kept = kept
        self._known: OrderedDict[RunId, _Known] = OrderedDict()

    async def of(
        self, facts: PlanFacts, bundle: AgentBundle, declared: DeclaredPlan | None, transcript: Transcript
    ) -> RunFlows:
        """Give the flows of a run with everything that its transcript holds now."""
        run_id = facts.run.run_id
        known = self._known.pop(run_id, None)
        if known is None or known.declared != declared or known.bundle.policy != bundle.policy:
            known = _Known(
                RunFlows(bundle, facts.goal, facts.input, declared, source=facts.run.input_source), bundle, declared
            )
        entries = await transcript.since(known.seen + 1)
        known.flows.observe(entries)
        known.seen = max([known.seen, *(entry.n for entry in entries)])
        self._known[run_id] = known
        if len(self._known) > self._kept:
            self._known.popitem(last=False)
        return known.flows
