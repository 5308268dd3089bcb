"""Whom mails are written to, and what stands in them, with a store and a mail server in memory."""

from collections.abc import Sequence
from typing import Any, cast

import pytest

from gateway.events.channels import Undeliverable
from gateway.events.email_channel import EmailChannel, MailStore
from gateway.events.envelopes import Links
from gateway.events.mailing import Letter, Mailer
from proctor.contracts.approving import ApprovalProcess
from proctor.contracts.errors import InvalidInput
from proctor.contracts.events import Addressee, Event
from proctor.contracts.human import HumanRequest, RequestState, Role
from proctor.contracts.ids import PrincipalName, RunId
from proctor.contracts.obligations import Escalate, Stage
from proctor.contracts.stages import SpokenWord
from tests.unit.cards.requests import NOW, asked, question

LONG = "x " * 2500 + "its middle" + " x" * 2500
OWNERS, OPERATORS = Stage(role="owner"), Stage(role="operator")
PLACES: dict[str, tuple[set[Role], str | None]] = {
    "adam": ({Role.APPROVER}, None),
    "anna": ({Role.APPROVER}, None),
    "rita": ({Role.APPROVER}, "anna"),
    "otto": ({Role.OPERATOR}, None),
    "dora": ({Role.REQUESTER}, "adam"),
    "wanda": ({Role.REQUESTER}, None),
    "olga": ({Role.OWNER}, None),
}
"""People, with their roles and in whose place they may decide. Rita asked for the run, and wanda answers for it."""


class FakeMailStore:
    """Knows one request, and is its own `people`, `words` and `addresses`."""

    def __init__(self, request: HumanRequest, words: Sequence[SpokenWord] = (), authors: Sequence[str] = ()) -> None:
        self.people = self.addresses = self
        self._request, self._words, self._authors = request, words, authors

    @property
    def words(self) -> Any:
        return FakeWords(self._words)

    async def request(self, _: str) -> HumanRequest:
        return self._request

    async def authors(self, *_: object) -> frozenset[str]:
        return frozenset(self._authors)

    async def addressees(self, _: str) -> list[Addressee]:
        return [
            Addressee(
                principal=PrincipalName(name),
                roles=frozenset(roles),
                address=f"{name}@people.example",
                stands_in_for=() if place is None else (PrincipalName(place),),
                roles_stood_in_for=frozenset() if place is None else frozenset(PLACES[place][0]),
            )
            for name, (roles, place) in PLACES.items()
        ]

    async def notices(self, *_: object) -> dict[str, str]:
        return {"otto": "it was done"}


class FakeWords:
    """What was said."""

    def __init__(self, words: Sequence[SpokenWord]) -> None:
        self._words = words

    async def words(self, _: str) -> Sequence[SpokenWord]:
        return self._words


class FakeMailer:
    """Keeps letters, and refuses addresses."""

    def __init__(self, *refused: str) -> None:
        self.letters: list[Letter] = []
        self._refused = refused

    async def send(self, letter: Letter) -> None:
        if letter.to.partition("@")[0] in self._refused:
            raise InvalidInput(f"no such address as {letter.to}")
        self.letters.append(letter)


def said(
    by: str, *, applied: bool = True, place: str | None = None, roles: Sequence[str] = ("approver",)
) -> SpokenWord:
    return SpokenWord(
        id="w",
        word="approve",
        by=PrincipalName(by),
        on_behalf_of=None if place is None else PrincipalName(place),
        roles=tuple(roles),
        at=NOW,
        applied=applied,
    )


def event(kind: str = "approval_requested", **fields: Any) -> Event:
    values = {"n": 1, "id": "run-1/1", "kind": kind, "subject": "req-1", "run_id": "run-1", "request_id": "req-1"}
    return Event.model_validate({**values, "tenant": "default", "agent": "desk", "body": {}, "at": NOW, **fields})


async def written(
    store: FakeMailStore, mailer: FakeMailer | None = None, *, url: str = "", **fields: Any
) -> list[Letter]:
    """Deliver one event; gives the letters."""
    office = mailer or FakeMailer()
    channel = EmailChannel(cast("MailStore", store), cast("Mailer", office), Links(url))
    assert await channel.deliver(event(**fields), None) is None
    return office.letters


def process(*stages: Stage, escalated: Sequence[str] = ()) -> ApprovalProcess:
    escalations = (Escalate(after_s=60, to=tuple(map(PrincipalName, escalated))),) if escalated else ()
    return ApprovalProcess(stages=stages or (Stage(),), escalations=escalations)


TWO = process(Stage(count=2))
ASKED: dict[str, tuple[FakeMailStore, str]] = {
    "one approver": (FakeMailStore(asked({}, process())), "adam anna dora"),
    "no process": (FakeMailStore(asked({})), "adam anna dora wanda"),
    "a question": (FakeMailStore(question("why?")), "adam anna dora wanda"),
    "owners": (FakeMailStore(asked({}, process(OWNERS))), "wanda olga"),
    "operators": (FakeMailStore(asked({}, process(OPERATORS, Stage()))), "otto"),
    "the second stage": (
        FakeMailStore(asked({}, process(OPERATORS, Stage())), [said("otto", roles=["operator"])]),
        "adam anna dora",
    ),
    "who has spoken": (FakeMailStore(asked({}, TWO), [said("adam")]), "anna"),
    "who spoke too late": (FakeMailStore(asked({}, TWO), [said("adam", applied=False)]), "adam anna dora"),
    "who spoke in a place": (FakeMailStore(asked({}, TWO), [said("dora", place="adam")]), "anna"),
    "who wrote the call": (FakeMailStore(asked({}, TWO), authors=["adam"]), "anna"),
    "all have spoken": (FakeMailStore(asked({}, process()), [said("adam")]), ""),
    "whom nobody escalated to yet": (FakeMailStore(asked({}, process(escalated=["olga"]))), "adam anna dora"),
    "whom it was escalated to": (
        FakeMailStore(asked({}, process(escalated=["olga"])).model_copy(update={"escalated": 1})),
        "adam anna dora olga",
    ),
    "what is decided": (FakeMailStore(asked({}, process()).model_copy(update={"state": RequestState.DENIED})), ""),
}


@pytest.mark.parametrize("what", ASKED)
async def test_those_are_written_to_who_may_decide_now(what: str) -> None:
    """Each once: not who asked, wrote or spoke already, for themselves or for whoever's place they took."""
    store, names = ASKED[what]
    assert names.split() == [letter.to.partition("@")[0] for letter in await written(store)]


async def test_a_mail_shows_the_whole_request_and_where_to_decide() -> None:
    """By its page where there is one, by the command otherwise; an argument is in it however long it is."""
    store = FakeMailStore(asked({"note": LONG}, process()))
    for url, how in (("https://p.example", "https://p.example/approvals/req-1"), ("", "proctor approvals req-1")):
        letter = (await written(store, url=url))[0]
        assert (True, bool(url)) == (how in letter.text, "<a href=" in letter.html)
        assert ("its middle" in letter.text, "its middle" in letter.html) == (True, True)


async def test_a_mail_that_every_address_refuses_is_given_up_and_one_to_nobody_is_not() -> None:
    """What some refuse has reached the others."""
    store = FakeMailStore(asked({}, process()))
    assert ["anna@people.example"] == [one.to for one in await written(store, FakeMailer("adam", "dora"))]
    with pytest.raises(Undeliverable, match="address as anna"):
        await written(store, FakeMailer("adam", "anna", "dora"))
    assert [] == await written(FakeMailStore(asked({}, process()), [said("adam")]), FakeMailer("adam"))


async def test_a_notice_goes_to_whom_it_names_and_one_of_no_call_to_nobody() -> None:
    """Whoever wrote the record wrongly, no repetition mends it."""
    store = FakeMailStore(asked({}))
    (letter,) = await written(store, kind="notice_recorded", body={"step": 0, "call": 0})
    assert ("otto@people.example", True) == (letter.to, "it was done" in letter.text)
    for body, run_id in (({"call": 0}, "run-1"), ({"step": 0, "call": "0"}, "run-1"), ({"step": 0, "call": 0}, None)):
        with pytest.raises(Undeliverable, match="names no call"):
            await written(store, kind="notice_recorded", body=body, run_id=run_id and RunId(run_id))
