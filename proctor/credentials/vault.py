"""Vault and OpenBao over their HTTP API: KV version 2, and dynamic secrets with a lease.

https://developer.hashicorp.com/vault/api-docs, https://openbao.org/api-docs/: `secret/data/…`, `…/creds/…`,
`auth/approle/login`, `sys/leases/renew`, `sys/leases/revoke`.
"""

import asyncio
import re
import ssl
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote

import httpx

from proctor.contracts.credential_sources import AppRole, OwnSource, VaultAccess, VaultSource
from proctor.contracts.credentials import Secret
from proctor.contracts.errors import InvalidInput, NotAuthorised, ProctorError, Unavailable

_SPENT: Final = 2 / 3
"""A lease or token is renewed, or replaced, once this part of it is over."""

_FIELD = re.compile(r"\{(\w+)\}", re.ASCII)

Clock = Callable[[], datetime]
ReadOwn = Callable[[OwnSource], Awaitable[str]]
"""Reads the worker's own key to Vault."""


@dataclass(frozen=True)
class _Lease:
    data: Mapping[str, Any] = field(repr=False)
    id: str
    began_at: datetime
    duration_s: float

    @property
    def ends_at(self) -> datetime:
        return self.began_at + timedelta(seconds=self.duration_s)

    def is_fresh(self, now: datetime) -> bool:
        return now < self.began_at + timedelta(seconds=self.duration_s * _SPENT)


class Vault:
    """Asks the configured address and no other: no proxies, no redirects. Answers are never quoted in errors."""

    def __init__(self, access: VaultAccess, read_own: ReadOwn, now: Clock, remember: Callable[[str], None]) -> None:
        """Take where Vault is; each token that it gives goes to `remember`."""
        self._access, self._read_own, self._now, self._remember = access, read_own, now, remember
        self._opened: httpx.AsyncClient | None = None
        self._login: _Lease | None = None
        self._leases: dict[str, _Lease] = {}

    async def fetch(self, source: VaultSource, scope: str) -> Secret:
        """Give a secret, with the end of its lease where it has one.

        Raises `NotAuthorised` when Vault refuses it to this worker, `Unavailable` when it does not answer or has none.
        """
        below = source.path.replace("{scope}", quote(scope, safe=""))
        path = f"{source.mount}/{below}"
        if source.engine == "dynamic":
            lease = await self._lease(path)
            ends = lease.ends_at if self._login is None else min(lease.ends_at, self._login.ends_at)
            return Secret(_value(source, lease.data, path), ends)
        data = (await self._ask("GET", f"{source.mount}/data/{below}")).get("data")
        return Secret(_value(source, data.get("data") if isinstance(data, dict) else None, path))

    async def aclose(self) -> None:
        """Revoke the leases and the login that are left, as far as Vault answers, and close the connections."""
        leases, self._leases = list(self._leases.values()), {}
        with suppress(ProctorError):
            for lease in leases:
                await self._ask("PUT", "sys/leases/revoke", {"lease_id": lease.id})
            if self._login is not None:
                await self._ask("POST", "auth/token/revoke-self")
        if self._opened is not None:
            await self._opened.aclose()

    async def _lease(self, path: str) -> _Lease:
        held = self._leases.get(path)
        if held is not None and held.is_fresh(self._now()):
            return held
        lease = await self._renewed(held) if held is not None else None
        if lease is None:
            lease = self._read_lease(await self._ask("GET", path), path)
        if lease.id:
            self._leases[path] = lease
        return lease

    async def _renewed(self, held: _Lease) -> _Lease | None:
        """Renew a lease; None when it cannot be, or not for long enough (its role has a largest life)."""
        order = {"lease_id": held.id, "increment": int(held.duration_s)}
        began = self._now()
        try:
            answer = await self._ask("PUT", "sys/leases/renew", order)
        except ProctorError:
            return None
        duration = _seconds(answer.get("lease_duration"))
        return _Lease(held.data, held.id, began, duration) if duration >= held.duration_s / 2 else None

    def _read_lease(self, answer: Mapping[str, Any], path: str) -> _Lease:
        data, lease_id = answer.get("data"), answer.get("lease_id")
        if not isinstance(data, dict) or not isinstance(lease_id, str):
            raise Unavailable(f"Vault gave no lease for {path}")
        return _Lease(data, lease_id, self._now(), _seconds(answer.get("lease_duration")))

    async def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
        answer = await self._send(method, path, body, await self._token())
        if answer.status_code == HTTPStatus.FORBIDDEN:
            # A token that was revoked or has ended before its time: log in again, once.
            self._login = None
            answer = await self._send(method, path, body, await self._token())
        return _read(answer, path)

    async def _token(self) -> str:
        if self._access.token is not None:
            return await self._read_own(self._access.token)
        assert self._access.approle is not None
        if self._login is None or not self._login.is_fresh(self._now()):
            self._login = await self._log_in(self._access.approle)
            # Leases end with the token that they were given to: the next call needs new ones.
            self._leases.clear()
        return str(self._login.data["client_token"])

    async def _log_in(self, role: AppRole) -> _Lease:
        role_id, secret_id = await asyncio.gather(self._read_own(role.role_id), self._read_own(role.secret_id))
        path, began = f"auth/{role.mount}/login", self._now()
        body = {"role_id": role_id, "secret_id": secret_id}
        found = _read(await self._send("POST", path, body, token=""), path).get("auth")
        if not isinstance(found, dict) or not isinstance(found.get("client_token"), str):
            raise Unavailable("Vault's answer to the login holds no token")
        self._remember(found["client_token"])
        return _Lease(found, "", began, _seconds(found.get("lease_duration")))

    async def _send(self, method: str, path: str, body: Mapping[str, Any] | None, token: str) -> httpx.Response:
        headers = {"X-Vault-Token": token} if token else {}
        if self._access.namespace:
            headers["X-Vault-Namespace"] = self._access.namespace
        try:
            return await self._client.request(method, f"/v1/{path}", json=body, headers=headers)
        except (httpx.HTTPError, ValueError) as error:
            raise Unavailable(f"Vault does not answer: {type(error).__name__}") from None

    @property
    def _client(self) -> httpx.AsyncClient:
        if self._opened is None:
            self._opened = httpx.AsyncClient(
                base_url=self._access.address,
                trust_env=False,
                follow_redirects=False,
                timeout=self._access.timeout_s,
                verify=_trust(self._access),
            )
        return self._opened


def _trust(access: VaultAccess) -> ssl.SSLContext:
    if access.ca_file is None:
        return httpx.create_ssl_context(trust_env=False)
    try:
        return ssl.create_default_context(cafile=str(access.ca_file))
    except (OSError, ssl.SSLError):
        raise InvalidInput(f"the certificates of Vault in {access.ca_file} cannot be used") from None


def _read(answer: httpx.Response, path: str) -> Mapping[str, Any]:
    if answer.status_code == HTTPStatus.FORBIDDEN:
        raise NotAuthorised(f"Vault refuses {path} to this worker", hint="check the policy of its token or role")
    if answer.status_code == HTTPStatus.NOT_FOUND:
        raise Unavailable(f"Vault has nothing at {path}")
    if answer.status_code == HTTPStatus.NO_CONTENT:
        return {}
    try:
        found = answer.json() if answer.status_code == HTTPStatus.OK else None
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise Unavailable(f"Vault answered {path} with {answer.status_code}")
    return found


def _value(source: VaultSource, data: object, path: str) -> str:
    def filled(found: re.Match[str]) -> str:
        value = data.get(found[1]) if isinstance(data, dict) else None
        if not isinstance(value, str) or not value:
            raise Unavailable(f"the secret at {path} has no field {found[1]}")
        return value

    return _FIELD.sub(filled, source.value)


def _seconds(value: object) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and value > 0 else 0.0
