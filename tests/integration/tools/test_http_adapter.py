"""HTTP tools over real sockets: what goes out, and what each way of answering means."""

import asyncio
import json
import os
import socket
import time
from typing import Any

import pytest

from proctor.contracts.ids import EffectKey
from proctor.contracts.tool import Confirmed, Effect, Failed, ToolContract, ToolOutcome, Unknown
from proctor.tools.dispatcher import ToolDispatcher
from tests.integration.tools.servers import ScriptedServer, answering, dropping, hanging, serving, trickling
from tests.unit.tools.worlds import KEY, call, contract, resources


def http_tool(
    effect: Effect = Effect.WRITE, *, idempotency: str = "none", timeout_s: float = 20, **how: Any
) -> ToolContract:
    described = {"kind": "http", "method": "POST", "base_url": "env:BASE", "path": "/things", **how}
    return contract(effect, implementation=described, idempotency=idempotency, timeout_s=timeout_s)


async def invoke(base: str, tool: ToolContract, **arguments: Any) -> ToolOutcome:
    async with ToolDispatcher(resources({"BASE": base, "TOKEN": "t-1"})) as tools:
        return await tools.invoke(tool, call(**arguments))


async def answered(status: int, tool: ToolContract, body: Any = None, **headers: str) -> ToolOutcome:
    async with serving(answering(status, body, **headers)) as server:
        return await invoke(server.url, tool)


async def sent(tool: ToolContract, **arguments: Any) -> ScriptedServer:
    async with serving(answering(200, {"ok": True})) as server:
        assert isinstance(await invoke(server.url, tool, **arguments), Confirmed)
        return server


async def test_request_is_filled_from_the_arguments() -> None:
    """Path, query, headers and body are templates; what was not given is left out."""
    tool = http_tool(
        path="/shops/{shop}/things",
        query={"dry": "${arguments.dry}", "tag": "${arguments.tags}", "page": "${arguments.page}"},
        headers={"Authorization": "Bearer ${env.TOKEN}", "X-Note": "${arguments.note}"},
        body={"name": "${arguments.name}", "deep": {"n": "${arguments.n}"}, "gone": "${arguments.gone}"},
    )
    server = await sent(tool, shop=7, dry=True, tags=["a b", "c"], note="hi", name="Ada", n=3)
    assert server.request_line == "POST /shops/7/things?dry=true&tag=a+b&tag=c HTTP/1.1"
    assert (server.header("Authorization"), server.header("X-Note")) == ("Bearer t-1", "hi")
    assert json.loads(server.bodies[0]) == {"name": "Ada", "deep": {"n": 3}}


async def test_arguments_can_be_the_body() -> None:
    """The shortest form of a POST."""
    assert json.loads((await sent(http_tool(body="arguments"), a=[1])).bodies[0]) == {"a": [1]}


async def test_effect_carries_its_idempotency_key_and_a_read_does_not() -> None:
    """Rule 1: the key travels to the tool, and a contract cannot replace it."""
    for name in ("Idempotency-Key", "idempotency-key"):
        server = await sent(http_tool(headers={name: "forged"}))
        assert server.header("Idempotency-Key") == KEY
        assert "forged" not in server.heads[0]
    assert (await sent(http_tool(Effect.READ, method="GET"))).header("Idempotency-Key") is None


async def test_key_is_sent_as_a_uuid_where_the_contract_says_so() -> None:
    """The same one at each attempt, in this release and in those to come; another key is another UUID."""
    tool, found = http_tool().model_copy(update={"key_form": "uuid"}), []
    for key in (KEY, KEY, EffectKey("run-8/1/0")):
        async with serving(answering(200, {})) as server, ToolDispatcher(resources({"BASE": server.url})) as tools:
            await tools.invoke(tool, call().model_copy(update={"key": key}))
            found.append(server.header("Idempotency-Key"))
    first, second = "26afed93-b021-5347-8668-bde60d2b260a", "bfa2fc9b-4fca-52cd-8aa7-9a04522de6f0"
    assert [first, first, second] == found


@pytest.mark.parametrize(
    ("value", "encoded"),
    [("a/b", "a%2Fb"), ("x?y=1#z", "x%3Fy%3D1%23z"), ("50%", "50%25"), ("é", "%C3%A9")],
)
async def test_argument_in_the_path_stays_one_segment(value: str, encoded: str) -> None:
    """A value can name a thing and never another resource."""
    server = await sent(http_tool(path="/things/{name}/close"), name=value)
    assert f"POST /things/{encoded}/close HTTP/1.1" == server.request_line


@pytest.mark.parametrize("value", ["", ".", "..", "../admin", "%2e", "%2e%2e%2fadmin", None, {"a": 1}, "\ud800"])
async def test_argument_that_would_change_the_path_is_refused_before_anything_is_sent(value: Any) -> None:
    """Servers and proxies fold `.` and `..`, percent-encoded or not."""
    async with serving(answering(200, {})) as server:
        outcome = await invoke(server.url, http_tool(path="/things/{name}/close"), name=value)
    assert isinstance(outcome, Failed)
    assert server.heads == []


async def test_argument_cannot_add_a_header() -> None:
    """A line break in a value would be the next header."""
    async with serving(answering(200, {})) as server:
        tool = http_tool(headers={"X-Note": "${arguments.note}"})
        assert isinstance(await invoke(server.url, tool, note="a\r\nX-Admin: 1"), Failed)
    assert server.heads == []


async def test_argument_cannot_change_the_host() -> None:
    """Without the check `http://127.0.0.1` and `.evil` would join to another host."""
    outcome = await invoke("http://127.0.0.1", http_tool(path="{name}"), name=".evil.example")
    assert isinstance(outcome, Failed)
    assert "does not begin with /" in outcome.error


def test_egress_host_comes_from_the_base_url() -> None:
    """Policy judges where a call goes; an address that is not known must not look like no egress."""
    tools = ToolDispatcher(resources({"BASE": "https://Tickets.Example:8443/api"}))
    assert tools.egress_hosts(http_tool(), {}) == ("tickets.example:8443",)
    assert tools.egress_hosts(http_tool(base_url="https://kb.example/x"), {}) == ("kb.example",)
    assert tools.egress_hosts(http_tool(base_url="env:NOT_SET"), {}) == ("NOT_SET.invalid",)
    assert tools.egress_hosts(http_tool(base_url="http://user:word@host"), {}) == ("unusable.invalid",)


async def test_missing_setting_fails_with_its_name() -> None:
    """Surely nothing was sent."""
    outcome = await invoke("", http_tool())
    assert isinstance(outcome, Failed)
    assert "BASE is not set" in outcome.error


async def test_refused_connection_is_a_failure_that_may_pass() -> None:
    """What never left the process did not happen, whatever its effect."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        outcome = await invoke(f"http://127.0.0.1:{taken.getsockname()[1]}", http_tool(Effect.IRREVERSIBLE))
    assert isinstance(outcome, Failed)
    assert outcome.retryable


@pytest.mark.parametrize("script", [hanging, dropping, trickling])
async def test_no_answer_after_dispatch_is_unknown_for_an_effect_and_a_failure_for_a_read(script: Any) -> None:
    """Rule 2: it may have happened. The time-out holds for the whole call, however it trickles."""
    async with serving(script) as server:
        started = time.monotonic()
        assert isinstance(await invoke(server.url, http_tool(timeout_s=1)), Unknown)
        outcome = await invoke(server.url, http_tool(Effect.READ, timeout_s=1))
    assert isinstance(outcome, Failed)
    assert outcome.retryable
    assert time.monotonic() - started < 4.5


async def test_cancelled_after_dispatch_is_unknown_at_once() -> None:
    """A kill waits for nobody, and says truthfully that it may have happened."""
    async with serving(hanging) as server, ToolDispatcher(resources({"BASE": server.url})) as tools:
        running = asyncio.create_task(tools.invoke(http_tool(), call()))
        await server.received.wait()
        started = time.monotonic()
        running.cancel()
        assert isinstance(await running, Unknown)
        assert time.monotonic() - started < 2


async def test_cancelled_before_dispatch_raises() -> None:
    """A connection that is still being made has carried nothing."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        base = f"http://127.0.0.1:{full.getsockname()[1]}"
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        async with ToolDispatcher(resources({"BASE": base})) as tools:
            running = asyncio.create_task(tools.invoke(http_tool(), call()))
            await asyncio.sleep(0.1)
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running
        for filler in fillers:
            filler.close()


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 301, 307])
async def test_refusal_fails_for_good(status: int) -> None:
    """The tool said no; asking again changes nothing."""
    outcome = await answered(status, http_tool(), {"error": "no"})
    assert isinstance(outcome, Failed)
    assert not outcome.retryable
    assert str(status) in outcome.error


@pytest.mark.parametrize("status", [408, 425, 429])
async def test_request_that_was_not_processed_may_be_sent_again(status: int) -> None:
    """These statuses say that nothing was done."""
    outcome = await answered(status, http_tool())
    assert isinstance(outcome, Failed)
    assert outcome.retryable


@pytest.mark.parametrize("status", [500, 502, 503, 504, 302, 303])
async def test_answer_that_leaves_doubt_is_unknown(status: int) -> None:
    """`Failed` claims that nothing happened, and is never compensated: a server error does not show that."""
    assert isinstance(await answered(status, http_tool()), Unknown)


async def test_native_idempotency_settles_503_by_the_same_key_and_409_as_still_at_work() -> None:
    """The first may be sent again at once; the second means that the effect is happening."""
    outcome = await answered(503, http_tool(idempotency="native"))
    assert isinstance(outcome, Failed)
    assert outcome.retryable
    assert isinstance(await answered(409, http_tool(idempotency="native")), Unknown)
    assert isinstance(await answered(500, http_tool(idempotency="native")), Unknown)


@pytest.mark.parametrize(("status", "retryable"), [(500, True), (503, True), (429, True), (404, False), (302, False)])
async def test_failed_read_is_tried_again_when_it_may_pass(status: int, retryable: bool) -> None:
    """A read is harmless to repeat, and useless to repeat after a refusal."""
    outcome = await answered(status, http_tool(Effect.READ))
    assert isinstance(outcome, Failed)
    assert retryable == outcome.retryable


async def test_redirect_is_never_followed() -> None:
    """It leads to a host that policy has not judged."""
    async with serving(answering(200, {})) as elsewhere:
        outcome = await answered(307, http_tool(Effect.READ, method="GET"), Location=elsewhere.url)
        assert isinstance(outcome, Failed)
        assert elsewhere.heads == []


async def test_proxy_settings_of_the_process_are_ignored() -> None:
    """A proxy would see every request and could answer in the tool's name."""
    saved = {name: os.environ.get(name) for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "NO_PROXY", "no_proxy")}
    async with serving(answering(200, {"by": "proxy"})) as proxy, serving(answering(200, {"by": "tool"})) as server:
        try:
            for name in saved:
                os.environ.pop(name, None)
            os.environ["HTTP_PROXY"] = os.environ["http_proxy"] = os.environ["ALL_PROXY"] = proxy.url
            outcome = await invoke(server.url, http_tool())
        finally:
            for name, value in saved.items():
                os.environ.pop(name, None) if value is None else os.environ.update({name: value})
        assert isinstance(outcome, Confirmed)
        assert outcome.result == {"by": "tool"}
        assert proxy.heads == []


async def test_cookies_do_not_travel_between_calls() -> None:
    """One client serves all runs and tenants: a cookie would tie them together."""
    async with serving(answering(200, {}, Set_Cookie="session=1")) as server:
        async with ToolDispatcher(resources({"BASE": server.url})) as tools:
            for _ in range(2):
                await tools.invoke(http_tool(), call())
        assert server.header("Cookie") is None


@pytest.mark.parametrize("body", [b"<html>", b"{", b'{"a": NaN}', b"\xff\xfe", b"[" * 100_000])
async def test_answer_that_is_not_json_fails_a_read_and_is_named_in_an_effects_result(body: bytes) -> None:
    """The effect happened; what came back is kept as text, not as a result."""
    assert isinstance(await answered(200, http_tool(Effect.READ), body), Failed)
    outcome = await answered(200, http_tool(), body)
    assert isinstance(outcome, Confirmed)
    assert "is not JSON" in outcome.result["_schema_error"]


async def test_compressed_answer_is_not_unpacked() -> None:
    """We ask for none: a few kilobytes may unpack to gigabytes."""
    async with serving(answering(200, b"\x1f\x8b", Content_Encoding="gzip")) as server:
        outcome = await invoke(server.url, http_tool(Effect.READ))
        assert server.header("Accept-Encoding") == "identity"
    assert isinstance(outcome, Failed)
    assert "compressed" in outcome.error


async def test_oversize_answer_is_cut_off() -> None:
    """At most 1 MiB is ever read of an answer, and 256 KiB kept."""
    huge = b'"' + b"x" * 3_000_000 + b'"'
    assert isinstance(await answered(200, http_tool(Effect.READ), huge), Failed)
    outcome = await answered(200, http_tool(), huge)
    assert isinstance(outcome, Confirmed)
    assert outcome.result["_truncated"] is True
    assert "1048576" in outcome.result["_schema_error"]


async def test_empty_answer_is_null() -> None:
    """204 and an empty 200 are successes."""
    outcome = await answered(204, http_tool())
    assert isinstance(outcome, Confirmed)
    assert outcome.result is None


async def test_client_makes_no_retries_of_its_own() -> None:
    """The platform owns retries: each attempt has an intent."""
    async with serving(dropping) as server:
        await invoke(server.url, http_tool(Effect.READ))
        await asyncio.sleep(0.1)
        assert len(server.heads) == 1


def test_contract_that_cannot_be_called_is_found_before_a_call() -> None:
    """`problems` is what a check of the catalog asks."""
    tools = ToolDispatcher(resources({"BASE": "http://h"}))
    assert tools.problems(http_tool()) == []
    assert tools.problems(http_tool(path="x")) == ["the path 'x' must begin with /"]
    assert len(tools.problems(http_tool(base_url="ftp://h"))) == 1
