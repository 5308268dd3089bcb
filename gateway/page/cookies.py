"""The cookie of a session, and the tokens that bind a form to it."""

import hashlib
import hmac
import secrets
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from proctor.contracts.session_ports import SESSION_S

LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
_NAME, _VISIT = "proctor_session", "proctor_visit"
_LONGEST: Final = 200


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


def keep_session(request: Request, response: Response, secret: str) -> None:
    """Give the browser the session's cookie, in the place of whatever it had."""
    _set(request, response, _NAME, secret, int(SESSION_S))
    response.delete_cookie(_name(request, _VISIT), path="/", secure=_is_secure(request), httponly=True)


def keep_visit(request: Request, response: Response, secret: str) -> None:
    """Give the browser what its sign-in form is bound to."""
    _set(request, response, _VISIT, secret, 3600)


def forget_session(request: Request, response: Response) -> None:
    """Take the session's cookie back."""
    response.delete_cookie(
        _name(request, _NAME), path="/", secure=_is_secure(request), httponly=True, samesite="strict"
    )


def _set(request: Request, response: Response, name: str, secret: str, for_s: int) -> None:
    response.set_cookie(
        _name(request, name),
        secret,
        max_age=for_s,
        path="/",
        secure=_is_secure(request),
        httponly=True,
        samesite="strict",
    )


def _read(request: Request, name: str) -> str | None:
    value = request.cookies.get(_name(request, name))
    return value if value and len(value) <= _LONGEST else None


def _name(request: Request, name: str) -> str:
    return f"__Host-{name}" if _is_secure(request) else name


def _is_secure(request: Request) -> bool:
    """Whether cookies go over TLS alone: everywhere but on this machine itself."""
    return request.url.scheme == "https" or (request.url.hostname or "") not in LOOPBACK
