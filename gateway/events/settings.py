"""What the environment says of ways out and of hooks. Read once, at the gateway's start."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from gateway.events.sealing import SecretBox
from gateway.events.targets import TargetList
from proctor.contracts.errors import InvalidInput

SECRETS_KEY = "PROCTOR_SECRETS_KEY"
SMTP_URL = "PROCTOR_SMTP_URL"
_PORTS = {"smtp": 587, "smtps": 465}
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True)
class SmtpSettings:
    """Where mail is handed over."""

    host: str
    port: int
    is_tls: bool
    """TLS from the first byte; otherwise STARTTLS is demanded, except on this machine."""
    sender: str
    user: str | None = None
    password: str | None = field(default=None, repr=False)

    @property
    def is_loopback(self) -> bool:
        """Whether the server is this machine."""
        return self.host in _LOOPBACK


@dataclass(frozen=True)
class EventSettings:
    """The settings of events."""

    box: SecretBox
    targets: TargetList
    smtp: SmtpSettings | None

    @classmethod
    def load(cls, environ: Mapping[str, str]) -> "EventSettings":
        """Read the environment. Raises `InvalidInput`, which names the variable and shows no secret."""
        allowed = [one.strip() for one in (environ.get("PROCTOR_WEBHOOK_ALLOW") or "").split(",") if one.strip()]
        return cls(
            box=SecretBox.of(environ.get(SECRETS_KEY), SECRETS_KEY),
            targets=TargetList(allowed),
            smtp=_smtp(environ),
        )


def _smtp(environ: Mapping[str, str]) -> SmtpSettings | None:
    url, sender = environ.get(SMTP_URL), environ.get("PROCTOR_MAIL_FROM") or ""
    if not url:
        return None
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS[parts.scheme]
        is_plain = bool(parts.hostname) and not (parts.path.strip("/") or parts.query or parts.fragment)
    except (ValueError, KeyError):
        is_plain, port = False, 0
    if not is_plain:  # The value is not shown: it may hold a password.
        raise InvalidInput(f"{SMTP_URL} cannot be used", hint="use smtp://USER:PASSWORD@HOST:587 or smtps://HOST:465")
    if "@" not in sender:
        raise InvalidInput(f"{SMTP_URL} is set, and PROCTOR_MAIL_FROM is no address", hint="set the sender's address")
    return SmtpSettings(
        host=str(parts.hostname),
        port=port,
        is_tls=parts.scheme == "smtps",
        sender=sender,
        user=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
    )
