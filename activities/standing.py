"""Whether a standing grant answers for a planned call, so that no person need be asked; dispatch decides anew."""

from collections.abc import Callable
from functools import partial

from activities.bench import Bench
from policies.flow.goals import denied
from policies.granting import AskedCall, asking_rules, covering
from proctor.contracts.approving import process_of
from proctor.contracts.decision import RecordedDecision
from proctor.contracts.planning import ProposedCall
from proctor.contracts.steps import PlanFacts

Answered = Callable[[ProposedCall, RecordedDecision], bool]


def nobody_answers(_call: ProposedCall, _recorded: RecordedDecision) -> bool:
    """Answer no call: a person is asked."""
    return False


def grants_of(facts: PlanFacts, bench: Bench) -> Answered:
    """Answer the calls that a live grant covers."""
    return partial(_is_answered, facts, bench) if facts.grants else nobody_answers


def _is_answered(facts: PlanFacts, bench: Bench, call: ProposedCall, recorded: RecordedDecision) -> bool:
    run, contract = facts.run, bench.bundle.tool(call.tool)
    if contract is None or facts.at is None:
        return False
    asked = AskedCall(
        tenant=run.tenant,
        agent=run.agent,
        run_id=run.run_id,
        own_to=frozenset({run.requester}),
        owner=run.owner,
        tool=call.tool,
        tool_version=contract.version,
        policy_digest=recorded.decision.policy_digest,
        arguments=call.arguments,
        flows=recorded.flows,
        rules=asking_rules(recorded.decision),
        process=process_of(recorded.decision.obligations),
        is_denied=denied(recorded.goal, call.tool, facts.denied_goals) != "no",
        at=facts.at,
    )
    return bool(covering(facts.grants, asked))
