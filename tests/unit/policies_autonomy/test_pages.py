"""What the pages on autonomy say is so."""

import re
from pathlib import Path

import pytest

from benchmarks.autonomy import ever_promoted, ours
from policies.autonomy.evidence import RULES
from proctor.contracts.manifest import Autonomy
from tests.unit.deploy.composition import ROOT
from tests.unit.deploy.test_pages import commands, wrong

HOW_TO = ROOT / "docs/how-to/earn-autonomy.md"
WHY = ROOT / "docs/explanation/evidence-for-autonomy.md"


def test_rules_on_the_page_are_the_rules() -> None:
    """Whoever plans by the table is not surprised."""
    told = re.findall(r"\| `(\w+)` \| (\d+) % \| (0\.\d+) \| (\d+) \| (\d+) \|", HOW_TO.read_text(encoding="utf-8"))
    rules = [
        (rule.to, f"{100 * (1 - rule.max_error_rate):g}", f"{rule.alpha:g}", f"{rule.min_verdicts}",
         f"{rule.max_newest_errors}") for rule in RULES.values()
    ]  # fmt: skip
    assert rules == told
    assert {20} == {rule.newest for rule in RULES.values()}


@pytest.mark.parametrize(("column", "to"), list(enumerate(RULES, start=1)))
def test_verdicts_on_the_page_are_those_that_it_takes(column: int, to: Autonomy) -> None:
    """Half and nine tenths of the agents are through after so many, and not one verdict sooner."""
    rows = re.findall(r"^\| ([\d.]+) % \| (.+) \|$", WHY.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert ["0", "0.5", "1"] == [rate for rate, _ in rows]
    for rate, cells in rows:
        half, most = (int(number.replace(",", "")) for number in cells.split(" | ")[column - 1].split(", "))
        totals = [0.0, *ever_promoted(ours(RULES[to]), float(rate) / 100, most)]
        assert totals[half - 1] < 0.5 <= totals[half]
        assert totals[most - 1] < 0.9 <= totals[most]


@pytest.mark.parametrize("page", [HOW_TO, WHY], ids=lambda page: page.name)
def test_commands_and_links_of_the_page_are_real(page: Path) -> None:
    """Each command parses, each link leads to a file."""
    text = page.read_text(encoding="utf-8")
    assert [] == [words for words in commands(text) if wrong(words)]
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text)
    assert [] == [target for target in targets if not (page.parent / target).exists()]
