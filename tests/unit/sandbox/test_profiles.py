"""What is refused where: hosts, folders, and the documents that make a worker prove its sandbox."""

import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from proctor.contracts.sandboxing import SandboxProfile
from proctor.tools.sandbox import landlock
from proctor.tools.sandbox.host import Host
from proctor.tools.sandbox.layout import project_folders
from proctor.tools.sandbox.local import LocalSandbox, missing_for
from proctor.tools.sandbox.port import Proof, SandboxRefused, Verdict
from proctor.tools.sandbox.proved import mentions_sandbox
from workers.doctor import judge_sandbox
from workers.findings import State

HOME = Path("~").expanduser()
HOST = Host("x86_64", "6.18", landlock_abi=7, is_root=False, has_user_namespaces=True, bubblewrap="")


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        (replace(HOST, landlock_abi=0), "no Landlock"),
        (replace(HOST, landlock_abi=2), "Landlock ABI 2"),
        (replace(HOST, has_user_namespaces=False), "user namespaces"),
        (replace(HOST, machine="riscv64"), "riscv64"),
    ],
)
def test_host_that_lacks_something_is_refused_with_the_reason(host: Host, reason: str, tmp_path: Path) -> None:
    """Fail closed: a weaker sandbox is none."""
    sandbox = LocalSandbox(tmp_path, tmp_path / ".proctor", host, "native")
    assert reason in sandbox.refusal(SandboxProfile())


async def test_refused_profile_starts_nothing(tmp_path: Path) -> None:
    """The refusal comes before any process."""
    sandbox = LocalSandbox(tmp_path, tmp_path / ".proctor", replace(HOST, landlock_abi=1), "native")
    with pytest.raises(SandboxRefused, match="ABI 1"):
        await sandbox.run(["true"], SandboxProfile(), timeout_s=1)
    with pytest.raises(SandboxRefused, match="ABI 1"):
        await sandbox.spawn(["true"], SandboxProfile())


async def test_proof_on_a_host_without_a_sandbox_does_not_hold(tmp_path: Path) -> None:
    """Nothing blocked is not the same as nothing tried."""
    sandbox = LocalSandbox(tmp_path, tmp_path / ".proctor", replace(HOST, landlock_abi=0), "")
    proof = await sandbox.prove()
    assert (False, ["start"]) == (proof.holds, [verdict.name for verdict in proof.escapes])


def test_bubblewrap_needs_no_landlock() -> None:
    """It is one wall and Landlock the second; without it the other back end has none."""
    old = replace(HOST, landlock_abi=0, bubblewrap="/usr/bin/bwrap")
    assert ([], 1) == (missing_for(old, "bubblewrap"), len(missing_for(old, "native")))


@pytest.mark.parametrize(
    ("abi", "size", "files"),
    [
        (1, 8, 0x1FFF),
        (2, 8, 0x3FFF),
        (3, 8, 0x7FFF),
        (4, 16, 0x7FFF),
        (5, 16, 0xFFFF),
        (6, 24, 0xFFFF),
        (9, 24, 0xFFFF),
    ],
)
def test_landlock_is_asked_for_all_that_its_version_denies(abi: int, size: int, files: int) -> None:
    """No more, which an old kernel would refuse, and no less."""
    ruleset = landlock.ruleset(abi)
    assert (size, files) == (len(ruleset), int.from_bytes(ruleset[:8], "little"))
    assert {3} >= {int.from_bytes(ruleset[at : at + 8], "little") for at in range(8, size, 8)}


@pytest.mark.parametrize("name", ["..", "/etc", "a/../..", "leak", ".", ".proctor", ".proctor/keys", "missing"])
def test_reads_stay_inside_the_project_and_away_from_its_state(name: str, tmp_path: Path) -> None:
    """Neither dots, nor links, nor a folder that holds the state folder get out."""
    (tmp_path / ".proctor" / "keys").mkdir(parents=True)
    (tmp_path / "leak").symlink_to("/etc")
    with pytest.raises(SandboxRefused):
        project_folders(tmp_path, tmp_path / ".proctor", [name])


def test_reads_are_resolved(tmp_path: Path) -> None:
    """A folder of the project is shown where it really is."""
    (tmp_path / "data").mkdir()
    (tmp_path / "alias").symlink_to("data")
    found = project_folders(tmp_path, tmp_path / ".proctor", ["data", "alias"])
    assert [str((tmp_path / "data").resolve())] * 2 == found


@pytest.mark.parametrize(
    ("text", "may"),
    [
        ("implementation: {kind: process, command: [jq]}", True),
        ("sandbox: {memory_mb: 64}", True),
        ('{"sandbox": {}}', True),
        ("description: process the order in a sandbox", False),
    ],
)
def test_worker_proves_at_start_where_a_document_may_need_it(text: str, may: bool, tmp_path: Path) -> None:
    """A project without such tools does not pay for the proof."""
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "tool.yaml").write_text(text)
    assert may is mentions_sandbox([tmp_path, tmp_path / "nowhere"])


@pytest.mark.parametrize(
    ("back_end", "blocked", "state"),
    [("native", True, State.OK), ("native", False, State.FAIL), ("", False, State.WARN)],
)
def test_doctor_says_whether_the_sandbox_holds(back_end: str, blocked: bool, state: State) -> None:
    """A leak is a failure; a host that cannot give a sandbox is a warning, for most projects need none."""
    verdict = Verdict(name="connect tcp", blocked=blocked, detail="connected")
    proof = Proof(
        back_end=back_end, kernel="6", machine="x86_64", landlock_abi=7, at=datetime.now(UTC), verdicts=(verdict,)
    )
    finding = judge_sandbox(proof)
    assert (state, not blocked) == (finding.state, "connect tcp: connected" in finding.detail)


def test_project_that_every_sandbox_would_show_has_none(tmp_path: Path) -> None:
    """Below /usr or the environment of Python its files, the state folder too, would be there for each command."""
    for root in (Path("/usr/src/app"), Path(sys.prefix) / "app"):
        sandbox = LocalSandbox(root, root / ".proctor", HOST, "native")
        assert "which every sandbox shows" in sandbox.refusal(SandboxProfile())
    apart = LocalSandbox(tmp_path, Path("/usr/lib/proctor"), HOST, "native")
    assert "the state of Proctor lies in /usr" in apart.refusal(SandboxProfile())
    assert "" == LocalSandbox(tmp_path, tmp_path / ".proctor", HOST, "native").refusal(SandboxProfile())


@pytest.mark.parametrize("place", [".", "..", ".proctor", ".proctor/x"])
async def test_program_beside_the_project_does_not_bring_the_project_in(place: str, tmp_path: Path) -> None:
    """What surrounds a program is shown with it, and a server in the project's `bin` is surrounded by the project."""
    root = tmp_path / "project"
    sandbox = LocalSandbox(root, root / ".proctor", HOST, "native")
    with pytest.raises(SandboxRefused, match="may not show"):
        await sandbox.spawn(["true"], SandboxProfile(), shows=[root / place])
    with pytest.raises(SandboxRefused, match="a home folder"):
        await sandbox.spawn(["true"], SandboxProfile(), shows=[HOME])
