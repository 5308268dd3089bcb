"""The runbooks in a real full-text index: what an alert's words find."""

import pytest

from demo.knowledge import load_corpus
from demo.process import ROOT
from demo.tools import search_kb
from proctor.store.postgres import PostgresStore
from proctor.tools.authoring import ToolResources

CORPUS = ROOT / "agents" / "incident-resolver" / "kb"


@pytest.mark.parametrize(
    ("query", "best"),
    [
        ("pool exhausted", "rb-001-worker-pool-exhausted"),
        ("pool_exhausted checkout wedged", "rb-001-worker-pool-exhausted"),
        ("pool_exhausted, refund_refused checkout wedged", "rb-001-worker-pool-exhausted"),
        ("configuration_error checkout down", "rb-002-fatal-configuration"),
        ("roll back a release", "rb-003-rolling-back"),
        ("disk full", "rb-005-disk-full"),
        ("certificate expired", "rb-004-certificate-expired"),
    ],
)
async def test_symptom_finds_its_runbook_first(store: PostgresStore, query: str, best: str) -> None:
    """What the resolver asks, in the form in which its playbook asks it, leads to the page that helps."""
    await load_corpus(store.knowledge, CORPUS)
    found = await search_kb(query, ToolResources(store.knowledge))
    assert found["documents"][0]["id"] == best
    assert found["documents"][0]["excerpt"]


async def test_corpus_that_is_loaded_again_changes_nothing(store: PostgresStore) -> None:
    """Every start of the demo loads it."""
    assert await load_corpus(store.knowledge, CORPUS) >= 20
    assert await load_corpus(store.knowledge, CORPUS) == 0
