"""What an agent does while a breaker is open names tools that it may use, and a stand-in that is another tool."""

from pathlib import Path

import pytest

from proctor.documents.agent import read_agent
from tests.unit.documents.agents import MANIFEST, write_agent


def with_degradation(root: Path, said: str) -> list[tuple[str, str]]:
    text = MANIFEST.replace("  thresholds:\n", f"  degradation: {said}\n  thresholds:\n")
    return [(problem.message, problem.hint) for problem in read_agent(write_agent(root, manifest=text), None).problems]


@pytest.mark.parametrize("said", ["{Refund: {to: ask_person}}", "{Refund: {to: other_tool, tool: Search}}"])
def test_degradation_to_a_person_or_to_another_tool_is_understood(tmp_path: Path, said: str) -> None:
    """No problem is found."""
    assert [] == with_degradation(tmp_path, said)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("{Charge: {to: refuse}}", "Charge is not among the allowed tools"),
        ("{Refund: {to: read_only, tool: Search}}", "read_only takes no tool"),
        ("{Refund: {to: other_tool}}", "no tool cannot stand in for Refund"),
        ("{Refund: {to: other_tool, tool: Refund}}", "Refund cannot stand in for Refund"),
        ("{Refund: {to: other_tool, tool: Charge}}", "Charge cannot stand in for Refund"),
    ],
)
def test_degradation_that_could_not_be_carried_out_is_named(tmp_path: Path, said: str, message: str) -> None:
    """It would be found out in an outage otherwise."""
    (problem,) = with_degradation(tmp_path, said)
    assert message == problem[0]
    assert problem[1]
