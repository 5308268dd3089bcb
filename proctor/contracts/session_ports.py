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
SIGN_IN_S = 600.0
"""How long somebody may take at the OIDC issuer."""


class Credential(Contract):
    """What somebody showed to get in. A session ends with it: a revoked key, a replaced token, an unlinked subject."""

    kind: Literal["token", "api_key", "oidc"]
    reference: str = Field(max_length=400)
    """The token's SHA-256, the key's id, or `ISSUER SUBJECT`; never a secret."""


class WebSession(Contract):
    """Somebody who is signed in, with the roles that they have now."""

    principal: Principal
    credential: Credential
    created_at: AwareDatetime
    expires_at: AwareDatetime
    is_fresh: bool
    """Whether the credential was entered within the last `FRESH_S`."""


class SignIn(Contract):
    """What is to become of a sign-in at the OIDC issuer that a browser begins."""

    after: str = Field(max_length=400)
    """Our own page to go on to."""
    session_sha256: str | None = None
    """The session that the browser has."""
    is_again: bool = False
    """Whether that session is to be made fresh, rather than a new one begun."""


class BegunSignIn(SignIn):
    """One that was begun, and may come back once."""

    begun_at: AwareDatetime


class WebSessions(Protocol):
    """Who is signed in at the approval page. The store knows the SHA-256 of a cookie's secret and never the secret.

    Opening, entering a credential again and ending are audited in the installation's chain.
    """

    async def open(
        self, principal: PrincipalName, credential: Credential, secret_sha256: str, *, is_fresh: bool = True
    ) -> WebSession:
        """Begin a session; `is_fresh`: the credential was entered just now.

        Raises `NotAuthorised` when the credential or its principal ended in between.
        """

    async def find(self, secret_sha256: str) -> WebSession | None:
        """Give a live session: not ended, expired or idle, its credential valid and its principal enabled."""

    async def refresh(self, secret_sha256: str, proof_sha256: str | None = None) -> WebSession | None:
        """Note that the credential was entered again; the proof can be spent once. None: no such live session."""

    async def spend_proof(self, secret_sha256: str, proof_sha256: str) -> bool:
        """Use up the proof of a session that was refreshed within the last `FRESH_S`; False: it has no such proof."""

    async def end(self, secret_sha256: str) -> None:
        """End a session. Repeated: nothing more happens."""

    async def begin_sign_in(self, sign_in: SignIn, secret_sha256: str) -> None:
        """Keep a sign-in that a browser begins; those older than `SIGN_IN_S` are forgotten."""

    async def take_sign_in(self, secret_sha256: str) -> BegunSignIn | None:
        """Give a sign-in and forget it. None: there is none, it was taken before, or it is older than `SIGN_IN_S`."""
