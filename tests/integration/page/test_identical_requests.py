"""Requests that ask for exactly the same, decided in one go: by what was shown, or not at all."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from gateway.page.alike import Alike
from proctor.contracts.human import HumanDecision
from proctor.contracts.obligations import Quorum, Signed
from tests.integration.page.site import TOKENS, Site, principal
from tests.integration.page.test_attacks_on_the_page import _form, _hidden, client, login

__all__ = ["client"]


def asked_alike(site: Site, amount: int, count: int, *obligations: Any) -> list[str]:
    """Record so many requests for the same; gives their ids."""
    call = {"to": "anna@example.org", "amount": amount}
    return [site.ask(call, *obligations).id for _ in range(count)]


def form_for_all(client: httpx.Client, request_id: str, **more: str) -> dict[str, str]:
    """Fill in the form with the tick for all of them."""
    seen = _hidden(client.get(f"/approvals/{request_id}").text, "others_seen")
    return _form(client, request_id, all="yes", others_seen=seen, **more)


def states(site: Site, ids: list[str]) -> list[str]:
    """Read how requests stand."""
    return [str(site.request(one).state) for one in ids]


def test_three_that_ask_for_the_same_are_approved_in_one_go(site: Site, adam: Page) -> None:
    """The page lists the others with their runs; without the tick, one is decided; nothing is wider than a phone."""
    ids, other = asked_alike(site, 310, 4), asked_alike(site, 311, 1)
    adam.goto(f"/approvals/{ids[1]}")
    adam.get_by_text("3 others ask for exactly the same").click()
    listed = adam.locator(".alike li")
    assert [ids[0], ids[2], ids[3]] == [listed.nth(n).locator("code").inner_text() for n in range(3)]
    expect(listed.first).to_contain_text(f"in {site.request(ids[0]).run_id}, for rita")
    assert adam.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    adam.get_by_role("button", name="Approve", exact=True).click()
    expect(adam.get_by_role("status")).to_contain_text("You said “approve”")
    assert ["pending", "granted", "pending", "pending"] == states(site, ids)
    adam.goto(f"/approvals/{ids[2]}")
    adam.get_by_label("Approve the 2 others as well").check()
    adam.get_by_role("button", name="Approve", exact=True).click()
    expect(adam.get_by_role("status")).to_contain_text("You said “approve”")
    assert (["granted"] * 4, ["pending"]) == (states(site, ids), states(site, other))
    assert [[("adam", "approve", True)]] * 4 == [site.words(one) for one in ids]
    assert {"Admitted"} == {site.dispatch(site.request(one)) for one in ids}


def test_all_of_them_are_denied_with_one_reason(site: Site, adam: Page) -> None:
    """The reason is on record with each."""
    ids = asked_alike(site, 320, 2)
    adam.goto(f"/approvals/{ids[0]}")
    expect(adam.get_by_text("1 other asks for exactly the same")).to_be_visible()
    adam.get_by_label("Why not").fill("not this customer")
    adam.get_by_label("Deny the 1 other as well").check()
    adam.get_by_role("button", name="Deny", exact=True).click()
    expect(adam.get_by_role("status")).to_contain_text("You said “deny”")
    assert [("denied", "not this customer")] * 2 == [(str(one.state), one.reason) for one in map(site.request, ids)]


@pytest.mark.parametrize("change", ["one more", "one decided"])
def test_another_set_than_was_shown_is_shown_and_not_decided(site: Site, client: httpx.Client, change: str) -> None:
    """Whether one came or one was decided in between; with the new list, it works."""
    amount = {"one more": 330, "one decided": 331}[change]
    ids = asked_alike(site, amount, 3)
    stale = form_for_all(client, ids[0])
    if change == "one more":
        ids += asked_alike(site, amount, 1)
    else:
        decide(site, ids.pop())
    answer = client.post(f"/approvals/{ids[0]}/decide", data=stale)
    assert (409, True) == (answer.status_code, "Nothing was decided" in answer.text)
    assert {"pending"} == set(states(site, ids))
    assert [[]] * len(ids) == [site.words(one) for one in ids]
    assert 303 == client.post(f"/approvals/{ids[0]}/decide", data=form_for_all(client, ids[0])).status_code
    assert {"granted"} == set(states(site, ids))


def decide(site: Site, request_id: str) -> None:
    """Let an owner deny a request behind the page's back."""
    wanda = site.do(site.store.people.authenticate(TOKENS["wanda"]))
    word = HumanDecision(request_id=site.request(request_id).id, word="deny", reason="no")
    site.do(site.store.people.decide(word, wanda))


@pytest.fixture
def others_form(site: Site, client: httpx.Client) -> Iterator[tuple[list[str], dict[str, str]]]:
    """Give two requests alike, and a good form for both."""
    ids = asked_alike(site, 340, 2)
    yield ids, form_for_all(client, ids[0])
    for one in ids:
        decide(site, one)


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"csrf": ""}, 403),
        ({"others_seen": ""}, 409),
        ({"others_seen": "0" * 64}, 409),
        ({"seen": "0" * 64}, 409),
        ({"grant": "run", "grant_for": "3600"}, 400),
        ({"word": "edit", "arguments": "{}"}, 400),
    ],
)
def test_a_form_for_all_has_all_that_a_form_for_one_has(
    site: Site,
    client: httpx.Client,
    others_form: tuple[list[str], dict[str, str]],
    changes: dict[str, str],
    status: int,
) -> None:
    """Its token, the card and the list that were shown; a standing grant is made on one."""
    ids, form = others_form
    assert status == client.post(f"/approvals/{ids[0]}/decide", data=form | changes).status_code
    assert (405, []) == (client.get(f"/approvals/{ids[0]}/decide", params=form).status_code, site.words(ids[1]))
    assert ["pending", "pending"] == states(site, ids)


def test_a_form_for_all_that_is_sent_twice_decides_once(site: Site, client: httpx.Client) -> None:
    """The second finds the request decided."""
    ids = asked_alike(site, 350, 3)
    form, path = form_for_all(client, ids[0]), f"/approvals/{ids[0]}/decide"
    assert [303, 409] == [client.post(path, data=form).status_code for _ in range(2)]
    assert [[("adam", "approve", True)]] * 3 == [site.words(one) for one in ids]


def test_what_is_signed_is_decided_one_by_one(site: Site, client: httpx.Client) -> None:
    """The page offers nothing else, and a form that was made up gets no more."""
    ids = asked_alike(site, 360, 2, Signed())
    text = client.get(f"/approvals/{ids[0]}").text
    assert "others_seen" not in text
    for word in ("approve", "deny"):
        made_up = _form(client, ids[0], all="yes", others_seen=Alike(()).seen, reason="all") | {"word": word}
        answer = client.post(f"/approvals/{ids[0]}/decide", data=made_up | {"credential": TOKENS["adam"]})
        assert "pending" == states(site, ids)[0], answer.text
    assert ["pending", "pending"] == states(site, ids)


def test_who_asked_is_offered_nothing_and_hears_of_what_is_left(site: Site, client: httpx.Client) -> None:
    """A requester decides none; a quorum counts one word on each, and what had mine already is named."""
    ids = asked_alike(site, 370, 2, Quorum(count=2))
    with httpx.Client(base_url=site.url, headers={"origin": site.url}) as rita:
        login(rita, TOKENS["rita"])
        assert "others_seen" not in rita.get(f"/approvals/{ids[0]}").text
    assert 303 == client.post(f"/approvals/{ids[0]}/decide", data=_form(client, ids[0])).status_code
    answer = client.post(f"/approvals/{ids[1]}/decide", data=form_for_all(client, ids[1]))
    assert (200, True) == (answer.status_code, "counts for 1 of 2 requests" in answer.text)
    assert ids[0] in answer.text
    assert ["pending", "pending"] == states(site, ids)
    assert principal("rita").name == site.request(ids[0]).requester
