"""A strict reading of URLs: whatever two parsers could take for different places is denied, with the reason.

Sources: RFC 3986 and the WHATWG URL standard, and where their readers differ (Orange Tsai, "A New Era of SSRF", 2017).
"""

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

from proctor.contracts.errors import EgressDenied
from proctor.tools.egress.hosts import read_host

MAX_URL_CHARS: Final = 8192
PORTS: Final = {"https": 443, "http": 80}
_MAX_PORT: Final = 65_535

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://", re.ASCII)
_PORT = re.compile(r"[1-9][0-9]{0,4}", re.ASCII)
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})", re.ASCII)
_OUTSIDE_ASCII = re.compile(r"[^\x00-\x7f]")
_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zs", "Zl", "Zp"})


@dataclass(frozen=True, slots=True)
class Url:
    """A URL that can be read in one way only. The fragment is dropped: it never leaves."""

    scheme: str
    host: str
    """Lower case; an IPv6 address without its brackets."""
    port: int
    path: str
    """As written, `/` at least."""
    query: str
    """With its `?`; empty without one."""

    @property
    def origin(self) -> tuple[str, str, int]:
        """Scheme, host and port."""
        return self.scheme, self.host, self.port

    @property
    def text(self) -> str:
        """Write it in its canonical form."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.path}{self.query}"


def read_url(text: object) -> Url:
    """Read an absolute http(s) URL. Raises `EgressDenied` with the reason."""
    if not isinstance(text, str) or not text:
        raise EgressDenied("there is no URL")
    refuse_characters(text)
    found = _SCHEME.match(text)
    if found is None:
        raise EgressDenied("it is not an absolute URL with scheme://")
    scheme = found[1].lower()
    if scheme not in PORTS:
        raise EgressDenied("the scheme is neither https nor http")
    authority, rest = _split(text[found.end() :])
    host, port = _read_authority(authority, scheme)
    target = rest.partition("#")[0]
    path, question_mark, query = target.partition("?")
    if not path:
        _refuse_missing_path(rest)
    return Url(scheme, host, port, path or "/", question_mark + query)


def refuse_characters(text: str) -> None:
    """Refuse what no URL and no redirect may hold. Raises `EgressDenied` with the reason."""
    if len(text) > MAX_URL_CHARS:
        raise EgressDenied(f"it is longer than {MAX_URL_CHARS} characters")
    if "\\" in text:
        raise EgressDenied("it holds a backslash, which some readers take for a slash")
    if any(char <= " " or char == "\x7f" for char in text):
        raise EgressDenied("it holds white space or a control character")
    if _BROKEN_ESCAPE.search(text):
        raise EgressDenied("it holds a % that begins no escape")
    if not text.isascii():
        _refuse_lookalikes(text)


def _refuse_lookalikes(text: str) -> None:
    for char in _OUTSIDE_ASCII.findall(text):
        if unicodedata.category(char) in _UNSEEN:
            raise EgressDenied("it holds a character that cannot be seen")
        if any(part.isascii() for part in unicodedata.normalize("NFKC", char)):
            raise EgressDenied("it holds a character that some readers turn into an ASCII one")


def _split(text: str) -> tuple[str, str]:
    end = min((at for at in map(text.find, "/?#") if at >= 0), default=len(text))
    return text[:end], text[end:]


def _read_authority(authority: str, scheme: str) -> tuple[str, int]:
    if not authority:
        raise EgressDenied("it names no host")
    if "@" in authority:
        raise EgressDenied("it holds user information")
    if not authority.isascii():
        raise EgressDenied("the host holds a character outside ASCII: write it as xn--…")
    bracketed = authority.startswith("[")
    closing = authority.rfind("]") + 1 if bracketed else 0
    name, colon, port = authority[closing:].partition(":")
    host = read_host(authority[:closing] + name if bracketed else name)
    return host, _read_port(port) if colon else PORTS[scheme]


def _read_port(text: str) -> int:
    if not _PORT.fullmatch(text) or int(text) > _MAX_PORT:
        raise EgressDenied("the port is not a number from 1 to 65535 without leading zeros")
    return int(text)


def _refuse_missing_path(rest: str) -> None:
    """Refuse what an old reader takes for more of the authority, which it ends at the first slash or the last @."""
    if "@" in rest or "/" in rest:
        raise EgressDenied("a query or a fragment with @ or / follows the host without a path")
