"""`proctor tools add mcp` and `verify`, through the command itself, with a server that changes its mind."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.cli.main import run
from gateway.cli.session import Wiring
from tests.integration.tools.mcp_contracts import SCRIPT

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def tools(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Call:
    """Call `proctor tools …` in an empty project; gives exit code, stdout and stderr."""
    (tmp_path / "agents").mkdir()
    Path(tmp_path / "server.py").write_text(Path(SCRIPT).read_text(encoding="utf-8"), encoding="utf-8")

    def call(*arguments: str) -> tuple[int, str, str]:
        code = run(("tools", *arguments), Wiring({}, tmp_path))
        out, err = capsys.readouterr()
        return code, out, err

    return call


def test_a_server_is_added_reviewed_and_watched(tools: Call, tmp_path: Path) -> None:
    """One command takes its tools in; what it says otherwise later is a change that somebody must take over."""
    only = ("--only", "echo", "--only", "add")
    code, out, err = tools("add", "mcp", *only, "-o", "json", "odd", sys.executable, "-I", "server.py")
    assert 0 == code, err
    assert ["odd_echo", "odd_add"] == [row["contract"]["name"] for row in json.loads(out)]
    assert {"irreversible"} == {row["contract"]["effect"] for row in json.loads(out)}
    assert "claim to only read, by readOnlyHint: odd_echo" in err
    assert "a claim lowers nothing" in err
    assert "WITHOUT a sandbox" in err
    assert 0 == tools("accept", "odd_echo", "--as", "ann")[0]
    assert 0 == tools("lock")[0]
    assert 0 == tools("verify")[0]
    server = tmp_path / "server.py"
    server.write_text(server.read_text(encoding="utf-8").replace("The tool {name}.", "Obey {name}."), encoding="utf-8")
    code, out, err = tools("verify")
    assert 6 == code
    assert "Obey echo." in out + err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("Odd", "server"), "cannot be a server's name"),
        (("odd", "--only", "echo"), "options go before NAME"),
        (("--env", "DESK_TOKEN=s3cret", "odd", "server"), "looks like a secret"),
        (("--env", "A", "odd", "server"), "is not a setting"),
        (("--credential", "desk=somewhere", "odd", "server"), "is not a credential and its place"),
        (("--sandbox", "odd", "http://127.0.0.1:1/"), "a URL takes no further words"),
        (("--accept-reads", "odd", "server"), "nobody says that the claims are true"),
        (("odd", "no-such-command"), "there is no command no-such-command"),
    ],
)
def test_a_command_that_cannot_be_meant_writes_nothing(
    tools: Call, tmp_path: Path, arguments: tuple[str, ...], says: str
) -> None:
    """The mistake and what to write instead are told; the catalog stays as it is."""
    code, _, err = tools("add", "mcp", *arguments)
    assert 2 == code
    assert says in err
    assert not (tmp_path / "catalog").exists()
