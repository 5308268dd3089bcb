"""What comes in and goes out: bodies, errors, headers, keys, pages and streams."""

import asyncio
import contextlib
import json
import math
from collections.abc import AsyncIterator

import httpx
import pytest

from gateway.problems import Problem, error_of
from proctor.contracts.errors import IdempotencyConflict, UnknownName
from proctor.contracts.human import Role
from proctor.contracts.run import RunStatus
from tests.integration.rest.site import Site, name_of
from tests.integration.store.scenes import open_scene

pytestmark = pytest.mark.asyncio(loop_scope="module")

BY = name_of(Role.REQUESTER)
AUDITOR = name_of(Role.AUDITOR)
JSON = {"content-type": "application/json"}
TASK = {"agent": "prober", "input": {"try": "x"}}


async def test_a_body_beyond_the_limit_is_not_read_to_its_end(site: Site) -> None:
    """Whether its length is said beforehand or it comes in chunks without an end."""
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 64 * 1024 * 1024:
            sent += 65_536
            yield b" " * 65_536

    said = await site.ask("POST", "/tasks", by=BY, content=b" " * (1024 * 1024 + 1), headers=JSON)
    assert 413 == said.status_code
    with contextlib.suppress(httpx.TransportError):  # The server hangs up while the client still sends.
        chunked = await site.ask("POST", "/tasks", by=BY, content=endless(), headers=JSON)
        assert 413 == chunked.status_code
    assert sent < 32 * 1024 * 1024


async def test_whoever_sends_too_much_hears_of_it(site: Site) -> None:
    """And not of a connection that broke: up to four times of what is taken is read, and dropped."""
    for size in (1024 * 1024 + 1, 3 * 1024 * 1024, 4 * 1024 * 1024 - 1):
        for _ in range(5):
            answer = await site.ask("POST", "/tasks", by=BY, content=b" " * size, headers=JSON)
            assert (413, "close") == (answer.status_code, answer.headers["connection"])
    for _ in range(5):
        answer = await site.ask("POST", "/tasks", by=BY, content=_in_chunks(48), headers=JSON)
        assert (413, "close") == (answer.status_code, answer.headers["connection"])


async def _in_chunks(count: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b" " * 65_536


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b'{"agent": NaN}', 400),
        (b'{"agent": "a", "agent": "b"}', 400),
        (b"\xff\xfe", 400),
        (b'{"input": ' + b"[" * 200 + b"]" * 200 + b"}", 400),
        (b"[" * 300_000, 400),
        (b'{"agent": "prober", "input": "\\ud800"}', 400),
        (b'{"agent": "prober", "input": 1e400}', 422),
        (b'{"agent": "prober", "input": 123456789012345678901234567890}', 422),
        (b'{"agent": "prober", "input": "\\u0000"}', 422),
        (b'{"agent": "prober", "goal": "\\u0000", "input": {"try": "x"}}', 201),
        (b'{"agent": "prober", "input": {"try": "x"}, "extra": 1}', 422),
        (b"[]", 422),
        (b"", 422),
    ],
)
async def test_odd_bodies_are_refused_by_name_and_never_break_it(site: Site, body: bytes, status: int) -> None:
    """Not JSON is 400, JSON of another form is 422; what can be kept is kept."""
    answer = await site.ask("POST", "/tasks", by=BY, content=body, headers=JSON)
    assert status == answer.status_code, answer.text


@pytest.mark.parametrize(
    "headers",
    [
        {"content-type": "text/plain"},
        {"content-type": "application/x-www-form-urlencoded"},
        {"content-type": "application/json; charset=utf-16"},
        {},
        {**JSON, "content-encoding": "gzip"},
    ],
)
async def test_only_plain_json_is_taken(site: Site, headers: dict[str, str]) -> None:
    """A browser's form, which needs no permission to be sent across sites, reaches nothing."""
    answer = await site.ask("POST", "/tasks", by=BY, content=json.dumps(TASK).encode(), headers=headers)
    assert 415 == answer.status_code


async def test_every_error_is_a_problem_that_names_the_request_and_no_secrets(site: Site) -> None:
    """Unknown path, wrong method, wrong form, wrong query; the way back gives our own error."""
    cases = [
        ("GET", "/nothing", 404, {}),
        ("PUT", "/runs", 405, {}),
        ("GET", "/runs?limit=0", 422, {}),
        ("GET", "/runs?cursor=%00", 422, {}),
        ("GET", "/runs/%00", 422, {}),
        ("GET", "/runs/not-there", 404, {}),
        ("POST", "/tasks", 422, {"json": {"agent": "prober"}}),
        ("POST", "/tasks", 404, {"json": {**TASK, "agent": "nobody"}}),
        ("POST", "/tasks", 422, {"json": TASK, "headers": {"idempotency-key": "a/b"}}),
    ]
    for method, path, status, more in cases:
        answer = await site.ask(method, path, by=BY, **more)
        assert (status, "application/problem+json") == (answer.status_code, answer.headers["content-type"]), path
        problem = Problem.model_validate(answer.json())
        assert status == problem.status
        assert answer.headers["x-request-id"] == problem.request_id
    assert isinstance(error_of(Problem.model_validate((await site.ask("GET", "/runs/x", by=BY)).json())), UnknownName)


async def test_every_answer_carries_the_headers_that_keep_browsers_out(site: Site) -> None:
    """Also answers of the server's own, before any route."""
    for path in ("/v1/me", "/healthz", "/v1/openapi.json", "/nothing"):
        headers = (await site.client.get(path)).headers
        assert ("nosniff", "no-store") == (headers["x-content-type-options"], headers["cache-control"])
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "server" not in headers
        assert "access-control-allow-origin" not in headers


async def test_a_request_id_is_kept_when_it_is_plain_and_made_when_it_is_not(site: Site) -> None:
    """Nobody writes into logs by it."""
    for given, is_kept in (("trace-1234", True), ("x", False), ("a b\tc", False), ("x" * 65, False)):
        answer = await site.ask("GET", "/me", by=BY, headers={"x-request-id": given})
        assert is_kept is (answer.headers["x-request-id"] == given)


async def test_the_same_idempotency_key_names_the_same_run(site: Site) -> None:
    """Repeated: 200 and the same run; another order under it is a conflict; raced: one run."""
    key = {"idempotency-key": "order-1"}
    first, again, other = [
        await site.ask("POST", "/tasks", by=BY, json=task, headers=key) for task in (TASK, TASK, {**TASK, "goal": "y"})
    ]
    assert (201, 200, 409) == (first.status_code, again.status_code, other.status_code)
    assert "/v1/runs/order-1" == first.headers["location"] == again.headers["location"]
    assert isinstance(error_of(Problem.model_validate(other.json())), IdempotencyConflict)
    raced = await asyncio.gather(
        *(site.ask("POST", "/tasks", by=BY, json=TASK, headers={"idempotency-key": "order-2"}) for _ in range(10))
    )
    assert [200] * 9 + [201] == sorted(answer.status_code for answer in raced)


async def test_pages_give_every_run_once(site: Site) -> None:
    """Also when runs were created at the same moment, and a requester's pages hold their own alone."""
    for n in range(5):
        await open_scene(site.store, f"page-{n}")
    for by, wanted in ((AUDITOR, {f"page-{n}" for n in range(5)}), (BY, set())):
        seen, cursor = [], None
        while True:
            params = {"limit": "2", **({"cursor": cursor} if cursor else {})}
            page = (await site.ask("GET", "/runs", by=by, params=params)).json()
            seen += [run["run_id"] for run in page["items"]]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        assert len(seen) == len(set(seen)) >= math.ceil(len(wanted))
        assert wanted == {run_id for run_id in seen if run_id.startswith("page-")}


async def test_records_come_by_stream_and_by_long_poll_until_the_run_ends(site: Site) -> None:
    """Each once and in order; a client that lost the stream goes on where it was."""
    await open_scene(site.store, "stream")
    waiting = asyncio.create_task(site.ask("GET", "/runs/stream/events", by=AUDITOR, headers={"last-event-id": "0"}))
    first = (await site.ask("GET", "/runs/stream/records", by=AUDITOR)).json()
    assert ([0, 1], False) == ([one["n"] for one in first["items"]], first["has_ended"])
    poll = asyncio.create_task(site.ask("GET", "/runs/stream/records?after=1&wait_s=10", by=AUDITOR))
    await asyncio.sleep(0.3)
    await site.store.journal.close_run("stream", RunStatus.COMPLETED, "")
    assert ["run_closed"] == [one["kind"] for one in (await poll).json()["items"]]
    lines = (await waiting).text.splitlines()
    assert ["id: 1", "id: 2"] == [line for line in lines if line.startswith("id: ")]
    assert "event: end" == lines[-3]


async def test_an_export_over_rest_is_what_the_command_verifies(site: Site) -> None:
    """JSON lines with the records and the witness of the run's row."""
    from gateway.auditing import import_lines

    await open_scene(site.store, "exported")
    answer = await site.ask("GET", "/audit/exported/export", by=AUDITOR)
    assert [] == import_lines(answer.text.splitlines(), "export").breaks()


async def test_health_tells_the_truth_and_metrics_count_by_template(site: Site) -> None:
    """Ready while store and engine answer; no series per run."""
    assert {"alive": True} == (await site.client.get("/healthz")).json()
    assert {"ready": True, "reasons": [], "in_trouble": []} == (await site.client.get("/readyz")).json()
    await site.client.get("/v1/runs/not-there")
    text = (await site.client.get("/metrics")).text
    assert 'route="/v1/runs/{run_id}"' in text
    assert "not-there" not in text
