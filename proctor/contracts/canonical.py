"""Canonical JSON (RFC 8785) and the digests taken over it."""

import hashlib
from typing import Any

import rfc8785

from proctor.contracts.errors import InvalidInput
from proctor.contracts.ids import Digest

Json = Any
"""A JSON value: object, array, string, number, boolean or null."""


def canonical_json(value: Json) -> bytes:
    """Encode `value` by RFC 8785: equal values give equal bytes.

    Raises:
        InvalidInput: the value holds NaN, an integer beyond 2**53, or something that is not JSON.

    """
    try:
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, ValueError, TypeError) as error:
        raise InvalidInput(f"not canonical JSON: {error}", hint="use JSON types and integers within ±2**53") from error


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
    return line if len(line) <= limit else line[: limit - 1] + "…"
