"""The model planner over a real socket, against a server that speaks the providers' HTTP and breaks on demand."""

import json
from decimal import Decimal

import pytest
from llmock.pytest_plugin import LLMock
from llmock.scenarios import Reply, ToolCall

from proctor.contracts.errors import PlannerFailed, PlannerUnavailable
from proctor.contracts.planning import CallsProposal, FinalProposal, QuestionProposal
from proctor.models.model import ModelPlanner
from tests.integration.models.asking import GOOD, MODELS, ask
from tests.unit.models.worlds import FakeTranscript


@pytest.mark.parametrize("model", MODELS)
async def test_good_answer_becomes_a_proposal(planner: ModelPlanner, llmock: LLMock, model: str) -> None:
    """Call, arguments, the model's reason and the counted cost arrive from every kind of provider."""
    llmock.call_tool("ReadLog", GOOD, text="The log says why.")
    proposal = await planner.propose(ask(model), FakeTranscript())
    assert isinstance(proposal.proposed, CallsProposal)
    call = proposal.proposed.calls[0]
    assert (call.tool, call.arguments) == ("ReadLog", GOOD)
    assert call.provider_call_id
    assert proposal.reason == "The log says why."
    assert (1, model) == (proposal.usage.requests, proposal.usage.model)
    assert proposal.usage.cost_usd > 0


async def test_finish_and_question_are_answers_too(planner: ModelPlanner, llmock: LLMock) -> None:
    """The two output tools become the two other kinds of proposal."""
    llmock.call_tool("finish", {"outcome": "blocked", "report": {"why": "policy"}})
    llmock.call_tool("ask_person", {"question": "Which region?"})
    final = (await planner.propose(ask(), FakeTranscript())).proposed
    assert final == FinalProposal(outcome="blocked", report={"why": "policy"})
    assert QuestionProposal(question="Which region?") == (await planner.propose(ask(), FakeTranscript())).proposed


@pytest.mark.parametrize("model", MODELS)
async def test_malformed_arguments_are_repaired_and_paid(planner: ModelPlanner, llmock: LLMock, model: str) -> None:
    """Arguments that are no JSON go back with the error; both answers are counted."""
    llmock.add(Reply(tool_calls=(ToolCall("ReadLog", GOOD),), times=2))
    llmock.break_tool_call("malformed_arguments")
    proposal = await planner.propose(ask(model), FakeTranscript())
    assert isinstance(proposal.proposed, CallsProposal)
    assert proposal.proposed.calls[0].arguments == GOOD
    assert proposal.usage.requests == 2
    assert "ERROR, NOT CARRIED OUT" in json.dumps(llmock.last_request.body)


async def test_schema_violation_is_repaired(planner: ModelPlanner, llmock: LLMock) -> None:
    """Arguments that the tool's contract refuses never reach a proposal."""
    llmock.call_tool("ReadLog", {"service": "checkout", "lines": 0}).call_tool("ReadLog", GOOD)
    proposal = await planner.propose(ask(), FakeTranscript())
    assert isinstance(proposal.proposed, CallsProposal)
    assert proposal.proposed.calls[0].arguments == GOOD


async def test_malformed_for_ever_fails_after_max_repairs(planner: ModelPlanner, llmock: LLMock) -> None:
    """Nothing is asked for ever: one answer and `max_repairs` more, then the planner fails and says why."""
    llmock.add(Reply(tool_calls=(ToolCall("ReadLog", GOOD),), times=None))
    llmock.break_tool_call("malformed_arguments", times=None)
    with pytest.raises(PlannerFailed, match="not JSON") as caught:
        await planner.propose(ask(spec={"max_repairs": 1}), FakeTranscript())
    assert not caught.value.retryable
    assert len(llmock.requests) == 2


async def test_text_without_a_tool_call_is_repaired(planner: ModelPlanner, llmock: LLMock) -> None:
    """Prose is not a proposal."""
    llmock.reply("I would read the log.").call_tool("ReadLog", GOOD)
    assert (await planner.propose(ask(), FakeTranscript())).usage.requests == 2


async def test_rate_limit_names_the_time_to_come_back(planner: ModelPlanner, llmock: LLMock) -> None:
    """A 429 is left to whoever retries the plan, with the provider's own delay, after a single request."""
    llmock.rate_limit(retry_after=7)
    with pytest.raises(PlannerUnavailable) as caught:
        await planner.propose(ask(), FakeTranscript())
    assert caught.value.retry_after_s == 7
    assert len(llmock.requests) == 1


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("status", [500, 503, 529])
async def test_provider_errors_may_pass(planner: ModelPlanner, llmock: LLMock, status: int, model: str) -> None:
    """A 5xx is retryable and was sent once: the SDK does not retry behind our back."""
    llmock.fail(status)
    with pytest.raises(PlannerUnavailable):
        await planner.propose(ask(model), FakeTranscript())
    assert len(llmock.requests) == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404])
async def test_refused_requests_fail_with_a_hint(planner: ModelPlanner, llmock: LLMock, status: int) -> None:
    """What will not pass is not retried, and says what to look at."""
    llmock.fail(status)
    with pytest.raises(PlannerFailed) as caught:
        await planner.propose(ask(), FakeTranscript())
    assert not caught.value.retryable
    assert caught.value.hint


async def test_slow_provider_is_unavailable_within_the_time_out(planner: ModelPlanner, llmock: LLMock) -> None:
    """The manifest's `timeout_s` ends the wait."""
    llmock.delay(1.5)
    with pytest.raises(PlannerUnavailable):
        await planner.propose(ask(spec={"timeout_s": 0.3}), FakeTranscript())


async def test_answer_cut_at_the_output_limit_is_not_used(planner: ModelPlanner, llmock: LLMock) -> None:
    """A call that came with `finish_reason: length` may lack its end, so it is asked for again."""
    llmock.add(Reply(tool_calls=(ToolCall("ReadLog", GOOD),), finish_reason="length"))
    llmock.call_tool("ReadLog", {"service": "cart", "lines": 1})
    proposal = await planner.propose(ask(), FakeTranscript())
    assert isinstance(proposal.proposed, CallsProposal)
    assert proposal.proposed.calls[0].arguments == {"service": "cart", "lines": 1}


async def test_estimate_is_never_below_what_the_plan_costs(planner: ModelPlanner, llmock: LLMock) -> None:
    """The reservation made from the estimate covers the plan, repairs included."""
    llmock.add(Reply(tool_calls=(ToolCall("ReadLog", GOOD),), times=None))
    llmock.break_tool_call("malformed_arguments", times=2)
    now = ask(spec={"max_repairs": 2})
    proposal = await planner.propose(now, FakeTranscript())
    assert proposal.usage.requests == 3
    assert 0 < proposal.usage.cost_usd <= planner.estimate_cost_usd(now)


@pytest.mark.parametrize("model", MODELS)
async def test_next_prompt_holds_the_call_and_its_result(planner: ModelPlanner, llmock: LLMock, model: str) -> None:
    """The transcript is what a model remembers: its call comes back paired with the result, from every provider."""
    llmock.call_tool("ReadLog", GOOD, text="The log says why.")
    transcript, now = FakeTranscript(), ask(model)
    first = await planner.propose(now, transcript)
    transcript.add(0, "proposal", first.model_dump(mode="json"))
    transcript.add(0, "result", {"findings": ["pool_exhausted"]}, tool="ReadLog")
    llmock.call_tool("finish", {"outcome": "completed", "report": {"cause": "pool"}})
    second = await planner.propose(now.model_copy(update={"step": 1, "cursor": first.cursor}), transcript)
    assert isinstance(second.proposed, FinalProposal)
    assert isinstance(first.proposed, CallsProposal)
    body = json.dumps(llmock.last_request.body)
    assert "pool_exhausted" in body
    assert body.count(first.proposed.calls[0].provider_call_id) >= 2


async def test_estimate_of_a_later_step_covers_the_longest_results(planner: ModelPlanner, llmock: LLMock) -> None:
    """What was reserved before the results were seen is enough for the prompt that holds them."""
    transcript, now = FakeTranscript(), ask()
    llmock.add(Reply(tool_calls=(ToolCall("ReadLog", GOOD), ToolCall("ReadLog", GOOD))))
    first = await planner.propose(now, transcript)
    transcript.add(0, "proposal", first.model_dump(mode="json"))
    for index in range(2):
        transcript.add(0, "result", {"lines": ['"quoted" \\ and <marked>\n'] * 4000}, tool="ReadLog", call=index)
    after = now.model_copy(update={"step": 1, "cursor": first.cursor})
    llmock.call_tool("ReadLog", GOOD)
    second = await planner.propose(after, transcript)
    estimate = planner.estimate_cost_usd(after)
    assert 0 < second.usage.cost_usd <= estimate
    assert estimate > planner.estimate_cost_usd(now)


MALFORMED = {
    "too many calls": (ToolCall("ReadLog", GOOD),) * 17,
    "finish beside a call": (ToolCall("ReadLog", GOOD), ToolCall("finish", {"outcome": "completed", "report": {}})),
    "question beside a call": (ToolCall("ask_person", {"question": "?"}), ToolCall("ReadLog", GOOD)),
    "number beyond what JSON can carry": (ToolCall("ReadLog", {"service": "checkout", "lines": 2**60}),),
    "report that is no object": (ToolCall("finish", {"outcome": "completed", "report": "done"}),),
    "outcome that does not exist": (ToolCall("finish", {"outcome": "done", "report": {}}),),
    "empty question": (ToolCall("ask_person", {"question": ""}),),
}


@pytest.mark.parametrize("calls", MALFORMED.values(), ids=MALFORMED.keys())
async def test_answer_that_cannot_be_a_proposal_is_repaired(
    planner: ModelPlanner, llmock: LLMock, calls: tuple[ToolCall, ...]
) -> None:
    """Nothing of it is carried out, and the model is told why."""
    llmock.add(Reply(tool_calls=calls)).call_tool("ReadLog", GOOD)
    proposal = await planner.propose(ask(), FakeTranscript())
    assert proposal.usage.requests == 2
    assert isinstance(proposal.proposed, CallsProposal)
    assert [call.arguments for call in proposal.proposed.calls] == [GOOD]
    assert "NOT CARRIED OUT" in json.dumps(llmock.last_request.body)


async def test_cost_of_repairs_is_added_up(planner: ModelPlanner, llmock: LLMock) -> None:
    """The money is that of all tokens, and the tokens are those of both answers."""
    now = ask("local:gpt-4o")
    llmock.call_tool("ReadLog", GOOD)
    once = (await planner.propose(now, FakeTranscript())).usage
    llmock.call_tool("ReadLog", {}).call_tool("ReadLog", GOOD)
    twice = (await planner.propose(now, FakeTranscript())).usage
    assert twice.input_tokens >= 2 * once.input_tokens
    assert Decimal(twice.input_tokens + 2 * twice.output_tokens) / 1_000_000 == twice.cost_usd


async def test_name_that_no_tool_can_have_is_never_proposed(planner: ModelPlanner, llmock: LLMock) -> None:
    """Only what could be a tool is put before policy."""
    llmock.add(Reply(tool_calls=(ToolCall("rm -rf /", {}),), times=None))
    with pytest.raises(PlannerFailed, match="not the name of a tool"):
        await planner.propose(ask(spec={"max_repairs": 0}), FakeTranscript())


async def test_used_up_credit_is_not_waited_for(planner: ModelPlanner, llmock: LLMock) -> None:
    """Some 429 do not pass by waiting."""
    llmock.fail(429, code="insufficient_quota", message="You exceeded your current quota.")
    with pytest.raises(PlannerFailed) as caught:
        await planner.propose(ask(), FakeTranscript())
    assert not caught.value.retryable
    assert "credit" in caught.value.hint
