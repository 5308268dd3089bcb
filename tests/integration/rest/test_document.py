"""The OpenAPI document is true, current, and what is served."""

import asyncio
import json
from pathlib import Path

import pytest

from proctor.contracts.human import Role
from tests.integration.rest.fuzzing import fuzz
from tests.integration.rest.site import Site, token_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHECKED_IN = Path(__file__).parents[3] / "docs" / "reference" / "openapi.json"
EXAMPLES = 2


async def test_the_checked_in_document_is_the_one_that_is_served(site: Site) -> None:
    """Renew it with `python -m gateway.http.document > docs/reference/openapi.json`."""
    served = (await site.client.get("/v1/openapi.json")).json()
    assert json.loads(CHECKED_IN.read_text("utf-8")) == served
    assert served["openapi"].startswith("3.1")


async def test_no_request_that_can_be_made_up_breaks_it_or_gets_an_answer_that_is_not_documented(site: Site) -> None:
    """Each operation with generated requests, right ones and wrong ones; more of them by hand (`fuzzing`)."""
    await site.store.people.enrol("the.all", frozenset(Role), token_of("the.all"))
    headers = {"authorization": f"Bearer {token_of('the.all')}"}
    # Schedules live in Temporal, which does not run here.
    found = await asyncio.to_thread(fuzz, site.app.openapi(), site.url, headers, EXAMPLES, leave_out="/v1/schedules")
    assert [] == found
