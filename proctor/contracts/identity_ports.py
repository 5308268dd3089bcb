"""Who somebody is elsewhere, and the keys of programs: models and ports. A method is one transaction."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, Protocol

from pydantic import AwareDatetime, Field

from proctor.contracts.base import Contract
from proctor.contracts.human import Principal, Roles
from proctor.contracts.ids import PrincipalName

OtherSystem = Literal["slack", "matrix", "email", "oidc"]

LONGEST_KEY_S = 366 * 86_400
"""Longest life of an API key."""


class Identity(Contract):
    """Who a principal is in another system."""

    system: OtherSystem
    subject: str = Field(min_length=1, max_length=400)
    """Slack: `T1/U2` (team/user). Matrix: `@maria:example.org`. E-mail: the address. OIDC: `ISSUER SUBJECT`."""
    principal: PrincipalName
    added_by: PrincipalName
    added_at: AwareDatetime


class ApiKey(Contract):
    """A program's key: acts as its principal, with at most the roles that both have. The secret is never kept."""

    id: str
    principal: PrincipalName
    roles: Roles
    label: str = ""
    created_by: PrincipalName
    created_at: AwareDatetime
    expires_at: AwareDatetime
    last_used_at: datetime | None = None
    """To the minute or so: it is noted at most once a minute."""
    revoked_at: datetime | None = None
    revoked_by: PrincipalName | None = None


class NewApiKey(Contract):
    """An API key to be made. `secret_sha256` is the hash of the secret: the secret itself never leaves the caller."""

    id: str
    principal: PrincipalName
    secret_sha256: str
    roles: Roles
    label: str = Field(default="", max_length=100)
    for_s: int = Field(gt=0, le=LONGEST_KEY_S)


class Identities(Protocol):
    """Who principals are in other systems. Whoever is not linked there is nobody here."""

    async def principal_of(self, system: OtherSystem, subject: str) -> Principal | None:
        """Give the enabled principal that a subject is linked to; None: nobody."""

    async def link(self, system: OtherSystem, subject: str, principal: PrincipalName, by: Principal) -> Identity:
        """Link a subject. Needs the role owner: `NotAuthorised`. Repeated: as first.

        Raises `UnknownName` for a principal that does not exist, `Refused` when the subject is another's.
        """

    async def unlink(self, system: OtherSystem, subject: str, by: Principal) -> Identity:
        """Take a link away: an owner, or the person. Raises `NotAuthorised`, `UnknownName`."""

    async def identities(self, principal: PrincipalName | None = None) -> Sequence[Identity]:
        """List links, of one principal or of all."""


class ApiKeys(Protocol):
    """Keys of programs."""

    async def create(self, key: NewApiKey, by: Principal) -> ApiKey:
        """Keep a new key: one's own, or by an owner that of a service. Nobody makes a key that acts as another person.

        Raises `NotAuthorised`, `UnknownName`, and `InvalidInput` for roles that the principal, or whoever makes their
        own key, does not have.
        """

    async def authenticate(self, key_id: str, secret_sha256: str) -> Principal:
        """Give the principal of a live key with the roles that both have, compared in constant time.

        Raises `NotAuthorised`: no such key, another secret, expired, revoked, or its principal is disabled.
        """

    async def keys(self, principal: PrincipalName | None = None) -> Sequence[ApiKey]:
        """List keys, newest first, of one principal or of all."""

    async def revoke(self, key_id: str, by: Principal) -> ApiKey:
        """End a key at once: its principal, or an owner. Repeated: as first. `NotAuthorised`, `UnknownName`."""
