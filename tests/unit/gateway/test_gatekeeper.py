"""The first and the last word on a request, without a socket."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from structlog.testing import capture_logs

from gateway.http.gatekeeper import BadRequest, Gatekeeper, check_form
from gateway.http.metrics import HttpMetrics

SENT = b'{"a": 1}'


class FakeApplication:
    """Reads the body, and answers as it is told."""

    def __init__(self, *, fails: bool = False, begins: bool = True) -> None:
        self.fails, self.begins = fails, begins
        self.bodies: list[bytes] = []
        self.kinds: list[str] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.kinds.append(scope["type"])
        if scope["type"] != "http":
            return
        self.bodies.append((await receive())["body"])
        if self.begins:
            await send({"type": "http.response.start", "status": 200, "headers": []})
        if self.fails:
            raise RuntimeError("what only the logs may say")
        await send({"type": "http.response.body", "body": b""})


class Asked:
    """One request and what came of it."""

    def __init__(self, app: FakeApplication, *, is_secure: bool = False) -> None:
        self.metrics = HttpMetrics()
        self.keeper = Gatekeeper(app, max_body_bytes=10, metrics=self.metrics, is_secure=is_secure)
        self.sent: list[Any] = []
        self.received = 0

    async def ask(
        self, *messages: Any, path: str = "/v1/tasks", kind: str = "http", headers: Sequence[tuple[bytes, bytes]] = ()
    ) -> "Asked":
        coming = iter(messages or (part(SENT),))

        async def receive() -> Any:
            self.received += 1
            return next(coming)

        async def send(message: Any) -> None:
            self.sent.append(message)

        told = headers or [(b"content-type", b"application/json")]
        request = {"method": "POST", "path": path, "headers": told} if kind == "http" else {}
        await self.keeper({"type": kind, **request}, receive, send)
        return self

    @property
    def status(self) -> int:
        status: int = self.sent[0]["status"]
        return status

    @property
    def headers(self) -> dict[bytes, bytes]:
        return dict(self.sent[0]["headers"])


def part(body: bytes, *, more: bool = False) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


@pytest.mark.parametrize("is_secure", [False, True])
async def test_browsers_are_told_to_use_tls_alone_where_there_is_tls(*, is_secure: bool) -> None:
    """Elsewhere they could not reach us any more."""
    answer = await Asked(FakeApplication(), is_secure=is_secure).ask()
    assert is_secure is (b"strict-transport-security" in answer.headers)
    assert b"nosniff" == answer.headers[b"x-content-type-options"]


async def test_what_goes_wrong_inside_is_told_to_the_logs_alone() -> None:
    """The answer names the request; one that has begun is broken off, so that nobody takes it for whole."""
    with capture_logs() as logs:
        answer = await Asked(FakeApplication(fails=True, begins=False)).ask()
        broken = Asked(FakeApplication(fails=True))
        with pytest.raises(RuntimeError):
            await broken.ask()
    assert (500, False) == (answer.status, b"only the logs" in answer.sent[1]["body"])
    assert [200] == [one["status"] for one in broken.sent]
    assert ["request_failed"] * 2 == [one["event"] for one in logs]
    assert b'route="unknown",status="500"' in answer.metrics.render(0)


async def test_what_is_no_request_goes_by() -> None:
    """Such as the start and the end of the server."""
    app = FakeApplication()
    await Asked(app).ask(kind="lifespan")
    assert ["lifespan"] == app.kinds


async def test_other_forms_than_json_are_taken_where_others_send_what_they_have() -> None:
    """By hooks and by pages, which look at it themselves; under `/v1` by nobody else."""
    plain = [(b"content-type", b"text/plain")]
    for path, status in (("/v1/hooks/tickets", 200), ("/login", 200), ("/v1/tasks", 415), ("/v1/hooks", 415)):
        assert status == (await Asked(FakeApplication()).ask(path=path, headers=plain)).status


async def test_a_body_that_is_said_to_be_too_large_is_refused_before_it_is_read() -> None:
    """Or once more has come than is taken; what follows the last of it is not waited for."""
    app = FakeApplication()
    said = await Asked(app).ask(part(b"x"), headers=[(b"content-length", b"11")])
    assert (413, b"close", []) == (said.status, said.headers[b"connection"], app.bodies)
    came = await Asked(app).ask(part(b"x" * 6, more=True), part(b"x" * 6))
    assert (413, []) == (came.status, app.bodies)


async def test_nothing_is_read_of_whoever_has_gone_and_not_without_end() -> None:
    """A body that breaks off is as long as it is; of one that is too large so much more is read, and dropped."""
    gone = {"type": "http.disconnect"}
    assert 1 == (await Asked(FakeApplication()).ask(gone)).received
    left = await Asked(FakeApplication()).ask(part(b"x" * 11, more=True), gone)
    assert (413, 2) == (left.status, left.received)
    endless = await Asked(FakeApplication()).ask(*[part(b"x" * 11, more=True)] * 100)
    assert (413, 4) == (endless.status, endless.received)
    assert 413 == json.loads(endless.sent[1]["body"])["status"]


@pytest.mark.parametrize("content", [{"\ud800": 1}, {"a": ["\udfff"]}, "\ud800"])
def test_half_a_character_is_found_wherever_it_stands(content: Any) -> None:
    """What cannot be written as UTF-8 can be neither kept nor told again; all other characters can."""
    with pytest.raises(BadRequest, match="surrogate"):
        check_form(content)
    check_form({"é": ["\U0001f600", 1, None, {"\x00": True}]})
