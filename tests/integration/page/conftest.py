"""One site and one browser for all tests of the page."""

import shutil
from collections.abc import Iterator

import psycopg
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.integration.conftest import TEMPLATE, dsn_for
from tests.integration.page.site import TOKENS, Site

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PHONE = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "has_touch": True, "is_mobile": True}


@pytest.fixture(scope="session")
def site(postgres_server: str) -> Iterator[Site]:
    """Serve the application on a database of its own."""
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE page TEMPLATE {TEMPLATE}")
    with Site(dsn_for(postgres_server, "page")) as served:
        yield served


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Start a real browser without a window."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip(f"there is none of {', '.join(BROWSERS)}: apt-get install chromium (or `make browser`)")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
        yield started
        started.close()


@pytest.fixture
def phone(browser: Browser, site: Site) -> Iterator[BrowserContext]:
    """Give a phone whose errors fail the test."""
    context = browser.new_context(base_url=site.url, **PHONE)  # type: ignore[arg-type]
    context.set_default_timeout(8000)
    yield context
    context.close()


@pytest.fixture
def adam(phone: BrowserContext) -> Page:
    """Sign an approver in on a phone."""
    return sign_in(phone, "adam")


def sign_in(context: BrowserContext, name: str) -> Page:
    """Sign somebody in."""
    page = context.new_page()
    page.goto("/approvals")
    page.get_by_label("Your token or API key").fill(TOKENS[name])
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/approvals")
    return page
