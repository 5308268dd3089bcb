"""Bearer tokens of an OIDC issuer: signed by a key that it publishes, then every claim (RFC 7519, 8725, 9068)."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, RSAKey
from joserfc.jws import extract_compact

from gateway.http.settings import is_loopback
from proctor.contracts.errors import NotAuthorised, Unavailable

ALGORITHMS: Final = ("RS256", "ES256")
"""Asymmetric ones alone: with a symmetric one, the issuer's public key would be taken for a secret."""
TYPES: Final = frozenset({"", "jwt", "at+jwt", "application/at+jwt"})
LONGEST_TOKEN: Final = 8192
LEEWAY_S: Final = 30
FRESH_S: Final = 600.0
"""How long published keys are used without asking again."""
STALE_S: Final = 3600.0
"""How long they are used while the issuer does not answer."""
ASK_AGAIN_S: Final = 15.0
"""Pause between questions, however many tokens name keys that we do not know."""
FETCH_TIMEOUT_S: Final = 4.0
LARGEST_ANSWER: Final = 262_144
SMALLEST_RSA_BITS: Final = 2048


@dataclass
class OidcVerifier:
    """Verifies tokens of one issuer for one audience."""

    issuer: str
    audience: str
    client: httpx.AsyncClient
    clock: Callable[[], float] = time.monotonic
    _keys: dict[str, RSAKey | ECKey] = field(default_factory=dict)
    _found: Mapping[str, Any] = field(default_factory=dict)
    _fetched_at: float | None = None
    _asked_at: float | None = None
    _asking: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def subject_of(self, token: str) -> str:
        """Give `ISSUER SUBJECT` of a token that holds. Raises as `claims_of`."""
        return f"{self.issuer} {(await self.claims_of(token))['sub']}"

    async def claims_of(self, token: str, types: frozenset[str] = TYPES) -> dict[str, Any]:
        """Give the claims of a token that holds and is of one of the types.

        Raises:
            NotAuthorised: it does not hold; the message says no more than that to whoever sent it.
            Unavailable: the issuer's keys were never read, or too long ago, and it does not answer.

        """
        if len(token) > LONGEST_TOKEN:
            raise _refused("is too long")
        key_id, algorithm = _header(token, types)
        key = await self._key(key_id)
        try:
            claims = jwt.decode(token, key, algorithms=[algorithm]).claims  # refuses a key of another algorithm, too
        except (JoseError, ValueError) as error:
            raise _refused("is not signed by its issuer") from error
        self._check(claims)
        return claims

    async def metadata(self) -> Mapping[str, Any]:
        """Give what the issuer says of itself. Raises `Unavailable`."""
        if self._age() > FRESH_S:
            await self._refresh()
        if self._age() > STALE_S:
            raise Unavailable("the OIDC issuer does not answer", hint="try again, or sign in with your token")
        return self._found

    def _check(self, claims: dict[str, Any]) -> None:
        now = time.time()
        audience = claims.get("aud")
        audiences = audience if isinstance(audience, list) else [audience]
        subject = claims.get("sub")
        if claims.get("iss") != self.issuer or self.audience not in audiences:
            raise _refused("is not for us")
        if not isinstance(subject, str) or not subject or not subject.isprintable() or " " in subject:
            raise _refused("has no subject")
        expires, begins, issued = (moment_of(claims, name) for name in ("exp", "nbf", "iat"))
        if expires is None or expires + LEEWAY_S <= now:
            raise _refused("has expired")
        if any(moment is not None and moment - LEEWAY_S > now for moment in (begins, issued)):
            raise _refused("is not valid yet")

    async def _key(self, key_id: str) -> RSAKey | ECKey:
        if key_id not in self._keys or self._age() > FRESH_S:
            await self._refresh()
        if self._age() > STALE_S:
            raise Unavailable("the issuer of OIDC tokens does not answer", hint="try again, or use an API key")
        # Who publishes one key alone need not name it (OIDC Core 10.1).
        found = self._keys.get(key_id) if key_id else next(iter(self._keys.values())) if len(self._keys) == 1 else None
        if found is None:
            raise _refused("names a key that its issuer does not publish")
        return found

    def _age(self) -> float:
        return float("inf") if self._fetched_at is None else self.clock() - self._fetched_at

    async def _refresh(self) -> None:
        async with self._asking:  # One question for all who wait.
            if self._asked_at is not None and self.clock() - self._asked_at < ASK_AGAIN_S:
                return
            self._asked_at = self.clock()
            try:
                async with asyncio.timeout(2 * FETCH_TIMEOUT_S):
                    self._keys = _usable(await self._published())
                self._fetched_at = self.clock()
            except (httpx.HTTPError, TimeoutError, ValueError, KeyError, TypeError, JoseError):
                return  # Keys that we have stay in use until they are stale.

    async def _published(self) -> list[Any]:
        found = dict(await self._fetch(f"{self.issuer}/.well-known/openid-configuration"))
        if found["issuer"] != self.issuer:
            raise ValueError("the discovery document is of another issuer")
        place = urlsplit(str(found["jwks_uri"]))
        if place.scheme != "https" and not (place.scheme == "http" and is_loopback(place.hostname or "")):
            raise ValueError("keys are fetched over https alone")
        keys = list((await self._fetch(str(found["jwks_uri"])))["keys"])
        self._found = found
        return keys

    async def _fetch(self, url: str) -> Any:
        status, body = await ask(self.client, "GET", url, timeout=FETCH_TIMEOUT_S)
        if status != httpx.codes.OK:
            raise ValueError(f"{url} answers {status}")
        return httpx.Response(httpx.codes.OK, content=body).json()


async def ask(client: httpx.AsyncClient, method: str, url: str, **more: Any) -> tuple[int, bytes]:
    """Give status and body of an answer, following no redirect.

    Raises:
        ValueError: it is larger than what any issuer has to say.
        TimeoutError: it comes too slowly. `httpx.HTTPError`.

    """
    body = b""
    async with (
        asyncio.timeout(2 * FETCH_TIMEOUT_S),
        client.stream(method, url, follow_redirects=False, **more) as answer,
    ):
        async for chunk in answer.aiter_bytes():
            body += chunk
            if len(body) > LARGEST_ANSWER:
                raise ValueError(f"{url} answers too much")
        return answer.status_code, body


def _header(token: str, types: frozenset[str]) -> tuple[str, str]:
    """Read the key's id, empty where there is none, and the algorithm, without believing either."""
    try:
        header = extract_compact(token.encode()).headers()
    except (JoseError, ValueError, TypeError) as error:
        raise _refused("cannot be read") from error
    key_id, algorithm, kind = header.get("kid", ""), header.get("alg"), header.get("typ", "")
    if algorithm not in ALGORITHMS:
        raise _refused("is not signed by a kind of key that we take")
    if not isinstance(key_id, str) or not isinstance(kind, str) or kind.lower() not in types or "crit" in header:
        raise _refused("is of a kind that we do not take")
    return key_id, str(algorithm)


def _usable(published: list[Any]) -> dict[str, RSAKey | ECKey]:
    """Keep the keys that may sign tokens, by id; one that cannot be read spoils no other."""
    found: dict[str, RSAKey | ECKey] = {}
    for one in published:
        if not isinstance(one, dict) or one.get("use", "sig") != "sig" or not isinstance(one.get("kid"), str):
            continue
        try:
            key = KeySet.import_key_set({"keys": [one]}).keys[0]
        except (JoseError, ValueError, TypeError, KeyError):
            continue
        if isinstance(key, RSAKey) and one.get("alg", "RS256") == "RS256":
            if key.raw_value.key_size >= SMALLEST_RSA_BITS:
                found[one["kid"]] = key
        elif isinstance(key, ECKey) and one.get("crv") == "P-256" and one.get("alg", "ES256") == "ES256":
            found[one["kid"]] = key
    return found


def moment_of(claims: Mapping[str, Any], name: str) -> float | None:
    """Give a claim in seconds since the epoch; None: the token does not have it. Raises `NotAuthorised`."""
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not -1e12 < value < 1e12:  # noqa: PLR2004
        raise _refused(f"has no usable {name}")
    return float(value)


def _refused(why: str) -> NotAuthorised:
    return NotAuthorised(f"this token {why}", hint="sign in again at its issuer")
