"""Texts as people see them."""

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.cards.visible_text import HEAD, TAIL, show

CODES = {
    "abc\u202edef": "abc⟦U+202E⟧def",
    "a\u200bb": "a⟦U+200B⟧b",
    "a\x1b[31m": "a⟦U+001B⟧[31m",
    "tag\U000e0041": "tag⟦U+E0041⟧",
    "a\u00a0b": "a⟦U+00A0⟧b",
    "p\u0430ypal": "p⟦U+0430⟧ypal",
    "\u0430\u0440\u0440\u04cf\u0435": "⟦U+0430⟧⟦U+0440⟧⟦U+0440⟧⟦U+04CF⟧⟦U+0435⟧",
    "\uff11\uff10\uff10": "⟦U+FF11⟧⟦U+FF10⟧⟦U+FF10⟧",
    "e\u0301": "e⟦U+0301⟧",
    "half \ud83d": "half ⟦U+D83D⟧",
    "⟦U+0041⟧": "⟦U+27E6⟧U+0041⟦U+27E7⟧",
    "a⏎b": "a⟦U+23CE⟧b",
    "x ": "x⟦1 space⟧",
    "a" + " " * 40 + "b": "a⟦40 spaces⟧b",
    "\u2800": "⟦U+2800⟧",
    "i\ufe0f": "i⟦U+FE0F⟧",
}
PLAIN = [
    "anna@example.org",
    "Zürich, 5 €",
    "Привет, как дела?",
    "日本語です。",
    "naïve café — “quoted”",
    "C:\\new",
    "a\\u202eb",
]
ADDRESSES = {
    "anna@ex\u00e4mple.org": "xn--exmple-cua.org",
    "https://p\u0430ypal.com/login": "xn--pypal-4ve.com",
    "xn--pypal-4ve.com": "p⟦U+0430⟧ypal.com",
    "XN--pypal-4ve.com": "p⟦U+0430⟧ypal.com",
}


def is_steering(char: str) -> bool:
    """Whether a character steers, hides or looks empty."""
    return unicodedata.category(char)[0] == "C" or (unicodedata.category(char)[0] == "Z" and char != " ")


@pytest.mark.parametrize(("text", "seen"), CODES.items())
def test_what_steers_hides_or_imitates_is_a_code_with_what_it_is(text: str, seen: str) -> None:
    """Every such character is seen where it stands, and explained."""
    shown = show(text)
    assert seen == shown.text
    assert shown.marks or "space" in seen


@pytest.mark.parametrize("text", PLAIN)
def test_ordinary_texts_of_any_alphabet_stay_as_they_are(text: str) -> None:
    """Nobody gets used to warnings that mean nothing."""
    shown = show(text)
    assert (text, ()) == (shown.text, shown.marks)


@pytest.mark.parametrize(("text", "spelled"), ADDRESSES.items())
def test_addresses_in_foreign_letters_say_how_they_are_spelled(text: str, spelled: str) -> None:
    """Punycode is read out, and what would become punycode is written as such."""
    assert any(spelled in mark.what for mark in show(text).marks)


def test_line_breaks_are_seen_and_lines_belong_to_their_value() -> None:
    """Each line but the last says that it goes on; many in a row are counted instead of pushing the rest away."""
    assert ("one⏎", "two") == show("one\ntwo").lines
    assert ("one⟦60 line breaks⟧", "two") == show("one" + "\n" * 60 + "two").lines
    assert "a⟦U+000D⟧⏎" == show("a\r\nb").lines[0]


def test_a_long_text_shows_beginning_and_end_and_tells_of_what_hides_between() -> None:
    """Length and SHA-256 of the rest stand between, and what steers there is named although it is not shown."""
    shown = show("a" * 600_000 + "\u202e" + "b" * 400_000)
    assert shown.left_out is not None
    assert 1_000_001 - HEAD - TAIL == shown.left_out.count
    assert shown.left_out.sha256 in shown.text
    assert ("a" * HEAD, "b" * TAIL) == (shown.text[:HEAD], shown.text[-TAIL:])
    assert any("U+202E" in mark.code for mark in shown.marks)
    assert "1" * 5000 == show("1" * 5000, whole=True).text


@given(st.text(st.characters(codec=None), max_size=60), st.booleans())
@example("\u2066\u2069\u061c\ufeff\u00ad\u034f", False)
def test_no_shown_text_holds_a_character_that_steers(text: str, whole: bool) -> None:
    """Whatever the text; and no look-alike without its mark."""
    shown = show(text, whole=whole)
    assert not [char for line in shown.lines for char in line if is_steering(char)]
    assert shown == show(text, whole=whole)


@given(st.text(max_size=40), st.text(max_size=40))
def test_different_texts_never_look_alike(one: str, other: str) -> None:
    """Codes stand for one character each, and no value can write one."""
    assert (one == other) == (show(one).lines == show(other).lines)


@given(
    st.text(st.sampled_from("ab⟦⟧⏎\n U+0041\u0430\u202e"), max_size=30),
    st.text(st.sampled_from("ab⟦⟧⏎\n U+0041\u0430\u202e"), max_size=30),
)
def test_no_text_imitates_another_by_writing_its_codes(one: str, other: str) -> None:
    """Texts made of the signs of the card itself are told apart as well."""
    assert (one == other) == (show(one).lines == show(other).lines)


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=20))
def test_the_end_of_a_long_text_is_always_seen(end: str) -> None:
    """However long it is: what the end shows alone, it shows there."""
    shown = show("x" * 5000 + "." + end)
    assert shown.text.endswith(show("." + end).text[1:]) or shown.marks
