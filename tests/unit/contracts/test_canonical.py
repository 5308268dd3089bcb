"""Canonical JSON, and one line for history."""

from typing import Any

import pytest
import rfc8785
from hypothesis import example, given, settings
from hypothesis import strategies as st

from proctor.contracts.canonical import canonical_json, summarize
from proctor.contracts.errors import InvalidInput
from proctor.contracts.human import Role

_leaf = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**54), 2**54), st.floats(), st.text(st.characters(), max_size=8)
)
_json = st.recursive(
    _leaf,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.text(st.characters(), max_size=3), inner, max_size=3),
        st.tuples(inner),
    ),
    max_leaves=8,
)


def _or_refused(encode: Any, value: Any) -> bytes | None:
    try:
        made: bytes = encode(value)
    except (InvalidInput, rfc8785.CanonicalizationError, ValueError):
        return None
    return made


@settings(max_examples=300, deadline=None)
@given(_json)
@example({"a": 1.0, "b": [1e21, -0.0, 5e-324]})
@example({"\ud83d\ude00": 1, "\uffff": 2, "a": '\u2028\x7f\x1f"\\/'})
@example([2**53, -(2**53), 2**53 - 1])
@example({"b": 1, "a": {"d": [], "c": {}}})
@example([0.1, 12.5, -99.99, 1e-4, 123456.789, 4503599627370495.5])
@example([9.9e-5])
@example([-1e-7])
@example([10.0])
@example([1e16])
@example((Role.OWNER, (2.5,)))
def test_short_way_writes_what_the_long_one_does(value: Any) -> None:
    """Digests that people signed depend on every byte: the quick encoder and the one of RFC 8785 never differ."""
    assert _or_refused(rfc8785.dumps, value) == _or_refused(canonical_json, value)


def test_what_holds_itself_is_refused() -> None:
    """Neither way goes round in it for ever."""
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises((InvalidInput, RecursionError)):
        canonical_json({"a": loop})


def test_summary_is_one_short_line_that_any_payload_can_carry() -> None:
    """A tool may raise or return any characters; a lone surrogate must not end the run that it tells of."""
    assert "a b" == summarize(" a\n\t b ")
    assert 200 == len(summarize("x" * 300))
    assert "\\ud800 ☕" == summarize("\ud800 ☕")
    summarize("\udfff" * 300).encode()
