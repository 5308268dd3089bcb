"""One person's decision on one request, from its checks to its consequences."""

import secrets
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from proctor.contracts.approving import Grant
from proctor.contracts.canonical import canonical_json, digest_json, summarize
from proctor.contracts.deciding import WORDS
from proctor.contracts.errors import InvalidInput, OversizeInput
from proctor.contracts.governing import ReviewKind, ReviewVerdict
from proctor.contracts.human import (
    ApprovalBinding,
    DecisionReceipt,
    HumanDecision,
    HumanRequest,
    Principal,
    RequestKind,
    RequestState,
)
from proctor.contracts.ids import Digest
from proctor.contracts.labels import Integrity, Labels
from proctor.contracts.run import MAX_INPUT_BYTES
from proctor.contracts.steps import CallRef
from proctor.store.approvals import lacking
from proctor.store.bundles import BundleShelf
from proctor.store.chains import lock_agent
from proctor.store.changes import Changes
from proctor.store.closing import OPEN_ITEMS, lock_call_of
from proctor.store.database import Connection
from proctor.store.deciders import Decider, names_taken
from proctor.store.governing import (
    ask_review,
    recorded_decision,
    remember_denial,
    review_effect,
)
from proctor.store.granting import grant_from, write_grant
from proctor.store.ledger import settled
from proctor.store.locked import LockedRun, lock_run
from proctor.store.queries import query
from proctor.store.rows import Row, to_request
from proctor.store.storable import clean_body

STATES: dict[str, RequestState] = {
    "approve": RequestState.GRANTED,
    "deny": RequestState.DENIED,
    "edit": RequestState.EDITED,
    "answer": RequestState.ANSWERED,
    "happened": RequestState.ANSWERED,
    "not_happened": RequestState.ANSWERED,
}
"""The state that each word brings a request to."""

_EVENTS = {
    (RequestKind.APPROVAL, "approve"): "approval_granted",
    (RequestKind.APPROVAL, "deny"): "approval_denied",
    (RequestKind.APPROVAL, "edit"): "approval_edited",
    (RequestKind.BUDGET, "approve"): "budget_extended",
    (RequestKind.BUDGET, "deny"): "budget_denied",
}


def check_word(request: HumanRequest, decision: HumanDecision) -> None:
    """Check that a decision fits the request. Raises `InvalidInput`, which says what does."""
    words = WORDS[request.kind]
    if decision.word not in words:
        raise InvalidInput(
            f"{decision.word} does not fit a request of kind {request.kind}", hint=f"say {' or '.join(words)}"
        )
    if decision.word == "answer" and not (decision.answer or "").strip():
        raise InvalidInput("the answer is empty", hint="give the answer as text")
    if decision.grant is not None and (decision.word != "approve" or request.kind is not RequestKind.APPROVAL):
        raise InvalidInput("only the approval of a call can stop asking", hint="leave the grant out")
    if (decision.word == "edit") != (decision.arguments is not None):
        raise InvalidInput("arguments belong to an edit, and an edit has all arguments of the call")
    if decision.on_behalf_of is not None and request.kind is not RequestKind.APPROVAL:
        raise InvalidInput("people stand for each other in approvals only", hint="leave on_behalf_of out")
    if decision.arguments is not None:
        _check_edit(request, decision.arguments)


def _check_edit(request: HumanRequest, arguments: dict[str, Any]) -> None:
    size = len(canonical_json(arguments))
    if size > MAX_INPUT_BYTES:
        raise OversizeInput(f"the arguments have {size} bytes; at most {MAX_INPUT_BYTES} are taken")
    if clean_body(arguments) != arguments:
        raise InvalidInput("the arguments hold characters or numbers that cannot be kept exactly")
    if request.binding is not None and digest_json(arguments) == request.binding.arguments_sha256:
        raise InvalidInput("the arguments are the same as before", hint="approve it, or change something")


@dataclass
class Deciding:
    """A decision under way, in its transaction: the run is locked, the request read after that."""

    connection: Connection
    locked: LockedRun
    row: Row
    decider: Decider
    objection: str | None = None
    """Why this person may not decide; the attempt is recorded all the same."""
    grant: Grant | None = None
    """What the approval gives along with it."""
    _id: str = field(default_factory=lambda: f"dec-{secrets.token_hex(6)}")

    @classmethod
    async def begin(
        cls, connection: Connection, request: HumanRequest, decision: HumanDecision, by: Principal
    ) -> "Deciding":
        """Lock the run, then read the request as it stands.

        Raises `InvalidInput` or `Refused` for a grant that the request does not have to give; nothing is recorded.
        """
        await lock_run(connection, request.run_id)
        row = await connection.fetchrow(query("request"), request.id)
        assert row is not None
        locked = await lock_call_of(connection, row)
        decider = await Decider.find(connection, locked, row, decision, by)
        objection, grant = decider.objection(), None
        if decision.grant is not None and objection is None:
            grant = await grant_from(connection, locked, to_request(row), decision, by)
        return cls(connection, locked, row, decider, objection, grant)

    @property
    def decision(self) -> HumanDecision:
        """What the person says."""
        return self.decider.decision

    @property
    def by(self) -> Principal:
        """Who says it."""
        return self.decider.by

    async def carry_out(self, bundles: BundleShelf) -> DecisionReceipt:
        """Record the decision and apply it where it holds."""
        obstacle = self.objection or self._obstacle()
        others = "" if obstacle else self._others()
        note = obstacle or others or "applied"
        changes = Changes.to(self.locked)
        self._record(changes, applied=not obstacle, note=note)
        if obstacle:
            kind = "decision_refused" if self.objection else "decision_not_applied"
            changes.audit(kind, **self._summary(), note=note)
        elif others:
            place = {"step": self.row["step"], "call": self.row["call"]}
            changes.audit("approval_counted", **self._summary(), **place, note=note, binding=self._binding)
        else:
            self._apply(changes)
            await self._follow_up(changes, bundles)
        await changes.write(self.connection)
        row = await self.connection.fetchrow(query("request"), self.row["id"])
        return DecisionReceipt(decision_id=self._id, request=to_request(row), applied=not obstacle, note=note)

    @property
    def _binding(self) -> Digest | None:
        binding = self.row["binding"]
        return None if binding is None else ApprovalBinding.model_validate(binding).digest()

    def _others(self) -> str:
        """Say whose approval is lacking besides this one, such as `1 of 2 approvers`; empty when nobody's is."""
        if not self.decider.is_approving:
            return ""
        return lacking(self.decider.stages(self.decider.word(self._id, applied=True, note="")))

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
        if self.decider.is_approving:
            taken = names_taken(self.decider.earlier) & {self.by.name, self.decider.place}
            if taken:
                return f"{' and '.join(sorted(taken))} has approved it already"
        return ""

    def _record(self, changes: Changes, *, applied: bool, note: str) -> None:
        decision, signature = self.decision, self.decision.signature
        word = self.decider.word(self._id, applied=applied, note=note)
        arguments = decision.arguments
        changes.decision(
            **word.model_dump(exclude={"at", "arguments_digest"}),
            request_id=self.row["id"],
            answer=decision.answer,
            signature=None if signature is None else signature.value,
            grant_terms=decision.grant,
            arguments_digest=None if arguments is None else changes.content(arguments),
        )

    def _summary(self) -> dict[str, Any]:
        return {
            "decision": self._id,
            "request": self.row["id"],
            "word": self.decision.word,
            "by": self.by.name,
            "reason": summarize(self.decision.reason),
            **self._also(),
        }

    def _also(self) -> dict[str, Any]:
        """Name for the audit what not every decision has."""
        decision = self.decision
        said = {
            "on_behalf_of": decision.on_behalf_of,
            "key": None if decision.signature is None else decision.signature.key_id,
            "arguments": None if decision.arguments is None else digest_json(decision.arguments),
            "roles": self.decider.roles if self.decider.is_approving else None,
        }
        return {name: value for name, value in said.items() if value is not None}

    def _apply(self, changes: Changes) -> None:
        kind, word = RequestKind(self.row["kind"]), self.decision.word
        changes.stand(
            self.row["id"],
            state=STATES[word],
            decided_by=self.by.name,
            word=word,
            reason=self.decision.reason,
            answer=self.decision.answer,
        )
        event = _EVENTS.get((kind, word), f"{kind}_{'denied' if word == 'deny' else 'answered'}")
        changes.audit(event, **self._summary(), step=self.row["step"], call=self.row["call"], binding=self._binding)

    async def _follow_up(self, changes: Changes, bundles: BundleShelf) -> None:
        kind, word = RequestKind(self.row["kind"]), self.decision.word
        if kind is RequestKind.BUDGET and word == "approve":
            bundle = await bundles.load(self.locked.run["bundle_digest"], self.connection)
            # With what the next plan needs: a yes that cannot pay for a single step would be asked for again at once.
            needs = Decimal(self.row["details"].get("needs_usd", 0))
            granted = bundle.manifest.bounds.max_cost_usd + needs
            changes.run(extension_usd=self.locked.run["extension_usd"] + granted)
        if kind is RequestKind.APPROVAL and self.locked.planned is not None:
            await self._testify(changes, bundles)
        if self.grant is not None:
            await write_grant(self.connection, changes, self.grant)
        if kind is RequestKind.UNKNOWN_OUTCOME:
            self._settle_effect(changes, happened=word == "happened")
            await self._ask_review(changes, bundles)
        if kind is RequestKind.FAILED_COMPENSATION and word == "happened":
            self._settle_compensation(changes)

    async def _testify(self, changes: Changes, bundles: BundleShelf) -> None:
        """Take the decision on an approval for what it says of the agent; remember the goal that it denies."""
        recorded, tool = recorded_decision(self.locked.planned), self.locked.tool
        is_denied, step = self.decision.word == "deny", self.row["step"]
        if is_denied:
            reason = self.decision.reason or "denied"
            remember_denial(changes, recorded, tool, step=step, by="person", rule="person", reason=reason)
        bundle = await bundles.load(self.locked.run["bundle_digest"], self.connection)
        place = {"step": step, "tool": tool, "title": self.row["title"], "occasion": self._id}
        review_id = ask_review(changes, ReviewKind.APPROVAL, recorded, bundle, **place)
        await lock_agent(self.connection, self.locked.run["agent"])
        verdict = ReviewVerdict.AGREE if self.decision.word == "approve" else ReviewVerdict.DISAGREE
        changes.verdict(review_id=review_id, verdict=verdict, by=self.by.name, reason=self.decision.reason)

    async def _ask_review(self, changes: Changes, bundles: BundleShelf) -> None:
        effect = self.locked.effect
        is_settled = self.decision.word == "happened" and effect is not None and effect["state"] == "unknown"
        if effect is not None and is_settled and effect["review_after"]:
            bundle = await bundles.load(self.locked.run["bundle_digest"], self.connection)
            ref = CallRef(run_id=self.locked.run_id, step=self.row["step"], call=self.row["call"])
            review_effect(changes, self.locked, ref, bundle)

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
