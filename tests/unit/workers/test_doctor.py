from pathlib import Path

from proctor.command import ROOT
from proctor.settings import Settings
from workers.doctor import diagnose
from workers.findings import State
from workers.machine import NO_SPACE, _needed, check_disk, check_state_folder, wrong_packages

AGENT = """
agent:
  name: desk
  version: "1"
  owner: wanda
  autonomy: suggest
  allowed_tools: [Lookup]
  blocked_domains: ["*"]
  allow_domains: [desk.example]
  max_iterations: 4
  max_cost_usd: 0.01
  planner: {kind: playbook, file: playbook.yaml}
"""
PLAYBOOK = """
version: 1
steps: [{id: look, call: Lookup}, {finish: {outcome: completed, report: {summary: done}}}]
"""
TOOL = """
tool:
  name: Lookup
  effect: read
  risk: low
  input: {type: object, properties: {}}
  credentials: [{name: desk-key, at: "header:Authorization"}]
  implementation: {kind: http, method: GET, base_url: "https://desk.example", path: /}
"""


def test_missing_and_different_packages_are_named() -> None:
    """The lock decides on versions; packages that only other machines need are not missed."""
    lock = "# lock\nnosuch==1.0 ; sys_platform == 'win32' \\\n    --hash=sha256:aa==\npytest==0.0.1 \\\n    --hash=x\n"
    missing, different = wrong_packages(lock, ["pytest", "needed-and-gone"])
    assert missing == "needed-and-gone is missing"
    assert different.startswith("pytest is ")
    assert different.endswith(", not 0.0.1")


def test_version_of_another_system_or_python_is_not_missed() -> None:
    """A lock for all of them names a package once for each; the one that is meant for here counts."""
    here, there = "sys_platform != 'none'", "sys_platform == 'none'"
    (wrong,) = wrong_packages(
        f"pytest==0.0.1 ; {there} \\\n    --hash=x\npytest==0.0.2 ; {here} \\\n    --hash=x\n", []
    )
    assert wrong.endswith(", not 0.0.2")


def test_this_environment_is_as_locked() -> None:
    """The real locks and the real environment agree."""
    assert _needed()
    for lock in ("requirements.lock", "requirements-dev.lock"):
        assert list(wrong_packages((ROOT / lock).read_text(), _needed())) == [], lock


def test_a_full_disk_fails_and_a_nearly_full_one_warns(tmp_path: Path) -> None:
    """Bounds are on what is free where the state goes."""
    states = [check_disk(tmp_path, free=free).state for free in (NO_SPACE - 1, NO_SPACE, 2 * 1024**3)]
    assert states == [State.FAIL, State.WARN, State.OK]


def test_a_state_folder_below_a_file_fails(tmp_path: Path) -> None:
    """What cannot become a folder is said before the start fails on it."""
    (tmp_path / "file").touch()
    assert State.FAIL is check_state_folder(tmp_path / "file" / "state").state
    assert State.OK is check_state_folder(tmp_path / "not" / "yet").state
    assert not (tmp_path / "not").exists()


async def test_every_finding_that_is_not_ok_says_what_to_do(tmp_path: Path) -> None:
    """With nothing running, the doctor says how to get going, and one can: these are warnings."""
    findings = {finding.name: finding for finding in await diagnose(Settings.load({}, tmp_path))}
    assert all(finding.remedy for finding in findings.values() if finding.state is State.FAIL)
    assert (findings["connections"].state, findings["connections"].detail) == (State.WARN, "nothing to connect to")
    assert "proctor dev" in findings["connections"].remedy
    assert State.OK is findings["temporal binary"].state
    assert State.OK is findings["postgres binary"].state


async def test_agent_whose_tool_says_in_python_what_it_takes_is_ok() -> None:
    """The doctor reads agents as the worker does: `input` may come from a function's signature."""
    findings = {finding.name: finding for finding in await diagnose(Settings.load({}, ROOT))}
    assert (State.OK, "version 1, 1 tools") == (findings["agent greeter"].state, findings["agent greeter"].detail)


async def test_credential_that_a_tool_asks_for_and_would_not_get_is_named(tmp_path: Path) -> None:
    """Before a run needs it: one that is in no file, and one that another tool may have."""
    desk = tmp_path / "agents" / "desk"
    (desk / "tools").mkdir(parents=True)
    (desk / "manifest.yaml").write_text(AGENT)
    (desk / "playbook.yaml").write_text(PLAYBOOK)
    (desk / "tools" / "lookup.yaml").write_text(TOOL)
    told = {}
    for tools in ("none", "[Other]", "[Lookup]"):
        given = f"credentials: {{desk-key: {{source: {{kind: environment, name: KEY}}, tools: {tools}}}}}\n"
        (tmp_path / "credentials.yaml").write_text("credentials: {}\n" if tools == "none" else given)
        findings = {finding.name: finding for finding in await diagnose(Settings.load({}, tmp_path))}
        assert State.OK is findings["agent desk"].state, findings["agent desk"]
        told[tools] = findings["credentials"].state, findings["credentials"].detail
    assert {
        "none": (State.WARN, "Lookup: this worker has no credential desk-key"),
        "[Other]": (State.WARN, "Lookup: Lookup may not have the credential desk-key"),
        "[Lookup]": (State.OK, "each tool may have those that it asks for"),
    } == told
    for base, origin in (
        ("https://desk.example", "https://elsewhere.example"),
        ("https://desk.example", "https://desk.example"),
        ("env:DESK_URL", "https://elsewhere.example"),
    ):
        (desk / "tools" / "lookup.yaml").write_text(TOOL.replace("https://desk.example", base))
        bound = f"{{source: {{kind: environment, name: KEY}}, tools: [Lookup], origins: ['{origin}']}}"
        (tmp_path / "credentials.yaml").write_text(f"credentials: {{desk-key: {bound}}}\n")
        findings = {finding.name: finding for finding in await diagnose(Settings.load({}, tmp_path))}
        told[f"{base} {origin}"] = findings["credentials"].state, findings["credentials"].detail
    wrong = "Lookup: the credential desk-key may not be sent to https://desk.example"
    assert {
        "https://desk.example https://elsewhere.example": (State.WARN, wrong),
        "https://desk.example https://desk.example": (State.OK, "each tool may have those that it asks for"),
        "env:DESK_URL https://elsewhere.example": (State.OK, "each tool may have those that it asks for"),
    } == dict(list(told.items())[3:])
    (tmp_path / "credentials.yaml").write_text("credentials: 7\n")
    for _ in ("with a tool that asks for one", "without: a worker does not start with it all the same"):
        findings = {finding.name: finding for finding in await diagnose(Settings.load({}, tmp_path))}
        assert State.FAIL is findings["credentials"].state
        (desk / "manifest.yaml").unlink(missing_ok=True)
