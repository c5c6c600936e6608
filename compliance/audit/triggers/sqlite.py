"""The triggers on SQLite, where their text in the schema is all there is to them.

An attacker who can write the file can switch triggers off for a connection, or drop a table: see docs/trail.md.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Unique = Mapping[str, Sequence[Sequence[str]]]

_REFUSE = "BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END"
_REFUSE_UNSEALED = "BEGIN SELECT RAISE(ABORT, 'an event that is not sealed stays pending'); END"
_NAMES = ("no_update", "no_delete", "no_replace", "no_change")  # the last one of an earlier release


def _wanted(table: str, unique: Sequence[Sequence[str]], pending: bool) -> dict[str, str]:
    """Trigger name → the statement that makes it."""
    no_leaf = "WHEN NOT EXISTS (SELECT 1 FROM audit_leaf WHERE event_id = OLD.event_id) "
    # INSERT OR REPLACE removes the old row without firing delete triggers (sqlite.org/lang_conflict.html). The rowid
    # can be given too, also where the primary key is another column; where it is not given it reads -1 here.
    there = " OR ".join(
        ["(NEW.rowid > 0 AND rowid = NEW.rowid)"]
        + ["(" + " AND ".join(f'"{name}" = NEW."{name}"' for name in key) + ")" for key in unique]
    )
    rest = {
        "no_update": f"BEFORE UPDATE ON {table} {_REFUSE}",
        "no_delete": f"BEFORE DELETE ON {table} {no_leaf + _REFUSE_UNSEALED if pending else _REFUSE}",
        "no_replace": f"BEFORE INSERT ON {table} WHEN EXISTS (SELECT 1 FROM {table} WHERE {there}) {_REFUSE}",  # noqa: S608 - constants
    }
    return {f"{table}_{name}": f"CREATE TRIGGER {table}_{name} {text}" for name, text in rest.items()}


def install(cursor: Any, tables: Unique, pending: str) -> None:
    for table, unique in tables.items():
        for statement in _wanted(table, unique, table == pending).values():
            cursor.execute(statement)


def remove(cursor: Any, tables: Iterable[str]) -> None:
    for table in tables:
        for name in _NAMES:
            cursor.execute(f"DROP TRIGGER IF EXISTS {table}_{name}")


def missing(cursor: Any, tables: Unique, pending: str) -> list[str]:
    cursor.execute("SELECT type, name, tbl_name, sql FROM sqlite_master WHERE type IN ('table', 'trigger')")
    found = {(kind, name): (table, text) for kind, name, table, text in cursor.fetchall()}
    return [
        name
        for table, unique in tables.items()
        if ("table", table) in found
        for name, statement in _wanted(table, unique, table == pending).items()
        if found.get(("trigger", name)) != (table, statement)
    ]
