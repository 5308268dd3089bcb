"""The command on fakes: what people look at."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from proctor.contracts.kill import Fence, KillScope
from proctor.contracts.run import RunStatus
from tests.unit.gateway.test_command import ends_as

from .fakes import NOW, FakeInstallation, human_request, run_record

Call = Callable[..., tuple[int, str, str]]
REPORT = {"root_cause": "wedged", "cites": ["kb-1"]}


def test_watch_gives_json_lines_where_there_is_no_terminal(proctor: Call, installation: FakeInstallation) -> None:
    """Each line is one audit record; the exit code is the run's."""
    ends_as(installation, RunStatus.FAILED)
    installation.store.rows["run-1"] = run_record()
    installation.engine.on_start("run-1")
    code, out, _ = proctor("watch", "run-1")
    assert code == 5
    assert [json.loads(line)["kind"] for line in out.splitlines()] == ["run_opened", "plan_recorded"]


def test_run_of_an_agent_whose_tool_is_held_is_told_so_at_the_start(
    proctor: Call, installation: FakeInstallation
) -> None:
    """It is accepted, since it may never use the tool; nobody learns only from its end that it could not."""
    source = ends_as(installation, RunStatus.COMPLETED)
    fence = {"actor": "olga", "reason": "x", "mode": "freeze", "raised_at": NOW}
    installation.store.fence_rows = [
        Fence(epoch=7, scope=KillScope.TOOL, value="Restart", **fence),
        Fence(epoch=8, scope=KillScope.TOOL, value="OfOthers", **fence),
    ]
    code, _, err = proctor("run", "resolver", "-i", source)
    assert (code, 1) == (0, err.count("a kill holds Restart (fence 7): a call of it ends the run"))


def test_wait_survives_a_short_absence_of_the_store(proctor: Call, installation: FakeInstallation) -> None:
    """No record is lost or told twice."""
    source = ends_as(installation, RunStatus.COMPLETED)
    installation.store.away = 1
    code, _, err = proctor("run", "resolver", "-i", source)
    assert (code, err.count("look first")) == (0, 1)


def test_show_prints_report_and_what_waits(proctor: Call, installation: FakeInstallation) -> None:
    """In JSON, one object with everything."""
    store = installation.store
    store.rows["run-1"] = run_record()
    store.requests["req-000001"] = human_request()
    code, out, _ = proctor("show", "run-1", "-o", "json")
    assert (code, json.loads(out)["waiting_for"][0]["id"]) == (0, "req-000001")
    code, out, err = proctor("show", "run-1")
    assert (code, "resolver" in out) == (0, True)
    assert "proctor approve req-000001" in err


def test_show_prints_the_audit_head_as_verify_takes_it(proctor: Call, installation: FakeInstallation) -> None:
    """Whoever keeps it can paste it after --head; a program reads its parts."""
    installation.store.rows["run-1"] = run_record()
    installation.store.record("run-1", ("run_opened", {}))
    head = json.loads(proctor("show", "run-1", "-o", "json")[1])["audit_head"]
    assert f"audit head  {head['n']}:{head['hash']}\n" in proctor("show", "run-1")[1]
    assert proctor("audit", "verify", "run-1", "--head", f"{head['n']}:{head['hash']}")[0] == 0


def test_lists_have_three_formats(proctor: Call, installation: FakeInstallation) -> None:
    """Table for people; json one array; jsonl one object a line."""
    installation.store.rows = {name: run_record(name) for name in ("run-1", "run-2")}
    assert len(proctor("ps")[1].splitlines()) == 3
    assert len(json.loads(proctor("ps", "-o", "json")[1])) == 2
    assert len([json.loads(line) for line in proctor("ps", "-o", "jsonl")[1].splitlines()]) == 2
    assert json.loads(proctor("approvals", "-o", "json")[1]) == []


def test_principals_are_listed_with_what_the_store_says(proctor: Call, installation: FakeInstallation) -> None:
    """A token that the store no longer knows is shown as such."""
    del installation.store.tokens["token-reader"]
    found: list[dict[str, Any]] = json.loads(proctor("principals", "ls", "-o", "json")[1])
    assert {row["name"]: row["token"] for row in found if row["token"] == "accepted"} == {
        "maria.ops": "accepted",
        "operator": "accepted",
        "second.operator": "accepted",
    }
    assert len(found) == 4


def test_owner_adds_a_principal_whose_token_works(proctor: Call, installation: FakeInstallation) -> None:
    """The token file is written, private, and accepted."""
    assert proctor("principals", "add", "alice", "--role", "requester", "--as", "maria.ops")[0] == 0
    source = ends_as(installation, RunStatus.COMPLETED)
    assert proctor("run", "resolver", "-i", source, "--as", "alice")[0] == 0
    assert proctor("principals", "add", "bob", "--role", "king", "--as", "maria.ops")[0] == 2


def test_a_principal_that_is_disabled_is_nobody(proctor: Call) -> None:
    """The command says how they are let in again."""
    code, _, told = proctor("principals", "disable", "second.operator", "--as", "maria.ops")
    assert (0, True) == (code, "`proctor principals add second.operator --role R`" in told)
    assert 4 == proctor("whoami", "--as", "second.operator")[0]


def test_agents_and_tools_are_listed_from_files(proctor: Call, installation: FakeInstallation) -> None:
    """Without Temporal and without a database."""
    installation.down = "Postgres does not answer"
    assert json.loads(proctor("agents", "ls", "-o", "json")[1])[0]["name"] == "resolver"
    assert "resolver" in proctor("agents")[1]
    assert json.loads(proctor("tools", "ls", "-o", "json")[1])[0]["agents"] == ["resolver"]
    assert json.loads(proctor("tools", "show", "Restart")[1])["name"] == "Restart"


def test_entries_give_their_exit_code(installation: FakeInstallation, proctor: Call) -> None:
    """`worker` starts what the composition root passed in; without it, one clear line."""
    from gateway.cli.main import run
    from gateway.cli.session import Wiring

    assert proctor("worker")[0] == 1
    assert run(["worker"], Wiring({}, installation.folder, {"worker": lambda settings: 7})) == 7


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("approvals", "nothing waits for a person"),
        ("fences", "no kill is in force"),
        ("ps", "there are no such runs"),
    ],
)
def test_empty_list_says_that_it_is_empty(proctor: Call, command: str, said: str) -> None:
    """A person sees more than a headline; a program sees an empty list and nothing else."""
    assert (0, f"{said}\n") == (proctor(command)[0], proctor(command)[2])
    assert (0, "[]\n", "") == proctor(command, "-o", "json")


def test_times_in_tables_are_short_and_in_json_exact(proctor: Call, installation: FakeInstallation) -> None:
    """A table has seconds; what programs read keeps every digit."""
    record = run_record(created_at=NOW.replace(microsecond=123456))
    installation.store.rows["run-1"] = record
    assert f"{NOW:%Y-%m-%d %H:%M:%S}Z" in proctor("ps")[1]
    assert ".123456Z" in proctor("ps", "-o", "json")[1]


def test_whoever_decides_sees_the_arguments_uncut(proctor: Call, installation: FakeInstallation) -> None:
    """Titles are cut to fit; an approval is for exact arguments, so both views show them whole, and harmless."""
    arguments = {"why": "it does not answer " * 20 + "\x1b[2J"}
    request = human_request(details={"arguments": arguments})
    installation.store.rows["run-1"] = run_record(status=RunStatus.WAITING)
    installation.store.requests[request.id] = request
    installation.store.record("run-1", ("approval_requested", {"step": 0, "request": request.id}))
    for command in (("show", "run-1"), ("watch", "run-1", "-o", "table", "--timeout", "1")):
        err = proctor(*command)[2]
        assert "with exactly " + json.dumps(arguments, separators=(",", ":")) in err
