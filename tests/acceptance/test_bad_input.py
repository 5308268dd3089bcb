"""Bad input, missing parts and interrupted starts, through the installed command: one clear line, the right code."""

import json
import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.acceptance.conftest import PROCTOR, ROOT, Product

STEERING = {chr(n) for n in range(32)} - {"\n"} | {"\x7f", "\u202e", "\u200b", "\x9b"}
SEED = 7


def environ_for(folder: Path, **more: str) -> dict[str, str]:
    """Give an environment in which nothing is set up."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    agents = str(ROOT / "tests" / "acceptance" / "agents")
    return {**kept, "PROCTOR_HOME": str(folder), "PROCTOR_AGENTS": agents, "PYTHONPATH": str(ROOT), **more}


def call(environ: dict[str, str], *arguments: str, stdin: bytes = b"") -> tuple[int, str, list[str]]:
    """Call the command; gives exit code, stdout and the lines of stderr."""
    done = subprocess.run(
        [PROCTOR, *arguments], env=environ, cwd=ROOT, input=stdin, capture_output=True, timeout=60, check=False
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode().splitlines()


def with_input(product: Product, body: bytes, *more: str) -> tuple[int, str, list[str]]:
    """Start a run of the prober on raw bytes."""
    return call(product.environ, "run", "prober", "--input", "-", *more, stdin=body)


@pytest.mark.parametrize(
    ("body", "code", "said"),
    [
        (b"", 2, "line 1 column 1"),
        (b'{"try": "append",\n  "times" 2}', 2, "line 2 column 11"),
        (b'{"try": NaN}', 2, "NaN"),
        (b'{"try": "a", "try": "b"}', 2, "occurs twice"),
        (b"\xff\xfe{}", 2, "UTF-8"),
        (b"[" * 100_000, 2, "nested too deeply"),
        (b'{"try": 7}', 2, "try"),
        (b'{"try": "append", "more": 1}', 2, "more"),
        (b"[]", 2, "does not fit"),
        (b"null", 2, "does not fit"),
        (b'{"try": "append", "what": "' + b"x" * 262_144 + b'"}', 2, "at most 262144"),
        (b'{"try": "' + b" " * 5_000_000 + b'"}', 2, "more than"),
        (b'{"try": "append", "times": 1e400}', 2, ""),
        (b'{"try": "\\ud800", "times": 1}', 2, ""),
    ],
)
def test_input_that_cannot_be_used_is_one_line_and_nothing_runs(
    product: Product, body: bytes, code: int, said: str
) -> None:
    """What is wrong, where it is, exit 2; and no run was accepted."""
    before = len(product.ask("ps"))
    found, out, lines = with_input(product, body)
    assert (code, "", 1) == (found, out, len(lines)), lines
    assert said in lines[0]
    assert before == len(product.ask("ps"))


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("run", "nobody", "--input", "-"), 2, "prober"),
        (("run", "../prober", "--input", "-"), 2, ""),
        (("run", "prober", "--input", "/no/such/file"), 2, "there is no file"),
        (("run", "prober", "--input", "/"), 2, "is a folder"),
        (("run", "prober", "--input", "-", "--idempotency-key", "a b"), 2, "idempotency key"),
        (("run", "prober", "--input", "-", "--idempotency-key", "a/../b"), 2, "idempotency key"),
        (("run", "prober", "--input", "-", "--goal", "x" * 2001), 2, "goal"),
        (("run", "prober", "--input", "-", "--as", "nobody"), 4, "nobody"),
        (("run", "prober", "--input", "-", "--as", "../operator"), 4, "principal"),
        (("show", "no-such-run"), 2, "no run"),
        (("explain", "no-such-run"), 2, "no run"),
        (("watch", "no-such-run"), 2, "no run"),
        (("receipt", "\x1b]0;owned\x07"), 2, "no run"),
        (("audit", "verify", "no-such-run"), 2, "no run"),
        (("kill", "no-such-run", "--reason", "x"), 2, "no run"),
        (("kill", "--agent", "nobody", "--reason", "x"), 2, "no agent"),
        (("approve", "req-nothing"), 2, "no request"),
        (("approve", "%"), 2, "request"),
        (("release", "999999"), 2, "fence"),
        (("tools", "show", "NoSuchTool"), 2, "Append"),
        (("validate", "/no/such/file"), 2, ""),
    ],
)
def test_unknown_names_and_garbage_are_one_line(
    product: Product, arguments: tuple[str, ...], code: int, said: str
) -> None:
    """A name that does not exist is answered with what does, or where to look; no escape reaches the terminal."""
    found, out, lines = call(product.environ, *arguments, stdin=b'{"try": "append", "times": 1}')
    assert (code, 1) == (found, len(lines)), (out, lines)
    assert said in lines[0]
    assert not STEERING & set(out + "".join(lines))


def test_arguments_of_a_call_cannot_steer_a_terminal(product: Product) -> None:
    """What an agent wants to do is shown to the approver as it is: escapes visible, nothing hidden or reordered."""
    evil = "rm \x1b[2K\x1b]0;owned\x07 \u202etxt.exe\u200b \x9b31m\r\n1. approved"
    body = json.dumps({"try": "approve_this", "what": evil}).encode()
    run_id = with_input(product, body, "--detach")[1].strip()
    request = product.wait_for_request(run_id)
    shown = [("approvals",), ("show", run_id), ("explain", run_id), ("watch", run_id, "--timeout", "1"), ("ps",)]
    for arguments in shown:
        for output in ("table", "json", "jsonl"):
            done = product.call(*arguments, "--output", output)
            assert not STEERING & set(done.stdout + done.stderr), (arguments, output)
    product.call("deny", request, "--reason", evil, "--as", "demo.approver")
    assert 3 == product.wait_for_end(run_id)
    for arguments in (("show", run_id), ("explain", run_id), ("audit", "export", run_id)):
        done = product.call(*arguments)
        assert not STEERING & set(done.stdout + done.stderr), arguments


def bomb(levels: int = 30) -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, levels)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    "text",
    [
        bomb(),
        "agent: &a [*a]",
        "agent: !!python/object/apply:os.system ['touch owned']",
        "[" * 20_000,
        "agent:\n  name: \x1b]0;owned\x07\n",
        "a: b\na: c\n",
        "\x00",
        "agent: {name: pr\u043eber, owner: x}",
        "? [a, b]\n: c\n",
        "tools: [{name: D\u0435lete, version: 1, effect: read, input: {type: object}}]",
    ],
)
def test_hostile_documents_are_refused_at_once(tmp_path: Path, text: str) -> None:
    """Bombs, tags, loops, look-alike letters and control characters: file and reason, within seconds, exit 2."""
    document = tmp_path / "manifest.yaml"
    document.write_text(text)
    began = time.monotonic()
    code, out, lines = call(environ_for(tmp_path), "validate", str(document))
    assert time.monotonic() - began < 15
    assert 2 == code, (out, lines)
    assert lines
    assert not STEERING & set(out + "".join(lines))
    assert not (ROOT / "owned").exists()


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({}, "proctor dev"),
        ({"TEMPORAL_ADDRESS": "127.0.0.1:1"}, "DATABASE_URL"),
        ({"DATABASE_URL": "postgresql://u:hunter2@127.0.0.1:1/x"}, "TEMPORAL_ADDRESS"),
        ({"DATABASE_URL": "postgresql://u:hunter2@127.0.0.1:1/x", "TEMPORAL_ADDRESS": "127.0.0.1:1"}, "Postgres"),
        ({"DATABASE_URL": "mysql://u:hunter2@x/y", "TEMPORAL_ADDRESS": "127.0.0.1:1"}, "postgresql://"),
        ({"PROCTOR_HEALTH_PORT": "many"}, "PROCTOR_HEALTH_PORT"),
        ({"PROCTOR_DRAIN_S": "nan"}, "PROCTOR_DRAIN_S"),
    ],
)
def test_missing_environment_names_the_variable(tmp_path: Path, environ: dict[str, str], said: str) -> None:
    """One line that names what to set or start; never a password."""
    arguments = ("run", "prober", "--input", "-")
    code, out, lines = call(environ_for(tmp_path, **environ), *arguments, stdin=b'{"try": "append", "times": 1}')
    assert (True, "", 1) == (code in {1, 2}, out, len(lines)), lines
    assert said in lines[0]
    assert "hunter2" not in lines[0]


def test_lines_of_stdin_are_read_as_those_of_a_file(tmp_path: Path) -> None:
    """A mark of byte order, and bytes that are no UTF-8, cost no line its answer in any locale."""
    (tmp_path / "allow.yaml").write_text("allow: [{host: kb.example.com}]")
    given = b'\xef\xbb\xbf{"id": 1, "url": "https://kb.example.com/"}\n{"id": 2, "url": "\xff"}\n{"id": 3, "url": null}'
    arguments = ("egress", "check", "--allow", str(tmp_path / "allow.yaml"), "--input", "-")
    code, out, _ = call(environ_for(tmp_path, PYTHONIOENCODING="utf-8:strict"), *arguments, stdin=given)
    told = [json.loads(line) for line in out.splitlines()]
    assert (0, [(1, "allow"), (2, "deny"), (3, "deny")]) == (code, [(one["id"], one["verdict"]) for one in told])


def test_database_that_was_not_migrated_is_named_with_the_remedy(product: Product) -> None:
    """Neither command nor worker works on a schema that it does not know."""
    stack = json.loads((product.home / "dev.json").read_text())
    with psycopg.connect(stack["database_url"], autocommit=True) as connection:
        connection.execute("CREATE DATABASE bare")
    bare = stack["database_url"].replace("/proctor?", "/bare?")
    environ = {**product.environ, "DATABASE_URL": bare, "TEMPORAL_ADDRESS": stack["temporal_address"]}
    code, _, lines = call(environ, "ps")
    assert (1, 1) == (code, len(lines))
    assert "proctor migrate" in lines[0]


def test_while_temporal_is_away_nothing_is_accepted(product: Product) -> None:
    """The store answers and the engine does not: the request is refused, and no row is left behind."""
    stack = json.loads((product.home / "dev.json").read_text())
    environ = {**product.environ, "DATABASE_URL": stack["database_url"], "TEMPORAL_ADDRESS": "127.0.0.1:1"}
    before = len(product.ask("ps"))
    arguments = ("run", "prober", "--input", "-", "--as", "operator")
    code, _, lines = call(environ, *arguments, stdin=b'{"try": "append", "times": 1}')
    assert (1, 1) == (code, len(lines)), lines
    assert "Temporal" in lines[0]
    assert "127.0.0.1:1" in lines[0]
    assert before == len(product.ask("ps"))


@contextmanager
def dev(folder: Path, *options: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Start `proctor dev` on a state folder; whatever happens, it does not outlive the test."""
    with (folder / "dev.log").open("ab") as log:
        process = subprocess.Popen(
            [PROCTOR, "dev", "--port", "0", "--ui-port", "0", *options],
            env=environ_for(folder / "state", WITNESS=str(folder / "witness.db")),
            cwd=ROOT,
            stdout=log,
            stderr=log,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def until_ready(process: "subprocess.Popen[bytes]", folder: Path) -> None:
    """Wait for the file that a ready stack writes, with this process in it."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, (folder / "dev.log").read_text()
        try:
            if json.loads((folder / "state" / "dev.json").read_text())["owner"]["pid"] == process.pid:
                return
        except (OSError, ValueError):
            pass
        time.sleep(0.1)
    raise AssertionError((folder / "dev.log").read_text())


def leftovers(folder: Path) -> list[str]:
    """List processes that name the folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(folder) in command:
            found.append(command)
    return found


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_interrupted_starts_leave_nothing_and_the_next_start_works(short_folder: Path) -> None:
    """Ctrl-C at five random moments of a start: exit 0 or 130, no process, no file; then a start with state kept."""
    chance = random.Random(SEED)
    for _ in range(5):
        with dev(short_folder) as process:
            time.sleep(chance.uniform(0.1, 5.0))
            process.send_signal(signal.SIGINT)
            code = process.wait(timeout=60)
        assert code in {0, 130, -signal.SIGINT}, (short_folder / "dev.log").read_text()
        assert [] == leftovers(short_folder)
        assert not (short_folder / "state" / "dev.json").exists()
    with dev(short_folder) as process:
        until_ready(process, short_folder)
        process.send_signal(signal.SIGTERM)
        assert 0 == process.wait(timeout=60)
    assert [] == leftovers(short_folder)


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_after_kill_9_of_the_stack_open_runs_go_on(short_folder: Path) -> None:
    """`proctor dev` is killed while a run waits for a person; the next start takes over, and the run goes on."""
    environ = environ_for(short_folder / "state")
    with dev(short_folder) as process:
        until_ready(process, short_folder)
        body = b'{"try": "then_approved"}'
        code, out, lines = call(environ, "run", "prober", "--input", "-", "--detach", stdin=body)
        assert 0 == code, lines
        run_id = out.strip()
        request = pending(environ, run_id)
        process.kill()
        process.wait()
    code, _, lines = call(environ, "ps")
    assert (1, 1, True) == (code, len(lines), "proctor dev" in lines[0])
    with dev(short_folder) as process:
        until_ready(process, short_folder)
        assert 0 == call(environ, "approve", request, "--as", "demo.approver")[0]
        assert 0 == call(environ, "watch", run_id, "--timeout", "50")[0]
        assert 0 == call(environ, "audit", "verify", run_id)[0]
        process.send_signal(signal.SIGTERM)
        assert 0 == process.wait(timeout=60)


def pending(environ: dict[str, str], run_id: str) -> str:
    """Wait for the request of a run."""
    deadline = time.monotonic() + 40
    while time.monotonic() < deadline:
        found: list[dict[str, Any]] = json.loads(call(environ, "approvals", "--run", run_id, "-o", "json")[1] or "[]")
        if found:
            return str(found[0]["id"])
        time.sleep(0.3)
    raise AssertionError(f"{run_id} does not wait")


@pytest.mark.slow
def test_stale_files_of_a_dead_stack_do_not_mislead(short_folder: Path) -> None:
    """A dev.json, a lock and a postmaster.pid of processes that are gone, or garbage: a start takes over."""
    state = short_folder / "state"
    state.mkdir()
    (state / "dev.json").write_text("{not json")
    (state / "dev.lock").write_text("999999\n")
    code, _, lines = call(environ_for(state), "ps")
    assert (1, 1) == (code, len(lines))
    with dev(short_folder, "--workers", "0") as process:
        until_ready(process, short_folder)
        process.send_signal(signal.SIGTERM)
        assert 0 == process.wait(timeout=60)
    (state / "postgres" / "postmaster.pid").write_text(f"{os.getpid()}\n/nowhere\n")
    with dev(short_folder, "--workers", "0") as process:
        until_ready(process, short_folder)
        process.send_signal(signal.SIGTERM)
        assert 0 == process.wait(timeout=60)


def test_occupied_port_is_named_with_the_option_that_changes_it(short_folder: Path) -> None:
    """Exit 1, one line, and nothing was left running."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        code, _, lines = call(environ_for(short_folder / "state"), "dev", "--port", port, "--ui-port", "0")
    assert 1 == code
    assert port in lines[-1]
    assert "--port" in lines[-1]
    assert [] == leftovers(short_folder)


def test_state_folder_that_cannot_be_written_is_named(short_folder: Path) -> None:
    """A file in its place, as root may write into any folder."""
    (short_folder / "state").write_text("")
    code, _, lines = call(environ_for(short_folder / "state"), "dev", "--port", "0", "--ui-port", "0")
    assert (1, 1) == (code, len(lines)), lines
    assert "PROCTOR_HOME" in lines[0]
