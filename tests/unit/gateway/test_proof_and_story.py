"""Audit proofs, and the answer to "why did it do that?"."""

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.api.history.v1 import HistoryEvent

from gateway.auditing import export_lines, import_lines, read_trail
from gateway.explaining import tell
from gateway.witnesses import heads_of_event
from proctor.contracts.errors import InvalidInput
from proctor.contracts.planning import Observation
from proctor.contracts.run import AuditHead

from .fakes import NOW, FakeEngine, FakeInstallation, FakeStore, run_record

Call = Callable[..., tuple[int, str, str]]
HASH = "ab" * 32


def stored_trail(store: FakeStore) -> None:
    store.rows["run-1"] = run_record()
    store.record("run-1", ("run_opened", {}), ("plan_recorded", {"step": 0}), ("run_closed", {}))


def payload(value: object) -> Payload:
    return Payload(metadata={"encoding": b"json/plain"}, data=json.dumps(value).encode())


def test_heads_are_found_in_activity_and_local_activity_results() -> None:
    """Results of our own code are witnesses wherever history keeps them."""
    completed, marker = HistoryEvent(), HistoryEvent()
    value = {"plan": {"head": {"n": 3, "hash": HASH}}}
    completed.activity_task_completed_event_attributes.result.payloads.append(payload(value))
    marker.marker_recorded_event_attributes.details["result"].payloads.append(payload([value]))
    assert [heads_of_event(event) for event in (completed, marker)] == [[AuditHead(n=3, hash=HASH)]] * 2


def test_what_comes_from_outside_is_no_witness() -> None:
    """A signal cannot bear witness, nor can a malformed head."""
    signalled, malformed = HistoryEvent(), HistoryEvent()
    signalled.workflow_execution_signaled_event_attributes.input.payloads.append(
        payload({"head": {"n": 0, "hash": HASH}})
    )
    for head in ({"n": "0", "hash": HASH}, {"n": 0, "hash": "x"}, 7, {"n": 0}):
        malformed.activity_task_completed_event_attributes.result.payloads.append(payload({"head": head}))
    malformed.activity_task_completed_event_attributes.result.payloads.append(Payload(data=b"\xff"))
    assert heads_of_event(signalled) + heads_of_event(malformed) == []


async def test_untouched_trail_is_proven_by_both_witnesses() -> None:
    """Run row and workflow history agree with the records."""
    store, engine = FakeStore(), FakeEngine()
    stored_trail(store)
    second = store.trails["run-1"][1]
    engine.known_heads["run-1"] = [AuditHead(n=second.n, hash=second.hash)] * 2
    trail = await read_trail("run-1", store, engine)
    assert trail.breaks() == []
    assert [witness.source for witness in trail.witnesses] == ["workflow_history", "run_row"]


async def test_what_governs_an_agent_is_proven_by_its_own_row() -> None:
    """No workflow tells of it, and an engine that is away is not asked."""
    store, engine = FakeStore(), FakeEngine()
    engine.away = 1
    store.record("agent:demo", ("policy_proposed", {}), ("policy_activated", {}))
    trail = await read_trail("agent:demo", store, engine)
    assert ([], [], ["agent_row"]) == (trail.breaks(), trail.notes, [one.source for one in trail.witnesses])
    store.trails["agent:demo"] = [store.trails["agent:demo"][0].model_copy(update={"body": {"by": "mallory"}})]
    assert (await read_trail("agent:demo", store, engine)).breaks()


async def test_absent_engine_is_a_note_and_not_a_proof_of_guilt() -> None:
    """Without Temporal the run row still proves the trail."""
    store, engine = FakeStore(), FakeEngine()
    stored_trail(store)
    engine.away = 1
    trail = await read_trail("run-1", store, engine)
    assert (trail.breaks(), len(trail.notes)) == ([], 1)


@pytest.mark.parametrize(
    ("tamper", "said"),
    [
        (lambda lines: lines.pop(2), "one is missing"),
        (lambda lines: lines.pop(3), "record 2 is missing: a witness saw it"),
        (lambda lines: lines.__setitem__(2, lines[2].replace('"step": 0', '"step": 1')), "was altered"),
        (lambda lines: lines.pop(), "no witness"),
        (lambda lines: lines.__setitem__(4, lines[4].replace('"n": 2', '"n": 1')), "is not the one"),
    ],
)
async def test_tampered_export_is_found_offline(
    proctor: Call, installation: FakeInstallation, tamper: Callable[[list[str]], object], said: str
) -> None:
    """Exit 1 without database or Temporal, the newest record included; untouched it is 0."""
    stored_trail(installation.store)
    trail = await read_trail("run-1", installation.store, installation.engine)
    lines = [json.dumps(line) for line in export_lines(trail)]
    installation.down = "Postgres does not answer"
    import asyncio

    path = installation.input_file("\n".join(lines))
    assert (await asyncio.to_thread(proctor, "audit", "verify", "--file", path))[0] == 0
    tamper(lines)
    path = installation.input_file("\n".join(lines))
    code, out, _ = await asyncio.to_thread(proctor, "audit", "verify", "--file", path, "-o", "json")
    assert code == 1
    assert said in " ".join(json.loads(out)[0]["breaks"])


def test_rewritten_export_is_found_by_a_head_kept_elsewhere(proctor: Call, installation: FakeInstallation) -> None:
    """A forger who rewrites records and witnesses alike cannot rewrite the head that you kept."""
    stored_trail(installation.store)
    kept = installation.store.trails["run-1"][-1]
    installation.store.trails.clear()
    installation.store.record("run-1", ("run_opened", {}), ("plan_recorded", {"step": 9}), ("run_closed", {}))
    assert proctor("audit", "verify", "run-1")[0] == 0
    assert proctor("audit", "verify", "run-1", "--head", f"{kept.n}:{kept.hash}")[0] == 1


async def test_records_beyond_every_witness_are_a_break() -> None:
    """What was appended after the last witness is not proven."""
    store = FakeStore()
    stored_trail(store)
    trail = await read_trail("run-1", store, FakeEngine())
    store.record("run-1", ("run_opened", {"forged": True}))
    trail.records.append(store.trails["run-1"][-1])
    assert trail.breaks() == ["records after 2 have no witness: they may have been added"]


def test_verify_all_counts_and_fails_on_one_break(proctor: Call, installation: FakeInstallation) -> None:
    """One broken run is enough for exit 1."""
    stored_trail(installation.store)
    assert proctor("audit", "verify", "--all")[0] == 0
    installation.store.rows["run-2"] = run_record("run-2")
    code, _, err = proctor("audit", "verify", "--all")
    assert (code, "1 of 2 proven" in err) == (1, True)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"type": "record"}', '{"type": "trail"}\nx', '{"type": "other"}'])
def test_file_that_is_no_export_is_refused(text: str) -> None:
    """With the line where it is known."""
    with pytest.raises(InvalidInput):
        import_lines(text.splitlines(), "f")


def test_story_tells_what_was_seen_weighed_judged_approved_and_done() -> None:
    """Everything that `explain` promises, for one step, from the records alone."""
    store = FakeStore()
    record = run_record(bundle_digest=HASH, policy_digest=HASH)
    fired = [{"id": "autonomy", "effect": "require_approval", "reason": "supervised"}]
    store.record(
        "run-1",
        ("call_judged", {"step": 1, "call": 0, "rule": "autonomy", "fired": fired, "policy": HASH}),
        ("approval_requested", {"step": 1, "call": 0, "request": "req-1"}),
        ("approval_granted", {"step": 1, "call": 0, "request": "req-1", "by": "maria.ops"}),
        ("effect_intended", {"key": "run-1/1/0", "attempt": 1}),
        ("effect_confirmed", {"key": "run-1/1/0"}),
        ("compensation_confirmed", {"key": "run-1/1/0/undo"}),
        ("effect_confirmed", {"key": "run-1/10/0"}),
    )
    call = {"tool": "Restart", "arguments": {"service": "web"}}
    proposal = {
        "proposed": {"kind": "calls", "calls": [call]},
        "reason": "it is wedged",
        "options": ["wait"],
        "usage": {"cost_usd": "0.01", "model": "m"},
    }
    entries = [
        Observation(n=0, step=0, kind="proposal", content={"proposed": {"kind": "calls", "calls": []}}),
        Observation(n=1, step=0, kind="result", tool="Health", content={"ok": False}),
        Observation(n=2, step=1, kind="proposal", content=proposal),
    ]
    step = tell(record, store.trails["run-1"], entries).steps[1]
    assert [(seen.tool, seen.summary) for seen in step.saw] == [("Health", '{"ok":false}')]
    assert (step.saw_earlier, step.reason, step.options, step.cost_usd) == (1, "it is wedged", ("wait",), "0.01")
    told = step.calls[0]
    assert (told.key, told.decisions[0]["fired"]) == ("run-1/1/0", fired)
    assert [person["kind"] for person in told.people] == ["approval_requested", "approval_granted"]
    assert [entry["kind"] for entry in told.effect] == [
        "effect_intended",
        "effect_confirmed",
        "compensation_confirmed",
    ]
    assert step.records == (0, 1, 2, 3, 4, 5)


def test_explain_one_step_and_an_unknown_one(proctor: Call, installation: FakeInstallation) -> None:
    """One step alone when asked; a step that does not exist is exit 2."""
    store = installation.store
    store.rows["run-1"] = run_record(created_at=NOW - timedelta(hours=1))
    store.entries["run-1"] = [
        Observation(n=n, step=n, kind="proposal", content={"proposed": {"kind": "final"}, "reason": f"because {n}"})
        for n in range(2)
    ]
    code, out, _ = proctor("explain", "run-1", "1")
    assert (code, "because 1" in out, "because 0" in out) == (0, True, False)
    assert proctor("explain", "run-1", "7")[0] == 2


def test_explain_tells_rules_people_and_outcomes_in_words(proctor: Call, installation: FakeInstallation) -> None:
    """Whoever asks "why" reads sentences; every field of the records is in the JSON."""
    store = installation.store
    store.rows["run-1"] = run_record()
    fired = [{"id": "level", "effect": "require_approval"}, {"id": "limit", "effect": "permit"}]
    judged = {
        "step": 0,
        "call": 0,
        "verdict": "require_approval",
        "rule": "level",
        "reason": "too much",
        "fired": fired[::-1],
        "obligations": [{"kind": "review_after"}],
    }
    asked = {"request": "req-1", "owner": "maria.ops", "title": "Pay()", "expires_at": "2026-01-02T03:04:05.6Z"}
    store.record(
        "run-1",
        ("call_judged", judged),
        ("approval_requested", {"step": 0, "call": 0, **asked}),
        ("decision_refused", {"step": 0, "call": 0, "request": "req-1", "by": "ana", "note": "asked for it"}),
        ("approval_granted", {"step": 0, "call": 0, "request": "req-1", "by": "maria.ops", "reason": ""}),
        ("call_dispatched", {**judged, "fired": [], "obligations": []}),
        ("effect_intended", {"key": "run-1/0/0", "attempt": 1}),
        ("effect_unknown", {"key": "run-1/0/0", "attempt": 1, "error": "\x1b[2J no answer"}),
    )
    proposal = {"proposed": {"kind": "calls", "calls": [{"tool": "Pay", "arguments": {}}]}}
    store.entries["run-1"] = [Observation(n=0, step=0, kind="proposal", content=proposal)]
    code, out, _ = proctor("explain", "run-1")
    told = [" ".join(line.split()) for line in out.splitlines() if line.startswith("    ")]
    assert (code, told[1:]) == (
        0,
        [
            (
                "policy require_approval by rule level: too much; also fired limit (permit); "
                "duty: a person looks at the effect afterwards"
            ),
            "policy at dispatch, again: require_approval by rule level: too much",
            "person req-1 asks maria.ops until 2026-01-02 03:04:05 UTC: Pay()",
            "person decision refused by ana: asked for it",
            "person approval granted by maria.ops",
            f"effect {NOW:%H:%M:%S} effect intended, attempt 1",
            f"effect {NOW:%H:%M:%S} effect unknown, attempt 1, \\x1b[2J no answer",
        ],
    )
