"""What people do on the page, in a real browser of a phone's size."""

import json
from datetime import UTC, datetime, timedelta

from playwright.sync_api import BrowserContext, Page, expect

from proctor.contracts.ids import PrincipalName
from proctor.contracts.obligations import Quorum, Signed
from tests.integration.page.conftest import cookie_of, sign_in
from tests.integration.page.site import TOKENS, Site, principal


def _press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def test_an_approver_signs_in_and_approves(site: Site, phone: BrowserContext) -> None:
    """From the list to the decision: the call may be dispatched, and the run was told."""
    request = site.ask({"to": "anna@example.org", "amount": 120, "note": "late parcel"})
    adam = sign_in(phone, "adam")
    adam.locator(f"a[href$='{request.id}']").click()
    expect(adam.get_by_role("heading", name="desk asks to call Refund")).to_be_visible()
    for text in ("to: anna@example.org", "amount: 120", "untrusted", "refunds-over-100", "TakeBack"):
        expect(adam.locator(".card")).to_contain_text(text)
    _press(adam, "Approve")
    expect(adam.get_by_role("status")).to_contain_text("You said “approve”")
    assert [("adam", "approve", True)] == site.words(request.id)
    assert (request.run_id, request.id) in site.engine.woken
    assert "Admitted" == site.dispatch(request)


def test_a_denial_gives_its_reason(site: Site, adam: Page) -> None:
    """The browser asks for it, and it is on record."""
    request = site.ask({"to": "anna@example.org", "amount": 130})
    adam.goto(f"/approvals/{request.id}")
    _press(adam, "Deny")
    assert "pending" == site.request(request.id).state
    adam.get_by_label("Why not").fill("not this customer")
    _press(adam, "Deny")
    expect(adam.locator(".said").last).to_contain_text("not this customer")
    decided = site.request(request.id)
    assert ("denied", "not this customer") == (decided.state, decided.reason)


def test_an_edit_shows_what_changes_before_it_is_sent(site: Site, adam: Page) -> None:
    """The schema is checked where it is typed, the difference is shown, and the edited request ends as edited."""
    request = site.ask({"to": "anna@example.org", "amount": 140})
    adam.goto(f"/approvals/{request.id}")
    adam.get_by_role("link", name="Change the arguments").click()
    text = adam.get_by_label("All arguments, as JSON")
    assert {"to": "anna@example.org", "amount": 140} == json.loads(text.input_value())
    for wrong, why in (
        ("{", "not JSON"),
        ('{"to": "x", "amount": 5000}', "at most 1000"),
        ('{"a": 1, "a": 2}', "twice"),
    ):
        text.fill(wrong)
        _press(adam, "See what changes")
        expect(adam.get_by_role("alert")).to_contain_text(why)
    text.fill('{"to": "anna@example.org", "amount": 14}')
    _press(adam, "See what changes")
    expect(adam.locator(".old")).to_contain_text("140")
    expect(adam.locator(".new")).to_contain_text("14")
    assert "pending" == site.request(request.id).state
    _press(adam, "Send the changed call")
    expect(adam.get_by_role("status")).to_contain_text("edit")
    assert "edited" == site.request(request.id).state


def test_approving_can_stop_the_asking(site: Site, adam: Page) -> None:
    """A grant with its scope and end is recorded with the approval; a quorum offers none."""
    request = site.ask({"to": "anna@example.org", "amount": 150})
    adam.goto(f"/approvals/{request.id}")
    adam.get_by_text("Approve, and stop asking").click()
    adam.get_by_label("For calls with exactly these arguments").select_option("run")
    adam.get_by_label("For how long").select_option("28800")
    _press(adam, "Approve")
    expect(adam.get_by_role("status")).to_contain_text("approve")
    grants = [one for one in site.do(site.store.grants.grants()) if one.request_id == request.id]
    assert [("adam", request.run_id)] == [(one.by, one.run_id) for one in grants]
    two = site.ask({"to": "anna@example.org", "amount": 151}, Quorum(count=2))
    adam.goto(f"/approvals/{two.id}")
    expect(adam.locator(".stages")).to_contain_text("0 of 2")
    expect(adam.get_by_text("Approve, and stop asking")).to_have_count(0)
    _press(adam, "Approve")
    expect(adam.locator(".stages")).to_contain_text("1 of 2")
    expect(adam.get_by_role("button", name="Approve", exact=True)).to_have_count(0)


def test_high_risk_takes_the_credential_again_and_a_signature_of_this_browser(
    site: Site, phone: BrowserContext
) -> None:
    """A stale session enters its credential; the key never leaves the browser, and counts once it was vouched for."""
    adam, request = sign_in(phone, "adam"), site.ask({"to": "anna@example.org", "amount": 160}, Signed())
    site.grow_stale(cookie_of(adam))
    adam.goto("/approvals/keys")
    adam.get_by_label("What you call it").fill("adam's phone")
    adam.get_by_label("Your token or API key, again").fill(TOKENS["adam"])
    site.grow_stale(cookie_of(adam))
    _press(adam, "Make a key")
    expect(adam.get_by_text("“adam's phone”")).to_be_visible()
    (key,) = site.do(site.store.approver_keys.keys(PrincipalName("adam")))
    assert key.valid_from > key.added_at
    told = site.sql(
        "SELECT body ->> 'principal' FROM proctor.event WHERE kind = 'key_added' AND body ->> 'key' = %s", key.id
    )
    assert [("adam",)] == told
    adam.get_by_label("What you call it").fill("one more")
    adam.get_by_label("Your token or API key, again").fill(TOKENS["wanda"])
    _press(adam, "Make a key")
    expect(adam.get_by_role("alert").first).to_contain_text("somebody else's")  # and the key from before is kept
    site.grow_stale(cookie_of(adam))
    _sign(adam, request.id, TOKENS["adam"])
    expect(adam.get_by_role("alert")).to_contain_text("Not decided")
    site.do(site.store.approver_keys.vouch(key.id, site.do(site.store.people.authenticate(TOKENS["wanda"]))))
    _sign(adam, request.id)
    expect(adam.get_by_role("status")).to_contain_text("You said “approve”")
    assert "granted" == site.request(request.id).state
    assert "Admitted" == site.dispatch(request)


def _sign(page: Page, request_id: str, credential: str = "") -> None:
    page.goto(f"/approvals/{request_id}")
    _press(page, "Approve: sign in the next step")
    if credential:
        expect(page.get_by_role("heading", name="Is it you?")).to_be_visible()
        page.get_by_label("Your token or API key").fill(TOKENS["wanda"])
        _press(page, "Go on to the signature")
        expect(page.get_by_role("alert")).to_contain_text("somebody else's")
        page.get_by_label("Your token or API key").fill(credential)
        _press(page, "Go on to the signature")
    expect(page.get_by_role("heading", name="Sign your approval")).to_be_visible()
    expect(page.locator(".card")).to_contain_text("amount: 160")
    _press(page, "Sign and approve")


def test_a_browser_without_a_key_says_so_and_nothing_is_decided(site: Site, adam: Page) -> None:
    """There is no way around the signature: a form without one gets the signing page, whatever it says."""
    request = site.ask({"to": "anna@example.org", "amount": 170}, Signed())
    adam.goto(f"/approvals/{request.id}")
    _press(adam, "Approve: sign in the next step")
    _press(adam, "Sign and approve")
    expect(adam.get_by_role("alert")).to_contain_text("no key of yours")
    assert [] == site.words(request.id)


def test_a_question_is_answered_as_the_words_of_the_agent_that_it_is(site: Site, adam: Page) -> None:
    """It stands under `the agent says`, whatever it imitates, and the answer is recorded."""
    request = site.question("Which order?\nRule: none")
    adam.goto(f"/approvals/{request.id}")
    expect(adam.get_by_role("heading", name="The agent says")).to_be_visible()
    expect(adam.locator(".agent-says")).to_contain_text("Rule: none")
    adam.get_by_label("Your answer").fill("order 7")
    _press(adam, "Answer")
    expect(adam.get_by_role("status")).to_contain_text("answer")
    assert "answered" == site.request(request.id).state


def test_who_decides_for_another_says_so(site: Site, adam: Page) -> None:
    """A delegation that is live is offered, and is on record with the decision."""
    wanda = site.do(site.store.people.authenticate(TOKENS["wanda"]))
    until = datetime.now(UTC) + timedelta(days=1)
    delegation = site.do(site.store.delegations.delegate(PrincipalName("adam"), until, wanda))
    request = site.ask({"to": "anna@example.org", "amount": 185}, Quorum(count=1, role="owner"))
    adam.goto(f"/approvals/{request.id}")
    adam.locator("#place-approve").select_option("wanda")
    _press(adam, "Approve")
    expect(adam.get_by_role("status")).to_contain_text("approve")
    assert [("adam", "approve", True)] == site.words(request.id)
    assert "Admitted" == site.dispatch(request)
    site.do(site.store.delegations.revoke(delegation.id, wanda))


def test_who_asked_sees_it_and_cannot_decide_it(site: Site, phone: BrowserContext) -> None:
    """The requester, an approver as well, gets no buttons; and the page shows nothing to nobody."""
    request = site.ask({"to": "anna@example.org", "amount": 180})
    rita = sign_in(phone, "rita")
    expect(rita.get_by_text("You asked for these")).to_be_visible()
    rita.goto(f"/approvals/{request.id}")
    expect(rita.get_by_text("somebody else decides")).to_be_visible()
    expect(rita.locator("section.decide")).to_have_count(0)
    _press(rita, "Sign out")
    rita.goto(f"/approvals/{request.id}")
    expect(rita.get_by_label("Your token or API key")).to_be_visible()
    assert principal("rita").name == site.request(request.id).requester
