"""Signing in at an OpenID provider, and stepping up there, in a real browser of a phone's size."""

import time

from playwright.sync_api import BrowserContext, Page, expect

from proctor.contracts.ids import PrincipalName
from proctor.contracts.obligations import Signed
from tests.integration.page.conftest import cookie_of
from tests.integration.page.organisation import Organisation
from tests.integration.page.site import TOKENS, Site

LINK = "Sign in with your organisation"
AGAIN = "Sign in again at your organisation"


def _press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def _follow(page: Page, name: str) -> None:
    page.get_by_role("link", name=name, exact=True).click()


def _as(page: Page, subject: str) -> None:
    """Say at the provider who one is."""
    page.locator("input[name=sub]").fill(subject)
    _press(page, "Authorize")


def test_an_approver_signs_in_at_the_organisation_and_approves(
    site: Site, at_organisation: Organisation, phone: BrowserContext
) -> None:
    """From a link to a request, over another site and back to it; no token is typed, and none is kept."""
    request, page = site.ask({"to": "anna@example.org", "amount": 210}), phone.new_page()
    page.goto(f"/approvals/{request.id}")
    _follow(page, LINK)
    _as(page, "adam-7")
    expect(page.get_by_role("heading", name="desk asks to call Refund")).to_be_visible()
    assert f"{site.url}/approvals/{request.id}" == page.url
    assert [] == site.words(request.id)
    _press(page, "Approve")
    expect(page.get_by_role("status")).to_contain_text("You said “approve”")
    assert [("adam", "approve", True)] == site.words(request.id)
    assert "Admitted" == site.dispatch(request)
    assert {"proctor_session"} == {one["name"] for one in phone.cookies(site.url)}
    _press(page, "Sign out")
    page.goto("/approvals")
    expect(page.get_by_role("link", name=LINK)).to_be_visible()


def test_high_risk_takes_a_new_sign_in_that_the_organisation_vouches_for(
    site: Site, at_organisation: Organisation, phone: BrowserContext
) -> None:
    """Whoever does not say when it asked is not believed; coming back decides nothing; then the key signs."""
    request, page = site.ask({"to": "anna@example.org", "amount": 220}, Signed()), phone.new_page()
    at_organisation.say("adam-7", auth_time=None)
    page.goto("/login")
    _follow(page, LINK)
    _as(page, "adam-7")
    page.wait_for_url("**/approvals")
    _step_up(page, request.id, "adam-7")
    expect(page.get_by_role("alert")).to_contain_text("does not say that it asked you again")
    at_organisation.say("adam-7", auth_time=int(time.time()))
    _step_up(page, request.id, "adam-7")
    expect(page.get_by_role("heading", name="desk asks to call Refund")).to_be_visible()
    assert [] == site.words(request.id)
    _make_key(site, page)
    page.goto(f"/approvals/{request.id}")
    _press(page, "Approve: sign in the next step")
    _press(page, "Sign and approve")
    expect(page.get_by_role("status")).to_contain_text("You said “approve”")
    assert "granted" == site.request(request.id).state
    site.grow_stale(cookie_of(page))
    other = site.ask({"to": "anna@example.org", "amount": 221}, Signed())
    page.goto(f"/approvals/{other.id}")
    expect(page.get_by_role("link", name=AGAIN)).to_be_visible()
    expect(page.get_by_label("Note (optional)")).to_have_count(0)


def _step_up(page: Page, request_id: str, subject: str) -> None:
    page.goto(f"/approvals/{request_id}")
    _follow(page, AGAIN)
    assert "prompt=login&max_age=0" in page.url
    _as(page, subject)
    page.wait_for_url("http://127.0.0.1:*/**")


def _make_key(site: Site, page: Page) -> None:
    """Make a key with the sign-in of a moment ago, which is good for one."""
    page.goto("/approvals/keys")
    page.get_by_label("What you call it").fill("by the organisation")
    _press(page, "Make a key")
    expect(page.get_by_text("“by the organisation”")).to_be_visible()
    keys = site.do(site.store.approver_keys.keys(PrincipalName("adam")))
    key = next(one for one in keys if one.label == "by the organisation")
    site.do(site.store.approver_keys.vouch(key.id, site.do(site.store.people.authenticate(TOKENS["wanda"]))))
    expect(page.get_by_role("link", name="Sign in again at your organisation first")).to_be_visible()


def test_whoever_is_linked_to_nobody_is_told_so(
    site: Site, at_organisation: Organisation, phone: BrowserContext
) -> None:
    """The page gives the subject that an owner would link; nothing is made of it."""
    before = site.sql("SELECT count(*) FROM proctor.principal")
    page = phone.new_page()
    page.goto("/login")
    _follow(page, LINK)
    _as(page, "stranger-9")
    expect(page.get_by_role("alert")).to_contain_text("nobody here yet")
    expect(page.get_by_role("alert")).to_contain_text(f"{at_organisation.url} stranger-9")
    page.goto("/approvals")
    expect(page.get_by_role("link", name=LINK)).to_be_visible()
    assert before == site.sql("SELECT count(*) FROM proctor.principal")


def test_whoever_goes_back_at_the_organisation_is_not_signed_in(
    site: Site, at_organisation: Organisation, phone: BrowserContext
) -> None:
    """The provider's refusal arrives, without a state as this one sends it, and is a page of ours."""
    page = phone.new_page()
    page.goto("/login")
    _follow(page, LINK)
    _press(page, "Deny")
    expect(page.get_by_role("heading", name="That did not work")).to_be_visible()
    assert "proctor_session" not in {one["name"] for one in phone.cookies(site.url)}
