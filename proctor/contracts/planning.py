"""What a planner sees, and what it may propose."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import Field

from proctor.contracts.base import Contract
from proctor.contracts.ids import PrincipalName, RunId, ToolName
from proctor.contracts.labels import Labels
from proctor.contracts.manifest import AgentBundle


class ProposedCall(Contract):
    """One tool call that a planner asks for."""

    tool: ToolName
    arguments: dict[str, Any]
    node: str = ""
    """Playbook node that proposed it; empty for models."""
    provider_call_id: str = ""
    """The model's own id of the call, so that the result can be paired with it in the next prompt."""
    derivation: dict[str, tuple[str, ...]] | None = None
    """Set by the playbook planner and for calls of people, which are ours, and by no model: for each top-level argument
    the roots that it was rendered from: `manifest`, `input`, `goal`, `run` (the platform's own), `person` (an answer,
    or what a person wrote), or `steps.NODE` of a call. None: to be traced by value."""


class DeclaredArgument(Contract):
    """Where an argument of a declared call will come from; no value."""

    sources: tuple[str, ...] = Field(min_length=1)
    """`request`, `manifest`, `person`, or the `id` of a call declared before it (in a playbook's loop: beside it)."""


class DeclaredCall(Contract):
    """A call that the planner says it will make."""

    id: str = Field(min_length=1, max_length=64)
    tool: ToolName
    max_count: int = Field(default=1, ge=1, le=1000)
    arguments: dict[str, DeclaredArgument] = Field(default_factory=dict)
    """By the argument's top-level name; one that is not listed must come from the request or the manifest."""


class DeclaredPlan(Contract):
    """What a run will do, said before any untrusted data was read; it cannot be changed afterwards."""

    calls: tuple[DeclaredCall, ...] = Field(max_length=64)


class CallsProposal(Contract):
    """Ask for one or more tool calls, carried out in order."""

    kind: Literal["calls"] = "calls"
    calls: tuple[ProposedCall, ...] = Field(min_length=1, max_length=16)


class FinalProposal(Contract):
    """End the run. `blocked`: the goal cannot be reached within what policy or people allow."""

    kind: Literal["final"] = "final"
    outcome: Literal["completed", "failed", "blocked"]
    report: dict[str, Any]
    """JSON that fits the manifest's output schema; cites what it used."""


class QuestionProposal(Contract):
    """Ask a person something, and wait for the answer."""

    kind: Literal["question"] = "question"
    question: str = Field(min_length=1, max_length=2000)


Proposed = Annotated[CallsProposal | FinalProposal | QuestionProposal, Field(discriminator="kind")]


class Usage(Contract):
    """What one plan cost."""

    input_tokens: int = Field(default=0, ge=0)
    output_tokens: int = Field(default=0, ge=0)
    requests: int = Field(default=0, ge=0)
    cost_usd: Decimal = Field(default=Decimal(0), ge=0)
    model: str = ""


class ResultPart(Contract):
    """A part of an earlier result of the run that a model asked to read."""

    result: str = Field(max_length=32)
    """`STEP.CALL` of the call that gave it."""
    offset: int = Field(default=0, ge=0)
    """In bytes of the result as the model reads it."""
    find: str = Field(default="", max_length=200)
    """Read from where this text stands next, at `offset` or after it."""


class Proposal(Contract):
    """A planner's answer for one step."""

    proposed: Proposed
    reason: str = Field(default="", max_length=500)
    """A short summary of why, for the decision log; never a raw chain of thought."""
    options: tuple[str, ...] = ()
    """Other ways that were considered, a line each."""
    cursor: dict[str, Any] = Field(default_factory=dict)
    """The planner's own position (JSON, at most 64 KiB), given back to it at the next step."""
    usage: Usage = Usage()
    alternatives: tuple[CallsProposal, ...] = Field(default=(), max_length=4)
    """Other ways that would do as well: policy takes the least strict, then the one that soft constraints prefer."""
    declares: DeclaredPlan | None = None
    """Taken at the run's first steps only, before any untrusted data was read."""
    author: PrincipalName | None = None
    """A person who had the wheel; None: the planner."""
    read: tuple[ResultPart, ...] = Field(default=(), max_length=16)
    """Parts of large results that the planner read before it proposed. What they held is in the store already."""


EntryKind = Literal["proposal", "result", "failure", "denial", "human", "message"]


class Observation(Contract):
    """One thing that happened in the run, as a planner may see it.

    `content` by kind — proposal: the dumped `Proposal`; result: the tool's result; failure: `{"error": str}`, with
    `"rule": str` where an open breaker held it back;
    denial: `{"rule": str, "reason": str, "by": "policy" | "person"}`, with `"advice": str` where policy knows what is
    allowed instead, and for a call that a person edited `"edited": EditedCall as JSON`; human: `{"question": str,
    "answer": str | null}`; message: `{"by": str, "text": str}`.
    """

    n: int
    """Position in the run's transcript, from 0."""
    step: int
    call: int = 0
    kind: EntryKind
    node: str = ""
    tool: ToolName | None = None
    content: Any = None
    labels: Labels = Labels()


class Situation(Contract):
    """Where the run stands when a plan is wanted."""

    run_id: RunId
    step: int
    bundle: AgentBundle
    goal: str
    input: Any
    input_source: str = ""
    """Whose words the input is, where it is not the requester's."""
    cursor: dict[str, Any] = Field(default_factory=dict)
    """What the planner returned last; empty at the first step."""
    said_bytes: int = 0
    """Bound on what people added to the transcript, in bytes of a prompt: messages, and calls that they wrote."""
    remaining_iterations: int
    remaining_cost_usd: Decimal
    deadline: datetime
    offered: tuple[ToolName, ...] | None = None
    """The allowed tools that policy could permit at all; None: all of them. No other is offered to a model."""
    limits: tuple[str, ...] = ()
    """Hard limits in the owner's words, e.g. "refunds above 500 are forbidden"; no untrusted text."""
    preferences: tuple[str, ...] = ()
    """Soft constraints in the owner's words; no untrusted text."""
    resting: tuple[ToolName, ...] = ()
    """Tools whose breaker is open now: they are offered, and marked."""
