"""Approve and deny at the same moment, with a dispatcher that waits to begin the call."""

import asyncio
from dataclasses import dataclass
from random import Random

from activities.bench import Bench
from activities.judging import DispatchJudge
from benchmarks.approvals.subjects import APPROVER, OWNER, SECOND, NoTools, bundle_of, planned, shelf
from proctor.contracts.dispatching import Admitted
from proctor.contracts.human import HumanDecision, Principal, RequestState
from proctor.contracts.ids import Digest, RequestId, RunId
from proctor.contracts.manifest import AgentBundle
from proctor.contracts.steps import CallRef
from proctor.store.postgres import PostgresStore

LOOKS = 4
"""How often the dispatcher tries to begin the call."""


@dataclass(frozen=True)
class Race:
    """How one race ended, by what was recorded."""

    state: RequestState
    approved: bool
    denied: bool
    """Whether each word was applied when it was said."""
    words: int
    consumed: int
    begun: int
    """Intents that were written."""

    @property
    def is_sound(self) -> bool:
        """Whether exactly one word stands, both are recorded, and the call was begun only under an approval."""
        if self.words != 2 or self.begun != self.consumed:
            return False
        if self.state is RequestState.DENIED:
            return self.denied and self.begun == 0
        return self.state is RequestState.CONSUMED and self.approved and not self.denied and self.begun == 1


async def race_many(store: PostgresStore, number: int, *, seed: int = 1) -> list[Race]:
    """Run so many races, each on a run of its own."""
    dice, bundle = Random(seed), bundle_of("racer", [])
    for who in (APPROVER, SECOND, OWNER):
        await store.people.enrol(who.name, who.roles, f"token of {who.name}")
    return [await _race(store, bundle, n, dice) for n in range(number)]


async def _race(store: PostgresStore, bundle: AgentBundle, n: int, dice: Random) -> Race:
    run_id = await planned(store, bundle, f"race-{n}", asks=True, steps=(0,))
    (request,) = await store.people.pending(run_id)
    approves, denies = (
        _say(store, request.id, "approve", APPROVER, dice),
        _say(store, request.id, "deny", SECOND, dice),
    )
    rivals = (approves, denies) if dice.random() < 0.5 else (denies, approves)
    first, second, begun = await asyncio.gather(*rivals, _dispatch(store, bundle, run_id))
    applied = dict((first, second))
    after = await _begin(store, bundle, run_id)
    kinds = [record.kind for record in await store.archive.audit(run_id)]
    return Race(
        state=(await store.people.request(request.id)).state,
        approved=applied["approve"],
        denied=applied["deny"],
        words=len(await store.words.words(request.id)),
        consumed=kinds.count("approval_consumed"),
        begun=int(begun) + int(after) if kinds.count("effect_intended") == int(begun) + int(after) else -1,
    )


async def _say(store: PostgresStore, request_id: RequestId, word: str, by: Principal, dice: Random) -> tuple[str, bool]:
    await asyncio.sleep(dice.choice((0, 0, 0.001, 0.004)))
    made = HumanDecision.model_validate({"request_id": request_id, "word": word, "reason": "now"})
    return word, (await store.people.decide(made, by)).applied


async def _dispatch(store: PostgresStore, bundle: AgentBundle, run_id: RunId) -> bool:
    for _ in range(LOOKS):
        if await _begin(store, bundle, run_id):
            return True
        await asyncio.sleep(0.002)
    return False


async def _begin(store: PostgresStore, bundle: AgentBundle, run_id: RunId) -> bool:
    ref = CallRef(run_id=run_id, step=0, call=0)
    plan = await store.journal.call_plan(ref)
    digest = Digest(str(plan.run.bundle_digest))
    bench = Bench(plan.run, shelf().rulings((digest, bundle), None), NoTools())
    begun = await store.journal.begin_effect(ref, DispatchJudge(plan, bench, frozenset({digest})))
    return isinstance(begun, Admitted)
