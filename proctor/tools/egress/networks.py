"""Which addresses are public, which are special, and which no wide network may bring in by accident.

The tables are IANA's special-purpose address registries (RFC 6890 and updates: iana-ipv4-special-registry,
iana-ipv6-special-registry) with multicast, the cloud metadata services and the ranges that carry an IPv4 address
inside. They are written out because `ipaddress.is_global` changes with the version of Python.
"""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from proctor.contracts.errors import EgressDenied

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_METADATA = (
    *("169.254.0.0/16", "168.63.129.16/32", "100.100.100.200/32", "192.0.0.192/32"),
    *("fd00:ec2::/32", "fd20:ce::254/128", "fe80::/10"),
)
"""Link-local with AWS, GCP, Azure, OpenStack; Azure's wire server, Alibaba, Oracle; AWS and GCP over IPv6."""
_THIS_MACHINE = ("127.0.0.0/8", "0.0.0.0/8", "::1/128", "::/128")
_EMBEDDING = ("::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32")
"""Compatible, mapped, translated (SIIT), NAT64 twice, 6to4, Teredo: each names an IPv4 address that nobody checked."""
_SPECIAL = (
    *("10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24"),
    *("192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24"),
    *("203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
    *("2001::/23", "2001:db8::/32", "2620:4f:8000::/48", "3fff::/20"),
)
_GLOBAL_UNICAST: Final = IPv6Network("2000::/3")
"""All that IANA hands out: what lies elsewhere in IPv6 is reserved, private, multicast or link-local."""

_LOOPBACK: Final = IPv6Address("::1")

_GUARDED: Final = tuple(ip_network(text) for text in (*_METADATA, *_THIS_MACHINE, "fec0::/10"))
_CARRIERS: Final = tuple(IPv6Network(text) for text in _EMBEDDING)
_NOT_PUBLIC: Final = (*_GUARDED, *_CARRIERS, *(ip_network(text) for text in _SPECIAL))


def read_address(text: str) -> Address:
    """Read one answer of a resolver. Raises `EgressDenied` for what is not a plain address."""
    try:
        if "%" in text:
            raise ValueError("zone")  # noqa: TRY301 - one way out
        return ip_address(text)
    except ValueError:
        raise EgressDenied("the name resolves to something that is not a plain address") from None


def is_public(address: Address) -> bool:
    """Whether an address is handed out for the internet at large."""
    if isinstance(address, IPv6Address) and address not in _GLOBAL_UNICAST:
        return False
    return not any(address in network for network in _NOT_PUBLIC)


def carries_ipv4(address: IPv6Address) -> bool:
    """Whether an IPv6 address stands for an IPv4 one, which nobody would check. `::` and `::1` stand for themselves."""
    return address > _LOOPBACK and any(address in carrier for carrier in _CARRIERS)


def why_not(address: Address, networks: Sequence[Network]) -> str:
    """Say why an address may not be reached under an entry's networks; empty when it may. No networks: public only."""
    if not networks:
        return "" if is_public(address) else f"{address} is not a public address"
    if isinstance(address, IPv6Address) and carries_ipv4(address):
        return f"{address} carries an IPv4 address"
    holding = [network for network in networks if address in network]
    if not holding:
        return f"{address} lies in none of the entry's networks"
    guards = [guard for guard in _GUARDED if address in guard]
    if guards and not any(_within(network, guard) for network in holding for guard in guards):
        return f"{address} is loopback, link-local or metadata, and no network of the entry lies wholly among those"
    return ""


def _within(network: Network, guard: Network) -> bool:
    if isinstance(network, IPv4Network):
        return isinstance(guard, IPv4Network) and network.subnet_of(guard)
    return isinstance(guard, IPv6Network) and network.subnet_of(guard)
