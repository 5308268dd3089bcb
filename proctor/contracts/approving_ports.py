"""The ports of approvers: their keys, their delegations, and what they said. A method is one transaction."""

from collections.abc import Sequence
from typing import Protocol

from pydantic import AwareDatetime

from proctor.contracts.approving import ApproverKey, Delegation
from proctor.contracts.human import Principal, Signature
from proctor.contracts.ids import AgentName, PrincipalName, RequestId
from proctor.contracts.stages import SpokenWord


class ApproverKeys(Protocol):
    """Public keys of approvers. Every change is audited in the chain of the people."""

    async def enrol(self, principal: PrincipalName, public_key: str, label: str = "") -> ApproverKey:
        """Register a key for whoever sets up the installation, as `People.enrol` makes principals; it counts at once.

        The same key again gives what was registered first. Raises `InvalidInput` (no Ed25519 key), `UnknownName`,
        `Refused` (another principal's, or revoked).
        """

    async def add(
        self, public_key: str, by: Principal, *, label: str = "", introduced: Signature | None = None
    ) -> ApproverKey:
        """Register a key of one's own.

        It counts at once when one of the person's keys that counts already signed `key_text` (`introduced`).
        Otherwise it counts after `KEY_RESTS_S`, or once another person who is an owner vouches for it: whoever has
        stolen a session can add a key, and cannot sign with it at once. Raises as `enrol`, and `NotAuthorised` for an
        introduction that does not hold (recorded).
        """

    async def vouch(self, key_id: str, by: Principal) -> ApproverKey:
        """Let another person's new key count from now on. Needs the role owner, never for oneself: `NotAuthorised`."""

    async def revoke(self, key_id: str, by: Principal) -> ApproverKey:
        """End a key: its principal, or an owner. What was signed before stays signed. Repeated: as first."""

    async def keys(self, principal: PrincipalName | None = None, *, live_only: bool = True) -> list[ApproverKey]:
        """List keys, oldest first, of one principal or of all; live: not revoked."""


class Delegations(Protocol):
    """Who decides in whose place. Every change is audited in the chain of the people."""

    async def delegate(
        self,
        to: PrincipalName,
        until: AwareDatetime,
        by: Principal,
        *,
        agent: AgentName | None = None,
        reason: str = "",
    ) -> Delegation:
        """Let `to` decide in the place of `by`. Raises `InvalidInput` (oneself, past, too long), `UnknownName`."""

    async def revoke(self, delegation_id: str, by: Principal) -> Delegation:
        """End a delegation: either of the two, or an owner. Repeated: as first. `NotAuthorised`, `UnknownName`."""

    async def delegations(self, principal: PrincipalName | None = None, *, live_only: bool = True) -> list[Delegation]:
        """List delegations by or to one principal, or all, newest first."""


class SpokenWords(Protocol):
    """What people said on requests."""

    async def words(self, request_id: RequestId) -> Sequence[SpokenWord]:
        """List every decision on a request in order, those that were refused or came too late included."""
