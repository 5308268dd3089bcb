"""The incident resolver's files say what its functions do, and its runbooks can be read."""

import json
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from demo.knowledge import load_corpus, read_corpus
from demo.tools import search_kb
from proctor.contracts.errors import InvalidDocument
from proctor.contracts.schemas import problems
from proctor.contracts.tool import PythonImplementation, ToolContract
from proctor.documents.source import read_source
from proctor.documents.tool import read_tools
from proctor.tools.authoring import ToolResources
from proctor.tools.dispatcher import ToolDispatcher
from proctor.tools.signature import derive_schemas
from tests.unit.tools.worlds import FakeKnowledge, resources

AGENT = Path(__file__).parents[3] / "agents" / "incident-resolver"
FILES = sorted((AGENT / "tools").glob("*.yaml"))
ALERTS = sorted((AGENT / "alerts").glob("*.json"))
SETTINGS = {"DEMO_SUPERVISOR_URL": "http://127.0.0.1:1", "DEMO_TICKETS_URL": "http://127.0.0.1:2"}


def read(path: Path) -> ToolContract:
    (document,), found = read_tools(read_source(path), None, None)
    assert found == []
    return document.contract


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_contract_can_be_called_and_says_what_the_function_takes_and_gives(path: Path) -> None:
    """A contract that drifts from its function would be approved for one thing and do another."""
    contract = read(path)
    assert ToolDispatcher(resources(SETTINGS)).problems(contract) == []
    if isinstance(contract.implementation, PythonImplementation):
        derived = derive_schemas(contract.implementation.function, is_read=contract.is_read)
        assert (contract.input_schema, contract.output_schema) == derived


def test_ticket_contract_takes_what_the_blueprint_says() -> None:
    """The example of the blueprint is a contract of ours as it stands."""
    contract = read(AGENT / "tools" / "create_support_ticket.yaml")
    assert contract.input_schema == {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "CreateSupportTicket",
        "type": "object",
        "required": ["title", "severity"],
        "properties": {
            "title": {"type": "string", "maxLength": 120},
            "description": {"type": "string", "maxLength": 2000},
            "severity": {"type": "string", "enum": ["low", "medium", "high"]},
        },
    }


@pytest.mark.parametrize("path", ALERTS, ids=lambda path: path.stem)
def test_alert_fits_the_manifests_input_schema(path: Path) -> None:
    """The demo's inputs are admitted."""
    manifest: Any = YAML(typ="safe").load(AGENT / "manifest.yaml")
    assert problems(manifest["agent"]["input_schema"], json.loads(path.read_text())) == []


async def test_runbooks_load_through_the_port() -> None:
    """Every runbook has an id of its own, a title, and a body with the date of its last change."""
    knowledge = FakeKnowledge()
    loaded = await load_corpus(knowledge, AGENT / "kb")
    assert loaded >= 20
    assert len({document["id"] for document in knowledge.documents}) == loaded
    assert all(document["title"] and "Updated 202" in document["body"] for document in knowledge.documents)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [("no fence", "no front matter"), ("---\nid: a\n---\nbody", "title, updated_at"), ("---\n[\n---\nbody", "YAML")],
)
def test_broken_runbook_is_named_with_its_mistake(tmp_path: Path, text: str, wrong: str) -> None:
    """A corpus is loaded whole or not at all."""
    (tmp_path / "broken.md").write_text(text)
    with pytest.raises(InvalidDocument, match=wrong):
        read_corpus(tmp_path)


def test_folder_without_runbooks_is_a_mistake(tmp_path: Path) -> None:
    """An empty corpus would look like a search that finds nothing."""
    with pytest.raises(InvalidDocument, match="no runbooks"):
        read_corpus(tmp_path)


async def test_search_gives_documents_in_the_shape_of_its_contract() -> None:
    """Whatever a store adds to its rows, the tool's result fits its schema."""
    row = {"id": "rb-1", "title": "Pool", "excerpt": "…", "score": 1, "updated_at": None, "rank": 3}
    knowledge = FakeKnowledge([row])
    found = await search_kb("pool exhausted", ToolResources(knowledge), limit=2)
    assert knowledge.asked == [("pool exhausted", 2)]
    assert problems(read(AGENT / "tools" / "search_kb.yaml").output_schema, found) == []
