"""The token that a Prometheus scrapes with. It opens /metrics alone: no login knows it, and it is nobody's."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field

from proctor.contracts.errors import InvalidInput

METRICS_TOKEN = "PROCTOR_METRICS_TOKEN"  # noqa: S105 - the variable's name
SHORTEST_TOKEN = 16


@dataclass(frozen=True)
class ScrapeToken:
    """Opens /metrics where it is set; without it, nothing but a principal's own credential does."""

    sha256: bytes | None = field(default=None, repr=False)

    @classmethod
    def load(cls, environ: Mapping[str, str]) -> "ScrapeToken":
        """Read the environment. Raises `InvalidInput` for one that cannot be used; shows none of it."""
        token = environ.get(METRICS_TOKEN, "")
        if not token:
            return cls()
        if len(token) < SHORTEST_TOKEN or not (token.isascii() and token.isprintable() and " " not in token):
            raise InvalidInput(
                f"{METRICS_TOKEN} cannot be used: it takes {SHORTEST_TOKEN} characters or more, without spaces",
                hint="`openssl rand -hex 24` makes one",
            )
        return cls(_sha256(token))

    def is_given(self, token: str) -> bool:
        """Whether this is it. Takes the same time wherever a difference is."""
        return self.sha256 is not None and hmac.compare_digest(self.sha256, _sha256(token))


def _sha256(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
