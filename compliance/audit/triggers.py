"""Database triggers that refuse to change or remove a row of the trail, whoever asks: the last line behind the model.

They stop mistakes and careless SQL. The owner of the database can drop them; `missing` is how that shows.
"""

from django.db.backends.base.base import BaseDatabaseWrapper

#: Tables whose rows are inserted and never touched again.
TABLES = ("audit_event",)

_REFUSAL = "the audit trail is append-only"

_POSTGRESQL_FUNCTION = f"""
CREATE OR REPLACE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '{_REFUSAL}' USING ERRCODE = 'integrity_constraint_violation';
END $$"""


def _wanted(vendor: str, table: str) -> dict[str, str]:
    """Trigger name → the statement that makes it."""
    if vendor == "postgresql":
        return {
            f"{table}_no_change": f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION audit_refuse()",
            f"{table}_no_truncate": f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()",
        }
    body = f"BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END"
    return {
        f"{table}_no_update": f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table} {body}",
        f"{table}_no_delete": f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} {body}",
        # INSERT OR REPLACE removes the old row without firing delete triggers (sqlite.org/lang_conflict.html).
        f"{table}_no_replace": f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} WHEN EXISTS "  # noqa: S608
        f"(SELECT 1 FROM {table} WHERE id = NEW.id OR event_id = NEW.event_id) {body}",
    }


def install(connection: BaseDatabaseWrapper, tables: tuple[str, ...] = TABLES) -> None:
    """Makes the triggers of `tables`, replacing what bears their names."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(_POSTGRESQL_FUNCTION)
        remove(connection, tables)
        for table in tables:
            for statement in _wanted(connection.vendor, table).values():
                cursor.execute(statement)


def remove(connection: BaseDatabaseWrapper, tables: tuple[str, ...] = TABLES) -> None:
    """For undoing the migration, and for tests that empty the database."""
    with connection.cursor() as cursor:
        for table in tables:
            for name in _wanted(connection.vendor, table):
                on = f" ON {table}" if connection.vendor == "postgresql" else ""
                cursor.execute(f"DROP TRIGGER IF EXISTS {name}{on}")


def missing(connection: BaseDatabaseWrapper) -> list[str]:
    """The names of triggers that are absent, switched off or not ours. A table that is not there yet lacks none."""
    with connection.cursor() as cursor:
        existing = connection.introspection.table_names(cursor)
        lacking = []
        for table in TABLES:
            if table not in existing:
                continue
            wanted = _wanted(connection.vendor, table)
            if connection.vendor == "postgresql":
                cursor.execute(
                    "SELECT tgname FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid "
                    "WHERE tgrelid = %s::regclass AND tgenabled IN ('O', 'A') AND proname = 'audit_refuse'",
                    [table],
                )
                present = {name for (name,) in cursor.fetchall()}
                lacking += [name for name in wanted if name not in present]
            else:
                cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = %s", [table])
                found = dict(cursor.fetchall())
                lacking += [name for name, statement in wanted.items() if found.get(name) != statement]
        return lacking
