"""The composition root of a worker: the only place that knows which adapter stands behind which port."""

import os
from collections.abc import Collection, Mapping
from contextlib import AsyncExitStack

from temporalio.client import Client
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from activities.acting import ActingActivities
from activities.bench import PolicyShelf
from activities.planning import PlanningActivities
from activities.running import RunActivities
from activities.steering import SteeringActivities, UndoActivities
from proctor.credentials.resolver import names_of_environment
from proctor.credentials_file import open_credentials, read_file
from proctor.models.access import ModelAccess
from proctor.models.planners import PlannerRouter
from proctor.settings import Settings
from proctor.store.postgres import PostgresStore
from proctor.telemetry.metrics import Metrics
from proctor.tools.authoring import ToolResources
from proctor.tools.dispatcher import ToolDispatcher
from proctor.tools.mcp.adapter import McpAdapter
from proctor.tools.mcp.surroundings import Surroundings
from proctor.tools.process_adapter import ProcessAdapter
from proctor.tools.python_adapter import PythonAdapter
from proctor.tools.sandboxed_python import SandboxedPython
from workers.metering import MeteredPlanner, MeteredTools, count_pending, metered_journal, show_breakers
from workers.pools import build_workers
from workers.process import WorkerParts
from workers.sandboxing import prepare_sandbox
from workflows.agent_task import AgentTaskWorkflow
from workflows.undo_run import UndoRunWorkflow

PASSED_THROUGH = (
    "activities",
    "policies",
    "proctor",
    "workflows.cancelling",
    "workflows.continuing",
    "workflows.endings",
    "workflows.people",
    "workflows.saga",
    "workflows.search_attributes",
    "workflows.starting",
    "workflows.state",
    "workflows.view",
    "workflows.wheel",
    "pydantic",
    "pydantic_core",
    "jsonschema",
    "jsonschema_rs",
    "rfc8785",
    "opentelemetry",
)
"""Imported once, not again for each run; static rules check them for what replay forbids (ruff.toml, import-linter)."""
NOT_FOR_TOOLS = ("PG", "DATABASE_", "TEMPORAL_", "PROCTOR_", "OTEL_")
"""Settings of the platform itself, by prefix: a tool has no business with them."""


def tool_environment(environ: Mapping[str, str], credentials: Collection[str] = ()) -> dict[str, str]:
    """Give what tools may read of the worker's environment: neither our settings nor credentials nor API keys."""
    return {
        name: value
        for name, value in environ.items()
        if not name.startswith(NOT_FOR_TOOLS) and not name.endswith("_API_KEY") and name not in credentials
    }


async def build_tools(
    settings: Settings, environ: Mapping[str, str], store: PostgresStore
) -> tuple[ToolDispatcher, AsyncExitStack]:
    """Build what calls tools, as every worker has it; also for contract tests that call them. Gives what closes it too.

    Raises:
        InvalidDocument: the file of credentials is wrong.
        Unavailable: the store does not answer.

    """
    file = read_file(settings)
    credentials, exits = open_credentials(file, environ), AsyncExitStack()
    exits.push_async_callback(credentials.aclose)
    resources = ToolResources(store.knowledge, tool_environment(environ, names_of_environment(file)), credentials)
    sandbox = await prepare_sandbox(settings, store.hosts)
    mcp = McpAdapter(Surroundings(resources.environment, credentials, root=settings.root, sandbox=sandbox))
    process = ProcessAdapter(sandbox, settings.root, credentials)
    python = PythonAdapter(resources, SandboxedPython(sandbox, settings.root))
    tools = await exits.enter_async_context(ToolDispatcher(resources, adapters=(python, mcp, process)))
    return tools, exits


async def build(settings: Settings, client: Client, metrics: Metrics) -> WorkerParts:
    """Build the worker of one process.

    Raises:
        Unavailable: the store does not answer, or its schema is not the one that this code needs.

    """
    store = await PostgresStore.connect(settings.endpoints().database_url, min_size=2, max_size=24)
    tools, exits = await build_tools(settings, os.environ, store)
    journal = metered_journal(store.journal, metrics)
    metered_tools, policies = MeteredTools(tools, metrics), PolicyShelf()
    planner = PlannerRouter(ModelAccess.from_environment(os.environ))
    running = RunActivities(journal, policies)
    planning = PlanningActivities(
        journal, MeteredPlanner(planner, metrics), metered_tools, policies, settings.environment
    )
    acting = ActingActivities(journal, metered_tools, policies, store.traffic, settings.environment)
    steering = SteeringActivities(journal, metered_tools, policies, settings.environment)
    undoing = UndoActivities(store.undoing)
    worker, queues = build_workers(
        client,
        settings,
        workflows=[AgentTaskWorkflow, UndoRunWorkflow],
        activities=[
            running.open_run,
            running.read_request,
            running.acknowledge_cancel,
            running.close_run,
            planning.plan_step,
            acting.call_tool,
            acting.read_tool,
            acting.compensate,
            acting.abandon_call,
            acting.settle_call,
            steering.read_wheel,
            steering.set_aside,
            steering.judge_edit,
            undoing.next_undoable,
            undoing.close_undo,
        ],
        of_pools=[acting.call_tool, acting.read_tool, acting.settle_call],
    )

    async def close() -> None:
        await exits.aclose()
        await planner.aclose()
        await store.close()

    async def observe() -> None:
        await count_pending(store.people, metrics)
        await show_breakers(store.traffic, metrics)

    return WorkerParts(worker=worker, ping_store=store.ping, close=close, observe=observe, queues=queues)


def sandboxed() -> SandboxedWorkflowRunner:
    """Run workflows in the sandbox, with our own modules passed through: for tests that replay histories.

    Not for the worker: nearly all of our modules are passed through, so the sandbox would watch one file that static
    rules check anyway, and it enters itself for every payload (measured: a sixth to a fifth of a worker's CPU).
    """
    return SandboxedWorkflowRunner(restrictions=SandboxRestrictions.default.with_passthrough_modules(*PASSED_THROUGH))
