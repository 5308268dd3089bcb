"""Reviews and live levels of autonomy, in Postgres."""

from proctor.contracts.canonical import summarize
from proctor.contracts.errors import NotAuthorised, Refused, UnknownName
from proctor.contracts.governing import Cell, CellLevel, Evidence, Review, ReviewVerdict
from proctor.contracts.human import Principal, Role
from proctor.contracts.ids import AgentName, ToolName
from proctor.contracts.steps import CallRef
from proctor.contracts.tool import Risk
from proctor.store.bundles import BundleShelf
from proctor.store.chains import append, lock_agent
from proctor.store.changes import Changes
from proctor.store.database import Connection, Database
from proctor.store.dispatch import lock_call
from proctor.store.governing import lower_level
from proctor.store.locked import LockedRun
from proctor.store.queries import query
from proctor.store.rows import Row, to_level, to_levels
from proctor.store.storable import clean

SHORTEST_PREFIX = 8
OPEN_ONES = "`proctor reviews` lists the open ones"
_MAY_REVIEW = frozenset({Role.APPROVER, Role.OWNER})
_REVIEW = tuple(Review.model_fields)


class PostgresAutonomyRecord:
    """Implements `AutonomyRecord`."""

    def __init__(self, database: Database) -> None:
        """Take the database."""
        self._database = database
        self._bundles = BundleShelf(database)

    async def levels(self, agent: AgentName) -> tuple[CellLevel, ...]:
        """List what the levels of an agent follow from."""
        return to_levels(await self._database.rows("live_cells", agent))

    async def history(self, agent: AgentName) -> list[CellLevel]:
        """List every change, newest first."""
        return [to_level(row) for row in await self._database.rows("level_history", agent)]

    async def evidence(self, agent: AgentName, tool: ToolName, risk: Risk) -> Evidence:
        """Collect what speaks for and against a cell since its level last changed."""
        async with self._database.connection() as connection:
            return await _evidence(connection, agent, Cell(tool=tool, risk=risk))

    async def set_level(self, level: CellLevel, seen: Evidence | None = None) -> None:
        """Record a promotion or demotion; as the port says."""
        async with self._database.transaction() as connection:
            end = await lock_agent(connection, level.agent)
            if level.kind == "promotion" and seen != await _evidence(connection, level.agent, level.cell):
                raise Refused(
                    "what speaks for and against the cell is not what the promotion rests on", hint="look at it again"
                )
            fields = (level.cell.tool, level.cell.risk, level.level, level.kind, level.declared, level.by)
            await connection.execute(query("insert_level"), level.agent, *fields, clean(level.reason))
            said = level.model_dump(mode="json", exclude={"agent", "at", "kind", "cell"})
            event = "autonomy_promoted" if level.kind == "promotion" else "autonomy_demoted"
            await append(connection, level.agent, end, (event, {**said, **level.cell.model_dump(mode="json")}))

    async def reviews(self, agent: AgentName | None = None, *, open_only: bool = True) -> list[Review]:
        """List reviews, oldest first."""
        return [_review(row) for row in await self._database.rows("reviews", agent, open_only)]

    async def review(self, review_id: str, verdict: ReviewVerdict, by: Principal, reason: str) -> Review:
        """Record a verdict, once; as the port says."""
        async with self._database.transaction() as connection:
            found = await _find(connection, review_id)
            ref = CallRef(run_id=found.run_id, step=found.step, call=found.call)
            locked = await lock_call(connection, ref)
            if (await _find(connection, found.id)).verdict is not None:
                raise Refused(
                    f"review {found.id} has its verdict already", hint="`proctor reviews` lists the open ones"
                )
            changes, objection = Changes.to(locked), _objection(locked, by)
            said = {"review": found.id, "verdict": verdict, "by": by.name, "reason": summarize(reason)}
            if objection is not None:
                changes.audit("review_refused", **said, note=objection)
            else:
                await lock_agent(connection, found.agent)
                changes.verdict(review_id=found.id, verdict=verdict, by=by.name, reason=clean(reason))
                if verdict is ReviewVerdict.HARMFUL:
                    why = f"review {found.id}: {reason or 'harmful'}"
                    await lower_level(connection, self._bundles, changes, locked, found.risk, by=by.name, reason=why)
                changes.audit("review_recorded", **said, kind=found.kind, step=found.step, call=found.call)
            await changes.write(connection)
            reviewed = await _find(connection, found.id)
        if objection is not None:
            # Raised after the commit: that somebody tried stays on record.
            raise NotAuthorised(objection, hint="an approver or an owner reviews, never the requester")
        return reviewed


async def _evidence(connection: Connection, agent: AgentName, cell: Cell) -> Evidence:
    row = await connection.fetchrow(query("evidence"), agent, cell.tool, cell.risk)
    assert row is not None
    verdicts = tuple(ReviewVerdict(verdict) for verdict in row["verdicts"] or ())
    return Evidence(cell=cell, verdicts=verdicts, open_incidents=row["open_incidents"], since=row["since"])


async def _find(connection: Connection, review_id: str) -> Review:
    rows = await connection.fetch(query("reviews_by_prefix"), clean(review_id), SHORTEST_PREFIX)
    exact = [row for row in rows if row["id"] == review_id]
    if len(exact or rows) != 1:
        problem = f"{len(rows)} reviews begin with" if rows else "there is no review"
        raise UnknownName(f"{problem} {review_id}", hint=OPEN_ONES)
    return _review((exact or rows)[0])


def _review(row: Row) -> Review:
    return Review.model_validate({name: row[name] for name in _REVIEW})


def _objection(locked: LockedRun, by: Principal) -> str | None:
    if by.name == locked.run["requester"]:
        return f"{by.name} asked for this run and may not review it"
    if _MAY_REVIEW & by.roles or by.answers_for(locked.run["owner"]):
        return None
    return f"{by.name} is neither an approver nor an owner"
