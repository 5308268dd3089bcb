"""The gateway's services, on fakes."""

from pathlib import Path

import pytest

from gateway.admission import submit
from gateway.agents import load_agent
from gateway.approvals import decide
from gateway.identity import (
    LOCAL_PRINCIPALS,
    check_may_enrol,
    enrol,
    ensure_local_principals,
    find_token,
    local_names,
    token_path,
)
from gateway.killing import check_target, default_mode, kill
from gateway.policy_changes import PolicyChanges
from proctor.contracts.errors import (
    InvalidInput,
    NotAuthorised,
    OversizeInput,
    ProctorError,
    Refused,
    Unavailable,
    UnknownName,
)
from proctor.contracts.human import HumanDecision, Principal, RequestKind, Role
from proctor.contracts.kill import KillOrder, KillScope
from proctor.contracts.manifest import AgentBundle
from proctor.contracts.run import MAX_INPUT_BYTES, RunStatus, TaskRequest

from .fakes import FakeCatalog, FakeEngine, FakeStore, bundle, human_request, run_record
from .policy_register import FakePolicyRegister

OPERATOR = Principal(name="operator", roles=frozenset({Role.REQUESTER, Role.OPERATOR}))
MARIA = Principal(name="maria.ops", roles=frozenset({Role.OWNER, Role.APPROVER}))


def changes() -> PolicyChanges:
    register = FakePolicyRegister()

    async def recorded(digest: str) -> AgentBundle:
        return register.bundles[digest]

    return PolicyChanges(register, recorded)


def task(**changes: object) -> TaskRequest:
    fields = {
        "agent": "resolver",
        "input": {"service": "web"},
        "requester": "operator",
        "tenant": "default",
        "idempotency_key": "key-1",
    } | changes
    return TaskRequest(**fields)


async def test_submitted_request_is_accepted_and_its_workflow_started() -> None:
    """A request that passes every check has a row and a workflow of the same id."""
    store, engine = FakeStore(), FakeEngine()
    submission = await submit(task(), bundle(), by=OPERATOR, admissions=store, engine=engine, changes=changes())
    assert (submission.is_new, submission.record.run_id) == (True, "key-1")
    assert {"key-1"} == engine.open


async def test_used_idempotency_key_gives_the_same_run() -> None:
    """The second submission makes no second run, and starts the workflow in case the first could not."""
    store, engine = FakeStore(), FakeEngine()
    await submit(task(), bundle(), by=OPERATOR, admissions=store, engine=engine, changes=changes())
    again = await submit(task(), bundle(), by=OPERATOR, admissions=store, engine=engine, changes=changes())
    assert (again.is_new, len(store.rows)) == (False, 1)


@pytest.mark.parametrize(
    ("request_changes", "agent_changes", "who", "error", "said"),
    [
        ({}, {}, MARIA, NotAuthorised, "cannot ask in the name of operator"),
        ({}, {}, Principal(name="operator", roles=frozenset()), NotAuthorised, "may not start runs"),
        ({}, {"owner": ""}, OPERATOR, Refused, "has no owner"),
        ({}, {"planner": None}, OPERATOR, Refused, "has no planner"),
        ({"idempotency_key": "a b"}, {}, OPERATOR, InvalidInput, "'a b' cannot be used"),
        ({"input": {"service": 7}}, {}, OPERATOR, InvalidInput, "at $.service: must be string, not integer"),
        ({"input": {"service": "x" * MAX_INPUT_BYTES}}, {}, OPERATOR, OversizeInput, "at most 262144"),
    ],
)
async def test_request_that_fails_a_check_leaves_nothing_behind(
    request_changes: dict[str, object],
    agent_changes: dict[str, object],
    who: Principal,
    error: type[ProctorError],
    said: str,
) -> None:
    """Every check is made before anything is written, and its message says what is wrong."""
    store, engine = FakeStore(), FakeEngine()
    with pytest.raises(error) as raised:
        await submit(
            task(**request_changes), bundle(**agent_changes), by=who, admissions=store, engine=engine, changes=changes()
        )
    assert said in raised.value.message
    assert raised.value.hint
    assert (len(store.rows), engine.starts) == (0, 0)


async def test_request_while_the_engine_is_away_is_not_accepted() -> None:
    """Work that could not start now is refused, not left half-done."""
    store, engine = FakeStore(), FakeEngine()
    engine.away = 1
    with pytest.raises(Unavailable):
        await submit(task(), bundle(), by=OPERATOR, admissions=store, engine=engine, changes=changes())
    assert store.rows == {}


async def test_decision_is_written_before_the_run_is_woken() -> None:
    """The row is the truth; the signal names request and decision only (rule 6)."""
    store, engine = FakeStore(requests={"req-000001": human_request()}), FakeEngine()
    engine.open.add("run-1")
    order = HumanDecision(request_id="req-00", word="approve")
    result = await decide(order, by=MARIA, people=store, engine=engine)
    assert (result.woken, result.receipt.applied) == (True, True)
    assert engine.woken == [("run-1", "req-000001")]


async def test_decision_stands_when_the_engine_stays_away() -> None:
    """A signal that cannot be sent is tried again, and then said; the decision is recorded all the same."""
    store, engine = FakeStore(requests={"req-000001": human_request()}), FakeEngine()
    engine.away = 10
    order = HumanDecision(request_id="req-000001", word="approve")
    result = await decide(order, by=MARIA, people=store, engine=engine, pause_s=0)
    assert (result.woken, result.receipt.applied) == (False, True)
    assert "the decision stands" in result.note
    assert engine.away == 7


async def test_signal_is_tried_again_after_a_short_absence() -> None:
    """One missed answer does not leave a run asleep."""
    store, engine = FakeStore(requests={"req-000001": human_request()}), FakeEngine()
    engine.away = 1
    engine.open.add("run-1")
    order = HumanDecision(request_id="req-000001", word="deny")
    assert (await decide(order, by=MARIA, people=store, engine=engine, pause_s=0)).woken


async def test_decision_that_was_not_applied_wakes_nobody() -> None:
    """A late decision is recorded and changes nothing."""
    store, engine = FakeStore(requests={"req-000001": human_request()}, applied=False), FakeEngine()
    order = HumanDecision(request_id="req-000001", word="approve")
    result = await decide(order, by=MARIA, people=store, engine=engine)
    assert (result.note, engine.woken) == ("too late", [])


async def test_word_that_does_not_fit_the_request_is_refused() -> None:
    """A question cannot be approved; the error names the commands that fit."""
    store = FakeStore(requests={"req-000001": human_request(kind=RequestKind.QUESTION)})
    order = HumanDecision(request_id="req-000001", word="approve")
    with pytest.raises(InvalidInput) as raised:
        await decide(order, by=MARIA, people=store, engine=FakeEngine())
    assert "proctor answer req-000001" in raised.value.hint
    assert store.journal_of_calls == []


def order_for(scope: KillScope, value: str = "") -> KillOrder:
    return KillOrder(scope=scope, value=value, actor="operator", reason="test", mode=default_mode(scope))


async def test_kill_fences_first_then_stops_every_covered_run() -> None:
    """Open workflows are cancelled one by one, runs that never started are closed, and each gives a receipt."""
    rows = {
        "run-1": run_record("run-1"),
        "run-2": run_record("run-2", RunStatus.ACCEPTED),
        "run-3": run_record("run-3", RunStatus.COMPLETED),
    }
    store, engine = FakeStore(rows=rows), FakeEngine()
    engine.open.add("run-1")
    engine.on_stop = lambda run_id: store.end(run_id, RunStatus.KILLED)
    report = await kill(
        order_for(KillScope.ALL), by=OPERATOR, kills=store, archive=store, journal=store, engine=engine, wait_s=2
    )
    assert store.journal_of_calls == ["raise_fence", "acknowledge run-2", "close run-2"]
    assert ([receipt.run_id for receipt in report.receipts], report.still_open) == (["run-1", "run-2"], ())


async def test_kill_holds_and_says_so_when_the_engine_is_away() -> None:
    """The fence does not need Temporal; what could not be stopped is named."""
    store, engine = FakeStore(rows={"run-1": run_record()}), FakeEngine()
    engine.away = 5
    report = await kill(
        order_for(KillScope.RUN, "run-1"), by=OPERATOR, kills=store, archive=store, journal=store, engine=engine
    )
    assert report.still_open == ("run-1",)
    assert "does not answer" in report.trouble
    assert report.fence.epoch == 1


async def test_kill_stops_waiting_at_its_limit() -> None:
    """A run that does not end in time is reported as open, never as stopped."""
    store, engine = FakeStore(rows={"run-1": run_record()}), FakeEngine()
    engine.open.add("run-1")
    report = await kill(
        order_for(KillScope.AGENT, "resolver"),
        by=OPERATOR, kills=store, archive=store, journal=store, engine=engine, wait_s=0.05,
    )  # fmt: skip
    assert (report.receipts, report.still_open) == ((), ("run-1",))


async def test_kill_ends_what_can_heed_no_cancel_once_nothing_else_moves() -> None:
    """Its workflow task keeps failing: it is terminated, closed, and its receipt says so; others are left to end."""
    store, engine = FakeStore(rows={"run-1": run_record("run-1"), "run-2": run_record("run-2")}), FakeEngine()
    engine.open |= {"run-1", "run-2"}
    engine.stuck.add("run-1")
    report = await kill(
        order_for(KillScope.ALL), by=OPERATOR, kills=store, archive=store, journal=store, engine=engine, wait_s=0.05
    )
    assert store.journal_of_calls == ["raise_fence", "acknowledge run-1", "close run-1"]
    assert ([receipt.run_id for receipt in report.receipts], report.still_open) == (["run-1"], ("run-2",))
    assert "was terminated; nothing was taken back: proctor undo run-1" in store.rows["run-1"].status_reason


async def test_freezing_kill_ends_what_only_waits_without_its_workflow() -> None:
    """The store ends it, its workflow is terminated after that; what works, or began something, is cancelled."""
    store, engine = FakeStore(rows={f"run-{n}": run_record(f"run-{n}") for n in range(4)}), FakeEngine()
    engine.open |= set(store.rows)
    engine.on_stop = lambda run_id: store.end(run_id, RunStatus.KILLED)
    store.only_wait, store.begun = {"run-0", "run-1", "run-2"}, {"run-1"}
    report = await kill(
        order_for(KillScope.ALL), by=OPERATOR, kills=store, archive=store, journal=store, engine=engine, wait_s=2
    )
    assert (["run-3", "run-1"], ["run-0", "run-2"]) == (engine.stopped, list(engine.terminated))
    assert ({RunStatus.KILLED}, ()) == ({one.status for one in engine.terminated.values()}, report.still_open)
    assert ["raise_fence", "end_waiting 3"] == store.journal_of_calls


async def test_kill_that_takes_back_leaves_every_run_to_its_workflow() -> None:
    """Only the workflow knows what is to be taken back, and in which order."""
    store, engine = FakeStore(rows={"run-1": run_record()}, only_wait={"run-1"}), FakeEngine()
    engine.open.add("run-1")
    engine.on_stop = lambda run_id: store.end(run_id, RunStatus.KILLED)
    await kill(order_for(KillScope.RUN, "run-1"), by=OPERATOR, kills=store, archive=store, journal=store, engine=engine)
    assert (["run-1"], {}) == (engine.stopped, engine.terminated)


async def test_waiting_run_is_ended_although_the_engine_is_away() -> None:
    """The store's word holds; that its workflow was not reached is said."""
    store, engine = FakeStore(rows={"run-1": run_record()}, only_wait={"run-1"}), FakeEngine()
    engine.open.add("run-1")
    engine.away = 5
    report = await kill(order_for(KillScope.ALL), by=OPERATOR, kills=store, archive=store, journal=store, engine=engine)
    assert (1, ()) == (len(report.receipts), report.still_open)
    assert "does not answer" in report.trouble


async def test_kill_does_not_terminate_for_longer_than_it_waits() -> None:
    """The runs have ended, and whoever killed them has the receipts; that workflows are left is said."""
    store, engine = FakeStore(rows={"run-1": run_record()}, only_wait={"run-1"}), FakeEngine()
    engine.open.add("run-1")
    report = await kill(
        order_for(KillScope.ALL), by=OPERATOR, kills=store, archive=store, journal=store, engine=engine, wait_s=-1
    )
    assert ({}, 1, ()) == (engine.terminated, len(report.receipts), report.still_open)
    assert "the others end by themselves" in report.trouble


async def test_kill_asks_once_for_all_runs_how_they_stand() -> None:
    """Not once for each: two thousand runs would be two thousand queries, ten times a second."""
    store, engine = FakeStore(rows={f"run-{n}": run_record(f"run-{n}") for n in range(50)}), FakeEngine()
    engine.open |= set(store.rows)
    engine.on_stop = lambda run_id: store.end(run_id, RunStatus.KILLED)
    store.lookups = 0
    await kill(order_for(KillScope.ALL), by=OPERATOR, kills=store, archive=store, journal=store, engine=engine)
    assert store.lookups <= 3


@pytest.mark.parametrize(
    ("scope", "value"), [(KillScope.RUN, "x"), (KillScope.AGENT, "x"), (KillScope.TOOL, "x"), (KillScope.TENANT, "x")]
)
async def test_kill_of_what_was_never_here_is_refused_with_a_hint(scope: KillScope, value: str) -> None:
    """A misspelt name would raise a fence that stops nothing, and look like a kill."""
    store, catalog = FakeStore(rows={"run-1": run_record()}), FakeCatalog()
    with pytest.raises(UnknownName) as raised:
        await check_target(scope, value, kills=store, catalog=catalog)
    assert raised.value.hint
    for known in ((KillScope.AGENT, "resolver"), (KillScope.TOOL, "Restart"), (KillScope.TENANT, "default")):
        await check_target(*known, kills=store, catalog=catalog)


def test_kill_of_one_run_compensates_and_a_wider_one_freezes() -> None:
    """The default modes of DESIGN §6."""
    assert [default_mode(scope) for scope in (KillScope.RUN, KillScope.AGENT, KillScope.ALL)] == [
        "compensate",
        "freeze",
        "freeze",
    ]


async def test_local_principals_are_made_once_and_mended(tmp_path: Path) -> None:
    """Four principals with tokens that only their owner reads; a lost token is replaced, the others stay."""
    store = FakeStore()
    assert sorted(LOCAL_PRINCIPALS) == sorted(await ensure_local_principals(store, tmp_path))
    assert await ensure_local_principals(store, tmp_path) == []
    assert token_path(tmp_path, "operator").stat().st_mode & 0o777 == 0o600
    token_path(tmp_path, "operator").unlink()
    assert await ensure_local_principals(store, tmp_path) == ["operator"]


def test_no_local_principal_may_both_ask_and_approve() -> None:
    """Rule 5: whoever asks does not decide."""
    assert [name for name, roles in LOCAL_PRINCIPALS.items() if {Role.REQUESTER, Role.APPROVER} <= roles] == []


def test_token_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    """A token that leaked is not used."""
    path = token_path(tmp_path, "operator")
    path.parent.mkdir()
    path.write_text("secret")
    path.chmod(0o644)
    with pytest.raises(NotAuthorised, match="can be read by others"):
        find_token({}, tmp_path, "operator")
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(NotAuthorised, match="it is not text"):
        find_token({}, tmp_path, "operator")


def test_named_principal_beats_the_token_of_the_environment(tmp_path: Path) -> None:
    """`--as` is never silently ignored; without it PROCTOR_TOKEN is used."""
    assert find_token({"PROCTOR_TOKEN": "t"}, tmp_path, None) == "t"
    with pytest.raises(NotAuthorised, match="no token of maria"):
        find_token({"PROCTOR_TOKEN": "t"}, tmp_path, "maria")


@pytest.mark.parametrize("name", ["../maria", "", ".hidden", "a/b", "a\0b"])
def test_principal_name_cannot_leave_the_folder(tmp_path: Path, name: str) -> None:
    """A name is a file name and nothing else."""
    with pytest.raises(NotAuthorised):
        token_path(tmp_path, name)


async def test_only_an_owner_enrols_others(tmp_path: Path) -> None:
    """The first principal may be made by anybody; from then on it takes an owner."""

    async def operator() -> Principal:
        return OPERATOR

    await check_may_enrol(operator, tmp_path)
    await enrol(FakeStore(), tmp_path, "operator", frozenset({Role.OPERATOR}))
    with pytest.raises(NotAuthorised, match="may not change principals"):
        await check_may_enrol(operator, tmp_path)


def test_unknown_agent_error_names_the_agents_there_are() -> None:
    """A typing error can be mended without another command."""
    with pytest.raises(UnknownName) as raised:
        load_agent(FakeCatalog(), "resolvr")
    assert raised.value.hint == "the agents here: resolver"


def test_chosen_model_reaches_the_catalog() -> None:
    """`--model` chooses the planner before the bundle is pinned."""
    catalog = FakeCatalog()
    load_agent(catalog, "resolver", "openai:gpt-5")
    assert catalog.asked_for_model == "openai:gpt-5"


@pytest.mark.parametrize(
    "name", ["Operator", "operator ", " operator", "\u043eperator", "OPERATOR", "op\u200berator", "temporal", ""]
)
async def test_principal_that_looks_like_another_cannot_be_made(tmp_path: Path, name: str) -> None:
    """Nobody approves their own request under another spelling of their name (rule 5)."""
    store = FakeStore()
    with pytest.raises(ProctorError, match="cannot be the name of a principal"):
        await enrol(store, tmp_path, name, frozenset({Role.APPROVER}))
    assert ({}, []) == (store.tokens, local_names(tmp_path))
