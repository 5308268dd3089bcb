"""What operators read is true of the command that they type, and its links lead somewhere."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from gateway.cli.main import app
from tests.unit.deploy.composition import ROOT

PAGES = [
    ROOT / "docs/how-to/production.md",
    ROOT / "docs/glossary.md",
    *sorted((ROOT / "docs/runbooks").glob("*.md")),
    *sorted((ROOT / "docs/adr").glob("*.md")),
]
LINES_OF_A_PAGE = 60
ROOT_COMMAND = typer.main.get_command(app)


def commands(text: str) -> Iterator[list[str]]:
    """Give every `proctor …` of a page, in line or in a block; `docker compose run --rm cli …` is one too."""
    code = re.findall(r"`([^`\n]+)`", text) + [
        line for block in re.findall(r"```\w*\n(.*?)```", text, flags=re.DOTALL) for line in block.splitlines()
    ]
    for line in code:
        match = re.match(r"(?:proctor|docker compose run --rm cli) (.+)", line.strip())
        if match:
            yield shlex.split(match[1].partition("  #")[0])


def wrong(words: list[str]) -> str:
    """Say what the command line would refuse in these words; empty if nothing."""
    command, left = ROOT_COMMAND, list(words)
    while hasattr(command, "commands") and left:
        name = left.pop(0)
        if name not in command.commands:
            return f"there is no command {name}"
        command = command.commands[name]
    options = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    unknown = [word for word in left if word.startswith("-") and word not in options and word != "--help"]
    return f"there is no option {unknown[0]}" if unknown else ""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_on_the_page_are_commands(page: Path) -> None:
    """At three in the morning nobody has time for an option that does not exist."""
    for words in commands(page.read_text(encoding="utf-8")):
        assert wrong(words) == "", " ".join(words)


def test_an_invented_command_or_option_is_noticed() -> None:
    """The check of commands is not blind."""
    assert wrong(["frobnicate"]) == "there is no command frobnicate"
    assert wrong(["ps", "--frob"]) == "there is no option --frob"
    assert list(commands("`proctor ps --open`")) == [["ps", "--open"]]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files(page: Path) -> None:
    """A link within the project leads to a file of it."""
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_a_decision_fits_on_a_page_and_says_why() -> None:
    """Each record has its three parts and can be read in a minute or two."""
    records = sorted((ROOT / "docs/adr").glob("[0-9]*.md"))
    assert len(records) >= 6
    assert [f"{number:04d}" for number in range(1, len(records) + 1)] == [record.name[:4] for record in records]
    for record in records:
        text = record.read_text(encoding="utf-8")
        assert len(text.splitlines()) <= LINES_OF_A_PAGE, record.name
        for heading in ("## Context", "## Decision", "## Consequences"):
            assert heading in text, record.name
