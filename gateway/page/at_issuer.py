"""Signing in at the OIDC issuer, and showing there again who one is. Nothing is decided by coming back."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from gateway.http.oidc_client import CALLBACK, OidcClient, Secrets, SignedIn
from gateway.http.rates import TooManyRequests
from gateway.page.answers import HEADERS, page, see_other
from gateway.page.cookies import (
    forget_sign_in,
    form_token,
    hash_of,
    is_form_token,
    keep_proof,
    keep_session,
    keep_sign_in,
    new_secret,
    proof_secret,
    session_secret,
    sign_in_secrets,
)
from gateway.page.signing_in import own_path
from gateway.page.visits import PageParts, Visit, address_of, problem, too_many
from proctor.contracts.errors import InvalidInput, NotAuthorised, ProctorError, UnknownName
from proctor.contracts.session_ports import BegunSignIn, Credential, SignIn

BEGIN: Final = "/login/oidc"
STATE: Final = "oidc state"
_LOST: Final = "this sign-in was not begun in this browser, or too long ago, or it came back already"


@dataclass(frozen=True)
class AtIssuer:
    """The two steps of signing in at the issuer: the way there, and the way back."""

    parts: PageParts

    async def begin(self, request: Request) -> Response:
        """Send the browser to the issuer."""
        return await _told(request, self._begin)

    async def come_back(self, request: Request) -> Response:
        """Take the browser back: signed in, or with a session that is fresh again."""
        return await _told(request, self._come_back)

    async def _begin(self, request: Request) -> Response:
        client, after = self._client(), own_path(request.query_params.get("next", ""))
        self.parts.rates.count_sign_in(address_of(request))
        had, is_again = session_secret(request), request.query_params.get("again") == "1"
        if is_again and not await self._is_at_issuer(had):
            return see_other(after)
        secret = new_secret()
        address = await client.address(self._redirect_uri, _secrets(secret), is_again=is_again)
        begun = SignIn(after=after, session_sha256=None if had is None else hash_of(had), is_again=is_again)
        await self.parts.gateway.store.web_sessions.begin_sign_in(begun, hash_of(secret))
        answer = RedirectResponse(address, status_code=303, headers=HEADERS)
        keep_sign_in(request, answer, secret)
        return answer

    async def _come_back(self, request: Request) -> Response:
        client, said, begun_here = self._client(), _said(request), sign_in_secrets(request)
        secret = next((one for one in begun_here if is_form_token(said.get("state", ""), one, STATE)), "")
        if not secret:
            raise NotAuthorised(_LOST, hint="sign in again")
        self.parts.rates.check_login(address_of(request), secret)
        begun = await self.parts.gateway.store.web_sessions.take_sign_in(hash_of(secret))
        if begun is None:
            raise NotAuthorised(_LOST, hint="sign in again")
        await client.check_sender(said.get("iss"))
        if "error" in said:
            raise _error_of(said["error"])
        try:
            signed_in = await client.redeem(said.get("code", ""), self._redirect_uri, _secrets(secret))
            answer = await (self._refresh if begun.is_again else self._enter)(request, begun, signed_in)
        except NotAuthorised:
            self.parts.rates.note_login(address_of(request), secret, is_good=False)
            raise
        forget_sign_in(request, answer, secret)
        return answer

    async def _enter(self, request: Request, begun: BegunSignIn, signed_in: SignedIn) -> Response:
        """Begin a session with a fresh secret, and end the one that the browser had."""
        store, secret = self.parts.gateway.store, new_secret()
        principal = await store.identities.principal_of("oidc", signed_in.subject)
        if principal is None:
            hint = f"an owner links this subject to a principal: {signed_in.subject}"
            raise NotAuthorised("you are signed in at your organisation, but are nobody here yet", hint=hint)
        credential, is_fresh = Credential(kind="oidc", reference=signed_in.subject), signed_in.is_fresh(begun.begun_at)
        await store.web_sessions.open(principal.name, credential, hash_of(secret), is_fresh=is_fresh)
        if begun.session_sha256 is not None:
            await store.web_sessions.end(begun.session_sha256)
        answer = _arrive(begun)
        keep_session(request, answer, secret)
        return answer

    async def _refresh(self, request: Request, begun: BegunSignIn, signed_in: SignedIn) -> Response:
        """Note that the person of a session showed who they are, if the issuer says that they did so just now."""
        sessions, known = self.parts.gateway.store.web_sessions, begun.session_sha256 or ""
        session, proof = await sessions.find(known), new_secret()
        if session is None:
            raise NotAuthorised("your session has ended", hint="sign in again")
        if (session.credential.kind, session.credential.reference) != ("oidc", signed_in.subject):
            raise NotAuthorised("that is somebody else's sign-in", hint=f"sign in as {session.principal.name}")
        if not signed_in.is_fresh(begun.begun_at):
            hint = "its answer has no new auth_time: use your token, or `proctor approve`"
            raise NotAuthorised("your organisation does not say that it asked you again just now", hint=hint)
        if await sessions.refresh(known, hash_of(proof)) is None:
            raise NotAuthorised("your session has ended", hint="sign in again")
        answer = _arrive(begun)
        keep_proof(request, answer, proof)
        return answer

    async def _is_at_issuer(self, secret: str | None) -> bool:
        session = None if secret is None else await self.parts.gateway.store.web_sessions.find(hash_of(secret))
        return session is not None and session.credential.kind == "oidc"

    @property
    def _redirect_uri(self) -> str:
        return f"{self.parts.public_url}{CALLBACK}"

    def _client(self) -> OidcClient:
        if self.parts.sign_in is None:
            raise UnknownName("nobody signs in at an OIDC issuer here", hint="sign in with your token or an API key")
        return self.parts.sign_in


async def spend_proof(visit: Visit) -> None:
    """Use up what a browser got that came back from the issuer a moment ago. Raises `NotAuthorised`."""
    proof = proof_secret(visit.request)
    sessions = visit.parts.gateway.store.web_sessions
    if proof is None or not await sessions.spend_proof(hash_of(visit.secret), hash_of(proof)):
        raise NotAuthorised("this takes a new sign-in at your organisation, each time", hint="sign in again below")


async def _told(request: Request, work: Callable[[Request], Awaitable[Response]]) -> Response:
    try:
        return await work(request)
    except ProctorError as error:
        return problem(error)
    except TooManyRequests as error:
        return too_many(error)


def _said(request: Request) -> dict[str, str]:
    """Read what the issuer let the browser bring. Raises `InvalidInput` where a parameter occurs twice."""
    found = request.query_params.multi_items()
    said = dict(found)
    if len(said) != len(found):
        raise InvalidInput("a parameter of this answer occurs twice", hint="sign in again")
    return said


def _secrets(secret: str) -> Secrets:
    """Derive all that binds a sign-in from the secret in the browser's cookie: none of it is kept by us."""
    return Secrets(form_token(secret, STATE), form_token(secret, "oidc nonce"), form_token(secret, "oidc verifier"))


def _arrive(begun: BegunSignIn) -> Response:
    """Go on by a step of our own: a strict cookie is not sent with a redirect that began at the issuer."""
    return page("arrive.html", path=own_path(begun.after))


def _error_of(error: str) -> NotAuthorised:
    if error == "access_denied":
        return NotAuthorised("your organisation did not let you in, or you went back", hint="sign in again")
    return NotAuthorised(f"your organisation's sign-in ended with `{error[:60]}`", hint="try again")
