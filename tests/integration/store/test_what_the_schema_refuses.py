"""What stands in the schema itself, behind the code: rights, triggers, and the words that columns take."""

import re
import traceback
from typing import get_args

import asyncpg
import psycopg
import pytest

from proctor.contracts.control import ControlWord
from proctor.contracts.events import DeliveryState
from proctor.contracts.governing import ChangeKind, ReviewKind, ReviewVerdict
from proctor.contracts.identity_ports import OtherSystem
from proctor.contracts.kill import KillOrder, KillScope
from proctor.contracts.manifest import Autonomy
from proctor.contracts.outside import SignatureScheme
from proctor.contracts.session_ports import Credential
from proctor.contracts.tool import Risk
from proctor.contracts.traffic import BreakerState
from proctor.store.database import Database

GUARDED = ["audit", "cell_level", "control", "control_act", "decision", "declared_plan", "denied_goal", "grant_use"]
GUARDED += ["policy_activation", "policy_approval", "policy_version", "read_call", "review", "review_verdict"]
GUARDED += ["set_aside"]
CHANGED = ["agent_chain", "api_key", "breaker", "bucket", "channel", "channel_reference", "delivery", "document"]
CHANGED += ["drill_lease", "effect", "fence", "hook", "lease", "principal", "request", "run", "schedule", "spend"]
CHANGED += ["waiting", "web_session", "webhook"]
DELETED = ["channel_reference", "delivery", "event", "identity", "lease", "seen_message", "waiting", "web_sign_in"]
NOT_ADDED_TO = {"alembic_version", "demotion", "drill_lease"}
COLUMNS = ["approver_key.revoked_at", "approver_key.valid_from", "approver_key.vouched_by", "delegation.revoked_at"]
COLUMNS += ["standing_grant.revoked_at", "standing_grant.revoked_by", "standing_grant.uses"]

PERSONAL = "anna@example.org"

_TABLES = """
SELECT relname FROM pg_class
WHERE relnamespace = 'proctor'::regnamespace AND relkind IN ('r', 'v') AND has_table_privilege('proctor_app', oid, %s)
ORDER BY relname
"""
_COLUMNS = """
SELECT c.relname || '.' || a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
WHERE c.relnamespace = 'proctor'::regnamespace AND NOT has_table_privilege('proctor_app', c.oid, 'UPDATE')
    AND c.relkind = 'r' AND has_column_privilege('proctor_app', c.oid, a.attnum, 'UPDATE') ORDER BY 1
"""
_FIRST_COLUMN = "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum = 1"
_WORDS = """
SELECT substr(conrelid::regclass::text, 9) || '.' || attname, pg_get_constraintdef(c.oid)
FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
WHERE c.connamespace = 'proctor'::regnamespace AND c.contype = 'c'
"""

ONCE = """
api_key (secret_sha256); control (run_id, key); control_act (run_id, step); decision (id); delivery (event_n, channel);
event (id); notice (run_id, step, call, who); policy_activation (version_id); policy_approval (version_id, by, word);
policy_version (id); principal (token_sha256); review (id); review_verdict (review_id); run (tenant, idempotency_key)
"""
_ONCE = """
SELECT substr(conrelid::regclass::text, 9) || substr(pg_get_constraintdef(oid), 7) FROM pg_constraint
WHERE connamespace = 'proctor'::regnamespace AND contype = 'u' ORDER BY 1
"""
LEVELS = tuple(Autonomy)
WORDS = {
    "breaker.state": tuple(BreakerState),
    "cell_level.declared": LEVELS,
    "cell_level.kind": ("promotion", "demotion"),
    "cell_level.level": LEVELS,
    "cell_level.risk": ("*", *Risk),
    "control.word": get_args(ControlWord),
    "delivery.state": tuple(DeliveryState),
    "denied_goal.by": ("person", "policy"),
    "effect.kind": ("act", "compensation"),
    "effect.state": ("intent", "attempt_failed", "confirmed", "failed", "unknown"),
    "fence.mode": get_args(KillOrder.model_fields["mode"].annotation),
    "fence.scope": tuple(KillScope),
    "hook.scheme": get_args(SignatureScheme),
    "identity.system": get_args(OtherSystem),
    "policy_approval.word": ("approve", "reject"),
    "policy_version.change": tuple(ChangeKind),
    "review.kind": tuple(ReviewKind),
    "review.risk": tuple(Risk),
    "review_verdict.verdict": tuple(ReviewVerdict),
    "web_session.credential": get_args(Credential.model_fields["kind"].annotation),
}


async def test_the_runtime_may_change_and_delete_exactly_what_it_must(dsn: str) -> None:
    """What a migration adds is neither changed nor deleted before it is named here."""
    with psycopg.connect(dsn) as connection:

        def may(privilege: str) -> list[str]:
            return [row[0] for row in connection.execute(_TABLES, (privilege,))]

        assert (CHANGED, DELETED, [], []) == (may("UPDATE"), may("DELETE"), may("TRUNCATE"), may("TRIGGER"))
        assert NOT_ADDED_TO == {*may("SELECT")} - {*may("INSERT")}
        assert COLUMNS == [row[0] for row in connection.execute(_COLUMNS)]


async def test_even_the_owner_changes_nothing_that_is_append_only(dsn: str) -> None:
    """A trigger stands behind the rights."""
    with psycopg.connect(dsn) as connection:
        for table in GUARDED:
            (column,) = connection.execute(_FIRST_COLUMN, (f"proctor.{table}",)).fetchone() or ("",)
            for change in (f"UPDATE {{}} SET {column} = DEFAULT", "DELETE FROM {}", "TRUNCATE {} CASCADE"):
                with (
                    pytest.raises(psycopg.errors.InsufficientPrivilege, match=f"proctor.{table} is refused"),
                    connection.transaction(),
                ):
                    connection.execute(change.format(f"proctor.{table}").encode())


async def test_columns_take_the_words_that_the_contracts_know(dsn: str) -> None:
    """A word that no contract names is not stored, whoever writes it; one that a contract adds needs a migration."""
    with psycopg.connect(dsn) as connection:
        listed = {
            column: {*re.findall(r"'([^']*)'::text", definition)}
            for column, definition in connection.execute(_WORDS)
            if "ARRAY[" in definition
        }
    assert {column: {str(word) for word in words} for column, words in WORDS.items()} == listed


async def test_what_there_can_be_once_is_one_row(dsn: str) -> None:
    """Whatever two processes do at once: one run for a key, one activation of a version, one verdict of a review."""
    with psycopg.connect(dsn) as connection:
        assert " ".join(ONCE.split()) == "; ".join(row[0] for row in connection.execute(_ONCE))


@pytest.mark.parametrize(
    "insert",
    [
        "INSERT INTO proctor.channel VALUES ('webhook:mine', now())",
        "INSERT INTO proctor.drill_lease VALUES (false, 'mine', now())",
        "INSERT INTO proctor.web_sign_in VALUES ('s', '//elsewhere.example/approvals', NULL, false, now())",
    ],
    ids=["a chat named as a webhook", "a second lease", "a way back to elsewhere"],
)
async def test_rows_that_would_mislead_are_not_stored(dsn: str, insert: str) -> None:
    """No chat gets what is for a webhook, one gateway makes drills, and a sign-in comes back to our own pages."""
    with psycopg.connect(dsn) as connection, pytest.raises(psycopg.errors.CheckViolation):
        connection.execute(insert.encode())


async def test_refused_row_is_quoted_in_no_error(dsn: str) -> None:
    """What it holds is a person's; errors end in logs, spans and Temporal's history."""
    database = await Database.connect(dsn, min_size=1, max_size=1)

    async def write() -> None:
        async with database.transaction() as connection:
            insert = "INSERT INTO proctor.breaker (name, state, last_error) VALUES ('tool:A', 'odd', $1)"
            await connection.execute(insert, PERSONAL)

    with pytest.raises(asyncpg.CheckViolationError, match="violates check constraint") as raised:
        await write()
    await database.close()
    assert PERSONAL not in "".join(traceback.format_exception(raised.value))
