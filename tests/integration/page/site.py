"""The gateway's own application on a real store, served to real browsers from a thread of its own."""

import asyncio
import itertools
import socket
import threading
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, LiteralString, Self, TypeVar

import psycopg
import uvicorn
from limits import parse

from gateway.connections import Gateway
from gateway.http.app import build_app
from gateway.http.login import Login
from gateway.http.parts import HttpParts
from gateway.http.rates import Rates
from gateway.http.settings import HttpSettings
from gateway.page.cookies import hash_of
from gateway.page.routes import routes
from policies.flow.goals import goal_of
from proctor.contracts.approving import process_of
from proctor.contracts.call_details import call_details
from proctor.contracts.canonical import digest_json
from proctor.contracts.decision import RAISED_RISK, Decision, RecordedDecision, Verdict
from proctor.contracts.human import ApprovalBinding, HumanRequest, Principal, RequestKind, Role
from proctor.contracts.ids import AgentName, Digest, PrincipalName, RequestId, RunId, TenantId, ToolName
from proctor.contracts.labels import Flow, Integrity, Labels, Origin
from proctor.contracts.manifest import AgentBundle, AgentManifest, Autonomy
from proctor.contracts.obligations import Obligation, Signed
from proctor.contracts.planning import CallsProposal, Proposal, ProposedCall, QuestionProposal, Usage
from proctor.contracts.run import TaskRequest
from proctor.contracts.steps import CallRef, PlannedCall, PlanRecord, StepPlan
from proctor.contracts.tool import ArgumentRole, CompensationRule, Effect, Risk, ToolContract
from proctor.settings import Settings
from proctor.store.postgres import PostgresStore
from tests.unit.gateway.fakes import FakeEngine

T = TypeVar("T")
TOKENS = {"adam": "token-of-adam-0123456789", "rita": "token-of-rita-0123456789", "wanda": "token-of-wanda-0123456789"}
POLICY = Digest("a" * 64)
AGENT, TOOL = AgentName("desk"), ToolName("Refund")
SCHEMA = {
    "type": "object",
    "properties": {"to": {"type": "string"}, "amount": {"type": "number", "maximum": 1000}},
    "required": ["to", "amount"],
}
REFUND = ToolContract(
    name=TOOL,
    input_schema=SCHEMA,
    effect=Effect.WRITE,
    risk=Risk.MEDIUM,
    compensation=CompensationRule(tool=ToolName("TakeBack")),
    argument_roles={"to": ArgumentRole.TARGET, "amount": ArgumentRole.AMOUNT, "note": ArgumentRole.CONTENT},
)
BUNDLE = AgentBundle(
    manifest=AgentManifest(
        name=AGENT,
        version="3",
        owner=PrincipalName("wanda"),
        autonomy=Autonomy.APPROVAL_REQUIRED,
        allowed_tools=(TOOL,),
    ),
    tools=(REFUND, ToolContract(name=ToolName("TakeBack"), input_schema={"type": "object"})),
)
ASK = Decision(
    verdict=Verdict.REQUIRE_APPROVAL,
    determining="refunds-over-100",
    reason="refunds over 100 take a person",
    policy_digest=POLICY,
)


@dataclass
class Site:
    """A running application, and the store behind it."""

    dsn: str
    url: str = ""
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    _numbers: Any = field(default_factory=itertools.count)
    store: PostgresStore = field(init=False)
    engine: FakeEngine = field(default_factory=FakeEngine)
    parts: HttpParts = field(init=False)
    rates: Rates = field(default_factory=lambda: Rates(parse("100000/minute"), parse("6/minute")))

    def __enter__(self) -> Self:
        """Serve on a free port."""
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.do(self._start())
        return self

    def __exit__(self, *_: object) -> None:
        """Stop, and leave nothing behind."""
        self.do(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something in the site's own loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    async def _start(self) -> None:
        self.store = await PostgresStore.connect(self.dsn, min_size=1, max_size=8)
        roles = {"adam": {Role.APPROVER}, "rita": {Role.REQUESTER, Role.APPROVER}, "wanda": {Role.OWNER}}
        for name, token in TOKENS.items():
            await self.store.people.enrol(PrincipalName(name), frozenset(roles[name]), token)
        settings = Settings(root=Path(), home=Path(), agents=Path())
        gateway = Gateway(settings, self.store, self.engine, catalog=None)  # type: ignore[arg-type]
        login = Login(self.store.people, self.store.api_keys, self.store.identities, self.rates)
        self.parts = HttpParts(gateway, HttpSettings(), self.rates, login)
        app = build_app(self.parts, others=routes(self.parts))
        listening = socket.socket()
        listening.bind(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        self.parts.public_url = self.url
        self._server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off"))
        self._serving = asyncio.ensure_future(self._server.serve(sockets=[listening]))
        while not self._server.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)

    async def _stop(self) -> None:
        self._server.should_exit = True
        await self._serving
        await self.store.close()

    def ask(self, arguments: dict[str, Any], *obligations: Obligation) -> HumanRequest:
        """Record a run whose call with these arguments waits for an approval."""
        return self.do(self._ask(arguments, obligations))

    async def _ask(self, arguments: dict[str, Any], obligations: Sequence[Obligation]) -> HumanRequest:
        run_id = await self._open()
        record, request = plan_of(run_id, arguments, obligations)
        await self.store.journal.record_plan(record, [request])
        return request

    async def _open(self) -> RunId:
        task = TaskRequest(
            agent=AGENT,
            input={},
            requester=PrincipalName("rita"),
            tenant=TenantId("default"),
            idempotency_key=f"run-{next(self._numbers)}",
        )
        run, _ = await self.store.admissions.admit(task, BUNDLE)
        await self.store.journal.open_run(run.run_id, lambda _: POLICY)
        return run.run_id

    def question(self, text: str) -> HumanRequest:
        """Record a run whose agent asks a question."""
        return self.do(self._question(text))

    async def _question(self, text: str) -> HumanRequest:
        run_id = await self._open()
        asked = _request(run_id, {}, plan_of(run_id, {}, ())[0].decisions[0], datetime.now(UTC))
        changes = {"kind": RequestKind.QUESTION, "details": {"question": text}, "binding": None, "process": None}
        request = asked.model_copy(update=changes)
        proposed = plan_of(run_id, {}, ())[0].proposal.model_copy(update={"proposed": QuestionProposal(question=text)})
        plan = StepPlan(step=0, kind="question", request_id=request.id)
        record = PlanRecord(run_id=run_id, step=0, proposal=proposed, decisions=(), plan=plan)
        await self.store.journal.record_plan(record, [request])
        return request

    def request(self, request_id: str) -> HumanRequest:
        """Read a request as it stands."""
        return self.do(self.store.people.request(RequestId(request_id)))

    def words(self, request_id: str) -> list[tuple[str, str, bool]]:
        """List what people said on a request: who, which word, whether it counted."""
        spoken = self.do(self._words(request_id))
        return [(one.by, one.word, one.applied) for one in spoken]

    async def _words(self, request_id: str) -> Any:
        return await self.store.words.words(RequestId(request_id))

    def sql(self, statement: LiteralString, *values: str) -> list[tuple[Any, ...]]:
        """Change or read the database behind everybody's back."""
        with psycopg.connect(self.dsn) as connection:
            cursor = connection.execute(statement, values)
            return cursor.fetchall() if cursor.description else []

    def grow_stale(self, cookie: str) -> None:
        """Let six minutes pass since the credential of a session was entered."""
        self.sql(
            "UPDATE proctor.web_session SET entered_at = now() - interval '6 minutes' WHERE secret_sha256 = %s",
            hash_of(cookie),
        )

    def dispatch(self, request: HumanRequest) -> str:
        """Dispatch the call of a request on live facts that ask for what was asked for; gives what came of it."""
        return self.do(self._dispatch(request))

    async def _dispatch(self, request: HumanRequest) -> str:
        assert request.process is not None
        live = ASK.model_copy(update={"obligations": (Signed(),) if request.process.is_signed else ()})
        ref = CallRef(run_id=request.run_id, step=request.step, call=request.call)
        answer = await self.store.journal.begin_effect(ref, FixedJudge(live))
        return type(answer).__name__


@dataclass(frozen=True)
class FixedJudge:
    """Judges always the same."""

    decision: Decision
    windows: tuple[Any, ...] = ()
    lane: None = None

    def __call__(self, live: Any) -> Decision:
        return self.decision


def plan_of(
    run_id: RunId, arguments: dict[str, Any], obligations: Sequence[Obligation]
) -> tuple[PlanRecord, HumanRequest]:
    """Make a judged plan with one call, and the request that follows from it."""
    now = datetime.now(UTC)
    untrusted = Flow(labels=Labels(sources=("SearchMail",)), origins=(Origin.TOOL,))
    trusted = Flow(labels=Labels(integrity=Integrity.TRUSTED), origins=(Origin.REQUEST,))
    decision = ASK.model_copy(update={"obligations": tuple(obligations)})
    is_high = any(isinstance(one, Signed) for one in obligations)
    recorded = RecordedDecision(
        call=0,
        decision=decision,
        arguments_digest=digest_json(arguments),
        facts={RAISED_RISK: "high" if is_high else "medium"},
        flows={name: untrusted if name == "to" else trusted for name in arguments},
        goal=goal_of(REFUND, arguments),
    )
    proposal = Proposal(
        proposed=CallsProposal(calls=(ProposedCall(tool=TOOL, arguments=arguments, node="pay"),)),
        reason="the customer asked",
        options=(),
        cursor={},
        usage=Usage(),
    )
    planned = PlannedCall(
        call=0, tool=TOOL, effect=Effect.WRITE, verdict=Verdict.REQUIRE_APPROVAL, fingerprint="f" * 16
    )
    plan = StepPlan(step=0, kind="calls", calls=(planned,))
    record = PlanRecord(run_id=run_id, step=0, proposal=proposal, decisions=(recorded,), plan=plan)
    return record, _request(run_id, arguments, recorded, now)


def _request(run_id: RunId, arguments: dict[str, Any], recorded: RecordedDecision, now: datetime) -> HumanRequest:
    expires, process = now + timedelta(hours=1), process_of(recorded.decision.obligations)
    binding = ApprovalBinding(
        run_id=run_id,
        step=0,
        call=0,
        tenant=TenantId("default"),
        agent=AGENT,
        requester=PrincipalName("rita"),
        tool=TOOL,
        tool_version=REFUND.version,
        arguments_sha256=recorded.arguments_digest,
        policy_digest=POLICY,
        expires_at=expires,
        target=recorded.goal,
        process_sha256=process.digest(),
    )
    return HumanRequest(
        id=RequestId(f"req-{run_id}"),
        kind=RequestKind.APPROVAL,
        run_id=run_id,
        step=0,
        agent=AGENT,
        requester=PrincipalName("rita"),
        owner=PrincipalName("wanda"),
        title="Refund",
        details=call_details(TOOL, arguments, REFUND, recorded.decision, recorded),
        binding=binding,
        process=process,
        created_at=now,
        expires_at=expires,
    )


def principal(name: str, *roles: Role) -> Principal:
    """Make a principal."""
    return Principal(name=PrincipalName(name), roles=frozenset(roles))
