from decimal import Decimal

import pytest

from proctor.contracts.manifest import Autonomy, Bounds
from proctor.documents.manifest import notes_on, read_manifest
from proctor.documents.problems import Problem
from proctor.documents.source import parse_source
from tests.unit.documents import forms


def problems(text: str) -> list[Problem]:
    return read_manifest(parse_source(text, "m.yaml"))[1]


def with_line(line: str) -> str:
    """Give the seed's manifest with one more line under `agent:`, which becomes line 2."""
    return forms.AGENT.replace("agent:\n", f"agent:\n  {line}\n")


def test_manifest_loads_as_the_blueprint_writes_it() -> None:
    """The seed's form is the form."""
    form, found = read_manifest(parse_source(forms.AGENT, "m.yaml"))
    assert found == []
    assert form is not None
    assert (form.name, form.autonomy) == ("ledger-clerk", Autonomy.APPROVAL_REQUIRED)
    assert form.bounds == Bounds(max_iterations=8, max_cost_usd=Decimal("0.5"))
    assert "has no owner: will not run until one is named" in notes_on(form)


@pytest.mark.parametrize(
    ("line", "message", "hint"),
    [
        ("allowed_tool: [X]", "unknown key 'allowed_tool'", "did you mean `allowed_tools`?"),
        (
            "thresholds: [{tool: FindPosting, argument: q, max: 1, beynd: forbid}]",
            "unknown key 'beynd'",
            "did you mean `beyond`?",
        ),
        ("planner: {kind: playbook, flie: x}", "unknown key 'flie'", "did you mean `file`?"),
        ("planner: {kind: plybook}", "'planner' is", "write one of playbook, model"),
        ("planner: {file: x}", "does not say its kind", "add `kind:`"),
        ("max_stalled_steps: many", 'must be a whole number, and is "many"', ""),
        ("max_stalled_steps: true", "must be a whole number, and is true", ""),
        ("max_wall_clock_s: 0", "greater than or equal to 1", ""),
        ("version: [1]", "must be a text", ""),
        (
            "autonomy_by_tool: {FindPosting: full}",
            "'FindPosting' is \"full\"",
            "write one of suggest, approval_required",
        ),
        ("autonomy_by_risk: {high: full}", "'high' is \"full\"", "write one of suggest, approval_required"),
        ("autonomy_by_risk: {huge: suggest}", "huge", ""),
        ("autonomy_by_risk: {low: autonomous}", "the lower one counts", "or write approval_required"),
        ("autonomy_by_tool: {Findposting: suggest}", "Findposting is not allowed", "did you mean `FindPosting`?"),
        ("thresholds: [{tool: Pay, argument: a, max: 1}]", "Pay is not allowed", "add Pay to allowed_tools"),
        ("model_planner: {model: openai:x}", "needs its instructions", "instructions_file"),
        ("planner: {kind: model, instructions: hello}", "names no model", "provider:name"),
        ("model_planner: {model: gpt, instructions: hello}", "'model' is \"gpt\"", "must match"),
    ],
)
def test_mistake_is_named_with_line_and_fix(line: str, message: str, hint: str) -> None:
    """Each message says what is wrong on which line, and what to write instead."""
    found = problems(with_line(line))
    assert [problem.line for problem in found] == [2]
    assert message in found[0].message
    assert hint in found[0].hint


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('    - "*"  # default deny', "    - evil.example.com", 'does not hold "*"'),
        ('"postings.example.org"', '"*"', "contradicts default deny"),
        ('"postings.example.org"', '"https://postings.example.org/x"', "not a host pattern"),
        ('"postings.example.org"', '"kb.*.company"', "not a host pattern"),
        ('    - "*"  # default deny', '    - "*"\n    - postings.example.org', "both blocked and allowed"),
        ("injection_filter", "injection_filer", "unknown guardrail"),
        ("    - FindPosting\n", "    - FindPosting\n    - FindPosting\n", "twice"),
        ("autonomy: approval_required", "autonomy: approval-required", "'autonomy' is"),
        ("  autonomy: approval_required\n", "", "'autonomy' is missing"),
        ("name: ledger-clerk", "name: Incident Resolver", "'name' is"),
        ("max_cost_usd: 0.50", "max_cost_usd: -1", "greater than or equal to 0"),
    ],
)
def test_vague_or_contradictory_manifest_is_refused(old: str, new: str, message: str) -> None:
    """What cannot be meant is not guessed."""
    assert old in forms.AGENT
    found = problems(forms.AGENT.replace(old, new))
    assert message in " ".join(problem.message for problem in found)
    assert all(problem.line for problem in found)


def test_all_mistakes_are_reported_at_once() -> None:
    """Nobody has to run the check once per mistake."""
    text = forms.AGENT.replace("max_iterations: 8", "max_iterations: eight").replace("autonomy:", "autonomie:")
    assert [problem.line for problem in problems(text)] == [1, 11, 3]


@pytest.mark.parametrize("text", ["", "agent: x", "agents: {}", "- a", forms.AGENT + "tools: []\n"])
def test_other_documents_are_not_manifests(text: str) -> None:
    """`agent:` and a mapping, and nothing beside it."""
    assert len(problems(text)) == 1
