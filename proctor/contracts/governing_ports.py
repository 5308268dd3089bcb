"""The ports of what governs agents: versions of policy and levels of autonomy. A method is one transaction."""

from collections.abc import Sequence
from typing import Protocol

from proctor.contracts.governing import CellLevel, ChangeKind, Evidence, PolicyVersion, Review, ReviewVerdict
from proctor.contracts.human import Principal
from proctor.contracts.ids import AgentName, Digest, PrincipalName, ToolName
from proctor.contracts.manifest import AgentBundle
from proctor.contracts.tool import Risk


class PolicyRegister(Protocol):
    """Versions of each agent's policy: what is active, who asked for it and who approved it. Append-only."""

    async def active(self, agent: AgentName) -> PolicyVersion | None:
        """Give the version in force; None before the first run of the agent."""

    async def versions(self, agent: AgentName) -> list[PolicyVersion]:
        """List all versions, newest first."""

    async def propose(
        self,
        bundle: AgentBundle,
        policy_digest: Digest,
        change: ChangeKind,
        summary: Sequence[str],
        by: PrincipalName,
        *,
        against: Digest | None,
    ) -> PolicyVersion:
        """Record a version. The first, a tightening and a neutral one are active at once; a loosening is proposed.

        `against` is the bundle of the version that `change` was found against, None when there was none: when another
        is active now, `Refused`: diff again. The same bundle against the same version gives what was recorded first.
        Another owner is a loosening, whatever `change` says.
        """

    async def decide(self, version_id: str, word: str, by: Principal, reason: str) -> PolicyVersion:
        """Record `approve` or `reject` on a proposed loosening.

        Active once the agent's owner and a second, different person (role approver or owner) approved; the proposer's
        own word counts only if the proposer is the owner, and then as the owner's. One rejection ends it.
        Raises `NotAuthorised`, `UnknownName`, or `Refused` when it is decided already.
        """


class AutonomyRecord(Protocol):
    """Reviews, and the live levels that follow from them."""

    async def levels(self, agent: AgentName) -> tuple[CellLevel, ...]:
        """List what the levels follow from: of each cell the newest promotion, and the newest demotion to each level.

        Older demotions are among them: they hold again once the promotion over them does not.
        """

    async def history(self, agent: AgentName) -> list[CellLevel]:
        """List every change, newest first."""

    async def evidence(self, agent: AgentName, tool: ToolName, risk: Risk) -> Evidence:
        """Collect what speaks for and against a cell since its level last changed."""

    async def set_level(self, level: CellLevel, seen: Evidence | None = None) -> None:
        """Record a promotion or demotion, in force from this commit on; audited in the append-only table itself.

        The database's clock gives `at`: which of two changes is newer is for no caller to say. A promotion passes the
        evidence that it was granted on as `seen`: `Refused` when what speaks for and against the cell is no longer
        that, so that a breach in between is never promoted over.
        """

    async def reviews(self, agent: AgentName | None = None, *, open_only: bool = True) -> list[Review]:
        """List reviews, oldest first."""

    async def review(self, review_id: str, verdict: ReviewVerdict, by: Principal, reason: str) -> Review:
        """Record a verdict, once: `Refused` when there is one. Needs role approver or owner, never the requester.

        `harmful` lowers the cell one level in the same transaction.
        """
