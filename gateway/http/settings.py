"""What the environment says of the gateway process. Read once, at its start."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from limits import RateLimitItem, parse

from proctor.contracts.errors import InvalidInput

DEFAULT_PORT = 8080
DEFAULT_RATE = "1200/minute"
DEFAULT_LOGIN_RATE = "20/minute"
DEFAULT_BODY_BYTES = 1_048_576
DEFAULT_DRILL_EVERY_S = 6 * 3600


@dataclass(frozen=True)
class HttpSettings:
    """The settings of one gateway process."""

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    """0 takes a free port."""
    public_url: str = ""
    """How people reach us, without a slash at the end; empty: at the address that we listen on."""
    tls_cert: Path | None = None
    tls_key: Path | None = None
    behind_proxy: str = ""
    """Addresses of proxies that end TLS before us, comma-separated: their word on who asks is believed."""
    oidc_issuer: str = ""
    oidc_audience: str = ""
    """Of bearer tokens."""
    oidc_client_id: str = ""
    """By which the issuer knows us when people sign in there."""
    oidc_client_secret: str = field(default="", repr=False)
    rate: RateLimitItem = field(default_factory=lambda: parse(DEFAULT_RATE))
    """Requests of one principal."""
    login_rate: RateLimitItem = field(default_factory=lambda: parse(DEFAULT_LOGIN_RATE))
    """Failed logins from one address."""
    max_body_bytes: int = DEFAULT_BODY_BYTES
    drill_every_s: int = DEFAULT_DRILL_EVERY_S
    """How often the kill switch is tried out; 0: never."""

    @classmethod
    def load(cls, environ: Mapping[str, str]) -> "HttpSettings":
        """Read the environment.

        Raises:
            InvalidInput: a value cannot be used, or the gateway would listen to others in the clear.

        """
        found = cls(
            host=environ.get("PROCTOR_GATEWAY_HOST") or "127.0.0.1",
            port=_number(environ, "PROCTOR_GATEWAY_PORT", DEFAULT_PORT, 65_535),
            public_url=_url(environ, "PROCTOR_PUBLIC_URL"),
            tls_cert=_file(environ, "PROCTOR_TLS_CERT"),
            tls_key=_file(environ, "PROCTOR_TLS_KEY"),
            behind_proxy=_proxies(environ),
            oidc_issuer=_url(environ, "PROCTOR_OIDC_ISSUER"),
            oidc_audience=environ.get("PROCTOR_OIDC_AUDIENCE") or "",
            oidc_client_id=(environ.get("PROCTOR_OIDC_CLIENT_ID") or "").strip(),
            oidc_client_secret=_secret(environ, "PROCTOR_OIDC_CLIENT_SECRET"),
            rate=_rate(environ, "PROCTOR_RATE_LIMIT", DEFAULT_RATE),
            login_rate=_rate(environ, "PROCTOR_LOGIN_RATE_LIMIT", DEFAULT_LOGIN_RATE),
            max_body_bytes=_number(environ, "PROCTOR_MAX_BODY_BYTES", DEFAULT_BODY_BYTES, 64 * 1024 * 1024),
            drill_every_s=_number(environ, "PROCTOR_DRILL_EVERY_S", DEFAULT_DRILL_EVERY_S, 30 * 86_400),
        )
        found.check()
        return found

    def check(self) -> None:
        """Refuse what would be unsafe. Raises `InvalidInput`."""
        if (self.tls_cert is None) != (self.tls_key is None):
            raise InvalidInput("PROCTOR_TLS_CERT and PROCTOR_TLS_KEY go together", hint="set both, or neither")
        self._check_oidc()
        if self.tls_cert is None and not self.behind_proxy and not is_loopback(self.host):
            raise InvalidInput(
                f"the gateway would listen on {self.host} without TLS: tokens would travel in the clear",
                hint="set PROCTOR_TLS_CERT and PROCTOR_TLS_KEY, or PROCTOR_BEHIND_PROXY (addresses of the TLS proxy)",
            )

    def _check_oidc(self) -> None:
        if bool(self.oidc_issuer) != bool(self.oidc_audience or self.oidc_client_id):
            raise InvalidInput(
                "PROCTOR_OIDC_ISSUER goes with PROCTOR_OIDC_AUDIENCE, PROCTOR_OIDC_CLIENT_ID, or both",
                hint="the first takes bearer tokens, the second signs people in at the approval page",
            )
        if self.oidc_client_id and not self.public_url:
            raise InvalidInput(
                "PROCTOR_OIDC_CLIENT_ID needs PROCTOR_PUBLIC_URL: the issuer sends browsers back there",
                hint="register PROCTOR_PUBLIC_URL/login/oidc/callback at the issuer",
            )
        if self.oidc_client_secret and not self.oidc_client_id:
            raise InvalidInput("PROCTOR_OIDC_CLIENT_SECRET needs PROCTOR_OIDC_CLIENT_ID", hint="set both, or neither")

    @property
    def scheme(self) -> str:
        """How we are spoken to ourselves."""
        return "https" if self.tls_cert is not None else "http"

    @property
    def is_secure(self) -> bool:
        """Whether people reach us over TLS."""
        return self.tls_cert is not None or self.public_url.startswith("https://")


def is_loopback(host: str) -> bool:
    """Whether nobody but this machine reaches `host`. Names other than `localhost` count as reachable."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _number(environ: Mapping[str, str], name: str, default: int, most: int) -> int:
    text = environ.get(name) or str(default)
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) <= most):  # noqa: PLR2004 - digits
        raise InvalidInput(f"{name} is not a number that can be used: {text!r}", hint=f"use 0 to {most}")
    return int(text)


def _url(environ: Mapping[str, str], name: str) -> str:
    text = (environ.get(name) or "").rstrip("/")
    if not text:
        return ""
    try:
        parts = urlsplit(text)
        is_safe = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))
        is_plain = bool(parts.hostname) and not (parts.query or parts.fragment or parts.username)
    except ValueError:
        is_safe = is_plain = False
    if not is_safe or not is_plain:
        raise InvalidInput(f"{name} is not an https address: {text!r}", hint="such as https://proctor.example.org")
    return text


def _file(environ: Mapping[str, str], name: str) -> Path | None:
    text = environ.get(name)
    if not text:
        return None
    path = Path(text)
    if not path.is_file():
        raise InvalidInput(f"{name} names no file: {text}", hint="give the path of a PEM file")
    return path


def _secret(environ: Mapping[str, str], name: str) -> str:
    """Read a secret from a variable, or from the file that `NAME_FILE` names."""
    text, path = environ.get(name) or "", environ.get(f"{name}_FILE") or ""
    if text and path:
        raise InvalidInput(f"{name} and {name}_FILE are both set", hint="set one of them")
    if not path:
        return text
    try:
        found = Path(path).read_text("utf-8").strip()
    except (OSError, ValueError):
        found = ""
    if not found:
        raise InvalidInput(f"{name}_FILE names no file with a secret: {path}", hint="give the path of a text file")
    return found


def _proxies(environ: Mapping[str, str]) -> str:
    text = environ.get("PROCTOR_BEHIND_PROXY") or ""
    for part in filter(None, (one.strip() for one in text.split(","))):
        try:
            ipaddress.ip_network(part)  # as strictly as the server, which would trust nobody of another one
        except ValueError:
            raise InvalidInput(
                f"PROCTOR_BEHIND_PROXY names no address: {part!r}", hint="such as 10.0.0.5, or 172.16.0.0/12"
            ) from None
    return text


def _rate(environ: Mapping[str, str], name: str, default: str) -> RateLimitItem:
    text = environ.get(name) or default
    try:
        return parse(text)
    except ValueError:
        raise InvalidInput(f"{name} is not a rate: {text!r}", hint=f"such as {default}") from None
