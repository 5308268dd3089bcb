"""Metrics for a Prometheus on another machine: by a token that opens them, and nothing else."""

from collections.abc import AsyncIterator

import pytest

from gateway.http.scraping import METRICS_TOKEN
from proctor.contracts.human import Role
from tests.integration.rest.site import Site, name_of, open_site, token_of

TOKEN = "scraped-by-prometheus"
ELSEWHERE = {"PROCTOR_BEHIND_PROXY": "192.0.2.1"}
"""Behind a proxy, this machine's address says nothing of who asks."""
OPEN = {("POST", "/v1/hooks/{name}")}
"""What asks for no login, but for a signature."""


def bearing(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


@pytest.fixture
async def site(dsn: str) -> AsyncIterator[Site]:
    async with open_site(dsn, {**ELSEWHERE, METRICS_TOKEN: TOKEN}) as opened:
        yield opened


async def test_metrics_are_given_to_whom_the_token_is(site: Site) -> None:
    """And to operators and auditors; not to nobody, to others, or for half of it."""
    auditor, requester = (token_of(name_of(role)) for role in (Role.AUDITOR, Role.REQUESTER))
    answers = {
        given: (await site.client.get("/metrics", headers=bearing(given))).status_code
        for given in (TOKEN, TOKEN[:-1], "x" + TOKEN, auditor, requester)
    }
    assert [200, 401, 401, 200, 403] == list(answers.values())
    others: list[dict[str, str]] = [
        {},
        {"authorization": TOKEN},
        {"authorization": f"Basic {TOKEN}"},
        {"authorization": "Bearer"},
    ]
    assert [401] * 4 == [(await site.client.get("/metrics", headers=one)).status_code for one in others]
    scraped = await site.client.get("/metrics", headers=bearing(TOKEN))
    assert 'proctor_gateway_requests_total{method="GET",route="/metrics",status="200"}' in scraped.text
    assert "proctor_gateway_logins_refused_total 2.0" in scraped.text
    assert TOKEN not in scraped.text


async def test_the_token_opens_nothing_else(site: Site) -> None:
    """It is no login: on every route of the API it is a credential that nobody was given."""
    operations = [
        (method.upper(), path)
        for path, methods in site.app.openapi()["paths"].items()
        for method in methods
        if (method.upper(), path) not in OPEN
    ]
    assert 40 < len(operations)
    opened = [
        (method, path, answer.status_code)
        for method, path in operations
        if (answer := await site.client.request(method, path.replace("{", "").replace("}", ""), headers=bearing(TOKEN)))
        and answer.status_code != 401
    ]
    assert [] == opened


async def test_without_the_variable_no_token_of_it_opens_metrics(dsn: str) -> None:
    """Neither an empty one."""
    async with open_site(dsn, ELSEWHERE) as site:
        for given in (f"Bearer {TOKEN}", "Bearer", ""):
            assert 401 == (await site.client.get("/metrics", headers={"authorization": given})).status_code
