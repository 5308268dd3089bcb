"""Every known way out of the sandbox, really tried on this host; and that each protection is missed when it is gone."""

import os
import resource
import subprocess
from pathlib import Path
from typing import Any

import pytest

from proctor.tools.sandbox.bpf import ALLOW, RETURN, Instruction
from proctor.tools.sandbox.child import INTERPRETER, ROOT
from proctor.tools.sandbox.launch.plan import Plan
from proctor.tools.sandbox.local import BackEnd, LocalSandbox, missing_for
from proctor.tools.sandbox.proving import attempt
from tests.integration.sandbox.hosts import BACK_ENDS, HOST, WeakenedSandbox, back_end

OPEN_DEVICES = [path for path in ("/dev/net/tun", "/dev/fuse") if os.access(path, os.R_OK)]
ALLOW_ALL = Instruction(RETURN, ALLOW).packed()


@pytest.mark.parametrize("name", [back_end(name) for name in BACK_ENDS])
async def test_no_escape_succeeds(name: BackEnd, tmp_path: Path) -> None:
    """With every back end that this host has, and nothing was left untried."""
    proof = await LocalSandbox(tmp_path, tmp_path / ".proctor", HOST, name).prove()
    assert () == proof.escapes
    assert (name, True) == (proof.back_end, len(proof.verdicts) >= 40)


def without(kind: int) -> Any:
    def weaken(plan: Plan) -> None:
        plan["limits"] = [(one, value) for one, value in plan["limits"] if one != kind]

    return weaken


def shown(*paths: str) -> Any:
    def weaken(plan: Plan) -> None:
        plan["visible"] += paths
        plan["rules"] += [(path, 0b1101) for path in paths]

    return weaken


def altered(**fields: Any) -> Any:
    def weaken(plan: Plan) -> None:
        plan.update(fields)  # type: ignore[typeddict-item]

    return weaken


def leaking(plan: Plan) -> None:
    plan["environment"]["DATABASE_URL"] = "postgresql://secret"


def root_stays(plan: Plan) -> None:
    plan["user"] = 0


def tunnels(plan: Plan) -> None:
    plan["devices"] += OPEN_DEVICES
    plan["rules"] += [(path, 0b110) for path in OPEN_DEVICES]


WEAKENED = {
    "seccomp": (altered(seccomp=ALLOW_ALL), {"probe", "connect tcp", "reach kernel", "use io uring"}),
    "landlock": (altered(landlock=b""), {"read without rule"}),
    "file view": (shown("/home", "/var"), {"list folders outside"}),
    "environment": (leaking, {"read environment"}),
    "processes": (without(resource.RLIMIT_NPROC), {"multiply"}),
    "memory": (without(resource.RLIMIT_DATA), {"take memory"}),
    "open files": (without(resource.RLIMIT_NOFILE), {"open many"}),
    "file size": (without(resource.RLIMIT_FSIZE), {"grow file"}),
    "core dumps": (without(resource.RLIMIT_CORE), {"raise limits"}),
    "scratch size": (altered(scratch_mb=4), {"fill scratch"}),
}
if OPEN_DEVICES:
    WEAKENED["devices"] = (tunnels, {"open devices"})
if HOST.is_root:
    WEAKENED["user"] = (root_stays, {"gain rights"})


@pytest.mark.skipif(bool(missing_for(HOST, "native")), reason="this host cannot give the native sandbox")
@pytest.mark.parametrize("protection", list(WEAKENED))
async def test_proof_misses_each_protection_that_is_gone(protection: str, tmp_path: Path) -> None:
    """A proof that does not notice proves nothing."""
    weaken, expected = WEAKENED[protection]
    verdicts = await attempt(WeakenedSandbox(tmp_path, weaken), HOST)
    escaped = {verdict.name for verdict in verdicts if not verdict.blocked}
    assert expected & escaped, verdicts


def test_launcher_needs_few_modules() -> None:
    """A sandbox starts in the time that an interpreter takes: what it imports is measured, and these are slow."""
    code = f"import sys;sys.path.append({str(ROOT)!r});import proctor.tools.sandbox.launch.main;print(*sys.modules)"
    out = subprocess.run([INTERPRETER, "-I", "-S", "-c", code], capture_output=True, text=True, check=True).stdout
    assert set() == {"enum", "json", "re", "pathlib", "typing", "subprocess", "logging"} & set(out.split())
