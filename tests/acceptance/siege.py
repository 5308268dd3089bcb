"""A stack that is attacked from inside: by who can reach Temporal, by who can write to the database."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from temporalio.api.workflowservice.v1 import PauseWorkflowExecutionRequest, UnpauseWorkflowExecutionRequest
from temporalio.client import Client

from gateway.admission import submit
from gateway.approvals import DecisionResult, decide
from gateway.auditing import read_trail
from gateway.connections import Gateway, open_gateway
from gateway.identity import find_token
from gateway.killing import KillReport, kill
from gateway.signing import find_signer
from proctor.connection import connect_temporal
from proctor.contracts.human import HumanDecision, HumanRequest, Principal
from proctor.contracts.ids import DEFAULT_TENANT, AgentName, RunId
from proctor.contracts.kill import KillOrder, KillScope
from proctor.contracts.run import RunRecord, RunStatus, TaskRequest
from proctor.local import local_order, local_stack
from tests.acceptance.witness import recorded
from workers.dev import DevStack

AGENTS = Path(__file__).parent / "agents"


@dataclass(frozen=True)
class Siege:
    """A running stack, and every way into it."""

    stack: DevStack
    gateway: Gateway
    client: Client
    witness: Path

    async def principal(self, name: str = "operator") -> Principal:
        """Sign in."""
        return await self.gateway.store.people.authenticate(find_token({}, self.stack.home, name))

    async def request(self, key: str, attempt: str, /, **more: Any) -> TaskRequest:
        """Make a request of the operator."""
        return TaskRequest(
            agent=AgentName("prober"),
            input={"try": attempt, **more},
            requester=(await self.principal()).name,
            tenant=DEFAULT_TENANT,
            idempotency_key=key,
        )

    async def start(self, key: str, attempt: str, /, **more: Any) -> RunId:
        """Ask for a run of the prober."""
        store, by = self.gateway.store, await self.principal()
        bundle = self.gateway.catalog.load(AgentName("prober"))
        request = await self.request(key, attempt, **more)
        found = await submit(
            request,
            bundle,
            by=by,
            admissions=store.admissions,
            engine=self.gateway.engine,
            changes=self.gateway.changes,
        )
        return found.record.run_id

    async def admit(self, key: str, attempt: str, /, **more: Any) -> RunId:
        """Accept a run and crash before its workflow is started."""
        bundle = self.gateway.catalog.load(AgentName("prober"))
        record, _ = await self.gateway.store.admissions.admit(await self.request(key, attempt, **more), bundle)
        return record.run_id

    async def waiting(self, run_id: RunId) -> HumanRequest:
        """Wait until a run waits for a person."""
        await self.until(lambda: self._is_waiting(run_id))
        return (await self.gateway.store.people.pending(run_id))[0]

    async def _is_waiting(self, run_id: RunId) -> bool:
        return bool(await self.gateway.store.people.pending(run_id))

    async def end(self, run_id: RunId, timeout_s: float = 60) -> RunRecord:
        """Wait for a run's end."""

        async def ended() -> bool:
            return (await self.gateway.store.archive.run(run_id)).status.is_end

        try:
            await self.until(ended, timeout_s)
        except TimeoutError:
            kinds = (await self.kinds(run_id))[-3:]
            raise AssertionError(f"{run_id} has not ended, last {kinds}: {await self.standing(run_id)}") from None
        return await self.gateway.store.archive.run(run_id)

    async def result(self, workflow_id: str, timeout_s: float = 60) -> Any:
        """Wait for a workflow's own result."""
        try:
            async with asyncio.timeout(timeout_s):
                return await self.client.get_workflow_handle(workflow_id).result()
        except TimeoutError:
            raise AssertionError(f"{workflow_id} has not ended: {await self.standing(workflow_id)}") from None

    async def standing(self, workflow_id: str) -> str:
        """Say what a workflow waits for, as Temporal sees it."""
        seen = (await self.client.get_workflow_handle(workflow_id).describe()).raw_description
        pending = [(one.activity_type.name, one.attempt, one.last_failure.message) for one in seen.pending_activities]
        task = (seen.pending_workflow_task.state, seen.pending_workflow_task.attempt)
        return f"status {seen.workflow_execution_info.status}, workflow task {task}, activities {pending}"

    async def until(self, holds: Callable[[], Any], timeout_s: float = 60) -> None:
        """Wait until something holds."""
        async with asyncio.timeout(timeout_s):
            while not await holds():  # noqa: ASYNC110 - another process decides when
                await asyncio.sleep(0.1)

    async def decide(self, request_id: str, word: str, name: str = "demo.approver", **more: Any) -> DecisionResult:
        """Decide as a person does."""
        order = HumanDecision.model_validate({"request_id": request_id, "word": word, **more})
        by, gateway = await self.principal(name), self.gateway
        signer = find_signer(gateway.settings.home, by.name)
        return await decide(order, by=by, people=gateway.store.people, engine=gateway.engine, signer=signer)

    async def kill(
        self, value: str, mode: str = "compensate", wait_s: float = 30, scope: KillScope = KillScope.RUN
    ) -> KillReport:
        """Kill as the operator does; a run unless `scope` says otherwise."""
        by, store = await self.principal(), self.gateway.store
        order = KillOrder.model_validate(
            {"scope": scope, "value": value, "actor": by.name, "reason": "attack", "mode": mode}
        )
        return await kill(
            order,
            by=by,
            kills=store.kills,
            archive=store.archive,
            journal=store.journal,
            engine=self.gateway.engine,
            wait_s=wait_s,
        )

    def tamper(self, statement: str, *values: Any) -> None:
        """Write to the database as its superuser, with triggers and foreign keys switched off."""
        with psycopg.connect(self.stack.endpoints.database_url, autocommit=True) as connection:
            connection.execute("SET session_replication_role = replica")
            changed = connection.execute(statement, values)
            assert changed.rowcount != 0, f"{statement} changed nothing"

    def effects(self, run_id: RunId) -> list[str]:
        """Give what really happened for a run, by the tools' own record."""
        return [what for key, what in recorded(self.witness) if key.startswith(f"{run_id}/")]

    async def breaks(self, run_id: RunId) -> list[str]:
        """Give what an auditor finds wrong with a run."""
        return (await read_trail(run_id, self.gateway.store.archive, self.gateway.engine)).breaks()

    async def kinds(self, run_id: RunId) -> list[str]:
        """Give the kinds of a run's audit records."""
        return [record.kind for record in await self.gateway.store.archive.audit(run_id)]

    async def denials(self, run_id: RunId) -> list[str]:
        """Give the rules by which calls of a run were denied at dispatch."""
        records = await self.gateway.store.archive.audit(run_id)
        return [record.body["rule"] for record in records if record.kind == "call_denied"]

    async def status(self, run_id: RunId) -> RunStatus:
        """Give where a run stands in the store."""
        return (await self.gateway.store.archive.run(run_id)).status


@asynccontextmanager
async def siege(folder: Path) -> AsyncIterator[Siege]:
    """Start a stack with one worker."""
    witness = folder / "witness.db"
    order = local_order(environ={"WITNESS": str(witness)})
    async with local_stack(folder / "state", AGENTS, order=order) as stack, open_gateway(stack.settings) as gateway:
        client = await connect_temporal(stack.endpoints.temporal)
        yield Siege(stack, gateway, client, witness)


_numbers = itertools.count(1)


def key(name: str) -> str:
    """Give an idempotency key that no other test uses."""
    return f"{name}-{next(_numbers)}"


async def freeze_in_place(besieged: Siege, run_id: RunId) -> None:
    await besieged.client.workflow_service.pause_workflow_execution(
        PauseWorkflowExecutionRequest(
            namespace=besieged.client.namespace, workflow_id=run_id, request_id=key("pause"), reason="attack"
        )
    )


async def thaw(besieged: Siege, run_id: RunId) -> None:
    await besieged.client.workflow_service.unpause_workflow_execution(
        UnpauseWorkflowExecutionRequest(
            namespace=besieged.client.namespace, workflow_id=run_id, request_id=key("pause"), reason="attack"
        )
    )
