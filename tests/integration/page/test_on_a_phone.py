"""What people do on the page, in a real browser of a phone's size."""

from playwright.sync_api import Page, expect

from tests.integration.page.site import Site


def test_an_approver_signs_in_and_approves(site: Site, adam: Page) -> None:
    """From the list to the decision: the call may be dispatched, and the run was told."""
    request = site.ask({"to": "anna@example.org", "amount": 120, "note": "late parcel"})
    adam.reload()
    adam.screenshot(path="/tmp/f_list.png", full_page=True)
    adam.locator(f"a[href$='{request.id}']").click()
    expect(adam.get_by_role("heading", name="desk asks to call Refund")).to_be_visible()
    adam.screenshot(path="/tmp/f_detail.png", full_page=True)
    adam.get_by_role("button", name="Approve", exact=True).click()
    expect(adam.get_by_role("status")).to_contain_text("You said “approve”")
    assert [("adam", "approve", True)] == site.words(request.id)
    assert (request.run_id, request.id) in site.engine.woken
    assert "Admitted" == site.dispatch(request)
