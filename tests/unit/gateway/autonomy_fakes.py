"""A record of levels and reviews in memory, with a clock of its own."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from policies.autonomy.levels import LADDER
from proctor.contracts.errors import NotAuthorised, Refused
from proctor.contracts.governing import (
    Cell,
    CellLevel,
    ChangeKind,
    Evidence,
    PolicyVersion,
    Review,
    ReviewKind,
    ReviewVerdict,
)
from proctor.contracts.human import Principal, Role
from proctor.contracts.ids import AgentName, PrincipalName, RunId, TenantId, ToolName
from proctor.contracts.tool import Risk

START = datetime(2026, 3, 1, tzinfo=UTC)
AGREE, DISAGREE, HARMFUL = ReviewVerdict.AGREE, ReviewVerdict.DISAGREE, ReviewVerdict.HARMFUL


class FakePolicyRegister:
    """Knows the active version of one agent's policy, or none."""

    def __init__(self, owner: str = "") -> None:
        self.owner = owner

    async def active(self, agent: AgentName) -> PolicyVersion | None:
        if not self.owner:
            return None
        digests = {"bundle_digest": "0" * 64, "policy_digest": "1" * 64}
        fields = {"id": "pol-1", "agent": agent, "owner": self.owner, "proposed_by": self.owner, "summary": ()}
        return PolicyVersion(change=ChangeKind.NEUTRAL, state="active", at=START, **fields, **digests)


@dataclass
class FakeAutonomyRecord:
    """Implements `AutonomyRecord`. Every reading of the clock is a minute later than the one before."""

    changes: list[CellLevel] = field(default_factory=list)
    rows: dict[str, Review] = field(default_factory=dict)
    incidents: int = 0
    minutes: int = 0
    before_setting: Any = None
    """Called between the look at the evidence and the setting of a level."""

    def now(self) -> datetime:
        self.minutes += 1
        return START + timedelta(minutes=self.minutes)

    async def levels(self, agent: AgentName) -> tuple[CellLevel, ...]:
        mine = [change for change in self.changes if change.agent == agent]
        raised = {change.cell: change for change in mine if change.kind == "promotion"}
        later = [
            change
            for change in mine
            if change.kind == "demotion" and (change.cell not in raised or change.at > raised[change.cell].at)
        ]
        return (*raised.values(), *later)

    async def history(self, agent: AgentName) -> list[CellLevel]:
        return [change for change in reversed(self.changes) if change.agent == agent]

    async def evidence(self, agent: AgentName, tool: ToolName, risk: Risk) -> Evidence:
        changed = [change.at for change in self.changes if change.cell.tool in {tool, "*"}]
        since = max(changed, default=None)
        decided = [
            review
            for review in self.rows.values()
            if (review.agent, review.tool, review.risk) == (agent, tool, risk)
            and review.decided_at is not None
            and (since is None or review.at > since)
        ]
        verdicts = [review.verdict for review in sorted(decided, key=lambda r: r.decided_at or START) if review.verdict]
        return Evidence(
            cell=Cell(tool=tool, risk=risk), verdicts=tuple(verdicts), open_incidents=self.incidents, since=since
        )

    async def set_level(self, level: CellLevel, seen: Evidence | None = None) -> None:
        if self.before_setting is not None:
            await self.before_setting()
        if seen is not None and seen != await self.evidence(
            level.agent, ToolName(level.cell.tool), Risk(level.cell.risk)
        ):
            raise Refused("the evidence changed in between")
        self.changes.append(level.model_copy(update={"at": self.now()}))

    async def reviews(self, agent: AgentName | None = None, *, open_only: bool = True) -> list[Review]:
        rows = [row for row in self.rows.values() if agent in {None, row.agent}]
        return [row for row in rows if not (open_only and row.verdict)]

    async def review(self, review_id: str, verdict: ReviewVerdict, by: Principal, reason: str) -> Review:
        row = self.rows[review_id]
        if not by.roles & {Role.APPROVER, Role.OWNER} or by.name == row.requester:
            raise NotAuthorised(f"{by.name} may not review this")
        if row.verdict is not None:
            raise Refused("it is decided")
        self.decide(review_id, verdict, by.name, reason)
        if verdict is HARMFUL:
            fields = {"agent": row.agent, "declared": LADDER[1], "by": by.name, "reason": reason, "at": self.now()}
            cell = Cell(tool=row.tool, risk=row.risk)
            self.changes.append(CellLevel(cell=cell, level=LADDER[0], kind="demotion", **fields))
        return self.rows[review_id]

    def decide(self, review_id: str, verdict: ReviewVerdict, by: str, reason: str = "") -> None:
        update = {"verdict": verdict, "by": by, "reason": reason, "decided_at": self.now()}
        self.rows[review_id] = self.rows[review_id].model_copy(update=update)

    def ask(self, **changes: Any) -> str:
        """Add an open review and give its id."""
        number = len(self.rows)
        fields = {
            "id": f"rev-{number:06d}",
            "kind": ReviewKind.SUGGESTION,
            "run_id": RunId("run-1"),
            "step": number,
            "call": 0,
            "tenant": TenantId("default"),
            "agent": AgentName("resolver"),
            "requester": PrincipalName("operator"),
            "tool": ToolName("Restart"),
            "risk": Risk.HIGH,
            "arguments_digest": "0" * 64,
            "title": "Restart(service='web')",
            "at": self.now(),
        } | changes
        review = Review(**fields)
        self.rows[review.id] = review
        return review.id

    def judge(self, *verdicts: ReviewVerdict, people: tuple[str, ...] = ("maria.ops", "demo.approver")) -> None:
        """Ask for reviews and decide them, by these people in turn."""
        for n, verdict in enumerate(verdicts):
            self.decide(self.ask(), verdict, people[n % len(people)])
