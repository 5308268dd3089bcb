"""The Python tools of the incident resolver. They find the demo world through `resources`, never by themselves."""

import asyncio
import re
from collections import deque
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any, Literal, NotRequired

import httpx
from pydantic import Field
from typing_extensions import TypedDict

from proctor.tools.authoring import OutcomeUnknown, ToolFailed, ToolResources

MAX_LINE_CHARS = 500
POLL_S = 0.2
_ERROR = re.compile(r"\b(ERROR|CRITICAL)\b")
_FINDINGS = {
    "pool_exhausted": re.compile(r"pool exhausted"),
    "configuration_error": re.compile(r"fatal configuration error"),
    "refund_refused": re.compile(r"refund refused"),
}

Service = Annotated[str, Field(pattern="^[a-z][a-z0-9-]{0,62}$")]


class Document(TypedDict):
    """A runbook that fits a query."""

    id: str
    title: str
    excerpt: str
    score: float
    updated_at: str | None


class Found(TypedDict):
    """Runbooks, best first."""

    documents: list[Document]


class ServiceLogs(TypedDict):
    """The newest lines of a service's log."""

    service: str
    path: str
    lines: list[str]
    errors: int
    findings: list[str]


class ServiceHealth(TypedDict):
    """How a service is."""

    service: str
    status: Literal["healthy", "wedged", "down"]
    pid: int | None
    release: str
    detail: str


class Restart(TypedDict):
    """A restart that was carried out; `crashed`: the new process ended at once and nothing runs now."""

    service: str
    restart_id: str
    previous_release: str
    release: str
    pid: int | None
    state: Literal["running", "crashed"]


class RestartStanding(TypedDict):
    """Whether the restart with a key happened, and what it gave."""

    happened: bool
    service: NotRequired[str]
    restart_id: NotRequired[str]
    previous_release: NotRequired[str]
    release: NotRequired[str]
    pid: NotRequired[int | None]
    state: NotRequired[Literal["pending", "running", "crashed"]]


async def search_kb(
    query: Annotated[str, Field(min_length=1, max_length=400)],
    resources: ToolResources,
    limit: Annotated[int, Field(ge=1, le=10)] = 3,
) -> Found:
    """Search the runbooks, best match first."""
    found = await resources.knowledge.search(query, limit)
    return {"documents": [_document(one) for one in found]}


async def read_service_logs(
    service: Service, resources: ToolResources, lines: Annotated[int, Field(ge=1, le=500)] = 50
) -> ServiceLogs:
    """Read the newest lines of a service's log, and name what is known in them."""
    facts = await _ask(resources, "GET", f"/services/{service}")
    path = Path(facts["log_path"])
    tail = await asyncio.to_thread(_tail, path, lines)
    return {
        "service": service,
        "path": str(path),
        "lines": tail,
        "errors": sum(1 for line in tail if _ERROR.search(line)),
        "findings": [name for name, sign in _FINDINGS.items() if any(sign.search(line) for line in tail)],
    }


async def get_service_health(
    service: Service, resources: ToolResources, wait_healthy_s: Annotated[float, Field(ge=0, le=10)] = 0
) -> ServiceHealth:
    """Ask how a service is; waits up to `wait_healthy_s` seconds for it to become healthy."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + wait_healthy_s
    while True:
        health: ServiceHealth = await _ask(resources, "GET", f"/services/{service}/health")
        # Where no process runs, none becomes healthy by waiting: nobody but a restart starts one.
        is_settled = health["status"] == "healthy" or health["pid"] is None
        if is_settled or loop.time() + POLL_S > deadline:
            return health
        await asyncio.sleep(POLL_S)


async def restart_service(
    service: Service,
    release: Annotated[str, Field(pattern="^[a-z0-9-]{1,40}$")],
    reason: Annotated[str, Field(min_length=1, max_length=1000)],
    resources: ToolResources,
    idempotency_key: str,
) -> Restart:
    """Replace a service's process by a new one of the given release; what hangs is killed."""
    body = {"release": release, "reason": reason}
    restart: Restart = await _ask(resources, "POST", f"/services/{service}/restarts", body=body, key=idempotency_key)
    return restart


async def restore_service(
    service: Service,
    restart_id: Annotated[str, Field(pattern="^R-[0-9]{1,9}$")],
    resources: ToolResources,
    idempotency_key: str,
) -> Restart:
    """Bring back the release that ran before a restart."""
    body = {"restart_id": restart_id}
    restored: Restart = await _ask(resources, "POST", f"/services/{service}/restores", body=body, key=idempotency_key)
    return restored


async def get_restart(
    idempotency_key: Annotated[str, Field(min_length=1, max_length=300)], resources: ToolResources
) -> RestartStanding:
    """Tell whether the restart with this key happened; waits for one that is under way."""
    standing: RestartStanding = await _ask(resources, "GET", "/actions/by-key", query={"key": idempotency_key})
    return standing


async def _ask(
    resources: ToolResources,
    method: str,
    path: str,
    *,
    query: dict[str, str] | None = None,
    body: dict[str, str] | None = None,
    key: str | None = None,
) -> Any:
    headers = {} if key is None else {"Idempotency-Key": key}
    url = resources.setting("DEMO_SUPERVISOR_URL") + path
    try:
        answer = await resources.http.request(method, url, params=query, json=body, headers=headers, timeout=None)
    except (httpx.ConnectError, httpx.ConnectTimeout) as error:
        raise ToolFailed("the supervisor does not listen", retryable=True) from error
    if answer.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise OutcomeUnknown(f"the supervisor answered {answer.status_code}")
    if answer.status_code != HTTPStatus.OK:
        raise ToolFailed(f"the supervisor answered {answer.status_code}: {answer.text[:200]}")
    return answer.json()


def _tail(path: Path, lines: int) -> list[str]:
    with path.open(encoding="utf-8", errors="replace") as log:
        return [line.rstrip("\n")[:MAX_LINE_CHARS] for line in deque(log, maxlen=lines)]


def _document(found: dict[str, Any]) -> Document:
    updated_at = found.get("updated_at")
    return {
        "id": str(found["id"]),
        "title": str(found["title"]),
        "excerpt": str(found["excerpt"]),
        "score": float(found["score"]),
        "updated_at": None if updated_at is None else str(updated_at),
    }
