"""Who decides: the person, whose place they take, in which roles, and why they may not."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from proctor.contracts.approving import ApprovalProcess
from proctor.contracts.human import HumanDecision, Principal, RequestKind, Role, Signature, decision_text
from proctor.contracts.ids import PrincipalName
from proctor.contracts.stages import ESCALATED, SpokenWord, StageStanding, can_fill, said_of
from proctor.store.approvals import approvals_of, asked_of, is_key_of, process_of_request, standings, to_key
from proctor.store.database import Connection
from proctor.store.governing import roles_of
from proctor.store.locked import LockedRun
from proctor.store.queries import query
from proctor.store.rows import Row, to_request
from proctor.store.signatures import is_signed
from proctor.store.storable import clean

HOW_TO_SIGN = "sign it with your key: the CLI does where the state folder holds it; `proctor keys add` makes one"
HOW_TO_VOUCH = "another person who is an owner vouches for it by `proctor keys vouch ID`, or it counts after a day"


@dataclass(frozen=True)
class Decider:
    """A person about to decide a request, as the store knows them at this moment."""

    locked: LockedRun
    request: Row
    decision: HumanDecision
    by: Principal
    roles: tuple[str, ...]
    """Their own, or those of whom they stand for, with what escalation lends them."""
    standing: Row

    @classmethod
    async def find(
        cls, connection: Connection, locked: LockedRun, request: Row, decision: HumanDecision, by: Principal
    ) -> "Decider":
        """Read what the decision rests on."""
        place = decision.on_behalf_of or by.name
        key_id = None if decision.signature is None else decision.signature.key_id
        call = (request["step"], request["call"])
        standing = await connection.fetchrow(query("decider"), place, by.name, locked.run_id, locked.at, key_id, *call)
        assert standing is not None
        own = by.roles if decision.on_behalf_of is None else frozenset(Role(one) for one in standing["roles"] or ())
        is_owner = by.answers_for(request["owner"]) if place == by.name else place == request["owner"]
        roles = set(roles_of(own, is_owner=is_owner))
        escalations = process_of_request(request).escalations[: request["escalated"]]
        if not by.is_narrowed and any({place, by.name} & set(one.to) for one in escalations):
            roles.add(ESCALATED)
        return cls(locked, request, decision, by, tuple(sorted(roles)), standing)

    @property
    def place(self) -> PrincipalName:
        """Whose place is taken: their own, or by a delegation somebody else's."""
        return self.decision.on_behalf_of or self.by.name

    @property
    def process(self) -> ApprovalProcess:
        """What the approval takes."""
        return process_of_request(self.request)

    @property
    def is_approving(self) -> bool:
        """Whether they approve a call, which takes more than any other word."""
        return self.decision.word == "approve" and self.request["kind"] == RequestKind.APPROVAL

    @property
    def earlier(self) -> list[SpokenWord]:
        """The approvals of this request that were recorded before."""
        newest = self.locked.approval
        is_newest = newest is not None and newest["id"] == self.request["id"]
        return [one.word for one in approvals_of(self.locked)] if is_newest else []

    def stages(self, *more: SpokenWord) -> tuple[StageStanding, ...]:
        """Say how far the request is, with `more` counted too."""
        return standings(self.request, [*self.earlier, *more])

    def word(self, decision_id: str, *, applied: bool, note: str) -> SpokenWord:
        """Give the decision as it is recorded."""
        request, decision = to_request(self.request), self.decision
        return SpokenWord(
            id=decision_id,
            word=decision.word,
            by=self.by.name,
            on_behalf_of=decision.on_behalf_of,
            roles=self.roles,
            at=self.locked.at,
            applied=applied,
            note=note,
            reason=decision.reason,
            channel=decision.channel,
            key_id=None if decision.signature is None else decision.signature.key_id,
            binding_digest=None if request.binding is None else request.binding.digest(),
        )

    def objection(self) -> str | None:
        """Say why this person may not decide; None when they may."""
        return next(self._objections(), None)

    def _objections(self) -> Iterator[str]:
        yield from self._own_affairs()
        if self.decision.on_behalf_of is not None:
            yield from self._of_place()
        yield from self._of_roles()
        yield from self._of_signature()

    def _own_affairs(self) -> Iterator[str]:
        by = self.by.name
        if by == self.request["requester"]:
            yield f"{by} asked for this run and may not decide about it"
        if by in self.locked.authors:
            yield f"{by} wrote the arguments of this call and may not decide about it"
        if self.decision.word != "deny":
            yield from self._own_hands()

    def _own_hands(self) -> Iterator[str]:
        """Refuse, for all but a no, whoever acted here by what is not their name, in whosever place they decide."""
        names, requester = {self.by.name, self.place}, self.request["requester"]
        for name in sorted(names.intersection(self.standing["could_have_asked"])):
            yield f"{requester} asked for this run by a key, a hook or a schedule of {name}'s making, who may only deny"
        for name in sorted(names.intersection(self.standing["prompters"])):
            if self.is_approving:
                yield f"{name} told the run what this call rests on, and may not approve it, only deny it"

    def _of_place(self) -> Iterator[str]:
        by, place = self.by.name, self.place
        if place == by:
            yield f"{by} decides for themselves, and names nobody whose place they take"
        if self.by.is_narrowed:
            yield f"{by} came in by a key with fewer roles than theirs, and so stands for nobody"
        if place == self.request["requester"] or place in self.locked.authors:
            yield f"{place} may not decide about this, so nobody decides in their place"
        if not self.standing["is_delegated"] or self.standing["roles"] is None:
            yield f"{place} has not let {by} decide about this in their place, or not any more"

    def _of_roles(self) -> Iterator[str]:
        roles, stages = set(self.roles), self.process.stages
        if self.is_approving and stages:
            asked = asked_of(self.request, self.stages())
            if asked and not any(can_fill(one.stage, roles) for one in asked):
                yield f"{self.place} has not the role that is asked now: {' or '.join(said_of(one) for one in asked)}"
            return
        if any(can_fill(stage, roles) for stage in stages) or roles & {Role.APPROVER, ESCALATED}:
            return
        yield f"{self.place} is neither an approver nor the agent's owner"

    def _of_signature(self) -> Iterator[str]:
        """Refuse a signature that does not hold, whatever it is under, and an approval without one that takes one."""
        signature, row = self.decision.signature, self.standing["key"]
        if signature is None:
            if self.is_approving and self.process.is_signed:
                yield f"this approval takes {self.by.name}'s signature"
            return
        if row is None:
            yield f"the signature names the key {signature.key_id}, which nobody has registered"
            return
        key, word = to_key(row), self.word("", applied=True, note="")
        if not is_key_of(key, word):
            yield _why_not(self.by.name, key.principal, key.id, is_revoked=key.revoked_at is not None)
        text = decision_text(to_request(self.request), self.decision, self.by.name)
        if not is_signed(text, signature.value, key.public_key):
            yield "the signature does not hold: it is over another decision, another request or another state of it"


def _why_not(by: str, principal: str, key_id: str, *, is_revoked: bool) -> str:
    if principal != by:
        return f"the signature is by a key of {principal}, not of {by}"
    return "the key is revoked" if is_revoked else f"the key {key_id} is new and does not count yet"


def hint_for(objection: str) -> str:
    """Say what to do about an objection."""
    if "does not count yet" in objection:
        return HOW_TO_VOUCH
    if "signature" in objection or "the key" in objection:
        return HOW_TO_SIGN
    return "an approver or the agent's owner decides, who neither asked for the run nor gave the call its words"


def names_taken(words: Sequence[SpokenWord]) -> frozenset[str]:
    """Name everybody who has approved, or in whose place somebody has."""
    return frozenset(name for word in words for name in word.names)


def storable(decision: HumanDecision) -> HumanDecision:
    """Give a decision with what the store can keep: a signature is checked over what is kept."""
    answer, place, signature = decision.answer, decision.on_behalf_of, decision.signature
    changed = {
        "reason": clean(decision.reason),
        "answer": None if answer is None else clean(answer),
        "on_behalf_of": None if place is None else PrincipalName(clean(place)),
        "signature": signature and Signature(key_id=clean(signature.key_id), value=clean(signature.value)),
    }
    return decision.model_copy(update=changed)
