"""That the triggers are there and are ours is seen; a migration that changes a table brings them back."""

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command
from django.db import ProgrammingError, connection, transaction

from compliance.audit import apps, seal, triggers
from compliance.audit.models import Checkpoint, Event, Leaf, PendingEvent
from compliance.vault.on_record import put_on_record

SAME = "LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp"

# What is done to the protection → the trigger that is missing then.
TAMPERED = {
    "postgresql": {
        "DROP TRIGGER audit_leaf_no_delete ON audit_leaf": "audit_leaf_no_delete",
        "ALTER TABLE audit_event DISABLE TRIGGER audit_event_no_update": "audit_event_no_update",
        "ALTER TABLE audit_event ENABLE TRIGGER audit_event_no_truncate": "audit_event_no_truncate",
        "ALTER TABLE audit_event ENABLE REPLICA TRIGGER audit_event_no_delete": "audit_event_no_delete",
        "ALTER FUNCTION audit_refuse_unsealed() SET search_path = public": "audit_pendingevent_no_delete",
        "ALTER FUNCTION audit_refuse_unsealed() RESET ALL": "audit_pendingevent_no_delete",
        f"CREATE OR REPLACE FUNCTION audit_refuse_unsealed() RETURNS trigger {SAME} AS 'BEGIN RETURN OLD; END'": (
            "audit_pendingevent_no_delete"
        ),
    },
    "sqlite": {"DROP TRIGGER audit_leaf_no_delete": "audit_leaf_no_delete"},
}
# What stands in the place and under the name of audit_event_no_update: another function, time, event, row, column or
# condition, or the right one on another table.
IMPOSTORS = {
    "postgresql": [
        "BEFORE UPDATE ON audit_event FOR EACH ROW EXECUTE FUNCTION idle()",
        "BEFORE UPDATE ON audit_event FOR EACH ROW EXECUTE FUNCTION other.audit_refuse()",
        "AFTER UPDATE ON audit_event FOR EACH ROW EXECUTE FUNCTION audit_refuse()",
        "BEFORE INSERT ON audit_event FOR EACH ROW EXECUTE FUNCTION audit_refuse()",
        "BEFORE UPDATE ON audit_event EXECUTE FUNCTION audit_refuse()",
        "BEFORE UPDATE OF id ON audit_event FOR EACH ROW EXECUTE FUNCTION audit_refuse()",
        "BEFORE UPDATE ON audit_event FOR EACH ROW WHEN (NEW.id < 0) EXECUTE FUNCTION audit_refuse()",
        "BEFORE UPDATE ON auth_group FOR EACH ROW EXECUTE FUNCTION audit_refuse()",
    ],
    "sqlite": [
        "BEFORE UPDATE ON audit_event BEGIN SELECT 1; END",
        "BEFORE UPDATE ON audit_event WHEN 0 BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END",
        "AFTER UPDATE ON audit_event BEGIN SELECT RAISE(IGNORE); END",
        "BEFORE UPDATE ON auth_group BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END",
    ],
}


def run(*statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def each(by_vendor: dict[str, Any]) -> list[Any]:
    return [pytest.param(vendor, way, id=f"{vendor}: {way}") for vendor, ways in by_vendor.items() for way in ways]


@pytest.mark.django_db
def test_nothing_is_missing_after_the_migrations():
    assert triggers.missing(connection) == []


@pytest.mark.parametrize(("vendor", "statement"), each(TAMPERED))
@pytest.mark.django_db
def test_a_trigger_that_was_made_harmless_is_named_and_made_anew(vendor, statement):
    if connection.vendor != vendor:
        pytest.skip(f"for {vendor}")
    run(statement)
    assert triggers.missing(connection) == [TAMPERED[vendor][statement]]
    triggers.install(connection)
    assert triggers.missing(connection) == []


@pytest.mark.parametrize(("vendor", "definition"), each(IMPOSTORS))
@pytest.mark.django_db
def test_a_trigger_that_only_bears_the_name_is_named_and_made_anew(vendor, definition):
    if connection.vendor != vendor:
        pytest.skip(f"for {vendor}")
    if vendor == "postgresql":
        table = definition.partition(" ON ")[2].split()[0]
        run("CREATE SCHEMA other", "DROP TRIGGER audit_event_no_update ON audit_event")
        for name in ("idle", "other.audit_refuse"):
            run(f"CREATE FUNCTION {name}() RETURNS trigger {SAME} AS 'BEGIN RETURN NEW; END'")
        run(f"CREATE TRIGGER audit_event_no_update {definition}")
        run(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER audit_event_no_update")
    else:
        run("DROP TRIGGER audit_event_no_update", f"CREATE TRIGGER audit_event_no_update {definition}")
    assert triggers.missing(connection) == ["audit_event_no_update"]
    triggers.install(connection)
    assert triggers.missing(connection) == []


@pytest.mark.django_db
def test_a_body_of_the_common_function_that_was_changed_is_named_for_every_trigger():
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has no functions")
    run(f"CREATE OR REPLACE FUNCTION audit_refuse() RETURNS trigger {SAME} AS 'BEGIN RETURN NULL; END'")
    missing = triggers.missing(connection)
    assert len(missing) == 3 * len(triggers.ALL) - 1
    assert "audit_pendingevent_no_delete" not in missing  # it has a function of its own


@pytest.mark.django_db
def test_a_database_before_its_first_migration_lacks_nothing(monkeypatch):
    monkeypatch.setattr(triggers, "_UNIQUE", {"audit_not_yet": (("id",),)})
    assert triggers.missing(connection) == []


# --- migrations -------------------------------------------------------------------------------------------------------

NEXT = """
from django.db import migrations, models

class Migration(migrations.Migration):
    dependencies = [("audit", "{last}")]
    operations = [
        migrations.AlterField("event", "actor", models.CharField("by", max_length=81)),
        migrations.AlterField("leaf", "index", models.BigIntegerField("place", primary_key=True, db_comment="place")),
        migrations.AddField("leaf", "more", models.CharField(max_length=7, null=True, unique=True)),
        migrations.AlterField("subtree", "hash", models.CharField(max_length=65)),
        migrations.AlterField("checkpoint", "root", models.CharField("root", max_length=65)),
        migrations.AlterField("logkey", "name", models.CharField(max_length=81)),
        migrations.AlterField("anchor", "place", models.CharField("where", max_length=121)),
        migrations.AddField("pendingevent", "more", models.CharField(max_length=7, null=True, unique=True)),
    ]
"""


@pytest.fixture
def next_release(
    tmp_path: Path, settings: LazySettings, monkeypatch: pytest.MonkeyPatch, transactional_db
) -> Iterator[str]:
    """A release with one more migration, which changes every table of the trail; its name."""
    folder = Path(importlib.import_module("compliance.audit.migrations").__file__).parent
    there = sorted(path.stem for path in folder.glob("0*.py"))
    copies = tmp_path / "trail_of_the_next_release"
    copies.mkdir()
    (copies / "__init__.py").touch()
    for name in there:
        (copies / f"{name}.py").write_text(
            f"import importlib\nMigration = importlib.import_module('compliance.audit.migrations.{name}').Migration\n"
        )
    (copies / "9999_next.py").write_text(NEXT.format(last=there[-1]))
    monkeypatch.syspath_prepend(tmp_path)
    settings.MIGRATION_MODULES = {"audit": copies.name}
    yield "9999_next"
    call_command("migrate", "audit", there[-1], verbosity=0)
    assert triggers.missing(connection) == []


def test_a_migration_that_changes_every_table_keeps_the_rows_and_the_triggers(tell, next_release):
    put_on_record("system:test")  # as each migration does with a key that the trail does not know
    for _batch in range(3):
        with transaction.atomic():
            for _event in range(3):
                tell()
            seal.seal()
    with transaction.atomic():
        tell()
    events = list(Event.objects.order_by("id").values())
    leaves = list(Leaf.objects.order_by("index").values_list("index", "event_id"))
    checkpoints = list(Checkpoint.objects.order_by("size").values())

    call_command("migrate", "audit", next_release, verbosity=0)

    assert triggers.missing(connection) == []
    assert list(Event.objects.order_by("id").values()) == events
    assert list(Leaf.objects.order_by("index").values_list("index", "event_id")) == leaves
    assert list(Checkpoint.objects.order_by("size").values()) == checkpoints
    assert list(PendingEvent.objects.values_list("event_id", flat=True)) == [events[-1]["id"]]
    assert [index for index, _event in leaves] == list(range(11))  # the keys' own events are two
    with transaction.atomic():
        tell()
        assert seal.seal() == 2


@pytest.mark.django_db(transaction=True)
def test_lost_triggers_are_put_back_by_the_next_migrate():
    triggers.remove(connection)
    assert len(triggers.missing(connection)) == 3 * len(triggers.ALL)
    call_command("migrate", "audit", verbosity=0)
    assert triggers.missing(connection) == []


@pytest.mark.django_db
def test_a_role_that_may_not_put_them_back_reads_who_may(monkeypatch):
    triggers.remove(connection)

    def refuse(*_given: object) -> None:
        raise ProgrammingError("must be owner of table audit_event")

    monkeypatch.setattr(triggers, "install", refuse)
    with pytest.raises(CommandError, match=r"must be owner of table audit_event.*as the owner of the tables"):
        apps._keep_triggers("default")


@pytest.mark.django_db(transaction=True)
def test_the_log_can_be_migrated_back_to_its_beginning_and_forward_again():
    try:
        call_command("migrate", "audit", "0001", verbosity=0)
        assert triggers.missing(connection) == []
    finally:
        call_command("migrate", "audit", verbosity=0)
    assert triggers.missing(connection) == []
