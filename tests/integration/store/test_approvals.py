"""An approval is a contract (rule 5)."""

import asyncio

import psycopg
import pytest

from proctor.contracts.decision import Verdict
from proctor.contracts.dispatching import Admitted, Prior, Refusal
from proctor.contracts.errors import InvalidInput, NotAuthorised, UnknownName
from proctor.contracts.human import DecisionReceipt, Principal, Role
from proctor.contracts.ids import PrincipalName, RequestId
from proctor.store.governing import AFTER_A_DENIAL
from proctor.store.postgres import PostgresStore
from tests.integration.store.scenes import (
    APPROVER,
    ASK,
    OPERATOR,
    OTHER_POLICY,
    OWNER,
    REQUESTER,
    Scene,
    judge,
    open_scene,
    warm,
)

REQUEST = "req-run1-0-0"
LONGER_IN_BOTH = """
    UPDATE proctor.request SET expires_at = expires_at + interval '1 day', binding = replace(
        binding::text,
        (binding->>'expires_at'),
        to_char((expires_at + interval '1 day') AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.USZ')
    )::json
"""


async def _asked(store: PostgresStore, **options: float) -> Scene:
    scene = await open_scene(store)
    await scene.plan(Verdict.REQUIRE_APPROVAL, **options)  # type: ignore[arg-type]
    return scene


def _refusal(begun: object) -> tuple[str, str | None]:
    assert isinstance(begun, Refusal)
    return begun.report.status, begun.report.request_id


async def test_an_unapproved_call_waits(store: PostgresStore) -> None:
    """Without a decision there is no intent, and the pending request is named."""
    scene = await _asked(store)
    for _ in range(2):
        assert ("needs_approval", REQUEST) == _refusal(await store.journal.begin_effect(scene.call(), ASK))
    assert "effect_intended" not in await scene.kinds()


async def test_an_approval_is_consumed_exactly_once_under_concurrency(store: PostgresStore) -> None:
    """Of 20 attempts at once, one carries the approval away."""
    scene = await _asked(store)
    receipt = await scene.decide(REQUEST, "approve")
    assert (True, "granted", APPROVER.name) == (receipt.applied, receipt.request.state, receipt.request.decided_by)
    await warm(scene)
    begun = await asyncio.gather(*(store.journal.begin_effect(scene.call(), ASK) for _ in range(20)))
    assert 1 == sum(isinstance(answer, Admitted) for answer in begun)
    assert 19 == sum(isinstance(answer, Prior) for answer in begun)
    kinds = await scene.kinds()
    assert (1, 1) == (kinds.count("approval_consumed"), kinds.count("effect_intended"))
    assert "consumed" == (await store.people.request(receipt.request.id)).state


async def test_a_call_that_was_allowed_with_the_plan_can_be_gated_at_dispatch(store: PostgresStore) -> None:
    """A request is made where there is none, with everything that the approver must see."""
    scene = await open_scene(store)
    await scene.plan(Verdict.ALLOW)
    status, request_id = _refusal(await store.journal.begin_effect(scene.call(), ASK))
    assert "needs_approval" == status
    assert request_id is not None
    assert (status, request_id) == _refusal(await store.journal.begin_effect(scene.call(), ASK))
    (request,) = await store.people.pending(scene.run_id)
    expected = {"tool", "version", "arguments", "effect", "risk", "compensation", "rule", "reason", "context"}
    assert (request_id, expected) == (request.id, set(request.details))
    await scene.decide(request_id, "approve")
    assert isinstance(await store.journal.begin_effect(scene.call(), ASK), Admitted)


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE proctor.request SET binding = replace(binding::text, '\"Restart\"', '\"Rollback\"')::json",
        "UPDATE proctor.request SET expires_at = expires_at + interval '1 day'",
        LONGER_IN_BOTH,
        "UPDATE proctor.run SET requester = 'mallory'",
        "UPDATE proctor.request SET binding = NULL",
    ],
)
async def test_an_altered_approval_does_not_hold(store: PostgresStore, dsn: str, tampering: str) -> None:
    """Whatever of request, binding or run is changed after the decision, the call is denied."""
    scene = await _asked(store)
    await scene.decide(REQUEST, "approve")
    with psycopg.connect(dsn) as connection:
        assert 1 == connection.execute(tampering).rowcount
    assert ("denied", None) == _refusal(await store.journal.begin_effect(scene.call(), ASK))
    newest = await store.journal.transcript(scene.run_id).newest()
    assert newest is not None
    assert "approval-integrity" == newest.content["rule"]


async def test_a_granted_state_without_a_decision_does_not_hold(store: PostgresStore, dsn: str) -> None:
    """The row's word alone is no approval."""
    scene = await _asked(store)
    with psycopg.connect(dsn) as connection:
        connection.execute("UPDATE proctor.request SET state = 'granted', decided_by = 'adam', word = 'approve'")
    assert ("denied", None) == _refusal(await store.journal.begin_effect(scene.call(), ASK))


async def test_a_forged_decision_of_the_requester_does_not_hold(store: PostgresStore, dsn: str) -> None:
    """The person is checked again at dispatch."""
    scene = await _asked(store)
    await scene.decide(REQUEST, "approve")
    with psycopg.connect(dsn) as connection:
        connection.execute("ALTER TABLE proctor.decision DISABLE TRIGGER USER")
        connection.execute("UPDATE proctor.decision SET by = 'rita'")
    assert ("denied", None) == _refusal(await store.journal.begin_effect(scene.call(), ASK))


async def test_a_changed_policy_asks_again(store: PostgresStore) -> None:
    """An approval holds under the policy that it was given under."""
    scene = await _asked(store)
    await scene.decide(REQUEST, "approve")
    newer = judge(Verdict.REQUIRE_APPROVAL, OTHER_POLICY)
    status, request_id = _refusal(await store.journal.begin_effect(scene.call(), newer))
    assert "needs_approval" == status
    assert request_id not in {None, REQUEST}
    assert "withdrawn" == (await store.people.request(RequestId(REQUEST))).state
    (asked_anew,) = [r for r in await store.archive.audit(scene.run_id) if r.body.get("request") == request_id]
    assert [REQUEST] == asked_anew.body["withdrawn"]
    await scene.decide(str(request_id), "approve")
    assert isinstance(await store.journal.begin_effect(scene.call(), newer), Admitted)


async def test_an_expired_request_is_a_denial(store: PostgresStore) -> None:
    """Nobody's silence is consent, and the transcript says so once."""
    scene = await _asked(store, expires_in_s=0.05)
    await asyncio.sleep(0.1)
    late = await scene.decide(REQUEST, "approve")
    assert (False, "pending") == (late.applied, late.request.state)
    assert [] == await store.people.pending()
    for _ in range(2):
        assert "expired" == (await store.journal.read_request(scene.ask_about(REQUEST))).state
    assert ("denied", None) == _refusal(await store.journal.begin_effect(scene.call(), ASK))
    assert ["denial"] == [e.kind for e in await store.archive.observations(scene.run_id) if e.kind != "proposal"]
    assert 1 == (await scene.kinds()).count("request_expired")


async def test_an_approval_that_expired_unused_does_not_hold(store: PostgresStore) -> None:
    """An approval is good until its expiry, not after."""
    scene = await _asked(store, expires_in_s=1.0)
    assert (await scene.decide(REQUEST, "approve")).applied
    await asyncio.sleep(1.05)
    assert ("denied", None) == _refusal(await store.journal.begin_effect(scene.call(), ASK))


async def test_a_denial_ends_the_call(store: PostgresStore) -> None:
    """A person's no reaches the planner with its reason."""
    scene = await _asked(store)
    await scene.decide(REQUEST, "deny", reason="not on a Friday")
    assert ("denied", "deny") == (
        (standing := await store.journal.read_request(scene.ask_about(REQUEST))).state,
        standing.word,
    )
    assert ("denied", None) == _refusal(await store.journal.begin_effect(scene.call(), ASK))
    newest = await store.journal.transcript(scene.run_id).newest()
    assert newest is not None
    assert {"rule": "person", "reason": "not on a Friday", "by": "person", "advice": AFTER_A_DENIAL} == newest.content


async def test_deny_beats_approve_until_it_is_consumed(store: PostgresStore) -> None:
    """A denial after a grant revokes it; a grant after a denial does nothing."""
    scene = await _asked(store)
    assert (await scene.decide(REQUEST, "approve")).applied
    assert (await scene.decide(REQUEST, "deny", OWNER)).applied
    assert not (await scene.decide(REQUEST, "approve")).applied
    assert ("denied", None) == _refusal(await store.journal.begin_effect(scene.call(), ASK))


async def test_a_denial_after_consumption_is_too_late(store: PostgresStore) -> None:
    """What was dispatched was dispatched; the late word is recorded and not applied."""
    scene = await _asked(store)
    await scene.decide(REQUEST, "approve")
    await store.journal.begin_effect(scene.call(), ASK)
    late = await scene.decide(REQUEST, "deny")
    assert (False, "consumed") == (late.applied, late.request.state)
    assert "too late" in late.note
    assert "decision_not_applied" in await scene.kinds()


async def test_concurrent_decisions_leave_no_approval_beside_a_denial(store: PostgresStore) -> None:
    """Whatever the order, a denial among ten decisions at once wins."""
    scene = await _asked(store)
    words = ["approve"] * 5 + ["deny"] + ["approve"] * 4
    await warm(scene)
    receipts: list[DecisionReceipt] = await asyncio.gather(*(scene.decide(REQUEST, word) for word in words))
    assert 10 == len({receipt.decision_id for receipt in receipts})
    assert "denied" == (await store.people.request(receipts[0].request.id)).state


@pytest.mark.parametrize(
    "person",
    [
        Principal(name=REQUESTER, roles=frozenset(Role)),
        OPERATOR,
        Principal(name=PrincipalName("nobody"), roles=frozenset()),
    ],
)
async def test_who_may_not_decide_is_refused_on_record(store: PostgresStore, person: Principal) -> None:
    """The requester never approves their own run, whatever their roles; the attempt is audited."""
    scene = await _asked(store)
    with pytest.raises(NotAuthorised):
        await scene.decide(REQUEST, "approve", person)
    assert ("needs_approval", REQUEST) == _refusal(await store.journal.begin_effect(scene.call(), ASK))
    assert "decision_refused" in await scene.kinds()


async def test_a_wrong_word_names_the_right_ones(store: PostgresStore) -> None:
    """Each kind of request has its words."""
    scene = await _asked(store)
    with pytest.raises(InvalidInput) as caught:
        await scene.decide(REQUEST, "happened")
    assert "say approve or deny or edit" == caught.value.hint


async def test_requests_are_found_by_a_unique_prefix(store: PostgresStore) -> None:
    """Six characters do, if they name one request."""
    scene = await open_scene(store)
    await scene.plan(Verdict.REQUIRE_APPROVAL, Verdict.REQUIRE_APPROVAL)
    assert "req-run1-0-1" == (await store.people.request(RequestId("req-run1-0-1"))).id
    for wrong in ("req-ru", "req-", "req-run1-0-%"):
        with pytest.raises(UnknownName):
            await store.people.request(RequestId(wrong))
    await scene.plan(Verdict.REQUIRE_APPROVAL, step=1)
    assert "req-run1-1-0" == (await store.people.request(RequestId("req-run1-1"))).id


async def test_only_hashes_of_tokens_are_stored(store: PostgresStore, dsn: str) -> None:
    """A token authenticates its principal, and is nowhere in the database."""
    assert APPROVER == await store.people.enrol(APPROVER.name, APPROVER.roles, "s3cret-token")
    assert APPROVER == await store.people.authenticate("s3cret-token")
    await store.people.enrol(APPROVER.name, APPROVER.roles, "another-token")
    for wrong in ("s3cret-token", ""):
        with pytest.raises(NotAuthorised):
            await store.people.authenticate(wrong)
    with psycopg.connect(dsn) as connection:
        row = connection.execute("SELECT principal::text FROM proctor.principal").fetchone()
        assert row is not None
        assert "another-token" not in row[0]
        connection.execute("UPDATE proctor.principal SET disabled_at = now()")
    with pytest.raises(NotAuthorised):
        await store.people.authenticate("another-token")
