"""Record histories from real runs, for the replay test: `python -m tests.replay.record`.

Record anew when the workflow has changed on purpose and no run of the former version is open any more; keep the old
histories as long as such runs may be open, and change the workflow with `workflow.patched` until then.
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
from pathlib import Path
from typing import Any

from temporalio.client import Client

from gateway.admission import submit
from gateway.approvals import decide
from gateway.connections import Gateway, open_gateway
from gateway.identity import find_token
from gateway.killing import kill
from gateway.signing import find_signer
from proctor.connection import connect_temporal
from proctor.contracts.human import HumanDecision
from proctor.contracts.ids import DEFAULT_TENANT, AgentName, RunId
from proctor.contracts.kill import KillOrder, KillScope
from proctor.contracts.run import TaskRequest
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

    async def decide(self, run_id: RunId, word: str, **more: str) -> None:
        """Decide what a run waits for."""
        store = self.gateway.store
        pending = await _until(lambda: store.people.pending(run_id))
        by = await store.people.authenticate(find_token({}, self.gateway.settings.home, "demo.approver"))
        decision = HumanDecision.model_validate({"request_id": pending[0].id, "word": word, **more})
        signer = find_signer(self.gateway.settings.home, by.name)
        await decide(decision, by=by, people=store.people, engine=self.gateway.engine, signer=signer)

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
    for name, history in found.items():
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
