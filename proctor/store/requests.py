"""Requests to people: how the journal opens them."""

import secrets
from datetime import timedelta
from typing import Any

from proctor.contracts.approving import ApprovalProcess
from proctor.contracts.call_details import call_details
from proctor.contracts.canonical import summarize
from proctor.contracts.decision import Decision
from proctor.contracts.human import ApprovalBinding, HumanRequest, RequestKind, RequestState
from proctor.contracts.ids import EffectKey, RequestId
from proctor.contracts.manifest import AgentBundle
from proctor.contracts.steps import CallRef
from proctor.store.changes import Changes
from proctor.store.governing import recorded_decision
from proctor.store.locked import LockedRun
from proctor.store.rows import Row

_EVENTS = {"approval": "approval_requested", "question": "question_asked", "budget": "budget_requested"}
"""Audit kind of a new request, by its kind; others are `<kind>_opened`."""


def open_request(changes: Changes, request: HumanRequest, *, instead_of: RequestId | None = None) -> None:
    """Add a request and its audit record to a batch; the one that it takes the place of is withdrawn."""
    changes.ask(request)
    gone = {}
    if instead_of is not None:
        changes.stand(instead_of, state=RequestState.WITHDRAWN)
        gone = {"withdrawn": [instead_of]}
    process = request.process
    takes = {} if process is None or process == ApprovalProcess() else {"process": process.model_dump(mode="json")}
    changes.audit(
        _EVENTS.get(request.kind, f"{request.kind}_opened"),
        request=request.id,
        kind=request.kind,
        step=request.step,
        call=request.call,
        title=request.title,
        owner=request.owner,
        expires_at=request.expires_at,
        binding=None if request.binding is None else request.binding.digest(),
        **takes,
        **gone,
    )


def approval_for(
    locked: LockedRun,
    ref: CallRef,
    bundle: AgentBundle,
    decision: Decision,
    *,
    process: ApprovalProcess,
    arguments: dict[str, Any],
) -> HumanRequest:
    """Ask anew for an approval that the plan did not ask for, or whose policy has changed since."""
    contract = bundle.tool(locked.tool)
    request = _request(locked, ref, bundle, RequestKind.APPROVAL)
    binding = binding_of(locked, ref, decision.policy_digest, request.expires_at, process)
    details = call_details(locked.tool, arguments, contract, decision, recorded_decision(locked.planned))
    shown = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
    title = summarize(f"{locked.tool}({shown})", 120)
    asked = {"process": process, "next_at": process.next_at(request.created_at, 0), "replaces": _replaced(locked)}
    return request.model_copy(update={"binding": binding, "details": details, "title": title, **asked})


def binding_of(
    locked: LockedRun, ref: CallRef, policy_digest: str, expires_at: Any, process: ApprovalProcess | None
) -> ApprovalBinding:
    """Build the binding of the recorded call anew (rule 5); without a process as early versions did."""
    run, planned = locked.run, locked.planned
    assert planned is not None
    recorded = recorded_decision(planned)
    return ApprovalBinding(
        run_id=ref.run_id,
        step=ref.step,
        call=ref.call,
        tenant=run["tenant"],
        agent=run["agent"],
        requester=run["requester"],
        tool=planned["tool"],
        tool_version=planned["tool_version"] or "",
        arguments_sha256=planned["arguments_digest"],
        policy_digest=policy_digest,
        expires_at=expires_at,
        target="" if process is None else recorded.goal,
        process_sha256=None if process is None else process.digest(),
        author=recorded.author,
    )


def _replaced(locked: LockedRun) -> int | None:
    return recorded_decision(locked.planned).replaces


def open_item(
    locked: LockedRun,
    ref: CallRef,
    bundle: AgentBundle,
    *,
    kind: RequestKind,
    effect: Row,
    arguments: Any,
    error: str,
) -> HumanRequest:
    """Ask the owner to settle what we cannot: an unknown outcome, a compensation that failed."""
    request = _request(locked, ref, bundle, kind)
    tool, key = effect["tool"], EffectKey(effect["key"])
    question = "did it happen?" if kind is RequestKind.UNKNOWN_OUTCOME else "take it back by hand"
    return request.model_copy(
        update={
            "title": summarize(f"{tool}: {question} {error}", 160),
            "details": {"key": key, "tool": tool, "arguments": arguments, "error": summarize(error)},
            "effect_key": key,
        }
    )


def _request(locked: LockedRun, ref: CallRef, bundle: AgentBundle, kind: RequestKind) -> HumanRequest:
    run = locked.run
    return HumanRequest(
        id=RequestId(f"req-{secrets.token_hex(6)}"),
        kind=kind,
        run_id=ref.run_id,
        step=ref.step,
        call=ref.call,
        agent=run["agent"],
        requester=run["requester"],
        owner=run["owner"],
        title="",
        created_at=locked.at,
        expires_at=locked.at + timedelta(seconds=bundle.manifest.approval_timeout_s),
    )
