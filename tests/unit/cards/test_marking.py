"""What stands beside a text that hides or imitates: each kind is named as what it is, also where it is not shown."""

import pytest

from gateway.cards.visible_text import BREAK, CLOSE, OPEN, show

EXPLAINED = {
    "a\u3164b": "looks empty",
    "\u115fx": "looks empty",
    "a\u2800b": "looks empty",
    "a\ufe00b": "a variant of the one before",
    "a\U000e0100b": "a variant of the one before",
    "\u180bx": "a variant of the one before",
    "a\u202eb": "turns the direction",
    "a\u2066b": "turns the direction",
    "a\u061cb": "turns the direction",
    "a\u200bb": "invisible character",
    "a\x07b": "control character",
    "\ue000": "private character",
    "\ud83d": "half of a character",
    "\uffff": "not a character",
    f"x{OPEN}": "only the card itself writes",
    f"{CLOSE}x": "only the card itself writes",
    f"x{BREAK}": "only the card itself writes",
    "a\uff1bb": "could be taken for another sign",
    "\u22125": "could be taken for another sign",
    "\u2460": "could be taken for another sign",
    "\u0663": "could be taken for another sign",
    "e\u0301": "could be taken for another sign",
    "p\u0430ypal": "could be taken for another letter",
}
ADDRESSES = {
    "b\u043ess@example.org": "b⟦U+043E⟧ss@example.org",
    "\u044e@x": "⟦U+044E⟧@x",
    "http://\u044e": "http://⟦U+044E⟧",
    "\u043f\u0440\u0438.\u0440\u0444": "⟦U+043F⟧⟦U+0440⟧⟦U+0438⟧.⟦U+0440⟧⟦U+0444⟧",
}
WORDS = {
    "\u043f\u0440\u0438\u0432\u0435\u0442 \u043e": "\u043f\u0440\u0438\u0432\u0435\u0442 \u043e",
    "\u043e": "⟦U+043E⟧",
    "\u043e\u043e\u043e \u043f\u0440\u0438\u0432\u0435\u0442": "⟦U+043E⟧" * 3 + " \u043f\u0440\u0438\u0432\u0435\u0442",
    "\u043f\u0440\u0438\u0432\u0435\u0442 \u043fp": "\u043f\u0440\u0438\u0432\u0435\u0442 ⟦U+043F⟧p",
    " x": "⟦1 space⟧x",
    "x ": "x⟦1 space⟧",
    " \u043f\u0440\u0438": "⟦1 space⟧\u043f\u0440\u0438",
    "\u043f\u0440\u0438 ": "\u043f\u0440\u0438⟦1 space⟧",
}


@pytest.mark.parametrize(("text", "what"), EXPLAINED.items(), ids=ascii)
def test_each_kind_of_odd_character_is_explained_as_what_it_is(text: str, what: str) -> None:
    """A reader learns what was tried, and not only that something was."""
    shown = show(text)
    assert any(what in mark.what for mark in shown.marks), shown.marks
    assert OPEN in shown.text


@pytest.mark.parametrize(("text", "seen"), [*ADDRESSES.items(), *WORDS.items()], ids=ascii)
def test_addresses_and_words_in_other_letters_are_spelled_where_they_could_deceive(text: str, seen: str) -> None:
    """Every foreign letter of an address; of words those that imitate, unless the text is in that alphabet."""
    shown = show(text)
    assert seen == shown.text
    assert ("U+" in seen) == bool(shown.marks)


def test_an_address_says_what_it_is_and_where_its_foreign_letters_are() -> None:
    """Before the host, in it, or in a punycode that stands for nothing."""
    said = {text: " ".join(mark.what for mark in show(text).marks) for text in ("ю@x.de", "a@ю.de", "xn--\u0430.com")}
    assert "before its host" in said["ю@x.de"]
    assert "it is really xn--" in said["a@ю.de"]
    assert "no name at all" in said["xn--\u0430.com"]


@pytest.mark.parametrize(
    "text", ["ex\u00e4\u202emple.org", "xn--\u202e.com", "xn--ls8h.la\u2066.\u044e", "\u044e" * 5000 + ".com"]
)
def test_no_mark_steers_or_is_endless(text: str) -> None:
    """Marks are written from the text as well, so they are made visible and cut as it is."""
    for mark in show(text).marks:
        for said in (mark.code, mark.what):
            assert said.replace(OPEN, "").replace(CLOSE, "").replace("…", "").isascii()
            assert len(said) < 4000


def test_marks_are_counted_where_there_are_too_many() -> None:
    """Thirty kinds do not push the rest of a card out of sight."""
    marks = show("".join(chr(0xE000 + n) for n in range(30))).marks
    assert (13, "and 18 further kinds of such characters") == (len(marks), marks[-1].what)


def test_what_hides_in_the_part_that_is_left_out_is_named() -> None:
    """Near its beginning each forged word, and anywhere in it each odd character."""
    near = show("a" * 1000 + " p\u0430ypal " + "b" * 1000)
    assert ["U+0430"] == [mark.code for mark in near.marks if mark.code.startswith("U+")]
    assert all("in what is left out" in mark.what for mark in near.marks)
    far = show("a" * 60_000 + "\u202e" + "b" * 1000)
    assert [("U+202E", True)] == [(mark.code, "in what is left out" in mark.what) for mark in far.marks]
