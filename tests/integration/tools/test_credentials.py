"""Credentials of a call: where its contract puts them, and in nothing that comes back."""

import io
import logging
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from proctor.contracts.credential_sources import CredentialsFile
from proctor.contracts.tool import Confirmed, Effect, Failed, ToolContract, ToolOutcome, Unknown
from proctor.credentials.resolver import ScopedCredentials
from proctor.telemetry.logs import hide_in_logs, set_up_logs
from proctor.tools.authoring import ToolResources
from proctor.tools.dispatcher import ToolDispatcher
from tests.integration.tools.servers import ScriptedServer, answering, dropping, serving
from tests.unit.tools.worlds import FakeKnowledge, call, contract

SECRET, PAIR, PIN = "canary-of-tickets/+x", "somebody:correct-horse", "4217004217"


def credentials(**more: Any) -> ScopedCredentials:
    environ = {"tickets": SECRET, "pair": PAIR, "pin": PIN, "broken": "canary\r\nX-Admin: 1"}
    made = {name: {"source": {"kind": "environment", "name": name}, "tools": ["Probe"], **more} for name in environ}
    return ScopedCredentials(CredentialsFile.model_validate({"credentials": made}), environ)


def tools(base: str = "", port: ScopedCredentials | None = None) -> ToolDispatcher:
    return ToolDispatcher(ToolResources(FakeKnowledge(), {"BASE": base}, port or credentials()))


def uses(*named: str, **form: str) -> list[dict[str, str]]:
    return [{"name": one.partition("@")[0], "at": one.partition("@")[2], **form} for one in named]


def http_tool(*named: str, effect: Effect = Effect.READ, **how: Any) -> ToolContract:
    form = {"form": how.pop("form")} if "form" in how else {}
    described = {"kind": "http", "method": "GET", "base_url": "env:BASE", "path": "/things", **how}
    return contract(effect, implementation=described, credentials=uses(*named, **form))


def python_tool(function: str, *named: str, effect: Effect = Effect.READ) -> ToolContract:
    reference = f"tests.integration.tools.credentialed:{function}"
    return contract(effect, implementation={"kind": "python", "function": reference}, credentials=uses(*named))


async def sent(tool: ToolContract) -> ScriptedServer:
    async with serving(answering(200, {"ok": True})) as server, tools(server.url) as dispatcher:
        outcome = await dispatcher.invoke(tool, call())
        assert isinstance(outcome, Confirmed), outcome
        return server


async def test_header_query_and_cookie_get_what_the_contract_puts_there() -> None:
    """In the form that the contract gives; over a header of the same name that was there."""
    server = await sent(
        http_tool("tickets@header:Authorization", form="Bearer {secret}", headers={"authorization": "x"})
    )
    assert f"Bearer {SECRET}" == server.header("Authorization")
    assert 1 == server.heads[0].lower().count("authorization:")
    server = await sent(http_tool("pair@header:Authorization", form="Basic {basic}"))
    assert f"Basic {b64encode(PAIR.encode()).decode()}" == server.header("Authorization")
    server = await sent(http_tool("tickets@query:key", query={"a": "b c"}))
    assert "GET /things?a=b+c&key=canary-of-tickets%2F%2Bx HTTP/1.1" == server.request_line
    server = await sent(http_tool("tickets@cookie:session", "pin@cookie:pin"))
    assert f"session={SECRET}; pin={PIN}" == server.header("Cookie")


async def test_credential_that_cannot_be_had_or_placed_sends_nothing() -> None:
    """For sure: an effect has failed, and its error holds no secret."""
    for tool, said in (
        (http_tool("none@header:X", effect=Effect.WRITE), "no credential none"),
        (http_tool("broken@header:X", effect=Effect.WRITE), "printable ASCII"),
        (http_tool("broken@cookie:X", effect=Effect.WRITE), "printable ASCII"),
        (http_tool("tickets@header:X", effect=Effect.WRITE).model_copy(update={"name": "Other"}), "may not have"),
    ):
        async with serving(answering(200, {})) as server, tools(server.url) as dispatcher:
            outcome = await dispatcher.invoke(tool, call())
        assert isinstance(outcome, Failed)
        assert said in outcome.error
        assert "canary" not in outcome.error
        assert [] == server.heads
    async with ToolDispatcher(ToolResources(FakeKnowledge(), {"BASE": "http://127.0.0.1:9"})) as bare:
        outcome = await bare.invoke(http_tool("tickets@header:X"), call())
    assert isinstance(outcome, Failed)
    assert "no credentials" in outcome.error


async def test_credential_with_origins_is_sent_to_these_alone() -> None:
    """What a contract of that name calls decides: a tool that calls another place, or is code, does not get it."""
    tool = http_tool("tickets@header:Authorization", effect=Effect.WRITE)
    async with serving(answering(200, {})) as server, serving(answering(200, {})) as other:
        port = credentials(origins=[server.url])
        async with tools(server.url, port) as dispatcher:
            assert isinstance(await dispatcher.invoke(tool, call()), Confirmed)
            assert SECRET == server.header("Authorization")
            outcome = await dispatcher.invoke(python_tool("echo", "tickets"), call())
            assert isinstance(outcome, Failed)
            assert "may not be sent" in outcome.error
        async with tools(other.url, port) as dispatcher:
            outcome = await dispatcher.invoke(tool, call())
            assert isinstance(outcome, Failed)
            assert f"the credential tickets may not be sent to {other.url}" in outcome.error
        assert [] == other.heads


async def test_use_that_its_kind_cannot_place_is_a_problem_of_the_contract() -> None:
    """Said when the agent is checked, not when the tool is called."""
    assert "cannot go to env:X" in tools("http://127.0.0.1:9").problems(http_tool("tickets@env:X"))[0]
    assert "cannot go to header:X" in tools().problems(python_tool("echo", "tickets@header:X"))[0]
    assert "needs the secret token" in tools().problems(python_tool("by_parameter"))[0]
    assert "no parameter of type Secret" in tools().problems(python_tool("echo", "tickets@argument:token"))[0]


async def invoked(tool: ToolContract, **arguments: Any) -> ToolOutcome:
    async with tools() as dispatcher:
        return await dispatcher.invoke(tool, call(**arguments))


async def test_python_tool_gets_a_secret_by_parameter_and_by_name() -> None:
    """As a `Secret`, which shows nothing; only what its contract declares."""
    outcome = await invoked(python_tool("by_parameter", "tickets@argument:token"), note="hi")
    assert isinstance(outcome, Confirmed)
    assert {"note": "hi", "repr": "Secret(***)", "length": len(SECRET)} == outcome.result
    outcome = await invoked(python_tool("by_name", "tickets"), name="tickets")
    assert isinstance(outcome, Confirmed)
    outcome = await invoked(python_tool("by_name", "tickets"), name="pair")
    assert isinstance(outcome, Failed)
    assert "declares no credential pair" in outcome.error


async def test_secret_is_no_argument() -> None:
    """It is not in the schema that planners see, and cannot be given by one."""
    from proctor.tools.signature import derive_schemas

    schema, _ = derive_schemas("tests.integration.tools.credentialed:by_parameter", is_read=True)
    assert ["note"] == list(schema["properties"])
    outcome = await invoked(python_tool("by_parameter", "tickets@argument:token"), note="hi", token="forged")
    assert isinstance(outcome, Failed)


async def test_outcome_leaves_without_what_the_tool_says_of_the_secret() -> None:
    """In texts, names, nested parts and numbers; in failures and unknown outcomes."""
    port = credentials()
    async with tools(port=port) as dispatcher:
        await port.resolve(contract(credentials=uses("pin")).credentials[0], contract().name)
        told = await dispatcher.invoke(python_tool("echo", "tickets"), call())
        assert isinstance(told, Confirmed)
        assert {"said": "I used ***!", "***": 1, "deep": [{"url": "https://x/?k=***"}], "pin": "***"} == told.result
        failed = await dispatcher.invoke(python_tool("refuse", "tickets"), call())
        assert Failed(error="refused with ***") == failed.model_copy(update={"is_fault": None})
        unknown = await dispatcher.invoke(python_tool("shout", "tickets", effect=Effect.WRITE), call())
        assert isinstance(unknown, Unknown)
        assert "no such token: ***" in unknown.error


async def test_echo_of_a_server_is_hidden_whatever_its_status() -> None:
    """Debug pages, error pages and good answers repeat headers."""
    shown = {"you sent": f"Bearer {SECRET}", "also": b64encode(SECRET.encode()).decode()}
    for script in (
        answering(200, shown),
        answering(400, shown),
        answering(500, shown),
        answering(302, shown),
        dropping,
    ):
        for effect in (Effect.READ, Effect.WRITE):
            async with serving(script) as server, tools(server.url) as dispatcher:
                outcome = await dispatcher.invoke(http_tool("tickets@header:Authorization", effect=effect), call())
            text = outcome.model_dump_json()
            assert SECRET not in text
            assert shown["also"] not in text
            assert SECRET in (server.header("Authorization") or "")


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """Set the logs of this process up as a worker does, into a text."""
    text, root = io.StringIO(), logging.getLogger()
    before = root.handlers, root.level
    try:
        yield text
    finally:
        root.handlers, root.level = before
        hide_in_logs(str)
        structlog.reset_defaults()


@pytest.mark.parametrize("plain", [True, False])
async def test_log_lines_and_tracebacks_leave_without_secrets(written: io.StringIO, plain: bool) -> None:
    """Of our loggers and of any library's; as text and as JSON."""
    set_up_logs(stream=written, plain=plain)
    port = credentials()
    hide_in_logs(port.hide)
    async with tools(port=port) as dispatcher:
        await dispatcher.invoke(python_tool("shout", "tickets"), call())
    structlog.get_logger("ours").warning("said", token=SECRET, deep={"a": [SECRET]})
    try:
        raise ValueError(f"broken by {SECRET}")  # noqa: TRY301 - what is logged is the point
    except ValueError:
        logging.getLogger("theirs").exception("with %s", SECRET)
    assert SECRET not in written.getvalue()
    assert written.getvalue().count("***") >= 5
