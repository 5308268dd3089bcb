"""The journal's part of beginning a call: intents and reads (rules 1, 2, 3 and 5)."""

from collections.abc import Sequence
from typing import Any

from proctor.contracts.approving import process_of
from proctor.contracts.canonical import summarize
from proctor.contracts.dispatching import Admitted, Prior, Refusal, Waiting
from proctor.contracts.errors import Corrupted, UnknownName
from proctor.contracts.governing import ReviewKind, WindowQuery
from proctor.contracts.human import RequestState
from proctor.contracts.ids import effect_key
from proctor.contracts.ports import Judge
from proctor.contracts.steps import CallRef, CallReport
from proctor.contracts.traffic import HELD_BACK, Lane
from proctor.store.bundles import BundleShelf
from proctor.store.changes import Changes
from proctor.store.context import with_context
from proctor.store.database import Connection, Database
from proctor.store.gates import Gate, gate_of, passed, standing_refusal
from proctor.store.governing import (
    AFTER_A_DENIAL,
    SUGGEST,
    ask_review,
    is_told,
    notify,
    recorded_decision,
    remember_denial,
    title_of,
    wants_review,
)
from proctor.store.granting import audit_use
from proctor.store.held import held_report
from proctor.store.ledger import OPEN_STATES, fenced_report, intent_row, report_of, standing_of
from proctor.store.locked import LockedRun, lock_run, recorded_arguments
from proctor.store.passing import hold_back, let_pass
from proctor.store.recent import RecentReads, after_write
from proctor.store.requests import approval_for, open_request
from proctor.store.traffic import is_watched, must_enter


class DispatchJournal:
    """Beginning effects and reads."""

    _database: Database
    _bundles: BundleShelf
    _recent: RecentReads

    async def begin_effect(self, ref: CallRef, judge: Judge) -> Admitted | Prior | Refusal | Waiting:
        """Decide and write the intent, in one transaction; as the port says."""
        async with self._database.transaction() as connection:
            locked = await lock_call(connection, ref, fenced=True, windows=judge.windows)
            if locked.effect is not None:
                return standing_of(locked, locked.effect)
            gate = standing_refusal(locked) or gate_of(locked, ref, judge)
            if isinstance(gate, Refusal):
                return gate
            gate, admitted = await passed(connection, locked, ref, gate, judge.lane)
            if isinstance(admitted, Waiting):
                return admitted
            if not gate.is_open:
                return await self._refuse(connection, locked, ref, gate)
            changes = Changes.to(locked)
            _write_dispatch(changes, locked, ref, gate)
            row = intent_row(locked, ref, "act", locked.tool, review_after=wants_review(gate.obligations))
            write_intent(changes, row)
            head = await changes.write(connection)
        self._recent.keep(ref, after_write(locked, head, effect=row))
        return admitted

    async def retry_effect(self, ref: CallRef, lane: Lane | None = None) -> Admitted | Refusal | Waiting:
        """Write the intent of a further attempt; fenced, and under the approval of the first."""
        async with self._database.transaction() as connection:
            locked = await lock_call(connection, ref, fenced=True)
            if locked.effect is None:
                raise Corrupted(f"effect {ref.run_id}/{ref.step}/{ref.call} was never begun")
            if locked.effect["state"] not in OPEN_STATES:
                return Refusal(report=report_of(locked.effect, locked.head))
            stopped = fenced_report(locked, (locked.tool,)) or held_report(locked)
            if stopped is not None:
                return Refusal(report=stopped)
            row = intent_row(locked, ref, "act", locked.tool, after=locked.effect)
            admitted = await let_pass(connection, locked, lane, row["key"], attempt=row["attempt"])
            if isinstance(admitted, Waiting):
                return admitted
            changes = Changes.to(locked)
            write_intent(changes, row)
            head = await changes.write(connection)
        self._recent.keep(ref, after_write(locked, head, effect=row))
        return admitted

    async def begin_read(self, ref: CallRef, judge: Judge) -> Admitted | Refusal | Waiting:
        """As `begin_effect` without intent; a read that is simply allowed costs one round trip.

        A read whose policy counts calls is noted when it is dispatched, others when they are recorded.
        """
        if judge.windows:
            return await self._begin_noted_read(ref, judge)
        async with self._database.connection() as connection:
            # No transaction: the locks end with the statement. A read has no intent that a kill must be ordered with.
            locked = await lock_call(connection, ref, fenced=True)
        gate = standing_refusal(locked) or gate_of(locked, ref, judge)
        if isinstance(gate, Refusal):
            return gate
        if gate.is_open and gate.consent is None and not is_told(gate.obligations):
            self._recent.keep(ref, locked)
            return await self._let_read(locked, ref, judge.lane)
        return await self._begin_noted_read(ref, judge)

    async def _let_read(self, locked: LockedRun, ref: CallRef, lane: Lane | None) -> Admitted | Waiting:
        if lane is None or not must_enter(lane, locked.breakers):
            return Admitted(attempt=1, is_watched=lane is not None and is_watched(lane, locked.breakers))
        async with self._database.transaction() as connection:
            return await let_pass(connection, locked, lane, effect_key(ref.run_id, ref.step, ref.call))

    async def _begin_noted_read(self, ref: CallRef, judge: Judge) -> Admitted | Refusal | Waiting:
        async with self._database.transaction() as connection:
            locked = await lock_call(connection, ref, fenced=True, windows=judge.windows)
            gate = standing_refusal(locked) or gate_of(locked, ref, judge)
            if isinstance(gate, Refusal):
                return gate
            gate, admitted = await passed(connection, locked, ref, gate, judge.lane)
            if isinstance(admitted, Waiting):
                return admitted
            if not gate.is_open:
                return await self._refuse(connection, locked, ref, gate)
            changes = Changes.to(locked)
            _write_dispatch(changes, locked, ref, gate)
            note_read(changes, locked, ref)
            await changes.write(connection)
        return admitted

    async def _refuse(self, connection: Connection, locked: LockedRun, ref: CallRef, gate: Gate) -> Refusal:
        consent = gate.consent
        if consent is None and gate.decision.determining in HELD_BACK:
            report = await hold_back(connection, locked, ref, gate.decision)
        elif consent is None:
            report = await self._deny(connection, locked, ref, gate, "policy")
        elif consent.kind == "pending":
            assert locked.approval is not None
            asked = locked.approval
            report = _waiting(locked, asked["id"], asked["expires_at"], asked["next_at"])
        elif consent.kind == "refused":
            report = await self._deny(connection, locked, ref, gate, consent.by)
        else:
            report = await self._ask(connection, locked, ref, gate)
        return Refusal(report=report)

    async def _ask(self, connection: Connection, locked: LockedRun, ref: CallRef, gate: Gate) -> CallReport:
        bundle = await self._bundles.load(locked.run["bundle_digest"], connection)
        arguments = await recorded_arguments(connection, locked)
        process = process_of(gate.obligations)
        request = approval_for(locked, ref, bundle, gate.decision, process=process, arguments=arguments)
        changes = Changes.to(locked)
        former = None if locked.approval is None else locked.approval["id"]
        open_request(changes, await with_context(connection, locked, request), instead_of=former)
        head = await changes.write(connection)
        return _waiting(locked, request.id, request.expires_at, request.next_at).model_copy(update={"head": head})

    async def _deny(self, connection: Connection, locked: LockedRun, ref: CallRef, gate: Gate, by: str) -> CallReport:
        assert locked.planned is not None
        consent, decision = gate.consent, gate.decision
        rule, reason = (decision.determining, decision.reason) if consent is None else (consent.rule, consent.reason)
        changes = Changes.to(locked)
        node, tool = locked.planned["node"], locked.tool
        denial = {"rule": rule, "reason": reason, "by": by}
        advice = AFTER_A_DENIAL if by == "person" else decision.advice
        told = {**denial, "advice": advice} if advice else denial
        digest, _ = changes.observe("denial", told, step=ref.step, call=ref.call, node=node, tool=tool)
        remember_denial(changes, recorded_decision(locked.planned), tool, step=ref.step, **denial)
        if consent is None and rule.startswith(SUGGEST):
            await self._suggest(connection, changes, locked, ref)
        if locked.approval is not None and consent is not None:
            changes.stand(locked.approval["id"], noted=True)
        changes.audit(
            "call_denied",
            step=ref.step,
            call=ref.call,
            tool=tool,
            rule=rule,
            reason=reason,
            by=by,
            policy=decision.policy_digest,
            approval=None if locked.approval is None else locked.approval["id"],
        )
        head = await changes.write(connection)
        return CallReport(status="denied", result=digest[:16], summary=summarize(reason), head=head)

    async def _suggest(self, connection: Connection, changes: Changes, locked: LockedRun, ref: CallRef) -> None:
        assert locked.planned is not None
        recorded, title = recorded_decision(locked.planned), title_of(locked, ref.call)
        bundle = await self._bundles.load(locked.run["bundle_digest"], connection)
        ask_review(changes, ReviewKind.SUGGESTION, recorded, bundle, step=ref.step, tool=locked.tool, title=title)


async def lock_call(
    connection: Connection, ref: CallRef, *, fenced: bool = False, windows: Sequence[WindowQuery] = ()
) -> LockedRun:
    """Lock the run of a recorded call. Raises `UnknownName` when the call is not recorded."""
    locked = await lock_run(connection, ref.run_id, ref.step, ref.call, fenced=fenced, windows=windows)
    if locked.planned is None:
        raise UnknownName(f"run {ref.run_id} has no recorded call {ref.step}/{ref.call}")
    return locked


def _waiting(locked: LockedRun, request_id: Any, expires_at: Any, look_at: Any) -> CallReport:
    looks = {} if look_at is None else {"look_at": look_at}
    return CallReport(
        status="needs_approval",
        summary="waits for approval",
        request_id=request_id,
        expires_at=expires_at,
        head=locked.head,
        **looks,
    )


def _write_dispatch(changes: Changes, locked: LockedRun, ref: CallRef, gate: Gate) -> None:
    assert locked.planned is not None
    decision, asks_person = gate.decision, gate.consent is not None and gate.grant is None
    approval = locked.approval if asks_person else None
    given = {} if gate.grant is None else {"grant": gate.grant.id}
    changes.audit(
        "call_dispatched",
        step=ref.step,
        call=ref.call,
        tool=locked.tool,
        arguments=locked.planned["arguments_digest"],
        verdict=decision.verdict,
        rule=decision.determining,
        reason=decision.reason,
        policy=decision.policy_digest,
        approval=None if approval is None else approval["id"],
        **given,
    )
    if gate.grant is not None:
        audit_use(changes, ref, gate.grant)
    notify(changes, locked, decision, gate.obligations)
    if approval is not None and approval["state"] == RequestState.GRANTED:
        assert locked.consent is not None
        changes.stand(approval["id"], state=RequestState.CONSUMED, noted=True)
        changes.audit(
            "approval_consumed",
            request=approval["id"],
            by=locked.consent["by"],
            decision=locked.consent["id"],
            binding=locked.consent["binding_digest"],
        )


def note_read(changes: Changes, locked: LockedRun, ref: CallRef) -> None:
    """Note for windows over history that a read was dispatched."""
    assert locked.planned is not None
    key = effect_key(ref.run_id, ref.step, ref.call)
    changes.read_call(key=key, tool=locked.tool, arguments_digest=locked.planned["arguments_digest"])


def write_intent(changes: Changes, row: dict[str, Any]) -> None:
    """Add the intent of an attempt, with its audit record."""
    changes.effect(row)
    kind = "effect_intended" if row["kind"] == "act" else "compensation_intended"
    changes.audit(kind, key=row["key"], tool=row["tool"], attempt=row["attempt"], epoch=row["epoch"])
