"""Two parsers, one meaning: the quick one is a shortcut and never a second opinion."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proctor.contracts.errors import InvalidDocument
from proctor.contracts.places import Place
from proctor.documents.lines import Lines
from proctor.documents.yaml_reader import read_thoroughly, read_yaml
from proctor.documents.yaml_writer import to_yaml

ROOT = Path(__file__).resolve().parents[3]
DOCUMENTS = sorted([*ROOT.glob("agents/**/*.yaml"), *ROOT.glob("deploy/*.yml")])
PECULIAR = (
    *("a: yes\nb: on\nc: 012\nd: 0o17\ne: 1_000\nf: 12:30:45\ng: 2024-01-01\nh: ~\ni: .5\nj: 1e3\n", "a: !!str 5\n"),
    *('a: "\\x41\\u00e9\\/\\e\\N"\n', "a: 'it''s'\n", "a: |\n  one\n   two\n\n", "a: >-\n  one\n  two\n\n  three\n"),
    *(
        "a: &x [1, {b: 2}]\nc: *x\n",
        "? a\n: b\n",
        "{a: b, 'c': [d, e,], f}\n",
        "- - 1\n  - 2\n-\n  - 3\n",
        "# nothing\n",
    ),
    *(
        "a: b # c\nd: e#f\n",
        "a: http://h:1/p?q=1\n",
        "---\na: 1\n...\n",
        "%YAML 1.2\n---\na: yes\n",
        "a:\n- 1\n-  b:\n",
        "",
    ),
    *(
        "a: 1\r\nb: 2\r\n",
        "a: \u00e9\u2028b\n",
        "a: [a?b, c:d]\n",
        "a: {b:1}\n",
        "a: b: c\n",
        "a: 1\na: 2\n",
        "a: !t b\n",
    ),
    *(
        "\ta: 1\n",
        "a: [1\n",
        "a: *none\n",
        "<<: {a: 1}\n",
        "a: 1\n---\nb: 2\n",
        "a: @b\n",
        "a: `b`\n",
        "a: %b\n",
        "\ufeffa: 1\n",
    ),
)


def places(value: Any, place: Place = ()) -> list[Place]:
    items: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place, *(inner for key, item in items for inner in places(item, (*place, key)))]


def meaning(read: Callable[[str, str], tuple[Any, Lines]], text: str) -> tuple[str, list[int | None]]:
    """Give the value and the lines of all its parts, or what was refused and where."""
    try:
        value, lines = read(text, "f.yaml")
    except InvalidDocument as error:
        return error.message, [error.line]
    return repr(value), [lines.of(place) for place in places(value)]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_both_parsers_read_our_documents_alike(path: Path) -> None:
    """Values and lines."""
    text = path.read_text()
    assert meaning(read_thoroughly, text) == meaning(read_yaml, text)


@pytest.mark.parametrize("text", PECULIAR)
def test_both_parsers_read_what_is_peculiar_alike(text: str) -> None:
    """What one refuses the other refuses in the same words."""
    assert meaning(read_thoroughly, text) == meaning(read_yaml, text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)


@given(JSON)
def test_both_parsers_read_what_is_written_alike(value: Any) -> None:
    """Any JSON, in the form in which the catalog is written."""
    text = to_yaml({"value": value})
    assert meaning(read_thoroughly, text) == meaning(read_yaml, text)
