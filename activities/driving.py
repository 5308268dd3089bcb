"""What a person at the wheel asks for, as a proposal like any planner's."""

from typing import Any

from policies.flow.words import REQUESTER
from proctor.contracts.canonical import summarize
from proctor.contracts.control import ActToPlan
from proctor.contracts.ids import PrincipalName
from proctor.contracts.labels import Integrity, Labels
from proctor.contracts.planning import CallsProposal, Proposal, ProposedCall
from proctor.contracts.run import RunRecord
from proctor.contracts.steps import PlanFacts


def labels_of(author: PrincipalName, run: RunRecord) -> Labels:
    """Label what a person at the wheel says: the requester's words stay the request's, whatever roles they have."""
    kind = REQUESTER if author == run.requester else "person:"
    return Labels(integrity=Integrity.TRUSTED, sources=(f"{kind}{author}",))


def proposal_of(act: ActToPlan, facts: PlanFacts) -> Proposal:
    """Propose the call; the planner's own position is handed on, so that it goes on where it was."""
    entry, call = act.entry, act.entry.call
    assert call is not None
    root = "input" if entry.by == facts.run.requester else "person"
    proposed = ProposedCall(
        tool=call.tool, arguments=call.arguments, node=act.node, derivation=dict.fromkeys(call.arguments, (root,))
    )
    said = f": {entry.text}" if entry.text else ""
    return Proposal(
        proposed=CallsProposal(calls=(proposed,)),
        reason=summarize(f"{entry.by} at the wheel{said}", 500),
        cursor=facts.cursor if act.cursor is None else _stood_in(act, act.cursor, facts),
        author=entry.by,
    )


def _stood_in(act: ActToPlan, cursor: dict[str, Any], facts: PlanFacts) -> dict[str, Any]:
    """Let a playbook take the person's call for the one that it had proposed, in the step that carries it out."""
    step = facts.run.steps
    return {**cursor, "proposed": {**cursor.get("proposed", {}), act.node: step}}
