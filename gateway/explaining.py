"""Answers "why did it do that?" from what was recorded, and from nothing else."""

from collections.abc import Callable, Sequence
from typing import Any

from proctor.contracts.audit import AuditRecord
from proctor.contracts.base import Contract
from proctor.contracts.canonical import canonical_json, digest_json, summarize
from proctor.contracts.ids import Digest, EffectKey, RunId, effect_key
from proctor.contracts.planning import Observation
from proctor.contracts.run import RunRecord

SUMMARY_CHARACTERS = 160
ORDERS = frozenset(
    {
        "control_refused",
        "message_sent",
        "person_acted",
        "run_handed_back",
        "run_paused",
        "run_resumed",
        "run_taken_over",
        "undo_finished",
        "undo_ordered",
        "undo_refused",
    }
)
"""Audit kinds of what people order of a run."""
Placed = tuple[int, dict[str, Any], str, int | None]
"""A call by its index in the step, with its author and the call that it stands in place of."""


class Seen(Contract):
    """An entry of the transcript that the planner could see."""

    n: int
    step: int
    kind: str
    tool: str | None
    digest: Digest
    summary: str
    integrity: str
    sources: tuple[str, ...]


class CallStory(Contract):
    """One call of a step: what was proposed, how it was judged and approved, what came of it."""

    call: int
    key: EffectKey
    tool: str
    arguments: dict[str, Any]
    decisions: tuple[dict[str, Any], ...]
    """Decision log entries, with the plan first, at dispatch later."""
    people: tuple[dict[str, Any], ...]
    effect: tuple[dict[str, Any], ...]
    """Intent, attempts, outcome and compensation, in order."""
    author: str = ""
    """A person who wrote the call, at the wheel or by editing one; empty: the planner did."""
    replaces: int | None = None
    """The call of the step that the person edited."""


class StepStory(Contract):
    """One step."""

    step: int
    saw: tuple[Seen, ...]
    """What was new since the plan before."""
    saw_earlier: int
    """How many older entries the planner could see besides."""
    kind: str
    reason: str
    options: tuple[str, ...]
    proposal: dict[str, Any]
    model: str
    cost_usd: str
    calls: tuple[CallStory, ...]
    people: tuple[dict[str, Any], ...]
    """Records about people that belong to no call: questions, budget."""
    records: tuple[int, ...]
    """Numbers of the audit records that prove this."""


class Story(Contract):
    """A run, step by step."""

    run_id: RunId
    agent: str
    agent_version: str
    owner: str
    requester: str
    goal: str
    status: str
    status_reason: str
    bundle_digest: Digest | None
    policy_digest: Digest | None
    cost_usd: str
    steps: tuple[StepStory, ...]
    orders: tuple[dict[str, Any], ...] = ()
    """What people ordered: pauses, messages, taking over and handing back, taking the ended run back."""


def tell(run: RunRecord, records: Sequence[AuditRecord], observations: Sequence[Observation]) -> Story:
    """Tell a run from its row, audit records and transcript."""
    proposals = [entry for entry in observations if entry.kind == "proposal"]
    return Story(
        run_id=run.run_id,
        agent=run.agent,
        agent_version=run.agent_version,
        owner=run.owner,
        requester=run.requester,
        goal=run.goal,
        status=run.status,
        status_reason=run.status_reason,
        bundle_digest=run.bundle_digest,
        policy_digest=run.policy_digest,
        cost_usd=str(run.cost_usd),
        steps=tuple(_step(run.run_id, entry, proposals, observations, records) for entry in proposals),
        orders=_bodies(records, lambda record: record.kind in ORDERS),
    )


def _step(
    run_id: RunId,
    entry: Observation,
    proposals: Sequence[Observation],
    observations: Sequence[Observation],
    records: Sequence[AuditRecord],
) -> StepStory:
    since = max((other.n for other in proposals if other.n < entry.n), default=-1)
    content = entry.content if isinstance(entry.content, dict) else {}
    proposed = content.get("proposed", {})
    mine = [record for record in records if _place(run_id, record)[0] == entry.step]
    author = str(content.get("author") or "")
    planned = [(n, call, author, None) for n, call in enumerate(proposed.get("calls", ()))]
    written = _edited(entry.step, observations)
    calls = tuple(_call(run_id, entry.step, placed, mine) for placed in [*planned, *written])
    usage = content.get("usage", {})
    return StepStory(
        step=entry.step,
        saw=tuple(_seen(other) for other in observations if since < other.n < entry.n),
        saw_earlier=sum(1 for other in observations if other.n <= since),
        kind=str(proposed.get("kind", "")),
        reason=str(content.get("reason", "")),
        options=tuple(map(str, content.get("options", ()))),
        proposal=proposed,
        model=str(usage.get("model", "")),
        cost_usd=str(usage.get("cost_usd", "0")),
        calls=calls,
        people=() if calls else _bodies(mine, _is_about_people),
        records=tuple(record.n for record in mine),
    )


def _edited(step: int, observations: Sequence[Observation]) -> list[Placed]:
    """List the calls that people put in the place of others of the step."""
    found = [
        (entry.call, entry.content["edited"])
        for entry in observations
        if entry.step == step and entry.kind == "denial" and "edited" in entry.content
    ]
    return [(edited["call"], edited, str(edited["by"]), old) for old, edited in found]


def _call(run_id: RunId, step: int, placed: Placed, records: Sequence[AuditRecord]) -> CallStory:
    n, call, author, replaces = placed
    mine = [record for record in records if _place(run_id, record) == (step, n)]
    return CallStory(
        call=n,
        key=effect_key(run_id, step, n),
        tool=str(call.get("tool", "")),
        arguments=dict(call.get("arguments", {})),
        decisions=_bodies(mine, _is_decision),
        people=_bodies(mine, _is_about_people),
        effect=_bodies(mine, _is_effect),
        author=author,
        replaces=replaces,
    )


def _place(run_id: RunId, record: AuditRecord) -> tuple[int | None, int]:
    """Tell which step and call a record is about: it says so, or carries the key of an effect."""
    key = str(record.body.get("key", "")).removeprefix(f"{run_id}/").split("/")
    if "step" not in record.body and key[0].isdigit() and len(key) > 1:
        return int(key[0]), int(key[1])
    return record.body.get("step"), record.body.get("call", 0)


def _bodies(records: Sequence[AuditRecord], wanted: Callable[[AuditRecord], bool]) -> tuple[dict[str, Any], ...]:
    return tuple(
        {"n": record.n, "at": record.at.isoformat(), "kind": record.kind, **record.body}
        for record in records
        if wanted(record)
    )


def _is_about_people(record: AuditRecord) -> bool:
    return "request" in record.body


def _is_decision(record: AuditRecord) -> bool:
    return record.kind.startswith("call_") and not _is_about_people(record)


def _is_effect(record: AuditRecord) -> bool:
    return record.kind.startswith(("effect_", "compensation_", "read_")) and not _is_about_people(record)


def _seen(entry: Observation) -> Seen:
    return Seen(
        n=entry.n,
        step=entry.step,
        kind=entry.kind,
        tool=entry.tool,
        digest=digest_json(entry.content),
        summary=summarize(canonical_json(entry.content).decode(), SUMMARY_CHARACTERS),
        integrity=entry.labels.integrity,
        sources=entry.labels.sources,
    )
