"""Record histories from real runs, for the replay test: `python -m tests.replay.record`.

Record only some by name: `python -m tests.replay.record paused edited`. Record anew when the workflow has changed on
purpose and no run of the former version is open any more; keep the old histories as long as such runs may be open,
and change the workflow with `workflow.patched` until then.
"""

import asyncio
import base64
import json
import os
import re
import shutil
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from temporalio.client import Client

from gateway.admission import submit
from gateway.approvals import decide
from gateway.connections import Gateway, open_gateway
from gateway.identity import find_token
from gateway.killing import kill
from gateway.signing import find_signer
from gateway.steering import steer
from gateway.undoing import undo
from proctor.connection import connect_temporal
from proctor.contracts.control import ControlOrder, PersonsCall
from proctor.contracts.human import HumanDecision, Principal
from proctor.contracts.ids import DEFAULT_TENANT, AgentName, RunId, ToolName
from proctor.contracts.kill import KillOrder, KillScope
from proctor.contracts.run import TaskRequest
from proctor.contracts.wire import undo_id
from proctor.local import prepare_local_store
from proctor.settings import Endpoints, Settings, TemporalEndpoint
from proctor.telemetry.metrics import Metrics
from tests.acceptance.witness import recorded
from workers.embedded.postgres import EmbeddedPostgres
from workers.embedded.temporal import NAMESPACE, EmbeddedTemporal
from workers.search_attributes import register_search_attributes
from workers.wiring import build

ROOT = Path(__file__).parents[2]
HISTORIES = Path(__file__).parent / "histories"
AGENT = AgentName("prober")
SUGGESTED_EVENTS = 45
"""Events after which this server suggests continue-as-new; the usual 4,096 would make a large file."""
OF_PEOPLE = {"paused", "edited", "taken_over", "taken_back"}
_PROCESS = re.compile(r"(proctor-)?\d+@\S+")
_SCRUBBED: dict[str, Any] = {"stackTrace": "", "workerVersion": {}}


class ImpatientTemporal(EmbeddedTemporal):
    """A server that suggests continue-as-new early."""

    def _arguments(self) -> Iterator[str]:
        yield from super()._arguments()
        yield from ("--dynamic-config-value", f"limit.historyCount.suggestContinueAsNew={SUGGESTED_EVENTS}")


@dataclass(frozen=True)
class Studio:
    """Where runs are recorded."""

    gateway: Gateway
    client: Client
    witness: Path

    async def run(self, name: str, what: str, **more: Any) -> RunId:
        """Start a run of the prober under its own name."""
        store = self.gateway.store
        by = await store.people.authenticate(find_token({}, self.gateway.settings.home, "operator"))
        request = TaskRequest(
            agent=AGENT,
            input={"try": what, **more},
            requester=by.name,
            tenant=DEFAULT_TENANT,
            idempotency_key=f"replay-{name}",
        )
        bundle = self.gateway.catalog.load(AGENT)
        accepted = await submit(
            request,
            bundle,
            by=by,
            admissions=store.admissions,
            engine=self.gateway.engine,
            changes=self.gateway.changes,
        )
        return accepted.record.run_id

    async def decide(self, run_id: RunId, word: str, *, by: str = "demo.approver", **more: Any) -> None:
        """Decide what a run waits for."""
        store = self.gateway.store
        pending = await _until(lambda: store.people.pending(run_id))
        person = await self._person(by)
        decision = HumanDecision.model_validate({"request_id": pending[0].id, "word": word, **more})
        signer = find_signer(self.gateway.settings.home, person.name)
        await decide(decision, by=person, people=store.people, engine=self.gateway.engine, signer=signer)

    async def order(self, run_id: RunId, word: str, call: PersonsCall | None = None) -> None:
        """Give an order to a run."""
        store, by = self.gateway.store, await self._person("operator")
        order = ControlOrder.model_validate({"run_id": run_id, "word": word, "call": call})
        await steer(
            order,
            by=by,
            controls=store.controls,
            archive=store.archive,
            journal=store.journal,
            engine=self.gateway.engine,
        )

    async def take_back(self, run_id: RunId) -> None:
        """Take an ended run back."""
        store, by = self.gateway.store, await self._person("operator")
        await undo(run_id, by=by, undoing=store.undoing, kills=store.kills, engine=self.gateway.engine)

    async def _person(self, name: str) -> Principal:
        return await self.gateway.store.people.authenticate(find_token({}, self.gateway.settings.home, name))

    async def kill(self, run_id: RunId) -> None:
        """Kill a run in the middle of its slow tool."""
        await _until(lambda: self._has_begun(run_id))
        await self.kill_now(run_id)

    async def kill_now(self, run_id: RunId) -> None:
        """Kill a run wherever it is."""
        store = self.gateway.store
        by = await store.people.authenticate(find_token({}, self.gateway.settings.home, "operator"))
        order = KillOrder(scope=KillScope.RUN, value=run_id, actor=by.name, reason="drill", mode="compensate")
        await kill(
            order,
            by=by,
            kills=store.kills,
            archive=store.archive,
            journal=store.journal,
            engine=self.gateway.engine,
        )

    async def _has_begun(self, run_id: RunId) -> bool:
        return any(what == "begun" for key, what in recorded(self.witness) if key.startswith(run_id))

    async def histories(self, run_id: RunId) -> list[dict[str, Any]]:
        """Wait for a run's end and give its histories, the first one first."""
        await _until(lambda: self._has_ended(run_id))
        found: list[dict[str, Any]] = []
        execution: str | None = None
        while execution != "":
            history = await self.client.get_workflow_handle(run_id, run_id=execution).fetch_history()
            found.insert(0, json.loads(history.to_json()))
            started = history.events[0].workflow_execution_started_event_attributes
            execution = started.continued_execution_run_id
        return found

    async def _has_ended(self, run_id: RunId) -> bool:
        return (await self.gateway.store.archive.run(run_id)).status.is_end


async def record_all(studio: Studio) -> dict[str, dict[str, Any]]:
    """Play every kind of run; gives their histories by name."""
    wanted = set(sys.argv[1:])
    found = {} if wanted and not wanted - OF_PEOPLE else await record_agents(studio)
    return {**found, **await record_people(studio)}


async def record_people(studio: Studio) -> dict[str, dict[str, Any]]:
    """Play runs that people hold, steer and take back."""
    runs = {name: await studio.run(name, "approved") for name in ("paused", "edited", "taken_over")}
    for run_id in runs.values():
        await _until(partial(studio.gateway.store.people.pending, run_id))
    await studio.order(runs["paused"], "pause")
    await studio.decide(runs["paused"], "approve")
    await asyncio.sleep(1)
    await studio.order(runs["paused"], "resume")
    await studio.decide(runs["edited"], "edit", arguments={"what": "put better"})
    await studio.decide(runs["edited"], "deny", by="maria.ops")
    await studio.order(runs["taken_over"], "take_over")
    call = PersonsCall(tool=ToolName("Append"), arguments={"what": "by hand"})
    await studio.order(runs["taken_over"], "act", call=call)
    await studio.order(runs["taken_over"], "hand_back")
    await studio.decide(runs["taken_over"], "approve")
    found = await _named(studio, runs)
    await studio.take_back(runs["taken_over"])
    handle = studio.client.get_workflow_handle(undo_id(runs["taken_over"]))
    return {**found, "taken_back": json.loads((await handle.fetch_history()).to_json())}


async def record_agents(studio: Studio) -> dict[str, dict[str, Any]]:
    """Play runs that go as their agent wants, as far as people let it."""
    runs = {
        "completed": await studio.run("completed", "append", times=2),
        "continued": await studio.run("continued", "append", times=8),
        "failed_and_compensated": await studio.run("failed", "saga"),
        "approved": await studio.run("approved", "approved"),
        "denied": await studio.run("denied", "approved"),
        "answered": await studio.run("answered", "ask"),
        "killed": await studio.run("killed", "slow"),
    }
    await studio.decide(runs["approved"], "approve")
    await studio.decide(runs["denied"], "deny", reason="not today")
    await studio.decide(runs["answered"], "answer", answer="green")
    await studio.kill(runs["killed"])
    return await _named(studio, runs)


async def _named(studio: Studio, runs: dict[str, RunId]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for name, run_id in runs.items():
        parts = await studio.histories(run_id)
        found |= {name if len(parts) == 1 else f"{name}-{n}": part for n, part in enumerate(parts, start=1)}
    return found


def scrub(node: Any) -> Any:
    """Take out what is of the machine and not of the run."""
    if isinstance(node, list):
        return [scrub(item) for item in node]
    if isinstance(node, dict):
        return {name: _SCRUBBED.get(name, scrub(value)) for name, value in node.items()}
    return "worker" if isinstance(node, str) and _PROCESS.fullmatch(node) else node


def machine_traces(node: Any, signs: tuple[str, ...]) -> list[str]:
    """Find texts, payloads included, that still name the machine."""
    if isinstance(node, list | dict):
        inner = node if isinstance(node, list) else list(node.values())
        return [found for item in inner for found in machine_traces(item, signs)]
    if not isinstance(node, str):
        return []
    try:
        text = node + base64.b64decode(node, validate=True).decode(errors="replace")
    except ValueError:
        text = node
    return [node for sign in signs if sign in text]


@asynccontextmanager
async def studio(home: Path) -> AsyncIterator[Studio]:
    """Start the store, the server and a worker."""
    os.environ["WITNESS"] = str(home / "witness.db")
    postgres, temporal = EmbeddedPostgres(), ImpatientTemporal(home / "temporal.log")
    try:
        url = await prepare_local_store(await asyncio.to_thread(postgres.start, home / "postgres"), home)
        await temporal.start()
        endpoint = TemporalEndpoint(temporal.address, NAMESPACE)
        given = replace(Settings.load({}, ROOT), home=home, agents=ROOT / "tests" / "acceptance" / "agents")
        settings = replace(given, configured=Endpoints(endpoint, url))
        client = await connect_temporal(endpoint)
        await register_search_attributes(client)
        parts = await build(settings, client, Metrics())
        async with open_gateway(settings) as gateway, parts.worker:
            yield Studio(gateway, client, home / "witness.db")
        await parts.close()
    finally:
        await temporal.stop()
        await asyncio.to_thread(postgres.stop)


async def main() -> int:
    """Write the histories; refuse what would tell of this machine."""
    home = Path(tempfile.mkdtemp(prefix="rec-"))
    signs = (str(ROOT), str(home), socket.gethostname())
    try:
        async with studio(home) as open_studio:
            found = await record_all(open_studio)
    finally:
        shutil.rmtree(home, ignore_errors=True)
    wanted = set(sys.argv[1:])
    for name, history in found.items():
        if wanted and name.partition("-")[0] not in wanted:
            continue
        clean = scrub(history)
        if traces := machine_traces(clean, signs):
            sys.stderr.write(f"{name} names this machine: {traces[0]}\n")
            return 1
        (HISTORIES / f"{name}.json").write_text(json.dumps(clean, indent=1) + "\n", encoding="utf-8")
        sys.stdout.write(f"{name}: {len(clean['events'])} events\n")
    return 0


async def _until(look: Callable[[], Awaitable[Any]], patience_s: float = 60.0) -> Any:
    async with asyncio.timeout(patience_s):
        while not (found := await look()):  # noqa: ASYNC110 - rows and files
            await asyncio.sleep(0.1)
    return found


if __name__ == "__main__":
    sys.stdout.flush()
    code = asyncio.run(main())
    sys.stdout.flush()
    os._exit(code)
