"""Other calls of a node: policy takes one, and the playbook goes on with whatever was taken."""

from typing import Any

import pytest

from proctor.contracts.errors import PlannerFailed
from proctor.contracts.ids import ToolName
from proctor.contracts.planning import CallsProposal, FinalProposal, Proposal
from proctor.models.playbook import PlaybookPlanner
from tests.unit.models.worlds import FakeTranscript, contract, situation

VOUCHER = {"call": "Voucher", "with": {"percent": "${input.percent}"}}
REFUND = {"id": "settle", "call": "Refund", "with": {"amount": "${input.amount}"}, "or": [VOUCHER, {"call": "Tell"}]}
END = {
    "finish": {
        "outcome": "completed",
        "report": {"by": "${steps.settle.tool}", "got": "${steps.settle.result}"},
        "cite": ["settle"],
    }
}
INPUT = {"amount": 70, "percent": 10}
DOCUMENT = {"steps": [REFUND, END]}


async def after(transcript: FakeTranscript, document: dict[str, Any] = DOCUMENT) -> Proposal:
    start = situation(document, input=INPUT)
    first = await PlaybookPlanner().propose(start, FakeTranscript())
    return await PlaybookPlanner().propose(start.model_copy(update={"step": 1, "cursor": first.cursor}), transcript)


async def test_other_calls_are_alternatives_in_order() -> None:
    """Each is a way of its own, rendered like the node's call, and bears the node's id."""
    proposal = await PlaybookPlanner().propose(situation(DOCUMENT, input=INPUT), FakeTranscript())
    ways = [proposal.proposed, *proposal.alternatives]
    assert [("settle", "Refund", {"amount": 70}), ("settle", "Voucher", {"percent": 10}), ("settle", "Tell", {})] == [
        (call.node, call.tool, call.arguments) for way in ways if isinstance(way, CallsProposal) for call in way.calls
    ]


async def test_outcome_of_the_way_that_was_taken_is_that_of_the_node() -> None:
    """Result, tool and citation are those of the call that policy took."""
    transcript = FakeTranscript()
    transcript.add(0, "result", {"code": "V1"}, node="settle", tool=ToolName("Voucher"))
    final = (await after(transcript)).proposed
    assert isinstance(final, FinalProposal)
    cite = {"node": "settle", "tool": "Voucher", "step": 0, "status": "confirmed"}
    assert final.report == {"by": "Voucher", "got": {"code": "V1"}, "cites": [cite]}


async def test_way_whose_outcome_is_not_known_is_not_named_for_the_first() -> None:
    """Without an entry nobody knows which was taken, and a report does not claim to."""
    common = [{"finish": {"outcome": "failed", "report": {"tool": "${trouble.tool}"}, "cite": ["settle"]}}]
    final = (await after(FakeTranscript(), {**DOCUMENT, "on_failed": common})).proposed
    assert isinstance(final, FinalProposal)
    assert final.report["tool"] == "Refund or Voucher or Tell"
    assert final.report["cites"][0]["tool"] == "Refund or Voucher or Tell"


async def test_way_with_arguments_that_its_tool_refuses_fails_the_plan() -> None:
    """Other calls are held to their contracts too."""
    tool = contract("Voucher", percent={"type": "string"})
    with pytest.raises(PlannerFailed, match="Voucher does not take these arguments"):
        await PlaybookPlanner().propose(situation(DOCUMENT, input=INPUT, tools=(tool,)), FakeTranscript())


@pytest.mark.parametrize(("advice", "said"), [({"advice": "up to 50"}, "up to 50"), ({}, "")], ids=["given", "none"])
async def test_advice_of_a_denial_reaches_the_playbook(advice: dict[str, str], said: str) -> None:
    """`trouble.advice` and `steps.CALL.advice` say what is allowed instead of the way that was taken; or are empty."""
    told = {
        "trouble": "${trouble.advice}",
        "step": "${steps.settle.advice}",
        "reason": "${trouble.reason}",
        "tool": "${trouble.tool}",
    }
    document = {"steps": [REFUND, END], "on_denied": [{"finish": {"outcome": "blocked", "report": told}}]}
    transcript = FakeTranscript()
    denial = {"rule": "r", "reason": "too much", "by": "policy", **advice}
    transcript.add(0, "denial", denial, node="settle", tool=ToolName("Voucher"))
    final = (await after(transcript, document)).proposed
    assert isinstance(final, FinalProposal)
    assert final.report == {"trouble": said, "step": said, "reason": "too much", "tool": "Voucher"}
