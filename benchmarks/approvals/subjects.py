"""A call that people approved, on a real store, and what happens when it is begun."""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from activities.bench import Bench, PolicyShelf
from activities.facts import Moment
from activities.judging import DispatchJudge, TracedCall, Window, judge_step
from gateway.signing import Signer, make_key
from proctor.contracts.decision import Decision
from proctor.contracts.dispatching import Admitted, LiveFacts, Refusal
from proctor.contracts.human import HumanDecision, HumanRequest, Principal, Role
from proctor.contracts.ids import Digest, PrincipalName, RunId
from proctor.contracts.manifest import AgentBundle, AgentManifest, Autonomy
from proctor.contracts.planning import CallsProposal, Proposal, ProposedCall
from proctor.contracts.policy import PolicyDocument
from proctor.contracts.ports import RunJournal, ToolPort
from proctor.contracts.run import TaskRequest
from proctor.contracts.steps import CallRef, PlanRecord, StepPlan, StepRef
from proctor.contracts.tool import ArgumentRole, Effect, Risk, ToolContract, ToolInvocation, ToolOutcome
from proctor.store.postgres import PostgresStore

APPROVER = Principal(name=PrincipalName("adam"), roles=frozenset({Role.APPROVER}))
SECOND = Principal(name=PrincipalName("anna"), roles=frozenset({Role.APPROVER}))
OWNER = Principal(name=PrincipalName("wanda"), roles=frozenset({Role.OWNER}))
ARGUMENTS = {"to": "NL91ABNA0417164300", "amount": 250, "note": "refund of the café"}
STEPS = (0, 1)
CALLS = (0, 1)
ONE_PERSON: list[dict[str, Any]] = []
TWO_SIGNED = [
    {"kind": "stages", "stages": [{"name": "desk"}, {"name": "finance", "role": "owner"}]},
    {"kind": "signed"},
]


@cache
def shelf() -> PolicyShelf:
    """Give the one shelf of compiled policies."""
    return PolicyShelf()


class NoTools(ToolPort):
    """Tools that nobody calls."""

    async def invoke(self, contract: ToolContract, invocation: ToolInvocation) -> ToolOutcome:
        """Carry out nothing."""
        raise AssertionError(f"{contract.name} is not to be called: {invocation.key}")

    def egress_hosts(self, contract: ToolContract, arguments: dict[str, Any]) -> tuple[str, ...]:
        """Reach nothing."""
        del contract, arguments
        return ()


def bundle_of(name: str, obligations: list[dict[str, Any]]) -> AgentBundle:
    """Make an agent that pays, and asks before it does."""
    tools = tuple(
        ToolContract.model_validate(
            {
                "name": tool,
                "input_schema": {"type": "object", "additionalProperties": True},
                "effect": Effect.WRITE,
                "risk": Risk.MEDIUM,
                "argument_roles": {"to": ArgumentRole.TARGET},
                "action": "pay",
            }
        )
        for tool in ("Transfer", "Refund")
    )
    manifest = {
        "name": name,
        "version": "1",
        "owner": OWNER.name,
        "autonomy": Autonomy.AUTONOMOUS,
        "allowed_tools": [tool.name for tool in tools],
    }
    ask = {"id": "ask", "effect": "require_approval", "reason": "A person looks", "obligations": obligations}
    document = PolicyDocument.model_validate({"rules": [ask], "data_flow": "observed"})
    return AgentBundle(manifest=AgentManifest.model_validate(manifest), tools=tools, policy=document)


@dataclass
class Subject:
    """An approved call, the same call in other places where nobody approved it, and all that judges them."""

    store: PostgresStore
    bundle: AgentBundle
    run_id: RunId
    other_run: RunId
    request: HumanRequest
    signers: dict[str, Signer]
    outcomes: Counter[str] = field(default_factory=Counter)

    def call(self, step: int = 0, call: int = 0, *, is_other: bool = False) -> CallRef:
        """Name a call; `is_other`: of the run in which nothing was approved."""
        return CallRef(run_id=self.other_run if is_other else self.run_id, step=step, call=call)

    async def begins(self, journal: RunJournal, ref: CallRef, policy_digest: Digest | None = None) -> bool:
        """Begin a call as the product does; True when its intent was written. Why not is counted."""
        try:
            plan = await journal.call_plan(ref)
            digest = Digest(str(plan.run.bundle_digest))
            bench = Bench(plan.run, shelf().rulings((digest, self.bundle), None), NoTools())
            judge = OtherPolicy(DispatchJudge(plan, bench, frozenset({digest})), policy_digest)
            begun = await journal.begin_effect(ref, judge)
        except Exception as error:  # noqa: BLE001 - whatever an altered row breaks, it does not begin the call
            self.outcomes[type(error).__name__] += 1
            return False
        self.outcomes[begun.report.status if isinstance(begun, Refusal) else "admitted"] += 1
        return isinstance(begun, Admitted)


@dataclass(frozen=True)
class OtherPolicy:
    """Judges as another does, under a policy with another digest."""

    judge: DispatchJudge
    digest: Digest | None

    @property
    def windows(self) -> Any:
        """What the store must answer."""
        return self.judge.windows

    @property
    def lane(self) -> Any:
        """What the call passes through."""
        return self.judge.lane

    def __call__(self, live: LiveFacts) -> Decision:
        """Decide."""
        made = self.judge(live)
        return made if self.digest is None else made.model_copy(update={"policy_digest": self.digest})


async def approved(store: PostgresStore, folder: Path, name: str, obligations: list[dict[str, Any]]) -> Subject:
    """Open two runs of an agent with the same calls, and let people approve the first call of one."""
    bundle = bundle_of(name, obligations)
    run_id, other = [await planned(store, bundle, f"{name}-{n}", asks=n == 0) for n in range(2)]
    (request,) = await store.people.pending(run_id)
    signers: dict[str, Signer] = {}
    for who in (APPROVER, SECOND, OWNER):
        await store.people.enrol(who.name, who.roles, f"token of {who.name}")
        signers[who.name] = make_key(folder, who.name)
        await store.approver_keys.enrol(who.name, signers[who.name].public_key)
    for who in (APPROVER, OWNER)[: 2 if obligations else 1]:
        word = HumanDecision(request_id=request.id, word="approve", reason="as agreed")
        receipt = await store.people.decide(signers[who.name].signed(request, word), who)
        if not receipt.applied:
            raise AssertionError(receipt.note)
    return Subject(store, bundle, run_id, other, request, signers)


async def planned(
    store: PostgresStore, bundle: AgentBundle, key: str, *, asks: bool, steps: Sequence[int] = STEPS
) -> RunId:
    """Open a run with the same calls in several places; people are asked about the first, if at all."""
    task = TaskRequest.model_validate(
        {
            "agent": bundle.manifest.name,
            "tenant": "default",
            "input": {},
            "goal": "pay",
            "requester": "rita",
            "idempotency_key": key,
        }
    )
    run, _ = await store.admissions.admit(task, bundle)
    await store.journal.open_run(run.run_id, shelf().digest_of)
    for step in steps:
        await _record(store, bundle, StepRef(run_id=run.run_id, step=step), asks=asks and step == 0)
    return run.run_id


async def _record(store: PostgresStore, bundle: AgentBundle, ref: StepRef, *, asks: bool) -> None:
    facts = await store.journal.plan_facts(ref)
    digest = Digest(str(facts.run.bundle_digest))
    bench = Bench(facts.run, shelf().rulings((digest, bundle), None), NoTools())
    calls = [ProposedCall.model_validate({"tool": "Transfer", "arguments": ARGUMENTS}) for _ in CALLS]
    moment = Moment(step=ref.step, cost_usd=Decimal(0), at=facts.at)
    now = datetime.now(UTC)
    traced = [TracedCall(call, moment, {}) for call in calls]
    judged = judge_step(bench, traced, step=ref.step, window=Window(now, now + timedelta(hours=8)))
    record = PlanRecord(
        run_id=ref.run_id,
        step=ref.step,
        proposal=Proposal(proposed=CallsProposal(calls=tuple(calls))),
        decisions=judged.decisions,
        plan=StepPlan(step=ref.step, kind="calls", calls=judged.calls),
    )
    await store.journal.record_plan(record, judged.requests if asks else [])


@asynccontextmanager
async def opened_store(dsn: str) -> AsyncIterator[PostgresStore]:
    """Open the store, and close it at the end."""
    store = await PostgresStore.connect(dsn, min_size=4, max_size=12)
    try:
        yield store
    finally:
        await store.close()
