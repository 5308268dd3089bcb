"""How often somebody may ask, over a real socket."""

import pytest

from proctor.contracts.human import Role
from tests.integration.rest.site import name_of, open_site

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_requests_are_limited_per_principal_and_failed_logins_per_address(site_dsn: str) -> None:
    """Too many are told when to come back; whoever is signed in already stays in while others guess."""
    limits = {"PROCTOR_RATE_LIMIT": "6/minute", "PROCTOR_LOGIN_RATE_LIMIT": "3/minute"}
    async with open_site(site_dsn, limits) as site:
        asked = [await site.ask("GET", "/me", by=name_of(Role.REQUESTER)) for _ in range(7)]
        assert [200] * 6 + [429] == [answer.status_code for answer in asked]
        assert 0 < int(asked[-1].headers["retry-after"]) <= 61
        assert "application/problem+json" == asked[-1].headers["content-type"]
        assert 200 == (await site.ask("GET", "/me", by=name_of(Role.AUDITOR))).status_code
        guesses = [await site.ask("GET", "/me", by=f"guess-{n}") for n in range(5)]
        assert [401, 401, 401, 429, 429] == [answer.status_code for answer in guesses]
        assert 200 == (await site.ask("GET", "/me", by=name_of(Role.AUDITOR))).status_code
        assert 429 == (await site.ask("GET", "/me", by=name_of(Role.OWNER))).status_code
