"""Signatures over webhooks: Standard Webhooks (standardwebhooks.com), and GitHub's scheme for what comes in.

Everything is computed over the raw bytes of the body; comparing takes the same time wherever a difference is.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Iterable, Mapping

from proctor.contracts.errors import InvalidInput, NotAuthorised

SECRET_PREFIX = "whsec_"  # noqa: S105 - the prefix that marks a secret
SECRET_BYTES = 32
SHORTEST_SECRET = 16
TOLERANCE_S = 300
"""How far the time of a signature may be from ours."""
LONGEST_ID = 200
MOST_SIGNATURES = 10


def new_secret() -> str:
    """Make a secret of a webhook."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def key_of(secret: str) -> bytes:
    """Give the key of a Standard Webhooks secret. Raises `InvalidInput` when it is none."""
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) < SHORTEST_SECRET:
        raise InvalidInput("the secret cannot be used", hint=f"give {SECRET_PREFIX} and at least 16 bytes in base64")
    return key


def sign(with_secrets: Iterable[str], message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Give the three headers; one signature per secret, so that a receiver may rotate at leisure."""
    made = " ".join(f"v1,{_standard(key_of(secret), message_id, str(timestamp), body)}" for secret in with_secrets)
    return {"webhook-id": message_id, "webhook-timestamp": str(timestamp), "webhook-signature": made}


def verify_standard(secret: str, headers: Mapping[str, str], body: bytes, now: float) -> str:
    """Give the id of a message whose signature holds. Raises `NotAuthorised`, which says nothing about the secret."""
    message_id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not 0 < len(message_id) <= LONGEST_ID:
        raise NotAuthorised("webhook-id is missing or too long")
    if not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) <= len("9999999999")):
        raise NotAuthorised("webhook-timestamp is not a time in seconds")
    if abs(now - int(timestamp)) > TOLERANCE_S:
        raise NotAuthorised("webhook-timestamp is too far from our time", hint="check both clocks")
    expected = _standard(key_of(secret), message_id, timestamp, body)
    given = headers.get("webhook-signature", "").split(" ")[:MOST_SIGNATURES]
    if not any(_equal(one, f"v1,{expected}") for one in given):
        raise NotAuthorised("the signature does not hold")
    return message_id


def verify_github(secret: str, headers: Mapping[str, str], body: bytes) -> str:
    """Give the delivery's id of a call whose `X-Hub-Signature-256` holds. Raises `NotAuthorised`.

    The scheme signs neither time nor id, so whoever saw a call could send its body again under another id: the id
    given here is of the body, and the same body is the same message.
    """
    expected = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    if not _equal(headers.get("x-hub-signature-256", ""), expected):
        raise NotAuthorised("the signature does not hold")
    return hashlib.sha256(body).hexdigest()


def _standard(key: bytes, message_id: str, timestamp: str, body: bytes) -> str:
    signed = f"{message_id}.{timestamp}.".encode() + body
    return base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def _equal(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())
