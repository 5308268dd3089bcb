"""Intents and outcomes: the ledger (rules 1 and 2)."""

import asyncio

import pytest

from proctor.contracts.decision import Decision, Verdict
from proctor.contracts.dispatching import Admitted, LiveFacts, Prior, Refusal
from proctor.contracts.errors import Corrupted, UnknownName
from proctor.contracts.run import RunStatus
from proctor.contracts.tool import Confirmed, Failed, Unknown
from proctor.store.postgres import PostgresStore
from tests.integration.store.scenes import ALLOW, ASK, DENY, OWNER, FakeJudge, Scene, open_scene, warm


async def _planned(store: PostgresStore, *verdicts: Verdict, name: str = "Restart") -> Scene:
    scene = await open_scene(store)
    await scene.plan(*(verdicts or (Verdict.ALLOW,)), name=name)
    return scene


def _status(begun: object) -> str:
    assert isinstance(begun, Refusal)
    return begun.report.status


async def test_an_effect_is_admitted_once(store: PostgresStore) -> None:
    """However many attempts begin at once, one of them may send (rule 1)."""
    scene = await _planned(store)
    await warm(scene)
    begun = await asyncio.gather(*(store.journal.begin_effect(scene.call(), ALLOW) for _ in range(20)))
    assert 1 == sum(isinstance(answer, Admitted) for answer in begun)
    assert 19 == sum(isinstance(answer, Prior) for answer in begun)
    assert 1 == (await scene.kinds()).count("effect_intended")


async def test_a_lost_attempt_is_found_as_an_open_intent(store: PostgresStore) -> None:
    """Whoever comes after a crash settles first."""
    scene = await _planned(store)
    assert Admitted(attempt=1) == await store.journal.begin_effect(scene.call(), ALLOW)
    prior = await store.journal.begin_effect(scene.call(), DENY)
    assert isinstance(prior, Prior)
    assert ("intent", 1) == (prior.standing.state, prior.standing.attempt)
    assert 0 <= prior.standing.age_s < 60
    assert Admitted(attempt=2) == await store.journal.retry_effect(scene.call())


async def test_a_confirmed_effect_is_never_begun_again(store: PostgresStore) -> None:
    """The recorded report comes back instead."""
    scene = await _planned(store)
    await store.journal.begin_effect(scene.call(), ALLOW)
    report = await store.journal.settle_effect(scene.call(), Confirmed(result={"id": 7}), final=False)
    assert report == await store.journal.settle_effect(scene.call(), Failed(error="late"), final=True)
    assert Refusal(report=report) == await store.journal.begin_effect(scene.call(), ALLOW)
    assert Refusal(report=report) == await store.journal.retry_effect(scene.call())
    assert ("confirmed", {"id": 7}) == (report.status, await store.journal.recorded_result(scene.call()))
    assert 1 == (await scene.kinds()).count("effect_confirmed")


async def test_a_retryable_failure_leaves_the_effect_open(store: PostgresStore) -> None:
    """The attempt is on record, once, and the next one may follow."""
    scene = await _planned(store)
    await store.journal.begin_effect(scene.call(), ALLOW)
    busy = Failed(error="busy", retryable=True)
    for _ in range(2):
        assert "failed" == (await store.journal.settle_effect(scene.call(), busy, final=False)).status
    prior = await store.journal.begin_effect(scene.call(), ALLOW)
    assert isinstance(prior, Prior)
    assert "attempt_failed" == prior.standing.state
    assert Admitted(attempt=2) == await store.journal.retry_effect(scene.call())
    assert "confirmed" == (await store.journal.settle_effect(scene.call(), Confirmed(), final=False)).status
    kinds = await scene.kinds()
    assert (2, 1) == (kinds.count("effect_intended"), kinds.count("effect_attempt_failed"))


async def test_an_unanswered_attempt_stays_an_open_intent(store: PostgresStore) -> None:
    """An unknown outcome that is not final is not taken for a failure."""
    scene = await _planned(store)
    await store.journal.begin_effect(scene.call(), ALLOW)
    assert "unknown" == (await store.journal.settle_effect(scene.call(), Unknown(error="lost"), final=False)).status
    prior = await store.journal.begin_effect(scene.call(), ALLOW)
    assert isinstance(prior, Prior)
    assert "intent" == prior.standing.state


@pytest.mark.parametrize("is_noted", [True, False])
async def test_a_failure_says_nothing_about_an_earlier_attempt(store: PostgresStore, is_noted: bool) -> None:
    """A first attempt may have taken effect, so the failure of the second leaves the effect unknown (rule 2)."""
    scene = await _planned(store)
    await store.journal.begin_effect(scene.call(), ALLOW)
    if is_noted:
        await store.journal.settle_effect(scene.call(), Unknown(error="time-out"), final=False)
    assert Admitted(attempt=2) == await store.journal.retry_effect(scene.call())
    busy = Failed(error="busy", retryable=True)
    await store.journal.settle_effect(scene.call(), busy, final=False)
    prior = await store.journal.begin_effect(scene.call(), ALLOW)
    assert isinstance(prior, Prior)
    assert "intent" == prior.standing.state
    assert Admitted(attempt=3) == await store.journal.retry_effect(scene.call())
    report = await store.journal.settle_effect(scene.call(), busy, final=True)
    assert "unknown" == report.status
    assert report.request_id is not None


async def test_a_read_back_speaks_for_every_attempt(store: PostgresStore) -> None:
    """Where the tool itself says that nothing happened, the effect may be tried again, and may end as failed."""
    scene = await _planned(store)
    not_happened = Failed(error="read back", retryable=True, is_read_back=True)
    await store.journal.begin_effect(scene.call(), ALLOW)
    await store.journal.settle_effect(scene.call(), Unknown(error="time-out"), final=False)
    await store.journal.settle_effect(scene.call(), not_happened, final=False)
    prior = await store.journal.begin_effect(scene.call(), ALLOW)
    assert isinstance(prior, Prior)
    assert "attempt_failed" == prior.standing.state
    assert Admitted(attempt=2) == await store.journal.retry_effect(scene.call())
    assert "failed" == (await store.journal.settle_effect(scene.call(), Failed(error="no"), final=True)).status


@pytest.mark.parametrize("final", [True, False])
async def test_a_failure_for_good_closes_the_effect(store: PostgresStore, final: bool) -> None:
    """What may not be tried again is not."""
    scene = await _planned(store)
    await store.journal.begin_effect(scene.call(), ALLOW)
    report = await store.journal.settle_effect(scene.call(), Failed(error="no such service"), final=final)
    assert ("failed", "no such service") == (report.status, report.summary)
    assert "failed" == _status(await store.journal.retry_effect(scene.call()))
    newest = await store.journal.transcript(scene.run_id).newest()
    assert newest is not None
    assert ("failure", "node0") == (newest.kind, newest.node)


@pytest.mark.parametrize(
    ("word", "status", "entry"), [("happened", "confirmed", "result"), ("not_happened", "failed", "failure")]
)
async def test_an_unknown_outcome_is_settled_by_a_person(
    store: PostgresStore, word: str, status: str, entry: str
) -> None:
    """Nobody guesses: the owner says what happened, and the ledger follows (rule 2)."""
    scene = await _planned(store)
    await store.journal.begin_effect(scene.call(), ALLOW)
    report = await store.journal.settle_effect(scene.call(), Unknown(error="timed out"), final=True)
    assert "unknown" == report.status
    assert report.request_id is not None
    request = await store.people.request(report.request_id)
    assert ("unknown_outcome", "run1/0/0", OWNER.name) == (request.kind, request.effect_key, request.owner)
    assert {"key", "tool", "arguments", "error"} == set(request.details)
    assert report.request_id == (await store.journal.settle_effect(scene.call(), Confirmed(), final=True)).request_id
    await scene.decide(request.id, word, OWNER)
    assert status == _status(await store.journal.begin_effect(scene.call(), ALLOW))
    assert "answered" == (await store.journal.read_request(scene.ask_about(request.id))).state
    assert [entry] == [e.kind for e in await store.archive.observations(scene.run_id) if e.kind != "proposal"]
    assert f"effect_{status}" in await scene.kinds()


async def test_policy_at_dispatch_tightens(store: PostgresStore) -> None:
    """A live deny stops what was allowed with the plan, and the planner learns of it once."""
    scene = await _planned(store)
    for _ in range(2):
        assert "denied" == _status(await store.journal.begin_effect(scene.call(), DENY))
    assert "denied" == _status(await store.journal.begin_effect(scene.call(), ALLOW))
    assert 1 == (await scene.kinds()).count("call_denied")
    newest = await store.journal.transcript(scene.run_id).newest()
    assert newest is not None
    assert {"rule": "rule-deny", "reason": "because deny", "by": "policy"} == newest.content


async def test_policy_at_dispatch_never_loosens(store: PostgresStore) -> None:
    """What the plan's decision forbids or gates stays so, whatever is said later."""
    scene = await _planned(store, Verdict.DENY, Verdict.REQUIRE_APPROVAL)
    assert "denied" == _status(await store.journal.begin_effect(scene.call(0, 0), ALLOW))
    assert "needs_approval" == _status(await store.journal.begin_effect(scene.call(0, 1), ALLOW))


async def test_an_ended_run_admits_nothing(store: PostgresStore) -> None:
    """A worker that comes back late changes nothing."""
    scene = await _planned(store, Verdict.ALLOW, Verdict.ALLOW)
    await store.journal.begin_effect(scene.call(), ALLOW)
    await store.journal.close_run(scene.run_id, RunStatus.FAILED, "bound")
    assert "fenced" == _status(await store.journal.begin_effect(scene.call(0, 1), ALLOW))
    assert "fenced" == _status(await store.journal.retry_effect(scene.call()))


async def test_a_judge_that_fails_admits_nothing(store: PostgresStore) -> None:
    """An error in the judge leaves no intent behind (rule 7)."""

    def broken(_facts: LiveFacts) -> Decision:
        raise ZeroDivisionError

    scene = await _planned(store)
    with pytest.raises(ZeroDivisionError):
        await store.journal.begin_effect(scene.call(), FakeJudge(broken))
    assert "effect_intended" not in await scene.kinds()


async def test_a_call_that_is_not_recorded_is_not_dispatched(store: PostgresStore) -> None:
    """Only the recorded plan can be carried out."""
    scene = await _planned(store)
    with pytest.raises(UnknownName):
        await store.journal.begin_effect(scene.call(0, 9), ALLOW)
    with pytest.raises(Corrupted):
        await store.journal.retry_effect(scene.call())
    with pytest.raises(Corrupted):
        await store.journal.settle_effect(scene.call(), Confirmed(), final=True)


async def test_a_call_none_of_whose_attempts_began_is_closed_as_failed(store: PostgresStore) -> None:
    """Abandoning a call that was never dispatched is no unknown outcome, and closes it to late attempts."""
    scene = await _planned(store)
    report = await store.journal.settle_effect(scene.call(), Unknown(error="all lost"), final=True)
    assert "failed" == report.status
    assert "failed" == _status(await store.journal.begin_effect(scene.call(), ALLOW))


async def test_an_odd_result_is_recorded_all_the_same(store: PostgresStore) -> None:
    """An effect that happened is never lost because its answer cannot be written down exactly."""
    scene = await _planned(store)
    await store.journal.begin_effect(scene.call(), ALLOW)
    odd = {"nan": float("nan"), "big": 2**70, "nul": "a\x00b", "half": "\ud800", "float": 1e300, "object": object()}
    report = await store.journal.settle_effect(scene.call(), Confirmed(result=odd), final=True)
    assert "confirmed" == report.status
    result = await store.journal.recorded_result(scene.call())
    assert (1e300, str(2**70)) == (result["float"], result["big"])


async def test_an_allowed_read_is_recorded_once(store: PostgresStore) -> None:
    """The first recorded result of a read stands."""
    scene = await _planned(store, name="Look")
    assert Admitted(attempt=1) == await store.journal.begin_read(scene.call(), ALLOW)
    first = await store.journal.record_read(scene.call(), Confirmed(result=1))
    assert first == await store.journal.record_read(scene.call(), Confirmed(result=2))
    assert Refusal(report=first) == await store.journal.begin_read(scene.call(), ALLOW)
    assert 1 == await store.journal.recorded_result(scene.call())


async def test_a_read_is_gated_as_an_effect_is(store: PostgresStore) -> None:
    """Denied reads are not read; gated ones wait, and their consent is used by the same call again."""
    scene = await _planned(store, Verdict.ALLOW, Verdict.REQUIRE_APPROVAL, name="Look")
    assert "denied" == _status(await store.journal.begin_read(scene.call(), DENY))
    waiting = await store.journal.begin_read(scene.call(0, 1), ASK)
    assert isinstance(waiting, Refusal)
    assert waiting.report.request_id is not None
    await scene.decide(waiting.report.request_id, "approve")
    for _ in range(2):
        assert Admitted(attempt=1) == await store.journal.begin_read(scene.call(0, 1), ASK)
    assert 1 == (await scene.kinds()).count("approval_consumed")


async def test_an_abandoned_read_is_a_failure(store: PostgresStore) -> None:
    """A read that never came back asks nobody: it changed nothing."""
    scene = await _planned(store, name="Look")
    report = await store.journal.settle_effect(scene.call(), Unknown(error="all lost"), final=True)
    assert ("failed", None) == (report.status, report.request_id)
