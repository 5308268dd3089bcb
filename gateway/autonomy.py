"""The autonomy ladder for people: where each cell stands, what it lacks, and who may move it (DESIGN §7).

Every run reads the levels at its next plan and dispatch, so what is set here holds for running work too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from policies.autonomy.evidence import RULES, Coverage, assess
from policies.autonomy.levels import LADDER, effective_level, is_within, one_above
from proctor.contracts.errors import InvalidInput, NotAuthorised, Refused, UnknownName
from proctor.contracts.governing import Cell, CellLevel, Evidence, Review
from proctor.contracts.governing_ports import AutonomyRecord, PolicyRegister
from proctor.contracts.human import Principal, Role
from proctor.contracts.ids import AgentName, PrincipalName, ToolName
from proctor.contracts.manifest import AgentBundle, AgentManifest, Autonomy
from proctor.contracts.tool import Risk, ToolContract

LONGEST_REASON = 500


@dataclass(frozen=True)
class Standing:
    """Where a cell stands, and what its next level takes."""

    agent: AgentName
    tool: ToolName
    risk: Risk
    declared: Autonomy
    level: Autonomy
    """In force now."""
    next: Autonomy | None
    """None at the top."""
    may_rise: bool
    verdicts: int
    """Since the cell's level last changed."""
    agreement: float
    lower_bound: float
    """Agreement exceeds it with probability `1 - alpha`, however often anybody looked."""
    required: float | None
    """What the bound must reach."""
    alpha: float | None
    missing: tuple[str, ...]
    """For people, a line each; empty at the top, and when the cell may rise."""


@dataclass(frozen=True)
class _Recorded:
    levels: tuple[CellLevel, ...]
    history: list[CellLevel]
    reviews: list[Review]


@dataclass(frozen=True)
class Ladder:
    """The ladder of one agent: its manifest and tools as they are now, and the record of levels and reviews."""

    bundle: AgentBundle
    record: AutonomyRecord
    owner: PrincipalName
    """Who answers for the agent: see `open_ladder`."""

    async def show(self) -> list[Standing]:
        """Tell where each tool with an effect stands: at its own tier, and at every tier where it was reviewed."""
        recorded = await self._recorded()
        return [self._standing(cell, await self._evidence(cell), recorded) for cell in self._cells(recorded)]

    async def propose(self, tool: str, risk: Risk | None = None) -> Standing:
        """Tell what the evidence says of one cell, at the tool's own tier unless told.

        Raises:
            UnknownName: the agent has no such tool. `InvalidInput`: the tool only reads.

        """
        cell = self._cell(tool, risk)
        return self._standing(cell, await self._evidence(cell), await self._recorded())

    async def promote(self, tool: str, risk: Risk | None, *, by: Principal, reason: str = "") -> CellLevel:
        """Raise a cell one level if the evidence allows it at this moment; its figures are recorded with it.

        Raises:
            NotAuthorised: `by` is not the one who answers for the agent.
            Refused: the evidence does not allow it or changed in between, or the cell is at the top.
            UnknownName: the agent has no such tool. `InvalidInput`: the tool only reads.

        """
        self._check_owner(by)
        cell = self._cell(tool, risk)
        # The evidence is read first: what is read after it can only be newer, and the store compares the evidence.
        evidence = await self._evidence(cell)
        standing = self._standing(cell, evidence, await self._recorded())
        if standing.next is None:
            raise Refused(f"{_named(cell)} is at {standing.level}, the highest level")
        if not standing.may_rise:
            raise Refused(
                f"{_named(cell)} may not rise to {standing.next}: it takes {'; '.join(standing.missing)}",
                hint=f"`proctor reviews {standing.agent}` lists what people have to look at",
            )
        level = self._level(cell, standing.next, by, _checked(f"{_figures(standing)} {reason}"))
        await self.record.set_level(level, seen=evidence)
        return level

    async def demote(self, tool: str, risk: Risk | None, to: Autonomy, *, by: Principal, reason: str) -> CellLevel:
        """Put a ceiling on a cell at once; the tool `*` is for all tools, no tier for all tiers.

        Lowering a cell to the level that it is at begins its evidence anew.

        Raises:
            NotAuthorised: `by` is neither the agent's owner nor an operator.
            InvalidInput: there is no reason, or nothing to lower. `UnknownName`: the agent has no such tool.

        """
        self._check_may_lower(by)
        if to is LADDER[-1]:
            raise InvalidInput(f"{to} is the highest level, and no ceiling", hint="name a lower one")
        cell = Cell(tool="*" if tool == "*" else self._tool(tool).name, risk=risk or "*")
        recorded = await self._recorded()
        highest = [self._effective(one, recorded) for one in self._cells(recorded) if is_within(one, cell)]
        if not any(LADDER.index(to) <= LADDER.index(level) for level in highest):
            raise InvalidInput(
                f"there is nothing of {_named(cell)} above or at {to}, and a demotion never raises",
                hint=f"`proctor autonomy show {self._manifest.name}` tells the levels",
            )
        level = self._level(cell, to, by, _checked(reason), is_demotion=True)
        await self.record.set_level(level)
        return level

    @property
    def _manifest(self) -> AgentManifest:
        return self.bundle.manifest

    async def _recorded(self) -> _Recorded:
        name, record = self._manifest.name, self.record
        return _Recorded(
            await record.levels(name), await record.history(name), await record.reviews(name, open_only=False)
        )

    async def _evidence(self, cell: Cell) -> Evidence:
        return await self.record.evidence(self._manifest.name, ToolName(cell.tool), Risk(cell.risk))

    def _effective(self, cell: Cell, recorded: _Recorded) -> Autonomy:
        return effective_level(self._manifest, ToolName(cell.tool), Risk(cell.risk), recorded.levels)

    def _standing(self, cell: Cell, evidence: Evidence, recorded: _Recorded) -> Standing:
        tool, risk = ToolName(cell.tool), Risk(cell.risk)
        level = self._effective(cell, recorded)
        above = one_above(level)
        # At the top nothing is left to prove; the bound is told by the rule that led there.
        rule = RULES[above or level].after(sum(_was_lowered_by(cell, change) for change in recorded.history))
        found = assess(evidence, rule, coverage_of(cell, evidence, recorded.reviews))
        return Standing(
            agent=self._manifest.name,
            tool=tool,
            risk=risk,
            declared=self._manifest.autonomy_for(tool, risk),
            level=level,
            next=above,
            may_rise=found.may_rise and above is not None,
            verdicts=found.n,
            agreement=found.agreement,
            lower_bound=found.lower_bound,
            required=1 - rule.max_error_rate if above else None,
            alpha=rule.alpha if above else None,
            missing=found.missing if above else (),
        )

    def _cells(self, recorded: _Recorded) -> list[Cell]:
        names = {tool.name for tool in self._effects()}
        own = {(tool.name, tool.risk) for tool in self._effects()}
        reviewed = {(review.tool, review.risk) for review in recorded.reviews if review.tool in names}
        ranked = sorted(own | reviewed, key=lambda cell: (cell[0], list(Risk).index(cell[1])))
        return [Cell(tool=tool, risk=risk) for tool, risk in ranked]

    def _effects(self) -> list[ToolContract]:
        return [tool for tool in self.bundle.tools if tool.name in self._manifest.allowed_tools and not tool.is_read]

    def _cell(self, tool: str, risk: Risk | None) -> Cell:
        contract = self._tool(tool)
        return Cell(tool=contract.name, risk=risk or contract.risk)

    def _tool(self, name: str) -> ToolContract:
        effects = {tool.name: tool for tool in self._effects()}
        if name in effects:
            return effects[ToolName(name)]
        known = ", ".join(sorted(effects)) or "none"
        if self.bundle.tool(ToolName(name)) is not None and name in self._manifest.allowed_tools:
            raise InvalidInput(f"{name} only reads, which every level allows", hint=f"tools with an effect: {known}")
        raise UnknownName(f"{self._manifest.name} has no tool {name}", hint=f"its tools with an effect: {known}")

    def _check_owner(self, by: Principal) -> None:
        if by.name != self.owner:
            raise NotAuthorised(
                f"{by.name} may not raise the autonomy of {self._manifest.name}",
                hint=f"its owner may: --as {self.owner}" if self.owner else "give it an owner",
            )

    def _check_may_lower(self, by: Principal) -> None:
        if by.name != self.owner and Role.OPERATOR not in by.roles:
            raise NotAuthorised(
                f"{by.name} may not lower the autonomy of {self._manifest.name}",
                hint=f"its owner {self.owner} may, or an operator",
            )

    def _level(
        self, cell: Cell, level: Autonomy, by: Principal, reason: str, *, is_demotion: bool = False
    ) -> CellLevel:
        manifest, tier = self._manifest, None if cell.risk == "*" else Risk(cell.risk)
        return CellLevel(
            agent=manifest.name,
            cell=cell,
            level=level,
            kind="demotion" if is_demotion else "promotion",
            declared=manifest.autonomy if cell.tool == "*" else manifest.autonomy_for(ToolName(cell.tool), tier),
            by=by.name,
            reason=reason,
            at=datetime.now(UTC),
        )


async def open_ladder(bundle: AgentBundle, record: AutonomyRecord, register: PolicyRegister) -> Ladder:
    """Open the ladder of an agent, with the owner that its active policy names.

    The files count only until a policy is active: whoever calls may have edited their copy of them.
    """
    active = await register.active(bundle.manifest.name)
    return Ladder(bundle, record, PrincipalName(bundle.manifest.owner) if active is None else active.owner)


def coverage_of(cell: Cell, evidence: Evidence, reviews: Sequence[Review]) -> Coverage:
    """Tell who gave the verdicts of the evidence, and how many reviews they passed over."""
    mine = [review for review in reviews if (review.tool, review.risk) == (cell.tool, cell.risk)]
    since = evidence.since
    mine = [review for review in mine if since is None or review.at > since]
    decided = [review for review in mine if review.verdict is not None]
    newest = max((review.at for review in decided), default=None)
    return Coverage(
        reviewers=frozenset(review.by for review in decided if review.by is not None),
        passed_over=sum(review.verdict is None and newest is not None and review.at < newest for review in mine),
    )


def _was_lowered_by(cell: Cell, change: CellLevel) -> bool:
    return change.kind == "demotion" and is_within(cell, change.cell)


def _named(cell: Cell) -> str:
    tool = "every tool" if cell.tool == "*" else cell.tool
    return f"{tool} at {'every tier' if cell.risk == '*' else f'{cell.risk} risk'}"


def _figures(standing: Standing) -> str:
    return (
        f"[{standing.verdicts} verdicts, {standing.agreement:.1%} agree, bound {standing.lower_bound:.4f} "
        f"at alpha {standing.alpha:g}, required {standing.required:g}]"
    )


def _checked(reason: str) -> str:
    told = reason.strip()
    if not 1 <= len(told) <= LONGEST_REASON:
        raise InvalidInput(f"the reason must have 1 to {LONGEST_REASON} characters", hint="say in a line why")
    return told
