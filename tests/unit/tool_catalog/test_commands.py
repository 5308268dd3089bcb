"""`proctor tools …` on the files of a project, through the command itself."""

import json
import shlex
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.argument_samples import MAX_DEPTH, mutations, sample
from gateway.cli.main import run
from gateway.cli.session import Wiring
from proctor.contracts.schemas import checker
from proctor.tools.signature import load_signature

from .shelf import TOOL, Project

Call = Callable[..., tuple[int, str, str]]
CODE = '''\
def look_up(order: str) -> dict[str, str]:
    """Look an order up."""
    return {"order": order}


def refund(order: str, amount: float, idempotency_key: str) -> dict[str, str]:
    """Pay an order back."""
    return {"order": order}
'''


@pytest.fixture
def proctor(project: Project, capsys: pytest.CaptureFixture[str]) -> Call:
    """Call the command in the project; gives exit code, stdout and stderr."""
    (project.root / "agents").mkdir(exist_ok=True)

    def call(*arguments: str) -> tuple[int, str, str]:
        code = run(("tools", *arguments), Wiring({}, project.root))
        out, err = capsys.readouterr()
        return code, out, err

    return call


@pytest.fixture
def module(project: Project) -> Iterator[Path]:
    """Write a module with two tools that can be imported."""
    name = f"shop_{abs(hash(project.root))}"
    path = project.root / f"{name}.py"
    path.write_text(CODE, encoding="utf-8")
    sys.path.append(str(project.root))
    yield path
    sys.path.remove(str(project.root))
    forget(path)


def forget(path: Path) -> None:
    """Let the next import read the file again, as another process would."""
    sys.modules.pop(path.stem, None)
    load_signature.cache_clear()


def rows(answer: tuple[int, str, str]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(answer[1])
    return found


def marks(proctor: Call) -> dict[str, list[str]]:
    return {row["name"]: row["marks"] for row in rows(proctor("ls", "-o", "json"))}


def test_python_module_becomes_locked_tools_that_are_watched(proctor: Call, project: Project, module: Path) -> None:
    """Add, lock, verify, change, verify, accept: the whole life of a contract, a command each."""
    code, _, err = proctor("add", "python", module.stem, "--source", "shop", "--owner", "ann")
    assert (0, True) == (code, "proctor tools lock" in err)
    assert {"LookUp": ["unused", "unlocked"], "Refund": ["unused", "unlocked"]} == marks(proctor)
    assert 6 == proctor("lock", "--check")[0]
    assert ["locked", "locked"] == [row["change"] for row in rows(proctor("lock", "-o", "json"))]
    assert (0, 0) == (proctor("lock", "--check")[0], proctor("verify")[0])
    project.agent("LookUp")
    assert {"LookUp": [], "Refund": ["unused"]} == marks(proctor)
    module.write_text(CODE.replace("Pay an order back", "Pay it all back"), encoding="utf-8")
    forget(module)
    code, out, err = proctor("verify", "-o", "json")
    assert {"LookUp": "same", "Refund": "changed"} == {row["name"]: row["state"] for row in json.loads(out)}
    assert (6, True) == (code, "+  description: Pay it all back." in err)
    assert 6 == proctor("add", "python", module.stem, "--source", "shop", "--owner", "ann")[0]
    code, out, err = proctor("accept", "Refund", "--as", "ann")
    assert (6, "", True) == (code, out, "+  description: Pay it all back." in err)
    shown = err.split("--seen ")[1].strip()
    module.write_text(CODE.replace("Pay an order back", "Pay whatever is asked"), encoding="utf-8")
    forget(module)
    code, out, err = proctor("accept", "Refund", "--as", "ann", "--seen", shown)
    assert (6, "", True) == (code, out, f"something else now than the change {shown}" in err)
    assert "Pay an order back" in (project.catalog / "shop" / "Refund.yaml").read_text(encoding="utf-8")
    shown = err.split("--seen ")[1].strip()
    code, out, _ = proctor("accept", "Refund", "--as", "ann", "--seen", shown, "-o", "json")
    assert (0, "ann") == (code, json.loads(out)[0]["provenance"]["accepted_by"])
    assert (0, 0) == (proctor("verify")[0], proctor("lock", "--check")[0])


def test_what_is_to_be_typed_to_accept_asks_for_no_more_than_was_asked(proctor: Call, module: Path) -> None:
    """Claims that were left out stay out, the version stays, and the digest is too long to find two changes for it."""
    proctor("add", "python", module.stem, "--source", "shop")
    module.write_text(CODE.replace("Pay an order back", "Pay it all back"), encoding="utf-8")
    forget(module)
    _, _, err = proctor("accept", "Refund", "--as", "ann lee", "--no-claims", "--version", "1")
    typed = shlex.split(err.strip().splitlines()[-1])
    assert ["proctor", "tools", "accept", "Refund", "--as", "ann lee"] == typed[:6]
    assert ["--version", "1", "--no-claims", "--seen"] == typed[6:-1]
    assert 64 == len(typed[-1])
    code, out, _ = proctor(*typed[2:], "-o", "json")
    assert (0, None) == (code, json.loads(out)[0]["provenance"].get("accepted_by") or None)


def test_source_that_is_gone_or_silent_does_not_stand_as_reviewed(
    proctor: Call, project: Project, module: Path
) -> None:
    """Neither counts as unchanged, and neither can be accepted."""
    proctor("add", "python", module.stem, "--source", "shop")
    proctor("lock")
    module.write_text(CODE.partition("def refund")[0], encoding="utf-8")
    forget(module)
    code, out, _ = proctor("verify", "-o", "json")
    assert (6, "gone") == (code, next(row["state"] for row in json.loads(out) if row["name"] == "Refund"))
    assert 6 == proctor("accept", "Refund", "--as", "ann")[0]
    path = project.catalog / "shop" / "LookUp.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace(module.stem, "no_such_module"), encoding="utf-8")
    proctor("lock")
    code, out, _ = proctor("verify", "LookUp", "-o", "json")
    assert (6, "unreachable") == (code, json.loads(out)[0]["state"])
    assert 1 == proctor("accept", "LookUp", "--as", "ann")[0]


def test_deprecated_tool_is_marked_and_stays_locked(proctor: Call, project: Project) -> None:
    """Saying that a tool goes away breaks no agent."""
    project.shelve("GetOrder")
    project.shelve("FindOrder")
    project.lock()
    project.agent("GetOrder", "FindOrder")
    assert 0 == proctor("deprecate", "GetOrder", "--reason", "slow", "--use", "FindOrder")[0]
    assert {"GetOrder": ["deprecated"], "FindOrder": []} == marks(proctor)
    assert ["slow"] == [tool.deprecated.reason for tool in project.load().tools if tool.deprecated is not None]
    assert 2 == proctor("deprecate", "GetOrder", "--reason", "slow", "--use", "NoSuchTool")[0]


def test_versions_are_shown_side_by_side_and_edited_one_at_a_time(proctor: Call, project: Project) -> None:
    """A command that changes a contract is told which."""
    project.shelve("GetOrder", "1")
    project.shelve("GetOrder", "2")
    project.lock()
    assert ["1", "2"] == [row["version"] for row in rows(proctor("show", "GetOrder", "-o", "json"))]
    assert 2 == proctor("deprecate", "GetOrder", "--reason", "old")[0]
    assert 0 == proctor("deprecate", "GetOrder", "--reason", "old", "--version", "1")[0]
    found = {row["version"]: row["marks"] for row in rows(proctor("show", "GetOrder", "-o", "json"))}
    assert {"1": ["unused", "deprecated"], "2": ["unused"]} == found


def test_lock_of_one_tool_leaves_the_others_unreviewed(proctor: Call, project: Project) -> None:
    """Whoever reviewed one contract does not vouch for the rest."""
    project.shelve("GetOrder")
    project.shelve("FindOrder")
    proctor("lock", "GetOrder")
    assert {"GetOrder": ["unused"], "FindOrder": ["unused", "unlocked"]} == marks(proctor)


def test_broken_file_of_the_catalog_locks_nothing(proctor: Call, project: Project) -> None:
    """A mistake in one file is told with its line, and not locked around."""
    project.shelve("GetOrder")
    (project.catalog / "shop" / "bad.yaml").write_text("tool:\n  name: 7\n", encoding="utf-8")
    code, _, err = proctor("lock")
    assert (2, True) == (code, "bad.yaml:2" in err)
    assert not (project.catalog / "catalog.lock").exists()


def test_tool_that_nobody_owns_is_marked(proctor: Call, project: Project) -> None:
    """An effect without anybody to ask is something to look at."""
    path = project.shelve("GetOrder")
    path.write_text(path.read_text(encoding="utf-8").replace("  owner: ann\n", ""), encoding="utf-8")
    project.lock()
    assert {"GetOrder": ["unused", "unowned"]} == marks(proctor)
    assert 1 == proctor("test")[0]


@pytest.mark.parametrize(
    ("case", "failure"),
    [
        ("{case: c, arguments: {order: 7}}", "its arguments should fit: at $.order"),
        ("{case: c, arguments: {order: a}, expect: refused}", "should be refused, and fit"),
        ("{case: c, arguments: {order: 7}, expect: refused, names: amount}", "does not name 'amount'"),
        ("{case: c, arguments: {order: a}, result: 7}", "its result does not fit the output schema"),
    ],
)
def test_case_that_does_not_come_out_fails(proctor: Call, project: Project, case: str, failure: str) -> None:
    """What a case says is held against the schemas that calls are held against."""
    project.shelve("GetOrder", more=f"  output: {{type: object}}\n  tests: [{case}]\n")
    code, out, _ = proctor("test", "-o", "json")
    failed = [row["message"] for row in json.loads(out) if row["level"] == "failed"]
    assert (1, 1) == (code, len(failed))
    assert failure in failed[0]


def test_cases_of_the_file_beside_are_run(proctor: Call, project: Project) -> None:
    """A case that names a tool which is not in the file is a mistake, not nothing."""
    project.shelve("GetOrder", file="GetOrder.yaml")
    beside = project.catalog / "shop" / "GetOrder.tests.yaml"
    beside.write_text("tests:\n  - {case: c, arguments: {order: 7}}\n", encoding="utf-8")
    assert 1 == proctor("test")[0]
    beside.write_text("tests:\n  - {case: c, tool: GetOdrer, arguments: {order: a}}\n", encoding="utf-8")
    code, _, err = proctor("test")
    assert (2, True) == (code, "GetOrder.tests.yaml:2" in err)


def test_arguments_are_changed_in_every_way_that_a_schema_forbids() -> None:
    """Each required argument is left out, each typed one has another type, and one is added that there is not."""
    schema = {
        "type": "object",
        "required": ["id", "kind"],
        "properties": {
            "id": {"type": "string", "pattern": "^[0-9]+$", "minLength": 3},
            "kind": {"enum": ["a", "b"]},
            "size": {"$ref": "#/$defs/size"},
            "any": {},
        },
        "$defs": {"size": {"type": ["number", "null"]}},
    }
    fitting = sample(schema, is_closed=True)
    assert fitting is None  # No text of the list has three digits, and none is made up that does not fit.
    changed = dict(mutations(schema, {"id": "123", "kind": "a"}))
    assert ["without id", "without kind"] == [what for what in changed if what.startswith("without")]
    assert {"id", "kind", "size"} == {what.partition(" as ")[0] for what in changed if " as " in what}
    assert "with undeclared_argument" in changed
    assert all(checker(schema, is_closed=True)(arguments) for arguments in changed.values())
    others = {**schema, "additionalProperties": {"type": "integer"}}
    assert "with undeclared_argument" not in dict(mutations(others, {"id": "123", "kind": "a"}))


def _wide(level: int) -> dict[str, object]:
    names = [f"p{n}" for n in range(9)]
    below = {"$ref": f"#/$defs/A{level + 1}"} if level < MAX_DEPTH else {"type": "string"}
    return {"type": "object", "required": names, "properties": dict.fromkeys(names, below)}


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "minLength": 2**53},
        {"type": "array", "minItems": 2**53},
        {"$ref": "#/$defs/A", "$defs": {"A": {"anyOf": [{"$ref": "#/$defs/A"}, {"type": "integer"}]}}},
        {"$ref": "#/$defs/A", "$defs": {"A": {"allOf": [{"$ref": "#/$defs/A"}], "type": "integer"}}},
        {"$ref": "#/$defs/A0", "$defs": {f"A{level}": _wide(level) for level in range(MAX_DEPTH + 1)}},
    ],
    ids=["long", "many", "circle", "circle of all", "wide"],
)
def test_schema_that_asks_for_what_has_no_bound_gets_no_sample(schema: dict[str, object]) -> None:
    """Schemas come from others: `tools test` must neither hang on one nor take the machine's memory."""
    assert sample(schema) is None


def test_probe_and_compensation_are_held_against_what_they_are_called_with(proctor: Call, project: Project) -> None:
    """A read-back that cannot say `happened`, and an undo that would be refused, are found before they are needed."""
    more = (
        "  idempotency: read_back\n  probe: FindRefund\n"
        '  compensation: {tool: ChargeOrder, arguments: {order: "${result.count}"}}\n'
        "  output: {type: object, properties: {count: {type: integer}}}\n"
        "  tests: [{case: c, arguments: {order: a}, result: {count: 1}}]\n"
    )
    project.shelve("RefundOrder", effect="write", more=more)
    project.shelve("ChargeOrder", effect="write")
    probe = TOOL.format(
        name="FindRefund",
        version="1",
        effect="read",
        more="  output: {type: object, properties: {happened: {type: string}}}\n",
    )
    (project.catalog / "shop" / "probe.yaml").write_text(
        probe.replace("{order:", "{idempotency_key:"), encoding="utf-8"
    )
    code, out, _ = proctor("test", "RefundOrder", "-o", "json")
    failed = {row["check"]: row["message"] for row in json.loads(out) if row["level"] == "failed"}
    assert (1, {"probe", "compensation"}) == (code, set(failed))
    assert "cannot answer `happened`" in failed["probe"]
    assert "does not fit ChargeOrder" in failed["compensation"]
