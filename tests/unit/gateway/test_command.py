"""The command on fakes: what it prints where, and its exit codes."""

import json
import shlex
import signal
from collections.abc import Callable

import pytest

from proctor.contracts.deciding import commands_for
from proctor.contracts.human import RequestKind
from proctor.contracts.ids import RequestId
from proctor.contracts.run import RunStatus

from .fakes import FakeInstallation, bundle, human_request, run_record

Call = Callable[..., tuple[int, str, str]]
REPORT = {"root_cause": "wedged", "cites": ["kb-1"]}


def ends_as(installation: FakeInstallation, status: RunStatus, reason: str = "") -> str:
    """Let the next run end so, and give the path of its input."""

    def on_start(run_id: str) -> None:
        installation.store.record(run_id, ("run_opened", {}), ("plan_recorded", {"step": 0, "reason": "look first"}))
        installation.store.end(run_id, status, reason, REPORT if status is RunStatus.COMPLETED else None)

    installation.engine.on_start = on_start
    return installation.input_file({"service": "web"})


def test_run_prints_progress_on_stderr_and_the_report_on_stdout(proctor: Call, installation: FakeInstallation) -> None:
    """Exit 0: the run completed; stdout holds the report alone."""
    code, out, err = proctor("run", "resolver", "--input", ends_as(installation, RunStatus.COMPLETED))
    assert (code, json.loads(out)) == (0, REPORT)
    assert "step 0: planned — look first" in err
    assert "completed" in err


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (RunStatus.DENIED, 3),
        (RunStatus.CANCELLED, 3),
        (RunStatus.KILLED, 3),
        (RunStatus.FAILED, 5),
        (RunStatus.BLOCKED, 6),
    ],
)
def test_exit_code_of_run_says_how_it_ended(
    proctor: Call, installation: FakeInstallation, status: RunStatus, code: int
) -> None:
    """3 denied, cancelled, killed; 5 failed; 6 blocked by policy; the reason is on stderr."""
    found, _, err = proctor("run", "resolver", "--input", ends_as(installation, status, "because"))
    assert code == found
    assert "because" in err


def test_run_output_json_holds_run_and_report(proctor: Call, installation: FakeInstallation) -> None:
    """One object for programs."""
    _, out, _ = proctor("run", "resolver", "-i", ends_as(installation, RunStatus.COMPLETED), "-o", "json")
    found = json.loads(out)
    assert (found["status"], found["report"]) == ("completed", REPORT)


def test_detached_run_prints_its_id_and_exits_0(proctor: Call, installation: FakeInstallation) -> None:
    """The id alone on stdout, while the run is still open."""
    source = installation.input_file({"service": "web"})
    code, out, _ = proctor("run", "resolver", "-i", source, "--detach", "--idempotency-key", "key-7")
    assert (code, out) == (0, "key-7\n")


def test_waiting_past_the_timeout_exits_8_and_the_run_goes_on(proctor: Call, installation: FakeInstallation) -> None:
    """8: still pending; nothing was cancelled."""
    source = installation.input_file({"service": "web"})
    code, out, err = proctor("run", "resolver", "-i", source, "--timeout", "0.1", "--idempotency-key", "key-8")
    assert (code, out) == (8, "")
    assert "proctor watch key-8" in err
    assert installation.engine.stopped == []


def test_interrupted_wait_exits_130_and_the_run_goes_on(proctor: Call, installation: FakeInstallation) -> None:
    """Ctrl-C ends the waiting, not the run, and says so."""
    installation.store.on_follow = lambda _: signal.raise_signal(signal.SIGINT)
    source = installation.input_file({"service": "web"})
    code, _, err = proctor("run", "resolver", "-i", source, "--idempotency-key", "key-9")
    assert code == 130
    assert "run key-9 goes on" in err
    assert installation.engine.stopped == []


def test_waiting_run_says_whose_turn_it_is_and_how_to_decide(proctor: Call, installation: FakeInstallation) -> None:
    """A person reads who may decide, until when, and by which command."""
    store = installation.store

    def on_start(run_id: str) -> None:
        store.requests["req-000001"] = human_request(run_id=run_id)
        store.record(run_id, ("approval_requested", {"step": 0, "request": "req-000001", "title": "Restart"}))

    installation.engine.on_start = on_start
    source = installation.input_file({"service": "web"})
    _, _, err = proctor("run", "resolver", "-i", source, "--timeout", "0.1")
    assert "for maria.ops or an approver other than operator" in err
    assert "proctor approve req-000001" in err


def test_same_key_again_waits_for_the_same_run(proctor: Call, installation: FakeInstallation) -> None:
    """The second command finds the run that the first one made."""
    source = ends_as(installation, RunStatus.COMPLETED)
    proctor("run", "resolver", "-i", source, "--idempotency-key", "k")
    code, out, err = proctor("run", "resolver", "-i", source, "--idempotency-key", "k")
    assert (code, json.loads(out), len(installation.store.rows)) == (0, REPORT, 1)
    assert "exists already (completed)" in err


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"service": }', "line 1 column 13"),
        ('{"service": NaN}', "NaN is not a JSON number"),
        ('{"a": 1, "a": 2}', "'a' occurs twice"),
        ("[" * 100_000, "nested too deeply"),
        ('{"service": 7}', "at $.service"),
        ("{}", '"service" is missing'),
        (" " * (4 * 1024 * 1024 + 1), "more than 4194304 bytes"),
        ('{"service": "' + "x" * 1_100_000 + '"}', "at most 262144"),
    ],
)
def test_unusable_input_is_one_clear_line_and_exit_2(
    proctor: Call, installation: FakeInstallation, content: str, said: str
) -> None:
    """What is wrong, where, and what to do; nothing is accepted."""
    code, out, err = proctor("run", "resolver", "-i", installation.input_file(content))
    assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert said in err
    assert "—" in err
    assert installation.store.rows == {}


def test_unreadable_input_is_one_clear_line_and_exit_2(proctor: Call, installation: FakeInstallation) -> None:
    """A missing file, a folder, and bytes that are no text are told apart."""
    latin = installation.folder / "latin.json"
    latin.write_bytes('{"service": "é"}'.encode("latin-1"))
    cases = {"missing.json": "no file", str(installation.folder): "is a folder", str(latin): "is not UTF-8"}
    for source, said in cases.items():
        code, _, err = proctor("run", "resolver", "-i", source)
        assert (code, len(err.splitlines())) == (2, 1)
        assert said in err


@pytest.mark.parametrize(
    "arguments",
    [
        ("show", "nobody"),
        ("watch", "nobody"),
        ("explain", "nobody"),
        ("receipt", "nobody"),
        ("approvals", "--run", "nobody"),
        ("approve", "req-nobody", "--as", "maria.ops"),
        ("kill", "nobody", "--reason", "x"),
        ("kill", "--agent", "nobody", "--reason", "x"),
        ("release", "99"),
        ("audit", "verify", "nobody"),
        ("audit", "export", "nobody"),
        ("tools", "show", "nobody"),
        ("agents", "show", "nobody"),
        ("run", "nobody", "-i", "INPUT"),
    ],
)
def test_unknown_name_is_one_clear_line_and_exit_2(
    proctor: Call, installation: FakeInstallation, arguments: tuple[str, ...]
) -> None:
    """Runs, requests, agents, tools and fences that do not exist."""
    source = installation.input_file({"service": "web"})
    code, out, err = proctor(*(source if word == "INPUT" else word for word in arguments))
    assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert "there is no" in err
    assert installation.store.fence_rows == []


def test_store_that_is_down_is_one_clear_line_and_exit_1(proctor: Call, installation: FakeInstallation) -> None:
    """Which part, and what to do."""
    installation.down = "Postgres does not answer (tried localhost:5432/proctor)"
    code, out, err = proctor("ps")
    assert (code, out) == (1, "")
    assert err == "proctor: Postgres does not answer (tried localhost:5432/proctor) — start `proctor dev`\n"


def test_temporal_that_is_down_is_one_clear_line_and_exit_1(proctor: Call, installation: FakeInstallation) -> None:
    """Nothing is accepted that could not start."""
    installation.engine.away = 1
    code, _, err = proctor("run", "resolver", "-i", installation.input_file({"service": "web"}))
    assert (code, installation.store.rows) == (1, {})
    assert "does not answer — start `proctor dev`" in err


def test_unexpected_error_is_one_line_and_exit_1(proctor: Call, installation: FakeInstallation) -> None:
    """No traceback reaches a person who did not ask for one."""
    installation.catalog.bundles["resolver"] = None  # type: ignore[assignment]
    code, _, err = proctor("run", "resolver", "-i", installation.input_file({}))
    assert (code, len(err.splitlines())) == (1, 1)
    assert "internal error: AttributeError" in err


@pytest.mark.parametrize(
    "arguments",
    [
        ("nope",),
        ("run", "resolver"),
        ("deny", "req-000001"),
        ("kill", "--reason", "x"),
        ("kill", "run-1", "--all", "--reason", "x"),
        ("settle", "req-000001"),
        ("audit", "verify"),
        ("ps", "--output", "xml"),
        ("audit", "verify", "run-1", "--head", "x"),
    ],
)
def test_wrong_usage_exits_2(proctor: Call, arguments: tuple[str, ...]) -> None:
    """Usage goes to stderr."""
    code, out, err = proctor(*arguments)
    assert (code, out) == (2, "")
    assert "Usage:" in err


@pytest.mark.parametrize(
    ("arguments", "longest"),
    [(("approve", "req-000001", "--stop-asking", "31d"), 30), (("api-keys", "create", "--for", "367d"), 366)],
)
def test_a_time_that_is_too_long_is_told_how_long_it_may_be(
    proctor: Call, installation: FakeInstallation, arguments: tuple[str, ...], longest: int
) -> None:
    """In days, as it was given, and not in seconds."""
    installation.store.requests["req-000001"] = human_request()
    code, _, err = proctor(*arguments, "--as", "maria.ops")
    assert (2, f"proctor: {arguments[-1]} is too long — it may last {longest} days at most\n") == (code, err)


@pytest.mark.parametrize("kind", RequestKind)
def test_commands_that_a_request_shows_can_be_entered_as_they_are(proctor: Call, kind: RequestKind) -> None:
    """They are copied, by people in a hurry."""
    for command in commands_for(kind, RequestId("req-000001")):
        assert "there is no request" in proctor(*shlex.split(command)[1:])[2]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("run", "resolver", "-i", "INPUT", "--as", "reader"), "may not start runs"),
        (("run", "resolver", "-i", "INPUT", "--as", "ghost"), "no token of ghost"),
        (("run", "resolver", "-i", "INPUT", "--as", "maria.op"), "did you mean `maria.ops`?"),
        (("approve", "req-000001"), "may not decide"),
        (("kill", "run-1", "--reason", "x", "--as", "reader"), "may not stop runs"),
        (("release", "1"), "a second person"),
        (("principals", "add", "eve", "--role", "owner"), "may not change principals"),
    ],
)
def test_person_without_the_right_exits_4(
    proctor: Call, installation: FakeInstallation, arguments: tuple[str, ...], said: str
) -> None:
    """Roles are enforced, and a name without its token is nobody."""
    store = installation.store
    store.rows["run-1"] = run_record()
    store.requests["req-000001"] = human_request()
    proctor("kill", "--all", "--reason", "x", "--timeout", "0")
    source = installation.input_file({"service": "web"})
    code, _, err = proctor(*(source if word == "INPUT" else word for word in arguments))
    assert code == 4
    assert said in err


def test_nobody_signed_in_exits_4_outside_a_dev_stack(proctor: Call, installation: FakeInstallation) -> None:
    """Against a configured installation there is no default person."""
    installation.environ |= {"DATABASE_URL": "postgresql://h/d", "TEMPORAL_ADDRESS": "h:7233"}
    code, _, err = proctor("run", "resolver", "-i", installation.input_file({"service": "web"}))
    assert code == 4
    assert "nobody is signed in — pass --as NAME" in err


def test_agent_without_owner_exits_6(proctor: Call, installation: FakeInstallation) -> None:
    """6: refused by rule; it says what is missing."""
    installation.catalog.bundles["resolver"] = bundle(owner="")
    code, _, err = proctor("run", "resolver", "-i", installation.input_file({"service": "web"}))
    assert code == 6
    assert "has no owner" in err


def test_decision_reaches_request_and_run(proctor: Call, installation: FakeInstallation) -> None:
    """Approve, deny, answer and settle each use the word that fits."""
    store = installation.store
    kinds = [RequestKind.APPROVAL, RequestKind.APPROVAL, RequestKind.QUESTION, RequestKind.UNKNOWN_OUTCOME]
    store.requests = {f"req-{n:06}": human_request(f"req-{n:06}", kind) for n, kind in enumerate(kinds)}
    calls = [
        ("approve", "req-000000"),
        ("deny", "req-000001", "--reason", "no"),
        ("answer", "req-000002", "42"),
        ("settle", "req-000003", "--not-happened"),
    ]
    assert [proctor(*call, "--as", "maria.ops")[0] for call in calls] == [0] * 4
    assert store.journal_of_calls == ["decide approve", "decide deny", "decide answer", "decide not_happened"]
    assert len(installation.engine.woken) == 4


def test_late_decision_exits_6_and_says_why(proctor: Call, installation: FakeInstallation) -> None:
    """Recorded and not applied is not success."""
    installation.store.requests["req-000001"] = human_request()
    installation.store.applied = False
    code, _, err = proctor("approve", "req-000001", "--as", "maria.ops")
    assert code == 6
    assert "too late" in err


def test_kill_prints_receipt_and_exit_code(proctor: Call, installation: FakeInstallation) -> None:
    """0 when all has ended, 8 when something has not, 1 when Temporal could not be told."""
    store, engine = installation.store, installation.engine
    store.rows["run-1"] = run_record()
    engine.open.add("run-1")
    code, _, err = proctor("kill", "run-1", "--reason", "x", "--timeout", "0.05")
    assert (code, "run run-1 has not ended yet" in err) == (8, True)
    engine.on_stop = lambda run_id: store.end(run_id, RunStatus.KILLED)
    code, out, _ = proctor("kill", "run-1", "--reason", "x", "-o", "json")
    assert (code, json.loads(out)["receipts"][0]["status"]) == (0, "killed")
    store.rows["run-2"] = run_record("run-2")
    engine.away = 1
    code, _, err = proctor("kill", "--all", "--reason", "x")
    assert (code, "no new effect can begin" in err) == (1, True)


def test_release_takes_a_second_person(proctor: Call, installation: FakeInstallation) -> None:
    """Who raised a fence does not lift it."""
    proctor("kill", "--all", "--reason", "x")
    assert proctor("release", "1")[0] == 4
    assert "is lifted by second.operator" in proctor("release", "1", "--as", "second.operator")[2]
    assert "was lifted before, by second.operator" in proctor("release", "1", "--as", "maria.ops")[2]
