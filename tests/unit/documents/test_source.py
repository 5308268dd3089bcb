from pathlib import Path
from typing import Any

import pytest

from proctor.contracts.errors import InvalidDocument
from proctor.documents.source import MAX_BYTES, parse_source, read_source


def test_every_key_and_element_has_its_line() -> None:
    """A place in the document leads to the line where it stands."""
    source = parse_source("a:\n  thresholds:\n    - max: 1\n    - max: 2\n", "f.yaml")
    assert source.lines.of(("a", "thresholds", 1, "max")) == 4
    assert source.lines.of(("a", "thresholds", 1, "missing")) == 4
    assert source.lines.of(("a", "missing")) == 1


def test_json_has_the_same_lines() -> None:
    """JSON is read with positions too, tabs, escapes and all."""
    source = parse_source('{\n\t"a": [\n\t\t1,\n\t\t{"b": "\\ud83d\\ude00"}\n\t]\n}', "f.json", is_json=True)
    assert source.data == {"a": [1, {"b": "😀"}]}
    assert [source.lines.of(place) for place in (("a",), ("a", 0), ("a", 1, "b"))] == [2, 3, 4]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", "yes"),
        ("on", "on"),
        ("2026-01-01", "2026-01-01"),
        ("012", 12),
        ("0o17", 15),
        ("0x1F", 31),
        ("1e3", 1000.0),
        ("~", None),
        ("True", True),
        ("1_000", "1_000"),
        ("!!str 8", "8"),
        ("12:30:45", "12:30:45"),
    ],
)
def test_yaml_is_read_by_version_1_2(text: str, value: Any) -> None:
    """Words, dates and octal-looking numbers are not turned into something else."""
    assert parse_source(f"k: {text}", "f.yaml").data == {"k": value}


def test_keys_are_always_text() -> None:
    """`on:` and `404:` are names, not values."""
    assert parse_source("on: 1\n404: 2\nnull: 3\n", "f.yaml").data == {"on": 1, "404": 2, "null": 3}


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, "second time (first on line 1)"),
        ("a:\n\tb: 1\n", 2, "not YAML"),
        ("a: [1\nb: 2\n", 2, "not YAML"),
        ("a: !!python/object/apply:os.system [x]\n", 1, "tag"),
        ("a: !!int x\n", 1, "tag"),
        ("a: &x 1\nb:\n  <<: *x\n", 3, "merge keys"),
        ("a: *nowhere\n", 1, "no anchor"),
        ("a: &x [*x]\n", 1, "refers to itself"),
        ("a: .inf\n", 1, "not a number"),
        ("a: 1e999\n", 1, "too large"),
        ("\na: 9007199254740993\n", 2, "2**53"),
        ("a: 1\n---\nb: 2\n", 2, "second document"),
        ("? [a]\n: 1\n", 1, "key must be plain text"),
        ('a: "x\\0y"\n', 1, "not text"),
        ("a: " + "[" * 65 + "]" * 65, 1, "deeper"),
        ("a: " + "[" * 100_000, 1, "deeper"),
    ],
)
def test_unsafe_or_ambiguous_yaml_is_refused_with_its_line(text: str, line: int, words: str) -> None:
    """No duplicate keys, tags, merges, endless or huge values."""
    with pytest.raises(InvalidDocument) as caught:
        parse_source(text, "f.yaml")
    assert caught.value.line == line
    assert words in caught.value.message


def test_alias_bomb_is_refused() -> None:
    """Aliases are counted as often as they are used; a modest use is fine."""
    rows = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    rows += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    with pytest.raises(InvalidDocument, match="aliases included"):
        parse_source("\n".join(rows), "f.yaml")
    assert parse_source("a: &x {k: 1}\nb: *x\n", "f.yaml").data == {"a": {"k": 1}, "b": {"k": 1}}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('{"a": 1,\n "a": 2}', 2),
        ('{"a": NaN}', 1),
        ('{"a": 1,\n}', 2),
        ('{"a": 1} x', 1),
        ('{\n"a": "x\n"}', 2),
        ('{"a": "\\ud800"}', 1),
        ('{"a": 01}', 1),
        ("", 1),
        ("[" * 100_000, 1),
        ('{"a": 99999999999999999999}', 1),
    ],
)
def test_bad_json_is_refused_with_its_line(text: str, line: int) -> None:
    """Duplicates, NaN, trailing commas and lone surrogates are mistakes."""
    with pytest.raises(InvalidDocument) as caught:
        parse_source(text, "f.json", is_json=True)
    assert caught.value.line == line


def test_file_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    """Missing, oversize and non-UTF-8 files give one line with the file's name."""
    big, binary = tmp_path / "big.yaml", tmp_path / "binary.yaml"
    big.write_text("a: " + "x" * MAX_BYTES)
    binary.write_bytes(b"a: 1\nb: \xff\n")
    for path, words in (
        (tmp_path / "no.yaml", "cannot be read"),
        (big, "1 MiB"),
        (binary, "binary.yaml:2: is not UTF"),
    ):
        with pytest.raises(InvalidDocument) as caught:
            read_source(path)
        assert words in caught.value.message
        assert str(path) in caught.value.message
