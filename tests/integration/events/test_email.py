"""E-mail through a real SMTP server: who is written to, over which connection, and what a mail can hold."""

from pathlib import Path
from typing import Any

import psycopg
import pytest

from gateway.events.email_channel import EmailChannel
from gateway.events.envelopes import Links
from gateway.events.mailing import Letter, Mailer
from gateway.events.settings import EventSettings, SmtpSettings
from proctor.contracts.decision import Verdict
from proctor.contracts.errors import InvalidInput, Unavailable
from proctor.contracts.human import Principal, Role
from proctor.contracts.ids import PrincipalName
from proctor.store.postgres import PostgresStore
from tests.integration.events.certificates import certificate_for
from tests.integration.events.post_offices import post_office
from tests.integration.events.receivers import dispatching, until
from tests.integration.store.scenes import Scene, open_scene

OLGA = Principal(name="olga", roles=frozenset({Role.OWNER}))
PEOPLE = {
    "adam": {Role.APPROVER},
    "anna": {Role.APPROVER},
    "rita": {Role.APPROVER, Role.REQUESTER},
    "wanda": {Role.OWNER},
    "otto": {Role.OPERATOR},
    "olga": {Role.OWNER},
}
LINKS = Links("https://proctor.example")


async def _people(store: PostgresStore) -> None:
    for name, roles in PEOPLE.items():
        await store.people.enrol(PrincipalName(name), frozenset(roles), f"token of {name}")
    for name in ("adam", "anna", "rita", "wanda", "otto"):
        await store.identities.link("email", f"{name}@people.example", PrincipalName(name), OLGA)


def _channel(store: PostgresStore, port: int, links: Links = LINKS) -> EmailChannel:
    return EmailChannel(store, Mailer(SmtpSettings("127.0.0.1", port, is_tls=False, sender="p@proctor.example")), links)


def _letter(**fields: Any) -> Letter:
    values = {"to": "adam@people.example", "subject": "s", "text": "t", "html": "<p>t</p>", "key": "k", "thread": "t"}
    return Letter(**{**values, **fields})


async def test_those_who_may_decide_are_written_to_and_nobody_else(store: PostgresStore) -> None:
    """Not the requester, nor who lacks the role; the mail has the card and a link, and no way to decide."""
    await _people(store)
    async with post_office() as office, dispatching(store, _channel(store, office.port)):
        scene = await open_scene(store)
        (request,) = await scene.plan(Verdict.REQUIRE_APPROVAL)
        await until(lambda: len(office.letters) >= 2)
        await scene.decide(request.id, "approve")
        await until(lambda: _settled(store))
    assert ["adam@people.example", "anna@people.example"] == [to for to, _ in office.texts()]
    _, message = office.letters[0]
    plain, html = message.get_body(("plain",)), message.get_body(("html",))
    assert plain is not None
    assert html is not None
    link = f"https://proctor.example/approvals/{request.id}"
    assert (True, True) == (link in plain.get_content(), f'href="{link}"' in html.get_content())
    assert "0 of 1 approver" in plain.get_content()
    assert ("auto-generated", None) == (message["Auto-Submitted"], message["Reply-To"])
    assert [] == [word for word in ("<form", "<script", "<img") if word in html.get_content()]


async def _settled(store: PostgresStore) -> bool:
    return not await store.outbox.due()


async def test_nobody_is_written_to_about_what_is_decided_already(store: PostgresStore) -> None:
    """A mail that waited for its server says nothing that is no longer so."""
    await _people(store)
    await store.outbox.attend("email")
    scene = await open_scene(store)
    (request,) = await scene.plan(Verdict.REQUIRE_APPROVAL)
    await scene.decide(request.id, "deny")
    async with post_office() as office, dispatching(store, _channel(store, office.port)):
        await until(lambda: _settled(store))
    assert [] == office.texts()


async def test_who_stands_in_for_somebody_and_who_escalation_names_are_written_to_too(
    store: PostgresStore, dsn: str
) -> None:
    """A delegate of an approver hears of it; after the escalation so do those whom it names."""
    await _people(store)
    with psycopg.connect(dsn) as connection:
        connection.execute(
            'INSERT INTO proctor.delegation (id, principal, "to", created_at, until)'
            " VALUES ('d1', 'adam', 'otto', now(), now() + interval '1 day')"
        )
    async with post_office() as office, dispatching(store, _channel(store, office.port)):
        scene = await open_scene(store)
        (request,) = await scene.plan(Verdict.REQUIRE_APPROVAL)
        await until(lambda: len(office.letters) == 3)
        assert ["adam", "anna", "otto"] == [to.partition("@")[0] for to, _ in office.texts()]
        _escalate(dsn, request.id)
        await until(lambda: len(office.letters) == 7)
    assert {"adam", "anna", "otto", "wanda"} == {
        to.partition("@")[0] for to, subject in office.texts() if "escalated" in subject
    }


def _escalate(dsn: str, request_id: str) -> None:
    process = '{"stages": [{"role": "approver"}], "escalations": [{"kind": "escalate", "after_s": 1, "to": ["wanda"]}]}'
    with psycopg.connect(dsn) as connection:
        connection.execute(
            "UPDATE proctor.request SET process = %s, escalated = 1 WHERE id = %s", [process, request_id]
        )
        connection.execute(
            "SELECT proctor.announce('x', 'approval_escalated', %s, 'run1', %s, 'default', 'fixer', '{}', now())",
            [request_id, request_id],
        )


async def test_a_request_that_still_waits_is_told_of_once_before_its_deadline(store: PostgresStore, dsn: str) -> None:
    """By whichever gateway looks first, and never after the deadline."""
    await _people(store)
    async with post_office() as office, dispatching(store, _channel(store, office.port)):
        scene = await open_scene(store)
        await scene.plan(Verdict.REQUIRE_APPROVAL)
        assert 0 == await store.outbox.remind()
        with psycopg.connect(dsn) as connection:
            connection.execute("UPDATE proctor.request SET created_at = now() - interval '4 hours'")
        assert [1, 0] == [await store.outbox.remind() for _ in range(2)]
        await until(lambda: len(office.letters) == 4)
    waiting = [subject for _, subject in office.texts() if "still waiting" in subject]
    assert 2 == len(waiting)


async def test_notices_of_a_policy_reach_those_whom_it_names(store: PostgresStore, dsn: str) -> None:
    """In the words that were recorded, made visible."""
    await _people(store)
    async with post_office() as office, dispatching(store, _channel(store, office.port)):
        await open_scene(store)
        with psycopg.connect(dsn) as connection:
            connection.execute(
                "INSERT INTO proctor.notice (who, run_id, step, call, text, at) VALUES"
                " ('otto', 'run1', 0, 0, E'fixer does it\\u202e', now()), ('nobody', 'run1', 0, 0, 'x', now())"
            )
            connection.execute(
                "SELECT proctor.announce('x', 'notice_recorded', 'run1', 'run1', NULL, 'default', 'fixer',"
                """ '{"who": ["otto", "nobody"], "step": 0, "call": 0}', now())"""
            )
        await until(lambda: office.letters)
    ((to, message),) = office.letters
    body = message.get_body(("plain",))
    assert body is not None
    assert ("otto@people.example", False) == (to, "\u202e" in body.get_content())
    assert "fixer does it" in body.get_content()


async def test_a_server_that_refuses_one_address_still_gets_the_others(store: PostgresStore) -> None:
    """For good: passed over and told in the log. For now: tried again."""
    await _people(store)
    async with post_office() as office, dispatching(store, _channel(store, office.port)):
        office.refuse = {"adam@people.example": "550 no such user"}
        scene: Scene = await open_scene(store)
        await scene.plan(Verdict.REQUIRE_APPROVAL)
        await until(lambda: office.letters)
        assert (["anna@people.example"], []) == ([to for to, _ in office.texts()], await store.outbox.dead())
        office.refuse = dict.fromkeys(("adam@people.example", "anna@people.example"), "450 later")
        await scene.plan(Verdict.REQUIRE_APPROVAL, step=1)
        await until(store.outbox.dead)
    assert "450" in (await store.outbox.dead())[0].trouble


async def test_mail_leaves_this_machine_only_over_tls_that_proves_the_server(tmp_path: Path) -> None:
    """STARTTLS is demanded, certificates are checked against the name, and the password is sent after that only."""
    server, client = certificate_for("localhost", tmp_path)
    stranger, _ = certificate_for("other.example", tmp_path)
    # The settings know this machine by its name in lower case, so that this one counts as another machine.
    demanded = {"host": "LOCALHOST", "is_tls": False, "sender": "p@proctor.example"}
    login = {"user": "us", "password": "pass word"}
    async with post_office(server) as office:
        mailer = Mailer(SmtpSettings(port=office.port, **demanded, **login), client)
        assert not mailer.settings.is_loopback
        await mailer.send(_letter())
        assert ([True], [b"us"]) == (office.over_tls, office.users)
        with pytest.raises(Unavailable, match="CERTIFICATE"):
            await Mailer(SmtpSettings(port=office.port, **demanded, **login)).send(_letter())
    async with post_office(stranger) as office:
        with pytest.raises(Unavailable):
            await Mailer(SmtpSettings(port=office.port, **demanded, **login), client).send(_letter())
    async with post_office() as office:
        with pytest.raises(Unavailable, match="STARTTLS"):
            await Mailer(SmtpSettings(port=office.port, **demanded), client).send(_letter())
    assert [] == office.letters
    async with post_office(server, starttls=False) as office:
        await Mailer(SmtpSettings("LOCALHOST", office.port, is_tls=True, sender="p@proctor.example"), client).send(
            _letter()
        )
    assert 1 == len(office.letters)


async def test_no_header_of_a_mail_holds_a_second_one() -> None:
    """Line ends in titles become spaces, and addresses that hold any are none."""
    async with post_office() as office:
        mailer = Mailer(SmtpSettings("127.0.0.1", office.port, is_tls=False, sender="p@proctor.example"))
        await mailer.send(_letter(subject="a\r\nBcc: eve@evil.example\u2028\u202eb" + "x" * 400))
        for bad in ("a@b.example\r\nBcc: c@d.example", "a@b.example, c@d.example", "nobody", "", "<a@b.example>"):
            with pytest.raises(InvalidInput):
                await mailer.send(_letter(to=bad))
    ((_, message),) = office.letters
    assert (None, True) == (message["Bcc"], str(message["Subject"]).startswith("a Bcc: eve@evil.example"))
    assert len(str(message["Subject"])) <= 150


@pytest.mark.parametrize(
    "environ",
    [
        {"PROCTOR_SMTP_URL": "http://x", "PROCTOR_MAIL_FROM": "a@b.example"},
        {"PROCTOR_SMTP_URL": "smtp://:hunter2@", "PROCTOR_MAIL_FROM": "a@b.example"},
        {"PROCTOR_SMTP_URL": "smtp://host:99999", "PROCTOR_MAIL_FROM": "a@b.example"},
        {"PROCTOR_SMTP_URL": "smtp://us:hunter2@host"},
        {"PROCTOR_WEBHOOK_ALLOW": "10.0.0.0/99"},
        {"PROCTOR_SECRETS_KEY": "hunter2"},
    ],
)
def test_settings_that_cannot_be_used_are_told_without_their_secrets(environ: dict[str, str]) -> None:
    """The message names the variable."""
    with pytest.raises(InvalidInput) as caught:
        EventSettings.load(environ)
    assert "hunter2" not in caught.value.diagnostics()


def test_settings_are_read_with_their_defaults() -> None:
    """Passwords with odd characters are written as in URLs."""
    assert EventSettings.load({}).smtp is None
    given = {"PROCTOR_SMTP_URL": "smtp://us%40x:p%2Fw@mail.example", "PROCTOR_MAIL_FROM": "a@b.example"}
    smtp = EventSettings.load(given).smtp
    assert smtp is not None
    assert ("mail.example", 587, "us@x", "p/w", False) == (smtp.host, smtp.port, smtp.user, smtp.password, smtp.is_tls)
    assert "p/w" not in repr(smtp)
