from pathlib import Path

import pytest

from proctor.documents.validation import validate
from tests.unit.documents import forms
from tests.unit.documents.agents import MANIFEST, PLAYBOOK, TOOLS, write_agent

CREDENTIALS = "credentials: {wiki: {source: {kind: file, path: /run/secrets/wiki}, tools: [SearchWiki]}}"
FORMS = {
    "agent.yaml": (forms.AGENT, "agent", "egress: denied, except postings.example.org"),
    "tool.json": (forms.TOOL, "tool contract", "irreversible, risk high"),
    "slo.yaml": (forms.SLO, "slo", "objective 0.99 over 30 days"),
    "eval.yaml": (forms.EVALUATION, "evaluation", "$.severity"),
    "credentials.yaml": (CREDENTIALS, "credentials", "wiki from file: SearchWiki"),
    "playbook.yaml": (PLAYBOOK, "playbook", "2 steps"),
    "tools.yaml": (TOOLS, "tool contract", "Refund 1(order?): write, risk high, read back by FindRefund"),
}


@pytest.mark.parametrize("name", FORMS)
def test_document_is_known_by_what_it_holds(tmp_path: Path, name: str) -> None:
    """Each form is recognised, and the answer says what was understood."""
    text, kind, words = FORMS[name]
    path = tmp_path / name
    path.write_text(text)
    report = validate(path)
    assert (report.kind, report.exit_code, report.problems) == (kind, 0, ())
    assert words in "\n".join(report.understood)


def test_folder_is_validated_as_a_whole(tmp_path: Path) -> None:
    """The folder and its manifest give the same answer, tools included."""
    folder = write_agent(tmp_path)
    report = validate(folder)
    assert (report.kind, report.exit_code) == ("agent folder", 0)
    assert validate(folder / "manifest.yaml") == report
    assert any("tool Charge" in line for line in report.understood)


@pytest.mark.parametrize("above", [".", ".."])
def test_folder_above_an_agents_says_which_there_are(tmp_path: Path, above: str) -> None:
    """Nobody is told to write a manifest where there is none to be."""
    folder = write_agent(tmp_path / "agents")
    report = validate(folder.parent / above)
    assert (report.kind, report.exit_code) == ("unknown", 2)
    assert [f"name one: {folder.parent / above / ('agents' if above == '..' else '') / folder.name}"] == [
        problem.hint for problem in report.problems
    ]


def test_problems_decide_the_exit_code(tmp_path: Path) -> None:
    """Every mistake in the folder is listed, and the command fails."""
    folder = write_agent(
        tmp_path, manifest=MANIFEST.replace("max: 100", "max: lots"), tools=TOOLS.replace("write", "x")
    )
    report = validate(folder)
    assert report.exit_code == 2
    assert {Path(problem.file).name for problem in report.problems} == {"manifest.yaml", "all.yaml"}


@pytest.mark.parametrize(
    ("text", "hint"), [("agnet:\n  name: x\n", "did you mean `agent`?"), ("- 1\n", "begins with"), ("", "begins with")]
)
def test_unknown_document_is_told_what_there_is(tmp_path: Path, text: str, hint: str) -> None:
    """A misspelt first word is recognised."""
    path = tmp_path / "x.yaml"
    path.write_text(text)
    report = validate(path)
    assert (report.kind, report.exit_code) == ("unknown", 2)
    assert hint in report.problems[0].hint


def test_missing_file_is_a_problem_and_not_an_error(tmp_path: Path) -> None:
    """The report always comes."""
    for path in (tmp_path / "no.yaml", tmp_path):
        report = validate(path)
        assert report.exit_code == 2
        assert "cannot be read" in report.problems[0].message
