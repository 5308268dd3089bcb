"""From a declarative HTTP implementation and arguments to a request."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import httpx

from proctor.contracts.errors import InvalidInput
from proctor.contracts.http_call import FRAMING_HEADERS, HttpParameter, is_token
from proctor.contracts.templates import Reference, parse_template
from proctor.contracts.tool import HttpImplementation, ToolContract, ToolInvocation
from proctor.tools.egress.settings import read_base
from proctor.tools.http_body import Body, write_body
from proctor.tools.http_styles import encoded, exploded_names, header_text, json_text, path_text, query_pairs
from proctor.tools.templates import as_text, fill_path, fill_request

IDEMPOTENCY_HEADER = "Idempotency-Key"
_ENVIRONMENT = "env:"


def resolve_base(implementation: HttpImplementation, environment: Mapping[str, str]) -> httpx.URL:
    """Give the base URL. Raises `InvalidInput` when it is not set or is not a plain http(s) address."""
    text = implementation.base_url
    if text.startswith(_ENVIRONMENT):
        name = text.removeprefix(_ENVIRONMENT)
        text = environment.get(name, "")
        if not text:
            raise InvalidInput(f"{name} is not set", hint=f"set {name} in the environment of the worker")
    return httpx.URL(read_base(text).text)


def host_of(url: httpx.URL) -> str:
    """Name the host as `host`, or `host:port` where the port is not the scheme's own."""
    return url.netloc.decode("ascii")


def unresolved_host(implementation: HttpImplementation) -> str:
    """Name a host that no allow-list can mean: an address that is not known must not look like no egress."""
    name = implementation.base_url.removeprefix(_ENVIRONMENT)
    return f"{name}.invalid" if name.isidentifier() else "unusable.invalid"


@dataclass(frozen=True)
class Outgoing:
    """A request, complete but for its credentials."""

    method: str
    url: httpx.URL
    headers: httpx.Headers
    content: bytes | None


def outgoing(contract: ToolContract, invocation: ToolInvocation, environment: Mapping[str, str]) -> Outgoing:
    """Build the request of a call, the effect's key in it. Raises `InvalidInput` before anything leaves."""
    implementation = contract.implementation
    assert isinstance(implementation, HttpImplementation)
    place, name = _key_place(contract)
    key = {} if contract.is_read else {name: invocation.key}
    arguments = {**invocation.arguments, **(key if place == "argument" else {})}
    _check_names(contract, implementation, arguments)
    url = request_url(resolve_base(implementation, environment), implementation, arguments)
    if place == "query" and key:
        url = _with_query(url, f"{encoded(name)}={encoded(invocation.key)}")
    headers = httpx.Headers(request_headers(implementation, arguments, environment))
    body = request_payload(implementation, arguments)
    if body is not None:
        headers.setdefault("Content-Type", body.media_type)
    if implementation.accepts:
        headers.setdefault("Accept", ", ".join(implementation.accepts))
    if place == "header" and key:
        headers[name] = invocation.key
    return Outgoing(implementation.method, url, headers, body.content if body else None)


def request_url(base: httpx.URL, implementation: HttpImplementation, arguments: dict[str, Any]) -> httpx.URL:
    """Build the address; only path and query come from arguments, never scheme, host or port."""
    given = _given(implementation, arguments)
    written = {one.argument: path_text(one, value) for one, value in given if one.place == "path"}
    path = base.raw_path.decode("ascii").rstrip("/") + fill_path(implementation.path, arguments, written)
    try:
        query = urlencode(_pairs(fill_request(implementation.query, {"arguments": arguments})), encoding="utf-8")
        pairs = [pair for one, value in given if one.place == "query" for pair in query_pairs(one, value)]
        url = base.copy_with(raw_path=path.encode())
        return _with_query(url, "&".join(filter(None, [query, *(f"{name}={text}" for name, text in pairs)])))
    except (httpx.InvalidURL, UnicodeEncodeError) as error:
        raise InvalidInput(f"the address cannot be built: {error}") from error


def request_headers(
    implementation: HttpImplementation, arguments: dict[str, Any], environment: Mapping[str, str]
) -> dict[str, str]:
    """Fill the headers; `${env.NAME}` gives a setting of the worker, such as a token.

    Raises `InvalidInput` for a value that would end its header line, and where an argument would write a header that
    says where the request goes or where it ends.
    """
    for name, template in implementation.headers.items():
        if name.lower() in FRAMING_HEADERS and _takes_arguments(template):
            raise InvalidInput(f"no argument may write the header {name}")
    filled = fill_request(implementation.headers, {"arguments": arguments, "env": dict(environment)})
    headers = {name: as_text(name, value) for name, value in filled.items()}
    given = [(one, value) for one, value in _given(implementation, arguments) if value is not None]
    headers.update({one.wire_name: header_text(one, value) for one, value in given if one.place == "header"})
    cookies = [f"{name}={text}" for one, value in given if one.place == "cookie" for name, text in _cookie(one, value)]
    if cookies:
        headers["Cookie"] = "; ".join(filter(None, [headers.get("Cookie"), *cookies]))
    for name, value in headers.items():
        if not (value.isascii() and value.isprintable()):
            raise InvalidInput(f"the header {name} may hold printable ASCII only")
    return headers


def request_payload(implementation: HttpImplementation, arguments: dict[str, Any]) -> Body | None:
    """Write the body; None for no body."""
    if implementation.payload is not None:
        return write_body(implementation.payload, arguments)
    body = arguments if implementation.body == "arguments" else implementation.body
    if body is None:
        return None
    filled = body if body is arguments else fill_request(body, {"arguments": arguments})
    try:
        return Body(json_text(filled).encode(), "application/json")
    except UnicodeEncodeError as error:
        raise InvalidInput("the body cannot be encoded: an argument holds half a surrogate pair") from error


def _given(implementation: HttpImplementation, arguments: dict[str, Any]) -> list[tuple[HttpParameter, Any]]:
    return [(one, arguments[one.argument]) for one in implementation.parameters if one.argument in arguments]


def _check_names(contract: ToolContract, implementation: HttpImplementation, arguments: dict[str, Any]) -> None:
    """Refuse an exploded object whose keys would stand for another parameter, the idempotency key or a credential."""
    key_place, key_name = _key_place(contract)
    for one, value in _given(implementation, arguments):
        taken = {other.wire_name for other in implementation.parameters if other.place == one.place} - {one.wire_name}
        taken |= set(_credential_names(contract, one.place)) | ({key_name} if key_place == one.place else set())
        taken |= set(implementation.query) if one.place == "query" else set()
        # Many servers do not tell capital letters from small ones here.
        folded = {name.casefold() for name in taken}
        clash = {name for name in exploded_names(one, value) if name.casefold() in folded}
        if clash:
            raise InvalidInput(f"{one.argument} may not name {min(clash)!r}: that is another parameter")


def _cookie(parameter: HttpParameter, value: Any) -> list[tuple[str, str]]:
    for name in exploded_names(parameter, value):
        if not is_token(name):
            raise InvalidInput(f"{name!r} is not the name of a cookie")
    return query_pairs(parameter, value)


def _key_place(contract: ToolContract) -> tuple[str, str]:
    place, _, name = contract.key_at.partition(":")
    return (place, name) if name else ("header", IDEMPOTENCY_HEADER)


def _credential_names(contract: ToolContract, place: str) -> list[str]:
    found = (use.at.partition(":") for use in contract.credentials)
    return [name for where, _, name in found if where == place]


def _takes_arguments(template: str) -> bool:
    return any(piece.path.parts[0] == "arguments" for piece in parse_template(template) if isinstance(piece, Reference))


def _with_query(url: httpx.URL, query: str) -> httpx.URL:
    raw = url.raw_path.decode("ascii")
    return url.copy_with(raw_path=f"{raw}{'&' if '?' in raw else '?'}{query}".encode()) if query else url


def _pairs(query: Mapping[str, Any]) -> list[tuple[str, str]]:
    each = ((name, value if isinstance(value, list) else [value]) for name, value in query.items())
    return [(name, as_text(name, one)) for name, values in each for one in values]
