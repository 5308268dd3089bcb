"""The policy command on a running stack: decisions explained and tried again, changes held to two people."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tests.acceptance.conftest import ROOT, Product

pytestmark = pytest.mark.slow
AGENT = "ruled"
POLICY = """\
windows:
  - {id: appended, measure: count, tool: Append, within: 1h, per: run}
rules:
  - id: few-items
    effect: forbid
    tool: Append
    when: {fact: windows.appended, greater_than: LIMIT}
    reason: Nobody reads more than a few items.
    advice: End the run.
"""
TESTS = """\
cases:
  - case: the first item is appended
    tool: Append
    arguments: {what: one}
    expect: allow
  - case: many are not
    tool: Append
    arguments: {what: one}
    facts: {windows.appended: 40}
    expect: deny
    rule: few-items
"""


def limit_to(folder: Path, limit: int) -> None:
    (folder / "policy.yaml").write_text(POLICY.replace("LIMIT", str(limit)), encoding="utf-8")


@pytest.fixture(scope="module")
def ruled(product: Product, tmp_path_factory: pytest.TempPathFactory) -> Product:
    """Give the command a project of its own, with one agent that the stack's worker can carry out."""
    agents = tmp_path_factory.mktemp("agents")
    folder = agents / AGENT
    shutil.copytree(ROOT / "tests/acceptance/agents/prober", folder)
    manifest = (folder / "manifest.yaml").read_text(encoding="utf-8")
    (folder / "manifest.yaml").write_text(
        manifest.replace("name: prober", f"name: {AGENT}").replace("owner: olga.owner", "owner: maria.ops", 1),
        encoding="utf-8",
    )
    limit_to(folder, 2)
    (folder / "policy.tests.yaml").write_text(TESTS, encoding="utf-8")
    return replace(product, environ={**product.environ, "PROCTOR_AGENTS": str(agents)})


@pytest.fixture(scope="module")
def run_id(ruled: Product) -> str:
    """Give a run whose third item was denied by the policy."""
    task = {"try": "append", "times": 4}
    done = ruled.call("run", AGENT, "--input", "-", "--detach", stdin=task)
    assert done.returncode == 0, done.stderr
    ruled.wait_for_end(done.stdout.strip())
    return done.stdout.strip()


def test_policy_is_checked_tested_and_covered(ruled: Product) -> None:
    """Nothing but files is needed."""
    assert [0, 0] == [ruled.call("policy", *words).returncode for words in (["check"], ["test", "--require-coverage"])]


def test_recorded_decision_is_explained_with_what_it_saw(ruled: Product, run_id: str) -> None:
    """The window's value of that very call, in words."""
    told = ruled.call("policy", "explain", run_id, "2").stdout
    assert "decided by the rule few-items" in told
    counted = "the number of calls of Append of this run within 1 hour, this one included, is more than 2"
    assert f"{counted}: yes, it is 3\n" in told
    assert "instead: End the run." in told


def test_backtest_decides_recorded_calls_again_and_changes_nothing(ruled: Product, run_id: str, tmp_path: Path) -> None:
    """A wider limit would have let the denied item through, a narrower one stopped an earlier one."""
    before = ruled.kinds(run_id)
    for limit, expected in ((3, {"deny": "allow"}), (1, {"allow": "deny"})):
        folder = tmp_path / str(limit) / AGENT
        shutil.copytree(Path(ruled.environ["PROCTOR_AGENTS"]) / AGENT, folder)
        limit_to(folder, limit)
        found = ruled.ask("policy", "backtest", str(folder), "--since", "1h")
        assert expected.items() <= {call["before"]: call["after"] for call in found["changed"]}.items()
    assert before == ruled.kinds(run_id)
    rows = {row["rule"]: row for row in ruled.ask("policy", "coverage", AGENT, "--history", "--since", "1h")}
    assert rows["few-items"]["determined_in_history"] >= 1


def test_loosening_takes_effect_with_the_owner_and_a_second_person(ruled: Product, run_id: str) -> None:
    """Tightening is active at once, loosening waits; who proposed it has no word."""
    folder = Path(ruled.environ["PROCTOR_AGENTS"]) / AGENT
    first = ruled.ask("policy", "propose", AGENT, "--as", "operator")
    assert "active" == first["state"]
    limit_to(folder, 5)
    assert 1 == ruled.call("policy", "diff", "active", AGENT).returncode
    version = ruled.ask("policy", "propose", AGENT, "--as", "operator")
    assert ("proposed", "loosens") == (version["state"], version["change"])
    assert any("windows.appended" in line for line in version["summary"])
    assert 4 == ruled.call("policy", "approve", version["id"], "--as", "operator").returncode
    assert "proposed" == ruled.ask("policy", "approve", version["id"], "--as", "demo.approver")["state"]
    assert "active" == ruled.ask("policy", "approve", version["id"], "--as", "maria.ops")["state"]
    assert 0 == ruled.call("policy", "diff", "active", AGENT).returncode
    limit_to(folder, 1)
    assert "active" == ruled.ask("policy", "propose", AGENT, "--as", "operator")["state"]
    states = [one["state"] for one in ruled.ask("policy", "versions", AGENT)]
    assert ["active", "retired", "retired"] == states
    assert 1 == ruled.call("policy", "diff", AGENT, first["bundle_digest"]).returncode


def test_rejected_loosening_is_over(ruled: Product) -> None:
    """One word ends it, and nobody can approve it afterwards."""
    folder = Path(ruled.environ["PROCTOR_AGENTS"]) / AGENT
    limit_to(folder, 9)
    version = ruled.ask("policy", "propose", AGENT, "--as", "operator")
    done = ruled.call("policy", "reject", version["id"], "--reason", "too many", "--as", "maria.ops", "-o", "json")
    assert ("rejected", "too many") == tuple(json.loads(done.stdout)[key] for key in ("state", "reason"))
    assert 6 == ruled.call("policy", "approve", version["id"], "--as", "demo.approver").returncode
