"""Nothing from a run can steer the terminal or be read as markup."""

import io
import json
import re
from collections.abc import Callable
from contextlib import redirect_stdout

import pytest

from gateway.cli.output import Format, encode, fit, print_rows, print_table
from gateway.cli.visible import visible, visible_json, visible_line
from proctor.contracts.planning import Observation
from proctor.contracts.run import RunStatus

from .fakes import FakeInstallation, human_request, run_record

Call = Callable[..., tuple[int, str, str]]
HOSTILE = "\x1b[31mred\x1b]0;owned\x07\x9b2J\r\b\u202egnp.exe\u2066\ufeff\x7f [bold red]markup[/] :smile: \ud800"
STEERING = set("\x1b\x07\x9b\x08\r\x7f\u202e\u2066\ufeff\ud800")


def test_steering_characters_are_shown_as_codes() -> None:
    """Escapes, C1 controls, direction marks and lone surrogates become text; tab and line break stay."""
    assert visible("\x1b[2J\t\n") == "\\x1b[2J\t\n"
    assert visible("\u202e\x9b\U000e0041") == "\\u202e\\x9b\\U000e0041"
    assert visible_line("a\nb\x85") == "a b\\x85"


def test_harmless_json_keeps_its_value() -> None:
    """What a program reads is what was stored."""
    text = encode({"k": HOSTILE[:-1], "é": "日本", "tag": "\U000e0041"})
    assert json.loads(text) == {"k": HOSTILE[:-1], "é": "日本", "tag": "\U000e0041"}
    assert "日本" in text
    assert not STEERING & set(text)
    assert visible_json('"\U000e0041"') == '"\\udb40\\udc41"'


@pytest.mark.parametrize(
    "arguments",
    [
        ("ps",),
        ("ps", "-o", "json"),
        ("show", "run-1"),
        ("show", "run-1", "-o", "jsonl"),
        ("approvals",),
        ("explain", "run-1"),
        ("explain", "run-1", "-o", "jsonl"),
        ("watch", "run-1"),
        ("watch", "run-1", "-o", "table"),
        ("run", "resolver", "-i", "INPUT", "--idempotency-key", "run-1"),
        ("audit", "export", "run-1"),
        ("approve", "req-000001", "--as", "maria.ops"),
        ("show", HOSTILE),
    ],
)
def test_no_command_lets_a_run_steer_the_terminal(
    proctor: Call, installation: FakeInstallation, arguments: tuple[str, ...]
) -> None:
    """Hostile text in every field that a run, a model or a requester can fill."""
    hostile = HOSTILE[:-1]  # A lone surrogate cannot be stored.
    store = installation.store
    store.rows["run-1"] = run_record(goal=hostile, agent_version=hostile)
    store.record("run-1", ("plan_recorded", {"step": 0, "reason": hostile, hostile: hostile}))
    store.requests["req-000001"] = human_request(title=hostile)
    proposal = {"proposed": {"kind": "calls", "calls": [{"tool": hostile, "arguments": {hostile: hostile}}]}}
    store.entries["run-1"] = [
        Observation(n=0, step=0, kind="result", tool=hostile, content={"x": hostile}),
        Observation(n=1, step=0, kind="proposal", content={**proposal, "reason": hostile, "options": [hostile]}),
    ]
    store.end("run-1", RunStatus.COMPLETED, hostile, {"report": hostile})
    source = installation.input_file({"service": "web"})
    _, out, err = proctor(*(source if word == "INPUT" else word for word in arguments))
    assert not STEERING & set(out + err)


def test_markup_in_data_is_printed_as_it_is(proctor: Call, installation: FakeInstallation) -> None:
    """Rich markup and emoji codes from a run are text."""
    installation.store.rows["run-1"] = run_record(status_reason="[bold red]x[/] :smile: [link=http://e]y[/link]")
    assert "[bold red]x[/] :smile: [link=http://e]y[/link]" in proctor("ps")[1]


class FakeTerminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_line_is_broken_between_words_at_a_terminal_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a program reads stays one line; what a person reads fits, indented, and loses nothing."""
    monkeypatch.setenv("COLUMNS", "44")
    line = "08:00:00  step 0: needs approval - " + "word " * 20 + "end"
    assert [line] == fit(line, io.StringIO(), indent=10)
    parts = fit(line, FakeTerminal(), indent=10)
    assert max(map(len, parts)) <= 44
    assert all(part.startswith(" " * 10) for part in parts[1:])
    assert line.split() == " ".join(parts).split()


def test_ids_in_a_narrow_table_stay_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """A person copies an id from one line, however little room there is; prose gives way."""
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("TERM", "xterm")
    terminal = FakeTerminal()
    with redirect_stdout(terminal):
        row = ["req-0123456789ab", "incident-resolver-0123456789", "Restart(why='it does not answer')"]
        print_table([row], ["REQUEST", "RUN", "WHAT"])
    lines = re.sub("\x1b\\[\\d*m", "", terminal.getvalue()).splitlines()
    assert max(map(len, lines)) <= 60
    assert any(line.startswith("req-0123456789ab  ") for line in lines)


def test_moments_stay_whole_and_measures_have_three_digits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody reads a time of day from four lines, or a second to seventeen digits."""
    monkeypatch.setenv("COLUMNS", "44")
    monkeypatch.setenv("TERM", "xterm")
    for closed_s, shown in ((1234.5, "1234"), (999.6, "1000"), (999.4, "999")):
        row = {
            "at": "2026-11-21T23:56:15.123Z",
            "fence_s": 0.13726982299704105,
            "closed_s": closed_s,
            "note": "w " * 50,
        }
        with redirect_stdout(FakeTerminal()) as terminal:
            print_rows([row], Format.TABLE, {"AT": "at", "FENCE S": "fence_s", "CLOSED S": "closed_s", "NOTE": "note"})
        lines = re.sub("\x1b\\[\\d*m", "", terminal.getvalue()).splitlines()
        assert any(line.split()[:4] == ["2026-11-21", "23:56:15Z", "0.137", shown] for line in lines)


def test_narrow_list_of_what_waits_has_whole_ids_and_the_deadline(
    proctor: Call, installation: FakeInstallation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At 80 columns the ids are there to be copied, and the call is not a column of two letters."""
    run_id, title = "incident-resolver-01234567", "Pay(to='DE89 3704', amount=40, note='for the bill of May')"
    installation.store.requests["req-0123456789ab"] = human_request(id="req-0123456789ab", run_id=run_id, title=title)
    shown = {}
    for columns in (80, 200):
        monkeypatch.setenv("COLUMNS", str(columns))
        monkeypatch.setenv("TERM", "xterm")
        with redirect_stdout(FakeTerminal()) as terminal:
            proctor("approvals")
        shown[columns] = re.sub("\x1b\\[\\d*m", "", terminal.getvalue())
    assert any({"req-0123456789ab", run_id} <= set(line.split()) for line in shown[80].splitlines())
    assert "Pay(to=" in shown[80]
    assert ("EXPIRES" in shown[80], "OWNER" in shown[80], "OWNER" in shown[200]) == (True, False, True)


def test_narrow_table_leaves_no_column_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where not even the ids fit, they are broken: nothing is dropped, least of all a deadline."""
    monkeypatch.setenv("COLUMNS", "50")
    monkeypatch.setenv("TERM", "xterm")
    terminal = FakeTerminal()
    with redirect_stdout(terminal):
        print_table([[letter * 20 for letter in "abcdef"]], [f"TITLE-{letter}" for letter in "abcdef"])
    shown = terminal.getvalue()
    once_in_the_title = 20 + 1
    assert dict.fromkeys("bcdf", once_in_the_title) == {letter: shown.count(letter) for letter in "bcdf"}


def test_table_for_programs_keeps_two_spaces_between_columns(capsys: pytest.CaptureFixture[str]) -> None:
    """Cells may hold single spaces; one row is one line."""
    print_table([["a b", "c"], ["d", "e f"]], ["ONE", "TWO"])
    assert ["ONE  TWO", "a b  c", "d    e f"] == [line.rstrip() for line in capsys.readouterr().out.splitlines()]
