"""Orders of people to runs that go on, in Postgres."""

from proctor.contracts.control import ControlEntry, ControlOrder, ControlReceipt, Wheel
from proctor.contracts.errors import UnknownName
from proctor.contracts.human import Principal
from proctor.contracts.ids import RunId
from proctor.store.bundles import BundleShelf
from proctor.store.database import Connection, Database
from proctor.store.locked import lock_run
from proctor.store.queries import query
from proctor.store.rows import Row
from proctor.store.steering import Steering, checked


class PostgresControls:
    """Implements `Controls`."""

    def __init__(self, database: Database) -> None:
        """Take the database."""
        self._database = database
        self._bundles = BundleShelf(database)

    async def order(self, order: ControlOrder, by: Principal) -> ControlReceipt:
        """Record an order and apply it, in one transaction; as the port says."""
        order = checked(order)
        async with self._database.transaction() as connection:
            # No intent is written but under the same lock: whoever comes after this commit finds the run held.
            locked = await lock_run(connection, order.run_id)
            steering = Steering(connection, locked, order, by)
            known = await steering.known()
            if known is not None:
                return await _receipt(connection, to_entry(known), is_new=False, note="recorded before")
            refusal = steering.objection() or await steering.obstacle(self._bundles)
            if refusal is not None:
                await steering.note_refusal(refusal)
            else:
                moot = await steering.moot()
                if moot is not None:
                    return await _receipt(connection, to_entry(moot), is_new=False, note=steering.why_moot)
                entry = to_entry(await steering.apply())
                return await _receipt(connection, entry, is_new=True, note="")
        # Raised after the commit: that somebody tried stays on record.
        raise refusal

    async def wheel(self, run_id: RunId) -> Wheel:
        """Tell who drives a run now."""
        async with self._database.connection() as connection:
            return await wheel_of(connection, run_id)

    async def history(self, run_id: RunId) -> list[ControlEntry]:
        """List the orders of a run, in order."""
        return [to_entry(row) for row in await self._database.rows("controls", run_id)]


async def wheel_of(connection: Connection, run_id: RunId) -> Wheel:
    """Read who drives a run. Raises `UnknownName`."""
    run = await connection.fetchrow(query("run"), run_id)
    if run is None:
        raise UnknownName(f"there is no run {run_id}", hint="`proctor ps` lists the runs")
    act = await next_act(connection, run)
    return Wheel(paused_by=run["paused_by"], driver=run["driver"], next_act=act)


async def next_act(connection: Connection, run: Row) -> ControlEntry | None:
    """Read the oldest call that a person asked for and no step has taken up; asks nothing where there is none."""
    if run["acts"] <= run["acts_taken"]:
        return None
    row = await connection.fetchrow(query("next_act"), run["run_id"])
    return None if row is None else to_entry(row)


def to_entry(row: Row) -> ControlEntry:
    """Read an order."""
    names = ("n", "run_id", "word", "by", "text", "call", "at")
    step = row["step"] if row.get("act_step") is None else row["act_step"]
    return ControlEntry.model_validate({**{name: row[name] for name in names}, "step": step, "key": row["key"] or ""})


async def _receipt(connection: Connection, entry: ControlEntry, *, is_new: bool, note: str) -> ControlReceipt:
    return ControlReceipt(entry=entry, wheel=await wheel_of(connection, entry.run_id), is_new=is_new, note=note)
