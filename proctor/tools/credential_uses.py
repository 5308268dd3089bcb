"""Credentials of a call: resolved for its tool, and put where its contract says."""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote

import httpx

from proctor.contracts.credentials import Credentials, CredentialUse, Secret
from proctor.contracts.errors import InvalidInput, NotAuthorised
from proctor.contracts.tool import HttpImplementation, McpImplementation, McpServer, ToolContract
from proctor.tools.egress.settings import read_base

_PLACE = re.compile(r"\{(secret|basic)\}")
_NOT_IN_A_COOKIE: Final = frozenset('",;\\ ')
HTTP_PLACES: Final = frozenset({"header", "query", "cookie"})


@dataclass(frozen=True)
class PlacedSecrets:
    """What the credentials of one call come to, by place and name. Never shown."""

    header: Mapping[str, str] = field(default_factory=dict, repr=False)
    query: Mapping[str, str] = field(default_factory=dict, repr=False)
    cookie: Mapping[str, str] = field(default_factory=dict, repr=False)
    argument: Mapping[str, str] = field(default_factory=dict, repr=False)

    def put_into(self, url: httpx.URL, headers: httpx.Headers) -> httpx.URL:
        """Put header and cookie uses into the headers, over whatever stood there; gives the address with the query."""
        for name, value in self.header.items():
            headers[name] = value
        if self.cookie:
            own = [f"{name}={value}" for name, value in self.cookie.items()]
            headers["Cookie"] = "; ".join([*filter(None, [headers.get("Cookie", "")]), *own])
        added = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in self.query.items())
        if not added:
            return url
        query = "&".join(filter(None, [url.query.decode("ascii"), added]))
        return url.copy_with(raw_path=url.raw_path.partition(b"?")[0] + b"?" + query.encode("ascii"))


async def resolved(
    contract: ToolContract, credentials: Credentials | None, places: frozenset[str], origin: str = ""
) -> PlacedSecrets:
    """Resolve what the contract puts in these places, for a call that goes to `origin`.

    Raises what `Credentials.resolve` does, and `InvalidInput`.
    """
    found: dict[str, dict[str, str]] = {"header": {}, "query": {}, "cookie": {}, "argument": {}}
    for use in contract.credentials:
        place, _, name = use.at.partition(":")
        if place in places:
            found[place][name] = _fit(use, place, written(use, await resolve(use, contract, credentials, origin)))
    return PlacedSecrets(**found)


def origin_of(url: httpx.URL) -> str:
    """Give the origin of an address, without the scheme's own port."""
    return f"{url.scheme}://{url.netloc.decode('ascii')}"


def written_origin(contract: ToolContract) -> str | None:
    """Give where the calls of a contract go as it is written; empty where that cannot be told.

    None: a setting of its worker says so. Raises `InvalidInput` for an address that cannot be used.
    """
    match contract.implementation:
        case HttpImplementation(base_url=url) | McpImplementation(server=McpServer(url=url)) if url:
            return None if url.startswith("env:") else origin_of(httpx.URL(read_base(url).text))
    return ""


async def resolve(
    use: CredentialUse, contract: ToolContract, credentials: Credentials | None, origin: str = ""
) -> Secret:
    """Resolve one use for this tool. Raises what `Credentials.resolve` does."""
    if credentials is None:
        raise NotAuthorised(f"the credential {use.name} cannot be had here", hint="this worker has no credentials")
    return await credentials.resolve(use, contract.name, origin)


def written(use: CredentialUse, secret: Secret) -> str:
    """Write the secret in the form that the contract asks for."""
    value = secret.reveal()
    forms = {"secret": value, "basic": base64.b64encode(value.encode()).decode()}
    return _PLACE.sub(lambda found: forms[found[1]], use.form)


def foreign_places(contract: ToolContract, places: frozenset[str]) -> list[str]:
    """Say which uses the kind of this tool cannot place."""
    wrong = [use for use in contract.credentials if use.at and use.at.partition(":")[0] not in places]
    kind = "" if contract.implementation is None else contract.implementation.kind
    return [f"the credential {use.name} cannot go to {use.at}: this is a tool of kind {kind}" for use in wrong]


def _fit(use: CredentialUse, place: str, value: str) -> str:
    """Refuse what would end the header or the cookie; the message does not hold the value."""
    if place in {"header", "cookie"} and not (value.isascii() and value.isprintable()):
        raise InvalidInput(f"the credential {use.name} holds what a {place} cannot: printable ASCII only")
    if place == "cookie" and _NOT_IN_A_COOKIE.intersection(value):
        raise InvalidInput(f"the credential {use.name} holds what a cookie cannot")
    return value
