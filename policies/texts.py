"""Texts that read as something else than they are: look-alikes, invisible characters, mixed scripts.

A rule that compares a text must see what a person sees. What could be taken for another text is not compared at all:
the call is denied. Follows UTS 39 in spirit (single script, no whole-script confusables, no default-ignorables), with
the tables that ASCII constants need. Typographic punctuation and other alphabets in their own words pass.
"""

import re
import unicodedata
from functools import lru_cache
from typing import Final

_LINES: Final = frozenset("\n\r\t")
_TYPOGRAPHY: Final = frozenset("–—‘’“”„«»‹›•·¡¿§¶†‡…€£¥¢©®°±×÷″′¬")  # noqa: RUF001 - they are what is meant
"""Punctuation that word processors and models write; nobody takes it for a letter or a digit."""
_EAST_PUNCTUATION: Final = frozenset("、。「」『』【】《》〈〉・")
_NO_PICTURES: Final = frozenset("\u2800\u3164\u115f\u1160\u034f\u17b4\u17b5\u2007\u202f")
"""Empty to the eye, although Unicode counts some of them as letters or symbols."""
_LATIN_LETTERS: Final = frozenset("ßæœøðþłđħŋÆŒØÐÞŁĐĦŊ")
"""Latin letters that are not an ASCII letter with accents, and no look-alike of one."""
_SCRIPTS: Final = {
    **{name: name for name in ("LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "HEBREW", "ARABIC", "DEVANAGARI", "BENGALI")},
    **{name: name for name in ("GURMUKHI", "GUJARATI", "TAMIL", "TELUGU", "KANNADA", "THAI", "LAO", "GEORGIAN")},
    **{name: name for name in ("ETHIOPIC", "KHMER", "SINHALA", "TIBETAN", "THAANA")},
    **dict.fromkeys(("CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "HANGUL", "BOPOMOFO", "IDEOGRAPHIC"), "EAST"),
}
"""First word of a letter's Unicode name, and the script it counts as; other scripts are not compared."""
_LIKE_LATIN: Final = {
    "CYRILLIC": frozenset("асеорхуѕіјһԁѵԛԝӏАВЕЗКМНОРСТУХЅІЈҮҺԌԚԜӀ"),
    "GREEK": frozenset("αγινορσυχωΑΒΕΖΗΙΚΜΝΟΡΤΥΧϒϲϳϹͿ"),
    "ARMENIAN": frozenset("օոսցհզգղՕՍՏԼՀՈԱ"),
    "HEBREW": frozenset("וסןיםטחר"),
    "ARABIC": frozenset("اهى"),
    "GEORGIAN": frozenset("იყცჽ"),
    "ETHIOPIC": frozenset("ሀዐከበ"),
    "THAI": frozenset("ทนพลร"),
}
"""Letters that stand in for ASCII ones (from Unicode's confusables): a word of them alone may be a forged word."""
SHORT: Final = 2
"""Words of so few letters are ordinary in other alphabets, and too short to forge one with."""
_WORD: Final = re.compile(r"[^\W\d_][^\W_]*|[^\W_]*[^\W\d_]", re.UNICODE)


def is_unmistakable(text: str) -> bool:
    """Whether a text reads as what it is."""
    return (text.isascii() and text.isprintable()) or flaw_of(text) is None


@lru_cache(maxsize=4096)
def flaw_of(text: str) -> str | None:
    """Say what makes a text mistakable; None when nothing does."""
    for char in text:
        flaw = None if " " <= char <= "~" or char in _LINES else _flaw_of_char(char)
        if flaw:
            return flaw
    if text.isascii():
        return None
    if not unicodedata.is_normalized("NFC", text):
        return "has letters in another spelling (it is not in Unicode form NFC)"
    return _flaw_of_words(text)


def _flaw_of_char(char: str) -> str | None:
    category = unicodedata.category(char)
    if char in _NO_PICTURES or category[0] == "C" or category[0] == "Z" or _is_selector(char):
        return f"has an invisible or forbidden character (U+{ord(char):04X})"
    if char in _TYPOGRAPHY or category in {"So", "Sc"}:
        is_compatible = char in _TYPOGRAPHY or unicodedata.is_normalized("NFKC", char)
        return None if is_compatible else _look_alike(char)
    if not unicodedata.is_normalized("NFKC", char) or category[0] in "PSN":
        return None if char in _EAST_PUNCTUATION else _look_alike(char)
    return _flaw_of_letter(char, category)


def _flaw_of_letter(char: str, category: str) -> str | None:
    script = _script_of(char)
    if category[0] == "M":
        return None if script not in {None, "LATIN", "GREEK", "CYRILLIC"} else _look_alike(char)
    if script is None or (script == "LATIN" and not _is_common_latin(char)):
        return _look_alike(char)
    return None


def _look_alike(char: str) -> str:
    return f"has a look-alike character (U+{ord(char):04X})"


def _is_selector(char: str) -> bool:
    return "\ufe00" <= char <= "\ufe0f" or "\u180b" <= char <= "\u180f" or ord(char) >= 0xE0000  # noqa: PLR2004


def _is_common_latin(char: str) -> bool:
    return char in _LATIN_LETTERS or unicodedata.normalize("NFD", char)[0].isascii()


def _script_of(char: str) -> str | None:
    return _SCRIPTS.get(unicodedata.name(char, "").partition(" ")[0])


def _flaw_of_words(text: str) -> str | None:
    words = [{script for script in map(_script_of, word) if script} for word in _WORD.findall(text)]
    if any(len(scripts) > 1 for scripts in words):
        return "mixes alphabets within a word"
    forged = {word for word in _WORD.findall(text) if _may_be_forged(word)}
    if any(len(word) > SHORT for word in forged) or (forged and not _has_own_words(text)):
        return "has a word made of look-alike letters only"
    return None


def _may_be_forged(word: str) -> bool:
    letters = [char for char in word if not char.isascii()]
    like = _LIKE_LATIN.get(_script_of(letters[0]) or "", frozenset()) if letters else frozenset()
    return bool(letters) and all(char in like for char in letters)


def _has_own_words(text: str) -> bool:
    return any(not word.isascii() and not _may_be_forged(word) for word in _WORD.findall(text))
