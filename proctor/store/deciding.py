"""One person's decision on one request, from its checks to its consequences."""

import secrets
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from proctor.contracts.canonical import summarize
from proctor.contracts.errors import InvalidInput
from proctor.contracts.human import (
    ApprovalBinding,
    DecisionReceipt,
    HumanDecision,
    HumanRequest,
    Principal,
    RequestKind,
    RequestState,
    Role,
)
from proctor.contracts.labels import Integrity, Labels
from proctor.store.bundles import BundleShelf
from proctor.store.changes import Changes
from proctor.store.closing import OPEN_ITEMS, lock_call_of
from proctor.store.database import Connection
from proctor.store.ledger import settled
from proctor.store.locked import LockedRun, lock_run
from proctor.store.queries import query
from proctor.store.rows import Row, to_request

WORDS: dict[RequestKind, dict[str, RequestState]] = {
    RequestKind.APPROVAL: {"approve": RequestState.GRANTED, "deny": RequestState.DENIED},
    RequestKind.QUESTION: {"answer": RequestState.ANSWERED, "deny": RequestState.DENIED},
    RequestKind.UNKNOWN_OUTCOME: {"happened": RequestState.ANSWERED, "not_happened": RequestState.ANSWERED},
    RequestKind.BUDGET: {"approve": RequestState.GRANTED, "deny": RequestState.DENIED},
    RequestKind.FAILED_COMPENSATION: {"happened": RequestState.ANSWERED, "deny": RequestState.DENIED},
}
"""The words that fit a request of a kind, and the state that each brings about."""

_EVENTS = {
    (RequestKind.APPROVAL, "approve"): "approval_granted",
    (RequestKind.APPROVAL, "deny"): "approval_denied",
    (RequestKind.BUDGET, "approve"): "budget_extended",
    (RequestKind.BUDGET, "deny"): "budget_denied",
}


def check_word(kind: RequestKind, decision: HumanDecision) -> None:
    """Check that a decision's word fits the kind of request. Raises `InvalidInput`, which names the words that do."""
    if decision.word not in WORDS[kind]:
        words = " or ".join(WORDS[kind])
        raise InvalidInput(f"{decision.word} does not fit a request of kind {kind}", hint=f"say {words}")
    if decision.word == "answer" and not (decision.answer or "").strip():
        raise InvalidInput("the answer is empty", hint="give the answer as text")


@dataclass
class Deciding:
    """A decision under way, in its transaction: the run is locked, the request read after that."""

    connection: Connection
    locked: LockedRun
    row: Row
    decision: HumanDecision
    by: Principal
    objection: str | None = None
    """Why this person may not decide; the attempt is recorded all the same."""
    _id: str = field(default_factory=lambda: f"dec-{secrets.token_hex(6)}")

    @classmethod
    async def begin(
        cls, connection: Connection, request: HumanRequest, decision: HumanDecision, by: Principal
    ) -> "Deciding":
        """Lock the run, then read the request as it stands."""
        await lock_run(connection, request.run_id)
        row = await connection.fetchrow(query("request"), request.id)
        assert row is not None
        locked = await lock_call_of(connection, row)
        return cls(connection, locked, row, decision, by, _objection(row, by))

    async def carry_out(self, bundles: BundleShelf) -> DecisionReceipt:
        """Record the decision and apply it where it holds."""
        note = self.objection or self._obstacle()
        changes = Changes.to(self.locked)
        binding = self.row["binding"]
        self._record(changes, applied=not note, note=note or "applied")
        if note:
            kind = "decision_refused" if self.objection else "decision_not_applied"
            changes.audit(kind, **self._summary(), note=note)
        else:
            self._apply(changes, binding)
            await self._follow_up(changes, bundles)
        await changes.write(self.connection)
        row = await self.connection.fetchrow(query("request"), self.row["id"])
        return DecisionReceipt(decision_id=self._id, request=to_request(row), applied=not note, note=note or "applied")

    def _obstacle(self) -> str:
        """Say why a decision comes too late or loses; empty when it is to be applied."""
        state, kind, word = RequestState(self.row["state"]), RequestKind(self.row["kind"]), self.decision.word
        if state is RequestState.GRANTED and kind is RequestKind.APPROVAL and word == "deny":
            return ""
        if state is not RequestState.PENDING:
            whose = f" by {self.row['decided_by']}" if self.row["decided_by"] else ""
            return f"too late: the request is already {state}{whose}"
        if self.row["expires_at"] <= self.locked.at and kind not in OPEN_ITEMS:
            return "too late: the request has expired"
        return ""

    def _record(self, changes: Changes, *, applied: bool, note: str) -> None:
        binding = self.row["binding"]
        changes.decision(
            id=self._id,
            request_id=self.row["id"],
            word=self.decision.word,
            answer=self.decision.answer,
            reason=self.decision.reason,
            by=self.by.name,
            applied=applied,
            note=note,
            binding_digest=None if binding is None else ApprovalBinding.model_validate(binding).digest(),
        )

    def _summary(self) -> dict[str, Any]:
        return {
            "decision": self._id,
            "request": self.row["id"],
            "word": self.decision.word,
            "by": self.by.name,
            "reason": summarize(self.decision.reason),
        }

    def _apply(self, changes: Changes, binding: Any) -> None:
        kind, word = RequestKind(self.row["kind"]), self.decision.word
        changes.stand(
            self.row["id"],
            state=WORDS[kind][word],
            decided_by=self.by.name,
            word=word,
            reason=self.decision.reason,
            answer=self.decision.answer,
        )
        digest = None if binding is None else ApprovalBinding.model_validate(binding).digest()
        event = _EVENTS.get((kind, word), f"{kind}_{'denied' if word == 'deny' else 'answered'}")
        changes.audit(event, **self._summary(), step=self.row["step"], call=self.row["call"], binding=digest)

    async def _follow_up(self, changes: Changes, bundles: BundleShelf) -> None:
        kind, word = RequestKind(self.row["kind"]), self.decision.word
        if kind is RequestKind.BUDGET and word == "approve":
            bundle = await bundles.load(self.locked.run["bundle_digest"], self.connection)
            # With what the next plan needs: a yes that cannot pay for a single step would be asked for again at once.
            needs = Decimal(self.row["details"].get("needs_usd", 0))
            granted = bundle.manifest.bounds.max_cost_usd + needs
            changes.run(extension_usd=self.locked.run["extension_usd"] + granted)
        if kind is RequestKind.UNKNOWN_OUTCOME:
            self._settle_effect(changes, happened=word == "happened")
        if kind is RequestKind.FAILED_COMPENSATION and word == "happened":
            self._settle_compensation(changes)

    def _settle_effect(self, changes: Changes, *, happened: bool) -> None:
        """Write what a person found out about an unknown effect."""
        effect, planned = self.locked.effect, self.locked.planned
        if effect is None or planned is None or effect["state"] != "unknown":
            return
        said = summarize(f"{self.by.name} says that it {'happened' if happened else 'did not happen'}")
        content = {"happened": True, "settled_by": self.by.name} if happened else {"error": said}
        labels = Labels(integrity=Integrity.TRUSTED, sources=(f"person:{self.by.name}",))
        kind, state = ("result", "confirmed") if happened else ("failure", "failed")
        place = {"step": self.row["step"], "call": self.row["call"], "node": planned["node"], "tool": planned["tool"]}
        digest = changes.content(content)
        if not (kind == "failure" and self.row["noted"]):
            changes.observe(kind, content, labels=labels, **place)
        row = settled(effect, self.locked, state, result_digest=digest if happened else None, summary=said)
        changes.effect(row)
        changes.audit(f"effect_{state}", key=effect["key"], tool=effect["tool"], by=self.by.name, decision=self._id)
        changes.stand(self.row["id"], noted=True)

    def _settle_compensation(self, changes: Changes) -> None:
        """Write that a person took the effect back by hand."""
        undo = self.locked.undo
        if undo is not None and undo["state"] in {"failed", "unknown"}:
            said = summarize(f"{self.by.name} took it back by hand")
            changes.effect(settled(undo, self.locked, "confirmed", summary=said))
            changes.audit("compensation_confirmed", key=undo["key"], by=self.by.name, decision=self._id)


def _objection(request: Row, by: Principal) -> str | None:
    if by.name == request["requester"]:
        return f"{by.name} asked for this run and may not decide about it"
    if Role.APPROVER in by.roles or by.name == request["owner"]:
        return None
    return f"{by.name} is neither an approver nor the agent's owner"
