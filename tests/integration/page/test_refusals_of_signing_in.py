"""Coming back from an issuer with something else than what was begun lets nobody in, and decides nothing."""

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from limits import parse

from gateway.http.rates import Rates
from gateway.page.answers import POLICY
from gateway.page.cookies import hash_of
from proctor.contracts.obligations import Signed
from tests.integration.page.organisation import link, signing_in_at, unlink
from tests.integration.page.site import TOKENS, Site
from tests.integration.page.test_attacks_on_the_page import _form, _hidden, login
from tests.unit.gateway.fake_issuer import CODE, FakeIssuer

BACK = "/login/oidc/callback"


@pytest.fixture
def visitor(site: Site) -> Iterator[httpx.Client]:
    """Be a browser with cookies, from an address that nothing failed from."""
    site.parts.rates = Rates(parse("100000/minute"), parse("6/minute"))
    with httpx.Client(base_url=site.url, headers={"origin": site.url}) as made:
        yield made
    site.parts.rates = site.rates


def begin(visitor: httpx.Client, idp: FakeIssuer, **query: str) -> dict[str, str]:
    """Go to the issuer; gives what a right answer brings back."""
    answer = visitor.get("/login/oidc", params=query)
    assert 303 == answer.status_code
    assert answer.headers["location"].startswith(f"{idp.url}/authorize?")
    return {"code": CODE, "state": idp.begin(answer.headers["location"])["state"]}


def come_back(visitor: httpx.Client, said: dict[str, str]) -> httpx.Response:
    """Come back with an answer."""
    return visitor.get(BACK, params=said)


def signed_in(visitor: httpx.Client, idp: FakeIssuer, **query: str) -> httpx.Response:
    """Sign in, or step up."""
    return come_back(visitor, begin(visitor, idp, **query))


def test_a_right_answer_opens_a_session_in_cookies_out_of_reach(
    site: Site, idp: FakeIssuer, visitor: httpx.Client
) -> None:
    """The way there is bound by a cookie that comes with links, the session by one that does not; the policy stays."""
    there = visitor.get("/login/oidc", params={"next": "/approvals/keys"})
    kept = next(one for one in there.headers.get_list("set-cookie") if one.startswith("proctor_sign_in="))
    assert {"HttpOnly", "SameSite=lax", "Path=/", "Max-Age=600"} <= set(kept.split("; "))
    said = {"code": CODE, "state": idp.begin(there.headers["location"])["state"], "iss": idp.url}
    assert f"{site.url}{BACK}" == idp.begun["redirect_uri"]
    back = come_back(visitor, said)
    session = next(one for one in back.headers.get_list("set-cookie") if one.startswith("proctor_session="))
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(session.split("; "))
    assert (200, True) == (back.status_code, "0;url=/approvals/keys" in back.text)
    assert [POLICY, POLICY] == [one.headers["content-security-policy"] for one in (there, back)]
    assert "adam" in visitor.get("/approvals").text
    assert 200 == visitor.get("/approvals/keys").status_code


def test_what_another_browser_began_lets_nobody_in(site: Site, idp: FakeIssuer, visitor: httpx.Client) -> None:
    """An answer that was lured here, one of another sign-in, and one that comes twice are all the same."""
    said = begin(visitor, idp)
    with httpx.Client(base_url=site.url) as other:
        assert 403 == come_back(other, said).status_code
        other.get("/login/oidc")
        assert 403 == come_back(other, said).status_code
        assert "proctor_session" not in other.cookies
    for state in ("", "0" * 64):
        assert 403 == come_back(visitor, said | {"state": state}).status_code
    kept = visitor.cookies["proctor_sign_in"]
    assert 200 == come_back(visitor, said).status_code
    visitor.cookies.set("proctor_sign_in", kept, domain="127.0.0.1", path="/")
    assert 403 == come_back(visitor, said).status_code


def test_two_tabs_sign_in_at_once(site: Site, idp: FakeIssuer, visitor: httpx.Client) -> None:
    """Each comes back to where it began, in any order and once; a fifth takes the place of the oldest."""
    tabs = [(begin(visitor, idp, next=f"/approvals/tab-{n}"), idp.begun) for n in range(5)]
    arrived = {}
    for n in (1, 4, 0, 1, 2, 3):
        said, idp.begun = tabs[n]
        arrived.setdefault(n, []).append(f"0;url=/approvals/tab-{n}" in come_back(visitor, said).text)
    assert {1: [True, False], 4: [True], 0: [False], 2: [True], 3: [True]} == arrived
    assert "proctor_sign_in" not in visitor.cookies


def test_a_sign_in_that_took_too_long_is_begun_anew(site: Site, idp: FakeIssuer, visitor: httpx.Client) -> None:
    """After ten minutes, whatever the cookie says."""
    said = begin(visitor, idp)
    site.sql(
        "UPDATE proctor.web_sign_in SET begun_at = now() - interval '11 minutes' WHERE secret_sha256 = %s",
        hash_of(visitor.cookies["proctor_sign_in"]),
    )
    answer = come_back(visitor, said)
    assert (403, True) == (answer.status_code, "too long ago" in answer.text)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"iss": "https://elsewhere.example"}, "not of our OIDC issuer"),
        ({"code": "another"}, "did not take this sign-in"),
        ({"code": ""}, "no code"),
        ({"error": "access_denied"}, "did not let you in"),
        ({"error": "<b>odd"}, "&lt;b&gt;odd"),
        ({"error": "server_error", "error_description": "Call 555-1234"}, "server_error"),
    ],
)
def test_wrong_answers_are_pages_that_say_so(
    site: Site, idp: FakeIssuer, visitor: httpx.Client, changes: dict[str, str], text: str
) -> None:
    """An error comes before any code, and nothing that the address says stands there as our own words."""
    answer = come_back(visitor, begin(visitor, idp) | changes)
    assert (403, True) == (answer.status_code, text in answer.text)
    assert [] == [one for one in ("555-1234", "<b>") if one in answer.text]
    assert "proctor_session" not in visitor.cookies


def test_a_parameter_that_occurs_twice_is_refused(site: Site, idp: FakeIssuer, visitor: httpx.Client) -> None:
    """RFC 6749 (3.1): none does."""
    said = begin(visitor, idp)
    answer = visitor.get(BACK, params=[*said.items(), ("code", "another")])
    assert (400, True) == (answer.status_code, "occurs twice" in answer.text)


def test_an_issuer_that_is_away_is_said_to_be(site: Site, idp: FakeIssuer, visitor: httpx.Client) -> None:
    """On the way back and on the way there; whoever waits for it is not counted as guessing."""
    said, idp.is_away = begin(visitor, idp), True
    assert 503 == come_back(visitor, said).status_code
    with signing_in_at(site, idp.url, idp.client, "other"):
        assert [503] * 8 == [visitor.get("/login/oidc").status_code for _ in range(8)]


@pytest.mark.parametrize("after", ["//evil.test", "https://evil.test", "/\\evil.test", "/approvals/../v1", "/logout"])
def test_signing_in_leads_nowhere_else(site: Site, idp: FakeIssuer, visitor: httpx.Client, after: str) -> None:
    """Where to go on is one of our own pages."""
    assert '0;url=/approvals"' in signed_in(visitor, idp, next=after).text


def test_codes_that_do_not_hold_are_counted_as_logins_are(site: Site, idp: FakeIssuer, visitor: httpx.Client) -> None:
    """And beginnings are counted, too: each leaves a row."""
    said = [come_back(visitor, begin(visitor, idp) | {"code": "guess"}).status_code for _ in range(7)]
    assert [403] * 6 + [429] == said
    site.parts.rates = Rates(parse("100000/minute"), parse("6/minute"))
    begun = [visitor.get("/login/oidc").status_code for _ in range(61)]
    assert [303] * 60 + [429] == begun


def test_a_session_ends_with_its_link(site: Site, idp: FakeIssuer, visitor: httpx.Client) -> None:
    """At the next request."""
    link(site, f"{idp.url} u-2", "rita")
    idp.claims_said = {"sub": "u-2"}
    signed_in(visitor, idp)
    assert 200 == visitor.get("/approvals").status_code
    unlink(site, f"{idp.url} u-2")
    assert "/login?next=/approvals" == visitor.get("/approvals").headers["location"]
    answer = signed_in(visitor, idp)
    assert (403, True) == (answer.status_code, "nobody here yet" in answer.text)


def test_the_session_that_the_browser_had_ends(site: Site, idp: FakeIssuer, visitor: httpx.Client) -> None:
    """Although its cookie does not come along from the issuer."""
    login(visitor, TOKENS["rita"])
    had = visitor.cookies["proctor_session"]
    said = begin(visitor, idp)
    visitor.cookies.delete("proctor_session")
    come_back(visitor, said)
    with httpx.Client(base_url=site.url, cookies={"proctor_session": had}) as old:
        assert "/login?next=/approvals" == old.get("/approvals").headers["location"]


@pytest.mark.parametrize(
    ("claims", "status"),
    [
        ({"auth_time": 0}, 200),
        ({"auth_time": None}, 403),
        ({"auth_time": -120}, 403),
        ({"auth_time": 0, "sub": "u-2"}, 403),
        ({"auth_time": 0, "nonce": "m" * 64}, 403),
    ],
    ids=["now", "unsaid", "old", "somebody else", "another sign-in"],
)
def test_stepping_up_takes_a_new_sign_in_of_the_same_person(
    site: Site, idp: FakeIssuer, visitor: httpx.Client, claims: dict[str, Any], status: int
) -> None:
    """The issuer says when it asked; whoever signed in first without being asked is not fresh either."""
    signed_in(visitor, idp)
    request = site.ask({"to": "anna@example.org", "amount": 230}, Signed())
    path, form = f"/approvals/{request.id}", _form(visitor, request.id)
    assert "Is it you?" in visitor.post(f"{path}/decide", data=form).text
    at = claims.get("auth_time")
    idp.claims_said = {**claims, "auth_time": None if at is None else int(time.time()) + at}
    answer = signed_in(visitor, idp, again="1", next=path)
    assert ("login", "0", status) == (idp.begun.get("prompt"), idp.begun.get("max_age"), answer.status_code)
    assert [] == site.words(request.id)
    asked = visitor.post(f"{path}/decide", data=form).text
    assert (status == 200) is ("Sign your approval" in asked)


def test_a_session_that_ended_meanwhile_is_not_made_fresh(site: Site, idp: FakeIssuer, visitor: httpx.Client) -> None:
    """And nobody is signed in by stepping up; a session of a token has nothing to show at the issuer."""
    signed_in(visitor, idp)
    idp.claims_said = {"auth_time": int(time.time())}
    said = begin(visitor, idp, again="1")
    csrf = _hidden(visitor.get("/approvals").text, "csrf")
    visitor.post("/logout", data={"csrf": csrf})
    answer = come_back(visitor, said)
    assert (403, True) == (answer.status_code, "session has ended" in answer.text)
    login(visitor, TOKENS["adam"])
    assert "/approvals/keys" == visitor.get("/login/oidc?again=1&next=/approvals/keys").headers["location"]


def test_a_new_key_takes_a_new_sign_in_each_time(site: Site, idp: FakeIssuer, visitor: httpx.Client) -> None:
    """Neither the session alone, however fresh, nor what was shown for another key adds one."""
    idp.claims_said = {"auth_time": int(time.time())}
    signed_in(visitor, idp)
    page = visitor.get("/approvals/keys").text
    assert "Sign in again at your organisation first" in page
    form = {"csrf": _hidden(page, "csrf"), "label": "thief", "public_key": "A" * 43}
    assert 403 == visitor.post("/approvals/keys", data=form).status_code
    signed_in(visitor, idp, again="1", next="/approvals/keys")
    proof = visitor.cookies["proctor_proof"]
    assert 403 != visitor.post("/approvals/keys", data=form).status_code
    visitor.cookies.set("proctor_proof", proof, domain="127.0.0.1", path="/")
    answer = visitor.post("/approvals/keys", data=form)
    assert (403, True) == (answer.status_code, "each time" in answer.text)


def test_without_an_issuer_nobody_is_sent_anywhere(site: Site, visitor: httpx.Client) -> None:
    """The page of before: no link, and no such way in."""
    assert "organisation" not in visitor.get("/login").text
    assert [404, 404] == [visitor.get(path).status_code for path in ("/login/oidc", BACK)]
