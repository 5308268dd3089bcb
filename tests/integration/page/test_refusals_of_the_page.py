"""What the page refuses although a form of it asks for it; nothing is recorded."""

from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from starlette.requests import Request

from gateway.page.visits import MAX_FORM_BYTES, read_form
from proctor.contracts.errors import OversizeInput
from proctor.contracts.obligations import Signed
from tests.integration.page.site import TOKENS, Site
from tests.integration.page.test_attacks_on_the_page import _FORM, _form, _hidden, client, login

__all__ = ["client"]

CALL = {"to": "anna@example.org", "amount": 11}


def test_a_sign_in_form_is_for_the_visitor_who_got_it(site: Site) -> None:
    """Nobody is signed in as somebody else by a form that another place made for them."""
    with httpx.Client(base_url=site.url) as other, httpx.Client(base_url=site.url, headers={"origin": site.url}) as own:
        theirs = _hidden(other.get("/login").text, "csrf")
        own.get("/login")
        for csrf in (theirs, ""):
            answer = own.post("/login", data={"csrf": csrf, "credential": TOKENS["adam"]})
            assert (403, True) == (answer.status_code, "the form had expired" in answer.text)
        assert "proctor_session" not in own.cookies


def test_a_token_that_lives_for_minutes_opens_no_session(site: Site) -> None:
    """The session would outlive what it stands on."""
    with httpx.Client(base_url=site.url, headers={"origin": site.url}) as visitor:
        answer = login(visitor, "header.claims.signature")
    assert (403, True) == (answer.status_code, "open no session" in answer.text)


def test_somebody_elses_credential_refreshes_no_session(site: Site, client: httpx.Client) -> None:
    """Who knows a token of their own does not sign with the session of another."""
    request = site.ask(CALL, Signed())
    stolen = _form(client, request.id, credential=TOKENS["wanda"])
    site.grow_stale(client.cookies["proctor_session"])
    answer = client.post(f"/approvals/{request.id}/decide", data=stolen)
    assert (403, True) == (answer.status_code, "somebody else&#39;s" in answer.text)
    assert "Is it you?" in client.post(f"/approvals/{request.id}/decide", data=_form(client, request.id)).text


@pytest.mark.parametrize(
    ("fields", "status", "said"),
    [
        ({"word": "answer", "answer": "yes"}, 409, "has changed while you looked"),
        ({"word": "happened"}, 409, "has changed while you looked"),
        ({"seen": "0" * 64}, 409, "has changed while you looked"),
        ({"seen": ""}, 409, "has changed while you looked"),
        ({"word": "deny", "reason": " \n"}, 400, "needs a reason"),
        ({"word": "deny", "reason": "x" * 2001}, 400, "at most 2000"),
        ({"grant": "run", "grant_for": "31536000"}, 400, "no terms"),
        ({"grant": "everybody", "grant_for": "3600"}, 400, "no terms"),
        ({"on_behalf_of": "wanda"}, 403, "has not let adam decide"),
    ],
)
def test_what_the_form_does_not_offer_is_not_taken(
    site: Site, client: httpx.Client, fields: dict[str, str], status: int, said: str
) -> None:
    """The server asks again what the form asked."""
    request = site.ask(CALL)
    answer = client.post(f"/approvals/{request.id}/decide", data=_form(client, request.id) | fields)
    assert (status, True) == (answer.status_code, said in answer.text)
    assert [] == [word for word in site.words(request.id) if word[2]]


def test_what_policy_asks_each_time_is_not_granted_for_a_while(site: Site, client: httpx.Client) -> None:
    """A form that was made up by hand gets no more than one that was shown."""
    request = site.ask(CALL, Signed())
    made_up = _form(client, request.id, grant="run", grant_for="3600")
    answer = client.post(f"/approvals/{request.id}/decide", data=made_up)
    assert (400, True) == (answer.status_code, "policy asks each time" in answer.text)


def test_an_edit_is_of_the_card_that_was_shown_and_changes_something(site: Site, client: httpx.Client) -> None:
    """What fits the tool and differs is shown; neither a stale form nor one that changes nothing is."""
    request = site.ask(CALL)
    path, form = f"/approvals/{request.id}/edit", _form(client, request.id)
    good = form | {"arguments": '{"to": "anna@example.org", "amount": 12}'}
    same = form | {"arguments": '{"to": "anna@example.org", "amount": 11}'}
    odd = form | {"arguments": '{"to": 1, "amount": 12}'}
    answers = [client.post(path, data=one) for one in (good, good | {"seen": "0" * 64}, same, odd)]
    assert [200, 409, 400, 400] == [one.status_code for one in answers]
    assert "Nothing is changed yet" in answers[2].text
    assert [] == site.words(request.id)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("csrf=1&reason=" + "x" * MAX_FORM_BYTES, 413),
        ("&".join(f"f{n}=1" for n in range(60)), 400),
        ("csrf", 400),
        ("csrf=%ff", 400),
    ],
    ids=["large", "fields", "bare", "bytes"],
)
def test_forms_that_cannot_be_of_ours_are_not_read(site: Site, client: httpx.Client, body: str, status: int) -> None:
    """However large they are, or whatever they hold."""
    request = site.ask(CALL)
    assert status == client.post(f"/approvals/{request.id}/decide", content=body, headers=_FORM).status_code


async def test_a_form_has_a_largest_size_of_its_own() -> None:
    """However large the bodies are that the gateway was told to take."""
    headers = {"host": "a.example", "origin": "https://a.example", "content-type": "application/x-www-form-urlencoded"}
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"a=" + b"x" * MAX_FORM_BYTES, "more_body": False}

    parts: Any = SimpleNamespace(public_url="")
    with pytest.raises(OversizeInput):
        await read_form(Request({"type": "http", "method": "POST", "headers": raw}, receive), parts)


def test_a_form_of_another_kind_is_none(site: Site, client: httpx.Client) -> None:
    """Not even with all the fields of ours."""
    request = site.ask(CALL)
    body = urlencode(_form(client, request.id))
    answer = client.post(f"/approvals/{request.id}/decide", content=body, headers={"content-type": "text/plain"})
    assert (400, []) == (answer.status_code, site.words(request.id))


def test_what_a_form_says_comes_back_as_text(site: Site, client: httpx.Client) -> None:
    """Between tags and in the value of a field."""
    request, odd = site.ask(CALL), '</textarea>"><b>x'
    edited = client.post(f"/approvals/{request.id}/edit", data=_form(client, request.id, arguments=odd))
    placed = client.post(f"/approvals/{request.id}/decide", data=_form(client, request.id, on_behalf_of=odd))
    for answer in (edited, placed):
        assert (True, False) == ("&lt;b&gt;x" in answer.text, "<b>x" in answer.text)


def test_only_the_two_static_files_are_given(client: httpx.Client) -> None:
    """No path leads out of their folder."""
    names = ("page.css", "sign.js", "../templates/base.html", "..%2Fanswers.py", "base.html")
    assert [200, 200, 404, 404, 404] == [client.get(f"/approvals/static/{name}").status_code for name in names]
