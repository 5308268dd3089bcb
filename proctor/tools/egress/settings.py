"""Entries that settings of the worker name, and the entry that a base URL is by itself."""

from collections.abc import Iterable, Mapping
from typing import Final

from proctor.contracts.egress import EgressEntry
from proctor.contracts.errors import EgressDenied, InvalidInput
from proctor.tools.egress.reading import Url, read_url
from proctor.tools.egress.rules import place_of

_FROM_SETTING: Final = "env:"
_LOOPBACK: Final = ("127.0.0.0/8", "::1/128")
_THIS_MACHINE: Final = "localhost"
UNKNOWN_HOST: Final = "unusable.invalid"
"""What policy is told of a place that is not known: no list can mean it, and it does not look like no egress."""


def settled(entries: Iterable[EgressEntry], environment: Mapping[str, str]) -> tuple[EgressEntry, ...]:
    """Fill in the entries whose host is `env:NAME` from the base URL that the setting holds.

    Raises `InvalidInput` for a setting that is missing or is no plain http(s) address.
    """
    return tuple(_settle(entry, environment) for entry in entries)


def base_entry(url: Url, entry: EgressEntry | None = None) -> EgressEntry:
    """Give the entry that a base URL is: its scheme, host, port and path. A literal loopback address names itself."""
    entry = entry or EgressEntry(host=url.host)
    cidrs = entry.cidrs or (_LOOPBACK if url.host == _THIS_MACHINE else ())
    path = url.path.rstrip("/") + (entry.path_prefix if entry.path_prefix != "/" else "")
    fields = {"scheme": url.scheme, "host": url.host, "port": url.port, "path_prefix": path or "/", "cidrs": cidrs}
    return EgressEntry.model_validate({**fields, "methods": entry.methods})


def with_base(base: str, entries: Iterable[EgressEntry]) -> tuple[EgressEntry, ...]:
    """Add the base URL of an HTTP tool to its entries, unless one of them names that place and so speaks for it.

    Raises `InvalidInput` for a base URL that the client would refuse.
    """
    entries, url = tuple(entries), read_base(base)
    if any(place_of(entry).names(url) for entry in entries):
        return entries
    return (*entries, base_entry(url))


def hosts_of(entries: Iterable[EgressEntry]) -> tuple[str, ...]:
    """Name the hosts for policy, with the port where it is not the scheme's own.

    An entry for whatever lies below a name is judged as one host there that nobody lists. Raises `InvalidInput`.
    """
    return tuple(dict.fromkeys(place_of(entry).judged_host for entry in entries))


def read_base(text: str) -> Url:
    """Read a base URL. Raises `InvalidInput` when the client would refuse it, or it holds a query."""
    try:
        url = read_url(text)
    except EgressDenied as error:
        raise InvalidInput(f"the base URL is not usable: {error.message}") from None
    if url.query or "#" in text:
        raise InvalidInput("the base URL must be http(s)://HOST[:PORT][/PATH] without query or fragment")
    return url


def _settle(entry: EgressEntry, environment: Mapping[str, str]) -> EgressEntry:
    if not entry.host.startswith(_FROM_SETTING):
        return entry
    name = entry.host.removeprefix(_FROM_SETTING)
    value = environment.get(name, "")
    if not value:
        raise InvalidInput(f"{name} is not set", hint=f"set {name} in the environment of the worker")
    url = read_base(value)
    if entry.port not in {None, url.port}:
        raise InvalidInput(f"{name} names another port than the egress entry")
    return base_entry(url, entry)
