"""Sessions of the approval page: models and the port. A method is one transaction."""

from typing import Literal, Protocol

from pydantic import AwareDatetime, Field

from proctor.contracts.base import Contract
from proctor.contracts.human import Principal
from proctor.contracts.ids import PrincipalName

SESSION_S = 8 * 3600.0
"""How long a session lasts at most."""
IDLE_S = 3600.0
"""A session that nobody used for so long has ended."""
FRESH_S = 300.0
"""For so long after the credential was entered, what needs it again may be done."""


class Credential(Contract):
    """What somebody showed to get in. A session ends with it: a revoked key, or a token that was replaced."""

    kind: Literal["token", "api_key", "oidc"]
    reference: str = Field(max_length=400)
    """The token's SHA-256, the key's id, or the issuer; never a secret."""


class WebSession(Contract):
    """Somebody who is signed in, with the roles that they have now."""

    principal: Principal
    credential: Credential
    created_at: AwareDatetime
    expires_at: AwareDatetime
    is_fresh: bool
    """Whether the credential was entered within the last `FRESH_S`."""


class WebSessions(Protocol):
    """Who is signed in at the approval page. The store knows the SHA-256 of a cookie's secret and never the secret.

    Opening, entering a credential again and ending are audited in the installation's chain.
    """

    async def open(self, principal: PrincipalName, credential: Credential, secret_sha256: str) -> WebSession:
        """Begin a session. Raises `NotAuthorised` when the credential or its principal ended in between."""

    async def find(self, secret_sha256: str) -> WebSession | None:
        """Give a live session: not ended, expired or idle, its credential valid and its principal enabled."""

    async def refresh(self, secret_sha256: str) -> WebSession | None:
        """Note that the credential was entered again. None: there is no such live session."""

    async def end(self, secret_sha256: str) -> None:
        """End a session. Repeated: nothing more happens."""
