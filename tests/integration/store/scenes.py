"""Runs, plans and judges to test the store with."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from proctor.contracts.approving import process_of
from proctor.contracts.canonical import digest_json
from proctor.contracts.decision import Decision, RecordedDecision, Verdict
from proctor.contracts.dispatching import LiveFacts
from proctor.contracts.governing import WindowQuery
from proctor.contracts.human import ApprovalBinding, HumanDecision, HumanRequest, Principal, RequestKind, Role
from proctor.contracts.ids import AgentName, Digest, PrincipalName, RequestId, RunId, TenantId, ToolName
from proctor.contracts.manifest import AgentBundle, AgentManifest, Autonomy, Bounds
from proctor.contracts.planning import CallsProposal, Proposal, Proposed, ProposedCall, Usage
from proctor.contracts.ports import Judge
from proctor.contracts.run import RequestRef, TaskRequest
from proctor.contracts.steps import CallRef, PlannedCall, PlanRecord, StepPlan, StepRef
from proctor.contracts.tool import CompensationRule, Effect, ToolContract
from proctor.contracts.traffic import Lane
from proctor.store.postgres import PostgresStore

POLICY = Digest("a" * 64)
OTHER_POLICY = Digest("b" * 64)
REQUESTER = PrincipalName("rita")
APPROVER = Principal(name=PrincipalName("adam"), roles=frozenset({Role.APPROVER}))
OPERATOR = Principal(name=PrincipalName("olga"), roles=frozenset({Role.OPERATOR}))
SECOND_OPERATOR = Principal(name=PrincipalName("otto"), roles=frozenset({Role.OPERATOR}))
OWNER = Principal(name=PrincipalName("wanda"), roles=frozenset())

ARGUMENTS = {"service": "café-☕", "force": 0.1, "deep": {"list": [1, None, True]}}


def tool(name: str, *, undo: str | None = None, effect: Effect = Effect.WRITE) -> ToolContract:
    """Make a tool contract."""
    compensation = None if undo is None else CompensationRule(tool=ToolName(undo))
    return ToolContract(
        name=ToolName(name),
        input_schema={"type": "object", "additionalProperties": True},
        effect=effect,
        compensation=compensation,
    )


BUNDLE = AgentBundle(
    manifest=AgentManifest(
        name=AgentName("fixer"),
        version="7",
        owner=OWNER.name,
        autonomy=Autonomy.SUPERVISED,
        allowed_tools=(ToolName("Restart"), ToolName("Look")),
        bounds=Bounds(max_cost_usd=Decimal("2.50")),
    ),
    tools=(tool("Restart", undo="Rollback"), tool("Rollback"), tool("Page"), tool("Look", effect=Effect.READ)),
)


def task(key: str, **fields: Any) -> TaskRequest:
    """Make a request for a run."""
    values = {
        "agent": "fixer",
        "input": {"alert": "disk ☕", "load": 1.5},
        "goal": "mend it",
        "requester": REQUESTER,
        "tenant": "default",
        "idempotency_key": key,
    }
    return TaskRequest.model_validate({**values, **fields})


def decision(verdict: Verdict, policy: Digest = POLICY) -> Decision:
    """Make a decision."""
    return Decision(verdict=verdict, determining=f"rule-{verdict}", reason=f"because {verdict}", policy_digest=policy)


@dataclass(frozen=True)
class FakeJudge:
    """Says what `decide` says of the live facts, once its windows are answered."""

    decide: Callable[[LiveFacts], Decision]
    windows: tuple[WindowQuery, ...] = ()
    lane: Lane | None = None

    def __call__(self, live: LiveFacts) -> Decision:
        return self.decide(live)


def judge(verdict: Verdict, policy: Digest = POLICY) -> Judge:
    """Make a judge that always says the same."""
    return FakeJudge(lambda _: decision(verdict, policy))


ALLOW, ASK, DENY = judge(Verdict.ALLOW), judge(Verdict.REQUIRE_APPROVAL), judge(Verdict.DENY)


@dataclass(frozen=True)
class Scene:
    """A run with a recorded plan."""

    store: PostgresStore
    run_id: RunId

    def call(self, step: int = 0, call: int = 0) -> CallRef:
        """Name a call."""
        return CallRef(run_id=self.run_id, step=step, call=call)

    def step(self, step: int = 0) -> StepRef:
        """Name a step."""
        return StepRef(run_id=self.run_id, step=step)

    async def plan(
        self, *verdicts: Verdict, step: int = 0, name: str = "Restart", expires_in_s: float = 3600.0
    ) -> list[HumanRequest]:
        """Record a step with one call per verdict; gives the requests for approval."""
        record, requests = plan_of(self.run_id, *verdicts, step=step, name=name, expires_in_s=expires_in_s)
        await self.store.journal.record_plan(record, requests)
        return requests

    async def decide(self, request_id: str, word: str, by: Principal = APPROVER, **fields: Any) -> Any:
        """Decide a request."""
        made = HumanDecision.model_validate({"request_id": request_id, "word": word, **fields})
        return await self.store.people.decide(made, by)

    def ask_about(self, request_id: str) -> RequestRef:
        """Name a request of this run."""
        return RequestRef(run_id=self.run_id, request_id=RequestId(request_id))

    async def kinds(self) -> list[str]:
        """List the kinds of the run's audit records."""
        return [record.kind for record in await self.store.archive.audit(self.run_id)]


def plan_of(
    run_id: RunId, *verdicts: Verdict, step: int, name: str = "Restart", expires_in_s: float = 3600.0
) -> tuple[PlanRecord, list[HumanRequest]]:
    """Make a judged plan with one call per verdict, and the requests that follow from it."""
    now = datetime.now(UTC)
    expires = now + timedelta(seconds=expires_in_s)
    requests = [
        approval(run_id, (step, index), name, now, expires)
        for index, verdict in enumerate(verdicts)
        if verdict is Verdict.REQUIRE_APPROVAL
    ]
    calls = tuple(ProposedCall(tool=ToolName(name), arguments=ARGUMENTS, node=f"node{i}") for i in range(len(verdicts)))
    proposal = propose(CallsProposal(calls=calls))
    decisions = tuple(
        RecordedDecision(call=index, decision=decision(verdict), arguments_digest=digest_json(ARGUMENTS))
        for index, verdict in enumerate(verdicts)
    )
    planned = tuple(
        PlannedCall(call=index, tool=ToolName(name), effect=Effect.WRITE, verdict=verdict, fingerprint="f" * 16)
        for index, verdict in enumerate(verdicts)
    )
    plan = StepPlan(step=step, kind="calls", calls=planned)
    record = PlanRecord(run_id=run_id, step=step, proposal=proposal, decisions=decisions, plan=plan)
    return record, [asked_for(request, decisions[request.call]) for request in requests]


def asked_for(request: HumanRequest, recorded: RecordedDecision) -> HumanRequest:
    """Ask for an approval as it follows from a recorded decision: what it takes, and what it is bound to."""
    process = process_of(recorded.decision.obligations)
    assert request.binding is not None
    bound = {"target": recorded.goal, "process_sha256": process.digest(), "author": recorded.author}
    return request.model_copy(
        update={
            "binding": request.binding.model_copy(update=bound),
            "process": process,
            "next_at": process.next_at(request.created_at, 0),
            "replaces": recorded.replaces,
        }
    )


def propose(proposed: Proposed, **usage: Any) -> Proposal:
    """Make a proposal."""
    return Proposal(
        proposed=proposed, reason="it is down", options=("wait",), cursor={"at": "next"}, usage=Usage(**usage)
    )


def approval(run_id: RunId, place: tuple[int, int], name: str, now: datetime, expires: datetime) -> HumanRequest:
    """Make a request for approval of the call at `place` (step, call)."""
    step, call = place
    binding = ApprovalBinding(
        run_id=run_id,
        step=step,
        call=call,
        tenant=TenantId("default"),
        agent=AgentName("fixer"),
        requester=REQUESTER,
        tool=ToolName(name),
        tool_version="1",
        arguments_sha256=digest_json(ARGUMENTS),
        policy_digest=POLICY,
        expires_at=expires,
    )
    return HumanRequest(
        id=RequestId(f"req-{run_id}-{step}-{call}"),
        kind=RequestKind.APPROVAL,
        run_id=run_id,
        step=step,
        call=call,
        agent=AgentName("fixer"),
        requester=REQUESTER,
        owner=OWNER.name,
        title=f"{name} ☕",
        details={"arguments": ARGUMENTS},
        binding=binding,
        created_at=now,
        expires_at=expires,
    )


async def open_scene(store: PostgresStore, key: str = "run1", **fields: Any) -> Scene:
    """Admit and open a run."""
    run, _ = await store.admissions.admit(task(key, **fields), BUNDLE)
    await store.journal.open_run(run.run_id, lambda _: POLICY)
    return Scene(store, run.run_id)


async def warm(scene: Scene) -> None:
    """Open all connections and let each learn our types, so that what comes next really runs at the same time."""
    await asyncio.gather(*(scene.store.journal.open_run(scene.run_id, lambda _: POLICY) for _ in range(60)))
