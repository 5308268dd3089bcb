"""Full-text search."""

import pytest

from proctor.contracts.errors import InvalidInput
from proctor.store.postgres import PostgresStore

DOCUMENTS = [
    {"id": "kb-1", "title": "Restarting a wedged service", "body": "When health checks fail, restart the service."},
    {"id": "kb-2", "title": "Disk full", "body": "Remove old logs; the service needs free space to restart."},
    {"id": "kb-3", "title": "Certificates", "body": "Renew them before they expire."},
]


async def test_documents_are_found_best_first(store: PostgresStore) -> None:
    """Titles weigh more than bodies, and words match in any form."""
    assert 3 == await store.knowledge.load(DOCUMENTS)
    found = await store.knowledge.search("restarted services", 5)
    assert ["kb-1", "kb-2"] == [hit["id"] for hit in found]
    assert {"id", "title", "excerpt", "score", "updated_at"} == set(found[0])
    assert found[0]["score"] > found[1]["score"] > 0
    assert "restart" in found[0]["excerpt"]


async def test_any_word_will_do_when_no_document_has_all(store: PostgresStore) -> None:
    """A wordy question still finds what it is about."""
    await store.knowledge.load(DOCUMENTS)
    found = await store.knowledge.search("certificate trouble on the mainframe", 5)
    assert ["kb-3"] == [hit["id"] for hit in found]
    for nothing in ("", "the", "& | ! ( :*", "zebra", "nul\x00byte"):
        assert [] == await store.knowledge.search(nothing, 5)


async def test_loading_again_changes_only_what_differs(store: PostgresStore) -> None:
    """Loading is idempotent, replaces by id, and refuses incomplete documents."""
    await store.knowledge.load(DOCUMENTS)
    assert 0 == await store.knowledge.load(DOCUMENTS)
    assert 1 == await store.knowledge.load([{**DOCUMENTS[2], "body": "Ask the zebra."}, DOCUMENTS[0], DOCUMENTS[0]])
    assert ["kb-3"] == [hit["id"] for hit in await store.knowledge.search("zebra", 1)]
    with pytest.raises(InvalidInput, match="body"):
        await store.knowledge.load([{"id": "x", "title": "y"}])
