"""The triggers on PostgreSQL. ALWAYS: also for a session that replays a replica's changes."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Unique = Mapping[str, Sequence[Sequence[str]]]

_REFUSE = """
BEGIN
  RAISE EXCEPTION 'the audit trail is append-only' USING ERRCODE = 'integrity_constraint_violation';
END """
# The table with its schema, and a search path of the function's own: a temporary table or an operator of the caller's
# must not answer in its place.
_REFUSE_UNSEALED = """
BEGIN
  IF NOT EXISTS (SELECT 1 FROM {schema}.audit_leaf WHERE event_id = OLD.event_id) THEN
    RAISE EXCEPTION 'an event that is not sealed stays pending' USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN OLD;
END """
_FUNCTIONS = {"audit_refuse": _REFUSE, "audit_refuse_unsealed": _REFUSE_UNSEALED}
_SEARCH_PATH = "search_path=pg_catalog, pg_temp"

# Trigger → when it fires, and the same as the bits of pg_trigger.tgtype (src/include/catalog/pg_trigger.h).
_WHEN = {
    "no_update": ("BEFORE UPDATE ON {} FOR EACH ROW", 1 | 2 | 16),
    "no_delete": ("BEFORE DELETE ON {} FOR EACH ROW", 1 | 2 | 8),
    "no_truncate": ("BEFORE TRUNCATE ON {} FOR EACH STATEMENT", 2 | 32),
}
_FORMER = ("no_change",)  # of an earlier release


def _function(table: str, trigger: str, pending: str) -> str:
    return "audit_refuse_unsealed" if (table, trigger) == (pending, "no_delete") else "audit_refuse"


def install(cursor: Any, tables: Unique, pending: str) -> None:
    cursor.execute("SELECT relnamespace::regnamespace::text FROM pg_class WHERE oid = 'audit_event'::regclass")
    (schema,) = cursor.fetchone()
    for name, body in _FUNCTIONS.items():
        cursor.execute(
            f"CREATE OR REPLACE FUNCTION {schema}.{name}() RETURNS trigger LANGUAGE plpgsql "
            f"SET {_SEARCH_PATH} AS $${body.format(schema=schema)}$$"
        )
    for table in tables:
        for name, (when, _bits) in _WHEN.items():
            function = _function(table, name, pending)
            cursor.execute(f"CREATE TRIGGER {table}_{name} {when.format(table)} EXECUTE FUNCTION {schema}.{function}()")
            cursor.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_{name}")


def remove(cursor: Any, tables: Iterable[str]) -> None:
    for table in tables:
        for name in (*_WHEN, *_FORMER):
            cursor.execute(f"DROP TRIGGER IF EXISTS {table}_{name} ON {table}")


def missing(cursor: Any, tables: Unique, pending: str) -> list[str]:
    cursor.execute(
        """
        SELECT c.relname, t.tgname, c.relnamespace::regnamespace::text, t.tgtype, p.proname, p.prosrc,
               t.tgenabled = 'A' AND t.tgqual IS NULL AND t.tgattr = ''::int2vector
                 AND p.pronamespace = c.relnamespace AND l.lanname = 'plpgsql' AND p.proconfig = ARRAY[%s]
        FROM pg_class c
        LEFT JOIN (pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid JOIN pg_language l ON l.oid = p.prolang)
               ON t.tgrelid = c.oid
        WHERE c.oid IN (SELECT to_regclass(name) FROM unnest(%s::text[]) AS name)
        """,
        [_SEARCH_PATH, list(tables)],
    )
    found = {(table, trigger): facts for table, trigger, *facts in cursor.fetchall()}
    there = {table for table, _trigger in found}
    lacking = []
    for table in (table for table in tables if table in there):
        for name, (_when, bits) in _WHEN.items():
            schema, *facts = found.get((table, f"{table}_{name}"), [""])
            function = _function(table, name, pending)
            if facts != [bits, function, _FUNCTIONS[function].format(schema=schema), True]:
                lacking.append(f"{table}_{name}")
    return lacking
