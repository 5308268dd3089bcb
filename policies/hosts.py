"""Host names and the patterns that allow or block them: normalised once, compared exactly."""

import ipaddress
import re
from dataclasses import dataclass
from functools import lru_cache

_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII)
_READ_IN_TWO_WAYS = frozenset("\u00df\u03c2\u200c\u200d")
"""IDNA 2003 and 2008 turn these into different hosts."""
_MAX_NAME = 253
_MAX_PORT = 65_535
ANY_HOST = "*"


@dataclass(frozen=True, slots=True)
class Host:
    """A host and, where it was named, a port. `name` is lower case, ASCII, without a trailing dot."""

    name: str
    port: int | None
    is_loopback: bool = False
    """Whether it is this machine, as far as its name tells."""


@dataclass(frozen=True, slots=True)
class HostPattern:
    """`*`, an exact host, or `*.suffix` (never the suffix itself); without a port it stands for every port."""

    name: str
    port: int | None
    is_suffix: bool

    @property
    def is_exact(self) -> bool:
        """Whether it names one host."""
        return not self.is_suffix and self.name != ANY_HOST

    def covers(self, host: Host) -> bool:
        """Whether `host` is meant. A pattern with a port covers only hosts that name that port."""
        if self.port is not None and self.port != host.port:
            return False
        if self.name == ANY_HOST:
            return True
        return host.name.endswith(f".{self.name}") if self.is_suffix else host.name == self.name


@lru_cache(maxsize=4096)
def parse_host(text: str) -> Host:
    """Read `host`, `host:port`, `[IPv6]` or `[IPv6]:port`. Raises `ValueError` saying what is wrong."""
    written, port = _split(text)
    name = _normal_name(written)
    return Host(name, port, _is_loopback(name))


@lru_cache(maxsize=4096)
def parse_pattern(text: str) -> HostPattern:
    """Read a pattern of a manifest. Raises `ValueError` saying what is wrong."""
    if text == ANY_HOST:
        return HostPattern(ANY_HOST, None, is_suffix=False)
    is_suffix = text.startswith("*.")
    host = parse_host(text[2:] if is_suffix else text)
    if is_suffix and _is_address(host.name):
        raise ValueError("an address has no subdomains")
    return HostPattern(host.name, host.port, is_suffix=is_suffix)


def _is_loopback(name: str) -> bool:
    if not _is_address(name):
        return name == "localhost" or name.endswith(".localhost")
    address = ipaddress.ip_address(name)
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback or (mapped or address).is_unspecified


def _split(text: str) -> tuple[str, int | None]:
    if text.startswith("["):
        name, closed, rest = text[1:].partition("]")
        if not closed or ":" not in name or (rest and not rest.startswith(":")):
            raise ValueError("an IPv6 address is written [ADDRESS] or [ADDRESS]:PORT")
        return name, _port(rest[1:]) if rest else None
    name, colon, port = text.partition(":")
    return name, _port(port) if colon else None


def _port(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(_MAX_PORT)) and 0 < int(text) <= _MAX_PORT):
        raise ValueError("the port is a number from 1 to 65535")
    return int(text)


def _normal_name(name: str) -> str:
    if ":" in name:
        return str(ipaddress.IPv6Address(name))
    ascii_name = _to_ascii(name).lower().removesuffix(".")
    if _looks_numeric(ascii_name):
        return str(ipaddress.IPv4Address(ascii_name))
    if len(ascii_name) > _MAX_NAME or not all(_LABEL.fullmatch(label) for label in ascii_name.split(".")):
        raise ValueError("not a host name")
    return ascii_name


def _to_ascii(name: str) -> str:
    if name.isascii():
        return name
    if _READ_IN_TWO_WAYS.intersection(name):
        raise ValueError("write the name as xn--…, because it can be read in two ways")
    try:
        return name.encode("idna").decode("ascii")
    except UnicodeError:
        raise ValueError("not a host name") from None


def _looks_numeric(name: str) -> bool:
    """Whether a resolver would read the name as an address: `127.1` and `0x7f.1` are refused, not passed as names."""
    last = name.rpartition(".")[2]
    return last.isdecimal() or bool(re.fullmatch(r"0x[0-9a-f]*", last))


def _is_address(name: str) -> bool:
    return ":" in name or _looks_numeric(name)
