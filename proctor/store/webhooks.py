"""Subscriptions to events, in Postgres."""

from collections.abc import Sequence
from typing import Any

from proctor.contracts.audit import INSTALLATION
from proctor.contracts.errors import NotAuthorised, UnknownName
from proctor.contracts.human import Principal, Role
from proctor.contracts.outside import OpenedWebhook, Webhook, WebhookOrder
from proctor.store.chains import append, lock_agent
from proctor.store.database import Connection, Database
from proctor.store.queries import query
from proctor.store.rows import Row
from proctor.store.storable import clean

_MAY_SUBSCRIBE = {Role.OWNER, Role.OPERATOR}
_MAY_SEE_ARGUMENTS = {Role.OWNER, Role.AUDITOR}
_WEBHOOK = tuple(Webhook.model_fields)
THE_RECEIVER = "receiver"
"""Who disabled a subscription, where no person did."""


class PostgresWebhooks:
    """Implements `Webhooks`."""

    def __init__(self, database: Database) -> None:
        """Take the database."""
        self._database = database

    async def create(self, webhook_id: str, order: WebhookOrder, sealed: str, by: Principal) -> Webhook:
        """Keep a subscription. Raises `NotAuthorised`."""
        _check_role(by)
        if order.with_arguments and not _MAY_SEE_ARGUMENTS & by.roles:
            raise NotAuthorised(f"{by.name} may not send arguments elsewhere", hint="an owner or auditor may")
        fields = (clean(order.url), list(order.kinds), order.agent, order.tenant, order.with_arguments, sealed, by.name)
        async with self._database.transaction() as connection:
            row = await connection.fetchrow(query("insert_webhook"), webhook_id, *fields)
            await note(connection, "webhook_created", by.name, webhook=webhook_id, **order.model_dump(mode="json"))
        return _to_webhook(row)

    async def webhooks(self) -> Sequence[Webhook]:
        """List subscriptions, newest first, disabled ones too."""
        return [_to_webhook(row) for row in await self._database.rows("webhooks")]

    async def opened(self, webhook_id: str) -> OpenedWebhook:
        """Give what a delivery needs. Raises `UnknownName`."""
        row = _found(await self._database.row("opened_webhook", webhook_id), webhook_id)
        webhook = _to_webhook(row)
        return OpenedWebhook(
            webhook=webhook,
            secret=row["secret"],
            former_secret=row["former"],
            may_see_arguments=webhook.with_arguments and row["may_see_arguments"],
        )

    async def rotate(self, webhook_id: str, sealed: str, keep_former_s: float, by: Principal) -> Webhook:
        """Sign with another secret from now on, and with the one before for a while too."""
        _check_role(by)
        async with self._database.transaction() as connection:
            row = await connection.fetchrow(query("rotate_webhook"), webhook_id, sealed, keep_former_s)
            webhook = _to_webhook(_found(row, webhook_id))
            await note(connection, "webhook_rotated", by.name, webhook=webhook_id, keep_former_s=keep_former_s)
        return webhook

    async def disable(self, webhook_id: str, why: str, by: Principal | None) -> Webhook:
        """Send nothing more; what was due is dead. Repeated: as first."""
        if by is not None:
            _check_role(by)
        async with self._database.transaction() as connection:
            row = await connection.fetchrow(query("disable_webhook"), webhook_id, clean(why))
            if row is not None:
                actor = THE_RECEIVER if by is None else by.name
                await note(connection, "webhook_disabled", actor, webhook=webhook_id, why=why)
        return (await self.opened(webhook_id)).webhook

    async def enable(self, webhook_id: str, by: Principal) -> Webhook:
        """Send again what happens from now on."""
        _check_role(by)
        async with self._database.transaction() as connection:
            row = await connection.fetchrow(query("enable_webhook"), webhook_id)
            webhook = _to_webhook(_found(row, webhook_id))
            await note(connection, "webhook_enabled", by.name, webhook=webhook_id)
        return webhook


async def note(connection: Connection, kind: str, by: str, **said: Any) -> None:
    """Append to the installation's audit chain what lets the outside in or out, in the transaction that changes it."""
    end = await lock_agent(connection, INSTALLATION)
    await append(connection, INSTALLATION, end, (kind, {**said, "by": by}))


def _check_role(by: Principal) -> None:
    if not _MAY_SUBSCRIBE & by.roles:
        raise NotAuthorised(f"{by.name} is neither owner nor operator", hint="ask one to change subscriptions")


def _found(row: Row | None, webhook_id: str) -> Row:
    if row is None:
        raise UnknownName(f"there is no webhook {webhook_id}")
    return row


def _to_webhook(row: Row) -> Webhook:
    return Webhook.model_validate({name: row[name] for name in _WEBHOOK})
