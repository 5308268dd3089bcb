"""Fences, in Postgres (rule 3)."""

from collections.abc import Sequence

from proctor.contracts.errors import NotAuthorised, UnknownName
from proctor.contracts.human import Principal, Role
from proctor.contracts.ids import PrincipalName, RunId
from proctor.contracts.kill import Fence, KillOrder, KillScope, Receipt
from proctor.contracts.run import RunOutcome
from proctor.store.bundles import BundleShelf
from proctor.store.changes import Changes
from proctor.store.database import Connection, Database
from proctor.store.locked import lock_run
from proctor.store.queries import query
from proctor.store.receipts import build_receipts
from proctor.store.rows import to_fence
from proctor.store.storable import clean
from proctor.store.waiting import end_waiting_runs

_MAY_KILL = frozenset({Role.OPERATOR, Role.OWNER})


class PostgresKillSwitch:
    """Implements `KillSwitch`."""

    def __init__(self, database: Database) -> None:
        """Take the database."""
        self._database = database
        self._bundles = BundleShelf(database)

    async def raise_fence(self, order: KillOrder, by: Principal) -> Fence:
        """Write the fence; when this returns, no intent can be committed in its scope any more."""
        _check_role(by)
        async with self._database.transaction() as connection:
            await connection.execute(query("lock_fences"))
            return await insert_fence(connection, order, by.name)

    async def covered(self, fence: Fence) -> list[RunId]:
        """List the runs under a fence that have not ended; for a tool, those that are about to use it, or do."""
        rows = await self._database.rows("covered_runs", fence.scope, fence.value)
        return [RunId(row["run_id"]) for row in rows]

    async def waiting(self, run_ids: Sequence[RunId]) -> set[RunId]:
        """Tell which of the runs do nothing but wait for a person, as far as one look can tell."""
        return {RunId(row["run"]["run_id"]) for row in await self._database.rows("waiting_runs", list(run_ids))}

    async def end_waiting(self, run_ids: Sequence[RunId]) -> dict[RunId, RunOutcome]:
        """End those of the runs that only wait under a fence that freezes (ADR 12)."""
        async with self._database.transaction() as connection:
            return await end_waiting_runs(connection, self._bundles, run_ids)

    async def release(self, epoch: int, by: Principal) -> Fence:
        """Lift a fence; a second person must. Repeated: as first."""
        _check_role(by)
        async with self._database.transaction() as connection:
            row = await connection.fetchrow(query("fence_for_update"), epoch)
            if row is None:
                raise UnknownName(f"there is no fence {epoch}", hint="`proctor fences` names the fences in force")
            fence = to_fence(row)
            if fence.released_at is not None:
                return fence
            await _check_second(connection, fence, by)
            released = to_fence(await connection.fetchrow(query("release_fence"), epoch, by.name))
            if released.scope is KillScope.RUN:
                await _note(connection, released, "fence_released", by.name)
            return released

    async def active(self) -> list[Fence]:
        """List the fences in force, oldest first."""
        return [to_fence(row) for row in await self._database.rows("active_fences")]

    async def receipt(self, run_id: RunId) -> Receipt:
        """Give the truth about a run's effects, as the ledger stands now."""
        found = await self.receipts([run_id])
        if not found:
            raise UnknownName(f"there is no run {run_id}", hint="`proctor ps` lists the runs")
        return found[0]

    async def receipts(self, run_ids: Sequence[RunId]) -> list[Receipt]:
        """Give the receipts of many runs in a handful of queries, all on one snapshot of the ledger."""
        async with self._database.connection() as connection, connection.transaction(isolation="repeatable_read"):
            rows = await connection.fetch(query("runs_by_id"), list(run_ids))
            bundles = {
                digest: await self._bundles.load(digest, connection)
                for digest in {row["bundle_digest"] for row in rows}
            }
            return await build_receipts(connection, rows, bundles)

    async def knows(self, scope: KillScope, value: str) -> bool:
        """Whether a kill of that scope could ever have covered a run."""
        return bool(await self._database.value("is_known_target", scope, value))


async def insert_fence(connection: Connection, order: KillOrder, actor: PrincipalName) -> Fence:
    """Write a fence under the exclusive fence lock, which the caller's transaction holds."""
    row = await connection.fetchrow(
        query("insert_fence"), order.scope, order.value, actor, clean(order.reason), order.mode
    )
    fence = to_fence(row)
    if fence.scope is KillScope.RUN:
        await _note(connection, fence, "fence_raised", actor)
    return fence


async def _note(connection: Connection, fence: Fence, kind: str, actor: PrincipalName) -> None:
    changes = Changes.to(await lock_run(connection, RunId(fence.value)))
    changes.audit(kind, epoch=fence.epoch, by=actor, reason=fence.reason, mode=fence.mode)
    await changes.write(connection)


async def _check_second(connection: Connection, fence: Fence, by: Principal) -> None:
    """Let a second person release: not who raised the fence, by whatever key of theirs, and no program."""
    standing = await connection.fetchrow(query("releaser"), fence.actor, by.name, fence.raised_at)
    assert standing is not None
    if fence.actor == by.name:
        why = f"{by.name} raised fence {fence.epoch}"
    elif standing["is_service"]:
        why = f"{by.name} is a service, and so no second person"
    elif standing["could_have_raised"]:
        why = f"{fence.actor} raised fence {fence.epoch}, and a key of it is of {by.name}'s making"
    else:
        return
    raise NotAuthorised(why, hint="a second person must release it")


def _check_role(by: Principal) -> None:
    if not _MAY_KILL & by.roles:
        raise NotAuthorised(f"{by.name} is neither operator nor owner", hint="ask one who is to stop or release runs")
