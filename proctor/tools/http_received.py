"""An HTTP answer as it was received."""

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

import httpx

MAX_RESPONSE_BYTES: Final = 1024 * 1024


@dataclass(frozen=True)
class Answer:
    """A response; `body` ends at `MAX_RESPONSE_BYTES` where it is not complete."""

    status: int
    body: bytes
    complete: bool
    headers: httpx.Headers

    @property
    def encoding(self) -> str:
        """Name the compression of the body."""
        return str(self.headers.get("Content-Encoding", "identity"))

    @property
    def media_type(self) -> str:
        """Name the type of the body, without its parameters; empty where it says none."""
        return str(self.headers.get("Content-Type", "")).partition(";")[0].strip().lower()

    @property
    def is_json(self) -> bool:
        """Whether it says that it is JSON."""
        return self.media_type.endswith(("/json", "+json"))

    def retry_after_s(self) -> float | None:
        """Give how long it asks to wait, whether it says seconds or a date; None where it asks for nothing."""
        said = self.headers.get("Retry-After", "").strip()
        if said.isascii() and said.isdecimal():
            return float(said[:9])
        try:
            until = parsedate_to_datetime(said)
        except (ValueError, OverflowError):  # a zone of so many hours that no number holds them
            return None
        moment = until if until.tzinfo is not None else until.replace(tzinfo=UTC)
        return max(0.0, (moment - datetime.now(UTC)).total_seconds())
