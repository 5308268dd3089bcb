"""One word on requests that ask for exactly the same: each is decided and recorded by itself."""

import pytest

from gateway.identical import decide_identical
from proctor.contracts.approving import ApprovalProcess, GrantTerms
from proctor.contracts.decision import Verdict
from proctor.contracts.errors import InvalidInput, Refused
from proctor.contracts.human import HumanDecision
from proctor.contracts.ids import RequestId, RunId
from proctor.contracts.obligations import Stage
from proctor.store.postgres import PostgresStore
from tests.integration.store.scenes import APPROVER, OTHER_POLICY, open_scene, plan_of
from tests.unit.gateway.fakes import FakeEngine

SIGNED = ApprovalProcess(is_signed=True, may_grant=False)


async def _asked(
    store: PostgresStore,
    key: str,
    *,
    name: str = "Restart",
    process: ApprovalProcess | None = None,
    policy: str = "",
    requester: str = "rita",
) -> None:
    scene = await open_scene(store, key, requester=requester)
    record, (request,) = plan_of(scene.run_id, Verdict.REQUIRE_APPROVAL, step=0, name=name)
    taken = process or ApprovalProcess()
    assert request.binding is not None
    changed = {"process_sha256": taken.digest(), "requester": requester}
    binding = request.binding.model_copy(update=changed | ({"policy_digest": policy} if policy else {}))
    asked = {"binding": binding, "process": taken, "requester": requester}
    await store.journal.record_plan(record, [request.model_copy(update=asked)])


async def test_requests_that_ask_for_the_same_are_decided_together_and_no_others(store: PostgresStore) -> None:
    """Another tool, policy or process is another question; what the decider asked for is not tried at all."""
    for key in ("one", "two", "three"):
        await _asked(store, key)
    await _asked(store, "tool", name="Page")
    await _asked(store, "policy", policy=OTHER_POLICY)
    await _asked(store, "process", process=ApprovalProcess(stages=(Stage(count=2),), may_grant=False))
    await _asked(store, "own", requester=APPROVER.name)
    engine, word = FakeEngine(), HumanDecision(request_id=RequestId("req-two-0-0"), word="approve", reason="all of it")
    done = await decide_identical(word, by=APPROVER, people=store.people, engine=engine)
    assert ["two", "one", "three"] == [one.receipt.request.run_id for one in done]
    assert [True] * 3 == [one.receipt.applied for one in done]
    assert ["two", "one", "three"] == [run_id for run_id, _ in engine.woken]
    left = {request.run_id for request in await store.people.pending()}
    assert {"tool", "policy", "process", "own"} == left
    for run_id in ("one", "two", "three"):
        assert 1 == (await kinds(store, run_id)).count("approval_granted")
    assert "decision_refused" not in await kinds(store, "own")


async def kinds(store: PostgresStore, run_id: str) -> list[str]:
    return [record.kind for record in await store.archive.audit(RunId(run_id))]


async def test_a_word_that_comes_too_late_is_not_carried_to_others(store: PostgresStore) -> None:
    """Who meant a request that is decided already did not see the others."""
    await _asked(store, "one")
    await _asked(store, "two")
    word = HumanDecision(request_id=RequestId("req-one-0-0"), word="deny", reason="no")
    await store.people.decide(word, APPROVER)
    done = await decide_identical(word, by=APPROVER, people=store.people, engine=FakeEngine())
    assert [False] == [one.receipt.applied for one in done]
    assert ["two"] == [request.run_id for request in await store.people.pending()]


async def test_signatures_and_grants_are_for_one_request(store: PostgresStore) -> None:
    """Neither is given for many at once; a denial needs no signature."""
    await _asked(store, "one", process=SIGNED)
    await _asked(store, "two", process=SIGNED)
    word = HumanDecision(request_id=RequestId("req-one-0-0"), word="approve")
    for wrong in (word, word.model_copy(update={"grant": GrantTerms(for_s=60)})):
        with pytest.raises(InvalidInput, match="one request"):
            await decide_identical(wrong, by=APPROVER, people=store.people, engine=FakeEngine())
    said = word.model_copy(update={"word": "deny"})
    done = await decide_identical(said, by=APPROVER, people=store.people, engine=FakeEngine())
    assert ["denied", "denied"] == [one.receipt.request.state for one in done]


async def test_what_was_not_shown_is_not_decided_along(store: PostgresStore) -> None:
    """Of those alike the ones that were named; and where one of them is open no more, nothing at all."""
    for key in ("one", "two", "three", "four"):
        await _asked(store, key)
    await _asked(store, "tool", name="Page")
    word = HumanDecision(request_id=RequestId("req-one-0-0"), word="approve")
    named = {key: RequestId(f"req-{key}-0-0") for key in ("two", "three", "tool")}
    for gone in ([named["two"], named["tool"]], [named["two"], RequestId("req-none-0-0")]):
        with pytest.raises(Refused, match="changed while you looked"):
            await decide_identical(word, by=APPROVER, people=store.people, engine=FakeEngine(), only=gone)
    assert {"one", "two", "three", "four", "tool"} == {one.run_id for one in await store.people.pending()}
    shown = [named["three"], named["two"]]
    done = await decide_identical(word, by=APPROVER, people=store.people, engine=FakeEngine(), only=shown)
    assert ["one", "two", "three"] == [one.receipt.request.run_id for one in done]
    assert {"four", "tool"} == {one.run_id for one in await store.people.pending()}
