"""A run under its lock, with all that was read about one of its calls."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from pydantic_core import from_json

from proctor.contracts.dispatching import LiveFacts
from proctor.contracts.errors import UnknownName
from proctor.contracts.governing import CellLevel, DeniedGoal, WindowAnswer, WindowQuery
from proctor.contracts.ids import Digest, RunId, ToolName
from proctor.contracts.kill import Fence, KillScope
from proctor.contracts.manifest import Autonomy
from proctor.contracts.run import AuditHead, RunStatus
from proctor.contracts.traffic import Breaker
from proctor.store.database import Connection
from proctor.store.queries import query
from proctor.store.rows import Row, to_answers, to_denied_goals, to_fence, to_head, to_levels, verified
from proctor.store.traffic import to_breakers


@dataclass(frozen=True)
class LockedRun:
    """What `proctor.lock_run` read, after it held the locks."""

    at: datetime
    run: Row
    step_plan: Any = None
    planned: Row | None = None
    effect: Row | None = None
    undo: Row | None = None
    approval: Row | None = None
    consent: Row | None = None
    outcome: Row | None = None
    fences: tuple[Fence, ...] = ()
    demotions: dict[str, Autonomy] = field(default_factory=dict)
    epoch: int = 0
    unsettled_usd: Decimal = Decimal(0)
    newest_unsettled_usd: Decimal | None = None
    approvals: tuple[Row, ...] = ()
    """Recorded approvals of the newest approval request, in order, with what they are verified by: see `approvals`."""
    authors: frozenset[str] = frozenset()
    """People who wrote the arguments of the call, or of one that it took the place of."""
    cells: tuple[CellLevel, ...] = ()
    denied_goals: tuple[DeniedGoal, ...] = ()
    active_bundle: Digest | None = None
    windows: tuple[WindowAnswer, ...] = ()
    breakers: tuple[Breaker, ...] = ()
    """Every breaker that is not at rest."""
    is_locked: bool = True
    """False: read a moment ago, and somebody may have written since."""

    @property
    def run_id(self) -> RunId:
        """Id of the run."""
        return RunId(self.run["run_id"])

    @property
    def head(self) -> AuditHead | None:
        """Newest record of the run's audit."""
        return to_head(self.run)

    @property
    def has_ended(self) -> bool:
        """Whether nothing more may happen in the run."""
        return RunStatus(self.run["status"]).is_end

    @property
    def spent_usd(self) -> Decimal:
        """Settled and reserved cost of the run."""
        spent: Decimal = self.run["cost_usd"] + self.run["reserved_usd"]
        return spent

    def fence_over(self, tools: Iterable[str] = ()) -> Fence | None:
        """Find the fence that covers the run, or one of `tools`; a freezing one before others, then the oldest."""
        names = set(tools)
        covering = [f for f in self.fences if f.scope is not KillScope.TOOL or f.value in names]
        return min(covering, key=lambda fence: (fence.mode != "freeze", fence.epoch), default=None)

    def live_facts(self, step: int) -> LiveFacts:
        """Give what policy may look at besides the recorded call."""
        return LiveFacts(
            demotions=self.demotions,
            cost_usd=self.spent_usd,
            step=step,
            reserved_usd=self.run["reserved_usd"],
            at=self.at,
            cells=self.cells,
            windows=self.windows,
            denied_goals=self.denied_goals,
            active_bundle=self.active_bundle,
            breakers=self.breakers,
        )

    @property
    def tool(self) -> ToolName:
        """Tool of the recorded call."""
        assert self.planned is not None
        return ToolName(self.planned["tool"])


async def lock_run(
    connection: Connection,
    run_id: RunId,
    step: int = -1,
    call: int = 0,
    *,
    fenced: bool = False,
    windows: Sequence[WindowQuery] = (),
) -> LockedRun:
    """Lock a run for this transaction, with `fenced` under the shared fence lock. Raises `UnknownName`.

    `windows` are locked against other calls that they count, before the run, and answered after that.
    """
    row = await connection.fetchrow(query("lock_run"), run_id, step, call, fenced, asked(windows))
    if row is None:
        raise UnknownName(f"there is no run {run_id}", hint="`proctor ps` lists the runs")
    return LockedRun(
        at=row["at"],
        run=row["run"],
        step_plan=row["step_plan"],
        planned=row["planned"],
        effect=row["effect"],
        undo=row["undo"],
        approval=row["approval"],
        consent=row["consent"],
        outcome=row["outcome"],
        fences=tuple(to_fence(fence) for fence in row["fences"] or ()),
        demotions={tool: Autonomy(level) for tool, level in (row["demotions"] or {}).items()},
        epoch=row["epoch"],
        unsettled_usd=row["unsettled_usd"],
        newest_unsettled_usd=row["newest_unsettled_usd"],
        approvals=tuple(row["approvals"] or ()),
        authors=frozenset(row["authors"] or ()),
        cells=to_levels(row["cells"]),
        denied_goals=to_denied_goals(row["denied_goals"]),
        active_bundle=row["active_bundle"],
        windows=to_answers(row["windows"]),
        breakers=to_breakers(row["breakers"]),
    )


async def recorded_arguments(connection: Connection, locked: LockedRun) -> Any:
    """Read the arguments of the locked call. Raises `Corrupted`."""
    assert locked.planned is not None
    digest = locked.planned["arguments_digest"]
    return from_json(verified(digest, await connection.fetchval(query("content"), digest)))


def asked(windows: Sequence[WindowQuery]) -> list[dict[str, Any]] | None:
    """Put windows as the database reads them; None when there are none."""
    return [{**window.model_dump(), "same": window.same or None} for window in windows] or None
