"""The one client by which tools reach HTTP: it goes where an entry says, to the address that was checked."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, Final

import httpcore
import httpx

from proctor.contracts.egress import EgressEntry
from proctor.contracts.errors import EgressDenied
from proctor.tools.egress.hosts import is_address
from proctor.tools.egress.networks import Network
from proctor.tools.egress.reading import Url, read_url
from proctor.tools.egress.redirects import MAX_REDIRECTS, is_redirect, next_hop
from proctor.tools.egress.resolving import Resolver, system_resolver
from proctor.tools.egress.rules import EgressRules, Place, admit_addresses

KEEPALIVE_S: Final = 2.0
"""Idle connections are dropped before a server drops them: a request on a dead one would be an unknown outcome."""
MAX_WHOLE_BYTES: Final = 16 * 1024 * 1024
"""Largest body that is read in one go; whoever expects more streams it, and counts."""
_IS_WHOLE: Final = "proctor.whole"
_HEADERS: Final = {"User-Agent": "proctor", "Accept-Encoding": "identity"}
_KEPT_ON_THE_WAY: Final = ("accept", "accept-language", "user-agent", "accept-encoding")
"""Headers that go along to another origin; credentials and keys do not."""


class RequestDenied(EgressDenied, httpx.TransportError):
    """No entry allows this request. Nothing of it left."""

    def __init__(self, denied: EgressDenied) -> None:
        """Say the same to whoever knows httpx's errors only."""
        EgressDenied.__init__(self, denied.message, hint="name the place in the tool's egress entries")
        self._request = None


class EgressClient(httpx.AsyncClient):
    """An `httpx.AsyncClient` bound to allow entries, without any of the ways around them.

    No proxies, no `.netrc`, no cookies, no compression, no retries. Redirects are answers; where a call follows them,
    each hop is judged again. A request that is not allowed raises `RequestDenied` before anything of it leaves.
    """

    def __init__(
        self,
        entries: Iterable[EgressEntry],
        *,
        resolver: Resolver = system_resolver,
        verify: ssl.SSLContext | None = None,
    ) -> None:
        """Read the entries. Raises `InvalidInput` naming one that cannot be meant as written."""
        super().__init__(
            transport=EgressTransport(EgressRules(entries), resolver, verify),
            # Second walls: a client with a transport of its own asks no proxy, and `send` follows nothing by itself.
            trust_env=False,
            follow_redirects=False,
            cookies=CookieJar(policy=DefaultCookiePolicy(allowed_domains=[])),
            headers=_HEADERS,
        )

    def build_request(self, method: str, url: httpx.URL | str, **how: Any) -> httpx.Request:
        """Build a request; a URL that is given as text is judged as it was written, before anything tidies it up."""
        if isinstance(url, str):
            with _as_transport_error():
                read_url(url)
        return super().build_request(method, url, **how)

    async def send(self, request: httpx.Request, *, stream: bool = False, **how: Any) -> httpx.Response:
        """Send; `follow_redirects=True` follows at most five, of GET and HEAD, each to where an entry allows."""
        follow = how.pop("follow_redirects", False) is True
        hops = 0
        while True:
            request.extensions[_IS_WHOLE] = not stream
            answer = await super().send(request, stream=stream, follow_redirects=False, **how)
            if not (follow and is_redirect(answer.status_code) and "location" in answer.headers):
                return answer
            await answer.aclose()
            hops += 1
            with _as_transport_error():
                if hops > MAX_REDIRECTS:
                    raise EgressDenied(f"more than {MAX_REDIRECTS} redirects")
                request = self._redirected(request, answer)

    def _redirected(self, request: httpx.Request, answer: httpx.Response) -> httpx.Request:
        here = read_url(str(request.url))
        locations = answer.headers.get_list("location")
        location = locations[0] if len(locations) == 1 else None
        there = next_hop(here, request.method, answer.status_code, location)
        kept = [(name, value) for name, value in request.headers.items() if name in _KEPT_ON_THE_WAY]
        headers = [*request.headers.items()] if here.origin == there.origin else kept
        headers = [(name, value) for name, value in headers if name != "host"]
        return self.build_request(request.method, there.text, headers=headers, extensions=request.extensions)


class EgressTransport(httpx.AsyncBaseTransport):
    """Judges each request, and connects to the addresses that were checked, by the name for TLS."""

    def __init__(self, rules: EgressRules, resolver: Resolver, verify: ssl.SSLContext | None) -> None:
        self._rules, self._resolver, self._verify = rules, resolver, verify
        self._pools: dict[tuple[tuple[Network, ...], ...], httpcore.AsyncConnectionPool] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request. Raises `RequestDenied` before anything leaves, and httpx's errors of transport."""
        with _as_transport_error():
            admitted = self._rules.admit(judged(request), request.method)
        pool = self._pool(admitted)
        assert isinstance(request.stream, httpx.AsyncByteStream)
        try:
            answer = await pool.handle_async_request(
                httpcore.Request(
                    request.method,
                    httpcore.URL(
                        scheme=request.url.raw_scheme,
                        host=request.url.raw_host,
                        port=request.url.port,
                        target=request.url.raw_path,
                    ),
                    headers=request.headers.raw,
                    content=request.stream,
                    extensions=request.extensions,
                )
            )
        except Exception as error:
            raise _translated(error, request) from error
        return httpx.Response(
            answer.status, headers=answer.headers, stream=_Body(answer, request), extensions=answer.extensions
        )

    async def aclose(self) -> None:
        """Close the connections."""
        pools, self._pools = list(self._pools.values()), {}
        for pool in pools:
            await pool.aclose()

    def _pool(self, admitted: Sequence[Place]) -> httpcore.AsyncConnectionPool:
        """Give the pool of these networks: a connection is shared by requests that may reach the same addresses."""
        networks = tuple(dict.fromkeys(place.networks for place in admitted))
        if networks not in self._pools:
            self._pools[networks] = httpcore.AsyncConnectionPool(
                ssl_context=self._verify or _default_trust(),
                keepalive_expiry=KEEPALIVE_S,
                max_keepalive_connections=20,
                network_backend=_CheckedConnections(networks, self._resolver),
            )
        return self._pools[networks]


def judged(request: httpx.Request) -> Url:
    """Read the URL of a request as it leaves, and the Host that it names. Raises `EgressDenied`."""
    url = read_url(str(request.url))
    if "target" in request.extensions:
        raise EgressDenied("the request line would name another target than the URL")
    named = request.headers.get_list("host")
    if [name.lower() for name in named] != [request.url.netloc.decode("ascii").lower()]:
        raise EgressDenied("the Host header names another host than the URL")
    if request.extensions.get("sni_hostname", url.host) not in {url.host, url.host.encode()}:
        raise EgressDenied("TLS would name another host than the URL")
    return url


class _CheckedConnections(httpcore.AsyncNetworkBackend):
    """Resolves a host once for each connection, checks every answer, and connects to nothing else."""

    def __init__(self, networks: Sequence[tuple[Network, ...]], resolver: Resolver) -> None:
        self._networks, self._resolver, self._inner = networks, resolver, httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's interface
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first address that answers; raises `EgressDenied` when one of them may not be reached."""
        answers = [host] if is_address(host) else await self._resolved(host, port, timeout)
        failed: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in admit_addresses(self._networks, answers):
            try:
                return await self._inner.connect_tcp(str(address), port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
        raise failed

    async def _resolved(self, host: str, port: int, timeout_s: float | None) -> Sequence[str]:
        try:
            async with asyncio.timeout(timeout_s):
                return await self._resolver(host, port)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(f"{host} was not resolved in time") from error
        except OSError as error:
            raise httpcore.ConnectError(f"{host} does not resolve: {error}") from error

    async def connect_unix_socket(self, path: str, *_: Any, **__: Any) -> httpcore.AsyncNetworkStream:
        """Refuse: a socket of this machine is no host."""
        raise EgressDenied(f"a Unix socket is no host: {path}")

    async def sleep(self, seconds: float) -> None:
        """Wait between attempts, of which there are none."""
        await self._inner.sleep(seconds)


class _Body(httpx.AsyncByteStream):
    """A body; one that is read in one go is of bounded size, and not compressed, which would hide its size."""

    def __init__(self, answer: httpcore.Response, request: httpx.Request) -> None:
        self._answer, self._request = answer, request

    async def __aiter__(self) -> AsyncIterator[bytes]:
        is_whole, received = self._request.extensions.get(_IS_WHOLE, True), 0
        if is_whole and _is_encoded(self._answer):
            raise httpx.DecodingError("the body is compressed, which was not asked for", request=self._request)
        try:
            async for chunk in self._answer.aiter_stream():
                received += len(chunk)
                if is_whole and received > MAX_WHOLE_BYTES:
                    break
                yield chunk
        except Exception as error:
            raise _translated(error, self._request) from error
        if is_whole and received > MAX_WHOLE_BYTES:
            raise httpx.ReadError(f"the body has more than {MAX_WHOLE_BYTES} bytes: stream it", request=self._request)

    async def aclose(self) -> None:
        await self._answer.aclose()


def _is_encoded(answer: httpcore.Response) -> bool:
    encodings = [value.lower() for name, value in answer.headers if name.lower() == b"content-encoding"]
    return any(encoding != b"identity" for encoding in encodings)


def _translated(error: Exception, request: httpx.Request) -> Exception:
    """Give httpx's error for httpcore's, which has the same name; anything else stays as it is."""
    if isinstance(error, EgressDenied):
        return RequestDenied(error)
    if not type(error).__module__.startswith("httpcore"):
        return error
    kind: type[httpx.TransportError] = getattr(httpx, type(error).__name__, httpx.TransportError)
    return kind(str(error), request=request)


@contextmanager
def _as_transport_error() -> Iterator[None]:
    try:
        yield
    except RequestDenied:
        raise
    except EgressDenied as error:
        raise RequestDenied(error) from None


@cache
def _default_trust() -> ssl.SSLContext:
    return httpx.create_ssl_context(trust_env=False)
