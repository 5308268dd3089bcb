"""Who sees which requests to people, and whose delegations, with a store in memory."""

from collections.abc import Sequence
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from gateway.connections import Gateway
from gateway.front_people import LocalPeople
from proctor.contracts.approving import ApprovalProcess, Delegation
from proctor.contracts.errors import NotAuthorised, UnknownName
from proctor.contracts.human import HumanDecision, HumanRequest, Principal, Role
from proctor.contracts.ids import AgentName, PrincipalName, RequestId, RunId
from proctor.contracts.obligations import Escalate
from tests.unit.cards.requests import NOW, asked, question
from tests.unit.gateway.fakes import run_record

LONG = "x " * 2500 + "its middle" + " x" * 2500
ESCALATING = ApprovalProcess(escalations=(Escalate(after_s=60, to=(PrincipalName("nina"),)),))
REQUEST = asked({"note": LONG}, ESCALATING)
ESCALATED = REQUEST.model_copy(update={"escalated": 1})
QUESTION = question("why?")


def place(of: str, to: str, agent: str | None = None) -> Delegation:
    return Delegation(
        id="d",
        principal=PrincipalName(of),
        to=PrincipalName(to),
        agent=None if agent is None else AgentName(agent),
        created_at=NOW,
        until=NOW + timedelta(days=1),
    )


class FakeStore:
    """Has one request, and delegations; notes whose were asked for."""

    def __init__(self, request: HumanRequest, places: Sequence[Delegation] = ()) -> None:
        self.people = self.archive = self
        self.words = SimpleNamespace(words=self._words)
        self.delegations = SimpleNamespace(delegations=self._delegations)
        self.request_, self.places = request, places
        self.whose: list[str | None] = []

    async def _words(self, _: str) -> list[Any]:
        return []

    async def _delegations(self, whose: str | None) -> Sequence[Delegation]:
        self.whose.append(whose)
        return self.places

    async def pending(self, _: RunId | None) -> list[HumanRequest]:
        return [self.request_]

    async def request(self, _: str) -> HumanRequest:
        return self.request_

    async def run(self, run_id: str) -> Any:
        return run_record(run_id, requester="rita")


def front(store: FakeStore, name: str, *roles: Role, is_narrowed: bool = False) -> LocalPeople:
    who = Principal(name=PrincipalName(name), roles=frozenset(roles), is_narrowed=is_narrowed)
    return LocalPeople(cast("Gateway", SimpleNamespace(store=store, engine=None)), who)


R = Role.REQUESTER
SEEN: dict[str, tuple[LocalPeople, bool]] = {
    "an approver": (front(FakeStore(REQUEST), "adam", Role.APPROVER), True),
    "an auditor": (front(FakeStore(REQUEST), "ina", Role.AUDITOR), True),
    "who asked": (front(FakeStore(REQUEST), "rita", R), True),
    "who asked, of a question": (front(FakeStore(QUESTION), "rita", R), True),
    "who answers for the agent": (front(FakeStore(REQUEST), "wanda", R), True),
    "who answers for it, by a narrow key": (front(FakeStore(REQUEST), "wanda", R, is_narrowed=True), False),
    "anybody else": (front(FakeStore(REQUEST), "zoe", R), False),
    "anybody else, of a question": (front(FakeStore(QUESTION), "zoe", R), False),
    "who stands in": (front(FakeStore(REQUEST, [place("adam", "zoe")]), "zoe", R), True),
    "who stands in for this agent": (front(FakeStore(REQUEST, [place("adam", "zoe", "desk")]), "zoe", R), True),
    "who stands in for another": (front(FakeStore(REQUEST, [place("adam", "zoe", "till")]), "zoe", R), False),
    "who gave a place away": (front(FakeStore(REQUEST, [place("zoe", "adam")]), "zoe", R), False),
    "a narrow key of who stands in": (
        front(FakeStore(REQUEST, [place("adam", "zoe")]), "zoe", R, is_narrowed=True),
        False,
    ),
    "who would be asked later": (front(FakeStore(REQUEST), "nina", R), False),
    "whom it was escalated to": (front(FakeStore(ESCALATED), "nina", R), True),
    "a narrow key of theirs": (front(FakeStore(ESCALATED), "nina", R, is_narrowed=True), False),
}


@pytest.mark.parametrize("who", SEEN)
async def test_a_request_is_seen_by_whom_it_concerns_and_told_of_to_nobody_else(who: str) -> None:
    """In the list, by its name, as a card, and by deciding: to others it does not exist."""
    people, is_seen = SEEN[who]
    assert is_seen is bool(await people.approvals())
    if is_seen:
        assert (await people.card(REQUEST.id)).is_whole
        return
    decision = HumanDecision(request_id=RequestId("req-1"), word="deny", reason="no", channel="rest")
    for work in (people.approval(REQUEST.id), people.card(REQUEST.id)):
        with pytest.raises(UnknownName):
            await work
    for order in (people.decide, people.decide_identical):
        with pytest.raises(UnknownName):
            await order(decision)


async def test_who_has_no_role_any_more_sees_not_even_what_they_asked_for() -> None:
    """Neither requests nor keys."""
    nobody = front(FakeStore(REQUEST), "rita")
    for work in (nobody.approvals(), nobody.approval(REQUEST.id), nobody.keys()):
        with pytest.raises(NotAuthorised):
            await work


async def test_requests_of_a_run_are_listed_to_whom_the_run_may_be_shown() -> None:
    """To others there is no such run."""
    assert [REQUEST] == await front(FakeStore(REQUEST), "rita", R).approvals(RunId("run-1"))
    with pytest.raises(UnknownName, match="no run"):
        await front(FakeStore(REQUEST), "zoe", R).approvals(RunId("run-1"))


@pytest.mark.parametrize(
    ("role", "whose"),
    [(R, "zoe"), (Role.APPROVER, "zoe"), (Role.OWNER, None), (Role.AUDITOR, None), (Role.OPERATOR, None)],
)
async def test_delegations_of_others_are_for_those_who_oversee(role: Role, whose: str | None) -> None:
    """All others ask for their own."""
    store = FakeStore(REQUEST)
    await front(store, "zoe", role).delegations()
    assert [whose] == store.whose
