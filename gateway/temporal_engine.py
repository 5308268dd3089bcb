"""The run engine on Temporal. Connects at the first use, so that what needs the store alone works without Temporal."""

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from temporalio.api.enums.v1 import WorkflowExecutionStatus
from temporalio.api.workflowservice.v1 import (
    DescribeWorkflowExecutionRequest,
    DescribeWorkflowExecutionResponse,
    UnpauseWorkflowExecutionRequest,
)
from temporalio.client import Client
from temporalio.common import (
    Priority,
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from gateway.engine import Standing
from gateway.witnesses import heads_of_event
from proctor.contracts.canonical import digest_bytes, summarize
from proctor.contracts.errors import NotAuthorised, ProctorError, Unavailable
from proctor.contracts.ids import RunId, TenantId
from proctor.contracts.run import AuditHead, RunOutcome, RunRecord, RunStart
from proctor.contracts.wire import (
    MAX_FAIRNESS_KEY_BYTES,
    REQUEST_DECIDED,
    RUN_STEERED,
    UNDO_TYPE,
    WORKFLOW_TYPE,
    RequestDecided,
    RunSteered,
    UndoStart,
    undo_id,
)
from workflows import search_attributes

RPC_TIMEOUT = timedelta(seconds=5)
SUMMARY_CHARACTERS = 150
STUCK_AFTER = 3
"""Failed attempts of one workflow task after which we no longer believe that the workflow will ever go on."""

TERMINATIONS = 3

OPEN = {
    WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_RUNNING,
    WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_PAUSED,
}

BROKEN_OFF = f"WorkflowType = '{WORKFLOW_TYPE}' AND ExecutionStatus IN ('Terminated', 'TimedOut', 'Failed')"

Connect = Callable[[], Awaitable[Client]]


class TemporalRunEngine:
    """Implements `RunEngine`; `connect` is called once, when it is first needed."""

    def __init__(
        self, connect: Connect, *, address: str, task_queue: str, weights: Mapping[str, float] | None = None
    ) -> None:
        self._connect = connect
        self._address = address
        self._task_queue, self._weights = task_queue, weights or {}
        self._client: Client | None = None

    @property
    def used(self) -> bool:
        """Whether a connection was made: such a process must end with care (sdk-python#300)."""
        return self._client is not None

    async def ping(self) -> None:
        """Return once Temporal has answered."""
        async with self._answering() as client:
            await client.service_client.check_health(timeout=RPC_TIMEOUT)

    async def start(self, record: RunRecord) -> None:
        """Start the workflow whose id is the run's; one that exists, open or closed, is left as it is."""
        async with self._answering() as client:
            try:
                await client.start_workflow(
                    WORKFLOW_TYPE,
                    RunStart(run_id=record.run_id),
                    id=record.run_id,
                    task_queue=self._task_queue,
                    id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                    id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                    search_attributes=_attributes_of(record),
                    memo={"agent": record.agent, "goal": summarize(record.goal)},
                    static_summary=summarize(": ".join(filter(None, (record.agent, record.goal))), SUMMARY_CHARACTERS),
                    priority=self._priority(record.tenant),
                    rpc_timeout=RPC_TIMEOUT,
                )
            except WorkflowAlreadyStartedError:
                return

    def _priority(self, tenant: TenantId) -> Priority:
        """Give each tenant its share of a backlog; activities of a run inherit it."""
        is_short = len(tenant.encode()) <= MAX_FAIRNESS_KEY_BYTES
        key = tenant if is_short else digest_bytes(tenant.encode())[:MAX_FAIRNESS_KEY_BYTES]
        return Priority(fairness_key=key, fairness_weight=self._weights.get(tenant))

    async def wake(self, message: RequestDecided, run_id: RunId) -> bool:
        """Signal the workflow; False when none is open."""
        return await self._signal(run_id, REQUEST_DECIDED, message)

    async def steer(self, message: RunSteered, run_id: RunId) -> bool:
        """Signal the workflow; False when none is open."""
        return await self._signal(run_id, RUN_STEERED, message)

    async def _signal(self, run_id: RunId, name: str, message: RequestDecided | RunSteered) -> bool:
        async with self._answering() as client:
            try:
                await client.get_workflow_handle(run_id).signal(name, message, rpc_timeout=RPC_TIMEOUT)
            except RPCError as error:
                if error.status is RPCStatusCode.NOT_FOUND:
                    return False
                raise
        return True

    async def take_back(self, run_id: RunId) -> None:
        """Start the workflow; after an earlier one has closed, another goes on with what is left."""
        async with self._answering() as client:
            await client.start_workflow(
                UNDO_TYPE,
                UndoStart(run_id=run_id),
                id=undo_id(run_id),
                task_queue=self._task_queue,
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                static_summary=summarize(f"take back {run_id}", SUMMARY_CHARACTERS),
                rpc_timeout=RPC_TIMEOUT,
            )

    async def is_taking_back(self, run_id: RunId) -> bool:
        """Whether the workflow that takes the run back is open."""
        return await self.standing(RunId(undo_id(run_id))) == "open"

    async def stop(self, run_id: RunId, reason: str) -> Standing:
        """Cancel the workflow, then unpause it if it is paused: a paused one takes no notice of a cancel.

        The answer comes from its status and not from the cancel, which a closed workflow may accept too.
        """
        async with self._answering() as client:
            try:
                await client.get_workflow_handle(run_id).cancel(reason=summarize(reason), rpc_timeout=RPC_TIMEOUT)
            except RPCError as error:
                if error.status is not RPCStatusCode.NOT_FOUND:
                    raise
            status = await self._status(client, run_id)
            if status == WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_PAUSED:
                await self._unpause(client, run_id, reason)
        return _standing_of(status)

    async def end_closed(self, run_id: RunId, outcome: RunOutcome, reason: str) -> None:
        """Terminate the workflow, which has nothing left to do; one that has closed stays as it is.

        Continue-as-new can be between us and the run that we mean: then the one that goes on is terminated.
        """
        async with self._answering() as client:
            for _ in range(TERMINATIONS):
                try:
                    await client.get_workflow_handle(run_id).terminate(
                        outcome, reason=summarize(reason), rpc_timeout=RPC_TIMEOUT
                    )
                except RPCError as error:
                    if error.status is not RPCStatusCode.NOT_FOUND:
                        raise
                    if _standing_of(await self._status(client, run_id)) == "open":
                        continue
                return

    async def end_stuck(self, run_id: RunId, reason: str) -> bool:
        """Terminate a workflow whose task failed `STUCK_AFTER` times in a row; one that makes progress is left alone.

        A workflow task that only waits for a worker counts its first attempt, however long it waits.
        """
        async with self._answering() as client:
            try:
                answer = await self._describe(client, run_id)
                if answer is None or answer.pending_workflow_task.attempt < STUCK_AFTER:
                    return False
                handle = client.get_workflow_handle(run_id, run_id=answer.workflow_execution_info.execution.run_id)
                await handle.terminate(reason=summarize(reason), rpc_timeout=RPC_TIMEOUT)
            except RPCError as error:
                if error.status is RPCStatusCode.NOT_FOUND:
                    return False
                raise
        return True

    async def standing(self, run_id: RunId) -> Standing:
        """Say how a workflow stands; changes nothing."""
        async with self._answering() as client:
            return _standing_of(await self._status(client, run_id))

    async def broken_off(self, since: datetime) -> list[RunId]:
        """List workflows that ended since then and could not say so: terminated, timed out or failed."""
        ended = f"CloseTime >= '{since.astimezone(UTC).isoformat(timespec='seconds')}'"
        async with self._answering() as client:
            found = client.list_workflows(f"{BROKEN_OFF} AND {ended}", rpc_timeout=RPC_TIMEOUT)
            return [RunId(workflow.id) async for workflow in found]

    async def heads(self, run_id: RunId) -> list[AuditHead]:
        """Give the audit heads of the workflow's history, through all of its continuations; oldest run last."""
        found: list[AuditHead] = []
        execution: str | None = None
        async with self._answering() as client:
            while True:
                previous = ""
                handle = client.get_workflow_handle(run_id, run_id=execution)
                try:
                    async for event in handle.fetch_history_events(rpc_timeout=RPC_TIMEOUT):
                        found += heads_of_event(event)
                        started = event.workflow_execution_started_event_attributes
                        previous = started.continued_execution_run_id or previous
                except RPCError as error:
                    if error.status is not RPCStatusCode.NOT_FOUND:
                        raise
                if not previous:
                    return found
                execution = previous

    async def _status(self, client: Client, run_id: RunId) -> int | None:
        answer = await self._describe(client, run_id)
        return None if answer is None else answer.workflow_execution_info.status

    async def _describe(self, client: Client, run_id: RunId) -> DescribeWorkflowExecutionResponse | None:
        request = DescribeWorkflowExecutionRequest(namespace=client.namespace)
        request.execution.workflow_id = run_id
        try:
            return await client.workflow_service.describe_workflow_execution(request, timeout=RPC_TIMEOUT)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return None
            raise

    async def _unpause(self, client: Client, run_id: RunId, reason: str) -> None:
        request = UnpauseWorkflowExecutionRequest(
            namespace=client.namespace,
            workflow_id=run_id,
            identity=client.identity,
            reason=summarize(reason),
            request_id=str(uuid.uuid4()),
        )
        await client.workflow_service.unpause_workflow_execution(request, timeout=RPC_TIMEOUT)

    @asynccontextmanager
    async def _answering(self) -> AsyncIterator[Client]:
        try:
            if self._client is None:
                self._client = await self._connect()
            yield self._client
        except RPCError as error:
            raise self._translate(error) from error

    def _translate(self, error: RPCError) -> ProctorError:
        if error.status in {RPCStatusCode.PERMISSION_DENIED, RPCStatusCode.UNAUTHENTICATED}:
            return NotAuthorised(
                f"Temporal at {self._address} refuses us: {summarize(error.message)}", hint="check TEMPORAL_API_KEY"
            )
        if "search attribute" in error.message.lower():
            return Unavailable(
                f"Temporal at {self._address} lacks our search attributes: {summarize(error.message)}",
                hint="start a worker: it registers them",
            )
        return Unavailable(
            f"Temporal at {self._address} does not answer: {summarize(error.message)} ({error.status.name})",
            hint="start `proctor dev`, or check TEMPORAL_ADDRESS with `proctor doctor`",
        )


def _standing_of(status: int | None) -> Standing:
    return "absent" if status is None else "open" if status in OPEN else "closed"


def _attributes_of(record: RunRecord) -> TypedSearchAttributes:
    return TypedSearchAttributes(
        [
            SearchAttributePair(search_attributes.AGENT, record.agent),
            SearchAttributePair(search_attributes.AGENT_VERSION, record.agent_version),
            SearchAttributePair(search_attributes.OWNER, record.owner),
            SearchAttributePair(search_attributes.TENANT, record.tenant),
            SearchAttributePair(search_attributes.AUTONOMY, record.autonomy.value),
            SearchAttributePair(search_attributes.STATUS, record.status.value),
            SearchAttributePair(search_attributes.PENDING_APPROVALS, 0),
            SearchAttributePair(search_attributes.COST_USD, 0.0),
            SearchAttributePair(search_attributes.ITERATION, 0),
        ]
    )
