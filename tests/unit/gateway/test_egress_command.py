"""`proctor egress check`: one line of answer for each line, in order, whatever the lines hold."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

Call = Callable[..., tuple[int, str, str]]
ALLOW = "allow:\n  - {scheme: https, host: kb.example.com, port: 443, cidrs: [10.20.0.0/16]}\n"


@pytest.fixture
def check(proctor: Call, tmp_path: Path) -> Callable[[str], tuple[int, str, str]]:
    """Judge lines by an allow-list of one host."""
    (tmp_path / "allow.yaml").write_text(ALLOW)

    def call(lines: str) -> tuple[int, str, str]:
        (tmp_path / "urls.jsonl").write_bytes(lines.encode("utf-8", "surrogateescape"))
        files = ("--allow", str(tmp_path / "allow.yaml"), "--input", str(tmp_path / "urls.jsonl"))
        return proctor("egress", "check", *files, "--output", "jsonl")

    return call


def test_each_line_gets_its_verdict_and_reason(check: Callable[[str], tuple[int, str, str]]) -> None:
    """Plain URLs, answers of a resolver, and redirects."""
    asked = [
        {"id": "a", "url": "https://kb.example.com/x"},
        {"id": "b", "url": "https://kb.example.com@evil.example/"},
        {
            "id": "c",
            "url": "https://kb.example.com/",
            "dns_answers": [["10.20.0.5"]],
            "allowed_cidrs": ["10.20.0.0/16"],
        },
        {
            "id": "d",
            "url": "https://kb.example.com/",
            "dns_answers": [["10.21.0.5"]],
            "allowed_cidrs": ["10.20.0.0/16"],
        },
        {"id": "e", "url": "https://kb.example.com/", "redirect": [302, "http://kb.example.com/"]},
        {"id": "f", "url": None},
    ]
    code, out, _ = check("\n".join(json.dumps(one) for one in asked))
    told = [json.loads(line) for line in out.splitlines()]
    assert (0, ["allow", "deny", "allow", "deny", "deny", "deny"]) == (code, [one["verdict"] for one in told])
    assert ["a", "b", "c", "d", "e", "f"] == [one["id"] for one in told]
    assert all({"id", "url", "verdict", "reason"} == one.keys() and one["reason"] for one in told)


def test_line_that_cannot_be_read_is_denied_by_its_number_and_told_by_the_exit_code(
    check: Callable[[str], tuple[int, str, str]],
) -> None:
    """The others are judged all the same."""
    code, out, err = check('{"id": 1, "url": "https://kb.example.com/"}\nnot json\n[]\n')
    told = [json.loads(line) for line in out.splitlines()]
    assert (2, ["allow", "deny", "deny"]) == (code, [one["verdict"] for one in told])
    assert told[1]["reason"].startswith("line 2 is not JSON")
    assert "2 of the lines could not be judged" in err


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('\ufeff{"id": 1, "url": "https://kb.example.com/"}\r\n\r\n', (1, "allow", "an entry names")),
        ('{"id": 2,\r"url": "https://kb.example.com/"}', (2, "allow", "an entry names")),
        ('{"id": 3, "url": "https://kb.example.com/\udcff"}', (3, "deny", "cannot be seen")),
        ('{"id": 4, "url": "https://kb.example.com/", "method": null}', (4, "allow", "an entry names")),
        ('{"id": NaN, "url": "https://kb.example.com/"}', (None, "deny", "NaN is no JSON")),
        ('{"id": -Infinity, "url": "https://kb.example.com/"}', (None, "deny", "-Infinity is no JSON")),
        ('{"id": 1e999, "url": "https://kb.example.com/"}', (None, "deny", "the number 1e999 is too large")),
    ],
)
def test_odd_line_gets_one_line_of_answer_that_is_json(
    check: Callable[[str], tuple[int, str, str]], line: str, expected: tuple[int | None, str, str]
) -> None:
    """Other ends of lines, bytes that are no UTF-8, and numbers that JSON has not: whoever reads the answers can."""
    _, out, _ = check(line)
    (told,) = [json.loads(answer, parse_constant=pytest.fail) for answer in out.splitlines()]
    assert expected[:2] == (told["id"], told["verdict"])
    assert expected[2] in told["reason"]


@pytest.mark.parametrize(
    ("allow", "said"),
    [("allow: [{host: a.example, prot: 80}]", "prot"), ("allow: [{host: 0x7f.1}]", "0x7f.1"), ("[]", "allow")],
)
def test_allow_list_that_cannot_be_meant_judges_nothing(proctor: Call, tmp_path: Path, allow: str, said: str) -> None:
    """A list that was read in part would deny or allow by accident."""
    (tmp_path / "allow.yaml").write_text(allow)
    (tmp_path / "urls.jsonl").write_text('{"id": 1, "url": "https://a.example/"}\n')
    files = ("--allow", str(tmp_path / "allow.yaml"), "--input", str(tmp_path / "urls.jsonl"))
    code, out, err = proctor("egress", "check", *files)
    assert (2, "") == (code, out)
    assert said in err
