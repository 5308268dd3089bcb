from pathlib import Path
from typing import Any

import pytest

from proctor.contracts.errors import InvalidDocument, InvalidInput, UnknownName
from proctor.contracts.manifest import ModelPlannerSpec, PlaybookPlannerSpec
from proctor.documents.agent import read_agent
from proctor.documents.catalog import FileAgentCatalog
from tests.unit.documents.agents import MANIFEST, PLAYBOOK, TOOLS, write_agent


def messages(root: Path, **files: str) -> list[tuple[str, int | None, str]]:
    reading = read_agent(write_agent(root, **files), None)
    return [(Path(problem.file).name, problem.line, problem.message) for problem in reading.problems]


def test_agent_loads_with_its_tools_probes_and_compensations(tmp_path: Path) -> None:
    """The bundle holds everything that a run may need, and nothing else."""
    write_agent(tmp_path, tools=TOOLS + "  - {name: Unused, input: {type: object}}\n")
    bundle = FileAgentCatalog(tmp_path).load("clerk")
    assert [tool.name for tool in bundle.tools] == ["Refund", "Search", "Charge", "FindRefund"]
    assert isinstance(bundle.manifest.planner, PlaybookPlannerSpec)
    assert bundle.manifest.output_schema == {"type": "object"}


def test_unknown_agent_is_answered_with_the_known_ones(tmp_path: Path) -> None:
    """A mistyped name costs one look."""
    write_agent(tmp_path)
    write_agent(tmp_path, "buyer")
    catalog = FileAgentCatalog(tmp_path)
    assert catalog.names() == ["buyer", "clerk"]
    for name, hint in (("clrk", "did you mean `clerk`?"), ("zzz", "known: buyer, clerk")):
        with pytest.raises(UnknownName) as caught:
            catalog.load(name)
        assert caught.value.hint == hint


@pytest.mark.parametrize("name", ["../clerk", "a/../clerk", ".", "", "/etc", "clerk/", "clerk\n"])
def test_name_cannot_leave_the_root(tmp_path: Path, name: str) -> None:
    """Only a plain name of a listed folder is ever opened."""
    write_agent(tmp_path)
    write_agent(tmp_path / "a", "inner")
    with pytest.raises(UnknownName):
        FileAgentCatalog(tmp_path / "a").load(name)


@pytest.mark.parametrize("key", ["planner: {kind: playbook, file: ../x.yaml}", "output_schema: ../secret.json"])
def test_files_outside_the_agents_folder_are_not_read(tmp_path: Path, key: str) -> None:
    """Neither by `..` nor by a link."""
    (tmp_path / "secret.json").write_text("{}")
    (tmp_path / "x.yaml").write_text(PLAYBOOK)
    manifest = MANIFEST.replace("planner: {kind: playbook}", key).replace(
        "  output_schema: schemas/report.json\n", "", 1
    )
    assert any("lies outside" in text for _, _, text in messages(tmp_path, manifest=manifest))


def test_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    """What a link points to counts, not where it stands."""
    folder = write_agent(tmp_path)
    (tmp_path / "elsewhere.md").write_text("secret")
    (folder / "prompts/system.md").unlink()
    (folder / "prompts/system.md").symlink_to(tmp_path / "elsewhere.md")
    assert any("lies outside" in problem.message for problem in read_agent(folder, None).problems)


def test_agent_without_an_owner_validates_and_does_not_load(tmp_path: Path) -> None:
    """No agent without an owner runs (G2)."""
    write_agent(tmp_path, manifest=MANIFEST.replace("  owner: ana\n", ""))
    assert read_agent(tmp_path / "clerk", None).problems == []
    with pytest.raises(InvalidDocument, match="no owner") as caught:
        FileAgentCatalog(tmp_path).load("clerk")
    assert "owner:" in caught.value.hint


def test_agent_without_a_planner_does_not_load(tmp_path: Path) -> None:
    """Something must plan."""
    write_agent(tmp_path, manifest=MANIFEST.replace("  planner: {kind: playbook}\n", ""))
    with pytest.raises(InvalidDocument, match="no planner"):
        FileAgentCatalog(tmp_path).load("clerk")


def test_model_planner_is_chosen_by_name(tmp_path: Path) -> None:
    """`model=` selects the model planner, with the manifest's settings for it."""
    write_agent(tmp_path)
    planner = FileAgentCatalog(tmp_path).load("clerk", model="openai:x").manifest.planner
    assert isinstance(planner, ModelPlannerSpec)
    assert (planner.model, planner.instructions) == ("openai:x", "You refund orders.\n")
    with pytest.raises(InvalidInput, match="not a model"):
        FileAgentCatalog(tmp_path).load("clerk", model="gpt")


def test_models_that_requesters_make_up_cost_no_reading_and_no_memory(tmp_path: Path) -> None:
    """The files are read once, whatever models are named; each bundle is what a reading for its model gives."""
    readings: list[str] = []
    write_agent(tmp_path)

    def derive(function: str, /, *, is_read: bool) -> tuple[dict[str, Any], dict[str, Any]]:
        readings.append(f"{function} {is_read}")
        return {"type": "object"}, {}

    catalog = FileAgentCatalog(tmp_path, derive)
    named = [catalog.load("clerk", model=f"openai:m{n}") for n in range(4)]
    assert len(set(readings)) == len(readings) > 0
    assert named[3] == FileAgentCatalog(tmp_path, derive).load("clerk", model="openai:m3")
    assert named[0] == catalog.load("clerk", model="openai:m0")


def test_agent_without_model_planner_refuses_a_model(tmp_path: Path) -> None:
    """A playbook is never quietly run in the model's place."""
    manifest = MANIFEST.replace("  model_planner: {instructions_file: prompts/system.md}\n", "")
    write_agent(tmp_path, manifest=manifest)
    with pytest.raises(InvalidDocument, match="no model planner"):
        FileAgentCatalog(tmp_path).load("clerk", model="openai:x")


def test_change_of_any_file_is_seen_at_the_next_load(tmp_path: Path) -> None:
    """What is kept is kept only while the files stay as they were."""
    folder = write_agent(tmp_path)
    catalog = FileAgentCatalog(tmp_path)
    first = catalog.load("clerk")
    assert catalog.load("clerk") is first
    (folder / "schemas/report.json").write_text('{"type": "object", "title": "R"}')
    assert catalog.load("clerk").manifest.output_schema["title"] == "R"
    (folder / "tools/more.yaml").write_text("tool: {}")
    with pytest.raises(InvalidDocument):
        catalog.load("clerk")


@pytest.mark.parametrize(
    ("old", "new", "where", "message"),
    [
        ("[Refund, Search]", "[Refund, Seach]", ("manifest.yaml", 5), "Seach has no contract"),
        ("order.amount", "order.amont", ("manifest.yaml", 8), "has no argument 'order.amont'"),
        ("order.amount", "order.id", ("manifest.yaml", 8), "is not a number"),
        ("kind: playbook}", "kind: playbook, file: no.yaml}", ("manifest.yaml", 9), "cannot be read"),
        ("prompts/system.md", "prompts/no.md", ("manifest.yaml", 10), "cannot be read"),
        ("schemas/report.json", "schemas/no.json", ("no.json", None), "cannot be read"),
        ("name: clerk", "name: clark", ("manifest.yaml", 2), "its folder clerk"),
        ("[api.example.com]", "[b.example.com]", ("all.yaml", 21), "does not allow"),
        ("probe: FindRefund", "probe: FindRefnd", ("all.yaml", 10), "has no contract"),
        ("probe: FindRefund", "probe: Charge", ("all.yaml", 10), "is not a read"),
        ("required: [idempotency_key]", "required: [other]", ("all.yaml", 10), "idempotency key alone"),
        ("tool: Charge,", "tool: Chrge,", ("all.yaml", 11), "has no contract"),
        ("tool: Charge,", "tool: Search,", ("all.yaml", 11), "only reads"),
        ('{id: "${result.id}"}', '{idd: "${result.id}"}', ("all.yaml", 11), "has no argument 'idd'"),
        ('{id: "${result.id}"}', "{}", ("all.yaml", 11), "needs the argument 'id'"),
        ("${result.id}", "${result.nr}", ("all.yaml", 11), "declares no result 'nr'"),
        ("${result.id}", "${arguments.nr}", ("all.yaml", 11), "declares no argument 'nr'"),
        ("${result.id}", "${reslt.id}", ("all.yaml", 11), "neither of the arguments nor of the result"),
        (
            "function: shop.tools:search}",
            "function: shop.tools:search}\n  - {name: Search, input: {type: object}}",
            ("all.yaml", 7),
            "has a contract already",
        ),
        ("    implementation: {kind: python, function: shop.tools:find}\n", "", ("all.yaml", 22), "no implementation"),
        ("call: Search", "call: [Search]", ("playbook.yaml", 3), "string"),
        ("finish: {outcome: completed}", "id: x", ("playbook.yaml", 5), "exactly one of"),
    ],
)
def test_disagreement_between_files_is_named_where_it_stands(
    tmp_path: Path, old: str, new: str, where: tuple[str, int | None], message: str
) -> None:
    """Every name, argument and host that one file says of another is checked."""
    files = {"manifest": MANIFEST, "tools": TOOLS, "playbook": PLAYBOOK}
    assert old in "".join(files.values())
    found = messages(tmp_path, **{name: text.replace(old, new, 1) for name, text in files.items()})
    assert (*where, True) in [(file, line, message in text) for file, line, text in found]


def test_first_of_several_mistakes_is_raised_with_their_number(tmp_path: Path) -> None:
    """`load` says that there is more to mend."""
    write_agent(tmp_path, manifest=MANIFEST.replace("Search", "Seach").replace("order.amount", "x"))
    with pytest.raises(InvalidDocument, match="and 1 more"):
        FileAgentCatalog(tmp_path).load("clerk")
