"""What a model may ask to be told before it proposes: parts of large results, and the arguments of tools."""

import json
from decimal import Decimal
from typing import Any

import pytest
from llmock.pytest_plugin import LLMock
from llmock.scenarios import Reply, ToolCall

from proctor.contracts.errors import PlannerFailed
from proctor.contracts.planning import Proposal, ResultPart
from proctor.contracts.tool import Deprecation
from proctor.models.model import MAX_LOOK_ROUNDS, ModelPlanner
from proctor.models.offer import MANY_TOOLS, MAX_DESCRIBED
from tests.integration.models.asking import GOOD, MODELS, READ, ask
from tests.integration.models.test_offers_and_attempts import offered, proposed
from tests.unit.models.worlds import FakeTranscript, contract

MANY = tuple(contract(f"Tool{n:03}", number={"type": "integer"}) for n in range(MANY_TOOLS + 10))
LARGE = {"rows": [{"id": n, "name": f"name-{n}"} for n in range(2000)]}


def large_result() -> FakeTranscript:
    """Give a run that has read something large."""
    transcript = FakeTranscript()
    call = {"tool": "ReadLog", "arguments": GOOD}
    transcript.add(0, "proposal", {"proposed": {"kind": "calls", "calls": [call]}})
    transcript.add(0, "result", LARGE, tool="ReadLog")
    return transcript


def returned(llmock: LLMock) -> str:
    return json.dumps(llmock.last_request.body)


def read(offset: int = 0, **fields: Any) -> ToolCall:
    return ToolCall("read_result", {"result": "0.0", "offset": offset, **fields})


@pytest.mark.parametrize("model", MODELS)
async def test_model_reads_on_in_a_large_result_within_one_plan(
    planner: ModelPlanner, llmock: LLMock, model: str
) -> None:
    """A part is answered from the transcript, by place or by text, and what was read is on record with the proposal."""
    transcript = large_result()
    llmock.add(Reply(tool_calls=(read(6000), read(find='"id": 1999')))).call_tool("ReadLog", GOOD)
    proposal = await planner.propose(ask(model, step=1), transcript)
    assert [("ReadLog", GOOD)] == proposed(proposal)
    assert (2, 2) == (proposal.usage.requests, len(llmock.requests))
    assert "name-1999" in returned(llmock)
    parts = (ResultPart(result="0.0", offset=6000), ResultPart(result="0.0", find='"id": 1999'))
    assert parts == proposal.read
    transcript.add(1, "proposal", proposal.model_dump(mode="json"))
    transcript.add(1, "result", {"ok": True}, tool="ReadLog")
    llmock.call_tool("ReadLog", GOOD)
    await planner.propose(ask(model, step=2, cursor=proposal.cursor), transcript)
    assert "name-1999" in returned(llmock)


async def test_part_can_be_asked_for_only_where_a_result_is_not_shown_whole(
    planner: ModelPlanner, llmock: LLMock
) -> None:
    """Small results leave nothing to read, and cost no prompt and no reservation."""
    llmock.call_tool("ReadLog", GOOD)
    await planner.propose(ask(), FakeTranscript())
    assert {"ReadLog", "finish", "ask_person"} == offered(llmock)
    small, large = ask(cursor={"history_bytes": 9}), ask(cursor={"history_bytes": 9, "has_parts": True})
    assert planner.estimate_cost_usd(small) < planner.estimate_cost_usd(large)


async def test_looks_of_one_plan_are_bounded_and_stay_within_the_estimate(
    planner: ModelPlanner, llmock: LLMock
) -> None:
    """Who only ever looks gets no further answers, then has the repairs, and then the run fails and says so."""
    llmock.add(Reply(tool_calls=(read(), read(9000)), times=None))
    now = ask(step=1, cursor={"open_results": 1, "history_bytes": 2000}, spec={"max_repairs": 1})
    with pytest.raises(PlannerFailed, match="read_result cannot be said now"):
        await planner.propose(now, large_result())
    assert MAX_LOOK_ROUNDS + 2 == len(llmock.requests)
    sent = sum(len(json.dumps(request.body)) for request in llmock.requests)
    million = Decimal(1_000_000)
    assert planner.estimate_cost_usd(now) > Decimal(sent) / 4 * Decimal("2.5") / million


@pytest.mark.parametrize("beside", [ToolCall("ReadLog", GOOD), ToolCall("finish", {"outcome": "failed", "report": {}})])
async def test_look_beside_a_call_is_given_back(planner: ModelPlanner, llmock: LLMock, beside: ToolCall) -> None:
    """A call that was made before its grounds were read is not carried out."""
    llmock.add(Reply(tool_calls=(read(), beside))).call_tool("ReadLog", GOOD)
    proposal = await planner.propose(ask(step=1), large_result())
    assert ([("ReadLog", GOOD)], ()) == (proposed(proposal), proposal.read)


def names(llmock: LLMock) -> list[str]:
    return sorted(offered(llmock))


async def test_many_tools_are_an_index_and_are_described_when_asked_for(planner: ModelPlanner, llmock: LLMock) -> None:
    """All are named, none is described until the model asks; a described tool stays so for the run."""
    llmock.call_tool("describe_tools", {"names": ["Tool007", "Nothing"]}).call_tool("Tool007", {"number": 1})
    proposal = await planner.propose(ask(tools=MANY), FakeTranscript())
    assert [("Tool007", {"number": 1})] == proposed(proposal)
    first = llmock.requests[0].body["tools"]
    assert ["ask_person", "describe_tools", "finish"] == sorted(tool["function"]["name"] for tool in first)
    assert all(tool.name in json.dumps(first) for tool in MANY)
    assert ["Tool007", "ask_person", "describe_tools", "finish"] == names(llmock)
    assert "1 of the names stand in no line" in returned(llmock)
    llmock.call_tool("Tool007", {"number": 2})
    await planner.propose(ask(tools=MANY, step=1, cursor=proposal.cursor), FakeTranscript())
    assert ["Tool007", "ask_person", "describe_tools", "finish"] == names(llmock)


async def test_tool_of_the_index_is_held_to_its_schema_though_it_was_not_described(
    planner: ModelPlanner, llmock: LLMock
) -> None:
    """A guess at arguments goes back with what they should be, like any other mistake."""
    llmock.call_tool("Tool003", {"numbr": 1}).call_tool("Tool003", {"number": 1})
    proposal: Proposal = await planner.propose(ask(tools=MANY), FakeTranscript())
    assert [("Tool003", {"number": 1})] == proposed(proposal)
    assert "did you mean" in returned(llmock)


async def test_described_tools_are_bounded(planner: ModelPlanner, llmock: LLMock) -> None:
    """The prompt does not grow with every tool that was ever asked for: the oldest go back to the index."""
    cursor = {"told": [tool.name for tool in MANY[:MAX_DESCRIBED]]}
    llmock.call_tool("describe_tools", {"names": ["Tool039"]}).call_tool("Tool039", {"number": 1})
    proposal = await planner.propose(ask(tools=MANY, step=1, cursor=cursor), FakeTranscript())
    assert MAX_DESCRIBED == len(proposal.cursor["told"])
    assert ("Tool039", True) == (proposal.cursor["told"][-1], "Tool000" not in proposal.cursor["told"])


async def test_tool_that_is_on_its_way_out_is_not_offered_where_its_successor_is(
    planner: ModelPlanner, llmock: LLMock
) -> None:
    """It still works for those that have it in a playbook."""
    old = contract("OldLog").model_copy(update={"deprecated": Deprecation(reason="slow", use=READ.name)})
    llmock.call_tool("ReadLog", GOOD).call_tool("OldLog", {})
    await planner.propose(ask(tools=(READ, old)), FakeTranscript())
    assert "OldLog" not in offered(llmock)
    await planner.propose(ask(tools=(READ, old), offered=("OldLog",)), FakeTranscript())
    assert "OldLog" in offered(llmock)


async def test_tool_that_cannot_be_reached_is_marked(planner: ModelPlanner, llmock: LLMock) -> None:
    """Its schema stays, for the provider's cache; the model is told not to count on it."""
    llmock.call_tool("ReadLog", GOOD)
    await planner.propose(ask(resting=("ReadLog",)), FakeTranscript())
    assert "ReadLog cannot be reached now" in returned(llmock)
