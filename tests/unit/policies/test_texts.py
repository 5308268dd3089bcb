# ruff: noqa: RUF001 - the texts of other alphabets are what is tested
import fnmatch
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.texts import flaw_of, is_unmistakable
from proctor.contracts.globs import glob_matches


@pytest.mark.parametrize(
    "text",
    [
        "",
        "plain text, 50 % of it",
        "two\nlines\tand a tab",
        "café, naïve, Łódź, Ærøskøbing, Straße, İstanbul",
        "“quoted” – it’s 5 € · 20 °C…",
        "Москва, привет по почте",
        "Иван с Анной о погоде",
        "καλημέρα να είσαι καλά",
        "東京タワー、日本語のテキスト。",
        "한국어 텍스트",
        "שלום עולם",
        "مرحبا بالعالم",
        "नमस्ते दुनिया",
        "สวัสดีชาวโลก",
        "ready ✅ 🎉",
        "invoice_2026-11 #7 (copy)",
    ],
)
def test_texts_of_many_languages_read_as_what_they_are(text: str) -> None:
    """A rule may be held against what people really write."""
    assert flaw_of(text) is None
    assert is_unmistakable(text)


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126)))
def test_printable_ascii_is_always_unmistakable(text: str) -> None:
    """What rules are written in never denies."""
    assert is_unmistakable(text)


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1), st.data())
def test_invisible_character_anywhere_is_told(text: str, data: st.DataObject) -> None:
    """What the eye cannot see is no part of a text that rules compare."""
    at = data.draw(st.integers(0, len(text)))
    hidden = data.draw(st.sampled_from("\u200b\u200c\u200d\u2060\ufeff\u00ad\u202e\u2066\ufe0f\U000e0041\x00\x7f\x85"))
    assert "invisible" in str(flaw_of(text[:at] + hidden + text[at:]))


LATIN_TO_CYRILLIC = str.maketrans("aceopxyABEKMHOPCTX", "асеорхуАВЕКМНОРСТХ")


@given(st.text(st.sampled_from("aceopxyABEKMHOPCTX"), min_size=3))
def test_word_respelled_in_look_alike_letters_is_told(word: str) -> None:
    """A whole word in the letters of another alphabet, and any part of one."""
    forged = word.translate(LATIN_TO_CYRILLIC)
    assert flaw_of(forged) is not None
    assert flaw_of(f"the {forged} account") is not None
    assert flaw_of(forged[0] + word[1:]) is not None


@given(st.text(st.sampled_from("ab*?[]."), max_size=6), st.text(st.sampled_from("ab*?[]."), max_size=8))
def test_glob_means_what_the_standard_library_means_by_it(pattern: str, text: str) -> None:
    """`*` and `?`, and no other wildcard."""
    escaped = pattern.replace("[", "[[]")
    assert glob_matches(pattern, text) is bool(re.match(fnmatch.translate(escaped), text))


def test_glob_takes_no_longer_than_its_lengths_multiplied() -> None:
    """Whoever chooses the text cannot choose how long judging takes."""
    assert glob_matches("*a" * 30 + "b", "a" * 3000) is False
