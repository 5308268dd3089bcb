"""Databases that are as a migration leaves them: lent to one test after the other, and emptied in between.

Copying the template costs some 200 ms of processor time for each test, emptying a copy 10. A test that changed the
schema itself, and not rows alone, leaves a database that nobody gets again.
"""

import itertools
import time
from typing import Any

import psycopg
from psycopg import sql

TEMPLATE = "migrated"
SCHEMA = "proctor"
ENDED_WITHIN_S = 5.0

_SHAPE = """
SELECT md5(string_agg(one, ',' ORDER BY one)) FROM (
    SELECT 'class ' || c.oid || ' ' || c.xmin AS one FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname !~ '^(pg_|information_schema)'
    UNION ALL SELECT 'namespace ' || nspname || ' ' || xmin FROM pg_namespace WHERE nspname !~ '^pg_(toast_)?temp'
    UNION ALL SELECT 'attribute ' || attrelid || ' ' || attnum || ' ' || xmin FROM pg_attribute WHERE attrelid >= 16384
    UNION ALL SELECT 'procedure ' || oid || ' ' || xmin FROM pg_proc WHERE oid >= 16384
    UNION ALL SELECT 'trigger ' || oid || ' ' || xmin FROM pg_trigger
    UNION ALL SELECT 'constraint ' || oid || ' ' || xmin FROM pg_constraint WHERE oid >= 16384
    UNION ALL SELECT 'policy ' || oid || ' ' || xmin FROM pg_policy
    UNION ALL SELECT 'setting ' || setrole || ' ' || xmin FROM pg_db_role_setting
        WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())
) shape
"""
_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = %s ORDER BY tablename"
_RESTART = """
SELECT setval(format('%%I.%%I', schemaname, sequencename)::regclass, start_value, false)
FROM pg_sequences WHERE schemaname = %s
"""
_END_OTHERS = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""
_numbers = itertools.count(1)


class Lent:
    """One database: what it was like when it was new, and how it becomes so again."""

    def __init__(self, server: str) -> None:
        """Copy the template on the server whose DSN is given."""
        self.name = f"test_{next(_numbers)}"
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(*_names(self.name, TEMPLATE)))
        self.dsn = server.replace("/proctor?", f"/{self.name}?")
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            self._shape = _value(connection, _SHAPE)
            self._tables = [row[0] for row in connection.execute(_TABLES, (SCHEMA,))]
            self._rows = {table: rows for table in self._tables if (rows := _rows(connection, table))}

    def renew(self) -> bool:
        """End whoever is still connected, and make it as it was; False when that cannot be done."""
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            if not _is_left_alone(connection) or _value(connection, _SHAPE) != self._shape:
                return False
            with connection.transaction():
                connection.execute("SET LOCAL session_replication_role = replica")  # no trigger, no foreign key
                for table in self._tables:
                    connection.execute(sql.SQL("DELETE FROM {}").format(_table(table)))
                for table, rows in self._rows.items():
                    _put_back(connection, table, rows)
                connection.execute(_RESTART, (SCHEMA,))
        return True

    def drop(self, server: str) -> None:
        """Delete it."""
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(*_names(self.name)))


def _is_left_alone(connection: psycopg.Connection) -> bool:
    """End other sessions; False when somebody comes back again and again."""
    until = time.monotonic() + ENDED_WITHIN_S
    while _value(connection, _END_OTHERS):
        if time.monotonic() > until:
            return False
        time.sleep(0.002)
    return True


def _rows(connection: psycopg.Connection, table: str) -> Any:
    return _value(connection, sql.SQL("SELECT json_agg(t)::text FROM {} t").format(_table(table)))


def _put_back(connection: psycopg.Connection, table: str, rows: str) -> None:
    put = "INSERT INTO {0} OVERRIDING SYSTEM VALUE SELECT * FROM json_populate_recordset(NULL::{0}, %s::json)"
    connection.execute(sql.SQL(put).format(_table(table)), (rows,))


def _table(name: str) -> sql.Identifier:
    return sql.Identifier(SCHEMA, name)


def _names(*names: str) -> list[sql.Identifier]:
    return [sql.Identifier(name) for name in names]


def _value(connection: psycopg.Connection, statement: Any) -> Any:
    row = connection.execute(statement).fetchone()
    return None if row is None else row[0]
