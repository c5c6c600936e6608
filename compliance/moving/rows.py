"""Every row of every table from one database into another, in constant memory, and whether what arrived is the same.

The values go as Django reads and writes them, which is exact for what differs between databases: UUIDs, JSON, bytes,
moments. Nothing of a model runs: no `save`, no signal, no `auto_now`."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.db import connections, models

_CHUNK = 500  # rows that are in memory at once
_CHUNK_OF_BYTES = 8  # the same of tables whose rows may hold a file
_HASH = 2**256

Model = type[models.Model]


@dataclass(frozen=True)
class Content:
    """What a table holds: how many rows, and a sum over the hashes of all of them, in whatever order they come."""

    rows: int = 0
    sum: int = 0

    def with_row(self, values: Iterable[Any]) -> "Content":
        text = "\x1f".join(map(_exact, values))
        return Content(self.rows + 1, (self.sum + int.from_bytes(hashlib.sha256(text.encode()).digest())) % _HASH)


def tables() -> list[Model]:
    """A model for each table, those that others point to first, as far as they do not point to each other."""
    left = sorted(
        (
            model
            for model in apps.get_models(include_auto_created=True)
            if model._meta.managed and not model._meta.proxy
        ),
        key=lambda model: model._meta.db_table,
    )
    found: list[Model] = []
    while left:
        free = [model for model in left if not _needed(model) & set(left) - {model}] or left[:1]
        found += free
        left = [model for model in left if model not in free]
    return found


def count(alias: str, model: Model) -> int:
    return model._base_manager.using(alias).count()


def content(alias: str, model: Model, each: Callable[[], None]) -> Content:
    """Of a table. `each` is called for each row."""
    found = Content()
    for values in _read(alias, model):
        found = found.with_row(values)
        each()
    return found


def copy(source: str, target: str, model: Model, each: Callable[[], None]) -> Content:
    """Adds the rows of a table to the same one elsewhere; what it read there. `each` is called for each row."""
    connection, fields = connections[target], model._meta.concrete_fields
    statement, found, waiting = _insert(target, model), Content(), []
    with connection.cursor() as cursor:
        for values in _read(source, model):
            found = found.with_row(values)
            pairs = zip(fields, values, strict=True)
            waiting.append([field.get_db_prep_save(value, connection=connection) for field, value in pairs])
            if len(waiting) == _chunk(model):
                cursor.executemany(statement, waiting)
                waiting.clear()
            each()
        if waiting:
            cursor.executemany(statement, waiting)
    return found


def _insert(alias: str, model: Model) -> str:
    quote = connections[alias].ops.quote_name
    names = [quote(str(field.column)) for field in model._meta.concrete_fields]
    values = ", ".join(["%s"] * len(names))
    return f"INSERT INTO {quote(model._meta.db_table)} ({', '.join(names)}) VALUES ({values})"  # noqa: S608 - names of our own


def continue_numbers(source: str, target: str, model: Model) -> None:
    """The next row of the target gets a number that the source has never given: a number of a row that is gone stands
    in the trail for somebody. From SQLite to PostgreSQL."""
    key = model._meta.pk
    if not isinstance(key, models.AutoField | models.BigAutoField | models.SmallAutoField):
        return
    table = model._meta.db_table
    with connections[source].cursor() as cursor:
        cursor.execute("SELECT max(seq) FROM sqlite_sequence WHERE name = %s", [table])
        given = cursor.fetchone()[0] or 0
    last = max(given, model._base_manager.using(source).aggregate(last=models.Max("pk"))["last"] or 0)
    with connections[target].cursor() as cursor:
        cursor.execute(
            "SELECT setval(pg_get_serial_sequence(%s, %s), %s, %s)",
            [connections[target].ops.quote_name(table), str(key.column), max(last, 1), last > 0],
        )


def _read(alias: str, model: Model) -> Iterator[tuple[Any, ...]]:
    names = [field.attname for field in model._meta.concrete_fields]
    rows = model._base_manager.using(alias).order_by().values_list(*names)
    return rows.iterator(chunk_size=_chunk(model))


def _chunk(model: Model) -> int:
    has_bytes = any(isinstance(field, models.BinaryField) for field in model._meta.concrete_fields)
    return _CHUNK_OF_BYTES if has_bytes else _CHUNK


def _needed(model: Model) -> set[Model]:
    return {field.related_model for field in model._meta.concrete_fields if field.is_relation}  # type: ignore[misc]


def _exact(value: Any) -> str:
    """A text that two values share only if they are the same. A mapping has no order in PostgreSQL."""
    if isinstance(value, bytes | memoryview):
        return bytes(value).hex()
    if isinstance(value, dict | list):
        return json.dumps(value, sort_keys=True)
    return repr(value)
