"""Planning by a language model, held to the same proposals as a playbook."""

from collections.abc import Sequence
from decimal import Decimal

from genai_prices import Usage as Tokens
from pydantic import Field, ValidationError
from pydantic_ai.messages import ModelMessage, ModelResponse

from proctor.contracts.base import Contract
from proctor.contracts.canonical import summarize
from proctor.contracts.errors import PlannerFailed
from proctor.contracts.manifest import ModelPlannerSpec
from proctor.contracts.planning import (
    CallsProposal,
    DeclaredPlan,
    Observation,
    Proposal,
    QuestionProposal,
    ResultPart,
    Situation,
    Usage,
)
from proctor.contracts.ports import Transcript
from proctor.models.access import Endpoint, ModelAccess
from proctor.models.answer import MAX_LOOKS, Answer, accept_plan, look_up, read_answer, repair_request
from proctor.models.connection import ModelConnection
from proctor.models.conversation import opening, replay, size_of
from proctor.models.instructions import instructions_for
from proctor.models.offer import MAX_DESCRIBED, Offer, offer_of
from proctor.models.outcomes import MAX_RESULT_BYTES
from proctor.models.price import price_usd
from proctor.models.reading import PART_BYTES, part_of, reference, what_is_shown

BYTES_PER_TOKEN = 2
"""Prompt bytes that are taken for one token: fewer than the 3 to 4 of prose and JSON, so that estimates are high."""

_RESULT_OVERHEAD = 1024
_REPAIR_OVERHEAD = 4096
MAX_LOOK_ROUNDS = 3
"""So often in one plan a model may ask for parts of results, or for descriptions of tools."""


class ModelCursor(Contract):
    """What the next plan's cost is bounded by."""

    history_bytes: int = Field(default=0, ge=0)
    open_results: int = Field(default=0, ge=0)
    """Calls and questions whose results the next prompt will hold and this one did not."""
    has_parts: bool = False
    """Whether a result was not shown whole."""
    told: tuple[str, ...] = Field(default=(), max_length=MAX_DESCRIBED)
    """The tools that were described on request."""


class ModelPlanner:
    """Asks a model for the next step, and gives malformed answers back to it at most `max_repairs` times.

    A call of a tool that was not offered is no error to mend: it is proposed as it is, so that policy denies it and
    the attempt is on record. A plan that is declared alone leads to the next request at once. The cost of every
    request is in the proposal's usage. When no proposal comes of it, what was spent stays covered by the run's
    reservation, which then counts as spent.
    """

    def __init__(self, access: ModelAccess) -> None:
        self._access = access
        self._connections: dict[Endpoint, ModelConnection] = {}

    async def aclose(self) -> None:
        """Close the connections to providers."""
        while self._connections:
            await self._connections.popitem()[1].aclose()

    def estimate_cost_usd(self, situation: Situation) -> Decimal:
        """Bound one plan: every repair used, every answer at its longest. Raises `PlannerFailed` without a price."""
        spec, cursor = _spec(situation), _read_cursor(situation)
        may_read = cursor.has_parts or cursor.open_results > 0
        offer = offer_of(situation, told=cursor.told, has_parts=may_read)
        new = cursor.open_results * (2 * MAX_RESULT_BYTES + _RESULT_OVERHEAD)
        prompt = size_of(opening(situation, instructions_for(situation, spec))) + offer.size
        first = (prompt + cursor.history_bytes + new + situation.said_bytes) // BYTES_PER_TOKEN
        repair = spec.max_output_tokens + _REPAIR_OVERHEAD // BYTES_PER_TOKEN
        looks = MAX_LOOK_ROUNDS if offer.may_look else 0
        looked = looks * MAX_LOOKS * 2 * max(PART_BYTES, offer.largest) // BYTES_PER_TOKEN if looks else 0
        rounds = range(spec.max_repairs + 1 + offer.may_declare + looks)
        tokens = Tokens(
            input_tokens=sum(first + looked + number * repair for number in rounds),
            output_tokens=len(rounds) * spec.max_output_tokens,
        )
        return price_usd(spec, tokens)

    async def propose(self, situation: Situation, transcript: Transcript) -> Proposal:
        """Ask the model. Raises `PlannerFailed` or `PlannerUnavailable`."""
        spec = _spec(situation)
        price_usd(spec, Tokens(input_tokens=1, output_tokens=1))
        entries, cursor = await transcript.all(), _read_cursor(situation)
        history, has_parts = replay(entries), what_is_shown(entries).is_large
        offer = offer_of(situation, told=cursor.told, has_parts=has_parts)
        exchange = _Exchange(spec, offer, self._connection(spec), entries)
        messages = [*opening(situation, instructions_for(situation, spec)), *history]
        answer = await exchange.answer(messages)
        proposal = Proposal(
            proposed=answer.proposed(),
            reason=summarize(answer.text, 500) if answer.text else "the model gave no reason",
            usage=exchange.usage,
            alternatives=tuple(answer.others),
            declares=answer.plan or exchange.plan,
            read=tuple(exchange.read),
        )
        own = len(proposal.model_dump_json().encode()) + _RESULT_OVERHEAD
        cursor = ModelCursor(
            history_bytes=size_of(history) + 2 * own + 2 * (PART_BYTES + _RESULT_OVERHEAD) * len(exchange.read),
            open_results=_open_results(proposal),
            has_parts=has_parts,
            told=exchange.told,
        )
        return proposal.model_copy(update={"cursor": cursor.model_dump(exclude_defaults=True)})

    def _connection(self, spec: ModelPlannerSpec) -> ModelConnection:
        endpoint = self._access.endpoint(spec)
        if endpoint not in self._connections:
            self._connections[endpoint] = ModelConnection(endpoint)
        return self._connections[endpoint]


class _Exchange:
    """One plan's requests to the model, and what they cost together."""

    def __init__(
        self, spec: ModelPlannerSpec, offer: Offer, connection: ModelConnection, entries: Sequence[Observation]
    ) -> None:
        self._spec = spec
        self._results = {reference(entry): entry for entry in entries if entry.kind == "result"}
        self.read: list[ResultPart] = []
        """The parts of results that were read."""
        self._offer = offer
        self._connection = connection
        self.usage = Usage(model=spec.model)
        self.plan: DeclaredPlan | None = None
        """The plan that was declared ahead of the answer that is used."""

    async def answer(self, messages: Sequence[ModelMessage]) -> Answer:
        """Ask until the answer can be used. Raises `PlannerFailed` when the repairs are used up."""
        messages, repairs, looks = list(messages), 0, 0
        while True:
            response = await self._connection.request(self._spec, messages, self._offer.parameters)
            self._count(response, messages)
            answer = read_answer(response, self._offer)
            if answer.is_usable:
                return answer
            if answer.strays:
                return answer.attempts()
            if answer.is_declaration:
                self.plan, self._offer = answer.plan, self._offer.declared()
                messages.extend(accept_plan(response, answer))
                continue
            if answer.is_look:
                looks += 1
                messages.extend(look_up(response, answer, self._look(answer)))
                self._offer = self._offer if looks < MAX_LOOK_ROUNDS else self._offer.without_looks()
                continue
            repairs += 1
            if repairs > self._spec.max_repairs:
                raise self._gave_up(answer)
            messages.extend(repair_request(response, answer))

    @property
    def told(self) -> tuple[str, ...]:
        """The tools that are told whole, of many."""
        return self._offer.told or ()

    def _look(self, answer: Answer) -> dict[str, str]:
        """Answer look-ups from what is here; gives the answers by call id."""
        self.read.extend(answer.parts.values())
        told = {call_id: part_of(part, self._results) for call_id, part in answer.parts.items()}
        for call_id, names in answer.names.items():
            self._offer = self._offer.telling(names)
            told[call_id] = self._offer.told_of(names)
        return told

    def _gave_up(self, answer: Answer) -> PlannerFailed:
        hint = "choose a stronger model, or raise max_repairs or max_output_tokens"
        return PlannerFailed(
            f"{self._spec.model} gave nothing usable in {self.usage.requests} answers: {answer.complaint}", hint=hint
        )

    def _count(self, response: ModelResponse, messages: Sequence[ModelMessage]) -> None:
        told = response.usage
        # A provider that does not say what it used is charged the most that it can have used.
        sent = told.input_tokens or (size_of(messages) + self._offer.size) // BYTES_PER_TOKEN
        written = told.output_tokens or self._spec.max_output_tokens
        tokens = Tokens(
            input_tokens=sent,
            output_tokens=written,
            cache_read_tokens=told.cache_read_tokens or None,
            cache_write_tokens=told.cache_write_tokens or None,
        )
        self.usage = Usage(
            input_tokens=self.usage.input_tokens + sent,
            output_tokens=self.usage.output_tokens + written,
            requests=self.usage.requests + 1,
            cost_usd=self.usage.cost_usd + price_usd(self._spec, tokens),
            model=self._spec.model,
        )


def _open_results(proposal: Proposal) -> int:
    """Count the results that the next prompt will hold, whichever way policy takes."""
    if isinstance(proposal.proposed, CallsProposal):
        return max(len(way.calls) for way in (proposal.proposed, *proposal.alternatives))
    return int(isinstance(proposal.proposed, QuestionProposal))


def _spec(situation: Situation) -> ModelPlannerSpec:
    spec = situation.bundle.manifest.planner
    if not isinstance(spec, ModelPlannerSpec):
        raise PlannerFailed("this agent has no model")
    return spec


def _read_cursor(situation: Situation) -> ModelCursor:
    try:
        return ModelCursor.model_validate(situation.cursor)
    except ValidationError as error:
        raise PlannerFailed("the cursor is not one of a model", hint="a run keeps the planner it began with") from error
