"""The stack on one machine, with our own worker and store: what `proctor dev`, the demo and the benchmarks run."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from gateway.identity import ensure_local_principals
from gateway.signing import ensure_local_keys
from proctor.settings import Settings
from proctor.store.migrate import migrate
from proctor.store.postgres import PostgresStore
from workers.dev import DevStack, StackOrder
from workers.embedded.temporal import TemporalPorts


async def prepare_local_store(owner_url: str, home: Path) -> str:
    """Migrate the embedded store and make the principals of a development stack; gives the DSN for workers.

    Workers use the same login, and take on the role `proctor_app`, which cannot change or delete audit records.

    Raises:
        Unavailable: the store does not answer, or the state folder cannot be written.

    """
    await asyncio.to_thread(migrate, owner_url)
    store = await PostgresStore.connect(owner_url, min_size=0, max_size=2)
    try:
        await ensure_local_principals(store.people, home)
        await ensure_local_keys(store.approver_keys, home)
    finally:
        await store.close()
    return owner_url


def local_order(
    *,
    ports: TemporalPorts | None = None,
    workers: int = 1,
    environ: Mapping[str, str] | None = None,
    restart_workers: bool = True,
    gateway_port: int | None = None,
) -> StackOrder:
    """Order a stack of our own parts; free ports unless given."""
    return StackOrder(
        prepare=prepare_local_store,
        ports=ports or TemporalPorts(),
        workers=workers,
        environ=environ or {},
        restart_workers=restart_workers,
        gateway_port=gateway_port,
    )


def local_stack(home: Path, agents: Path, *, order: StackOrder | None = None) -> DevStack:
    """Describe a stack of our own parts on a state folder, for demo, tests and benchmarks: free ports, one worker."""
    settings = Settings.load({}, agents.parent)
    return DevStack(replace(settings, home=home.resolve(), agents=agents.resolve()), order or local_order())
