"""The host of a URL or of an entry: one spelling for each name and each address."""

import re
from functools import lru_cache
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Final

import idna

from proctor.contracts.errors import EgressDenied
from proctor.tools.egress.networks import carries_ipv4

_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII)
_QUAD = re.compile(r"(?:(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])(?:\.(?!$)|$)){4}", re.ASCII)
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)
_MAX_NAME: Final = 253


@lru_cache(maxsize=4096)
def read_host(text: str) -> str:
    """Give a host name or address in lower case, an IPv6 address (in brackets) without them.

    Raises `EgressDenied` for every other spelling of an address and for what is not a host name.
    """
    if text.startswith("["):
        return _read_ipv6(text)
    if "%" in text:
        raise EgressDenied("the host holds a percent sign")
    name = text.lower() if text.isascii() else ""
    labels = name.split(".")
    if "" in labels:
        raise EgressDenied("the host is not ASCII or has an empty label or a trailing dot")
    if _NUMBER.fullmatch(labels[-1]):
        return _read_ipv4(name)
    if len(name) > _MAX_NAME or not all(_LABEL.fullmatch(label) for label in labels):
        raise EgressDenied("the host is not a host name")
    for label in labels:
        if label.startswith("xn--"):
            _refuse_bad_punycode(label)
    return name


def is_address(host: str) -> bool:
    """Whether a host that was read is an address."""
    return ":" in host or host.rpartition(".")[2].isdigit()


def _read_ipv4(name: str) -> str:
    if not _QUAD.fullmatch(name):
        raise EgressDenied("the host is an odd spelling of an IPv4 address")
    return str(IPv4Address(name))


def _read_ipv6(text: str) -> str:
    written = text[1:-1].lower()
    try:
        if not text.endswith("]") or "%" in written:
            raise AddressValueError("zone")  # noqa: TRY301 - one way out
        address = IPv6Address(written)
    except AddressValueError:
        raise EgressDenied("the host in brackets is not an IPv6 address without a zone") from None
    if carries_ipv4(address):
        raise EgressDenied("the host is an IPv6 address that carries an IPv4 one")
    if str(address) != written:
        raise EgressDenied(f"the host is an odd spelling of the IPv6 address {address}")
    return written


def _refuse_bad_punycode(label: str) -> None:
    try:
        good = idna.encode(idna.decode(label)).decode("ascii") == label
    except idna.IDNAError:
        good = False
    if not good:
        raise EgressDenied("the host holds an xn-- label that is not IDNA")
