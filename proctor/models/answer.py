"""Reading a model's answer: a proposal, or what is wrong with it in words that go back to the model."""

import json
import re
from dataclasses import dataclass, field
from typing import Any

from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelRequestPart,
    ModelResponse,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)

from proctor.contracts.canonical import canonical_json, summarize
from proctor.contracts.errors import InvalidInput
from proctor.contracts.ids import ToolName
from proctor.contracts.planning import CallsProposal, FinalProposal, ProposedCall, QuestionProposal
from proctor.contracts.schemas import problems
from proctor.models.offer import ASK, FINISH, Offer

MAX_CALLS = 16
_TOOL_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}", re.ASCII)


@dataclass
class Answer:
    """A model's answer as it was read."""

    text: str
    calls: list[ProposedCall] = field(default_factory=list)
    wrong: dict[str, str] = field(default_factory=dict)
    """What is wrong, by call id; a fault of the whole answer has the id ``""``."""
    unknown: set[str] = field(default_factory=set)
    """Ids of calls whose only fault is that there is no such tool."""

    @property
    def is_usable(self) -> bool:
        """Whether it can be proposed as it is."""
        return not self.wrong

    @property
    def is_out_of_scope(self) -> bool:
        """Whether its only fault is to want tools that the agent does not have."""
        return bool(self.wrong) and self.wrong.keys() == self.unknown

    @property
    def complaint(self) -> str:
        """All that is wrong, in one line."""
        return summarize("; ".join(self.wrong.values()), 300)

    def proposed(self) -> CallsProposal | FinalProposal | QuestionProposal:
        """Turn the answer into what is proposed."""
        first = self.calls[0]
        if first.tool == FINISH:
            return FinalProposal.model_validate(first.arguments)
        if first.tool == ASK:
            return QuestionProposal.model_validate(first.arguments)
        return CallsProposal(calls=tuple(self.calls))


def read_answer(response: ModelResponse, offer: Offer) -> Answer:
    """Read and check an answer; never raises for what a model wrote."""
    answer = Answer(text=" ".join(part.content for part in response.parts if isinstance(part, TextPart)).strip())
    parts = [part for part in response.parts if isinstance(part, ToolCallPart)]
    if response.finish_reason == "length":
        answer.wrong[""] = "the answer was cut off at the output limit: be brief, and make fewer calls at once"
    elif not parts:
        answer.wrong[""] = f"there was no tool call: call a tool, or {FINISH}, or {ASK}"
    elif len(parts) > MAX_CALLS:
        answer.wrong[""] = f"there were {len(parts)} calls: at most {MAX_CALLS} in one answer"
    elif len(parts) > 1 and any(part.tool_name in {FINISH, ASK} for part in parts):
        answer.wrong[""] = f"{FINISH} and {ASK} must stand alone: make the calls first, and see their results"
    for part in parts[:MAX_CALLS]:
        _read_call(part, offer, answer)
    return answer


def repair_request(response: ModelResponse, answer: Answer) -> list[ModelMessage]:
    """Give the answer back with what is wrong with it."""
    parts = [part for part in response.parts if isinstance(part, ToolCallPart)]
    if not parts:
        text = [part for part in response.parts if isinstance(part, TextPart) and part.content]
        said: list[ModelMessage] = [ModelResponse(parts=text)] if text else []
        return [*said, ModelRequest(parts=[UserPromptPart(content=f"ERROR: {answer.wrong['']}.")])]
    arguments = {call.provider_call_id: call.arguments for call in answer.calls}
    # Providers refuse a history whose arguments are not JSON, so what could not be read goes back as nothing.
    calls = [
        ToolCallPart(part.tool_name, args=arguments.get(part.tool_call_id, {}), tool_call_id=part.tool_call_id)
        for part in parts
    ]
    returns: list[ModelRequestPart] = [
        ToolReturnPart(part.tool_name, content=_verdict(part.tool_call_id, answer), tool_call_id=part.tool_call_id)
        for part in parts
    ]
    return [ModelResponse(parts=calls), ModelRequest(parts=returns)]


def _verdict(call_id: str, answer: Answer) -> str:
    wrong = answer.wrong.get(call_id) or answer.wrong.get("")
    if wrong is None:
        return "NOT CARRIED OUT: another call of this answer was wrong. Give the whole answer again."
    return f"ERROR, NOT CARRIED OUT: {wrong}. Give the whole answer again, corrected."


def _read_call(part: ToolCallPart, offer: Offer, answer: Answer) -> None:
    arguments, wrong = _read_arguments(part.args)
    if wrong is None and not _TOOL_NAME.fullmatch(part.tool_name):
        wrong = "this is not the name of a tool"
    elif wrong is None and part.tool_name not in offer.tools:
        wrong = f"there is no tool {part.tool_name}: the tools are {', '.join(sorted(offer.tools))}"
        answer.unknown.add(part.tool_call_id)
    elif wrong is None:
        found = problems(offer.tools[part.tool_name], arguments)
        wrong = f"{part.tool_name} does not take these arguments: {'; '.join(found)}" if found else None
    if wrong is not None:
        answer.wrong[part.tool_call_id] = wrong
    call = ProposedCall(tool=ToolName(part.tool_name), arguments=arguments, provider_call_id=part.tool_call_id)
    answer.calls.append(call)


def _read_arguments(raw: str | dict[str, Any] | None) -> tuple[dict[str, Any], str | None]:
    try:
        value = json.loads(raw or "{}") if isinstance(raw, str) else raw or {}
        if not isinstance(value, dict):
            return {}, "the arguments are not a JSON object"
        canonical_json(value)
    except (ValueError, RecursionError) as error:
        return {}, f"the arguments are not JSON: {summarize(str(error))}"
    except InvalidInput as error:
        return {}, f"the arguments cannot be used: {error.message}"
    return value, None
