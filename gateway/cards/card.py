"""The card of a request: all that a person must see to decide, made from recorded rows and from nothing else.

No text in it was written by a model, save `agent_says`, which renderers show as the agent's words. Every text that
comes from a run is a `Shown` or went through `line`: what steers, hides or imitates stands in it as a code.
"""

from collections.abc import Iterable
from typing import Any, Final

from pydantic import AwareDatetime

from gateway.cards.difference import Change, changes_between
from gateway.cards.values import Rows, digest_of, rows_of
from gateway.cards.visible_text import LeftOut, Mark, Shown, line, show
from proctor.contracts.approving import ApprovalProcess
from proctor.contracts.base import Contract
from proctor.contracts.canonical import digest_json
from proctor.contracts.deciding import WORDS
from proctor.contracts.human import DecisionWord, HumanRequest, RequestKind, RequestState
from proctor.contracts.ids import Digest, RequestId, RunId
from proctor.contracts.labels import Flow, Integrity, Origin
from proctor.contracts.stages import SpokenWord, asked_now, said_of, stages_of
from proctor.contracts.tool import ArgumentRole

MOST_ARGUMENTS: Final = 60
SOURCES: Final = {
    Origin.REQUEST: "the request",
    Origin.MANIFEST: "the agent's owner",
    Origin.ADDRESS_BOOK: "the address book",
    Origin.PERSON: "a person",
    Origin.VALIDATED: "a validated result",
    Origin.TOOL: "a tool's result",
    Origin.PLANNER: "made up by the agent",
}
EFFECTS: Final = {
    "read": "reads only",
    "write": "changes something",
    "irreversible": "cannot be undone",
}


class CardArgument(Contract):
    """One argument with its whole value, and where that comes from."""

    name: str
    role: ArgumentRole
    """What it steers; undeclared ones count as targets."""
    is_declared: bool
    """Whether the tool's contract says so."""
    rows: Rows
    sources: tuple[str, ...] = ()
    """Where its parts come from, in words, and the names of those sources; empty where that was not traced."""
    is_trusted: bool | None = None
    """None: not traced."""
    confidentiality: str = ""
    name_marks: tuple[Mark, ...] = ()

    @property
    def marks(self) -> tuple[Mark, ...]:
        """What was made visible in its name and in its values, each once."""
        found = (*self.name_marks, *(mark for value in self.rows.values for mark in value.shown.marks))
        return tuple({mark.code: mark for mark in found}.values())


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
    listed, left_out = _arguments(details, arguments, whole=whole)
    digest, tool = digest_of(arguments), line(details.get("tool", ""))
    replaced = details.get("replaced")
    fields: dict[str, Any] = {
        "title": f"{line(details.get('author') or request.agent)} asks to call {tool}",
        "tool": tool,
        "tool_version": line(details.get("version") or ""),
        "effect": str(details.get("effect") or "irreversible"),
        "effect_said": EFFECTS.get(str(details.get("effect")), EFFECTS["irreversible"]),
        "risk": line(details.get("raised_risk") or details.get("risk") or "high"),
        "targets": _brief(listed, ArgumentRole.TARGET),
        "amounts": _brief(listed, ArgumentRole.AMOUNT),
        "arguments": listed,
        "left_out": left_out,
        "is_whole": left_out is None and all(_is_whole(one) for one in listed),
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


def _arguments(
    details: dict[str, Any], arguments: dict[str, Any], *, whole: bool
) -> tuple[tuple[CardArgument, ...], LeftOut | None]:
    names = list(arguments)
    kept, left_out = names, None
    if not whole and len(names) > MOST_ARGUMENTS:
        half = MOST_ARGUMENTS // 2
        declared = [name for name in names[half:-half] if name in (details.get("roles") or {})]
        kept = [*names[:half], *declared[:half], *names[-half:]]
        rest = {name: arguments[name] for name in names if name not in set(kept)}
        left_out = LeftOut(count=len(rest), of="arguments", sha256=digest_of(rest))
    return tuple(_argument(name, arguments[name], details, whole=whole) for name in kept), left_out


def _argument(name: str, value: Any, details: dict[str, Any], *, whole: bool) -> CardArgument:
    role = (details.get("roles") or {}).get(name)
    named, rows = show(name, whole=whole, head=60, tail=30), rows_of(value, whole=whole)
    flow = (details.get("flows") or {}).get(name)
    return CardArgument(
        name=named.text if name.isidentifier() and name.isascii() else f"“{named.text}”",
        role=ArgumentRole(role or ArgumentRole.TARGET),
        is_declared=role is not None,
        rows=rows,
        name_marks=named.marks,
        **({} if flow is None else _provenance(Flow.model_validate(flow))),
    )


def _provenance(flow: Flow) -> dict[str, Any]:
    return {
        "sources": (*(SOURCES[origin] for origin in flow.origins), *(line(name) for name in flow.labels.sources)),
        "is_trusted": flow.labels.integrity is Integrity.TRUSTED,
        "confidentiality": flow.labels.confidentiality.value,
    }


def _is_whole(argument: CardArgument) -> bool:
    return not argument.rows.left_out and all(one.shown.left_out is None for one in argument.rows.values)


def _brief(listed: Iterable[CardArgument], role: ArgumentRole) -> tuple[str, ...]:
    """Name what the declared arguments of a role hold; of long lists the first, and how many there are."""
    said = []
    for argument in listed:
        if argument.role is role and argument.is_declared:
            values = argument.rows.values
            total = len(values) + sum(one.count for one in argument.rows.left_out)
            first = ", ".join(_short(one.shown, one.reading) for one in values[:3])
            said.append(f"{argument.name}: {first}" + (f" and {total - 3} more" if total > 3 else ""))  # noqa: PLR2004
    return tuple(said)


def _short(shown: Shown, reading: str) -> str:
    text = shown.text
    brief = text if len(text) <= 160 else f"{text[:80]} … {text[-80:]}"  # noqa: PLR2004 - fits a title
    return reading or brief


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
        listed, left_out = _arguments({}, arguments, whole=whole)
        is_whole = left_out is None and all(_is_whole(one) for one in listed)
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
