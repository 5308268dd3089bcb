"""The port of standing grants. A method is one transaction."""

from typing import Protocol

from proctor.contracts.approving import Grant
from proctor.contracts.human import Principal
from proctor.contracts.ids import AgentName


class Grants(Protocol):
    """Standing approvals. They are made by `People.decide` and used by `RunJournal`, each in its transaction."""

    async def grants(self, agent: AgentName | None = None, *, live_only: bool = True) -> list[Grant]:
        """List grants, newest first; live: not revoked, not expired and not used up, by the database's clock."""

    async def grant(self, grant_id: str) -> Grant:
        """Find a grant; a unique prefix of at least 6 characters will do. Raises `UnknownName`."""

    async def revoke(self, grant_id: str, by: Principal, reason: str = "") -> Grant:
        """End a grant: from this commit on no call is dispatched by it; audited as `grant_revoked` where it was made.

        Its author, the agent's owner and every operator may: `NotAuthorised`, recorded as `grant_revocation_refused`.
        A grant that is revoked already stays as it is.
        """
