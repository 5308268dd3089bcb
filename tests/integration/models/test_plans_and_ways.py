"""What a model says beside its calls: the plan that it declares, and other calls that would do as well."""

import json
from typing import Any

import pytest
from llmock.pytest_plugin import LLMock
from llmock.scenarios import Reply, ToolCall

from proctor.contracts.errors import PlannerFailed
from proctor.contracts.planning import CallsProposal, DeclaredArgument, DeclaredCall, DeclaredPlan, Proposal
from proctor.models.model import ModelPlanner
from tests.integration.models.asking import GOOD, MODELS, PAY, READ, ask
from tests.unit.models.worlds import FakeTranscript

TOOLS = (READ, PAY)
SAID: dict[str, Any] = {
    "calls": [
        {"id": "log", "tool": "ReadLog", "max_count": 3, "arguments": {"service": ["request"], "lines": ["manifest"]}},
        {"id": "pay", "tool": "Pay", "arguments": {"amount": ["log", "request"]}},
    ]
}
PLAN = DeclaredPlan(
    calls=(
        DeclaredCall(
            id="log",
            tool="ReadLog",
            max_count=3,
            arguments={
                "service": DeclaredArgument(sources=("request",)),
                "lines": DeclaredArgument(sources=("manifest",)),
            },
        ),
        DeclaredCall(id="pay", tool="Pay", arguments={"amount": DeclaredArgument(sources=("log", "request"))}),
    )
)
DECLARE = ToolCall("declare_plan", SAID)
LOG = ToolCall("ReadLog", GOOD)


def way(tool: str, **arguments: Any) -> ToolCall:
    return ToolCall("alternative", {"calls": [{"tool": tool, "arguments": arguments}]})


def calls_of(way: Any) -> list[tuple[str, dict[str, Any]]]:
    assert isinstance(way, CallsProposal)
    return [(call.tool, call.arguments) for call in way.calls]


def offered(llmock: LLMock) -> set[str]:
    return {tool["function"]["name"] for tool in llmock.last_request.body["tools"]}


async def test_plan_is_declared_beside_the_first_calls(planner: ModelPlanner, llmock: LLMock) -> None:
    """One answer carries both; the plan is not among the calls."""
    llmock.add(Reply(text="I look first.", tool_calls=(DECLARE, LOG)))
    proposal = await planner.propose(ask(tools=TOOLS), FakeTranscript())
    assert proposal.declares == PLAN
    assert [("ReadLog", GOOD)] == calls_of(proposal.proposed)
    assert 1 == proposal.usage.requests


@pytest.mark.parametrize("model", MODELS)
async def test_plan_that_is_declared_alone_leads_to_the_next_request(
    planner: ModelPlanner, llmock: LLMock, model: str
) -> None:
    """It is no step of its own and no repair; its cost is counted, and the estimate covers it."""
    llmock.add(Reply(tool_calls=(DECLARE,))).add(Reply(tool_calls=(LOG,)))
    now = ask(model, tools=TOOLS, spec={"max_repairs": 0})
    proposal = await planner.propose(now, FakeTranscript())
    assert proposal.declares == PLAN
    assert [("ReadLog", GOOD)] == calls_of(proposal.proposed)
    assert 2 == proposal.usage.requests
    assert "TAKEN" in json.dumps(llmock.last_request.body)
    assert 0 < proposal.usage.cost_usd <= planner.estimate_cost_usd(now)


async def test_estimate_of_the_first_step_holds_the_declaration(planner: ModelPlanner) -> None:
    """With free input it is one answer more than repairs and call, and only where a plan may be declared."""
    prices = {"price_per_million_input_usd": 0, "price_per_million_output_usd": 5000}
    spec = {"max_repairs": 2, "max_output_tokens": 100, **prices}
    first = ask(tools=TOOLS, spec=spec)
    assert 2 == planner.estimate_cost_usd(first)
    assert 1.5 == planner.estimate_cost_usd(first.model_copy(update={"step": 1}))
    assert 1.5 == planner.estimate_cost_usd(ask(spec=spec))


@pytest.mark.parametrize("fields", [{"tools": TOOLS, "step": 1}, {"tools": (READ,)}], ids=["later", "reads only"])
async def test_plan_is_asked_for_at_the_first_step_of_a_run_with_effects_only(
    planner: ModelPlanner, llmock: LLMock, fields: dict[str, Any]
) -> None:
    """Elsewhere the words cost no tokens, and saying them is a mistake to mend, not an attempt."""
    llmock.add(Reply(tool_calls=(DECLARE, LOG))).add(Reply(tool_calls=(LOG,)))
    proposal = await planner.propose(ask(**fields), FakeTranscript())
    assert "declare_plan" not in offered(llmock)
    assert proposal.declares is None
    assert [("ReadLog", GOOD)] == calls_of(proposal.proposed)
    assert "cannot be said now" in json.dumps(llmock.last_request.body)


def spoilt(**changes: Any) -> tuple[ToolCall, ...]:
    first, second = SAID["calls"]
    return (ToolCall("declare_plan", {"calls": [first, {**second, **changes}]}), LOG)


MALFORMED = {
    "id twice": spoilt(id="log"),
    "id of a place": spoilt(id="request"),
    "unknown tool": spoilt(tool="DropDatabase"),
    "tool that is an answer": spoilt(tool="finish"),
    "source that is no call": spoilt(arguments={"amount": ["nowhere"]}),
    "source that is itself": spoilt(arguments={"amount": ["pay"]}),
    "no source": spoilt(arguments={"amount": []}),
    "value": spoilt(arguments={"amount": 5}),
    "count of none": spoilt(max_count=0),
    "two plans": (DECLARE, DECLARE, LOG),
    "nothing to do": (ToolCall("alternative", {"calls": [{"tool": "ReadLog", "arguments": GOOD}]}),),
    "empty way": (LOG, ToolCall("alternative", {"calls": []})),
    "five ways": (LOG, *(way("Pay", amount=n) for n in range(1, 6))),
    "way with wrong arguments": (LOG, way("Pay", amount="much")),
    "way that ends the run": (LOG, way("finish", outcome="completed", report={})),
    "way that is no name": (LOG, way("rm -rf /")),
    "way beside a question": (ToolCall("ask_person", {"question": "?"}), way("Pay", amount=1)),
}


@pytest.mark.parametrize("calls", MALFORMED.values(), ids=MALFORMED.keys())
async def test_malformed_plan_or_way_is_repaired(
    planner: ModelPlanner, llmock: LLMock, calls: tuple[ToolCall, ...]
) -> None:
    """Nothing of the answer is used, and the model is told why."""
    llmock.add(Reply(tool_calls=calls)).add(Reply(tool_calls=(LOG,)))
    proposal = await planner.propose(ask(tools=TOOLS), FakeTranscript())
    assert 2 == proposal.usage.requests
    assert (None, ()) == (proposal.declares, proposal.alternatives)
    assert [("ReadLog", GOOD)] == calls_of(proposal.proposed)
    assert "ERROR, NOT CARRIED OUT" in json.dumps(llmock.last_request.body)


async def test_declaring_for_ever_ends_like_any_other_mistake(planner: ModelPlanner, llmock: LLMock) -> None:
    """A plan is taken once; after it, declaring is a fault that repairs are counted for."""
    llmock.add(Reply(tool_calls=(DECLARE,), times=None))
    with pytest.raises(PlannerFailed, match="cannot be said now"):
        await planner.propose(ask(tools=TOOLS, spec={"max_repairs": 1}), FakeTranscript())
    assert 3 == len(llmock.requests)


async def test_plan_that_was_taken_survives_the_repair_of_the_calls(planner: ModelPlanner, llmock: LLMock) -> None:
    """The mended answer need not declare again."""
    llmock.add(Reply(tool_calls=(DECLARE,))).call_tool("ReadLog", {}).call_tool("ReadLog", GOOD)
    proposal = await planner.propose(ask(tools=TOOLS), FakeTranscript())
    assert (PLAN, 3) == (proposal.declares, proposal.usage.requests)


async def test_other_ways_go_to_policy_with_the_calls(planner: ModelPlanner, llmock: LLMock) -> None:
    """Up to four, each checked like a call; a tool beyond the offer is left for policy to deny."""
    ways = (way("Pay", amount=1), way("ReadLog", **GOOD), way("DropDatabase", name="production"), way("Pay", amount=2))
    llmock.add(Reply(tool_calls=(LOG, *ways)))
    proposal = await planner.propose(ask(tools=TOOLS), FakeTranscript())
    assert [("ReadLog", GOOD)] == calls_of(proposal.proposed)
    assert [
        [("Pay", {"amount": 1})],
        [("ReadLog", GOOD)],
        [("DropDatabase", {"name": "production"})],
        [("Pay", {"amount": 2})],
    ] == [calls_of(alternative) for alternative in proposal.alternatives]


@pytest.mark.parametrize("model", MODELS)
async def test_next_prompt_shows_the_plan_and_the_way_that_was_taken(
    planner: ModelPlanner, llmock: LLMock, model: str
) -> None:
    """The transcript is as policy recorded it: the chosen calls, what was not taken, and the plan that holds."""
    llmock.add(Reply(tool_calls=(DECLARE, ToolCall("Pay", {"amount": 7}), way("ReadLog", **GOOD))))
    transcript, now = FakeTranscript(), ask(model, tools=TOOLS)
    first = await planner.propose(now, transcript)
    chosen = first.model_copy(
        update={"proposed": first.alternatives[0], "alternatives": (), "options": ("Pay(amount=7)",)}
    )
    transcript.add(0, "proposal", chosen.model_dump(mode="json"))
    transcript.add(0, "result", {"findings": ["pool_exhausted"]}, tool="ReadLog")
    llmock.call_tool("finish", {"outcome": "completed", "report": {}})
    after = now.model_copy(update={"step": 1, "cursor": first.cursor})
    second = await planner.propose(after, transcript)
    body = json.dumps(llmock.last_request.body)
    assert isinstance(second, Proposal)
    assert "pool_exhausted" in body
    assert "Pay(amount=7)" in body
    assert "max_count" in body
    assert second.usage.cost_usd <= planner.estimate_cost_usd(after)


async def test_estimate_covers_the_longest_way_that_policy_may_take(planner: ModelPlanner, llmock: LLMock) -> None:
    """The next prompt may hold the results of an alternative instead, so its calls count."""
    longer = ToolCall("alternative", {"calls": [{"tool": "ReadLog", "arguments": GOOD}] * 3})
    llmock.add(Reply(tool_calls=(LOG, longer))).add(Reply(tool_calls=(LOG,)))
    now = ask(tools=TOOLS, step=1)
    first, other = [await planner.propose(now, FakeTranscript()) for _ in range(2)]
    assert [3, 1] == [first.cursor["open_results"], other.cursor["open_results"]]
    assert first.cursor["history_bytes"] > other.cursor["history_bytes"]
