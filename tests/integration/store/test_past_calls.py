from proctor.contracts.decision import Verdict
from proctor.contracts.ids import AgentName
from proctor.store.archive import PAGE
from proctor.store.postgres import PostgresStore
from tests.integration.store.scenes import ALLOW, ARGUMENTS, open_scene

FIXER = AgentName("fixer")


async def test_past_calls_come_with_what_they_were_judged_on(store: PostgresStore) -> None:
    """Oldest first, with arguments, decision and the standing of the effect; of this agent only."""
    scene = await open_scene(store)
    await scene.plan(Verdict.ALLOW, Verdict.DENY)
    await store.journal.begin_effect(scene.call(), ALLOW)
    found = [past async for past in store.archive.past_calls(FIXER, 3600)]
    assert [(0, Verdict.ALLOW, "intent"), (1, Verdict.DENY, None)] == [
        (past.call, past.recorded.decision.verdict, past.effect) for past in found
    ]
    assert [ARGUMENTS, ARGUMENTS] == [past.arguments for past in found]
    assert [] == [past async for past in store.archive.past_calls(AgentName("other"), 3600)]


async def test_past_calls_are_those_of_the_asked_time(store: PostgresStore) -> None:
    """Nothing that was recorded before is yielded."""
    scene = await open_scene(store)
    await scene.plan(Verdict.ALLOW)
    assert [] == [past async for past in store.archive.past_calls(FIXER, 0)]


async def test_past_calls_of_many_pages_come_once_each(store: PostgresStore) -> None:
    """Calls of one plan share their moment, and a page may end among them."""
    scene = await open_scene(store)
    steps = PAGE // 16 + 2
    for step in range(steps):
        await scene.plan(*[Verdict.DENY] * 16, step=step)
    found = [(past.step, past.call) async for past in store.archive.past_calls(FIXER, 3600)]
    assert [(step, call) for step in range(steps) for call in range(16)] == found
