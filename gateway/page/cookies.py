"""The cookie of a session, and the tokens that bind a form to it."""

import hashlib
import hmac
import secrets
from typing import Final, Literal

from starlette.requests import Request
from starlette.responses import Response

from proctor.contracts.session_ports import FRESH_S, SESSION_S, SIGN_IN_S

LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
_NAME, _VISIT = "proctor_session", "proctor_visit"
_SIGN_IN, _PROOF = "proctor_sign_in", "proctor_proof"
_LONGEST: Final = 200
_MOST_SIGN_INS: Final = 4
"""At the issuer at once, in tabs of one browser; a further one takes the oldest one's place."""


def new_secret() -> str:
    """Make the secret of a session, or of a visit before it."""
    return secrets.token_urlsafe(32)


def hash_of(secret: str) -> str:
    """Take the hash by which the store knows a secret."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def form_token(secret: str, what: str = "form") -> str:
    """Give the token that forms of a session carry; who has not the cookie cannot make it."""
    return hmac.new(secret.encode("utf-8", "surrogatepass"), what.encode(), hashlib.sha256).hexdigest()


def is_form_token(token: str, secret: str, what: str = "form") -> bool:
    """Compare a form's token, in constant time."""
    return hmac.compare_digest(token.encode("utf-8", "surrogatepass"), form_token(secret, what).encode())


def session_secret(request: Request) -> str | None:
    """Read the secret of the session's cookie."""
    return _read(request, _NAME)


def visit_secret(request: Request) -> str | None:
    """Read the secret that a visitor has before signing in."""
    return _read(request, _VISIT)


def sign_in_secrets(request: Request) -> list[str]:
    """Read the secrets of the sign-ins at the OIDC issuer that this browser began, oldest first: one for each tab."""
    return (_read(request, _SIGN_IN) or "").split(".")


def proof_secret(request: Request) -> str | None:
    """Read what this browser got when its session was made fresh at the issuer."""
    return _read(request, _PROOF)


def keep_session(request: Request, response: Response, secret: str) -> None:
    """Give the browser the session's cookie, in the place of whatever it had."""
    _set(request, response, _NAME, secret, int(SESSION_S))
    _forget(request, response, _VISIT)


def keep_visit(request: Request, response: Response, secret: str) -> None:
    """Give the browser what its sign-in form is bound to."""
    _set(request, response, _VISIT, secret, 3600)


def keep_sign_in(request: Request, response: Response, secret: str) -> None:
    """Give the browser what its sign-in at the issuer is bound to: it comes with the link back from there."""
    _set_sign_ins(request, response, [*sign_in_secrets(request), secret])


def keep_proof(request: Request, response: Response, secret: str) -> None:
    """Give the browser what shows that it came from the issuer a moment ago."""
    _set(request, response, _PROOF, secret, int(FRESH_S))


def forget_session(request: Request, response: Response) -> None:
    """Take the session's cookie back."""
    _forget(request, response, _NAME)


def forget_sign_in(request: Request, response: Response, secret: str) -> None:
    """Take back what one sign-in was bound to; those of other tabs stay."""
    _set_sign_ins(request, response, [one for one in sign_in_secrets(request) if one != secret])


def forget_proof(request: Request, response: Response) -> None:
    """Take back what was spent."""
    _forget(request, response, _PROOF)


def _set_sign_ins(request: Request, response: Response, secrets: list[str]) -> None:
    kept = ".".join(list(filter(None, secrets))[-_MOST_SIGN_INS:])
    if kept:
        _set(request, response, _SIGN_IN, kept, int(SIGN_IN_S), samesite="lax")
    else:
        _forget(request, response, _SIGN_IN)


def _forget(request: Request, response: Response, name: str) -> None:
    response.delete_cookie(_name(request, name), path="/", secure=_is_secure(request), httponly=True, samesite="strict")


def _set(
    request: Request,
    response: Response,
    name: str,
    secret: str,
    for_s: int,
    *,
    samesite: Literal["strict", "lax"] = "strict",
) -> None:
    response.set_cookie(
        _name(request, name),
        secret,
        max_age=for_s,
        path="/",
        secure=_is_secure(request),
        httponly=True,
        samesite=samesite,
    )


def _read(request: Request, name: str) -> str | None:
    value = request.cookies.get(_name(request, name))
    return value if value and len(value) <= _LONGEST else None


def _name(request: Request, name: str) -> str:
    return f"__Host-{name}" if _is_secure(request) else name


def _is_secure(request: Request) -> bool:
    """Whether cookies go over TLS alone: everywhere but on this machine itself."""
    return request.url.scheme == "https" or (request.url.hostname or "") not in LOOPBACK
