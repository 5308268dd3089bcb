"""Tools that keep their own record in a file beside the platform, so that tests can compare the two."""

import asyncio
import os
import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from proctor.tools.authoring import ToolFailed, ToolResources

SCHEMA = """
CREATE TABLE IF NOT EXISTS effect (key TEXT, what TEXT, at REAL);
CREATE TABLE IF NOT EXISTS refused (key TEXT);
"""


def connect(path: str) -> sqlite3.Connection:
    """Open the record."""
    connection = sqlite3.connect(path, timeout=30, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.executescript(SCHEMA)
    return connection


def recorded(path: Path) -> list[tuple[str, str]]:
    """Give every effect that really happened as (key, what), in order."""
    with closing(connect(str(path))) as connection:
        return [(key, what) for key, what in connection.execute("SELECT key, what FROM effect ORDER BY at")]


def _record(resources: ToolResources, key: str, what: str, *, once: bool) -> int:
    """Record an effect; with `once`, as an idempotent tool would: the same key has one effect."""
    with closing(connect(resources.setting("WITNESS"))) as connection:
        connection.execute("BEGIN IMMEDIATE")
        known = connection.execute("SELECT count(*) FROM effect WHERE key = ?", (key,)).fetchone()[0]
        if not (once and known):
            connection.execute("INSERT INTO effect VALUES (?, ?, ?)", (key, what, time.time()))
        connection.execute("COMMIT")
        return int(known)


def append(what: str, idempotency_key: str, resources: ToolResources) -> dict[str, Any]:
    """Record an effect, once per key."""
    _record(resources, idempotency_key, what, once=True)
    return {"key": idempotency_key, "what": what}


def append_blind(what: str, idempotency_key: str, resources: ToolResources) -> dict[str, Any]:
    """Record an effect each time it is called: nothing protects it but the platform."""
    _record(resources, idempotency_key, what, once=False)
    return {"key": idempotency_key, "what": what}


def append_then_die(what: str, idempotency_key: str, resources: ToolResources) -> dict[str, Any]:
    """Record an effect once per key; the first time, the worker is killed between effect and completion."""
    if not _record(resources, idempotency_key, what, once=True):
        os.kill(os.getpid(), signal.SIGKILL)
    return {"key": idempotency_key, "what": what}


def append_blind_then_die(what: str, idempotency_key: str, resources: ToolResources) -> dict[str, Any]:
    """Record an effect each time it is called; the worker is killed after the first."""
    if not _record(resources, idempotency_key, what, once=False):
        os.kill(os.getpid(), signal.SIGKILL)
    return {"key": idempotency_key, "what": what}


async def append_and_die_when_stopped(what: str, idempotency_key: str, resources: ToolResources) -> dict[str, Any]:
    """Record an effect each time it is called, and go on; told to stop, the worker is killed before it could answer."""
    _record(resources, idempotency_key, what, once=False)
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        os.kill(os.getpid(), signal.SIGKILL)
    return {"key": idempotency_key, "what": what}


def take_back(key: str, idempotency_key: str, resources: ToolResources) -> dict[str, Any]:
    """Record that an effect was taken back."""
    _record(resources, idempotency_key, f"undo of {key}", once=True)
    return {"undone": key}


async def take_back_slowly(key: str, idempotency_key: str, resources: ToolResources) -> dict[str, Any]:
    """Take an effect back, after a while."""
    await asyncio.sleep(1.0)
    return take_back(key, idempotency_key, resources)


def happened(idempotency_key: str, resources: ToolResources) -> dict[str, Any]:
    """Tell whether the effect of a key happened."""
    with closing(connect(resources.setting("WITNESS"))) as connection:
        row = connection.execute("SELECT what FROM effect WHERE key = ?", (idempotency_key,)).fetchone()
    return {"happened": row is not None, "key": idempotency_key, "what": row[0] if row else ""}


async def work_slowly(seconds: float, idempotency_key: str, resources: ToolResources) -> dict[str, Any]:
    """Record a beginning, work, and record an end; a stopped tool has no end."""
    _record(resources, idempotency_key + "#begun", "begun", once=True)
    await asyncio.sleep(seconds)
    _record(resources, idempotency_key, "worked", once=True)
    return {"worked_s": seconds}


def always_fails(idempotency_key: str, resources: ToolResources) -> dict[str, Any]:
    """Fail in a way that might pass."""
    with closing(connect(resources.setting("WITNESS"))) as connection:
        connection.execute("INSERT INTO refused VALUES (?)", (idempotency_key,))
    raise ToolFailed("the other side says 503", retryable=True)


def attempts(path: Path) -> int:
    """Count how often `always_fails` was called."""
    with closing(connect(str(path))) as connection:
        return int(connection.execute("SELECT count(*) FROM refused").fetchone()[0])


def look(n: int) -> dict[str, Any]:
    """Read something that never changes."""
    return {"n": n}
