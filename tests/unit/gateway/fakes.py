"""A gateway whose parts are in memory."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from gateway.cli.session import Wiring
from gateway.connections import Gateway
from gateway.identity import write_token
from proctor.contracts.approving import ApproverKey
from proctor.contracts.audit import AuditRecord, chain
from proctor.contracts.canonical import digest_json
from proctor.contracts.errors import NotAuthorised, Unavailable, UnknownName
from proctor.contracts.human import DecisionReceipt, HumanRequest, Principal, RequestKind, RequestState, Role
from proctor.contracts.ids import PrincipalName, RunId, run_id_for
from proctor.contracts.kill import Fence, KillScope, Receipt, ReceiptLine
from proctor.contracts.manifest import AgentBundle, AgentManifest, Autonomy, PlaybookPlannerSpec
from proctor.contracts.run import AuditHead, RunOutcome, RunRecord, RunStatus
from proctor.contracts.steps import JudgedCall
from proctor.contracts.tool import ToolContract

from .fake_engine import FakeEngine
from .policy_register import NOW, FakePolicyRegister

SCHEMA = {
    "type": "object",
    "properties": {"service": {"type": "string"}},
    "required": ["service"],
    "additionalProperties": False,
}


def bundle(name: str = "resolver", owner: str = "maria.ops", **changes: Any) -> AgentBundle:
    fields = {
        "name": name,
        "owner": owner,
        "autonomy": Autonomy.SUPERVISED,
        "allowed_tools": ("Restart",),
        "planner": PlaybookPlannerSpec(playbook={}),
        "input_schema": SCHEMA,
    } | changes
    tool = ToolContract(name="Restart", input_schema={"type": "object"})
    return AgentBundle(manifest=AgentManifest(**fields), tools=(tool,))


def run_record(run_id: str = "run-1", status: RunStatus = RunStatus.RUNNING, **changes: Any) -> RunRecord:
    fields = {
        "run_id": run_id,
        "tenant": "default",
        "agent": "resolver",
        "agent_version": "1",
        "owner": "maria.ops",
        "autonomy": Autonomy.SUPERVISED,
        "requester": "operator",
        "goal": "mend it",
        "input_digest": "0" * 64,
        "status": status,
        "created_at": NOW,
    } | changes
    return RunRecord(**fields)


def human_request(
    request_id: str = "req-000001", kind: RequestKind = RequestKind.APPROVAL, **changes: Any
) -> HumanRequest:
    fields = {
        "id": request_id,
        "kind": kind,
        "run_id": "run-1",
        "step": 0,
        "agent": "resolver",
        "requester": "operator",
        "owner": "maria.ops",
        "title": "Restart(service='web')",
        "created_at": NOW,
        "expires_at": NOW + timedelta(hours=1),
    } | changes
    return HumanRequest(**fields)


@dataclass
class FakeApproverKeys:
    """Public keys by principal; each counts at once."""

    known: dict[str, list[str]] = field(default_factory=dict)

    async def enrol(self, principal: str, public_key: str, label: str = "") -> ApproverKey:
        mine = self.known.setdefault(principal, [])
        if public_key not in mine:
            mine.append(public_key)
        return ApproverKey(
            id=public_key[:16],
            principal=PrincipalName(principal),
            public_key=public_key,
            label=label,
            added_at=NOW,
            valid_from=NOW,
            vouched_by="enrolment",
        )


@dataclass
class FakeStore:
    """All store ports in one, in memory."""

    rows: dict[str, RunRecord] = field(default_factory=dict)
    requests: dict[str, HumanRequest] = field(default_factory=dict)
    tokens: dict[str, Principal] = field(default_factory=dict)
    fence_rows: list[Fence] = field(default_factory=list)
    trails: dict[str, list[AuditRecord]] = field(default_factory=dict)
    contents: dict[str, Any] = field(default_factory=dict)
    entries: dict[str, list[Any]] = field(default_factory=dict)
    judged: dict[str, list[JudgedCall]] = field(default_factory=dict)
    journal_of_calls: list[str] = field(default_factory=list)
    lookups: int = 0
    applied: bool = True
    away: int = 0
    on_follow: Any = None
    on_decide: Any = None
    only_wait: set[str] = field(default_factory=set)
    begun: set[str] = field(default_factory=set)
    """Runs that only waited at the first look, and begin something before they can be ended."""
    policies: FakePolicyRegister = field(default_factory=FakePolicyRegister)
    approver_keys: FakeApproverKeys = field(default_factory=FakeApproverKeys)

    async def bundle(self, digest: str) -> AgentBundle:
        if digest not in self.policies.bundles:
            raise UnknownName(f"there is no stored bundle {digest[:16]}…")
        return self.policies.bundles[digest]

    @property
    def admissions(self) -> "FakeStore":
        return self

    people = kills = archive = journal = admissions

    async def admit(self, request: Any, bundle: AgentBundle) -> tuple[RunRecord, bool]:
        self.journal_of_calls.append("admit")
        run_id = run_id_for(request.tenant, request.idempotency_key)
        is_new = run_id not in self.rows
        if is_new:
            self.rows[run_id] = run_record(
                run_id, RunStatus.ACCEPTED, agent=request.agent, requester=request.requester, goal=request.goal
            )
        return self.rows[run_id], is_new

    async def unstarted(self, older_than_s: float) -> list[str]:
        return [run_id for run_id, row in self.rows.items() if row.status is RunStatus.ACCEPTED]

    async def authenticate(self, token: str) -> Principal:
        if token not in self.tokens:
            raise NotAuthorised("the token is not known")
        return self.tokens[token]

    async def principal(self, name: str) -> Principal:
        for known in self.tokens.values():
            if known.name == name:
                return known
        raise UnknownName(f"there is no principal {name}")

    async def enrol(self, name: str, roles: frozenset[Role], token: str, **_: Any) -> Principal:
        self.tokens = {key: value for key, value in self.tokens.items() if value.name != name}
        self.tokens[token] = Principal(name=name, roles=roles)
        return self.tokens[token]

    async def disable(self, name: str, by: Principal, **_: Any) -> Principal:
        gone = await self.principal(name)
        self.tokens = {key: value for key, value in self.tokens.items() if value != gone}
        return gone

    async def pending(self, run_id: str | None = None) -> list[HumanRequest]:
        return [
            request
            for request in self.requests.values()
            if request.state is RequestState.PENDING and run_id in {None, request.run_id}
        ]

    async def request(self, request_id: str) -> HumanRequest:
        for known, request in self.requests.items():
            if known.startswith(request_id):
                return request
        raise UnknownName(f"there is no request {request_id}", hint="`proctor approvals` lists them")

    async def decide(self, decision: Any, by: Principal) -> DecisionReceipt:
        self.journal_of_calls.append(f"decide {decision.word}")
        if self.on_decide is not None:
            self.on_decide(decision)
        request = self.requests[decision.request_id]
        if not by.roles & {Role.APPROVER, Role.OWNER} or by.name == request.requester:
            raise NotAuthorised(f"{by.name} may not decide this")
        if self.applied:
            state = {"approve": "granted", "deny": "denied"}.get(decision.word, "answered")
            request = request.model_copy(update={"state": RequestState(state), "decided_by": by.name})
            self.requests[request.id] = request
        return DecisionReceipt(
            decision_id="dec-1", request=request, applied=self.applied, note="" if self.applied else "too late"
        )

    async def raise_fence(self, order: Any, by: Principal) -> Fence:
        if not by.roles & {Role.OPERATOR, Role.OWNER}:
            raise NotAuthorised(f"{by.name} may not kill")
        self.journal_of_calls.append("raise_fence")
        fence = Fence(
            epoch=len(self.fence_rows) + 1, raised_at=NOW, **order.model_dump(include={*Fence.model_fields} - {"epoch"})
        )
        self.fence_rows.append(fence)
        return fence

    async def covered(self, fence: Fence) -> list[str]:
        field_of = {KillScope.RUN: "run_id", KillScope.AGENT: "agent"}.get(fence.scope)
        return [
            run_id
            for run_id, row in self.rows.items()
            if not row.status.is_end and (field_of is None or getattr(row, field_of) == fence.value)
        ]

    async def waiting(self, run_ids: list[str]) -> set[str]:
        return self.only_wait.intersection(run_ids)

    async def end_waiting(self, run_ids: list[str]) -> dict[str, RunOutcome]:
        self.journal_of_calls.append(f"end_waiting {len(run_ids)}")
        ended = [run_id for run_id in run_ids if run_id not in self.begun]
        for run_id in ended:
            self.end(run_id, RunStatus.KILLED)
        return {run_id: RunOutcome(status=RunStatus.KILLED) for run_id in ended}

    async def release(self, epoch: int, by: Principal) -> Fence:
        fence = next((fence for fence in self.fence_rows if fence.epoch == epoch), None)
        if fence is None:
            raise UnknownName(f"there is no fence {epoch}")
        if by.name == fence.actor:
            raise NotAuthorised("it takes a second person")
        if fence.released_at is None:
            lifted = fence.model_copy(update={"released_at": NOW, "released_by": by.name})
            self.fence_rows[self.fence_rows.index(fence)] = fence = lifted
        return fence

    async def active(self) -> list[Fence]:
        return [fence for fence in self.fence_rows if fence.released_at is None]

    async def receipt(self, run_id: str) -> Receipt:
        row = await self.run(run_id)
        line = ReceiptLine(
            key=f"{run_id}/0/0", tool="Restart", fate="confirmed", after_fence=False, compensation="done"
        )
        return Receipt(run_id=run_id, status=row.status, lines=(line,))

    async def receipts(self, run_ids: list[str]) -> list[Receipt]:
        return [await self.receipt(run_id) for run_id in run_ids]

    async def knows(self, scope: KillScope, value: str) -> bool:
        field_of = {KillScope.RUN: "run_id", KillScope.AGENT: "agent", KillScope.TENANT: "tenant"}.get(scope)
        return field_of is not None and any(getattr(row, field_of) == value for row in self.rows.values())

    async def still_open(self, run_ids: list[str]) -> set[str]:
        self.lookups += 1
        return {run_id for run_id in run_ids if not self.rows[run_id].status.is_end}

    async def acknowledge_cancel(self, run_id: str) -> Fence:
        self.journal_of_calls.append(f"acknowledge {run_id}")
        fields = {"scope": KillScope.RUN, "value": run_id, "actor": "temporal", "reason": "x", "mode": "compensate"}
        return Fence(epoch=1, raised_at=NOW, **fields)

    async def close_run(self, run_id: str, status: RunStatus, reason: str) -> None:
        self.journal_of_calls.append(f"close {run_id}")
        self.end(run_id, status, reason)

    def end(self, run_id: str, status: RunStatus, reason: str = "", report: Any = None) -> None:
        changes: dict[str, Any] = {"status": status, "status_reason": reason, "closed_at": NOW}
        if report is not None:
            changes["report_digest"] = digest_json(report)
            self.contents[changes["report_digest"]] = report
        self.rows[run_id] = self.rows[run_id].model_copy(update=changes)

    async def runs(
        self,
        *,
        agent: str | None = None,
        open_only: bool = False,
        requester: str | None = None,
        after: Any = None,
        limit: int = 50,
    ) -> list[RunRecord]:
        rows = [row for row in self.rows.values() if agent in {None, row.agent} and requester in {None, row.requester}]
        return [row for row in rows if not (open_only and row.status.is_end)][:limit]

    async def run(self, run_id: str) -> RunRecord:
        if run_id not in self.rows:
            raise UnknownName(f"there is no run {run_id}", hint="`proctor ps` lists them")
        return self.rows[run_id]

    async def content(self, digest: str) -> Any:
        return self.contents[digest]

    async def audit(self, run_id: str) -> list[AuditRecord]:
        return list(self.trails.get(run_id, ()))

    async def agent_chains(self) -> list[RunId]:
        return [RunId(name) for name in self.trails if name.startswith("agent:")]

    async def recorded_head(self, run_id: str) -> AuditHead | None:
        trail = self.trails.get(run_id)
        return AuditHead(n=trail[-1].n, hash=trail[-1].hash) if trail else None

    async def observations(self, run_id: str) -> list[Any]:
        return self.entries.get(run_id, [])

    async def calls(self, run_id: str) -> list[JudgedCall]:
        return self.judged.get(run_id, [])

    async def follow(self, run_id: str, after: int = -1) -> AsyncIterator[AuditRecord]:
        await self.run(run_id)
        for record in self.trails.get(run_id, ()):
            if record.n > after:
                if self.away and record.n > 0:
                    self.away -= 1
                    raise Unavailable("Postgres does not answer")
                yield record
        if self.on_follow is not None:
            self.on_follow(run_id)
        while not self.rows[run_id].status.is_end:  # noqa: ASYNC110 - a fake may poll
            await asyncio.sleep(0.01)

    def record(self, run_id: str, *events: tuple[str, dict[str, Any]]) -> None:
        self.trails[run_id] = [*self.trails.get(run_id, []), *chain(run_id, self._head(run_id), NOW, events)]

    def _head(self, run_id: str) -> AuditHead | None:
        trail = self.trails.get(run_id)
        return AuditHead(n=trail[-1].n, hash=trail[-1].hash) if trail else None


@dataclass
class FakeCatalog:
    bundles: dict[str, AgentBundle] = field(default_factory=lambda: {"resolver": bundle()})
    asked_for_model: str | None = None

    def names(self) -> list[str]:
        return sorted(self.bundles)

    def load(self, name: str, *, model: str | None = None) -> AgentBundle:
        self.asked_for_model = model
        if name not in self.bundles:
            raise UnknownName(f"there is no agent {name}")
        return self.bundles[name]


PEOPLE = {
    "operator": {Role.REQUESTER, Role.OPERATOR},
    "maria.ops": {Role.OWNER, Role.APPROVER},
    "second.operator": {Role.OPERATOR},
    "reader": {Role.AUDITOR},
}


@dataclass
class FakeInstallation:
    """A project folder with tokens, and a gateway on fakes; `wiring` is what the command is called with."""

    folder: Path
    store: FakeStore = field(default_factory=FakeStore)
    engine: FakeEngine = field(default_factory=FakeEngine)
    catalog: FakeCatalog = field(default_factory=FakeCatalog)
    environ: dict[str, str] = field(default_factory=dict)
    down: str = ""

    def __post_init__(self) -> None:
        for name, roles in PEOPLE.items():
            write_token(self.folder / ".proctor" / "principals" / f"{name}.token", f"token-{name}")
            self.store.tokens[f"token-{name}"] = Principal(name=name, roles=frozenset(roles))

    @property
    def wiring(self) -> Wiring:
        return Wiring(self.environ, self.folder, gateway=self._open, catalog=lambda _: self.catalog)

    @asynccontextmanager
    async def _open(self, settings: Any) -> AsyncIterator[Gateway]:
        if self.down:
            raise Unavailable(self.down, hint="start `proctor dev`")
        yield Gateway(settings, self.store, self.engine, self.catalog)

    def input_file(self, content: Any) -> str:
        path = self.folder / "input.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return str(path)
