"""Hooks and schedules, by which systems outside begin runs; in Postgres."""

from collections.abc import Sequence
from typing import Any, Literal

from proctor.contracts.canonical import digest_json
from proctor.contracts.errors import NotAuthorised, Refused, UnknownName
from proctor.contracts.human import Principal, Role
from proctor.contracts.ids import PrincipalName
from proctor.contracts.outside import (
    Beginning,
    Hook,
    HookOrder,
    OpenedHook,
    OpenedSchedule,
    Schedule,
    ScheduleOrder,
)
from proctor.store.database import Connection, Database
from proctor.store.queries import query
from proctor.store.rows import Row
from proctor.store.storable import clean
from proctor.store.webhooks import note

_HOOK = tuple(Hook.model_fields)
_SCHEDULE = tuple(Schedule.model_fields)


class PostgresBeginnings:
    """Implements `Beginnings`."""

    def __init__(self, database: Database) -> None:
        """Take the database."""
        self._database = database

    async def put_hook(self, order: HookOrder, sealed: str, by: Principal) -> Hook:
        """Keep a hook; one that was disabled may be made anew. Raises `Refused` when the name is in use."""
        fields = (order.agent, order.tenant, order.principal, clean(order.goal), order.scheme, sealed, order.mapping)
        async with self._database.transaction() as connection:
            await _check(connection, order, by)
            row = await connection.fetchrow(query("put_hook"), order.name, *fields, by.name)
            if row is None:
                raise Refused(f"there is a hook {order.name} already", hint="disable it first, or choose another name")
            await note(connection, "hook_created", by.name, **order.model_dump(mode="json"))
        return _to_hook(row)

    async def hooks(self) -> Sequence[Hook]:
        """List hooks by name, disabled ones too."""
        return [_to_hook(row) for row in await self._database.rows("hooks")]

    async def hook(self, name: str) -> OpenedHook:
        """Give an enabled hook whose service is enabled. Raises `UnknownName`."""
        row = _found(await self._database.row("opened_hook", clean(name)), "hook", name)
        return OpenedHook(hook=_to_hook(row), secret=row["secret"], principal=_service(row["principal"], row["roles"]))

    async def disable_hook(self, name: str, by: Principal) -> Hook:
        """Take no more calls. Repeated: as first."""
        _check_role(by)
        async with self._database.transaction() as connection:
            row = await connection.fetchrow(query("disable_hook"), name)
            if row is not None:
                await note(connection, "hook_disabled", by.name, name=name)
            else:
                row = await connection.fetchrow(query("named_hook"), name)
        return _to_hook(_found(row, "hook", name))

    async def put_schedule(self, order: ScheduleOrder, by: Principal) -> Schedule:
        """Keep a schedule; the same one again is left as it is. Raises `Refused` when the name is another's."""
        timing = order.timing.model_dump(mode="json")
        fields = (order.agent, order.tenant, order.principal, clean(order.goal), order.input, timing, by.name)
        async with self._database.transaction() as connection:
            await _check(connection, order, by)
            row = await connection.fetchrow(query("put_schedule"), order.name, *fields)
            if row is not None:
                await note(connection, "schedule_created", by.name, **_without_input(order))
                return _to_schedule(row)
            found = _to_schedule(await connection.fetchrow(query("named_schedule"), order.name))
        if ScheduleOrder.model_validate(found.model_dump(include=set(ScheduleOrder.model_fields))) != order:
            raise Refused(f"there is a schedule {order.name} already", hint="delete it first, or choose another name")
        return found

    async def schedules(self) -> Sequence[Schedule]:
        """List schedules that were not deleted, by name."""
        return [_to_schedule(row) for row in await self._database.rows("schedules")]

    async def schedule(self, name: str) -> OpenedSchedule:
        """Give a schedule whose service is enabled. Raises `UnknownName`, also when it was deleted."""
        row = _found(await self._database.row("opened_schedule", name), "schedule", name)
        return OpenedSchedule(schedule=_to_schedule(row), principal=_service(row["principal"], row["roles"]))

    async def delete_schedule(self, name: str, by: Principal) -> Schedule:
        """Start nothing more by it. Repeated: as first."""
        _check_role(by)
        async with self._database.transaction() as connection:
            row = await connection.fetchrow(query("delete_schedule"), name)
            if row is not None:
                await note(connection, "schedule_deleted", by.name, name=name)
            else:
                row = await connection.fetchrow(query("named_schedule"), name)
        return _to_schedule(_found(row, "schedule", name))

    async def note_schedule(self, name: str, word: Literal["paused", "resumed", "triggered"], by: Principal) -> None:
        """Audit what was asked of Temporal. Raises `NotAuthorised`, `UnknownName`."""
        if not {Role.OWNER, Role.OPERATOR} & by.roles:
            raise NotAuthorised(f"{by.name} is neither owner nor operator", hint="ask one to hold or fire schedules")
        async with self._database.transaction() as connection:
            _found(await connection.fetchrow(query("opened_schedule"), name), "schedule", name)
            await note(connection, f"schedule_{word}", by.name, name=name)


async def _check(connection: Connection, order: Beginning, by: Principal) -> None:
    _check_role(by)
    row = await connection.fetchrow(query("service"), order.principal)
    if row is None:
        raise UnknownName(
            f"there is no principal {order.principal}",
            hint=f"`proctor principals add {order.principal} --role requester --service` makes one",
        )
    if not row["is_service"] or list(row["roles"]) != [Role.REQUESTER.value]:
        raise NotAuthorised(
            f"{order.principal} is not a service with the one role requester",
            hint="make one: `proctor principals add NAME --role requester --service`",
        )


def _without_input(order: ScheduleOrder) -> dict[str, Any]:
    return {**order.model_dump(mode="json", exclude={"input"}), "input": digest_json(order.input)}


def _check_role(by: Principal) -> None:
    if Role.OWNER not in by.roles:
        raise NotAuthorised(f"{by.name} is not an owner", hint="an owner says what may begin runs")


def _service(name: str, roles: Sequence[str]) -> Principal:
    return Principal(name=PrincipalName(name), roles=frozenset(Role(role) for role in roles))


def _found(row: Row | None, what: str, name: str) -> Row:
    if row is None:
        raise UnknownName(f"there is no {what} {name[:100]!r}")
    return row


def _to_hook(row: Row) -> Hook:
    return Hook.model_validate({name: row[name] for name in _HOOK})


def _to_schedule(row: Any) -> Schedule:
    return Schedule.model_validate({name: row[name] for name in _SCHEDULE})
