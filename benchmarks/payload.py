"""The 2 KB result that every measured tool gives."""

import hashlib

RESULT_BYTES = 2048


def payload(key: str) -> bytes:
    """Give 2 KB that differ from call to call."""
    line = f"{key}: the quick brown fox jumps over the lazy dog. ".encode()
    return (line * (RESULT_BYTES // len(line) + 1))[:RESULT_BYTES]


def digest_of(content: bytes) -> str:
    """Give the SHA-256 of some content."""
    return hashlib.sha256(content).hexdigest()
