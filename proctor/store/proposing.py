"""Writes a judged proposal: transcript, decision log and recorded calls."""

from proctor.contracts.decision import RecordedDecision, Verdict
from proctor.contracts.errors import Corrupted
from proctor.contracts.governing import ReviewKind
from proctor.contracts.ids import Digest
from proctor.contracts.labels import Labels
from proctor.contracts.manifest import AgentBundle
from proctor.contracts.planning import CallsProposal, FinalProposal, ProposedCall
from proctor.contracts.steps import PlanRecord
from proctor.store.changes import Changes
from proctor.store.governing import SUGGEST, ask_review, remember_denial

BY_PLANNER = Labels(sources=("planner",))


def write_proposal(changes: Changes, record: PlanRecord, bundle: AgentBundle, *, steps: int) -> Digest:
    """Add the proposal and its calls to the batch; gives the digest of the proposal."""
    proposal, step = record.proposal, record.step
    labels = BY_PLANNER if record.said_by is None else record.said_by
    digest, _ = changes.observe("proposal", proposal.model_dump(mode="json"), step=step, labels=labels)
    changes.run(steps=steps)
    changes.audit(
        "plan_recorded",
        step=step,
        kind=proposal.proposed.kind,
        proposal=digest,
        reason=proposal.reason,
        options=proposal.options,
        model=proposal.usage.model,
        input_tokens=proposal.usage.input_tokens,
        output_tokens=proposal.usage.output_tokens,
        cost_usd=proposal.usage.cost_usd,
        **({} if proposal.author is None else {"author": proposal.author, "order": record.act}),
    )
    if isinstance(proposal.proposed, FinalProposal):
        changes.run(report_digest=changes.content(proposal.proposed.report))
    if isinstance(proposal.proposed, CallsProposal):
        _write_calls(changes, record, bundle, proposal.proposed)
    return digest


def _write_calls(changes: Changes, record: PlanRecord, bundle: AgentBundle, proposed: CallsProposal) -> None:
    decisions = {recorded.call: recorded for recorded in record.decisions}
    for index, call in enumerate(proposed.calls):
        if index not in decisions:
            raise Corrupted(f"call {record.step}/{index} of run {record.run_id} was not judged")
        recorded = decisions[index]
        if changes.content(call.arguments) != recorded.arguments_digest:
            raise Corrupted(f"call {record.step}/{index} of run {record.run_id} was judged on other arguments")
        contract = bundle.tool(call.tool)
        changes.planned_call(
            step=record.step,
            call=index,
            tool=call.tool,
            tool_version=None if contract is None else contract.version,
            node=call.node,
            arguments_digest=recorded.arguments_digest,
            decision=recorded,
        )
        _write_judgement(changes, record, recorded, call.tool, None if contract is None else contract.version)
        if recorded.decision.verdict is Verdict.DENY:
            _write_denial(changes, record, recorded, bundle, call)


def _write_denial(
    changes: Changes, record: PlanRecord, recorded: RecordedDecision, bundle: AgentBundle, call: ProposedCall
) -> None:
    """Write a denied call into the transcript, with what follows from its denial for the rest of the run."""
    decision, step = recorded.decision, record.step
    said = {"rule": decision.determining, "reason": decision.reason, "by": "policy"}
    told = {**said, "advice": decision.advice} if decision.advice else said
    changes.observe("denial", told, step=step, call=recorded.call, node=call.node, tool=call.tool)
    remember_denial(changes, recorded, call.tool, step=step, **said)
    if decision.determining.startswith(SUGGEST):
        titles = {planned.call: planned.summary for planned in record.plan.calls}
        title = titles.get(recorded.call, "")
        ask_review(changes, ReviewKind.SUGGESTION, recorded, bundle, step=step, tool=call.tool, title=title)


def _write_judgement(
    changes: Changes, record: PlanRecord, recorded: RecordedDecision, tool: str, tool_version: str | None
) -> None:
    """Write the decision log entry (G7)."""
    usage, decision = record.proposal.usage, recorded.decision
    changes.audit(
        "call_judged",
        step=record.step,
        call=recorded.call,
        tool=tool,
        tool_version=tool_version,
        arguments=recorded.arguments_digest,
        verdict=decision.verdict,
        rule=decision.determining,
        fired=[rule.model_dump() for rule in decision.fired],
        obligations=[one.model_dump(mode="json") for one in decision.obligations],
        reason=decision.reason,
        policy=decision.policy_digest,
        options=record.proposal.options,
        planner_reason=record.proposal.reason,
        model=usage.model,
        cost_usd=usage.cost_usd,
        **({} if recorded.author is None else {"author": recorded.author}),
    )
