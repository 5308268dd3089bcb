"""Reading a model's answer: a proposal, or what is wrong with it in words that go back to the model."""

from collections.abc import Mapping, Sequence
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

from proctor.contracts.arguments import argument_misfits, json_flaw, read_arguments
from proctor.contracts.canonical import summarize
from proctor.contracts.errors import InvalidInput
from proctor.contracts.ids import ToolName
from proctor.contracts.planning import (
    CallsProposal,
    DeclaredPlan,
    FinalProposal,
    ProposedCall,
    QuestionProposal,
    ResultPart,
)
from proctor.contracts.schemas import problems
from proctor.models.asides import TOOL_NAME, other_fault, other_way, plan_fault, read_plan
from proctor.models.offer import (
    ANSWERS,
    ASK,
    DECLARE,
    DESCRIBE,
    FINISH,
    LOOKS,
    MAX_ALTERNATIVES,
    MAX_CALLS,
    OTHERWISE,
    READ,
    Offer,
)

_ASIDES = frozenset({DECLARE, OTHERWISE})
MAX_LOOKS = 2
"""Look-ups of one answer."""


@dataclass
class Answer:
    """A model's answer as it was read."""

    text: str
    calls: list[ProposedCall] = field(default_factory=list)
    others: list[CallsProposal] = field(default_factory=list)
    plan: DeclaredPlan | None = None
    strays: list[ProposedCall] = field(default_factory=list)
    """The calls of tools that were not offered: attempts that policy has to see."""
    wrong: dict[str, str] = field(default_factory=dict)
    """What is wrong, by call id; a fault of the whole answer has the id ``""``."""
    parts: dict[str, ResultPart] = field(default_factory=dict)
    """Which parts of results are asked for, by call id."""
    names: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Which tools are to be described, by call id."""
    arguments: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Whatever could be read, by call id."""

    @property
    def is_usable(self) -> bool:
        """Whether it can be proposed as it is."""
        return bool(self.calls) and not self.wrong

    @property
    def is_declaration(self) -> bool:
        """Whether it declares a plan and does nothing else."""
        return self.plan is not None and not self.calls and not self.wrong

    @property
    def is_look(self) -> bool:
        """Whether it only asks for what can be told at once."""
        return bool(self.parts or self.names) and not self.wrong

    @property
    def complaint(self) -> str:
        """All that is wrong, in one line."""
        return summarize("; ".join(self.wrong.values()), 300)

    def attempts(self) -> "Answer":
        """Keep of a faulty answer what policy has to see all the same: a second try must not make it disappear."""
        return Answer(text=self.text, calls=self.strays[:MAX_CALLS], strays=self.strays)

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
    is_cut = response.finish_reason == "length"
    fault = _CUT_OFF if is_cut else _whole_fault([part.tool_name for part in parts])
    if fault is not None:
        answer.wrong[""] = fault
    # The name that an answer was cut off in may not be the one that was meant.
    for part in parts[:-1] if is_cut else parts:
        _read_part(part, offer, answer)
    return answer


def accept_plan(response: ModelResponse, answer: Answer) -> list[ModelMessage]:
    """Tell the model that its declaration was taken, so that it goes on to its first calls."""
    part = next(part for part in response.parts if isinstance(part, ToolCallPart))
    said = ToolCallPart(DECLARE, args=answer.arguments[part.tool_call_id], tool_call_id=part.tool_call_id)
    taken = ToolReturnPart(DECLARE, content="TAKEN. Now answer with your calls.", tool_call_id=part.tool_call_id)
    return [ModelResponse(parts=[said]), ModelRequest(parts=[taken])]


def look_up(response: ModelResponse, answer: Answer, told: Mapping[str, str]) -> list[ModelMessage]:
    """Answer what the model asked to be told; `told` by call id."""
    parts = [part for part in response.parts if isinstance(part, ToolCallPart)]
    asked = [
        ToolCallPart(part.tool_name, args=answer.arguments[part.tool_call_id], tool_call_id=part.tool_call_id)
        for part in parts
    ]
    answers = [
        ToolReturnPart(part.tool_name, content=told[part.tool_call_id], tool_call_id=part.tool_call_id)
        for part in parts
    ]
    return [ModelResponse(parts=asked), ModelRequest(parts=answers)]


def repair_request(response: ModelResponse, answer: Answer) -> list[ModelMessage]:
    """Give the answer back with what is wrong with it."""
    parts = [part for part in response.parts if isinstance(part, ToolCallPart)]
    if not parts:
        text = [part for part in response.parts if isinstance(part, TextPart) and part.content]
        said: list[ModelMessage] = [ModelResponse(parts=text)] if text else []
        return [*said, ModelRequest(parts=[UserPromptPart(content=f"ERROR: {answer.wrong['']}.")])]
    # Providers refuse a history whose arguments are not JSON, so what could not be read goes back as nothing.
    calls = [
        ToolCallPart(part.tool_name, args=answer.arguments.get(part.tool_call_id, {}), tool_call_id=part.tool_call_id)
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


_CUT_OFF = "the answer was cut off at the output limit: be brief, and make fewer calls at once"


def _whole_fault(names: Sequence[str]) -> str | None:
    """Say what is wrong with the answer as a whole; None when nothing is."""
    calls = [name for name in names if name not in _ASIDES]
    if not names:
        return f"there was no tool call: call a tool, or {FINISH}, or {ASK}"
    if len(calls) > MAX_CALLS:
        return f"there were {len(calls)} calls: at most {MAX_CALLS} in one answer"
    if len(names) > 1 and {FINISH, ASK} & set(names):
        return f"{FINISH} and {ASK} must stand alone: make the calls first, and see their results"
    return _aside_fault(names, calls)


def _aside_fault(names: Sequence[str], calls: Sequence[str]) -> str | None:
    if LOOKS & set(names) and (set(names) - LOOKS or len(names) > MAX_LOOKS):
        return f"{READ} and {DESCRIBE} stand alone, at most {MAX_LOOKS} at once: look first, then call"
    if names.count(DECLARE) > 1:
        return f"{DECLARE} is said once, with all calls"
    if names.count(OTHERWISE) > MAX_ALTERNATIVES or (OTHERWISE in names and not calls):
        return f"{OTHERWISE} stands beside calls, at most {MAX_ALTERNATIVES} times"
    return None


def _read_part(part: ToolCallPart, offer: Offer, answer: Answer) -> None:
    name, call_id = part.tool_name, part.tool_call_id
    arguments, wrong = _read_arguments(part.args)
    answer.arguments[call_id] = arguments
    wrong = wrong or _fault(name, arguments, offer)
    if wrong is not None:
        answer.wrong[call_id] = wrong
    elif name == DECLARE:
        answer.plan = read_plan(arguments)
    elif name == READ:
        answer.parts[call_id] = ResultPart.model_validate(arguments)
    elif name == DESCRIBE:
        answer.names[call_id] = tuple(arguments["names"])
    elif name == OTHERWISE:
        answer.others.append(other_way(arguments))
    else:
        call = ProposedCall(tool=ToolName(name), arguments=arguments, provider_call_id=call_id)
        answer.calls.append(call)
        answer.strays.extend([] if name in offer.tools else [call])


def _fault(name: str, arguments: dict[str, Any], offer: Offer) -> str | None:
    """Say what is wrong with a call whose arguments are JSON; a tool that is not offered is for policy to deny."""
    if not TOOL_NAME.fullmatch(name):
        return "this is not the name of a tool"
    if name not in offer.tools:
        return f"{name} cannot be said now" if name in ANSWERS else None
    check = problems if name in ANSWERS else argument_misfits
    found = check(offer.tools[name], arguments)
    if found:
        return f"{name} does not take these arguments: {'; '.join(found)}"
    if name == DECLARE:
        return plan_fault(arguments, offer)
    return other_fault(arguments, offer) if name == OTHERWISE else None


def _read_arguments(raw: str | dict[str, Any] | None) -> tuple[dict[str, Any], str | None]:
    if isinstance(raw, str):
        try:
            return read_arguments(raw or "{}"), None
        except InvalidInput as error:
            return {}, error.message
    flaw = json_flaw(raw or {})
    return (raw or {}, None) if flaw is None else ({}, flaw)
