"""Ed25519 signatures of approvers over what they decided."""

import base64
import binascii
import hashlib

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from proctor.contracts.errors import InvalidInput

KEY_BYTES = 32


def key_id_of(public_key: str) -> str:
    """Give the id of a public key. Raises `InvalidInput` when it is none."""
    return hashlib.sha256(_raw_key(public_key)).hexdigest()[:16]


def is_signed(text: bytes, signature: str, public_key: str) -> bool:
    """Whether `signature` is that of the key over exactly this text; nothing that cannot be read is."""
    try:
        Ed25519PublicKey.from_public_bytes(_raw_key(public_key)).verify(_decoded(signature), text)
    except (InvalidInput, InvalidSignature, ValueError):
        return False
    return True


def _raw_key(public_key: str) -> bytes:
    try:
        raw = _decoded(public_key)
        Ed25519PublicKey.from_public_bytes(raw)
    except ValueError as error:
        raise InvalidInput(
            "this is no Ed25519 public key", hint=f"give its {KEY_BYTES} raw bytes in unpadded base64url"
        ) from error
    return raw


def _decoded(text: str) -> bytes:
    """Decode unpadded base64url, of which there is one way to write each value."""
    try:
        raw = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeError) as error:
        raise ValueError("not base64url") from error
    if base64.urlsafe_b64encode(raw).rstrip(b"=") != text.encode("ascii"):
        raise ValueError("not written the one way")
    return raw
