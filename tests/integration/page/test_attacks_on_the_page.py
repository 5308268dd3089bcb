"""What others try on the page: in a real browser, and with forged requests."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.integration.page.site import TOKENS, Site

EVIL = "http://evil.test/"
SCRIPT = "<script>document.title='owned'</script><img src=x onerror=document.title='owned'>"
HEADERS = {
    "content-security-policy": "frame-ancestors 'none'",
    "x-frame-options": "DENY",
    "cache-control": "no-store",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
}


@pytest.fixture
def client(site: Site) -> Iterator[httpx.Client]:
    """Sign an approver in without a browser."""
    with httpx.Client(base_url=site.url, headers={"origin": site.url}) as made:
        login(made, TOKENS["adam"])
        yield made


def login(client: httpx.Client, credential: str, **more: str) -> httpx.Response:
    """Go through the sign-in form."""
    csrf = _hidden(client.get("/login").text, "csrf")
    return client.post("/login", data={"csrf": csrf, "next": "/approvals", "credential": credential, **more})


def _hidden(text: str, name: str) -> str:
    return text.partition(f'name="{name}" value="')[2].partition('"')[0]


def _form(client: httpx.Client, request_id: str, **more: str) -> dict[str, str]:
    text = client.get(f"/approvals/{request_id}").text
    return {"csrf": _hidden(text, "csrf"), "seen": _hidden(text, "seen"), "word": "approve", **more}


def test_values_stay_values_whatever_is_in_them(site: Site, adam: Page) -> None:
    """No script of an argument runs, no character turns or hides, and the end of a long value is there."""
    said: list[str] = []
    adam.on("console", lambda message: said.append(message.text))
    odd = {
        SCRIPT: SCRIPT,
        "to": "p\u0430ypal@p\u0430ypal.com",
        "amount": 9,
        "note": "safe\u202egro.live\u200b\nApproved by: wanda",
        "long": "x" * 50_000 + "THE END",
    }
    request = site.ask(odd)
    adam.goto(f"/approvals/{request.id}")
    assert "desk asks to call Refund · Proctor" == adam.title()
    text = adam.locator("main").inner_text()
    assert not set("\u202e\u200b\u0430") & set(text)
    for piece in ("⟦U+202E⟧gro.live⟦U+200B⟧⏎", "p⟦U+0430⟧ypal.com", "xn--pypal-4ve.com", "THE END", "SHA-256", SCRIPT):
        assert piece in text
    assert [] == said
    adam.get_by_role("button", name="Approve", exact=True).click()
    assert [] == site.words(request.id)
    adam.get_by_label("Parts are not shown").check()
    adam.get_by_role("button", name="Approve", exact=True).click()
    expect(adam.get_by_role("status")).to_contain_text("approve")


def test_all_of_a_long_request_is_a_click_away(site: Site, adam: Page) -> None:
    """Shown whole, it asks for no confirmation that parts are not shown."""
    request = site.ask({"to": "a" * 30_000 + "MIDDLE" + "b" * 30_000, "amount": 9})
    adam.goto(f"/approvals/{request.id}")
    assert "MIDDLE" not in adam.locator(".card").inner_text()
    adam.get_by_role("link", name="Show all of it").click()
    expect(adam.locator(".card")).to_contain_text("MIDDLE")
    expect(adam.get_by_label("Parts are not shown")).to_have_count(0)


def test_another_page_can_neither_post_nor_frame(site: Site, adam: Page) -> None:
    """A form that posts itself, a frame and a prefetch of another place change nothing; a link arrives."""
    request = site.ask({"to": "anna@example.org", "amount": 7})
    path = f"{site.url}/approvals/{request.id}"
    adam.goto(path)
    seen = adam.locator("input[name=seen]").first.get_attribute("value")
    csrf = adam.locator("input[name=csrf]").first.get_attribute("value")
    fields = "".join(f"<input name={n} value={v}>" for n, v in (("csrf", csrf), ("seen", seen), ("word", "approve")))
    forged = f"<form method=post action={path}/decide>{fields}</form><script>document.forms[0].submit()</script>"
    adam.route(f"{EVIL}post", lambda route: route.fulfill(body=forged, content_type="text/html"))
    adam.goto(f"{EVIL}post")
    expect(adam.get_by_text("did not come from a page of ours")).to_be_visible()
    lure = f"<a href={path}>look</a><iframe src={path}></iframe><link rel=prefetch href={path}/decide>"
    adam.route(f"{EVIL}frame", lambda route: route.fulfill(body=lure, content_type="text/html"))
    adam.goto(f"{EVIL}frame")
    adam.wait_for_load_state("networkidle")
    assert all("Refund" not in frame.content() for frame in adam.frames[1:])
    adam.get_by_role("link", name="look").click()
    expect(adam.get_by_role("heading", name="desk asks to call Refund")).to_be_visible()
    assert [] == site.words(request.id)


def test_going_back_or_a_second_tab_decides_once(site: Site, adam: Page) -> None:
    """Going back shows what is now; a form in another tab was made from a card that is no more, and is told so."""
    request = site.ask({"to": "anna@example.org", "amount": 6})
    second = adam.context.new_page()
    second.goto(f"/approvals/{request.id}")
    adam.goto(f"/approvals/{request.id}")
    adam.get_by_role("button", name="Approve", exact=True).dblclick()
    expect(adam.get_by_role("status")).to_be_visible()
    adam.go_back()
    expect(adam.get_by_role("status")).to_be_visible()
    second.get_by_role("button", name="Approve", exact=True).click()
    expect(second.get_by_role("alert")).to_contain_text("changed while you looked")
    assert [("adam", "approve", True)] == site.words(request.id)


def test_nothing_is_decided_but_by_a_post_of_our_own_form(site: Site, client: httpx.Client) -> None:
    """GET, HEAD, another origin, no origin, another session's token, no token, another form: all refused."""
    request = site.ask({"to": "anna@example.org", "amount": 5})
    good = _form(client, request.id)
    path = f"/approvals/{request.id}/decide"
    assert [405, 405] == [client.request(method, path, params=good).status_code for method in ("GET", "HEAD")]
    forged: list[dict[str, Any]] = [
        {"data": good, "headers": {"origin": "http://evil.test"}},
        {"data": good, "headers": {"origin": "null"}},
        {"data": good, "headers": {"sec-fetch-site": "cross-site"}},
        {"data": good | {"csrf": ""}},
        {"data": good | {"csrf": "0" * 64}},
        {"data": {name: value for name, value in good.items() if name != "csrf"}},
    ]
    assert [403] * 6 == [client.post(path, **one).status_code for one in forged]
    assert 403 == httpx.post(f"{site.url}{path}", data=good).status_code
    assert 400 == client.post(path, json=good).status_code
    assert 400 == client.post(path, content="word=approve&word=deny&csrf=1", headers=_FORM).status_code
    assert [] == site.words(request.id)
    with httpx.Client(base_url=site.url, headers={"origin": site.url}) as other:
        login(other, TOKENS["wanda"])
        assert 403 == other.post(path, data=good).status_code
    assert [] == site.words(request.id)
    assert 303 == client.post(path, data=good).status_code


_FORM = {"content-type": "application/x-www-form-urlencoded"}


def test_a_stale_card_is_refused_with_what_is_now(site: Site, client: httpx.Client) -> None:
    """Somebody else decided in between: nothing is recorded, and the answer shows it."""
    request = site.ask({"to": "anna@example.org", "amount": 4})
    stale = _form(client, request.id)
    with httpx.Client(base_url=site.url, headers={"origin": site.url}) as other:
        login(other, TOKENS["wanda"])
        denied = _form(other, request.id, word="deny", reason="no")
        assert 303 == other.post(f"/approvals/{request.id}/decide", data=denied).status_code
    answer = client.post(f"/approvals/{request.id}/decide", data=stale)
    assert 409 == answer.status_code
    assert "Decided by wanda" in answer.text
    assert [("wanda", "deny", True)] == site.words(request.id)


def test_a_form_that_is_sent_many_times_at_once_decides_once(site: Site, client: httpx.Client) -> None:
    """One is applied, and of the others nothing is recorded: they find the request decided."""
    request = site.ask({"to": "anna@example.org", "amount": 2})
    good, path = _form(client, request.id), f"/approvals/{request.id}/decide"
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: client.post(path, data=good).status_code, range(6)))
    assert [303, *[409] * 5] == sorted(answers)
    assert [("adam", "approve", True)] == site.words(request.id)


def test_what_is_not_shown_is_not_approved_unsaid(site: Site, client: httpx.Client) -> None:
    """The tick that parts are not shown is asked for by the server too."""
    request = site.ask({"to": "a" * 60_000, "amount": 8})
    good, path = _form(client, request.id), f"/approvals/{request.id}/decide"
    assert 409 == client.post(path, data=good).status_code
    assert [] == site.words(request.id)
    assert 303 == client.post(path, data=good | {"cut_seen": "yes"}).status_code


def test_a_signed_approval_needs_more_than_a_session(site: Site, client: httpx.Client) -> None:
    """Without a fresh credential there is no text to sign, and a made-up signature decides nothing."""
    from proctor.contracts.obligations import Signed

    request = site.ask({"to": "anna@example.org", "amount": 3}, Signed())
    path = f"/approvals/{request.id}/decide"
    forged = _form(client, request.id, signature="AAAA", key_id="0" * 16)
    site.grow_stale(client.cookies["proctor_session"])
    assert "Is it you?" in client.post(path, data=forged).text
    assert 403 == client.post(path, data=forged | {"credential": TOKENS["adam"]}).status_code
    assert "granted" != site.request(request.id).state
    assert 403 == client.post("/approvals/keys", data={"csrf": forged["csrf"], "public_key": "A" * 43}).status_code


def test_every_answer_forbids_framing_caching_and_scripts_of_others(site: Site, client: httpx.Client) -> None:
    """Pages, errors, redirects and static files alike."""
    for path in ("/approvals", "/approvals/nothing", "/login", "/approvals/static/sign.js", "/approvals/static/none"):
        headers = client.get(path).headers
        assert not {name: value for name, value in HEADERS.items() if value not in headers.get(name, "")}
        assert "unsafe" not in headers["content-security-policy"]


def test_sessions_are_new_at_each_sign_in_and_end_at_sign_out(site: Site, client: httpx.Client) -> None:
    """An old cookie lets nobody in; cookies are out of reach of scripts and of other sites."""
    first = client.cookies["proctor_session"]
    answer = login_again(client)
    cookie = next(one for one in answer.headers.get_list("set-cookie") if one.startswith("proctor_session="))
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(cookie.split("; "))
    assert first != client.cookies["proctor_session"]
    with httpx.Client(base_url=site.url, cookies={"proctor_session": first}) as thief:
        assert "/login?next=/approvals" == thief.get("/approvals").headers["location"]
        assert "/approvals" == thief.get("/").headers["location"]
    csrf = _hidden(client.get("/approvals").text, "csrf")
    kept = client.cookies["proctor_session"]
    assert 303 == client.post("/logout", data={"csrf": csrf}).status_code
    with httpx.Client(base_url=site.url, cookies={"proctor_session": kept}) as thief:
        assert 303 == thief.get("/approvals").status_code
    stored = site.sql("SELECT count(*) FROM proctor.web_session WHERE secret_sha256 IN (%s, %s)", first, kept)
    assert [(0,)] == stored


def login_again(client: httpx.Client) -> httpx.Response:
    """Post the sign-in form while signed in."""
    csrf = _hidden(httpx_get_login(client), "csrf")
    return client.post("/login", data={"csrf": csrf, "credential": TOKENS["adam"]})


def httpx_get_login(client: httpx.Client) -> str:
    """Get the sign-in form as somebody who is not signed in, with a visit of this client's own."""
    kept = client.cookies["proctor_session"]
    client.cookies.delete("proctor_session")
    text = client.get("/login").text
    client.cookies.set("proctor_session", kept, domain="127.0.0.1", path="/")
    return text


def test_cookies_go_over_tls_alone_but_on_this_machine(site: Site) -> None:
    """Under a public name the cookie has the prefix that browsers hold to that."""
    with httpx.Client(base_url=site.url, headers={"host": "proctor.example.org"}) as client:
        cookie = client.get("/login").headers["set-cookie"]
    assert cookie.startswith("__Host-proctor_visit=")
    assert "Secure" in cookie.split("; ")


def test_guessing_is_slowed_down(site: Site) -> None:
    """After so many failures from an address, nobody new gets in from there for a while."""
    transport = httpx.HTTPTransport(local_address="127.0.0.2")
    with httpx.Client(base_url=site.url, transport=transport, headers={"origin": site.url}) as client:
        answers = [login(client, f"guess-{n}").status_code for n in range(8)]
    assert [403] * 6 + [429] * 2 == answers


def test_signing_in_leads_nowhere_else(site: Site) -> None:
    """Where to go on after signing in is one of our own pages."""
    for after in ("//evil.test", "https://evil.test", "/\\evil.test", "/logout", "/approvals/../v1"):
        with httpx.Client(base_url=site.url, headers={"origin": site.url}) as client:
            assert "/approvals" == login(client, TOKENS["adam"], next=after).headers["location"]
