"""The port to principals, and to what they are asked and decide. A method is one transaction."""

from typing import Protocol

from proctor.contracts.human import DecisionReceipt, HumanDecision, HumanRequest, Principal, Role
from proctor.contracts.ids import PrincipalName, RequestId, RunId


class People(Protocol):
    """Principals, requests to them and their decisions."""

    async def authenticate(self, token: str) -> Principal:
        """Give the principal of a token. Raises `NotAuthorised`."""

    async def principal(self, name: PrincipalName) -> Principal:
        """Give a principal as it is now. Raises `UnknownName`: there is none of that name, or it is disabled."""

    async def enrol(
        self,
        name: PrincipalName,
        roles: frozenset[Role],
        token: str,
        *,
        is_service: bool = False,
        by: PrincipalName | None = None,
    ) -> Principal:
        """Create a principal or replace its roles and token; audited, and only a hash of the token is stored.

        One that was disabled comes back without its API keys. `by` is None where nobody was there to be asked.
        A service stays one and a person stays one: `Refused`. A service neither approves nor owns: `InvalidInput`.
        """

    async def disable(self, name: PrincipalName, by: Principal, *, reason: str = "") -> Principal:
        """Lock a principal out at once, by token, key, session and subject, until it is enrolled again; audited.

        It takes an owner, and nobody locks themselves out, so that one is left: `NotAuthorised`. `UnknownName`.
        """

    async def pending(self, run_id: RunId | None = None) -> list[HumanRequest]:
        """List open requests, oldest first."""

    async def request(self, request_id: RequestId) -> HumanRequest:
        """Find a request; a unique prefix of at least 6 characters will do. Raises `UnknownName`."""

    async def decide(self, decision: HumanDecision, by: Principal) -> DecisionReceipt:
        """Record a decision and, if it is in time and allowed, apply it.

        An approval counts for the stage that is asked now: its author has that stage's role, of their own, by
        delegation (`on_behalf_of`) or by escalation, and has signed where the process says so. Other words take an
        approver, the agent's owner, or a role of any stage. Nobody decides who asked for the run, or wrote the call's
        arguments; who could have asked for it by what they made may only deny, and nobody approves a call that rests on
        their words: `NotAuthorised`, recorded. Deny beats approve: a denial after a grant that is not yet consumed
        revokes it. `edit` ends the request `edited`. Late, duplicate and losing decisions are recorded with
        `applied=False`. `happened|not_happened` settles the effect itself.

        Raises `InvalidInput` for what does not fit the request, and `Refused` for a grant that the process does not
        give: nothing is recorded.
        """
