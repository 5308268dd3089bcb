"""The card of a request: all that a person must see to decide, made from recorded rows and from nothing else.

No text in it was written by a model, save `agent_says`, which renderers show as the agent's words. Every text that
comes from a run is a `Shown` or went through `line`: what steers, hides or imitates stands in it as a code.
"""

from collections.abc import Iterable
from typing import Any, Final

from pydantic import AwareDatetime

from gateway.cards.arguments import MOST_ARGUMENTS, CardArgument, arguments_of, in_brief
from gateway.cards.difference import Change, changes_between
from gateway.cards.values import digest_of, rows_of
from gateway.cards.visible_text import LeftOut, Mark, Shown, line, show
from proctor.contracts.approving import ApprovalProcess
from proctor.contracts.base import Contract
from proctor.contracts.canonical import digest_json
from proctor.contracts.deciding import WORDS
from proctor.contracts.human import DecisionWord, HumanRequest, RequestKind, RequestState
from proctor.contracts.ids import Digest, RequestId, RunId
from proctor.contracts.stages import SpokenWord, asked_now, said_of, stages_of
from proctor.contracts.tool import ArgumentRole

__all__ = ["MOST_ARGUMENTS", "ApprovalCard", "CardArgument", "CardEscalation", "CardStage", "build_card"]

EFFECTS: Final = {
    "read": "reads only",
    "write": "changes something",
    "irreversible": "cannot be undone",
}


class CardStage(Contract):
    """A stage of the approval."""

    said: str
    """How far it is, such as `1 of 2 approvers (finance)`."""
    by: tuple[str, ...] = ()
    is_full: bool = False
    is_asked_now: bool = False


class CardEscalation(Contract):
    """Who is asked too when nobody has decided so long after the request."""

    after_s: int
    to: tuple[str, ...]
    is_made: bool


class ApprovalCard(Contract):
    """All of a request. `digest` names exactly this: a page that was made from another card is stale."""

    request_id: RequestId
    kind: RequestKind
    state: RequestState
    title: str
    """Who asks for what, in our words."""
    agent: str
    run_id: RunId
    step: int
    call: int
    requester: str
    owner: str
    tool: str = ""
    tool_version: str = ""
    effect: str = ""
    effect_said: str = ""
    risk: str = ""
    targets: tuple[str, ...] = ()
    """What it acts on, or whom it reaches, shortened; the arguments have all of it."""
    amounts: tuple[str, ...] = ()
    arguments: tuple[CardArgument, ...] = ()
    left_out: LeftOut | None = None
    """Arguments that are not listed."""
    is_whole: bool = True
    """Whether every value is shown from its beginning to its end."""
    arguments_sha256: Digest | None = None
    binding_sha256: Digest | None = None
    alarm: str = ""
    """Why nobody may approve this, such as arguments that are not those that the request is bound to."""
    changes: tuple[Change, ...] = ()
    """For the call that a person wrote: what is different from the agent's."""
    author: str = ""
    """A person who wrote the call, by editing one or at the wheel; empty: the agent did."""
    rule: str = ""
    reason: Shown | None = None
    compensation: str = ""
    agent_says: Shown | None = None
    """Words of the agent, never ours: a question that it asks."""
    facts: tuple[tuple[str, str], ...] = ()
    """For other kinds than approvals: what else is known, as name and value."""
    stages: tuple[CardStage, ...] = ()
    escalations: tuple[CardEscalation, ...] = ()
    next_at: AwareDatetime | None = None
    created_at: AwareDatetime
    expires_at: AwareDatetime
    is_signed: bool = False
    may_grant: bool = False
    words: tuple[DecisionWord, ...] = ()
    decided_by: str = ""
    decided_because: str = ""

    def digest(self) -> Digest:
        """Take the SHA-256 of all that the card says."""
        return digest_json(self.model_dump(mode="json"))

    @property
    def has_untrusted_target(self) -> bool:
        """Whether a declared target, or a part of it, comes from what nobody vouches for."""
        roles = (
            one.is_trusted is False for one in self.arguments if one.role is ArgumentRole.TARGET and one.is_declared
        )
        return any(roles)

    @property
    def marks(self) -> tuple[Mark, ...]:
        """What was made visible in any argument."""
        return tuple({mark.code: mark for argument in self.arguments for mark in argument.marks}.values())


def build_card(request: HumanRequest, *, spoken: Iterable[SpokenWord] = (), whole: bool = False) -> ApprovalCard:
    """Make the card of a request from its row and what people said on it; `whole` leaves out nothing of any value."""
    details = request.details
    arguments = details.get("arguments")
    fields: dict[str, Any] = {**_who(request), **_ends(request)}
    if request.kind is RequestKind.APPROVAL and isinstance(arguments, dict):
        fields |= _call(request, arguments, whole=whole)
    else:
        fields |= _other(request, whole=whole)
    fields |= _process(request, spoken)
    if fields.get("alarm"):
        fields["words"] = tuple(word for word in fields["words"] if word == "deny")
    return ApprovalCard.model_validate(fields)


def _who(request: HumanRequest) -> dict[str, Any]:
    return {
        "request_id": request.id,
        "kind": request.kind,
        "state": request.state,
        "agent": line(request.agent),
        "run_id": request.run_id,
        "step": request.step,
        "call": request.call,
        "requester": line(request.requester),
        "owner": line(request.owner),
        "created_at": request.created_at,
        "expires_at": request.expires_at,
        "next_at": request.next_at,
    }


def _ends(request: HumanRequest) -> dict[str, Any]:
    is_open = request.state is RequestState.PENDING
    can_revoke = request.state is RequestState.GRANTED and request.kind is RequestKind.APPROVAL
    words = WORDS[request.kind] if is_open else ("deny",) if can_revoke else ()
    return {
        "words": words,
        "decided_by": line(request.decided_by or ""),
        "decided_because": line(request.reason or "", 2000),
    }


def _call(request: HumanRequest, arguments: dict[str, Any], *, whole: bool) -> dict[str, Any]:
    details = request.details
    listed, left_out = arguments_of(details, arguments, whole=whole)
    digest, tool = digest_of(arguments), line(details.get("tool", ""))
    replaced = details.get("replaced")
    fields: dict[str, Any] = {
        "title": f"{line(details.get('author') or request.agent)} asks to call {tool}",
        "tool": tool,
        "tool_version": line(details.get("version") or ""),
        "effect": str(details.get("effect") or "irreversible"),
        "effect_said": EFFECTS.get(str(details.get("effect")), EFFECTS["irreversible"]),
        "risk": line(details.get("raised_risk") or details.get("risk") or "high"),
        "targets": in_brief(listed, ArgumentRole.TARGET),
        "amounts": in_brief(listed, ArgumentRole.AMOUNT),
        "arguments": listed,
        "left_out": left_out,
        "is_whole": left_out is None and all(one.is_whole for one in listed),
        "arguments_sha256": digest,
        "binding_sha256": None if request.binding is None else request.binding.digest(),
        "alarm": _alarm(request, digest),
        "rule": line(details.get("rule") or ""),
        "reason": show(str(details.get("reason") or "")),
        "compensation": line(details.get("compensation") or ""),
        "author": line(details.get("author") or ""),
    }
    if replaced is not None:
        fields["changes"] = changes_between(replaced, arguments, whole=whole)
    return fields


def _alarm(request: HumanRequest, digest: Digest) -> str:
    binding = request.binding
    if binding is None:
        return "this request is bound to no call"
    if binding.arguments_sha256 != digest or binding.tool != request.details.get("tool"):
        return "what is shown is not what this request is bound to: its record was changed"
    return ""


def _other(request: HumanRequest, *, whole: bool) -> dict[str, Any]:
    """Show a request that approves no call: a question, a budget, an outcome that nobody knows."""
    details, agent = request.details, line(request.agent)
    titles = {
        RequestKind.QUESTION: f"{agent} asks a question",
        RequestKind.BUDGET: f"{agent} has used up its budget and asks for more",
        RequestKind.UNKNOWN_OUTCOME: f"nobody knows whether {line(details.get('tool', 'a call'))} happened",
        RequestKind.FAILED_COMPENSATION: f"{line(details.get('tool', 'a call'))} could not be taken back",
        RequestKind.APPROVAL: f"{agent} asks for an approval",
    }
    question = details.get("question")
    facts = [
        (f"{name}{one.path}", one.shown.text)
        for name, value in details.items()
        if name not in {"question", "arguments"}
        for one in rows_of(value, whole=whole).values
    ]
    arguments = details.get("arguments")
    fields: dict[str, Any] = {
        "title": titles[request.kind],
        "tool": line(details.get("tool") or ""),
        "agent_says": None if question is None else show(str(question), whole=whole),
        "facts": tuple((line(name), value) for name, value in facts),
        "alarm": "this request names no call" if request.kind is RequestKind.APPROVAL else "",
    }
    if isinstance(arguments, dict):
        listed, left_out = arguments_of({}, arguments, whole=whole)
        is_whole = left_out is None and all(one.is_whole for one in listed)
        fields |= {"arguments": listed, "left_out": left_out, "is_whole": is_whole}
    return fields


def _process(request: HumanRequest, spoken: Iterable[SpokenWord]) -> dict[str, Any]:
    if request.kind is not RequestKind.APPROVAL:
        return {}
    process = request.process or ApprovalProcess()
    binding = None if request.binding is None else request.binding.digest()
    counted = [word for word in spoken if word.applied and word.binding_digest == binding]
    standings = stages_of(process, counted)
    now = asked_now(standings)
    return {
        "stages": tuple(
            CardStage(said=said_of(one), by=one.by, is_full=one.missing <= 0, is_asked_now=one is now)
            for one in standings
        ),
        "escalations": tuple(
            CardEscalation(after_s=one.after_s, to=one.to, is_made=n < request.escalated)
            for n, one in enumerate(process.escalations)
        ),
        "is_signed": process.is_signed,
        "may_grant": process.may_grant,
    }
