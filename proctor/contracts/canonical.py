"""Canonical JSON (RFC 8785) and the digests taken over it."""

import hashlib
import json
from typing import Any, Final

import rfc8785

from proctor.contracts.errors import InvalidInput
from proctor.contracts.ids import Digest

_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True, allow_nan=False)
LARGEST_EXACT: Final = 2**53
_SMALLEST_PLAIN: Final = 1e-4
"""Below, Python writes an exponent where RFC 8785 still writes zeros."""
CUT: Final = "…"
"""What stands at the end of a text that was shortened."""
Json = Any
"""A JSON value: object, array, string, number, boolean or null."""


def canonical_json(value: Json) -> bytes:
    """Encode `value` by RFC 8785: equal values give equal bytes.

    Raises:
        InvalidInput: the value holds NaN, an integer beyond 2**53, or something that is not JSON.

    """
    try:
        plain = _plain_json(value)
        return rfc8785.dumps(value) if plain is None else plain
    except (rfc8785.CanonicalizationError, ValueError, TypeError) as error:
        raise InvalidInput(f"not canonical JSON: {error}", hint="use JSON types and integers within ±2**53") from error


def _plain_json(value: Json) -> bytes | None:
    """Encode what the standard library writes as RFC 8785 has it, in a fifth of the time; None for anything else.

    The two differ in how they write whole, tiny and huge fractions and in the order of keys beyond ASCII; integers
    beyond 2**53 and lone surrogates are refused by one and not by the other. These are left to the one that knows.
    """
    try:
        text = _ENCODER.encode(value)  # refuses cycles, so that the walk below ends
        return text.encode() if _is_plain(value) else None
    except (ValueError, TypeError, RecursionError):
        return None


def _is_plain(value: Json) -> bool:
    waiting = [value]
    while waiting:
        one = waiting.pop()
        kind = type(one)
        if isinstance(one, str) or kind is bool or one is None:
            continue
        if kind is dict:
            if not all(type(key) is str and key.isascii() for key in one):
                return False
            waiting.extend(one.values())
        elif kind is list or kind is tuple:
            waiting.extend(one)
        elif not _is_plain_number(kind, one):
            return False
    return True


def _is_plain_number(kind: type, value: Any) -> bool:
    if kind is float:
        return not value.is_integer() and abs(value) >= _SMALLEST_PLAIN
    return kind is int and abs(value) < LARGEST_EXACT


def digest_bytes(body: bytes) -> Digest:
    """Take the SHA-256 of `body`."""
    return Digest(hashlib.sha256(body).hexdigest())


def digest_json(value: Json) -> Digest:
    """Take the SHA-256 of the canonical JSON of `value`."""
    return digest_bytes(canonical_json(value))


def summarize(text: str, limit: int = 200) -> str:
    """Shorten `text` to one line of at most `limit` characters, fit for workflow history.

    Lone surrogates, which no payload can carry, become escapes.
    """
    line = " ".join(text.split()).encode("utf-8", "backslashreplace").decode()
    return line if len(line) <= limit else line[: limit - 1] + CUT
