"""Nothing of the trail is changed or removed: not through the models, not by SQL, in no table of it."""

import os
import uuid
from typing import Any

import pytest
from django.apps import apps
from django.db import IntegrityError, ProgrammingError, connection, models, transaction

from compliance import clock
from compliance.audit import seal, triggers
from compliance.audit.models import Anchor, Appended, AppendOnly, Event, PendingEvent, Subtree

MODELS = [model for model in apps.get_app_config("audit").get_models() if issubclass(model, Appended)]
TABLES = [model._meta.db_table for model in MODELS]


@pytest.fixture
def log(tell) -> None:
    """A row or more in each table, the last event still pending."""
    with transaction.atomic():
        tell()
        seal.seal()
        Subtree.objects.create(level=8, index=0, hash="00" * 32)
        Anchor.objects.create(size=1, place="a file", at=clock.now())
        tell()


def run(statement: str, *values: Any) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, values)


def content(table: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {table}")
        return sorted(map(tuple, cursor.fetchall()), key=repr)


def refused(statement: str, *values: Any, words: str = "append-only") -> None:
    before = {table: content(table) for table in triggers.ALL}
    assert all(before.values()), "a table without a row refuses nothing"
    with pytest.raises(IntegrityError, match=words):
        run(statement, *values)
    assert {table: content(table) for table in triggers.ALL} == before


def test_every_table_of_the_trail_has_its_triggers():
    assert {*TABLES, PendingEvent._meta.db_table} == set(triggers.ALL)


@pytest.mark.parametrize(
    "change",
    [
        lambda event: event.save(),
        lambda event: event.save(update_fields=["actor"]),
        lambda event: event.delete(),
        lambda event: Event.objects.update(actor="user:1"),
        lambda event: Event.objects.filter(pk=event.pk).delete(),
        lambda event: Event.objects.bulk_update([event], ["actor"]),
        lambda event: Event.objects.update_or_create(pk=event.pk, defaults={"actor": "user:1"}),
        lambda event: Event._base_manager.update(actor="user:1"),
    ],
)
def test_the_model_refuses_every_change(tell, change):
    event = tell()
    with pytest.raises(AppendOnly), transaction.atomic():
        change(event)
    assert Event.objects.get().actor == "system:test"


@pytest.mark.parametrize("model", MODELS)
def test_the_models_of_the_log_refuse_too(log, model):
    row = model.objects.first()
    for change in (row.save, row.delete, model.objects.all().delete, lambda: model.objects.update(pk=7)):
        with pytest.raises(AppendOnly):
            change()


def test_a_second_event_in_the_place_of_the_first_is_refused(tell):
    event = tell()
    with pytest.raises(IntegrityError), transaction.atomic():
        Event(id=event.id, at=event.at, actor="user:1", action="x.y", canonical="{}", leaf_hash="").save()


@pytest.mark.parametrize("table", triggers.ALL)
def test_the_database_refuses_an_update(log, table):
    column = "event_id" if table == "audit_pendingevent" else next(iter(columns(table)))
    refused(f'UPDATE {table} SET "{column}" = "{column}"')


@pytest.mark.parametrize("table", TABLES)
def test_the_database_refuses_a_delete(log, table):
    refused(f"DELETE FROM {table}")


def test_a_pending_row_goes_once_its_event_is_sealed_and_not_before(log):
    refused("DELETE FROM audit_pendingevent", words="not sealed")
    assert seal.seal() == 1
    assert not PendingEvent.objects.exists()


@pytest.mark.parametrize("table", triggers.ALL)
def test_postgresql_refuses_to_truncate(log, table):
    if connection.vendor != "postgresql":
        pytest.skip("TRUNCATE is PostgreSQL's")
    run("SET CONSTRAINTS ALL IMMEDIATE")  # else pending foreign key checks stand in the way first
    refused(f"TRUNCATE {table} CASCADE")


@pytest.mark.parametrize("table", triggers.ALL)
def test_postgresql_refuses_a_session_that_replays_too(log, table):
    """Ordinary triggers sleep there."""
    if connection.vendor != "postgresql":
        pytest.skip("replication roles are PostgreSQL's")
    connection.check_constraints()
    try:
        run("SET LOCAL session_replication_role = replica")
    except ProgrammingError as error:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(f"not with this role: {error}")
    refused(f"TRUNCATE {table} CASCADE")
    refused(f"DELETE FROM {table}", words="not sealed" if table == "audit_pendingevent" else "append-only")
    refused(f'UPDATE {table} SET "{next(iter(columns(table)))}" = DEFAULT')


def test_postgresql_asks_the_log_itself_whether_an_event_is_sealed(log):
    """A temporary table comes first in every search path, and everybody may make one."""
    if connection.vendor != "postgresql":
        pytest.skip("a trigger of SQLite sees the tables of its own database alone")
    run("CREATE TEMPORARY TABLE audit_leaf ON COMMIT DROP AS SELECT event_id FROM audit_pendingevent")
    with pytest.raises(IntegrityError, match="not sealed"):
        run("DELETE FROM audit_pendingevent")


# --- other ways to write over a row -----------------------------------------------------------------------------------


def columns(table: str) -> dict[str, models.Field]:
    (model,) = (model for model in apps.get_app_config("audit").get_models() if model._meta.db_table == table)
    return {field.column: field for field in model._meta.concrete_fields}


def keys(table: str) -> list[tuple[str, ...]]:
    """All that is unique in a table, as the database knows it."""
    with connection.cursor() as cursor:
        constraints = connection.introspection.get_constraints(cursor, table).values()
    return sorted({tuple(each["columns"]) for each in constraints if each["unique"] or each["primary_key"]})


def copied(table: str, key: tuple[str, ...]) -> dict[str, Any]:
    """The first row of a table, but for every other column that is unique: that has a value of its own."""
    names = list(columns(table))
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(f'{chr(34)}{name}{chr(34)}' for name in names)} FROM {table} LIMIT 1")
        row = dict(zip(names, cursor.fetchone(), strict=True))
    for name in {name for other in keys(table) for name in other} - set(key):
        row[name] = 4711 if isinstance(row[name], int) else uuid.uuid4().hex
    return row


EVERY_KEY = [
    ("audit_event", ("id",)),
    ("audit_event", ("event_id",)),
    ("audit_leaf", ("index",)),
    ("audit_leaf", ("event_id",)),
    ("audit_subtree", ("id",)),
    ("audit_subtree", ("level", "index")),
    ("audit_checkpoint", ("size",)),
    ("audit_logkey", ("id",)),
    ("audit_logkey", ("public_key",)),
    ("audit_anchor", ("id",)),
    ("audit_anchor", ("place", "size")),
    ("audit_pendingevent", ("event_id",)),
]


def test_these_are_all_the_keys(db):
    assert sorted(EVERY_KEY) == sorted((table, key) for table in triggers.ALL for key in keys(table))


def insert(table: str, row: dict[str, Any], verb: str = "INSERT", rest: str = "") -> tuple[Any, ...]:
    names = ", ".join(f'"{name}"' for name in row)
    places = ", ".join(["%s"] * len(row))
    return f"{verb} INTO {table} ({names}) VALUES ({places}) {rest}", *row.values()


@pytest.mark.parametrize(("table", "key"), EVERY_KEY)
def test_sqlite_refuses_to_replace_a_row(log, table, key):
    if connection.vendor != "sqlite":
        pytest.skip("INSERT OR REPLACE is SQLite's")
    row = copied(table, key)
    refused(*insert(table, row, "INSERT OR REPLACE"))
    refused(*insert(table, row, "REPLACE"))
    assignments = ", ".join(f'"{name}" = "{name}"' for name in key)
    refused(f"UPDATE OR REPLACE {table} SET {assignments}")


@pytest.mark.parametrize("table", triggers.ALL)
def test_sqlite_refuses_to_replace_a_row_by_its_hidden_number(log, table):
    if connection.vendor != "sqlite":
        pytest.skip("the rowid is SQLite's")
    row = copied(table, ())
    row.pop("id", None)  # where there is one, it is the rowid
    (rowid,) = {number for (number, *_rest) in content(f"(SELECT rowid, * FROM {table} LIMIT 1)")}
    refused(*insert(table, {"rowid": rowid} | row, "INSERT OR REPLACE"))


@pytest.mark.parametrize(("table", "key"), EVERY_KEY)
def test_an_upsert_is_refused(log, table, key):
    names = ", ".join(f'"{name}"' for name in key)
    update = f'"{key[0]}" = {table}."{key[0]}"'
    refused(*insert(table, copied(table, key), rest=f"ON CONFLICT ({names}) DO UPDATE SET {update}"))


# --- what protects what -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", ["audit_leaf", "audit_pendingevent"])
@pytest.mark.django_db(transaction=True)
def test_an_event_that_is_referred_to_cannot_go_even_without_the_triggers(log, table):
    """The foreign keys protect by themselves; they are checked at the end of a transaction."""
    triggers.remove(connection)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SELECT event_id FROM {table}")
        (event_id,) = cursor.fetchone()
    with pytest.raises(IntegrityError, match=r"(?i)foreign key"):
        run("DELETE FROM audit_event WHERE id = %s", event_id)
    assert Event.objects.filter(pk=event_id).exists()


@pytest.mark.parametrize("table", ["audit_leaf", "audit_pendingevent"])
@pytest.mark.django_db(transaction=True)
def test_what_refers_to_no_event_is_refused(table):
    row = {"event_id": 4711} | ({"index": 0} if table == "audit_leaf" else {})
    with pytest.raises(IntegrityError, match=r"(?i)foreign key"):
        run(*insert(table, row))


def test_the_models_protect_too():
    for field in (apps.get_model("audit", name)._meta.get_field("event") for name in ("Leaf", "PendingEvent")):
        assert field.remote_field.on_delete is models.PROTECT


@pytest.mark.parametrize(
    ("selection", "index"),
    [
        (lambda: Event.objects.filter(case="DSR-2026-000001").order_by("id"), "audit_event_case"),
        (lambda: Event.objects.filter(action="case.opened").order_by("-id"), "audit_event_action"),
        (lambda: Event.objects.filter(at__gte="2026-01-01T00:00Z", at__lt="2026-01-02T00:00Z"), "audit_event_at"),
    ],
)
@pytest.mark.django_db
def test_the_usual_selections_use_an_index(selection, index):
    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL rightly scans an empty table")
    plan = selection().explain()
    assert index in plan
    assert "TEMP B-TREE" not in plan
