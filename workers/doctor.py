"""`proctor doctor`: what is missing on this machine or in what it is connected to, and how to mend it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from proctor.connection import connect_temporal
from proctor.contracts.canonical import summarize
from proctor.contracts.errors import InvalidInput, ProctorError
from proctor.contracts.tool import ToolContract
from proctor.credentials.granting import not_granted
from proctor.credentials_file import read_file
from proctor.settings import Endpoints, Settings, TemporalEndpoint
from proctor.tools.credential_uses import written_origin
from proctor.tools.sandbox.local import choose_sandbox
from proctor.tools.sandbox.port import Proof
from workers.findings import Finding, State
from workers.machine import machine_findings
from workers.pool_check import unserved_pools
from workers.search_attributes import mismatches, registered, wanted

ANSWER_TIMEOUT_S = 15.0


async def diagnose(settings: Settings) -> list[Finding]:
    """Look at everything; never raises, and changes nothing."""
    checks: list[tuple[str, Callable[[], Awaitable[list[Finding]]]]] = [
        ("machine", lambda: asyncio.to_thread(machine_findings, settings)),
        ("agents", lambda: asyncio.to_thread(_agents, settings)),
        ("sandbox", lambda: _sandbox(settings)),
    ]
    findings: list[Finding] = []
    try:
        endpoints = settings.endpoints()
    except ProctorError as error:
        findings.append(Finding(name="connections", state=State.WARN, detail=error.message, remedy=error.hint))
    else:
        checks.append(("temporal", lambda: _temporal(endpoints.temporal)))
        checks.append(("pools", lambda: _pools(settings, endpoints.temporal)))
        checks.append(("postgres", lambda: asyncio.to_thread(_postgres, endpoints)))
    found = await asyncio.gather(*(_look(name, check) for name, check in checks))
    return [finding for group in found for finding in group] + findings


async def _look(name: str, check: Callable[[], Awaitable[list[Finding]]]) -> list[Finding]:
    try:
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            return await check()
    except ProctorError as error:
        return [Finding(name=name, state=State.FAIL, detail=error.message, remedy=error.hint)]
    except Exception as error:  # noqa: BLE001 - a doctor that falls ill is no help
        detail = summarize(str(error)) or type(error).__name__
        return [Finding(name=name, state=State.FAIL, detail=detail, remedy="see the detail")]


async def _sandbox(settings: Settings) -> list[Finding]:
    return [judge_sandbox(await choose_sandbox(settings.root, settings.home).prove())]


async def _pools(settings: Settings, endpoint: TemporalEndpoint) -> list[Finding]:
    pools, unserved = await unserved_pools(settings, endpoint)
    return [judge_pools(pools, unserved)] if pools else []


def judge_pools(pools: Sequence[str], unserved: Sequence[str]) -> Finding:
    """Say which pools of the project's tools nobody serves: their calls wait, and fail in the end."""
    if not unserved:
        return Finding(name="pools", state=State.OK, detail=f"served: {', '.join(pools)}")
    detail = f"no worker serves {', '.join(unserved)}: calls of their tools wait 15 minutes, and then fail"
    return Finding(
        name="pools", state=State.WARN, detail=detail, remedy="start a worker, or name them in PROCTOR_POOLS"
    )


def judge_sandbox(proof: Proof) -> Finding:
    """Say what tools that need the sandbox can expect here: they are refused where it cannot be given, or leaks."""
    count = len(proof.verdicts)
    if proof.holds:
        return Finding(name="sandbox", state=State.OK, detail=f"{proof.back_end}: {count} of {count} escapes blocked")
    escapes = "; ".join(f"{verdict.name}: {verdict.detail}" for verdict in proof.escapes)
    remedy = "tools that need it are refused here: docs/explanation/sandbox.md says what a host must give"
    state = State.FAIL if proof.back_end else State.WARN
    return Finding(name="sandbox", state=state, detail=summarize(escapes), remedy=remedy)


async def _temporal(endpoint: TemporalEndpoint) -> list[Finding]:
    client = await connect_temporal(endpoint, timeout_s=3.0)
    found = await registered(client)
    answers = Finding(name="temporal", state=State.OK, detail=f"{endpoint.address}, namespace {endpoint.namespace}")
    if wrong := mismatches(found):
        detail, remedy = f"of another type: {', '.join(wrong)}", "remove them: `temporal operator search-attribute`"
        return [answers, Finding(name="search attributes", state=State.FAIL, detail=detail, remedy=remedy)]
    if missing := sorted(wanted().keys() - found.keys()):
        detail, remedy = f"missing: {', '.join(missing)}", "start a worker: it registers them"
        return [answers, Finding(name="search attributes", state=State.WARN, detail=detail, remedy=remedy)]
    return [answers, Finding(name="search attributes", state=State.OK, detail=f"{len(found)} registered")]


def _postgres(endpoints: Endpoints) -> list[Finding]:
    from proctor.store.migrate import pending_migrations

    pending = pending_migrations(endpoints.database_url)
    if pending:
        detail = f"not migrated: {', '.join(pending)}"
        return [Finding(name="postgres", state=State.FAIL, detail=detail, remedy="run `proctor migrate`")]
    return [Finding(name="postgres", state=State.OK, detail="answers and is migrated"), _rights(endpoints.database_url)]


def _rights(database_url: str) -> Finding:
    import psycopg

    name, role = "audit rights", "proctor_app"
    with psycopg.connect(database_url, connect_timeout=5) as connection:
        row = connection.execute(
            "SELECT has_table_privilege(%(role)s, 'proctor.audit', 'INSERT'),"
            " has_table_privilege(%(role)s, 'proctor.audit', 'UPDATE, DELETE, TRUNCATE')",
            {"role": role},
        ).fetchone()
    if row == (True, False):
        return Finding(name=name, state=State.OK, detail=f"{role} can only append")
    return Finding(
        name=name,
        state=State.FAIL,
        detail=f"{role} can change audit records" if row and row[1] else f"{role} cannot write audit records",
        remedy=f"REVOKE UPDATE, DELETE, TRUNCATE and GRANT INSERT ON proctor.audit for {role}",
    )


def _agents(settings: Settings) -> list[Finding]:
    from proctor.documents.catalog import FileAgentCatalog
    from proctor.tools.signature import derive_schemas

    catalog = FileAgentCatalog(settings.agents, derive_schemas)
    if not settings.agents.is_dir():
        remedy = "run in the project's folder, or set PROCTOR_AGENTS"
        return [Finding(name="agents", state=State.WARN, detail=f"there is no {settings.agents}", remedy=remedy)]
    findings: list[Finding] = []
    tools: list[ToolContract] = []
    for agent in catalog.names():
        name = f"agent {agent}"
        try:
            bundle = catalog.load(agent)
        except InvalidInput as error:
            findings.append(
                Finding(name=name, state=State.FAIL, detail=error.message, remedy=error.hint or "correct it")
            )
        else:
            tools += bundle.tools
            detail = f"version {bundle.manifest.version}, {len(bundle.tools)} tools"
            findings.append(Finding(name=name, state=State.OK, detail=detail))
    none = Finding(name="agents", state=State.WARN, detail=f"there are none in {settings.agents}")
    return [*(findings or [none]), *_credentials(settings, tools)]


def _credentials(settings: Settings, tools: Sequence[ToolContract]) -> list[Finding]:
    """Look whether the worker would give the tools what their contracts ask for; no secret is fetched for it."""
    try:
        missing = not_granted(read_file(settings), tools, written_origin)
    except InvalidInput as error:  # A worker does not start with it, whether or not a tool needs any.
        return [Finding(name="credentials", state=State.FAIL, detail=error.message, remedy=error.hint or "correct it")]
    if not any(tool.credentials for tool in tools):
        return []
    if missing:
        remedy = "see docs/how-to/keep-credentials.md; the calls of these tools fail"
        return [Finding(name="credentials", state=State.WARN, detail=summarize("; ".join(missing)), remedy=remedy)]
    return [Finding(name="credentials", state=State.OK, detail="each tool may have those that it asks for")]
