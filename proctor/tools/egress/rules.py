"""Allow entries as rules: which of them mean a request, and which addresses those let it reach."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import ip_network

from proctor.contracts.egress import EgressEntry
from proctor.contracts.errors import EgressDenied, InvalidInput
from proctor.tools.egress.hosts import is_address, read_host
from proctor.tools.egress.networks import Address, Network, read_address, why_not
from proctor.tools.egress.paths import is_under
from proctor.tools.egress.reading import PORTS, Url, read_url

_ANY_BELOW = "*."
_ANYONE = "_anyone"


@dataclass(frozen=True, slots=True)
class Place:
    """One entry, read."""

    scheme: str
    host: str
    """Without the `*.` of a suffix."""
    port: int
    is_suffix: bool
    methods: tuple[str, ...]
    path_prefix: str
    networks: tuple[Network, ...]

    def names(self, url: Url) -> bool:
        """Whether scheme, host and port are meant."""
        if (self.scheme, self.port) != (url.scheme, url.port):
            return False
        if self.is_suffix:
            return url.host.endswith(f".{self.host}")
        return url.host == self.host

    @property
    def judged_host(self) -> str:
        """Name the host as policy judges it; below a suffix one that no list holds."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == PORTS[self.scheme] else f":{self.port}"
        return f"{_ANYONE}.{host}{port}" if self.is_suffix else f"{host}{port}"


class EgressRules:
    """What a set of entries allows. None allow nothing."""

    def __init__(self, entries: Iterable[EgressEntry]) -> None:
        """Read the entries. Raises `InvalidInput` naming one that cannot be meant as written."""
        self._places = tuple(place_of(entry) for entry in entries)

    def admit(self, url: Url, method: str) -> tuple[Place, ...]:
        """Give the entries that mean a request. Raises `EgressDenied` saying what is not on the list."""
        named = [place for place in self._places if place.names(url)]
        if not named:
            raise EgressDenied(f"no entry names {url.scheme}://{url.host}:{url.port}")
        by_method = [place for place in named if not place.methods or method in place.methods]
        if not by_method:
            raise EgressDenied(f"no entry for {url.host} names the method {method[:20]}")
        admitted = tuple(place for place in by_method if is_under(place.path_prefix, url.path))
        if not admitted:
            raise EgressDenied(f"the path lies under no prefix that an entry for {url.host} names")
        return admitted


def place_of(entry: EgressEntry) -> Place:
    """Read one entry. Raises `InvalidInput` for a host or a path that no URL can name."""
    is_suffix = entry.host.startswith(_ANY_BELOW)
    written = entry.host.removeprefix(_ANY_BELOW)
    try:
        host = read_host(f"[{written}]" if ":" in written and not written.startswith("[") else written)
    except EgressDenied as error:
        hint = "write a name, *.name or an address alone: `scheme`, `port` and `path_prefix` are keys of their own"
        raise InvalidInput(f"the egress host {entry.host!r} cannot be used: {error.message}", hint=hint) from None
    if is_suffix and is_address(host):
        raise InvalidInput(f"the egress host {entry.host!r} cannot be used: an address has no names below it")
    _refuse_unreachable(entry.path_prefix)
    networks: tuple[Network, ...] = tuple(entry.cidrs)
    if is_address(host) and not networks:
        networks = (ip_network(host),)
    port = entry.port or PORTS[entry.scheme]
    return Place(entry.scheme, host, port, is_suffix, entry.methods, entry.path_prefix, networks)


def _refuse_unreachable(prefix: str) -> None:
    try:
        is_sent = prefix.isascii() and read_url(f"https://any.example{prefix}").path == prefix
    except EgressDenied:
        is_sent = False
    if not is_sent or not is_under(prefix, prefix):
        hint = "write it as it is sent: percent-encoded, without query, fragment, `.` and `..`"
        raise InvalidInput(f"the egress path {prefix!r} cannot be used: no path of a URL lies under it", hint=hint)


def admit_addresses(networks: Sequence[tuple[Network, ...]], answers: Sequence[str]) -> list[Address]:
    """Give the addresses of one resolution, if one entry's networks let all of them be reached.

    Raises `EgressDenied` naming the first that may not: one bad answer spoils all.
    """
    addresses = [read_address(text) for text in answers]
    if not addresses:
        raise EgressDenied("the name resolves to no address")
    why = "no entry"
    for allowed in networks:
        found = [reason for address in addresses if (reason := why_not(address, allowed))]
        if not found:
            return addresses
        why = found[0]
    raise EgressDenied(why)
