"""What is labelled secret is in no mail: neither as it is, nor as it was before a person changed it."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from gateway.events.email_channel import EmailChannel, MailStore
from gateway.events.envelopes import Links
from gateway.events.mailing import Letter, Mailer
from proctor.contracts.events import Addressee, Event
from proctor.contracts.human import HumanRequest, Role
from proctor.contracts.ids import PrincipalName
from proctor.contracts.labels import Confidentiality, Flow, Labels, Origin
from tests.unit.cards.requests import NOW, asked

ARGUMENTS = {"to": "anna@example.org", "amount": 9, "code": "hunter-2"}


def _flow(kind: Confidentiality) -> Flow:
    return Flow(labels=Labels(confidentiality=kind, sources=("tool",)), origins=(Origin.TOOL,))


FLOWS = {name: _flow(Confidentiality.SECRET if name == "code" else Confidentiality.PII) for name in ARGUMENTS}
SHOWN = {name: flow.model_dump(mode="json") for name, flow in FLOWS.items()}
EDITED = asked({**ARGUMENTS, "code": "none"}, replaced=ARGUMENTS).model_copy(update={"replaces": 0})


class FakeMailStore:
    """Knows one request, one approver, and what the call was before."""

    def __init__(self, request: HumanRequest) -> None:
        self.people = self.addresses = self.journal = self
        self._request = request

    @property
    def words(self) -> Any:
        return FakeWords()

    async def request(self, _: str) -> HumanRequest:
        return self._request

    async def authors(self, *_: object) -> frozenset[str]:
        return frozenset()

    async def addressees(self, _: str) -> list[Addressee]:
        roles = frozenset({Role.APPROVER})
        return [Addressee(principal=PrincipalName("adam"), roles=roles, address="adam@people.example")]

    async def call_plan(self, _: object) -> Any:
        return SimpleNamespace(decision=SimpleNamespace(flows=FLOWS))


class FakeWords:
    """Nobody has said anything."""

    async def words(self, _: str) -> list[Any]:
        return []


class FakeMailer:
    """Keeps letters."""

    def __init__(self) -> None:
        self.letters: list[Letter] = []

    async def send(self, letter: Letter) -> None:
        self.letters.append(letter)


@pytest.mark.parametrize("request_", [asked(ARGUMENTS, flows=SHOWN), EDITED], ids=["asked", "edited"])
async def test_a_secret_is_in_no_mail(request_: HumanRequest) -> None:
    """The mail names what it leaves out; whoever decides sees it on the page. Other arguments are there."""
    office = FakeMailer()
    channel = EmailChannel(cast("MailStore", FakeMailStore(request_)), cast("Mailer", office), Links(""))
    asking = {"n": 1, "id": "run-1/1", "kind": "approval_requested", "subject": "req-1", "run_id": "run-1"}
    event = Event.model_validate(
        {**asking, "request_id": "req-1", "tenant": "default", "agent": "desk", "body": {}, "at": NOW}
    )
    await channel.deliver(event, None)
    (letter,) = office.letters
    for text in (letter.text, letter.html):
        assert "anna@example.org" in text
        assert "hunter-2" not in text + letter.subject
        assert "Not in this mail, for it is secret: code" in text
