"""The front of one person over a gateway's REST interface: what commands use when `PROCTOR_URL` is set."""

import ipaddress
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar
from urllib.parse import quote, urlsplit

import httpx
from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_json

from gateway.problems import MEDIA_TYPE, Problem, error_of
from gateway.remote_control import RemoteControl
from gateway.remote_people import RemotePeople
from gateway.remote_runs import RemoteRuns
from proctor.contracts.canonical import summarize
from proctor.contracts.errors import InvalidInput, ProctorError, Unavailable
from proctor.contracts.human import Principal

T = TypeVar("T")

CONNECT_S: Final = 5.0
ANSWER_S: Final = 90.0
"""A kill and an undo may wait a minute for runs to end before they are answered."""


class Link:
    """Speaks to one gateway, as one person. Every failure is an error of ours."""

    def __init__(self, url: str, client: httpx.AsyncClient) -> None:
        """Take a client that carries the person's token."""
        self.url, self._client = url, client

    async def get(self, form: type[T], *path: str, **query: Any) -> T:
        """Ask for something; `path` is what stands behind `/v1`, part by part."""
        given = {name: value for name, value in query.items() if value is not None}
        return self._read(form, await self._send("GET", path, params=given))

    async def post(self, form: type[T], *path: str, body: Any, headers: Mapping[str, str] | None = None) -> T:
        """Order something."""
        told = {"content-type": "application/json", **(headers or {})}
        return self._read(form, await self._send("POST", path, content=to_json(body), headers=told))

    async def delete(self, form: type[T], *path: str, **query: Any) -> T:
        """Take something away."""
        return self._read(form, await self._send("DELETE", path, params=query))

    async def _send(self, method: str, path: Sequence[str], **more: Any) -> httpx.Response:
        where = "/".join(quote(part, safe="") for part in path)
        try:
            answer = await self._client.request(method, f"/v1/{where}", **more)
        except httpx.TimeoutException as error:
            raise Unavailable(f"the gateway at {self.url} gives no answer in time", hint="try again") from error
        except httpx.HTTPError as error:
            raise Unavailable(
                f"the gateway at {self.url} cannot be reached: {summarize(str(error)) or type(error).__name__}",
                hint="check PROCTOR_URL, and that `proctor gateway` runs there",
            ) from error
        if answer.is_success and _type_of(answer) == "application/json":
            return answer
        raise self._error(answer)

    def _error(self, answer: httpx.Response) -> ProctorError:
        if _type_of(answer) == MEDIA_TYPE:
            try:
                return error_of(Problem.model_validate_json(answer.content))
            except ValidationError:
                return self._other_version()
        return Unavailable(
            f"what answers at {self.url} is not a Proctor gateway ({answer.status_code} {answer.reason_phrase})",
            hint="check PROCTOR_URL: scheme, host and port, without /v1",
        )

    def _read(self, form: type[T], answer: httpx.Response) -> T:
        try:
            found: T = TypeAdapter(form).validate_json(answer.content)
        except ValidationError as error:
            raise self._other_version() from error
        return found

    def _other_version(self) -> ProctorError:
        return Unavailable(
            f"the gateway at {self.url} answers in a form that this command does not know",
            hint="it is of another version: use the command of the same one (`proctor version`)",
        )


class RemoteFront(RemoteRuns, RemotePeople, RemoteControl):
    """Implements `Front` over REST; errors are those that the services raise."""

    def __init__(self, link: Link, principal: Principal) -> None:
        """Act as `principal`, whom the gateway took the token for."""
        super().__init__(link)
        self.principal = principal

    @property
    def link(self) -> Link:
        """For what a gateway does and a front does not have: webhooks, hooks, schedules."""
        return self._link


@asynccontextmanager
async def open_remote(url: str, token: str) -> AsyncIterator[RemoteFront]:
    """Sign in at a gateway.

    Raises:
        InvalidInput: the address cannot be used, or would show the token to the network.
        NotAuthorised: the gateway does not take the token. `Unavailable`: it does not answer.

    """
    check_address(url)
    base = url.rstrip("/")
    limits = httpx.Timeout(ANSWER_S, connect=CONNECT_S)
    headers = {"authorization": f"Bearer {token}", "accept": "application/json"}
    # Redirects are not followed: the token goes to the address that was named, and nowhere else.
    # Without TLS it goes to this machine alone, and to no proxy that the environment names.
    is_tls = urlsplit(base).scheme == "https"
    async with httpx.AsyncClient(
        base_url=base, headers=headers, timeout=limits, follow_redirects=False, trust_env=is_tls
    ) as client:
        link = Link(base, client)
        yield RemoteFront(link, await link.get(Principal, "me"))


def _type_of(answer: httpx.Response) -> str:
    return str(answer.headers.get("content-type", "")).split(";", maxsplit=1)[0]


def check_address(url: str) -> None:
    """Refuse an address that is none, and one that would send the token unencrypted over a network."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment or parts.username:
        raise InvalidInput(f"PROCTOR_URL is not an address: {url!r}", hint="use https://HOST[:PORT]")
    if parts.scheme == "http" and not _is_here(parts.hostname):
        raise InvalidInput(
            f"PROCTOR_URL would send your token unencrypted to {parts.hostname}", hint="use https://, or a tunnel"
        )


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
