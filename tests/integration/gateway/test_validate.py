"""`proctor validate` as it is installed: every form of document, sound and broken, by exit code and by what it says."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from proctor.command import ROOT

PROCTOR = str(Path(sys.executable).with_name("proctor"))

AGENT = """\
agent:
  name: claims-clerk
  autonomy: approval_required
  allowed_tools: [FindClaim, PayClaim]
  blocked_domains: ["*"]
  allow_domains: ["claims.internal.example"]
  max_iterations: 6
  max_cost_usd: 0.25
  guardrails: [injection_filter, pii_scrubber, json_schema_validator]
"""
TOOL = """\
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "PayClaim",
  "type": "object",
  "required": ["claim", "amount"],
  "properties": {
    "claim": {"type": "string", "maxLength": 20},
    "amount": {"type": "number", "maximum": 500},
    "note": {"type": "string", "maxLength": 200}
  }
}
"""
SLO = """\
slos:
  - name: claims-paid
    objective: ">= 99.5% over 7 days"
    sli:
      numerator: tool_calls{tool="PayClaim",status="ok"}
      denominator: tool_calls{tool="PayClaim"}
    alerts:
      - burn_rate_window: 1h
        threshold: 6x
"""
EVALUATION = """\
tests:
  - name: small_claim
    inputs: {user_text: "my umbrella broke"}
    expected: {decision: paid}
    metrics:
      - {type: json_path, path: $.decision, equals: paid}
      - {type: tool_success, tool: PayClaim}
"""
SOUND = {
    "agent.yaml": (AGENT, "agent", "egress: denied, except claims.internal.example", "has no owner"),
    "tool.json": (TOOL, "tool contract", "tool PayClaim 1(claim, amount, note?): irreversible", "declares no effect"),
    "slo.yaml": (SLO, "slo", "alert at burn rate 6x over 1 hour", "nothing measures it yet"),
    "eval.yaml": (EVALUATION, "evaluation", "whether PayClaim was called and succeeded", "nothing runs it yet"),
}
BROKEN = {
    "level.yaml": (AGENT, "approval_required", "sometimes", "level.yaml:3: 'autonomy' is", "write one of suggest"),
    "key.yaml": (AGENT, "max_iterations", "max_iteration", "key.yaml:7: unknown key", "did you mean `max_iterations`?"),
    "type.json": (TOOL, '"number"', '"numbr"', "type.json:8: not a usable JSON Schema", "json-schema.org"),
    "comma.json": (TOOL, '"object",', '"object"', "comma.json:5: not JSON", "check commas"),
    "goal.yaml": (SLO, "99.5%", "150%", "goal.yaml:3: ", "between 0 and 100 %"),
    "rate.yaml": (SLO, "6x", "soon", "rate.yaml:9: 'soon' is not a burn rate", "write it as"),
    "tab.yaml": (EVALUATION, "    inputs", "\tinputs", "tab.yaml:3: not YAML", "indent with spaces"),
    "word.yaml": (EVALUATION, "tests:", "test:", "word.yaml:1: not a document that Proctor knows", "`tests`?"),
}


def validate(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [PROCTOR, "validate", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("name", SOUND)
def test_sound_document_is_understood_with_what_is_worth_knowing(tmp_path: Path, name: str) -> None:
    """Exit 0; what was understood on stdout, notes on stderr, and the same as JSON."""
    text, kind, understood, note = SOUND[name]
    (tmp_path / name).write_text(text)
    done = validate(tmp_path, name)
    assert (0, True, True) == (done.returncode, understood in done.stdout, note in done.stderr), done
    report = json.loads(validate(tmp_path, name, "--output", "json").stdout)
    assert (name, kind, []) == (report["path"], report["kind"], report["problems"])
    assert any(understood in line for line in report["understood"])
    assert any(note in line for line in report["notes"])


@pytest.mark.parametrize("name", BROKEN)
def test_mistake_is_named_with_its_line_and_its_remedy(tmp_path: Path, name: str) -> None:
    """Exit 2, FILE:LINE on stderr, and nothing is said to be understood."""
    text, sound, wrong, where, remedy = BROKEN[name]
    assert sound in text
    (tmp_path / name).write_text(text.replace(sound, wrong, 1))
    done = validate(tmp_path, name)
    said = [line for line in done.stderr.splitlines() if line.startswith(where)]
    assert (2, 1) == (done.returncode, len(said)), done
    assert remedy in said[0].partition(" — ")[2]
    assert [] == [line for line in done.stdout.splitlines() if line.startswith("  ")]
    done = validate(tmp_path, name, "--output", "json")
    problems = json.loads(done.stdout)["problems"]
    assert (2, True) == (done.returncode, any(f"{at['file']}:{at['line']}" in where for at in problems))


@pytest.mark.parametrize("agent", ["greeter", "incident-resolver"])
def test_every_agent_of_the_project_is_sound_as_a_folder(agent: str) -> None:
    """Playbook, schemas and tools are read with the manifest, functions' signatures included."""
    done = validate(ROOT, f"agents/{agent}")
    assert (0, True) == (done.returncode, f"  agent {agent}, version 1, owner maria.ops" in done.stdout), done
    assert "  planner: playbook playbook.yaml" in done.stdout


def test_folder_with_mistakes_in_two_files_names_both(tmp_path: Path) -> None:
    """One call shows everything that has to be mended, however many files it is in."""
    (tmp_path / "claims-clerk" / "tools").mkdir(parents=True)
    (tmp_path / "claims-clerk" / "manifest.yaml").write_text(AGENT.replace("0.25", "much"))
    tool = "tool:\n  name: PayClaim\n  effect: writes\n"
    (tmp_path / "claims-clerk" / "tools" / "pay.yaml").write_text(tool)
    done = validate(tmp_path, "claims-clerk")
    assert 2 == done.returncode
    assert "claims-clerk/manifest.yaml:8: " in done.stderr
    assert "claims-clerk/tools/pay.yaml:3: " in done.stderr


def test_what_is_not_there_is_said_in_one_line(tmp_path: Path) -> None:
    """A missing file, and a folder that is no agent's, exit 2 without a traceback."""
    for name in ("none.yaml", "."):
        done = validate(tmp_path, name)
        assert (2, 1) == (done.returncode, len(done.stderr.splitlines())), done
        assert "cannot be read" in done.stderr
