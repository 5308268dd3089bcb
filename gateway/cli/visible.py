"""Text from runs, made harmless before it reaches a terminal: what would steer it is shown instead of obeyed."""

import re

_STEERING = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters, escape and carriage return among them
    "\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff"  # invisible, or turns the direction of what follows
    "\ud800-\udfff\U000e0000-\U000e007f]"  # halves of pairs; invisible copies of ASCII
)


def visible(text: object) -> str:
    r"""Show every character that steers a terminal or hides as its code, `\x1b` or `\u202e`; keep line and tab."""
    return _STEERING.sub(_code, str(text))


def visible_line(text: object) -> str:
    """Make `text` visible, and one line."""
    return " ".join(visible(text).split())


def visible_json(text: str) -> str:
    r"""Escape, in encoded JSON, what `json.dumps` leaves as it is; the value does not change.

    Control characters below U+0020 cannot occur raw in encoded JSON other than as its own line breaks.
    """
    return _STEERING.sub(_json_code, text)


def _code(match: re.Match[str]) -> str:
    point = ord(match.group())
    if point <= 0xFF:  # noqa: PLR2004 - two hexadecimal digits
        return f"\\x{point:02x}"
    return f"\\u{point:04x}" if point <= 0xFFFF else f"\\U{point:08x}"  # noqa: PLR2004 - four digits


def _json_code(match: re.Match[str]) -> str:
    units = match.group().encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))
