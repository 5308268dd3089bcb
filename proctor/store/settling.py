"""The journal's part of outcomes: effects, compensations and reads (rules 1, 2 and 4)."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json

from proctor.contracts.canonical import summarize
from proctor.contracts.errors import Corrupted, UnknownName
from proctor.contracts.human import HumanRequest, RequestKind
from proctor.contracts.ids import ToolName
from proctor.contracts.labels import Labels
from proctor.contracts.steps import CallRef, CallReport, CallStatus
from proctor.contracts.tool import Confirmed, Failed, ToolContract, ToolOutcome, Unknown
from proctor.store.bundles import BundleShelf
from proctor.store.changes import Changes, Overtaken
from proctor.store.database import Connection, Database
from proctor.store.dispatch import lock_call, note_read
from proctor.store.governing import PROCTOR, lower_level, recorded_decision, review_effect, risk_of
from proctor.store.ledger import OPEN_STATES, intent_row, report, report_of, report_of_entry, settled
from proctor.store.locked import LockedRun, recorded_arguments
from proctor.store.recent import RecentReads
from proctor.store.requests import open_item, open_request
from proctor.store.rows import Row, verified


@dataclass(frozen=True)
class Settling:
    """One effect, of a call or of its compensation, whose outcome is being written."""

    ref: CallRef
    locked: LockedRun
    effect: Row

    @property
    def is_act(self) -> bool:
        """Whether it is the call's own effect, and not its compensation."""
        return bool(self.effect["kind"] == "act")

    def event(self, ending: str) -> str:
        """Name the audit record of an outcome."""
        return f"{'effect' if self.is_act else 'compensation'}_{ending}"


class SettlingJournal:
    """Writing outcomes."""

    _database: Database
    _bundles: BundleShelf
    _recent: RecentReads

    async def settle_effect(self, ref: CallRef, outcome: ToolOutcome, *, final: bool) -> CallReport:
        """Write outcome, transcript and audit together; repeated: as first."""
        seen = self._recent.take(ref)
        if seen is not None and seen.effect is not None:
            with suppress(Overtaken):
                async with self._database.connection() as connection:
                    return await self._settle(connection, Settling(ref, seen, seen.effect), outcome, final=final)
        async with self._database.transaction() as connection:
            locked = await lock_call(connection, ref)
            if locked.effect is None:
                return await self._settle_unbegun(connection, locked, ref, outcome)
            return await self._settle(connection, Settling(ref, locked, locked.effect), outcome, final=final)

    async def settle_compensation(self, ref: CallRef, outcome: ToolOutcome, *, final: bool) -> CallReport:
        """Write a compensation's outcome; a final failure opens an item for the owner."""
        async with self._database.transaction() as connection:
            locked = await lock_call(connection, ref)
            if locked.undo is None:
                return await self._settle_unbegun_undo(connection, locked, ref, outcome)
            return await self._settle(connection, Settling(ref, locked, locked.undo), outcome, final=final)

    async def _settle_unbegun_undo(
        self, connection: Connection, locked: LockedRun, ref: CallRef, outcome: ToolOutcome
    ) -> CallReport:
        """Settle a compensation that never came to an intent, for lack of room: it failed, and its owner is told."""
        bundle = await self._bundles.load(locked.run["bundle_digest"], connection)
        contract = bundle.tool(ToolName(locked.tool))
        if not isinstance(outcome, Failed) or contract is None or contract.compensation is None:
            raise Corrupted(f"the compensation of {ref.run_id}/{ref.step}/{ref.call} was never begun")
        unbegun = {**intent_row(locked, ref, "compensation", contract.compensation.tool), "attempt": 0}
        return await self._settle(connection, Settling(ref, locked, unbegun), outcome, final=True)

    async def record_read(self, ref: CallRef, outcome: ToolOutcome) -> CallReport:
        """Write the result of a read; the first one recorded stands."""
        seen = self._recent.take(ref)
        if seen is not None:
            with suppress(Overtaken):
                async with self._database.connection() as connection:
                    return await _write_read(connection, seen, ref, outcome)
        async with self._database.transaction() as connection:
            locked = await lock_call(connection, ref)
            return await _write_read(connection, locked, ref, outcome)

    async def recorded_result(self, ref: CallRef) -> Any:
        """Give the recorded result of a confirmed call. Raises `UnknownName` when there is none."""
        row = await self._database.row("recorded_result", ref.run_id, ref.step, ref.call)
        if row is None:
            raise UnknownName(f"call {ref.run_id}/{ref.step}/{ref.call} has no recorded result")
        return from_json(verified(row["content_digest"], row["body"]))

    async def _settle_unbegun(
        self, connection: Connection, locked: LockedRun, ref: CallRef, outcome: ToolOutcome
    ) -> CallReport:
        """Settle a call none of whose attempts wrote an intent: nothing was dispatched."""
        if locked.outcome is not None:
            return report_of_entry(locked.outcome, locked.head)
        if isinstance(outcome, Confirmed):
            raise Corrupted(f"effect {ref.run_id}/{ref.step}/{ref.call} is confirmed and was never begun")
        bundle = await self._bundles.load(locked.run["bundle_digest"], connection)
        contract = bundle.tool(ToolName(locked.tool))
        never = outcome if isinstance(outcome, Failed) else _never_begun(contract)
        if contract is not None and contract.is_read:
            return await _write_read(connection, locked, ref, never)
        unbegun = {**intent_row(locked, ref, "act", locked.tool), "attempt": 0}
        return await self._settle(connection, Settling(ref, locked, unbegun), never, final=True)

    async def _settle(
        self, connection: Connection, settling: Settling, outcome: ToolOutcome, *, final: bool
    ) -> CallReport:
        effect, locked = settling.effect, settling.locked
        if effect["state"] not in OPEN_STATES:
            return report_of(effect, locked.head)
        if isinstance(outcome, Confirmed):
            return await self._confirm(connection, settling, outcome)
        if final or (isinstance(outcome, Failed) and not outcome.retryable):
            return await self._end_unconfirmed(connection, settling, _for_all_attempts(effect, outcome))
        return await _note_attempt(connection, settling, outcome)

    async def _end_unconfirmed(
        self, connection: Connection, settling: Settling, outcome: Failed | Unknown
    ) -> CallReport:
        """Write a final failure or an unknown outcome, with the item for the owner where one is due."""
        ref, changes = settling.ref, Changes.to(settling.locked)
        request: HumanRequest | None = None
        if isinstance(outcome, Unknown) or not settling.is_act:
            request = await self._item(connection, settling, outcome.error)
            if not settling.is_act:
                await self._breach(connection, changes, settling)
        elif settling.is_act:
            _observe(
                changes,
                settling.locked,
                ref,
                "failure",
                {"error": outcome.error},
                labels=_said_by(settling.locked, ref),
            )
        row = settled(
            settling.effect,
            settling.locked,
            outcome.status,
            summary=summarize(outcome.error),
            request_id=None if request is None else request.id,
        )
        changes.effect(row)
        changes.audit(
            settling.event(outcome.status),
            key=row["key"],
            tool=row["tool"],
            attempt=row["attempt"],
            error=summarize(outcome.error),
            request=row["request_id"],
        )
        if request is not None:
            open_request(changes, request)
        report = report_of(row, await changes.write(connection))
        return report if request is None else report.model_copy(update={"expires_at": request.expires_at})

    async def _breach(self, connection: Connection, changes: Changes, settling: Settling) -> None:
        """Lower the cell of an effect that cannot be taken back as was promised."""
        locked = settling.locked
        bundle = await self._bundles.load(locked.run["bundle_digest"], connection)
        risk = risk_of(recorded_decision(locked.planned), bundle, locked.tool)
        why = f"the compensation of {settling.ref.run_id}/{settling.ref.step}/{settling.ref.call} failed"
        await lower_level(connection, self._bundles, changes, locked, risk, by=PROCTOR, reason=why)

    async def _item(self, connection: Connection, settling: Settling, error: str) -> HumanRequest:
        locked = settling.locked
        kind = RequestKind.UNKNOWN_OUTCOME if settling.is_act else RequestKind.FAILED_COMPENSATION
        return open_item(
            locked,
            settling.ref,
            await self._bundles.load(locked.run["bundle_digest"], connection),
            kind=kind,
            effect=settling.effect,
            arguments=await recorded_arguments(connection, locked),
            error=error,
        )

    async def _confirm(self, connection: Connection, settling: Settling, outcome: Confirmed) -> CallReport:
        changes = Changes.to(settling.locked)
        if settling.is_act:
            digest, summary = _observe(
                changes, settling.locked, settling.ref, "result", outcome.result, **_seen_in(outcome)
            )
            if settling.effect["review_after"]:
                bundle = await self._bundles.load(settling.locked.run["bundle_digest"], connection)
                review_effect(changes, settling.locked, settling.ref, bundle)
        else:
            digest = changes.content(outcome.result)
            summary = ""
        row = settled(settling.effect, settling.locked, "confirmed", result_digest=digest, summary=summary)
        changes.effect(row)
        changes.audit(
            settling.event("confirmed"),
            key=row["key"],
            tool=row["tool"],
            attempt=row["attempt"],
            result=digest,
            **_signals(outcome),
        )
        return report_of(row, await changes.write(connection))


def _never_begun(contract: ToolContract | None) -> Failed:
    pool = "" if contract is None or not contract.pool else f" (does a worker serve the pool {contract.pool}?)"
    return Failed(error=f"no attempt was begun: nothing was dispatched{pool}")


def _for_all_attempts(effect: Row, outcome: Failed | Unknown) -> Failed | Unknown:
    """Say of the effect what its last attempt alone cannot: an earlier one may have taken effect."""
    if isinstance(outcome, Failed) and effect["doubtful"] and not outcome.is_read_back:
        return Unknown(error=f"an earlier attempt may have taken effect; the last one failed: {outcome.error}")
    return outcome


async def _note_attempt(connection: Connection, settling: Settling, outcome: Failed | Unknown) -> CallReport:
    """Note an attempt that ended without a final outcome, once; the effect stays open."""
    row, locked = settling.effect, settling.locked
    head = locked.head
    is_read_back = isinstance(outcome, Failed) and outcome.is_read_back
    if row["outcome_at"] is None or (is_read_back and row["state"] == "intent"):
        doubtful = not is_read_back and (row["doubtful"] or isinstance(outcome, Unknown))
        state = "intent" if doubtful else "attempt_failed"
        row = settled(row, locked, state, doubtful=doubtful, summary=summarize(outcome.error))
        changes = Changes.to(locked)
        changes.effect(row)
        changes.audit(
            settling.event("attempt_failed"),
            key=row["key"],
            tool=row["tool"],
            attempt=row["attempt"],
            outcome=outcome.status,
            error=summarize(outcome.error),
        )
        head = await changes.write(connection)
    return report_of(row, head)


async def _write_read(connection: Connection, locked: LockedRun, ref: CallRef, outcome: ToolOutcome) -> CallReport:
    if locked.outcome is not None:
        return report_of_entry(locked.outcome, locked.head)
    changes = Changes.to(locked)
    if isinstance(outcome, Confirmed):
        status: CallStatus = "confirmed"
        digest, summary = _observe(changes, locked, ref, "result", outcome.result, **_seen_in(outcome))
    else:
        # Whether a read that gave no answer happened does not matter: it changed nothing.
        status = "failed"
        failure = {"error": outcome.error}
        digest, summary = _observe(changes, locked, ref, "failure", failure, labels=_said_by(locked, ref))
    changes.audit(
        "read_recorded",
        step=ref.step,
        call=ref.call,
        tool=locked.tool,
        status=status,
        result=digest,
        **_signals(outcome),
    )
    note_read(changes, locked, ref)
    head = await changes.write(connection)
    return report(status, digest, summary, head)


def _seen_in(outcome: Confirmed) -> dict[str, Any]:
    return {"labels": outcome.labels, "summary": outcome.summary}


def _signals(outcome: ToolOutcome) -> dict[str, Any]:
    """Name what detectors found; a record without findings stays as small as it was."""
    return {"signals": outcome.signals} if isinstance(outcome, Confirmed) and outcome.signals else {}


def _said_by(locked: LockedRun, ref: CallRef) -> Labels:
    """Label a tool's own words about its failure: as untrusted as a result of it would be."""
    return Labels(sources=(f"tool:{locked.tool}#{ref.step}",))


def _observe(
    changes: Changes, locked: LockedRun, ref: CallRef, kind: str, content: Any, **labels: Any
) -> tuple[str, str]:
    assert locked.planned is not None
    node = locked.planned["node"]
    return changes.observe(kind, content, step=ref.step, call=ref.call, node=node, tool=locked.tool, **labels)
