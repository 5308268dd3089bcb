"""`proctor tools add mcp` and `verify`, through the command itself, with a server that changes its mind."""

import hashlib
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.cli.main import run
from gateway.cli.session import Wiring
from tests.integration.tools.mcp_contracts import SCRIPT

Call = Callable[..., tuple[int, str, str]]
SECRET = "desk-9f31c0ffee"


@pytest.fixture
def tools(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Call:
    """Call `proctor tools …` in an empty project; gives exit code, stdout and stderr."""
    (tmp_path / "agents").mkdir()
    Path(tmp_path / "server.py").write_text(Path(SCRIPT).read_text(encoding="utf-8"), encoding="utf-8")

    def call(*arguments: str) -> tuple[int, str, str]:
        code = run(("tools", *arguments), Wiring({"SECRET_OF_DESK": SECRET}, tmp_path))
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
        (("odd", "no-such-command", "--sandbox"), "--sandbox is behind the command, so it is the server's"),
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


def test_a_confined_server_is_verified_in_its_sandbox(tools: Call, tmp_path: Path) -> None:
    """What was added with a sandbox is asked again in one, and not refused for want of one."""
    (tmp_path / "code").mkdir()
    (tmp_path / "server.py").rename(tmp_path / "code" / "server.py")
    confined = ("--sandbox", "--sandbox-reads", "code", "--only", "echo")
    code, _, err = tools("add", "mcp", *confined, "odd", sys.executable, "-I", "code/server.py")
    assert (0, False) == (code, "WITHOUT a sandbox" in err), err
    code, out, err = tools("verify")
    assert (0, True) == (code, "same" in out), err


def allowed(project: Path, *tools: str) -> None:
    """Let these tools have the credential `desk`."""
    names = ", ".join(tools)
    source = "source: {kind: environment, name: SECRET_OF_DESK}"
    (project / "credentials.yaml").write_text(f"credentials: {{desk: {{{source}, tools: [{names}]}}}}\n")


def guarded(*options: str, lists_for: str = SECRET) -> tuple[str, ...]:
    """Give the command that adds a server which lists its tools to nobody without a token."""
    server = ("odd", sys.executable, "-I", "server.py")
    digest = hashlib.sha256(lists_for.encode()).hexdigest()
    return "add", "mcp", "--env", f"LISTS_FOR={digest}", *options, *server


def test_a_server_that_lists_for_nobody_is_added_with_a_credential(tools: Call, tmp_path: Path) -> None:
    """Adding, verifying and accepting bring the credential of the contract; the secret stands in no file."""
    with_desk = ("--credential", "desk=env:DESK_TOKEN", "--only", "echo")
    code, _, err = tools(*guarded("--only", "echo"))
    assert (1, True) == (code, "no tools for strangers" in err)
    code, _, err = tools(*guarded(*with_desk))
    assert (2, True) == (code, "no credential desk" in err)
    allowed(tmp_path, "odd_echo")
    assert 0 == tools(*guarded(*with_desk))[0]
    assert 0 == tools("lock")[0]
    assert 0 == tools("verify")[0]
    assert 0 == tools("accept", "odd_echo", "--as", "ann")[0]
    written = [path.read_text(encoding="utf-8") for path in (tmp_path / "catalog").rglob("*.*")]
    assert 2 == len(written)
    assert not [text for text in written if SECRET in text]
    (tmp_path / "credentials.yaml").unlink()
    code, out, err = tools("verify")
    assert (6, True) == (code, "no credential desk" in out + err)


def test_listing_has_a_credential_that_it_may_have_and_no_other(tools: Call, tmp_path: Path) -> None:
    """Where no tool is named yet, the file must name the listing; `*` and the listing's name do."""
    with_desk = ("--credential", "desk=env:DESK_TOKEN")
    allowed(tmp_path, "odd_echo")
    code, _, err = tools(*guarded(*with_desk))
    assert (4, True) == (code, "odd_tools_list may not have the credential desk" in err)
    assert "stands for listing the tools" in err
    assert not (tmp_path / "catalog").exists()
    allowed(tmp_path, "odd_tools_list")
    assert 0 == tools(*guarded(*with_desk))[0]


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [((), 1, "no tools for"), (("--env", "REPEATS=yes"), 6, "says a credential again")],
)
def test_a_secret_that_a_server_says_again_is_neither_shown_nor_written(
    tools: Call, tmp_path: Path, options: tuple[str, ...], code: int, says: str
) -> None:
    """A server that puts the token into an error or a description cannot bring it to the terminal or into a file."""
    allowed(tmp_path, '"*"')
    lists_for = SECRET if options else "another"
    found = tools(*guarded("--credential", "desk=env:DESK_TOKEN", *options, lists_for=lists_for))
    assert (code, True) == (found[0], says in found[2])
    assert SECRET not in found[1] + found[2]
    assert not (tmp_path / "catalog").exists()
