"""Commands in the sandbox: what goes in and comes out, how they end, and that nothing is left of them."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from proctor.contracts.ids import EffectKey, RunId, ToolName
from proctor.contracts.sandboxing import SandboxProfile
from proctor.contracts.tool import Confirmed, Effect, Failed, PythonImplementation, ToolContract, ToolInvocation
from proctor.tools.sandbox.child import ROOT
from proctor.tools.sandbox.local import MAX_INPUT_BYTES, BackEnd, LocalSandbox
from proctor.tools.sandbox.port import SandboxRefused
from proctor.tools.sandboxed_python import SandboxedPython
from tests.integration.sandbox.hosts import BACK_ENDS, HOST, back_end

QUICK = SandboxProfile(memory_mb=128, output_kb=64)
ENOUGH_S = 30.0

UNTRUSTED = """
import os
import socket
from pathlib import Path

MODULE_STATE = Path("/scratch/imported").write_text("in the sandbox")

def double(number: int, idempotency_key: str) -> dict[str, str]:
    print("noise on standard output")
    return {"double": str(2 * number), "key": idempotency_key, "user": str(os.getuid())}

async def call_home() -> str:
    with socket.create_connection(("127.0.0.1", 80)):
        return "connected"
"""


@pytest.fixture(params=[back_end(name) for name in BACK_ENDS])
def sandbox(request: pytest.FixtureRequest, tmp_path: Path) -> LocalSandbox:
    name: BackEnd = request.param
    return LocalSandbox(tmp_path, tmp_path / ".proctor", HOST, name)


async def test_streams_and_exit_status_come_through(sandbox: LocalSandbox) -> None:
    """Standard input to its end, both outputs, the status, and the environment that was given."""
    script = "read line; echo got $line $WORD; echo why >&2; cd /scratch && echo x > f && cat f; exit 7"
    ran = await sandbox.run(
        ["sh", "-c", script], QUICK, timeout_s=ENOUGH_S, stdin=b"this\n", environment={"WORD": "and that"}
    )
    assert ("exit", 7, b"got this and that\nx\n", b"why\n") == (ran.why, ran.exit, ran.stdout, ran.stderr)


async def test_programs_that_do_not_exist_are_refused(sandbox: LocalSandbox) -> None:
    """The reason names the program."""
    ran = await sandbox.run(["no-such-program"], QUICK, timeout_s=ENOUGH_S)
    assert ("refused", True) == (ran.why, "no-such-program" in ran.text)


async def test_folders_of_the_profile_can_be_read_and_not_written(sandbox: LocalSandbox, tmp_path: Path) -> None:
    """`reads` and nothing beside it."""
    for name in ("data", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    script = f"cat data/file; cat {tmp_path}/other/file; echo x > {tmp_path}/data/new"
    ran = await sandbox.run(["sh", "-c", script], QUICK.model_copy(update={"reads": ("data",)}), timeout_s=ENOUGH_S)
    assert (b"data", False) == (ran.stdout, (tmp_path / "data" / "new").exists())


async def test_no_scratch_means_nothing_can_be_written(sandbox: LocalSandbox) -> None:
    """A profile with 0 MiB has no writable place at all."""
    profile = QUICK.model_copy(update={"scratch_mb": 0})
    ran = await sandbox.run(["sh", "-c", "echo x > /scratch/f || echo refused"], profile, timeout_s=ENOUGH_S)
    assert b"refused\n" == ran.stdout


async def test_too_much_input_is_refused(sandbox: LocalSandbox) -> None:
    """Nothing is started."""
    with pytest.raises(SandboxRefused):
        await sandbox.run(["cat"], QUICK, timeout_s=ENOUGH_S, stdin=bytes(MAX_INPUT_BYTES + 1))


async def test_child_lives_until_it_is_stopped(sandbox: LocalSandbox) -> None:
    """Pipes to a long-lived process, as an MCP server is."""
    child = await sandbox.spawn(["cat"], QUICK)
    for word in (b"one\n", b"two\n"):
        child.stdin.write(word)
        await child.stdin.drain()
        assert word == await asyncio.wait_for(child.stdout.readline(), ENOUGH_S)
    ended = await asyncio.wait_for(child.stop(), ENOUGH_S)
    assert ("stopped", b"") == (ended.why, await child.stdout.read())


async def test_cancelled_call_ends_the_command(sandbox: LocalSandbox) -> None:
    """By the time the caller learns of it, nothing of the command is left."""
    mark = f"cancelled-{os.getpid()}-{sandbox.back_end}"
    running = asyncio.create_task(
        sandbox.run(["sh", "-c", "setsid sleep 60 & sleep 60", mark], QUICK, timeout_s=ENOUGH_S)
    )
    await _until(lambda: bool(_alive(mark)))
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert [] == _alive(mark)


async def test_sandbox_ends_with_a_worker_that_is_killed(sandbox: LocalSandbox, tmp_path: Path) -> None:
    """SIGKILL leaves no time to tidy up: the leash and the process namespace do it."""
    mark = f"orphan-{os.getpid()}-{sandbox.back_end}"
    code = f"""
import asyncio
from pathlib import Path
from proctor.contracts.sandboxing import SandboxProfile
from proctor.tools.sandbox.host import Host
from proctor.tools.sandbox.local import LocalSandbox
root = Path({str(tmp_path)!r})
sandbox = LocalSandbox(root, root / ".proctor", Host.look(), {sandbox.back_end!r})
asyncio.run(sandbox.run(["sh", "-c", "setsid sleep 60 & sleep 60", {mark!r}], SandboxProfile(), timeout_s=60))
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    worker = await asyncio.create_subprocess_exec(sys.executable, "-c", code, env=environment)
    await _until(lambda: len(_alive(mark, "sh")) == 1)
    worker.send_signal(signal.SIGKILL)
    await worker.wait()
    await _until(lambda: not _alive(mark))


async def test_untrusted_function_runs_in_the_sandbox_alone(sandbox: LocalSandbox, tmp_path: Path) -> None:
    """Its module is imported there; its arguments are typed; what it cannot do has failed, an effect's too."""
    (tmp_path / "shady").mkdir()
    (tmp_path / "shady" / "tool.py").write_text(UNTRUSTED)
    contract = ToolContract(
        name=ToolName("Double"),
        input_schema={"type": "object"},
        effect=Effect.WRITE,
        timeout_s=ENOUGH_S,
        sandbox=SandboxProfile(reads=("shady",)),
        implementation=PythonImplementation(function="shady.tool:double"),
    )
    python = SandboxedPython(sandbox, tmp_path)

    async def call(contract: ToolContract, **arguments: object) -> object:
        invocation = ToolInvocation(run_id=RunId("r"), key=EffectKey("r/0/0"), arguments=arguments)
        return await python.invoke(contract, invocation)

    home = contract.model_copy(update={"implementation": PythonImplementation(function="shady.tool:call_home")})
    hidden = contract.model_copy(update={"sandbox": SandboxProfile()})
    doubled, wrong, called, unseen = await asyncio.gather(
        call(contract, number=21), call(contract, number="x"), call(home), call(hidden, number=1)
    )
    assert isinstance(doubled, Confirmed)
    assert {"double": "42", "key": "r/0/0"}.items() <= doubled.result.items()
    assert str(os.getuid()) != doubled.result["user"]
    assert "number" in _error(wrong)
    assert "PermissionError" in _error(called)
    assert "cannot load shady.tool:double" in _error(unseen)
    assert "shady" not in sys.modules


def _error(outcome: object) -> str:
    assert isinstance(outcome, Failed)
    return outcome.error


def _alive(mark: str, program: str = "") -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        try:
            line = (entry / "cmdline").read_bytes() if entry.name.isdigit() else b""
        except OSError:
            continue
        if mark.encode() in line and line.startswith(program.encode()):
            found.append(int(entry.name))
    return found


async def _until(holds: "object") -> None:
    assert callable(holds)
    for _ in range(600):
        if holds():
            return
        await asyncio.sleep(0.05)
    raise AssertionError("it did not happen in 30 s")


async def test_processor_time_of_processes_that_nobody_saw_counts(sandbox: LocalSandbox) -> None:
    """A command that does its work in children which are gone before the launcher looks."""
    burn = "import time\nend = time.process_time() + 0.005\nwhile time.process_time() < end: pass"
    code = f"""
import os
while True:
    if not os.fork():
        exec({burn!r})
        os._exit(0)
    os.wait()
"""
    profile = QUICK.model_copy(update={"cpu_s": 1.0})
    ran = await sandbox.run(["python", "-I", "-c", code], profile, timeout_s=ENOUGH_S)
    assert "cpu" == ran.why
