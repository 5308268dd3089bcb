"""MCP servers as processes: a good one, and what bad ones can do to a worker."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from proctor.contracts.sandboxing import SandboxProfile
from proctor.contracts.tool import Confirmed, Failed, McpServer, Unknown
from proctor.tools.mcp.adapter import McpAdapter
from proctor.tools.mcp.surroundings import Surroundings
from proctor.tools.sandbox.local import choose_sandbox
from tests.integration.tools.fake_credentials import FakeCredentials
from tests.integration.tools.mcp_contracts import KEY, call, odd_server, reads, reviewed

ROOT = Path(__file__).parents[3]


@pytest.fixture
async def adapter() -> AsyncIterator[McpAdapter]:
    adapter = McpAdapter(Surroundings({"WHERE": "here"}))
    yield adapter
    await adapter.aclose()


async def confirmed(adapter: McpAdapter, tool: str, **arguments: object) -> object:
    outcome = await adapter.invoke(reviewed(odd_server(), tool), call(**arguments))
    assert isinstance(outcome, Confirmed), outcome
    return outcome.result


async def servers_of(adapter: McpAdapter) -> list[psutil.Process]:
    """List the keepers of the running servers."""
    return [child for child in psutil.Process().children() if "keeper.py" in " ".join(child.cmdline())]


async def test_the_key_of_an_effect_travels_in_meta_and_in_the_argument_that_the_contract_names(
    adapter: McpAdapter,
) -> None:
    """A server that is idempotent by key finds it where its contract says; a read sends none."""
    echo = reviewed(odd_server(), "echo", key_at="argument:request_id")
    effect = await adapter.invoke(echo, call(a=1))
    read = await adapter.invoke(reads(echo), call(a=1))
    assert isinstance(effect, Confirmed)
    assert isinstance(read, Confirmed)
    sent = json.loads(effect.result["text"])
    assert KEY == sent["_meta"]["proctor/idempotencyKey"]
    assert {"a": 1, "request_id": KEY} == sent["arguments"]
    assert KEY not in read.result["text"]
    assert 1 == len(await servers_of(adapter))


async def test_results_are_structured_or_texts_and_bytes_are_told_by_size_and_digest(adapter: McpAdapter) -> None:
    """Structured content is the result and fits its schema; megabytes of images reach neither store nor prompt."""
    assert {"sum": 3} == await confirmed(adapter, "add", a=2)
    wrong = await confirmed(adapter, "add", a=0)
    assert isinstance(wrong, dict)
    assert "does not fit the output schema" in wrong["_schema_error"]
    shown = await confirmed(adapter, "pictures")
    assert isinstance(shown, dict)
    assert "one\ntwo" == shown["text"]
    image, blob, note, link = shown["content"]
    assert ("image", 300_000) == (image["type"], image["bytes"])
    assert 4 == blob["bytes"]
    assert "a note" == note["text"]
    assert "file:///b" == link["uri"]
    structured = await confirmed(adapter, "pictures", structured=True)
    assert isinstance(structured, dict)
    assert structured["content"][0]["data"].startswith("300000 bytes, sha256 ")
    assert all(len(json.dumps(one)) < 2000 for one in (shown, structured))


async def test_an_error_of_the_tool_is_unknown_and_a_refusal_to_run_it_is_a_failure(adapter: McpAdapter) -> None:
    """A tool that ran may have done a part; one that was not run has done nothing; a read has nothing to lose."""
    fails = reviewed(odd_server(), "fails")
    outcomes = [await adapter.invoke(one, call()) for one in (fails, reads(fails))]
    assert [Unknown, Failed] == [type(one) for one in outcomes]
    declared = await adapter.invoke(reviewed(odd_server(), "fails", errors="failed"), call())
    assert Failed(error="odd_fails: half of it is done") == declared
    refuses = reviewed(odd_server(), "refuses")
    by_code = {code: await adapter.invoke(refuses, call(code=code)) for code in (-32602, -32601, -32603, -32000)}
    assert [Failed, Failed, Unknown, Unknown] == [type(one) for one in by_code.values()]
    shapeless = await adapter.invoke(reviewed(odd_server(), "shapeless"), call())
    assert isinstance(shapeless, Unknown)


async def test_a_tool_that_is_not_as_reviewed_is_not_called(adapter: McpAdapter, tmp_path: Path) -> None:
    """A description, schema or annotation that changed stops the tool, in the middle of a session too."""
    server = odd_server({"JOURNAL": str(tmp_path / "calls")})
    echo = reviewed(server, "echo")
    assert isinstance(await adapter.invoke(echo, call()), Confirmed)
    assert isinstance(await adapter.invoke(reviewed(server, "changes"), call()), Confirmed)
    pulled = await adapter.invoke(echo, call())
    never = await adapter.invoke(reviewed(server, "echo", key_at=""), call())
    gone = await adapter.invoke(reviewed(server, "no_such_tool"), call())
    assert isinstance(pulled, Failed)
    assert "says something else of echo" in pulled.error
    assert "proctor tools verify" in pulled.error
    assert not pulled.retryable
    assert [Failed, Failed] == [type(never), type(gone)]
    assert ["echo", "changes"] == [json.loads(line)["name"] for line in (tmp_path / "calls").read_text().splitlines()]


async def test_what_a_server_asks_of_its_client_is_refused(adapter: McpAdapter) -> None:
    """No server gets a model's answer, a person's words or a list of folders out of a worker."""
    assert {"text": "refused refused refused"} == await confirmed(adapter, "asks")


async def test_answers_to_nobody_and_second_answers_change_nothing(adapter: McpAdapter) -> None:
    """The first answer with the call's own id counts; nothing else reaches this call or the next."""
    assert {"text": "first"} == await confirmed(adapter, "twice")
    assert {"text": "done"} == await confirmed(adapter, "mutters")
    assert {"sum": 2} == await confirmed(adapter, "add", a=1)


@pytest.mark.parametrize(
    ("tool", "why"), [("dies", "process ended"), ("huge", "more than 4194304 bytes"), ("floods", "answer nothing")]
)
async def test_a_server_that_breaks_costs_its_call_and_the_next_call_gets_another(
    adapter: McpAdapter, tool: str, why: str
) -> None:
    """The effect is unknown, the read may be tried again, and the worker goes on with a server just started."""
    broken = reviewed(odd_server(), tool, timeout_s=8)
    outcome = await adapter.invoke(broken, call())
    assert isinstance(outcome, Unknown)
    assert why in outcome.error
    assert {"sum": 2} == await confirmed(adapter, "add", a=1)
    lost = await adapter.invoke(reads(broken), call())
    assert isinstance(lost, Failed)
    assert lost.retryable


async def test_a_server_that_never_answers_is_told_and_left(adapter: McpAdapter, tmp_path: Path) -> None:
    """A time-out and a cancellation are unknown and reach the server; the next call does not queue behind them."""
    journal = tmp_path / "journal"
    silent = reviewed(odd_server({"JOURNAL": str(journal)}), "silent", timeout_s=60)
    assert {"sum": 2} == await confirmed(adapter, "add", a=1)
    late = await adapter.invoke(reviewed(odd_server(), "hangs", timeout_s=0.7), call())
    assert isinstance(late, Unknown)
    assert "no answer within 0.7 s" in late.error
    assert {"sum": 2} == await confirmed(adapter, "add", a=1)
    calling = asyncio.ensure_future(adapter.invoke(silent, call()))
    while not journal.exists():  # noqa: ASYNC110 - another process writes it
        await asyncio.sleep(0.01)
    began = time.monotonic()
    calling.cancel()
    assert isinstance(await calling, Unknown)
    assert time.monotonic() - began < 5
    assert {"sum": 2} == await confirmed(adapter, "add", a=1)
    await adapter.aclose()
    assert "notifications/cancelled" in journal.read_text()


async def test_a_child_gets_its_own_settings_and_credentials_and_nothing_of_the_worker(tmp_path: Path) -> None:
    """Neither the worker's environment nor its home reaches a server; `env:` settings and credentials do."""
    os.environ["OF_THE_WORKER"] = "private"
    try:
        adapter = McpAdapter(Surroundings({"WHERE": "here"}, FakeCredentials({"desk": "s3cret"}), tmp_path))
        contract = reviewed(
            odd_server({"PLAIN": "yes", "PLACE": "env:WHERE"}),
            "surroundings",
            credentials=[{"name": "desk", "at": "env:DESK_TOKEN", "form": "Bearer {secret}"}],
        )
        outcome = await adapter.invoke(contract, call())
        await adapter.aclose()
    finally:
        del os.environ["OF_THE_WORKER"]
    assert isinstance(outcome, Confirmed)
    environment = outcome.result["environment"]
    assert {"PLAIN": "yes", "PLACE": "here", "DESK_TOKEN": "Bearer s3cret"}.items() <= environment.items()
    assert {"PLAIN", "PLACE", "DESK_TOKEN", "PATH", "HOME", "LC_CTYPE"} >= environment.keys()
    assert environment["HOME"] != os.environ.get("HOME")
    assert [] == outcome.result["home"]
    assert not os.path.lexists(environment["HOME"])  # noqa: ASYNC240 - one look
    assert str(tmp_path) == outcome.result["cwd"]


async def test_a_credential_that_this_tool_may_not_have_starts_no_server() -> None:
    """A refusal is a failure in which nothing was sent; a worker without credentials refuses them all."""
    uses = [{"name": "other", "at": "env:TOKEN"}]
    contract = reviewed(odd_server(), "echo", credentials=uses)
    for surroundings in (Surroundings(), Surroundings({}, FakeCredentials({"desk": "s3cret"}))):
        adapter = McpAdapter(surroundings)
        outcome = await adapter.invoke(contract, call())
        assert isinstance(outcome, Failed)
        assert [] == await servers_of(adapter)
        await adapter.aclose()


async def test_a_server_with_a_profile_runs_in_the_sandbox_or_not_at_all(tmp_path: Path) -> None:
    """It is not started where there is no sandbox; in one it sees its own home and settings, and answers calls."""
    profile = SandboxProfile(memory_mb=512, reads=("tests/integration/tools",))
    server = odd_server({"PLAIN": "yes"}).model_copy(update={"sandbox": profile})
    bare, boxed = (
        McpAdapter(Surroundings({}, None, ROOT, sandbox))
        for sandbox in (None, choose_sandbox(ROOT, tmp_path / "state"))
    )
    refused = await bare.invoke(reviewed(server, "surroundings"), call())
    assert isinstance(refused, Failed)
    assert "there is none here" in refused.error
    outcome = await boxed.invoke(reviewed(server, "surroundings"), call())
    assert isinstance(outcome, Confirmed), outcome
    assert "yes" == outcome.result["environment"]["PLAIN"]
    assert "TMPDIR" in outcome.result["environment"]
    await bare.aclose()
    await boxed.aclose()


async def test_a_command_that_is_not_there_or_ends_at_once_is_a_failure_that_sent_nothing(adapter: McpAdapter) -> None:
    """What cannot be started is told with the server's last words."""
    missing = McpServer(name="none", command=("no-such-command",))
    absent = await adapter.invoke(reviewed(missing, "echo"), call())
    assert isinstance(absent, Failed)
    assert "there is no command no-such-command" in absent.error
    quits = McpServer(name="quits", command=(sys.executable, "-c", "raise SystemExit('no licence')"))
    ended = await adapter.invoke(reviewed(quits, "echo"), call())
    assert isinstance(ended, Failed)
    assert ended.retryable
    assert "no licence" in ended.error
    talks = McpServer(name="talks", command=(sys.executable, "-c", "raise SystemExit('a token' + 'x' * 300)"))
    told = await adapter.invoke(reviewed(talks, "echo"), call())
    assert isinstance(told, Failed)
    assert "it said: …xxx" in told.error, "marked where it is cut, so that secrets are found"


async def test_nothing_that_a_server_started_outlives_its_session() -> None:
    """A process in its own session and deaf to SIGTERM is ended with the server."""
    adapter = McpAdapter(Surroundings())
    found = await confirmed(adapter, "leaves")
    assert isinstance(found, dict)
    assert all(psutil.pid_exists(pid) for pid in found.values())
    await adapter.aclose()
    assert not any(psutil.pid_exists(pid) for pid in found.values())
    assert [] == await servers_of(adapter)


def test_nothing_of_a_server_outlives_a_worker_that_is_killed(tmp_path: Path) -> None:
    """The keeper, the server, and what it started end with a worker that gets SIGKILL."""
    script = """
        import asyncio, json, os
        from proctor.tools.mcp.adapter import McpAdapter
        from proctor.tools.mcp.surroundings import Surroundings
        from tests.integration.tools.mcp_contracts import call, odd_server, reviewed

        async def main():
            outcome = await McpAdapter(Surroundings()).invoke(reviewed(odd_server(), "leaves"), call(stubborn=["yes"]))
            print(json.dumps(outcome.result), flush=True)
            await asyncio.sleep(600)

        asyncio.run(main())
    """
    worker = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)], cwd=ROOT, stdout=subprocess.PIPE, env={"PYTHONPATH": str(ROOT)}
    )
    assert worker.stdout is not None
    pids = json.loads(worker.stdout.readline()).values()
    keeper = psutil.Process(worker.pid).children()[0].pid
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    worker.stdout.close()
    deadline = time.monotonic() + 20
    while any(psutil.pid_exists(pid) for pid in (keeper, *pids)):
        assert time.monotonic() < deadline, [pid for pid in (keeper, *pids) if psutil.pid_exists(pid)]
        time.sleep(0.02)


def test_a_contract_that_cannot_be_called_says_why() -> None:
    """Mistakes are told before anything is started."""
    adapter = McpAdapter(Surroundings())
    neither = reviewed(McpServer(name="none"), "echo")
    both = reviewed(McpServer(name="both", command=("a",), url="http://127.0.0.1:1/"), "echo")
    header = reviewed(odd_server(), "echo", credentials=[{"name": "desk", "at": "header:Authorization"}])
    unset = reviewed(odd_server({"A": "env:NOT_SET"}), "echo")
    key = reviewed(odd_server(), "echo", key_at="header:Idempotency-Key")
    twice = reviewed(odd_server(), "echo", key_at="argument:id", input_schema={"properties": {"id": {}}})
    assert 6 == sum(1 for one in (neither, both, header, unset, key, twice) if adapter.problems(one))
    assert [] == adapter.problems(reviewed(odd_server(), "echo"))
