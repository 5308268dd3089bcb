"""Standing grants in the transactions that make and use them."""

import secrets
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from policies.flow.goals import denied
from policies.granting import AskedCall, asking_rules, covering, fills
from proctor.contracts.approving import ApprovalProcess, Grant, GrantTerms, process_of
from proctor.contracts.canonical import summarize
from proctor.contracts.decision import Decision
from proctor.contracts.errors import InvalidInput, Refused
from proctor.contracts.granting import HeldGrant
from proctor.contracts.human import HumanDecision, HumanRequest, Principal
from proctor.contracts.ids import PrincipalName, RunId, effect_key
from proctor.contracts.obligations import Obligation
from proctor.contracts.steps import CallRef
from proctor.store.approvals import own_words
from proctor.store.changes import Changes
from proctor.store.database import Connection
from proctor.store.governing import recorded_decision
from proctor.store.locked import LockedRun, recorded_arguments
from proctor.store.queries import query
from proctor.store.rows import Row, to_grant
from proctor.store.storable import clean_body


async def grant_from(
    connection: Connection, locked: LockedRun, request: HumanRequest, decision: HumanDecision, by: Principal
) -> Grant:
    """Make the grant that an approval of the locked call gives along.

    Nothing is written: call this before anything of the decision is, and `write_grant` with it. The author needs the
    asked role of themselves.

    Raises:
        InvalidInput: the terms do not fit the decision or the call.
        Refused: the process takes more than one unsigned approval, or asks each time; or the word is another's.

    """
    terms, binding = decision.grant, request.binding
    if terms is None or decision.word != "approve" or binding is None:
        raise InvalidInput("only the approval of a call can stop asking", hint="leave the grant out")
    _check_process(request, decision, by)
    recorded, arguments = recorded_decision(locked.planned).decision, await recorded_arguments(connection, locked)
    return Grant(
        id=f"grant-{secrets.token_hex(6)}",
        tenant=binding.tenant,
        agent=binding.agent,
        tool=binding.tool,
        tool_version=binding.tool_version,
        policy_digest=binding.policy_digest,
        run_id=binding.run_id if terms.scope == "run" else None,
        match=_matched(terms, arguments),
        is_exact=terms.same is None,
        rules=tuple(sorted(asking_rules(recorded) | _asked_by(request))),
        request_id=request.id,
        by=by.name,
        created_at=locked.at,
        expires_at=locked.at + timedelta(seconds=terms.for_s),
        max_uses=terms.max_uses,
    )


def _check_process(request: HumanRequest, decision: HumanDecision, by: Principal) -> None:
    process = request.process or ApprovalProcess(may_grant=False)
    if not process.may_grant:
        raise Refused(
            "policy asks here for more than one person, for a signature, or each time",
            hint="approve this call alone, without a grant",
        )
    if decision.on_behalf_of is not None:
        raise Refused(
            f"{by.name} approves in the place of {decision.on_behalf_of}, and cannot stop people from being asked",
            hint="approve this call alone, without a grant",
        )
    stage = process.stages[0]
    if not fills(stage, by.roles, is_owner=by.answers_for(request.owner)):
        raise Refused(f"{by.name} is no {stage.role}, and so can approve this call alone", hint="leave the grant out")


def _matched(terms: GrantTerms, arguments: dict[str, Any]) -> dict[str, Any]:
    names = tuple(arguments) if terms.same is None else terms.same
    missing = [name for name in names if name not in arguments]
    if missing:
        known = ", ".join(sorted(arguments)) or "none"
        raise InvalidInput(f"the approved call has no argument {missing[0]}", hint=f"its arguments are: {known}")
    match = {name: arguments[name] for name in names}
    if clean_body(match) != match:
        raise InvalidInput("the arguments cannot be kept exactly, so that nothing could be compared with them")
    return match


def _asked_by(request: HumanRequest) -> set[str]:
    rule = request.details.get("rule")
    return {rule} if isinstance(rule, str) else set()


async def write_grant(connection: Connection, changes: Changes, grant: Grant) -> None:
    """Write a grant beside the decision that gives it; audited as `grant_made`."""
    await connection.execute(query("insert_grant"), grant.model_dump(mode="json"))
    body = grant.model_dump(mode="json", exclude={"match", "uses", "revoked_at", "revoked_by", "id", "run_id"})
    scope = "agent" if grant.run_id is None else "run"
    changes.audit("grant_made", grant=grant.id, scope=scope, same=sorted(grant.match), **body)


async def use_grant(
    connection: Connection,
    locked: LockedRun,
    ref: CallRef,
    decision: Decision,
    obligations: Sequence[Obligation],
) -> Grant | None:
    """Count the use of a grant that answers for the locked call; None: a person must be asked.

    `decision` is the live one, whose policy digest counts. The same call counts once, however often it is begun.
    """
    key = effect_key(ref.run_id, ref.step, ref.call)
    rows = await connection.fetch(query("held_grants"), ref.run_id, ref.step, key)
    if not rows:
        return None
    asked = _asked_call(locked, decision, obligations, await recorded_arguments(connection, locked))
    # What this call has used already stands open for it even when it was the last use.
    held = [_held(row, spare=row["has_used"]) for row in sorted(rows, key=lambda row: not row["has_used"])]
    for grant in covering(held, asked):
        used = await connection.fetchrow(query("use_grant"), grant.id, key, ref.run_id)
        if used is not None:
            return to_grant(used)
    return None


def audit_use(changes: Changes, ref: CallRef, grant: Grant) -> None:
    """Record that a grant answered for a call."""
    left = None if grant.max_uses is None else grant.max_uses - grant.uses
    place = {"step": ref.step, "call": ref.call}
    changes.audit("grant_used", grant=grant.id, by=grant.by, request=grant.request_id, uses_left=left, **place)


def audit_revocation(changes: Changes, grant: Grant, by: Principal, reason: str, *, refused: str = "") -> None:
    """Record that a grant ended, or that somebody tried to end it who may not."""
    kind, note = ("grant_revocation_refused", {"note": refused}) if refused else ("grant_revoked", {})
    changes.audit(kind, grant=grant.id, by=by.name, reason=summarize(reason), uses=grant.uses, **note)


def _held(row: Row, *, spare: bool) -> HeldGrant:
    grant = to_grant(row["standing"])
    counted = grant.model_copy(update={"uses": grant.uses - 1}) if spare else grant
    return HeldGrant(grant=counted, roles=row["roles"])


def _asked_call(
    locked: LockedRun, decision: Decision, obligations: Sequence[Obligation], arguments: dict[str, Any]
) -> AskedCall:
    planned, run = locked.planned, locked.run
    assert planned is not None
    recorded = recorded_decision(planned)
    return AskedCall(
        tenant=run["tenant"],
        agent=run["agent"],
        run_id=RunId(run["run_id"]),
        own_to=frozenset(PrincipalName(name) for name in own_words(locked)),
        owner=run["owner"],
        tool=locked.tool,
        tool_version=planned["tool_version"] or "",
        policy_digest=decision.policy_digest,
        arguments=arguments,
        flows=recorded.flows,
        rules=asking_rules(recorded.decision, decision),
        process=process_of(obligations),
        is_denied=denied(recorded.goal, locked.tool, locked.denied_goals) != "no",
        at=locked.at,
    )
