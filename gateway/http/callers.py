"""Who calls, as a dependency of routes; and the front that acts for them."""

from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from gateway.front import Front
from gateway.http.parts import HttpParts
from proctor.contracts.errors import NotAuthorised
from proctor.contracts.human import Principal

_bearer = HTTPBearer(
    auto_error=False,
    scheme_name="bearer",
    description="An API key (`pk_…`), a principal's token, or a token of the OIDC issuer.",
)


class NotAuthenticated(Exception):
    """Nobody is signed in."""

    def __init__(self, error: NotAuthorised) -> None:
        """Carry why."""
        self.error = error
        super().__init__(error.message)


def parts_of(request: Request) -> HttpParts:
    """Give the parts that this application was built from."""
    parts: HttpParts = request.app.state.parts
    return parts


async def caller(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)] = None
) -> Principal:
    """Authenticate the caller and count the request.

    Raises:
        NotAuthenticated: no credential, or one that lets nobody in. `TooManyRequests`, `Unavailable`.

    """
    parts = parts_of(request)
    if credentials is None:
        raise NotAuthenticated(NotAuthorised("nobody is signed in", hint="send Authorization: Bearer TOKEN"))
    try:
        principal = await parts.login.principal_of(credentials.credentials, address_of(request))
    except NotAuthorised as error:
        parts.metrics.login_refused()
        raise NotAuthenticated(error) from error
    parts.rates.count_request(principal.name)
    return principal


def address_of(request: Request) -> str:
    """Give the address that a request came from: the client's behind a proxy that we believe."""
    return request.client.host if request.client is not None else "unknown"


Caller = Annotated[Principal, Depends(caller)]
"""Declares a route's caller: `async def route(who: Caller)`."""


async def front(request: Request, principal: Caller) -> Front:
    """Give the caller's front."""
    return parts_of(request).front_of(principal)


CallersFront = Annotated[Front, Depends(front)]
"""Declares the front of a route's caller: `async def route(front: CallersFront)`."""
