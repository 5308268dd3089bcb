"""Where webhooks may go: public addresses over TLS, unless the settings name others. Names are resolved once.

The address that was checked is the one that is connected to, so that a name that resolves differently the second time
leads nowhere else.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

import httpx

from policies.hosts import ANY_HOST, Host, HostPattern, parse_host, parse_pattern
from proctor.contracts.errors import InvalidInput, Refused, Unavailable

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Awaitable[list[str]]]
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_DEFAULT_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True)
class Target:
    """A checked place to connect to."""

    url: httpx.URL
    """The URL with the checked address in place of the name."""
    host_header: str
    server_name: str
    """The name that the certificate must hold."""


class TargetList:
    """Public addresses, and what an operator lists: hosts (`siem.corp.example`, `127.0.0.1:9000`) and networks."""

    def __init__(self, allowed: Iterable[str] = ()) -> None:
        """Take what the settings list. Raises `InvalidInput` for what is neither a host nor a network."""
        self._networks: list[ipaddress.IPv4Network | ipaddress.IPv6Network] = []
        self._hosts: list[HostPattern] = []
        for text in allowed:
            try:
                if "/" in text:
                    self._networks.append(ipaddress.ip_network(text))
                else:
                    self._hosts.append(parse_pattern(text))
            except ValueError as error:
                raise InvalidInput(
                    f"{text!r} is neither a host nor a network", hint="write a.example, 127.0.0.1:9000 or 10.0.0.0/8"
                ) from error

    def check_url(self, text: str) -> httpx.URL:
        """Give a URL that may be subscribed. Raises `InvalidInput`, and `Refused` as `resolve` does."""
        try:
            url = httpx.URL(text)
            host = _host_of(url)
        except (httpx.InvalidURL, ValueError) as error:
            raise InvalidInput(f"the URL cannot be used: {error}", hint="use https://HOST/PATH") from error
        if url.userinfo or url.fragment:
            raise InvalidInput("the URL holds a password or a fragment", hint="the signature is what proves us")
        if url.scheme != "https" and not (url.scheme == "http" and self._lists(host)):
            raise InvalidInput("the URL is not https", hint="http goes only to hosts that PROCTOR_WEBHOOK_ALLOW lists")
        if (address := _written(url)) is not None:
            self._check_address(host, address)
        return url

    async def resolve(self, text: str, resolve: Resolve | None = None) -> Target:
        """Resolve a URL's host once and give the place to connect to.

        Raises:
            Refused: an address of it is private, loopback or link-local, and not listed.
            Unavailable: its name does not resolve.

        """
        url = self.check_url(text)
        host, port = _host_of(url), url.port or _DEFAULT_PORTS[url.scheme]
        addresses = [ipaddress.ip_address(one) for one in await (resolve or resolve_host)(host.name, port)]
        if not addresses:
            raise Unavailable(f"{host.name} does not resolve")
        for address in addresses:
            self._check_address(host, address)
        return Target(url.copy_with(host=str(addresses[0])), url.netloc.decode("ascii"), host.name)

    def _check_address(self, host: Host, address: Address) -> None:
        if is_public(address) or self._lists(host) or any(address in net for net in self._networks):
            return
        raise Refused(
            f"{host.name} leads to {address}, which is not a public address",
            hint="PROCTOR_WEBHOOK_ALLOW lists hosts and networks that webhooks may reach all the same",
        )

    def _lists(self, host: Host) -> bool:
        return any(pattern.name != ANY_HOST and pattern.covers(host) for pattern in self._hosts)


def is_public(address: Address) -> bool:
    """Whether an address, and the IPv4 address that it carries if any, is reachable for everybody."""
    inner: Address | None = None
    if isinstance(address, ipaddress.IPv6Address):
        nat64 = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF) if address in _NAT64 else None
        inner = address.ipv4_mapped or address.sixtofour or nat64
    if inner is not None:
        return is_public(inner)
    # What is reserved counts as global to the library: site-local addresses, and IPv4 ones in their oldest dress.
    return address.is_global and not (address.is_multicast or address.is_reserved or _is_site_local(address))


def _is_site_local(address: Address) -> bool:
    return isinstance(address, ipaddress.IPv6Address) and address.is_site_local


async def resolve_host(name: str, port: int) -> list[str]:
    """Ask the system's resolver. Raises `Unavailable`."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(name, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise Unavailable(f"{name} does not resolve: {error}") from error
    return [str(one[4][0]) for one in found]


def _written(url: httpx.URL) -> Address | None:
    try:
        return ipaddress.ip_address(url.host)
    except ValueError:
        return None


def _host_of(url: httpx.URL) -> Host:
    name = f"[{url.host}]" if ":" in url.host else url.raw_host.decode("ascii")
    return parse_host(name if url.port is None else f"{name}:{url.port}")
