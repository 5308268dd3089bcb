"""From a declarative HTTP implementation and arguments to a request."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import httpx

from proctor.contracts.errors import InvalidInput
from proctor.contracts.tool import HttpImplementation
from proctor.tools.templates import as_text, fill_path, fill_request

_ENVIRONMENT = "env:"


def resolve_base(implementation: HttpImplementation, environment: Mapping[str, str]) -> httpx.URL:
    """Give the base URL. Raises `InvalidInput` when it is not set or is not a plain http(s) address."""
    text = implementation.base_url
    if text.startswith(_ENVIRONMENT):
        name = text.removeprefix(_ENVIRONMENT)
        text = environment.get(name, "")
        if not text:
            raise InvalidInput(f"{name} is not set", hint=f"set {name} in the environment of the worker")
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL as error:
        raise InvalidInput(f"the base URL is not usable: {error}") from error
    if url.scheme not in {"http", "https"} or not url.host or url.query or url.userinfo:
        raise InvalidInput("the base URL must be http(s)://HOST[:PORT][/PATH] without user or query")
    return url


def host_of(url: httpx.URL) -> str:
    """Name the host as `host`, or `host:port` where the port is not the scheme's own."""
    return url.netloc.decode("ascii")


def unresolved_host(implementation: HttpImplementation) -> str:
    """Name a host that no allow-list can mean: an address that is not known must not look like no egress."""
    name = implementation.base_url.removeprefix(_ENVIRONMENT)
    return f"{name}.invalid" if name.isidentifier() else "unusable.invalid"


def request_url(base: httpx.URL, implementation: HttpImplementation, arguments: dict[str, Any]) -> httpx.URL:
    """Build the address; only path and query come from arguments, never scheme, host or port."""
    path = base.raw_path.decode("ascii").rstrip("/") + fill_path(implementation.path, arguments)
    try:
        query = urlencode(_pairs(fill_request(implementation.query, {"arguments": arguments})), encoding="utf-8")
        return base.copy_with(raw_path=f"{path}?{query}".encode() if query else path.encode())
    except (httpx.InvalidURL, UnicodeEncodeError) as error:
        raise InvalidInput(f"the address cannot be built: {error}") from error


def request_headers(
    implementation: HttpImplementation, arguments: dict[str, Any], environment: Mapping[str, str]
) -> dict[str, str]:
    """Fill the headers; `${env.NAME}` gives a setting of the worker, such as a token.

    Raises `InvalidInput` for a value that would end its header line.
    """
    filled = fill_request(implementation.headers, {"arguments": arguments, "env": dict(environment)})
    headers = {name: as_text(name, value) for name, value in filled.items()}
    for name, value in headers.items():
        if not (value.isascii() and value.isprintable()):
            raise InvalidInput(f"the header {name} may hold printable ASCII only")
    return headers


def request_body(implementation: HttpImplementation, arguments: dict[str, Any]) -> Any:
    """Give the JSON body; None for no body."""
    if implementation.body == "arguments":
        return arguments
    return fill_request(implementation.body, {"arguments": arguments})


def _pairs(query: Mapping[str, Any]) -> list[tuple[str, str]]:
    each = ((name, value if isinstance(value, list) else [value]) for name, value in query.items())
    return [(name, as_text(name, one)) for name, values in each for one in values]
