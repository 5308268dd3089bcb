"""Tries every known way out of a sandbox, against bait laid on the host, and tells what came of each."""

import asyncio
import json
import os
import platform
import secrets
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from proctor.contracts.sandboxing import SandboxProfile
from proctor.tools.sandbox.child import INTERPRETER, ROOT
from proctor.tools.sandbox.host import Host
from proctor.tools.sandbox.layout import SCRATCH, SEALED, system_layout
from proctor.tools.sandbox.port import Proof, Ran, Sandbox, SandboxRefused, Verdict, Why

PROFILE: Final = SandboxProfile(memory_mb=64, cpu_s=10, processes=8, open_files=48, scratch_mb=1, output_kb=64)
"""Limits of the proof: small, so that passing them is quick."""
TIMEOUT_S: Final = 20.0
PROOF_S: Final = 45.0
_PROBE: Final = "import sys;sys.path.append({root!r});from proctor.tools.sandbox.launch.probe import main;main()"
_NAMES_IN_SCRATCH: Final = 1024 + 64
_NAMESPACES: Final = ("mnt", "pid", "net", "ipc", "uts")
_ENVIRONMENT: Final = ("PATH", "HOME", "TMPDIR", "LANG", "LC_CTYPE")
_DEVICES: Final = ("mem", "kmsg", "vda", "sda", "nvme0n1", "fuse", "kvm", "net/tun", "ptmx", "tty", "console", "vsock")
_FOLDERS: Final = ("/home", "/var", "/run", "/sys", "/boot", "/root/.ssh", "/root/.config")
_READ_ONLY: Final = ("/", "/etc", "/usr", "/dev", "/proc")

_DAEMON: Final = """
import os, time
if not os.fork():
    os.setsid()
    if not os.fork():
        time.sleep(60)
    os._exit(0)
"""
"""Leaves a process behind that is in no group, no session and no family of the command."""
_HOARD: Final = """
import os, time
for n in range(4):
    if not os.fork():
        kept = bytearray(24 << 20)
        break
time.sleep(20)
"""
_DEADLY: Final[dict[str, tuple[Why, str, dict[str, Any], float]]] = {
    "take memory together": ("memory", _HOARD, {"memory_mb": 48}, TIMEOUT_S),
    "burn the processor": ("cpu", "import os\nos.fork()\nwhile True: pass", {"cpu_s": 0.2}, TIMEOUT_S),
    "stay too long": ("wall", _DAEMON + "time.sleep(60)", {}, 0.6),
    "flood the output": ("output", "while True: print('x' * 4096)", {"output_kb": 16}, TIMEOUT_S),
}
"""What must end the sandbox, with which reason: code, limits, seconds."""


async def prove(sandbox: Sandbox, host: Host) -> Proof:
    """Lay the bait, try everything, and look for survivors."""
    mark = _mark()
    async with AsyncExitStack() as stack:
        bait = await stack.enter_async_context(_baited(host))
        try:
            async with asyncio.timeout(PROOF_S):
                groups = await asyncio.gather(
                    _probe(sandbox, bait, mark),
                    *(_deadly(sandbox, name, mark) for name in _DEADLY),
                    _leave(sandbox, mark),
                )
            verdicts = [verdict for group in groups for verdict in group]
        except TimeoutError:
            verdicts = [Verdict(name="end", blocked=False, detail=f"no end within {PROOF_S:g} s")]
        except SandboxRefused as error:
            verdicts = [Verdict(name="start", blocked=False, detail=error.diagnostics())]
    verdicts.append(await asyncio.to_thread(_survivors, mark))
    return Proof(
        back_end=sandbox.back_end,
        kernel=platform.release(),
        machine=platform.machine(),
        landlock_abi=host.landlock_abi,
        at=datetime.now(UTC),
        verdicts=tuple(verdicts),
    )


async def attempt(sandbox: Sandbox, host: Host) -> list[Verdict]:
    """Make the attempts that one process can make and tell of: all but those that end the sandbox."""
    async with _baited(host) as bait:
        return await _probe(sandbox, bait, _mark())


async def _probe(sandbox: Sandbox, bait: dict[str, Any], mark: str) -> list[Verdict]:
    ran = await _run(sandbox, _PROBE.format(root=str(ROOT)), mark, stdin=json.dumps(bait).encode())
    found = [Verdict.model_validate_json(line) for line in ran.stdout.splitlines()]
    if ran.why == "exit" and not ran.exit and found:
        return found
    last = ran.stderr.decode("utf-8", "replace").strip()[-300:]
    return [*found, Verdict(name="probe", blocked=False, detail=f"{ran.why} {ran.exit} {ran.text} {last}".strip())]


async def _deadly(sandbox: Sandbox, name: str, mark: str) -> list[Verdict]:
    why, code, limits, timeout_s = _DEADLY[name]
    ran = await _run(sandbox, code, mark, PROFILE.model_copy(update=limits), timeout_s=timeout_s)
    detail = f"{ran.why} {ran.exit} {ran.text} {ran.stderr.decode('utf-8', 'replace')[-200:]}".strip()
    return [Verdict(name=name, blocked=ran.why == why, detail=detail)]


async def _leave(sandbox: Sandbox, mark: str) -> list[Verdict]:
    """End at once and leave a process behind: it is looked for afterwards."""
    ran = await _run(sandbox, _DAEMON, mark)
    return [] if ran.why == "exit" else [Verdict(name="leave", blocked=False, detail=f"{ran.why} {ran.text}")]


async def _run(
    sandbox: Sandbox,
    code: str,
    mark: str,
    profile: SandboxProfile = PROFILE,
    *,
    timeout_s: float = TIMEOUT_S,
    stdin: bytes = b"",
) -> Ran:
    command = [INTERPRETER, "-I", "-S", "-c", code, mark]
    return await sandbox.run(command, profile, timeout_s=timeout_s, stdin=stdin)


def _mark() -> str:
    return f"proof-{secrets.token_hex(8)}"


def _survivors(mark: str) -> Verdict:
    left = [entry.name for entry in Path("/proc").iterdir() if entry.name.isdigit() and _has(entry, mark)]
    return Verdict(name="survive", blocked=not left, detail=f"processes {', '.join(left)}" if left else "none left")


def _has(entry: Path, mark: str) -> bool:
    try:
        return mark.encode() in (entry / "cmdline").read_bytes()
    except OSError:
        return False


@asynccontextmanager
async def _baited(host: Host) -> AsyncIterator[dict[str, Any]]:
    """Lay what must not be reached, so that nothing but the sandbox keeps a probe from it."""
    victim = await asyncio.create_subprocess_exec(INTERPRETER, "-I", "-S", "-c", "input()", stdin=-1, env={})
    try:
        with _places() as places:
            yield {**_facts(host, victim.pid), **places}
    finally:
        victim.kill()
        await victim.wait()


def _facts(host: Host, victim: int) -> dict[str, Any]:
    limits = {name: getattr(PROFILE, name) for name in ("processes", "memory_mb", "scratch_mb", "open_files")}
    return {
        **limits,
        "names": _NAMES_IN_SCRATCH,
        "scratch": SCRATCH,
        "sealed": SEALED,
        "has_landlock": bool(host.landlock_abi),
        "folders": _hidden_folders(),
        "read_only": [*_READ_ONLY, str(ROOT / "proctor/tools/sandbox/launch"), sys.prefix],
        "devices": [f"/dev/{name}" for name in _DEVICES],
        "environment": list(_ENVIRONMENT),
        "worker": os.getpid(),
        "victim": victim,
        "namespaces": {name: str(Path(f"/proc/self/ns/{name}").readlink()) for name in _NAMESPACES},
        "not_users": [0] if host.is_root else [os.getuid()],
        "not_groups": sorted({*os.getgroups(), os.getgid()}) if host.is_root else [],
    }


def _hidden_folders() -> list[str]:
    """Give folders that nothing in the view lies below, so that not even their names are there."""
    shown = system_layout().visible
    candidates = [*_FOLDERS, str(ROOT / "docs"), str(ROOT / ".git"), *map(str, Path("/home").glob("*"))]
    return [one for one in candidates if not any(Path(path).is_relative_to(one) for path in shown)]


@contextmanager
def _places() -> Iterator[dict[str, Any]]:
    """Leave a file that everybody may read, and listen in every way that does not need rights."""
    abstract, datagrams = (f"proctor-{secrets.token_hex(8)}" for _ in range(2))
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="proctor-proof-"))
        Path(folder).chmod(0o755)
        path = f"{folder}/socket"
        secret = Path(folder) / "secret"
        secret.write_text("secret")
        secret.chmod(0o644)
        made = [
            (socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0)),
            (socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 0)),
            (socket.AF_UNIX, socket.SOCK_STREAM, path),
            (socket.AF_UNIX, socket.SOCK_STREAM, "\0" + abstract),
            (socket.AF_UNIX, socket.SOCK_DGRAM, "\0" + datagrams),
        ]
        bound = [stack.enter_context(_bound(*one)) for one in made]
        Path(path).chmod(0o777)
        tcp, udp = (one.getsockname()[1] for one in bound[:2])
        names = {"unix": path, "abstract": abstract, "abstract_datagrams": datagrams}
        yield {"tcp": tcp, "udp": udp, **names, "files": [str(secret), "/etc/shadow", "/etc/hostname"]}


def _bound(family: int, kind: int, address: Any) -> socket.socket:
    made = socket.socket(family, kind)
    made.bind(address)
    if kind == socket.SOCK_STREAM:
        made.listen()
    return made
