"""Who comes in at the page: by a principal's own token or an API key, as the REST gateway lets them in."""

from dataclasses import dataclass
from typing import Protocol

from gateway.front_access import API_KEY_PREFIX, hash_of
from gateway.http.login import DOTS_OF_A_JWT
from proctor.contracts.errors import NotAuthorised
from proctor.contracts.human import Principal
from proctor.contracts.session_ports import Credential


class Entrance(Protocol):
    """Finds the principal behind a credential, and counts failures against the address that they come from."""

    async def principal_of(self, credential: str, address: str) -> Principal:
        """Authenticate. Raises `NotAuthorised`, `TooManyRequests`, `Unavailable`."""


@dataclass(frozen=True)
class Entered:
    """Somebody who showed a credential that holds."""

    principal: Principal
    credential: Credential


async def enter(entrance: Entrance, text: str, address: str) -> Entered:
    """Let in whoever has this token or API key; a session ends when it does. Raises as `Entrance.principal_of`.

    Tokens of an OIDC issuer are refused: they live for minutes, and a session must not outlive what it stands on.
    """
    shown = text.strip()
    if shown.count(".") == DOTS_OF_A_JWT:
        raise NotAuthorised("tokens of an OIDC issuer open no session", hint="enter your own token or an API key")
    principal = await entrance.principal_of(shown, address)
    if shown.startswith(API_KEY_PREFIX):
        key_id = shown.removeprefix(API_KEY_PREFIX).partition("_")[0]
        return Entered(principal, Credential(kind="api_key", reference=key_id))
    return Entered(principal, Credential(kind="token", reference=hash_of(shown)))
