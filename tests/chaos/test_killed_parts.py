"""Worker, server and Postgres are killed with -9 at random points: nothing is doubled, nothing is lost."""

import asyncio
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gateway.admission import submit
from gateway.approvals import decide
from gateway.auditing import read_trail
from gateway.connections import Gateway, open_gateway
from gateway.identity import find_token
from gateway.signing import find_signer
from proctor.contracts.errors import Unavailable
from proctor.contracts.human import HumanDecision, HumanRequest
from proctor.contracts.ids import DEFAULT_TENANT, AgentName, RunId
from proctor.contracts.run import RunStatus, TaskRequest
from proctor.local import local_order, local_stack
from tests.acceptance.witness import recorded
from workers.dev import DevStack

RUNS = 30
CALLS = 6
SEED = 20261121
FAULTS = 9
AGENTS = Path(__file__).parents[1] / "acceptance" / "agents"
PATIENCE_S = 240


@dataclass
class Storm:
    """A stack under fire, with the record that the tools keep themselves."""

    stack: DevStack
    gateway: Gateway
    witness: Path

    async def submit(self, number: int, name: str = "prober", **asked: Any) -> RunId:
        """Ask for a run as a careful client does: with a key, and again while there is no answer."""
        while True:
            try:
                store = self.gateway.store
                by = await store.people.authenticate(find_token({}, self.stack.home, "operator"))
                request = TaskRequest(
                    agent=AgentName(name),
                    input=asked or {"try": "mixed", "times": CALLS},
                    requester=by.name,
                    tenant=DEFAULT_TENANT,
                    idempotency_key=f"storm-{number}",
                )
                bundle = self.gateway.catalog.load(AgentName(name))
                accepted = await submit(
                    request,
                    bundle,
                    by=by,
                    admissions=store.admissions,
                    engine=self.gateway.engine,
                    changes=self.gateway.changes,
                )
            except Unavailable:
                await asyncio.sleep(0.3)
            else:
                return accepted.record.run_id

    async def asked(self, run_id: RunId) -> HumanRequest:
        """Wait until people are asked."""
        while True:
            waiting = await self.gateway.store.people.pending(run_id)
            if waiting:
                return waiting[0]
            await asyncio.sleep(0.1)

    async def approve(self, request: HumanRequest, name: str) -> str:
        """Approve with the person's own key; gives whose approval is lacking still."""
        by = await self.gateway.store.people.authenticate(find_token({}, self.stack.home, name))
        signer = find_signer(self.stack.home, by.name)
        word = HumanDecision(request_id=request.id, word="approve")
        people, engine = self.gateway.store.people, self.gateway.engine
        return (await decide(word, by=by, people=people, engine=engine, signer=signer)).note

    async def end_of(self, run_id: RunId) -> RunStatus:
        """Wait for a run's end."""
        while True:
            try:
                run = await self.gateway.store.archive.run(run_id)
            except Unavailable:
                await asyncio.sleep(0.5)
                continue
            if run.status.is_end:
                return run.status
            await asyncio.sleep(0.3)

    async def strike(self, chance: random.Random) -> None:
        """Kill one part with SIGKILL and start it again."""
        fault = chance.choice(["worker", "worker", "temporal", "postgres"])
        if fault == "worker":
            await self.stack.restart_worker(chance.randrange(2))
        elif fault == "temporal":
            await self.stack.restart_temporal()
        else:
            await self.stack.restart_postgres()


STAGED = """\
version: 1
rules:
  - id: two-people
    effect: require_approval
    tool: AppendApproved
    reason: An approver looks, then an owner, and both sign.
    obligations:
      - {kind: stages, stages: [{name: desk}, {name: answers, role: owner}]}
      - signed
"""


def _write_staged(agents: Path) -> None:
    """Write an agent like the prober whose approvals take two people."""
    folder = shutil.copytree(agents / "prober", agents / "staged")
    manifest = folder / "manifest.yaml"
    text = manifest.read_text().replace("name: prober", "name: staged").replace("olga.owner", "maria.ops")
    manifest.write_text(text)
    (folder / "policy.yaml").write_text(STAGED)


@pytest.fixture
async def storm() -> AsyncIterator[Storm]:
    """Start a stack with two workers that nobody restarts but the test."""
    home = Path(tempfile.mkdtemp(prefix="storm-"))
    witness, agents = home / "witness.db", home / "agents"
    shutil.copytree(AGENTS / "prober", agents / "prober")
    _write_staged(agents)
    order = local_order(workers=2, environ={"WITNESS": str(witness)}, restart_workers=False)
    try:
        async with local_stack(home / "state", agents, order=order) as stack, open_gateway(stack.settings) as gateway:
            yield Storm(stack, gateway, witness)
    finally:
        shutil.rmtree(home, ignore_errors=True)


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_thirty_runs_survive_kills_of_every_part(storm: Storm) -> None:
    """0 duplicates, 0 lost, the ledger equals the tools' own record, and every trail is proven.

    An approval that is half way when it begins goes on with the second person.
    """
    chance = random.Random(SEED)
    staged = await storm.submit(RUNS, "staged", **{"try": "approved"})
    request = await storm.asked(staged)
    assert "0 of 1 owner (answers)" == await storm.approve(request, "demo.approver")
    run_ids = await asyncio.gather(*(storm.submit(number) for number in range(RUNS)))
    ends = asyncio.gather(*(storm.end_of(run_id) for run_id in run_ids))
    for _ in range(FAULTS):
        await asyncio.sleep(chance.uniform(0.1, 1.5))
        await storm.strike(chance)
    async with asyncio.timeout(PATIENCE_S):
        statuses = await ends
        assert "applied" == await storm.approve(request, "maria.ops")
        assert RunStatus.COMPLETED is await storm.end_of(staged)

    expected = Counter({f"{run_id}/{step}/0": 1 for run_id in run_ids for step in range(CALLS)})
    expected[f"{staged}/0/0"] = 1
    assert expected == Counter(key for key, _ in recorded(storm.witness))
    assert Counter({RunStatus.COMPLETED: RUNS}) == Counter(statuses)
    for run_id in run_ids:
        receipt = await storm.gateway.store.kills.receipt(run_id)
        assert [f"{run_id}/{step}/0" for step in range(CALLS)] == [line.key for line in receipt.lines]
        assert {"confirmed"} == {line.fate for line in receipt.lines}
        trail = await read_trail(run_id, storm.gateway.store.archive, storm.gateway.engine)
        assert [] == trail.breaks()
