"""`proctor demo`: the main job, on real parts, told as it happens.

Three alerts about a service that really breaks: one that a restart mends, one whose restart has to be taken back, and
one that asks for something out of scope.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from demo.knowledge import load_corpus
from demo.telling import tell, tell_decisions, tell_report
from demo.world import DemoWorld
from gateway.admission import submit
from gateway.agents import load_agent
from gateway.approvals import decide
from gateway.auditing import read_trail
from gateway.cli.output import emit, encode
from gateway.connections import Gateway, open_catalog, open_gateway
from gateway.following import follow
from gateway.identity import find_token
from gateway.narration import is_quiet, sentence
from gateway.signing import find_signer
from proctor.contracts.errors import InvalidInput, PlannerFailed
from proctor.contracts.human import HumanDecision, HumanRequest, Principal
from proctor.contracts.ids import AgentName, RunId, new_idempotency_key
from proctor.contracts.manifest import ModelPlannerSpec
from proctor.contracts.run import RunRecord, RunStatus, TaskRequest
from proctor.local import local_order, local_stack
from proctor.settings import Settings
from proctor.store.postgres import PostgresStore

Word = Literal["approve", "deny"]

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


def run_demo(settings: Settings, *, model: str | None, environ: Mapping[str, str]) -> int:
    """Play the demo; 0 when every scene ended as it should.

    Raises:
        InvalidInput: `model` cannot be used with what `environ` has; nothing was started.

    """
    if model is not None:
        _check_model(settings, model, environ)
    return asyncio.run(_play_all(settings, model))


def _check_model(settings: Settings, model: str, environ: Mapping[str, str]) -> None:
    from genai_prices import Usage

    from proctor.models.access import ModelAccess
    from proctor.models.price import price_usd

    spec = load_agent(open_catalog(settings), AGENT, model).manifest.planner
    assert isinstance(spec, ModelPlannerSpec)
    try:
        ModelAccess.from_environment(environ).endpoint(spec)
        price_usd(spec, Usage(input_tokens=1, output_tokens=1))
    except PlannerFailed as error:
        raise InvalidInput(error.message, hint=error.hint.replace(" for the worker", "")) from error


async def _play_all(settings: Settings, model: str | None) -> int:
    emit("Starting Postgres, Temporal, one worker, and a small service that will break …")
    async with _stage(settings, model) as stage:
        emit(f"Temporal UI: {stage.ui_url} (each run is there under its id)")
        ended_well = [await _play(stage, number, scene) for number, scene in enumerate(SCENES, start=1)]
        emit("")
        emit(f"{sum(ended_well)} of {len(SCENES)} scenes ended as they should.")
        if sys.stdin.isatty():
            await asyncio.to_thread(input, f"The Temporal UI stays up at {stage.ui_url} until you press Enter … ")
    return 0 if all(ended_well) else 1


@asynccontextmanager
async def _stage(settings: Settings, model: str | None) -> AsyncIterator[Stage]:
    home = settings.home / "demo"
    # Each demo gets a world of its own: what an earlier one left in the service's log would mislead the agent.
    async with (
        DemoWorld(home / f"world-{datetime.now(UTC):%Y%m%d-%H%M%S}") as world,
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
        tell("fault", "the service now accepts connections and answers none")
    facts = ", ".join(f"{name} {value}" for name, value in alert.items() if name != "alert")
    tell("alert", f"{alert['alert']} ({facts})")
    record = await _start(stage, alert)
    emit(f"   run       {stage.ui_url}/namespaces/default/workflows/{record.run_id}")
    denied = await _follow(stage, record.run_id)
    return await _conclude(stage, record.run_id, RunStatus.DENIED if denied else scene.ends)


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
    accepted = await submit(
        request,
        bundle,
        by=requester,
        admissions=store.admissions,
        engine=stage.gateway.engine,
        changes=stage.gateway.changes,
    )
    return accepted.record


async def _follow(stage: Stage, run_id: RunId) -> bool:
    """Tell what happens until the end, and let the person decide; whether a request was denied."""
    words: dict[str, Word] = {}
    async for record in follow(stage.gateway.store.archive, run_id):
        if not is_quiet(record):
            tell(f"{record.at:%H:%M:%S}", sentence(record))
        if record.kind != "approval_requested":
            continue
        for request in await stage.gateway.store.people.pending(run_id):
            if request.id not in words:
                words[request.id] = await _decide(stage, request)
    return "deny" in words.values()


async def _decide(stage: Stage, request: HumanRequest) -> Word:
    tell("", f"with exactly {encode(request.details.get('arguments', {}))}")
    word: Word = "approve"
    if sys.stdin.isatty():
        word = await asyncio.to_thread(ask)
    else:
        tell("", f"no terminal to ask at: {APPROVER}, a principal of the demo, approves")
    decision = HumanDecision(request_id=request.id, word=word, reason="decided in the demo")
    by, gateway = await stage.person(APPROVER), stage.gateway
    signer = find_signer(gateway.settings.home, by.name)
    await decide(decision, by=by, people=gateway.store.people, engine=gateway.engine, signer=signer)
    return word


def ask(read: Callable[[str], str] = input) -> Word:
    """Ask at the terminal until the answer is a yes or a no."""
    answers: dict[str, Word] = {"": "approve", "y": "approve", "yes": "approve", "n": "deny", "no": "deny"}
    while (word := answers.get(read(f"             Approve, as {APPROVER}? [Y/n] ").strip().lower())) is None:
        tell("", "y or n, please")
    return word


async def _conclude(stage: Stage, run_id: RunId, expected: RunStatus) -> bool:
    archive = stage.gateway.store.archive
    run = await archive.run(run_id)
    trail = await read_trail(run_id, archive, stage.gateway.engine)
    breaks = trail.breaks()
    emit("")
    tell_decisions(trail.records)
    if run.report_digest is not None:
        tell_report(await archive.content(run.report_digest))
    tell("audit", f"{len(trail.records)} records, {'proven' if not breaks else '; '.join(breaks)}")
    tell("ended", run.status if run.status is expected else f"{run.status}; {expected} was expected")
    return run.status is expected and not breaks
