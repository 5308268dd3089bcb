"""From a proposal to calls whose parts are traced; of several ways, the one that policy and preferences like best."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from activities.bench import Bench
from activities.facts import Moment
from activities.flowing import FlowShelf
from activities.judging import TracedCall, describe
from policies.flow.run import RunFlows, kept_derivation
from policies.offering import preferences
from policies.rules import Facts
from proctor.contracts.canonical import summarize
from proctor.contracts.decision import Verdict
from proctor.contracts.labels import Flow, Origin
from proctor.contracts.planning import CallsProposal, DeclaredPlan, Proposal, ProposedCall
from proctor.contracts.ports import RunJournal
from proctor.contracts.steps import PlanFacts
from proctor.contracts.tool import ToolContract

_STRICTNESS = {verdict: rank for rank, verdict in enumerate(Verdict)}


@dataclass(frozen=True)
class Way:
    """One set of calls that would do, traced and ranked: less is better."""

    calls: CallsProposal
    traced: tuple[TracedCall, ...]
    rank: tuple[int, int]
    """The strictest verdict of its calls, and what the soft constraints hold against it."""


class Tracer:
    """Traces proposed calls in the transcript of their run."""

    def __init__(self, journal: RunJournal) -> None:
        """Take the journal."""
        self._journal, self._shelf = journal, FlowShelf()

    async def best(
        self, bench: Bench, facts: PlanFacts, proposal: Proposal, *, step: int, cost_usd: Decimal
    ) -> tuple[Proposal, tuple[TracedCall, ...]]:
        """Take the best of a proposal's ways; the other ones are named among its options."""
        assert isinstance(proposal.proposed, CallsProposal)
        moment = Moment(
            step=step,
            cost_usd=cost_usd,
            reserved_usd=facts.reserved_usd,
            at=facts.at,
            cells=facts.cells,
            denied_goals=facts.denied_goals,
        )
        # Whether a later declaration counts, the store decides when it records it: it holds from the next step on.
        declares = proposal.declares if step == 0 else None
        if not proposal.alternatives:
            return proposal, await self._all_traced(bench, facts, proposal.proposed, declares, moment)
        offered = (proposal.proposed, *proposal.alternatives)
        ways = [await self._way(bench, facts, calls, declares, moment) for calls in offered]
        chosen = min(ways, key=lambda way: way.rank)
        others = tuple(_in_words(way.calls) for way in ways if way is not chosen)
        update = {"proposed": chosen.calls, "alternatives": (), "options": (*proposal.options, *others)}
        return proposal.model_copy(update=update), chosen.traced

    async def written(
        self, bench: Bench, facts: PlanFacts, call: ProposedCall, words: Sequence[Any], *, place: tuple[int, int]
    ) -> TracedCall:
        """Trace a call that a person wrote by editing the one at `place`; `words` are their own."""
        flows = await self._flows(bench, facts, None)
        flows.provenance.add_trusted(list(words), Origin.PERSON)
        old = flows.proposed(*place)
        derivation = None if old is None else kept_derivation(old, call.arguments)
        call = call.model_copy(update={"derivation": derivation})
        moment = Moment(
            step=place[0],
            cost_usd=facts.run.cost_usd,
            reserved_usd=facts.reserved_usd,
            at=facts.at,
            cells=facts.cells,
            denied_goals=facts.denied_goals,
        )
        return await self._traced(bench, facts, call, None, moment)

    async def _way(
        self, bench: Bench, facts: PlanFacts, calls: CallsProposal, declares: DeclaredPlan | None, moment: Moment
    ) -> Way:
        traced = await self._all_traced(bench, facts, calls, declares, moment)
        judged = [bench.judge(one.call, one.moment) for one in traced]
        # For the choice alone: what is recorded is policy's word, and the breaker may be closed when the call begins.
        now = [
            bench.degraded(made, one.call.tool, facts.breakers) for one, (made, _) in zip(traced, judged, strict=True)
        ]
        strictest = max(_STRICTNESS[decision.verdict] for decision in now)
        liking = [preferences(ruling.policy, seen).penalty for ruling in bench.rulings for _, seen in judged]
        return Way(calls, traced, (strictest, sum(liking)))

    async def _all_traced(
        self, bench: Bench, facts: PlanFacts, calls: CallsProposal, declares: DeclaredPlan | None, moment: Moment
    ) -> tuple[TracedCall, ...]:
        return tuple([await self._traced(bench, facts, call, declares, moment) for call in calls.calls])

    async def _traced(
        self, bench: Bench, facts: PlanFacts, call: ProposedCall, declares: DeclaredPlan | None, moment: Moment
    ) -> TracedCall:
        queries = bench.queries(call)
        answers = await self._journal.windows(facts.run, queries) if queries else ()
        contract = bench.bundle.tool(call.tool)
        seen: Facts = {}
        flows: dict[str, Flow] = {}
        if contract is not None and _needs_tracing(bench, contract):
            run = await self._flows(bench, facts, declares)
            traced = run.of_call(contract, call.arguments, call.derivation)
            seen, flows = run.facts_of(traced), dict(traced.flows)
        return TracedCall(call, replace(moment, windows=answers, flows=seen), flows)

    async def _flows(self, bench: Bench, facts: PlanFacts, declares: DeclaredPlan | None) -> RunFlows:
        transcript = self._journal.transcript(facts.run.run_id)
        return await self._shelf.of(facts, bench.trusting, facts.declared or declares, transcript)


def _needs_tracing(bench: Bench, contract: ToolContract) -> bool:
    """Spare plain reads the tracing, unless a policy document asks where their parts come from."""
    is_plain = contract.is_read and not contract.egress_arguments
    return not is_plain or any(ruling.asks_for_flows for ruling in bench.rulings)


def _in_words(calls: CallsProposal) -> str:
    return summarize("instead: " + "; ".join(describe(call, 80) for call in calls.calls))
