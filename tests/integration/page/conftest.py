"""One site and one browser for all tests of the page."""

import shutil
from collections.abc import Iterator

import httpx
import psycopg
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, StorageState, expect, sync_playwright

from tests.integration.conftest import TEMPLATE, dsn_for
from tests.integration.page.organisation import Organisation, link, organisation, signing_in_at
from tests.integration.page.site import TOKENS, Site
from tests.unit.gateway.fake_issuer import FakeIssuer

WAIT_MS = 20_000
"""Longest wait for the browser, which shares the machine with other tests."""
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PHONE = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "has_touch": True, "is_mobile": True}


@pytest.fixture(scope="session")
def site(postgres_server: str) -> Iterator[Site]:
    """Serve the application on a database of its own."""
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE page TEMPLATE {TEMPLATE}")
    with Site(dsn_for(postgres_server, "page")) as served:
        yield served


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start a real browser without a window; its event loop would be in the way of other files, so each has its own."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip(f"there is none of {', '.join(BROWSERS)}: apt-get install chromium (or `make browser`)")
    with sync_playwright() as playwright:
        expect.set_options(timeout=WAIT_MS)
        started = playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
        yield started
        started.close()


@pytest.fixture(scope="module")
def at_organisation(site: Site) -> Iterator[Organisation]:
    """Let people sign in at a real OpenID provider, which is another site to browsers; `adam-7` is adam."""
    with organisation() as served, signing_in_at(site, served.url, httpx.AsyncClient()):
        link(site, f"{served.url} adam-7", "adam")
        yield served


@pytest.fixture(scope="module")
def fake_issuer(site: Site) -> FakeIssuer:
    """Make an issuer that does wrong when told to; `u-1` is adam."""
    made = FakeIssuer()
    link(site, f"{made.url} u-1", "adam")
    return made


@pytest.fixture
def idp(site: Site, fake_issuer: FakeIssuer) -> Iterator[FakeIssuer]:
    """Let people sign in there."""
    fake_issuer.be_honest()
    with signing_in_at(site, fake_issuer.url, fake_issuer.client):
        yield fake_issuer


@pytest.fixture
def phone(browser: Browser, site: Site) -> Iterator[BrowserContext]:
    """Give a phone whose errors fail the test."""
    context = browser.new_context(base_url=site.url, **PHONE)  # type: ignore[arg-type]
    context.set_default_timeout(WAIT_MS)
    yield context
    context.close()


@pytest.fixture(scope="module")
def adams_cookies(browser: Browser, site: Site) -> StorageState:
    """Sign an approver in once."""
    context = browser.new_context(base_url=site.url)
    sign_in(context, "adam")
    cookies = context.storage_state()
    context.close()
    return cookies


@pytest.fixture
def adam(browser: Browser, site: Site, adams_cookies: StorageState) -> Iterator[Page]:
    """Give an approver's phone, signed in."""
    context = browser.new_context(base_url=site.url, storage_state=adams_cookies, **PHONE)  # type: ignore[arg-type]
    context.set_default_timeout(WAIT_MS)
    yield context.new_page()
    context.close()


def sign_in(context: BrowserContext, name: str) -> Page:
    """Sign somebody in."""
    page = context.new_page()
    page.goto("/approvals")
    page.get_by_label("Your token or API key").fill(TOKENS[name])
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/approvals")
    return page


def cookie_of(page: Page) -> str:
    """Give the secret of the session that a page is in."""
    return next(one["value"] for one in page.context.cookies() if one["name"] == "proctor_session")
