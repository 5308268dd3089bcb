"""`proctor demo`: the main job, on real parts, told as it happens.

Three alerts about a service that really breaks: one that a restart mends, one whose restart has to be taken back, and
one that asks for something out of scope.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from demo.knowledge import load_corpus
from demo.world import DemoWorld
from gateway.admission import submit
from gateway.agents import load_agent
from gateway.approvals import decide
from gateway.auditing import read_trail
from gateway.cli.output import emit, encode, say
from gateway.cli.visible import visible_line
from gateway.connections import Gateway, open_gateway
from gateway.following import follow
from gateway.identity import find_token
from gateway.narration import is_quiet, sentence
from proctor.contracts.audit import AuditRecord
from proctor.contracts.human import HumanDecision, HumanRequest, Principal
from proctor.contracts.ids import AgentName, RunId, new_idempotency_key
from proctor.contracts.run import RunRecord, RunStatus, TaskRequest
from proctor.local import local_order, local_stack
from proctor.settings import Settings
from proctor.store.postgres import PostgresStore

AGENT = AgentName("incident-resolver")
REQUESTER, APPROVER = "operator", "demo.approver"


@dataclass(frozen=True)
class Scene:
    """One alert, and how a healthy demo ends it."""

    title: str
    alert: str
    breaks: bool
    ends: RunStatus


SCENES = (
    Scene("The service wedges; a restart mends it", "wedged", breaks=True, ends=RunStatus.COMPLETED),
    Scene("The restart fails; it is taken back", "bad-release", breaks=True, ends=RunStatus.FAILED),
    Scene("The alert needs what the agent may not do", "out-of-scope", breaks=False, ends=RunStatus.BLOCKED),
)


@dataclass(frozen=True)
class Stage:
    """Everything that runs while the demo does."""

    gateway: Gateway
    world: DemoWorld
    alerts: Path
    ui_url: str
    model: str | None

    async def person(self, name: str) -> Principal:
        """Authenticate one of the demo's principals by the token in the state folder."""
        return await self.gateway.store.people.authenticate(find_token({}, self.gateway.settings.home, name))


def run_demo(settings: Settings, *, model: str | None) -> int:
    """Play the demo; 0 when every scene ended as it should."""
    return asyncio.run(_play_all(settings, model))


async def _play_all(settings: Settings, model: str | None) -> int:
    emit("Starting Postgres, Temporal, one worker, and a small service that will break …")
    async with _stage(settings, model) as stage:
        emit(f"Temporal UI: {stage.ui_url}")
        ended_well = [await _play(stage, number, scene) for number, scene in enumerate(SCENES, start=1)]
        emit("")
        emit(f"{sum(ended_well)} of {len(SCENES)} scenes ended as they should.")
        if sys.stdin.isatty():
            await asyncio.to_thread(input, f"The Temporal UI stays up at {stage.ui_url} until you press Enter … ")
    return 0 if all(ended_well) else 1


@asynccontextmanager
async def _stage(settings: Settings, model: str | None) -> AsyncIterator[Stage]:
    home = settings.home / "demo"
    async with (
        DemoWorld(home / "world") as world,
        local_stack(home, settings.agents, order=local_order(environ=world.environment())) as stack,
        open_gateway(stack.settings) as gateway,
    ):
        assert isinstance(gateway.store, PostgresStore)
        folder = settings.agents / AGENT
        await load_corpus(gateway.store.knowledge, folder / "kb")
        ui_url = stack.endpoints.temporal.ui_url or ""
        yield Stage(gateway, world, folder / "alerts", ui_url, model)


async def _play(stage: Stage, number: int, scene: Scene) -> bool:
    alert = json.loads((stage.alerts / f"{scene.alert}.json").read_text(encoding="utf-8"))
    emit("")
    emit(f"{number}. {scene.title}")
    if scene.breaks:
        await stage.world.wedge()
        emit("   The service now accepts connections and answers none.")
    emit(f"   Alert: {encode(alert)}")
    record = await _start(stage, alert)
    emit(f"   Run {record.run_id}: {_run_url(stage, record.run_id)}")
    await _follow(stage, record.run_id)
    return await _conclude(stage, record.run_id, scene)


async def _start(stage: Stage, alert: dict[str, str]) -> RunRecord:
    requester, store = await stage.person(REQUESTER), stage.gateway.store
    bundle = load_agent(stage.gateway.catalog, AGENT, stage.model)
    request = TaskRequest(
        agent=AGENT,
        input=alert,
        goal=alert["alert"],
        requester=requester.name,
        tenant="default",
        idempotency_key=new_idempotency_key(AGENT),
    )
    accepted = await submit(request, bundle, by=requester, admissions=store.admissions, engine=stage.gateway.engine)
    return accepted.record


async def _follow(stage: Stage, run_id: RunId) -> None:
    decided: set[str] = set()
    async for record in follow(stage.gateway.store.archive, run_id):
        if not is_quiet(record):
            emit(f"   {record.at:%H:%M:%S}  {sentence(record)}")
        if record.kind != "approval_requested":
            continue
        for request in await stage.gateway.store.people.pending(run_id):
            if request.id not in decided:
                decided.add(request.id)
                await _decide(stage, request)


async def _decide(stage: Stage, request: HumanRequest) -> None:
    emit(f"   {request.owner} or another approver decides: {visible_line(request.title)}")
    emit(f"     why: {visible_line(str(request.details.get('reason', '')))}")
    word = "approve"
    if sys.stdin.isatty():
        answer = await asyncio.to_thread(input, "     Approve? [Y/n] ")
        word = "deny" if answer.strip().lower().startswith("n") else "approve"
    else:
        emit(f"     no terminal to ask at: {APPROVER} approves it, as the demo's own principal")
    decision = HumanDecision(
        request_id=request.id, word="deny" if word == "deny" else "approve", reason="decided in the demo"
    )
    store = stage.gateway.store
    await decide(decision, by=await stage.person(APPROVER), people=store.people, engine=stage.gateway.engine)


async def _conclude(stage: Stage, run_id: RunId, scene: Scene) -> bool:
    archive = stage.gateway.store.archive
    run = await archive.run(run_id)
    emit(f"   Ended: {run.status} — {visible_line(run.status_reason)}")
    if run.report_digest is not None:
        _print_report(await archive.content(run.report_digest))
    trail = await read_trail(run_id, archive, stage.gateway.engine)
    _print_decisions(trail.records)
    breaks = trail.breaks()
    emit(f"   Audit: {len(trail.records)} records, {'proven' if not breaks else '; '.join(breaks)}")
    if run.status is not scene.ends:
        say(f"   expected this scene to end {scene.ends}")
    return run.status is scene.ends and not breaks


def _print_report(report: dict[str, Any]) -> None:
    emit("   Report:")
    for name, value in report.items():
        shown = value if isinstance(value, str) else encode(value)
        if name == "cites":
            shown = ", ".join(f"{cite['tool']} (step {cite['step']}, {cite['status']})" for cite in value)
        emit(f"     {name}: {visible_line(shown)}")


def _print_decisions(records: list[AuditRecord]) -> None:
    emit("   Decision log:")
    for record in records:
        if record.kind == "call_judged":
            body = record.body
            emit(
                f"     step {body.get('step')}  {body.get('tool')}  {body.get('verdict')}  "
                f"by rule {body.get('rule')}: {visible_line(str(body.get('reason', '')))}"
            )


def _run_url(stage: Stage, run_id: RunId) -> str:
    return f"{stage.ui_url}/namespaces/default/workflows/{run_id}"
