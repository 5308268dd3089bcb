"""Signing people in at the OIDC issuer: authorization code with PKCE (RFC 6749, 7636, 9207, 9700; OIDC Core 3.1)."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote_plus, urlencode, urlsplit

import httpx

from gateway.http.oidc import FETCH_TIMEOUT_S, LEEWAY_S, OidcVerifier, ask, moment_of
from gateway.http.settings import HttpSettings, is_loopback
from proctor.contracts.errors import NotAuthorised, Unavailable

CALLBACK: Final = "/login/oidc/callback"
"""Where the issuer sends browsers back to, below the public address."""
ID_TOKEN_TYPES: Final = frozenset({"", "jwt"})
"""An access token is no ID token, whoever signed it."""
LONGEST_CODE: Final = 4096


@dataclass(frozen=True)
class Secrets:
    """What binds one sign-in to one browser: each is known to nobody who does not have its cookie."""

    state: str
    nonce: str
    verifier: str = field(repr=False)
    """43 to 128 unreserved characters."""

    @property
    def challenge(self) -> str:
        """The verifier as the issuer hears of it first (S256)."""
        digest = hashlib.sha256(self.verifier.encode()).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


@dataclass(frozen=True)
class SignedIn:
    """Who signed in at the issuer. Its tokens are not kept."""

    subject: str
    """`ISSUER SUBJECT`."""
    authenticated_at: float | None
    """When the person last showed the issuer who they are, as far as it says, in seconds since the epoch."""

    def is_fresh(self, since: datetime) -> bool:
        """Whether the person showed who they are after `since`; an issuer that does not say is not believed."""
        at = self.authenticated_at
        return at is not None and since.timestamp() - LEEWAY_S <= at <= time.time() + LEEWAY_S


@dataclass(frozen=True)
class OidcClient:
    """The gateway as a client of the issuer: a confidential one with a secret, a public one without."""

    verifier: OidcVerifier
    """Of the issuer, for tokens whose audience is our client id."""
    secret: str = field(default="", repr=False)

    async def address(self, redirect_uri: str, secrets: Secrets, *, is_again: bool) -> str:
        """Give the address to send the browser to; `is_again`: the issuer must ask who it is, whatever it remembers.

        Raises:
            Unavailable: the issuer does not answer, or cannot be used.

        """
        found = await self.verifier.metadata()
        methods = found.get("code_challenge_methods_supported")
        if methods is not None and "S256" not in methods:
            raise Unavailable("the OIDC issuer does not take PKCE with S256", hint="sign in with your token")
        asked = {
            "response_type": "code",
            "client_id": self.verifier.audience,
            "redirect_uri": redirect_uri,
            "scope": "openid",
            "state": secrets.state,
            "nonce": secrets.nonce,
            "code_challenge": secrets.challenge,
            "code_challenge_method": "S256",
        }
        if is_again:
            asked |= {"prompt": "login", "max_age": "0"}
        place = _place(found, "authorization_endpoint")
        return f"{place}{'&' if urlsplit(place).query else '?'}{urlencode(asked)}"

    async def check_sender(self, issuer: str | None) -> None:
        """Compare the `iss` of an answer with our issuer (RFC 9207). Raises `NotAuthorised`, `Unavailable`."""
        found = await self.verifier.metadata()
        is_due = found.get("authorization_response_iss_parameter_supported") is True
        if (issuer is None and is_due) or (issuer is not None and issuer != self.verifier.issuer):
            raise NotAuthorised("this answer is not of our OIDC issuer", hint="sign in again")

    async def redeem(self, code: str, redirect_uri: str, secrets: Secrets) -> SignedIn:
        """Exchange the code that a browser brought back.

        Raises:
            NotAuthorised: the issuer does not take the code, or its ID token does not hold.
            Unavailable: it does not answer, or answers with something else.

        """
        if not code or len(code) > LONGEST_CODE:
            raise NotAuthorised("this answer has no code", hint="sign in again")
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": secrets.verifier,
        }
        claims = await self.verifier.claims_of(await self._id_token(form), ID_TOKEN_TYPES)
        self._check(claims, secrets.nonce)
        return SignedIn(f"{self.verifier.issuer} {claims['sub']}", moment_of(claims, "auth_time"))

    def _check(self, claims: Mapping[str, Any], nonce: str) -> None:
        """Check what ID tokens have beside the claims of every token (OIDC Core 3.1.3.7)."""
        audience, party = claims["aud"], claims.get("azp")
        has_more = isinstance(audience, list) and len(audience) > 1
        if (has_more or party is not None) and party != self.verifier.audience:
            raise _refused("was issued to another client")
        if moment_of(claims, "iat") is None:
            raise _refused("does not say when it was issued")
        said = claims.get("nonce")
        if not isinstance(said, str) or not hmac.compare_digest(said.encode("utf-8", "replace"), nonce.encode()):
            raise _refused("is not of this sign-in")

    async def _id_token(self, form: dict[str, str]) -> str:
        found = await self.verifier.metadata()
        more = self._authentication(found, form)
        try:
            status, body = await ask(
                self.verifier.client, "POST", _place(found, "token_endpoint"), timeout=FETCH_TIMEOUT_S, **more
            )
            answer = json.loads(body)
        except (httpx.HTTPError, TimeoutError, ValueError) as error:
            raise Unavailable(
                "the OIDC issuer does not answer", hint="try again, or sign in with your token"
            ) from error
        if not isinstance(answer, dict):
            answer = {}
        if status != httpx.codes.OK:
            raise _not_taken(answer.get("error"))
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise Unavailable("the OIDC issuer gave no ID token", hint="try again, or sign in with your token")
        return token

    def _authentication(self, found: Mapping[str, Any], form: dict[str, str]) -> dict[str, Any]:
        """Say who we are as the issuer takes it: in the header unless it takes it in the form alone."""
        known = self.verifier.audience
        if not self.secret:
            return {"data": {**form, "client_id": known}}
        taken = found.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        if "client_secret_basic" not in taken and "client_secret_post" in taken:
            return {"data": {**form, "client_id": known, "client_secret": self.secret}}
        return {"data": form, "auth": httpx.BasicAuth(quote_plus(known), quote_plus(self.secret))}


def open_sign_in(http: HttpSettings, client: httpx.AsyncClient) -> OidcClient | None:
    """Build the client that the settings say; None: people do not sign in at an issuer."""
    if not http.oidc_client_id:
        return None
    return OidcClient(OidcVerifier(http.oidc_issuer, http.oidc_client_id, client), http.oidc_client_secret)


def _place(found: Mapping[str, Any], name: str) -> str:
    """Give an endpoint. Raises `Unavailable` for one that would be spoken to in the clear."""
    text = found.get(name)
    try:
        parts = urlsplit(text if isinstance(text, str) else "")
        host, is_plain = parts.hostname or "", not (parts.fragment or parts.username or parts.password)
        is_safe = bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host)))
    except ValueError:
        is_safe = is_plain = False
    if not is_safe or not is_plain:
        raise Unavailable(f"the OIDC issuer names no {name} that can be used", hint="sign in with your token")
    return str(text)


def _not_taken(error: object) -> NotAuthorised | Unavailable:
    if error == "invalid_grant":
        return NotAuthorised(
            "the OIDC issuer did not take this sign-in", hint="it is good once and not for long: again"
        )
    if error in {"invalid_client", "unauthorized_client"}:
        hint = "whoever runs the gateway checks PROCTOR_OIDC_CLIENT_ID and its secret"
        return Unavailable("the OIDC issuer does not know this gateway", hint=hint)
    return Unavailable("the OIDC issuer did not answer as it should", hint="try again, or sign in with your token")


def _refused(why: str) -> NotAuthorised:
    return NotAuthorised(f"this ID token {why}", hint="sign in again")
