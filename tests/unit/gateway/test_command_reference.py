"""The page about the command names every command, and no option that there is not."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from gateway.cli.main import app, run
from gateway.cli.other_words import OURS
from gateway.cli.session import Wiring

PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "command.md").read_text(encoding="utf-8")
OF_TYPER = {"--help", "--install-completion", "--show-completion"}


def commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    if not hasattr(group, "commands"):
        yield path, group
        return
    for name, command in group.commands.items():
        yield from commands(command, (*path, name))


FOUND = dict(commands(typer.main.get_command(app)))


def test_every_command_is_on_the_page() -> None:
    """A command that nobody finds is not there."""
    code = " ".join(re.findall(r"`([^`]+)`", PAGE))
    absent = [
        " ".join(path) for path in FOUND if not all(re.search(rf"(?<![\w-]){part}(?![\w-])", code) for part in path)
    ]
    assert len(FOUND) > 60
    assert absent == []


def test_every_option_on_the_page_exists() -> None:
    """An option that was renamed would send people the wrong way."""
    options = {
        name for command in FOUND.values() for one in command.params for name in (*one.opts, *one.secondary_opts)
    }
    named = {
        option for code in re.findall(r"`([^`]+)`", PAGE) for option in re.findall(r"(?<![\w-])--[a-z][a-z-]+", code)
    }
    assert named - options - OF_TYPER == set()


def test_words_of_other_tools_lead_to_commands_that_exist(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """`logs` is answered with what shows the same here; no such word hides a command."""
    top = typer.main.get_command(app)
    first = {ours.split()[0] for ours in OURS.values()} - OF_TYPER
    assert set() == first - {path[0] for path in FOUND} == set(OURS) & set(getattr(top, "commands", {}))
    assert 2 == run(["logs", "greeter-1"], Wiring({}, tmp_path))
    assert "No such command 'logs'. Here it is `proctor explain RUN`." in capsys.readouterr().err
