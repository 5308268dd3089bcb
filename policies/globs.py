"""Globs of the rule language: `*` stands for any text, none too, and every other character for itself."""

from collections.abc import Sequence


def glob_matches(pattern: str, text: str) -> bool:
    """Whether `pattern` covers the whole text, letter for letter; takes time linear in the text for each star."""
    return pieces_match(pattern.split("*"), text)


def pieces_match(pieces: Sequence[str], text: str) -> bool:
    """Match a pattern that was split at its stars."""
    first, *middle = pieces
    if not middle:
        return text == first
    last = middle.pop()
    if len(text) < len(first) + len(last) or not text.startswith(first) or not text.endswith(last):
        return False
    at, end = len(first), len(text) - len(last)
    for piece in middle:
        found = text.find(piece, at, end)
        if found < 0:
            return False
        at = found + len(piece)
    return True
