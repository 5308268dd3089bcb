"""The same commands, done here and asked of a gateway: whoever types them sees no difference."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.cli.main import run
from gateway.cli.session import Wiring
from gateway.identity import find_local_token
from tests.acceptance.conftest import ROOT, Product

WAYS = ("here", "there")


@dataclass(frozen=True)
class Ways:
    """One command, twice: with the parts of this process, and over REST."""

    product: Product
    url: str
    folder: Path
    capture: Callable[[], tuple[str, str]]

    def call(self, way: str, *arguments: str, **more: str) -> tuple[int, str, str]:
        """Call the command; gives exit code, stdout and stderr."""
        address = {"PROCTOR_URL": self.url} if way == "there" else {}
        environ = {**self.product.environ, "PROCTOR_PRINCIPAL": "operator", **address, **more}
        code = run(arguments, Wiring(environ, ROOT))
        return (code, *self.capture())

    def start(self, key: str, what: str) -> str:
        """Start a run of the prober and let it come to its end, or to a person."""
        source = self.folder / f"{key}.json"
        source.write_text(json.dumps({"try": what, "times": 2} if what == "append" else {"try": what}))
        wait = ("--detach",) if what.endswith("approved") else ()
        code, out, err = self.call("here", "run", "prober", "-i", str(source), "--idempotency-key", key, *wait)
        assert code == 0, err + out
        return key


@pytest.fixture(scope="module")
def gateway_url(product: Product) -> str:
    url = json.loads((product.home / "dev.json").read_text())["gateway_url"]
    assert url
    return str(url)


@pytest.fixture
def ways(product: Product, gateway_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Ways:
    def capture() -> tuple[str, str]:
        return tuple(capsys.readouterr())

    return Ways(product, gateway_url, tmp_path, capture)


READING = [
    ("show", "done"), ("show", "asked", "-o", "json"), ("explain", "done", "-o", "jsonl"), ("receipt", "done"),
    ("watch", "done", "-o", "jsonl"), ("watch", "done", "-o", "table"), ("audit", "export", "done"),
    ("audit", "verify", "done"), ("approvals", "--run", "asked"), ("approvals", "REQUEST"), ("fences",), ("whoami",),
    ("breakers",), ("breakers", "ls", "-o", "json"), ("tools", "usage", "-o", "json"), ("tools", "usage", "Append"),
    ("approvals", "REQUEST", "-o", "json"), ("keys", "ls"), ("grants", "ls"), ("delegations", "ls"), ("api-keys", "ls"),
    ("ps", "--agent", "prober", "--limit", "3", "-o", "json"), ("undo", "done", "--dry-run"), ("principals", "links"),
]  # fmt: skip
FAILING = [
    (("show", "nobody"), 2),
    (("receipt", "nobody"), 2),
    (("approve", "req-nobody"), 2),
    (("approve", "REQUEST"), 4),
    (("kill", "nobody", "--reason", "x"), 2),
    (("kill", "--tool", "Misspelt", "--reason", "x"), 2),
    (("kill", "--all", "--reason", "x", "--as", "demo.approver"), 4),
    (("release", "999999"), 2),
    (("breakers", "open", "tool:Misspelt", "--reason", "x"), 2),
    (("breakers", "open", "Misspelt", "--reason", "x"), 2),
    (("breakers", "open", "host:x.example", "--reason", "x", "--as", "demo.approver"), 4),
    (("grants", "revoke", "nothing", "--as", "maria.ops"), 2),
    (("pause", "done"), 6),
    (("run", "nobody", "-i", "INPUT"), 2),
    (("run", "prober", "-i", "INPUT", "--as", "demo.approver"), 4),
    (("principals", "link", "maria.ops", "slack", "T1/U1"), 4),
]


@pytest.fixture(scope="module")
def asked() -> dict[str, str]:
    """Keep the runs of this module by what they came to."""
    return {}


def prepared(ways: Ways, asked: dict[str, str]) -> dict[str, str]:
    if not asked:
        asked |= {"done": ways.start("both-done", "append"), "asked": ways.start("both-asked", "approved")}
        asked["REQUEST"] = ways.product.wait_for_request("both-asked")
        source = ways.product.home / "both.json"
        source.write_text('{"try": "ask"}')
        asked["INPUT"] = str(source)
    return asked


def test_reading_is_the_same_here_and_there(ways: Ways, asked: dict[str, str]) -> None:
    """Data, messages and exit code, byte for byte."""
    names = prepared(ways, asked)
    for command in READING:
        filled = [names.get(word, word) for word in command]
        here, there = (ways.call(way, *filled) for way in WAYS)
        assert here == there, command
        assert here[0] == 0, (command, here)


def test_errors_are_the_same_here_and_there(ways: Ways, asked: dict[str, str]) -> None:
    """The same line, with the same hint, and the same exit code."""
    names = prepared(ways, asked)
    for command, code in FAILING:
        filled = [names.get(word, word) for word in command]
        here, there = (ways.call(way, *filled) for way in WAYS)
        assert here == there, command
        assert (here[0], here[1]) == (code, ""), (command, here)
        assert len(here[2].splitlines()) == 1, (command, here)


ACTING = {
    "approve": (("approve", "REQUEST", "--reason", "fine", "--as", "maria.ops", "-o", "json"), 0),
    "deny": (("deny", "REQUEST", "--reason", "no", "--as", "demo.approver", "-o", "json"), 0),
    "pause": (("pause", "RUN", "--reason", "look", "-o", "json"), 0),
    "say": (("say", "RUN", "hold on", "-o", "json"), 0),
    "kill": (("kill", "RUN", "--reason", "both", "-o", "json"), 0),
}
CHANGING = re.compile(
    r"\d{4}-\d\d-\d\d[T ][\d:.]+(Z|\+00:00)?|dec-[0-9a-f]+|\"value\": \"[\w-]{86}\"|[0-9a-f]{64}"
    r"|epoch\"?:? ?\d+|fence \d+"
)


@pytest.mark.parametrize("word", ACTING)
def test_acting_is_the_same_here_and_there(ways: Ways, word: str) -> None:
    """Each way on a run of its own: the answers differ in names, times and digests alone."""
    command, code = ACTING[word]
    answers = []
    for way in WAYS:
        run_id = ways.start(f"both-{word}-{way}", "approved")
        request = ways.product.wait_for_request(run_id)
        found = ways.call(way, *({"RUN": run_id, "REQUEST": request}.get(part, part) for part in command))
        text = [CHANGING.sub("~", str(part)).replace(run_id, "RUN").replace(request, "REQUEST") for part in found]
        answers.append([re.sub(r'"channel": "\w+"', "", part) for part in text])
    assert answers[0] == answers[1]
    assert answers[0][0] == str(code), answers[0]


def test_run_started_there_is_waited_for_there(ways: Ways, asked: dict[str, str]) -> None:
    """Through the long poll, to the report on stdout."""
    prepared(ways, asked)
    source = ways.folder / "run.json"
    source.write_text('{"try": "append", "times": 3}')
    code, out, err = ways.call("there", "run", "prober", "-i", str(source), "--idempotency-key", "both-run")
    assert (code, json.loads(out)["tried"]) == (0, "append"), err
    assert "run both-run completed" in err


def test_gateway_that_cannot_be_used_is_one_line(ways: Ways, product: Product) -> None:
    """Nothing there, something else there, a token that it does not take, an address that would show the token."""
    temporal_ui = json.loads((product.home / "dev.json").read_text())["temporal_ui_url"]
    said = {
        "http://127.0.0.1:9": "cannot be reached",
        temporal_ui: "is not a Proctor gateway",
        "http://proctor.example.org": "unencrypted",
        "ftp://x": "not an address",
    }
    for url, words in said.items():
        code, out, err = ways.call("there", "ps", PROCTOR_URL=url)
        assert (out, len(err.splitlines()), words in err) == ("", 1, True), err
        assert code != 0
    code, _, err = ways.call("there", "ps", PROCTOR_TOKEN="wrong", PROCTOR_PRINCIPAL="")
    assert (code, "token" in err) == (4, True), err


def test_command_on_the_store_says_so_when_a_gateway_is_asked(ways: Ways) -> None:
    """It neither goes around the gateway nor fails without a word."""
    code, out, err = ways.call("there", "principals", "ls")
    assert (code, out, "unset PROCTOR_URL" in err) == (2, "", True), err


def test_api_key_lets_a_program_in_over_the_installed_command(ways: Ways, product: Product) -> None:
    """Made here, used there by a process that has nothing else; revoked, it is nobody."""
    token = ways.call("here", "api-keys", "create", "--label", "ci", "--role", "requester", "--for", "1h")[1].strip()
    home = ways.folder / "empty"
    environ = {
        "PATH": product.environ["PATH"],
        "PROCTOR_URL": ways.url,
        "PROCTOR_TOKEN": token,
        "PROCTOR_HOME": str(home),
    }
    remote = Product(home, product.witness, environ)
    done = remote.call("whoami", "-o", "json")
    assert (done.returncode, json.loads(done.stdout)["roles"]) == (0, ["requester"]), done.stderr
    assert ways.call("here", "api-keys", "revoke", token.split("_")[1])[0] == 0
    assert remote.call("whoami").returncode == 4
    assert find_local_token(home, "operator") is None
