"""Forbidden tools are not offered, limits are told, and an attempt all the same is put before policy (G5)."""

import json
from typing import Any

import pytest
from llmock.pytest_plugin import LLMock
from llmock.scenarios import Reply, ToolCall

from proctor.contracts.errors import PlannerFailed
from proctor.contracts.planning import CallsProposal, Proposal
from proctor.models.model import ModelPlanner
from tests.integration.models.asking import GOOD, MODELS, PAY, READ, ask
from tests.unit.models.worlds import FakeTranscript, contract

DROP = ToolCall("DropDatabase", {"name": "production"})
BAD = ToolCall("ReadLog", {"lines": 0})


def proposed(proposal: Proposal) -> list[tuple[str, dict[str, Any]]]:
    assert isinstance(proposal.proposed, CallsProposal)
    return [(call.tool, call.arguments) for call in proposal.proposed.calls]


def offered(llmock: LLMock) -> set[str]:
    return {tool["function"]["name"] for tool in llmock.last_request.body["tools"]}


async def test_only_allowed_tools_are_offered(planner: ModelPlanner, llmock: LLMock) -> None:
    """What only compensates is in the bundle, and no model hears of it."""
    llmock.call_tool("ReadLog", GOOD)
    now = ask(tools=(READ, contract("UndoIt")), allowed_tools=("ReadLog",))
    await planner.propose(now, FakeTranscript())
    assert {"ReadLog", "finish", "ask_person"} == offered(llmock)


async def test_tool_that_policy_rules_out_is_not_offered(planner: ModelPlanner, llmock: LLMock) -> None:
    """Neither its schema nor its name is in the prompt."""
    llmock.call_tool("ReadLog", GOOD)
    await planner.propose(ask(tools=(READ, PAY), offered=("ReadLog",)), FakeTranscript())
    assert {"ReadLog", "finish", "ask_person"} == offered(llmock)
    assert "Pay" not in json.dumps(llmock.last_request.body)


async def test_offer_never_goes_beyond_what_the_manifest_allows(planner: ModelPlanner, llmock: LLMock) -> None:
    """An offer takes tools away and gives none."""
    llmock.call_tool("ReadLog", GOOD)
    now = ask(tools=(READ, PAY), allowed_tools=("ReadLog",), offered=("ReadLog", "Pay"))
    await planner.propose(now, FakeTranscript())
    assert {"ReadLog", "finish", "ask_person"} == offered(llmock)


@pytest.mark.parametrize("model", MODELS)
async def test_limits_and_preferences_are_instructions_and_not_data(
    planner: ModelPlanner, llmock: LLMock, model: str
) -> None:
    """What the owner wrote stands with the instructions, once; the request's own text stands apart from it."""
    llmock.call_tool("ReadLog", GOOD)
    limit, wish = "refunds above 500 are forbidden", "vouchers before money"
    fields = {"limits": (limit, limit), "preferences": (wish,), "input": {"note": "from outside"}}
    await planner.propose(ask(model, **fields), FakeTranscript())
    body = llmock.last_request.body
    messages = body.get("messages") or body["input"]
    given = [message for message in messages if message.get("role") not in {"system", "developer"}]
    told = [message for message in messages if message not in given]
    instructions = json.dumps([body.get("instructions"), body.get("system"), told])
    assert (1, 1) == (instructions.count(limit), instructions.count(wish))
    assert "from outside" not in instructions
    assert limit not in json.dumps(given)


async def test_preferences_cost_nothing_where_there_are_none(planner: ModelPlanner, llmock: LLMock) -> None:
    """A prompt has no heading without a line under it."""
    llmock.call_tool("ReadLog", GOOD)
    await planner.propose(ask(), FakeTranscript())
    assert "Preferences" not in json.dumps(llmock.last_request.body)


@pytest.mark.parametrize("fields", [{}, {"tools": (READ, PAY), "offered": ("ReadLog",)}], ids=["unknown", "ruled out"])
async def test_call_of_a_tool_that_was_not_offered_goes_to_policy_at_once(
    planner: ModelPlanner, llmock: LLMock, fields: dict[str, Any]
) -> None:
    """The attempt is proposed as it is, after one request: a second try cannot make it disappear."""
    tool = "Pay" if fields else "DropDatabase"
    llmock.call_tool(tool, {"all": True}, text="I need it.").call_tool("ReadLog", GOOD)
    proposal = await planner.propose(ask(**fields), FakeTranscript())
    assert [(tool, {"all": True})] == proposed(proposal)
    assert (1, "I need it.") == (len(llmock.requests), proposal.reason)


async def test_good_calls_beside_an_attempt_are_proposed_with_it(planner: ModelPlanner, llmock: LLMock) -> None:
    """Policy judges each call; nothing is dropped from an answer that can be proposed as it is."""
    llmock.add(Reply(tool_calls=(ToolCall("ReadLog", GOOD), DROP)))
    assert ["ReadLog", "DropDatabase"] == [tool for tool, _ in proposed(await planner.propose(ask(), FakeTranscript()))]


BESIDE = {
    "malformed call": (BAD, DROP),
    "finish": (DROP, ToolCall("finish", {"outcome": "completed", "report": {}})),
    "too many calls": (DROP, *(ToolCall("ReadLog", GOOD),) * 16),
}


@pytest.mark.parametrize("calls", BESIDE.values(), ids=BESIDE.keys())
async def test_attempt_in_a_faulty_answer_is_not_repaired_away(
    planner: ModelPlanner, llmock: LLMock, calls: tuple[ToolCall, ...]
) -> None:
    """Of an answer that would go back to the model, what policy has to see is proposed, and nothing else."""
    llmock.add(Reply(tool_calls=calls)).call_tool("ReadLog", GOOD)
    proposal = await planner.propose(ask(), FakeTranscript())
    assert [("DropDatabase", {"name": "production"})] == proposed(proposal)
    assert 1 == len(llmock.requests)


async def test_attempt_that_cannot_be_read_is_repaired_like_any_other(planner: ModelPlanner, llmock: LLMock) -> None:
    """Arguments that are no JSON are malformed, whatever the tool: nothing is put into a model's mouth."""
    llmock.add(Reply(tool_calls=(DROP,))).call_tool("ReadLog", GOOD)
    llmock.break_tool_call("malformed_arguments")
    assert [("ReadLog", GOOD)] == proposed(await planner.propose(ask(), FakeTranscript()))
    assert 2 == len(llmock.requests)


async def test_name_that_an_answer_was_cut_off_in_is_no_attempt(planner: ModelPlanner, llmock: LLMock) -> None:
    """Half a name may be that of another tool; whole calls before it are attempts all the same."""
    llmock.add(Reply(tool_calls=(ToolCall("ReadLo", {}),), finish_reason="length")).call_tool("ReadLog", GOOD)
    assert [("ReadLog", GOOD)] == proposed(await planner.propose(ask(), FakeTranscript()))
    llmock.add(Reply(tool_calls=(DROP, ToolCall("ReadLo", {})), finish_reason="length"))
    assert [("DropDatabase", DROP.arguments)] == proposed(await planner.propose(ask(), FakeTranscript()))


async def test_name_that_no_tool_can_have_is_never_proposed(planner: ModelPlanner, llmock: LLMock) -> None:
    """Only what could be a tool is put before policy."""
    llmock.add(Reply(tool_calls=(ToolCall("rm -rf /", {}),), times=None))
    with pytest.raises(PlannerFailed, match="not the name of a tool"):
        await planner.propose(ask(spec={"max_repairs": 0}), FakeTranscript())
