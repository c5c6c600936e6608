"""The database that a desk moves to: reached beside the desk's own, looked at, and given the desk's empty tables."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.apps import apps
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.migrations.executor import MigrationExecutor
from django.db.utils import load_backend
from django.utils.translation import gettext as _

_MIGRATIONS = "django_migrations"
# What `manage.py migrate` itself writes into a new database, beside events of its own.
_FILLED = {_MIGRATIONS, "django_content_type", "auth_permission", "auth_group", "auth_group_permissions"}
_FILLED |= {"audit_pendingevent"}  # as many as there are events


class InUse(Exception):
    """The database holds something. Nothing was changed there."""


@contextmanager
def reached(address: dict[str, Any], alias: str = "move_to") -> Iterator[str]:
    """The database at this address (as in `DATABASES`) under this alias, while the block runs."""
    settings = connections.configure_settings({DEFAULT_DB_ALIAS: {}, alias: dict(address)})[alias]
    connections[alias] = load_backend(settings["ENGINE"]).DatabaseWrapper(settings, alias)
    try:
        yield alias
    finally:
        connections[alias].close()
        del connections[alias]


def make_empty(alias: str) -> None:
    """Makes the desk's tables, without a row, where there is nothing yet or what `migrate` makes and nobody has used.

    Raises InUse for anything else."""
    connection = connections[alias]
    with connection.cursor() as cursor:
        there = set(connection.introspection.table_names(cursor))
        if others := sorted(there - _ours()):
            raise InUse(_("it has tables that are not the desk's, such as %s") % others[0])
        if used := sorted(table for table in there if _used(cursor, table)):
            raise InUse(_("it is in use already: there is something in %s") % used[0])
        filled = any(_has_rows(cursor, table) for table in there - {_MIGRATIONS})
        for table in there if filled else ():
            cursor.execute(f"DROP TABLE {connection.ops.quote_name(table)} CASCADE")
    with as_default(alias):
        # Not the command: it would also make roles and tell the trail of them, and all of that comes with the rows.
        executor = MigrationExecutor(connections[alias])
        executor.migrate(executor.loader.graph.leaf_nodes())


def _ours() -> set[str]:
    return {_MIGRATIONS, *(model._meta.db_table for model in apps.get_models(include_auto_created=True))}


def _used(cursor: Any, table: str) -> bool:
    if table == "audit_event":
        cursor.execute("SELECT 1 FROM audit_event WHERE actor <> 'system:migrate' LIMIT 1")
        return cursor.fetchone() is not None
    return table not in _FILLED and _has_rows(cursor, table)


def _has_rows(cursor: Any, table: str) -> bool:
    cursor.execute(f'SELECT 1 FROM "{table}" LIMIT 1')  # noqa: S608 - the name of a table of ours
    return cursor.fetchone() is not None


@contextmanager
def as_default(alias: str) -> Iterator[None]:
    """Whoever asks for no database by name gets this one: a migration that changes rows must not find the own one."""
    own = connections[DEFAULT_DB_ALIAS]
    connections[DEFAULT_DB_ALIAS] = connections[alias]
    try:
        yield
    finally:
        connections[DEFAULT_DB_ALIAS] = own
