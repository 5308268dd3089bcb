"""Plans: recorded once, with everything that follows from them."""

import asyncio
from decimal import Decimal

import psycopg
import pytest

from proctor.contracts.decision import Verdict
from proctor.contracts.dispatching import LiveFacts
from proctor.contracts.errors import Corrupted, UnknownName
from proctor.contracts.human import HumanRequest, RequestKind
from proctor.contracts.labels import Labels
from proctor.contracts.manifest import Autonomy
from proctor.contracts.planning import FinalProposal, Proposal, QuestionProposal
from proctor.contracts.steps import PlanRecord, StepPlan, StepRef
from proctor.contracts.tool import Confirmed, Failed
from proctor.store.postgres import PostgresStore
from tests.integration.store.scenes import (
    ALLOW,
    ARGUMENTS,
    BUNDLE,
    FakeJudge,
    Scene,
    approval,
    open_scene,
    plan_of,
    propose,
    warm,
)


async def test_facts_of_a_new_run_are_its_request(store: PostgresStore) -> None:
    """Planning begins from goal and input, with nothing recorded."""
    scene = await open_scene(store)
    facts = await store.journal.plan_facts(scene.step())
    assert ("mend it", {"alert": "disk ☕", "load": 1.5}, {}) == (facts.goal, facts.input, facts.cursor)
    assert (None, None, {}) == (facts.recorded, facts.fence, facts.demotions)
    assert facts.run.bundle_digest is not None
    assert BUNDLE == await store.journal.bundle(facts.run.bundle_digest)


async def test_a_recorded_plan_is_returned_and_not_replaced(store: PostgresStore) -> None:
    """A retried plan activity pays and decides once."""
    scene = await open_scene(store)
    record, requests = plan_of(scene.run_id, Verdict.ALLOW, Verdict.REQUIRE_APPROVAL, step=0)
    first = await store.journal.record_plan(record, requests)
    other, _ = plan_of(scene.run_id, Verdict.DENY, step=0)
    assert first == await store.journal.record_plan(other, [])
    assert first == (await store.journal.plan_facts(scene.step())).recorded
    expected = ["run_accepted", "run_opened", "plan_recorded", "call_judged", "call_judged", "approval_requested"]
    assert expected == await scene.kinds()


async def test_concurrent_plans_of_a_step_are_one(store: PostgresStore) -> None:
    """Two attempts of one activity give the same plan."""
    scene = await open_scene(store)
    record, _ = plan_of(scene.run_id, Verdict.ALLOW, step=0)
    await warm(scene)
    plans = await asyncio.gather(*(store.journal.record_plan(record, []) for _ in range(10)))
    assert 1 == len({plan.model_dump_json() for plan in plans})
    assert 1 == (await scene.kinds()).count("plan_recorded")


async def test_the_cursor_of_the_last_plan_comes_back(store: PostgresStore) -> None:
    """A planner goes on where it was."""
    scene = await open_scene(store)
    await scene.plan(Verdict.ALLOW)
    assert {"at": "next"} == (await store.journal.plan_facts(scene.step(1))).cursor


async def test_a_recorded_call_comes_back_as_judged(store: PostgresStore) -> None:
    """Dispatch reads the arguments from the record, under the key of their place."""
    scene = await open_scene(store)
    await scene.plan(Verdict.ALLOW, Verdict.DENY)
    call = await store.journal.call_plan(scene.call(0, 1))
    assert (ARGUMENTS, "run1/0/1", "Restart", "node1") == (call.arguments, call.key, call.tool, call.node)
    assert Verdict.DENY is call.decision.decision.verdict
    with pytest.raises(UnknownName):
        await store.journal.call_plan(scene.call(0, 2))


async def test_altered_arguments_are_noticed(store: PostgresStore, dsn: str) -> None:
    """What was judged is what is dispatched, or nothing is."""
    scene = await open_scene(store)
    await scene.plan(Verdict.ALLOW)
    with psycopg.connect(dsn) as connection:
        connection.execute("UPDATE proctor.content SET body = replace(body, '0.1', '0.9')")
    with pytest.raises(Corrupted):
        await store.journal.call_plan(scene.call())


async def test_a_plan_judged_on_other_arguments_is_refused(store: PostgresStore) -> None:
    """A decision holds for the arguments that it was made on."""
    scene = await open_scene(store)
    record, _ = plan_of(scene.run_id, Verdict.ALLOW, step=0)
    wrong = record.decisions[0].model_copy(update={"arguments_digest": "0" * 64})
    with pytest.raises(Corrupted):
        await store.journal.record_plan(record.model_copy(update={"decisions": (wrong,)}), [])
    with pytest.raises(Corrupted):
        await store.journal.record_plan(record.model_copy(update={"decisions": ()}), [])


async def test_the_transcript_gives_the_newest_entry_of_each_node(store: PostgresStore) -> None:
    """A playbook reads what its nodes brought last."""
    scene = await open_scene(store)
    await scene.plan(Verdict.ALLOW, Verdict.DENY, name="Look")
    labels = Labels(sources=("Look",))
    await store.journal.record_read(scene.call(), Confirmed(result=[1], labels=labels))
    await scene.plan(Verdict.ALLOW, step=1, name="Look")
    await store.journal.record_read(scene.call(1), Failed(error="no answer"))
    transcript = store.journal.transcript(scene.run_id)
    latest = await transcript.latest(["node0", "node1", "node9"])
    assert {"node0": ("failure", {"error": "no answer"}), "node1": ("denial", "policy")} == {
        "node0": (latest["node0"].kind, latest["node0"].content),
        "node1": (latest["node1"].kind, latest["node1"].content["by"]),
    }
    newest = await transcript.newest()
    assert newest is not None
    assert "no answer" == newest.content["error"]
    everything = await transcript.all()
    assert ["proposal", "denial", "result", "proposal", "failure"] == [entry.kind for entry in everything]
    assert list(range(5)) == [entry.n for entry in everything]
    assert labels == everything[2].labels


async def test_a_final_plan_keeps_its_report(store: PostgresStore) -> None:
    """The report of a run is there under its digest."""
    scene = await open_scene(store)
    proposal = propose(FinalProposal(outcome="completed", report={"cites": ["x"]}))
    await _record(scene, proposal, StepPlan(step=0, kind="final", outcome="completed"))
    run = await store.archive.run(scene.run_id)
    assert run.report_digest is not None
    assert {"cites": ["x"]} == await store.archive.content(run.report_digest)


async def test_a_question_is_put_to_a_person_and_its_answer_to_the_planner(store: PostgresStore) -> None:
    """An answer reaches the transcript once, as trusted."""
    scene = await open_scene(store)
    asked = (await _question(scene)).id
    await scene.decide(asked, "answer", answer="the blue one")
    for _ in range(2):
        standing = await store.journal.read_request(scene.ask_about(asked))
        assert ("answered", "answer", "adam") == (standing.state, standing.word, standing.decided_by)
    entries = [entry for entry in await store.archive.observations(scene.run_id) if entry.kind == "human"]
    assert [{"question": "which?", "answer": "the blue one"}] == [entry.content for entry in entries]
    assert "trusted" == entries[0].labels.integrity


async def test_cost_never_passes_the_cap_whatever_runs_in_parallel(store: PostgresStore) -> None:
    """Of 50 reservations at once, only those that fit are given (rule 8)."""
    scene = await open_scene(store)
    cap, amount = Decimal("1.00"), Decimal("0.09")
    await warm(scene)
    given = await asyncio.gather(*(store.journal.reserve_cost(scene.step(step), 1, amount, cap) for step in range(50)))
    assert 11 == sum(given)
    assert Decimal("0.99") == (await store.archive.run(scene.run_id)).cost_usd


async def test_a_repeated_reservation_is_made_once(store: PostgresStore) -> None:
    """A retried activity attempt does not reserve twice."""
    scene = await open_scene(store)
    for _ in range(3):
        assert await store.journal.reserve_cost(scene.step(), 1, Decimal("0.40"), Decimal("0.50"))
    assert Decimal("0.40") == (await store.archive.run(scene.run_id)).cost_usd


async def test_lost_attempts_count_as_spent_and_the_last_is_settled(store: PostgresStore) -> None:
    """A plan's real cost replaces its own reservation only; a lost worker's money may be gone."""
    scene = await open_scene(store)
    for attempt in (1, 2):
        assert await store.journal.reserve_cost(scene.step(), attempt, Decimal("0.40"), Decimal(1))
    assert not await store.journal.reserve_cost(scene.step(), 3, Decimal("0.40"), Decimal(1))
    proposal = propose(QuestionProposal(question="which?"), cost_usd=Decimal("0.05"))
    plan = await _record(scene, proposal, StepPlan(step=0, kind="question"))
    assert Decimal("0.45") == plan.cost_usd == (await store.archive.run(scene.run_id)).cost_usd


async def test_an_approved_budget_request_extends_the_cap_once(store: PostgresStore) -> None:
    """Only a person raises what a run may cost."""
    scene = await open_scene(store)
    now = (await store.archive.run(scene.run_id)).created_at
    request = approval(scene.run_id, (0, 0), "Restart", now, now.replace(year=now.year + 1)).model_copy(
        update={"id": "req-budget", "kind": RequestKind.BUDGET, "binding": None}
    )
    halt = StepPlan(step=0, kind="over_budget", request_id=request.id)
    for _ in range(2):
        assert "req-budget" == (await store.journal.record_halt(halt, scene.step(), request)).request_id
    assert 1 == (await scene.kinds()).count("budget_requested")
    await scene.decide("req-budget", "approve")
    assert not (await scene.decide("req-budget", "approve")).applied
    facts = await store.journal.plan_facts(scene.step())
    assert BUNDLE.manifest.bounds.max_cost_usd == facts.budget_extension_usd
    assert facts.recorded is None


async def test_demotions_are_live_facts(store: PostgresStore, dsn: str) -> None:
    """A demoted agent is judged at its new level at once."""
    scene = await open_scene(store)
    with psycopg.connect(dsn) as connection:
        connection.execute("""
            INSERT INTO proctor.cell_level (agent, tool, risk, level, kind, declared, by, reason, at)
            VALUES ('fixer', '*', '*', 'suggest', 'demotion', 'supervised', 'wanda', 'drill', now()),
                   ('other', '*', '*', 'suggest', 'demotion', 'supervised', 'wanda', 'drill', now())
        """)
    facts = await store.journal.plan_facts(scene.step())
    assert {"*": Autonomy.SUGGEST} == facts.demotions
    await scene.plan(Verdict.ALLOW)
    seen: list[LiveFacts] = []
    await store.journal.begin_effect(scene.call(), FakeJudge(lambda live: seen.append(live) or ALLOW(live)))  # type: ignore[func-returns-value]
    assert ({"*": Autonomy.SUGGEST}, 0) == (seen[0].demotions, seen[0].step)


async def test_an_unknown_run_is_named(store: PostgresStore) -> None:
    """A wrong id is the caller's error, and says so."""
    ghost = StepRef(run_id="ghost", step=0)
    with pytest.raises(UnknownName, match="ghost"):
        await store.journal.plan_facts(ghost)
    with pytest.raises(UnknownName, match="ghost"):
        await store.journal.reserve_cost(ghost, 1, Decimal(1), Decimal(1))


async def _record(scene: Scene, proposal: Proposal, plan: StepPlan) -> StepPlan:
    record = PlanRecord(run_id=scene.run_id, step=plan.step, proposal=proposal, decisions=(), plan=plan)
    return await scene.store.journal.record_plan(record, [])


async def _question(scene: Scene) -> HumanRequest:
    now = (await scene.store.archive.run(scene.run_id)).created_at
    request = approval(scene.run_id, (0, 0), "Restart", now, now.replace(year=now.year + 1)).model_copy(
        update={"id": "req-question", "kind": RequestKind.QUESTION, "binding": None, "details": {"question": "which?"}}
    )
    proposal = propose(QuestionProposal(question="which?"))
    plan = StepPlan(step=0, kind="question", request_id=request.id)
    record = PlanRecord(run_id=scene.run_id, step=0, proposal=proposal, decisions=(), plan=plan)
    await scene.store.journal.record_plan(record, [request])
    return request
