import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction

from compliance.audit import triggers
from compliance.audit.apps import _check_triggers
from compliance.audit.models import AppendOnly, Event, PendingEvent

STATEMENTS = ["UPDATE audit_event SET actor = 'user:1'", "DELETE FROM audit_event"]


def run(statement: str) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


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


def test_a_second_event_in_the_place_of_the_first_is_refused(tell):
    event = tell()
    with pytest.raises(IntegrityError), transaction.atomic():
        Event(id=event.id, at=event.at, actor="user:1", action="x.y", canonical="{}", leaf_hash="").save()


@pytest.mark.parametrize("statement", STATEMENTS)
def test_the_database_refuses_every_change(tell, statement):
    tell()
    with pytest.raises(IntegrityError, match="append-only"):
        run(statement)
    assert Event.objects.get().actor == "system:test"


def test_sqlite_refuses_to_replace_a_row(tell):
    if connection.vendor != "sqlite":
        pytest.skip("INSERT OR REPLACE is SQLite's")
    tell()
    columns = ", ".join(f'"{field.column}"' for field in Event._meta.fields if field.column != "id")
    for target, source in ((f"id, {columns}", f"id, {columns}"), (columns, columns)):
        with pytest.raises(IntegrityError, match="append-only"):
            run(f"INSERT OR REPLACE INTO audit_event ({target}) SELECT {source} FROM audit_event")


def test_postgresql_refuses_to_truncate(tell):
    if connection.vendor != "postgresql":
        pytest.skip("TRUNCATE is PostgreSQL's")
    tell()
    run("SET CONSTRAINTS ALL IMMEDIATE")  # else pending foreign key checks stand in the way first
    with pytest.raises(IntegrityError, match="append-only"):
        run("TRUNCATE audit_event CASCADE")


def test_the_sealer_may_remove_pending_rows(tell):
    tell()
    PendingEvent.objects.all().delete()
    assert Event.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_lost_triggers_are_reported_and_the_next_migrate_puts_them_back():
    assert _check_triggers(None, ["default"]) == []
    triggers.remove(connection)
    (warning,) = _check_triggers(None, ["default"])
    assert "audit_event_no_" in warning.msg
    call_command("migrate", "audit", verbosity=0)
    assert triggers.missing(connection) == []


@pytest.mark.django_db(transaction=True)
def test_a_trigger_that_was_made_harmless_is_reported():
    if connection.vendor == "postgresql":
        run("ALTER TABLE audit_event DISABLE TRIGGER audit_event_no_change")
        assert triggers.missing(connection) == ["audit_event_no_change"]
    else:
        run("DROP TRIGGER audit_event_no_update")
        run("CREATE TRIGGER audit_event_no_update BEFORE UPDATE ON audit_event BEGIN SELECT 1; END")
        assert triggers.missing(connection) == ["audit_event_no_update"]


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
