"""Which contract a name of the manifest means, and what of the catalog is loaded at all."""

import json
from pathlib import Path

import pytest

from proctor.contracts.catalog import LockedTool
from proctor.contracts.errors import InvalidDocument
from proctor.contracts.ids import Digest, ToolName
from proctor.documents.catalog_lock import read_lock, write_lock
from proctor.documents.folder import Folder

from .shelf import TOOL, Project

SEED_5 = """\
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "CreateSupportTicket",
  "type": "object",
  "required": ["title", "severity"],
  "properties": {
    "title": { "type": "string", "maxLength": 120 },
    "description": { "type": "string", "maxLength": 2000 },
    "severity": { "type": "string", "enum": ["low", "medium", "high"] }
  }
}
"""


def test_allowed_tool_is_found_in_the_catalog_with_its_probe_and_compensation(project: Project) -> None:
    """A shared tool comes with what stands behind it."""
    more = "  idempotency: read_back\n  probe: FindRefund\n  compensation: {tool: ChargeOrder}\n"
    project.shelve("RefundOrder", effect="write", more=more)
    project.shelve("ChargeOrder", effect="write")
    probe = TOOL.format(name="FindRefund", version="1", effect="read", more="").replace("order:", "idempotency_key:")
    (project.catalog / "shop" / "probe.yaml").write_text(probe, encoding="utf-8")
    project.lock()
    project.agent("RefundOrder")
    assert ["RefundOrder", "ChargeOrder", "FindRefund"] == [tool.name for tool in project.load().tools]


def test_tool_that_nobody_locked_is_refused_with_its_place(project: Project) -> None:
    """What was not reviewed is not loaded."""
    project.shelve("GetOrder")
    project.agent("GetOrder")
    with pytest.raises(InvalidDocument, match=r"GetOrder@1\.yaml:1: GetOrder 1 is in the catalog and not locked") as no:
        project.load()
    assert "proctor tools lock" in no.value.hint


def test_tool_that_changed_since_it_was_locked_is_refused(project: Project) -> None:
    """A change is loaded when somebody reviewed it, and not before."""
    path = project.shelve("GetOrder")
    project.lock()
    project.agent("GetOrder")
    assert "GetOrder" == project.load().tools[0].name
    path.write_text(path.read_text(encoding="utf-8").replace("shop.example", "evil.shop.example"), encoding="utf-8")
    assert ["GetOrder@1.yaml:1: GetOrder 1 is not as it was locked — review it, then run `proctor tools lock`"] == (
        project.problems()[:1]
    )


def test_change_of_a_locked_file_is_noticed_by_a_catalog_that_is_kept(project: Project) -> None:
    """A worker that runs for weeks does not serve what was reviewed once and changed since."""
    from proctor.documents.catalog import FileAgentCatalog

    path = project.shelve("GetOrder")
    project.lock()
    project.agent("GetOrder")
    kept = FileAgentCatalog(project.root / "agents")
    kept.load("helper")  # type: ignore[arg-type]
    path.write_text(path.read_text(encoding="utf-8") + "  risk: low\n", encoding="utf-8")
    with pytest.raises(InvalidDocument, match="not as it was locked"):
        kept.load("helper")  # type: ignore[arg-type]


def test_locked_tool_whose_file_is_gone_is_refused(project: Project) -> None:
    """A lock does not stand in for the contract."""
    path = project.shelve("GetOrder")
    project.lock()
    path.write_text(TOOL.format(name="Other", version="1", effect="read", more=""), encoding="utf-8")
    project.agent("GetOrder")
    assert "catalog.lock:None: names GetOrder 1 in shop/GetOrder@1.yaml, and it is not there" in project.problems()[0]


def test_name_in_tools_and_in_the_catalog_is_a_mistake(project: Project) -> None:
    """Nobody has to know which of two comes first."""
    project.shelve("GetOrder")
    project.lock()
    project.agent("GetOrder", own={"get.yaml": TOOL.format(name="GetOrder", version="1", effect="read", more="")})
    assert ["manifest.yaml:6: GetOrder has a contract in tools/ and in the catalog"] == [
        problem.partition(" — ")[0] for problem in project.problems()
    ]


def test_versions_stand_side_by_side_and_the_manifest_chooses(project: Project) -> None:
    """Two agents may use two versions; one that does not say is asked to."""
    project.shelve("GetOrder", "1")
    project.shelve("GetOrder", "2")
    project.lock()
    project.agent("GetOrder")
    assert (
        "manifest.yaml:6: the catalog has several versions of GetOrder: 1, 2 — "
        'choose one in the manifest: `tool_versions: {GetOrder: "2"}`'
    ) == project.problems()[0]
    for version in ("1", "2"):
        project.agent("GetOrder", more=f'  tool_versions: {{GetOrder: "{version}"}}\n')
        assert version == project.load().tools[0].version


def test_only_version_that_is_not_deprecated_needs_no_choice(project: Project) -> None:
    """Deprecating the old version is how a new one becomes the usual one; whoever chose the old one is warned."""
    project.shelve("GetOrder", "1", more="  deprecated: {reason: too slow, use: FindOrder}\n")
    project.shelve("GetOrder", "2")
    project.lock()
    project.agent("GetOrder")
    assert "2" == project.load().tools[0].version
    project.agent("GetOrder", more='  tool_versions: {GetOrder: "1"}\n')
    assert [("GetOrder 1 is deprecated: too slow", "use FindOrder")] == [
        (warning.message, warning.hint) for warning in project.read().warnings
    ]


@pytest.mark.parametrize(
    ("chosen", "problem"),
    [
        ('{GetOrder: "3"}', "the catalog has no version 3 of GetOrder — write one of 1"),
        ('{GetOdrer: "1"}', "chooses a version of GetOdrer, which the agent does not use — did you mean `GetOrder`?"),
    ],
)
def test_choice_of_what_there_is_not_is_a_mistake(project: Project, chosen: str, problem: str) -> None:
    """A choice that chooses nothing is never passed over."""
    project.shelve("GetOrder")
    project.lock()
    project.agent("GetOrder", more=f"  tool_versions: {chosen}\n")
    assert [f"manifest.yaml:7: {problem}"] == project.problems()


def test_version_that_is_there_and_not_locked_is_said_to_be_so(project: Project) -> None:
    """A version that waits for review is told from one that there is not."""
    project.shelve("GetOrder", "1")
    project.lock()
    project.shelve("GetOrder", "2")
    project.agent("GetOrder", more='  tool_versions: {GetOrder: "2"}\n')
    assert "GetOrder@2.yaml:1: GetOrder 2 is in the catalog and not locked" in project.problems()[0]
    project.agent("GetOrder")
    assert "1" == project.load().tools[0].version


def test_shared_tool_takes_no_probe_from_the_agent(project: Project) -> None:
    """Whoever writes an agent does not choose who answers for the outcome of a shared effect."""
    project.shelve("RefundOrder", effect="write", more="  idempotency: read_back\n  probe: FindRefund\n")
    project.lock()
    probe = TOOL.format(name="FindRefund", version="1", effect="read", more="").replace("order:", "idempotency_key:")
    project.agent("RefundOrder", own={"probe.yaml": probe})
    assert ["RefundOrder@1.yaml:7: FindRefund is asked for by a tool of the catalog, and is not in the catalog"] == [
        problem.partition(" — ")[0] for problem in project.problems()
    ]


def test_bare_schema_of_the_seed_is_a_tool_of_the_catalog_as_it_stands(project: Project) -> None:
    """Seed 5's contract works as written: undeclared, it is irreversible, of high risk, and can be locked."""
    path = project.catalog / "support" / "ticket.json"
    path.parent.mkdir(parents=True)
    path.write_text(SEED_5, encoding="utf-8")
    project.lock()
    project.agent("CreateSupportTicket")
    (only,) = project.problems()
    assert "CreateSupportTicket has no implementation" in only
    found = project.read().tools
    contract = next(document.contract for name, document in found.items() if name == "CreateSupportTicket")
    assert ("irreversible", "high", "none") == (contract.effect, contract.risk, contract.idempotency)


def test_lock_that_cannot_be_read_locks_nothing(project: Project) -> None:
    """A broken lock fails closed, with its line."""
    project.shelve("GetOrder")
    project.lock()
    lock = project.catalog / "catalog.lock"
    lock.write_text(lock.read_text(encoding="utf-8").replace('"form": 1', '"form": 2'), encoding="utf-8")
    project.agent("GetOrder")
    assert "catalog.lock:2: 'form' is 2" in project.problems()[0]
    with pytest.raises(InvalidDocument):
        project.load()


def test_lock_in_which_a_name_stands_twice_locks_nothing(project: Project) -> None:
    """A reviewer would read the one, and a parser takes the other."""
    project.shelve("GetOrder")
    project.lock()
    lock = project.catalog / "catalog.lock"
    text = lock.read_text(encoding="utf-8")
    lock.write_text(text.replace('"name": "GetOrder"', '"name": "GetOrder", "name": "GetOrder"'), encoding="utf-8")
    project.agent("GetOrder")
    assert "the name 'name' stands here for the second time" in project.problems()[0]


def test_lock_holds_as_many_tools_as_several_large_services_have(tmp_path: Path) -> None:
    """Twenty thousand, written and read as they were."""
    tools = [
        LockedTool(name=ToolName(f"tool_{n}"), version="1", file=f"a/{n}.yaml", contract=Digest("a" * 64))
        for n in range(20_000)
    ]
    write_lock(tmp_path, tools)
    assert 2_000_000 < (tmp_path / "catalog.lock").stat().st_size
    lock, problems = read_lock(Folder(tmp_path))
    assert ([], {tool.name for tool in tools}) == (problems, {tool.name for tool in lock.tools})


def test_lock_holds_one_tool_a_line(project: Project) -> None:
    """Two people who lock different tools do not collide."""
    project.shelve("GetOrder")
    project.shelve("FindOrder")
    project.lock()
    lines = (project.catalog / "catalog.lock").read_text(encoding="utf-8").splitlines()
    assert ["FindOrder", "GetOrder"] == [json.loads(line.strip(" ,"))["name"] for line in lines if "name" in line]


def test_file_with_cases_is_no_file_with_contracts(project: Project) -> None:
    """Cases may stand beside contracts, in the catalog and in an agent's folder."""
    path = project.shelve("GetOrder", file="GetOrder.yaml")
    Path(str(path).replace(".yaml", ".tests.yaml")).write_text("tests: []\n", encoding="utf-8")
    project.lock()
    own = {"own.yaml": TOOL.format(name="Own", version="1", effect="read", more=""), "own.tests.yaml": "tests: []\n"}
    project.agent("GetOrder", "Own", own=own)
    assert [] == project.problems()
