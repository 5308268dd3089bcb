"""Secrets that we must be able to use again: sealed with a key from the settings."""

import base64
import binascii
import secrets
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from proctor.contracts.errors import InvalidInput, Unavailable

KEY_BYTES = 32
NONCE_BYTES = 12
_SEALED, _PLAIN = "aesgcm1:", "plain:"


@dataclass(frozen=True)
class SecretBox:
    """Seals with AES-256-GCM, bound to what the secret is for. Without a key, what is stored is the secret itself."""

    key: bytes | None = field(default=None, repr=False)

    @classmethod
    def of(cls, text: str | None, variable: str) -> "SecretBox":
        """Take the key as base64. Raises `InvalidInput`, which names the variable and shows nothing of its value."""
        if not text:
            return cls()
        try:
            key = base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
        except (binascii.Error, ValueError):
            key = b""
        if len(key) != KEY_BYTES:
            raise InvalidInput(
                f"{variable} is not {KEY_BYTES} bytes in base64", hint=f"`openssl rand -base64 {KEY_BYTES}` makes one"
            )
        return cls(key)

    @property
    def seals(self) -> bool:
        """Whether what is stored is unreadable without the key."""
        return self.key is not None

    def seal(self, secret: str, purpose: str) -> str:
        """Give what may be stored."""
        if self.key is None:
            return _PLAIN + secret
        nonce = secrets.token_bytes(NONCE_BYTES)
        sealed = AESGCM(self.key).encrypt(nonce, secret.encode(), purpose.encode())
        return _SEALED + base64.b64encode(nonce + sealed).decode()

    def open(self, stored: str, purpose: str) -> str:
        """Give the secret. Raises `Unavailable` when the key is missing or is another, or the purpose differs."""
        if stored.startswith(_PLAIN):
            return stored.removeprefix(_PLAIN)
        if self.key is None:
            raise Unavailable("a stored secret is sealed", hint="set PROCTOR_SECRETS_KEY to the key it was sealed with")
        raw = base64.b64decode(stored.removeprefix(_SEALED))
        try:
            return AESGCM(self.key).decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], purpose.encode()).decode()
        except InvalidTag:
            raise Unavailable(
                "a stored secret does not open", hint="PROCTOR_SECRETS_KEY is not the key it was sealed with"
            ) from None
