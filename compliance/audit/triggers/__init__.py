"""Database triggers that refuse to change or remove a row of the trail, whoever asks: the last line behind the model.

They stop mistakes and careless SQL. Whoever owns the tables can drop them: `missing` is how that shows, and
deploy/postgresql-roles.sql is how the application is kept from owning them.
"""

from collections.abc import Sequence
from types import ModuleType

from django.db.backends.base.base import BaseDatabaseWrapper

from . import postgresql, sqlite

#: Tables whose rows are inserted and never touched again, each with what is unique in it beside its primary key.
TABLES: dict[str, tuple[tuple[str, ...], ...]] = {
    "audit_event": (("event_id",),),
    "audit_leaf": (("index",), ("event_id",)),
    "audit_subtree": (("level", "index"),),
    "audit_checkpoint": (("size",),),
    "audit_logkey": (("public_key",),),
    "audit_anchor": (("place", "size"),),
}
#: Its rows go, but only once their event has a leaf.
PENDING = "audit_pendingevent"
_UNIQUE = {**TABLES, PENDING: (("event_id",),)}
ALL = tuple(_UNIQUE)


def install(connection: BaseDatabaseWrapper, tables: Sequence[str] = ALL) -> None:
    """Makes the triggers of those of `tables` that are there, replacing what bears their names."""
    with connection.cursor() as cursor:
        there = set(connection.introspection.table_names(cursor))
        _maker(connection).remove(cursor, tables)
        _maker(connection).install(cursor, {table: _UNIQUE[table] for table in tables if table in there}, PENDING)


def remove(connection: BaseDatabaseWrapper, tables: Sequence[str] = ALL) -> None:
    """For undoing the migration, and for tests that empty the database."""
    with connection.cursor() as cursor:
        _maker(connection).remove(cursor, tables)


def missing(connection: BaseDatabaseWrapper) -> list[str]:
    """The names of triggers that are absent, switched off or not ours. A table that is not there yet lacks none."""
    with connection.cursor() as cursor:
        return _maker(connection).missing(cursor, _UNIQUE, PENDING)


def lift_for_rebuild(connection: BaseDatabaseWrapper) -> None:
    """Before a migration that may change a table of the trail. SQLite changes a table by making it anew, and renames
    no table while a trigger of another speaks of one that has just gone; `install` puts it back afterwards."""
    if connection.vendor == "sqlite":
        remove(connection, [PENDING])


def _maker(connection: BaseDatabaseWrapper) -> ModuleType:
    return postgresql if connection.vendor == "postgresql" else sqlite
