"""From SQLite to PostgreSQL: all of it, or nothing."""

import json
import os
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django_q.models import OrmQ

from compliance import clock
from compliance.audit import seal, triggers
from compliance.audit.actions import DESK_MOVED
from compliance.audit.models import Event
from compliance.environment import database_url
from compliance.moving import move as moving
from compliance.moving import rows, target, trail
from compliance.staff.models import User
from compliance.vault.models import DataKey
from erasure.errors import Unavailable
from erasure.models import Call, Case, SubTask, Vendor
from erasure.worker import heartbeat, processes
from tests import sample_desk
from tests.databases import database_at
from tests.erasure.worker.conftest import lane  # noqa: F401 - a fixture
from tests.erasure.worker.lane import Lane
from tests.factories import opened_case, person, vendor
from tests.services import new_database
from tests.trail import trail_can_be_emptied  # noqa: F401

pytestmark = [
    pytest.mark.postgresql,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(os.environ.get("DATABASE_URL", "").startswith("postgres"), reason="the move begins on SQLite"),
]


@pytest.fixture(scope="module")
def template(django_db_blocker: Any) -> Iterator[str]:
    """The name of a database with the desk's tables and no row."""
    with new_database() as address, django_db_blocker.unblock():
        with target.reached(database_url(address)) as alias:
            target.make_empty(alias)
        yield address.rpartition("/")[2]


@pytest.fixture
def tables_url(template: str) -> Iterator[str]:
    """The address of a copy of it: what an earlier try that failed has left. Saves the time of migrating."""
    with new_database(f"TEMPLATE {template}") as address:
        yield address


def moved(address: str, *more: str) -> str:
    out = StringIO()
    call_command("move_database", "--to", address, "--no-input", *more, stdout=out, stderr=StringIO())
    return out.getvalue()


def refused(address: str) -> str:
    with pytest.raises(CommandError) as caught:
        moved(address)
    return str(caught.value)


def contents(alias: str = "default") -> dict[str, rows.Content]:
    return {model._meta.db_table: rows.content(alias, model, lambda: None) for model in rows.tables()}


#: What has each kind of value that databases keep in ways of their own: moments, UUIDs, JSON, bytes.
EXACT = (Vendor, Call, Case, SubTask, DataKey, Event)


def values_of(*models: rows.Model) -> list[list[dict[str, Any]]]:
    return [list(model.objects.order_by("pk").values()) for model in models]


def names(address: str) -> list[str]:
    with psycopg.connect(address) as server:
        return [name for (name,) in server.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]


def test_every_row_arrives_as_it_was_and_both_trails_have_one_root(postgresql_url: str) -> None:
    desk = sample_desk.fill()
    said = moved(postgresql_url)  # it adds an event to both
    root, here, values = trail.root("default"), contents(), values_of(*EXACT)
    given = {identifier.value() for identifier in desk.cases["running"].identifiers.all()}
    assert root[0] > 100
    assert len(given) == 2
    assert f"{root[0]} sealed events and the root {root[1]}" in said
    with database_at(postgresql_url):
        assert connection.vendor == "postgresql"
        assert contents() == here
        assert values_of(*EXACT) == values
        assert trail.root("default") == root
        assert triggers.missing(connection) == []
        running = Case.objects.get(pk=desk.cases["running"].pk)
        assert {identifier.value() for identifier in running.identifiers.all()} == given
    for table, found in here.items():
        assert not found.rows or f"{table:<40} {found.rows:>12,}" in said


def test_both_say_that_the_desk_moved_and_the_one_left_behind_does_no_work(tables_url: str) -> None:
    opened_case_in_a_sealed_desk()
    moved(tables_url)
    (told,) = Event.objects.filter(action=DESK_MOVED)
    with pytest.raises(CommandError, match="was moved to PostgreSQL"):
        call_command("work")
    assert "was moved to PostgreSQL" in refused(tables_url)
    assert Client().get("/readyz").json()["failing"] == ["moved"]
    with pytest.raises(Unavailable, match="was moved to PostgreSQL"):
        opened_case()
    with database_at(tables_url):
        assert Event.objects.get(action=DESK_MOVED).event_id == told.event_id
        assert moving.moved_away() == ""
        assert seal.seal() == 1, "the trail goes on there"


def test_work_goes_on_at_the_new_database(lane: Lane, tables_url: str) -> None:  # noqa: F811
    case = lane.case()
    lane.to_step("await_removal", case=case)
    moved(tables_url)
    with database_at(tables_url):
        assert lane.to_end(Case.objects.get(pk=case.pk)).status == "completed"
        assert lane.effects() == ["export_started", "export_fetched", "removal_started"]
    assert lane.work(case).step == "await_removal", "the old database is as it was"


def test_a_number_that_was_given_once_is_not_given_again(tables_url: str) -> None:
    gone = person("olive").pk
    User.objects.get(pk=gone).delete()
    moved(tables_url)
    with database_at(tables_url):
        assert person("ada").pk == gone + 1


def test_a_database_that_was_just_migrated_is_taken_and_the_roles_keep_their_numbers(postgresql_url: str) -> None:
    opened_case_in_a_sealed_desk()
    here = contents()
    with database_at(postgresql_url):
        call_command("migrate", verbosity=0)
    moved(postgresql_url)
    with database_at(postgresql_url):
        assert {**contents(), **trail_of(here)} == here


def trail_of(found: dict[str, rows.Content]) -> dict[str, rows.Content]:
    """What the move itself adds to."""
    return {table: found[table] for table in ("audit_event", "audit_pendingevent")}


def test_a_database_of_something_else_is_left_alone(postgresql_url: str) -> None:
    with psycopg.connect(postgresql_url) as server:
        server.execute("CREATE TABLE shop (id integer)")
    assert "such as shop" in refused(postgresql_url)
    assert names(postgresql_url) == ["shop"]


def test_a_database_of_another_desk_is_left_alone(tables_url: str) -> None:
    with database_at(tables_url):
        person("somebody")
        there = contents()
    assert "it is in use already" in refused(tables_url)
    with database_at(tables_url):
        assert contents() == there
    assert not Event.objects.filter(action=DESK_MOVED).exists()


def test_what_the_new_database_refuses_leaves_nothing_there_and_can_be_tried_again(tables_url: str) -> None:
    opened_case_in_a_sealed_desk()
    queued = OrmQ.objects.create(key="with a \0 in it", payload="x")
    said = refused(tables_url)
    assert said.startswith("Nothing was moved: a database refused")
    assert "with a" not in said
    assert nothing_in(tables_url)
    assert not Event.objects.filter(action=DESK_MOVED).exists()
    queued.delete()
    assert "Moved:" in moved(tables_url)


def test_rows_that_arrive_otherwise_than_they_were_sent_are_taken_back(
    tables_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened_case_in_a_sealed_desk()
    read = rows.content

    def short(alias: str, model: rows.Model, each: Any) -> rows.Content:
        found = read(alias, model, each)
        return rows.Content(found.rows, found.sum + 1) if model is Case else found

    monkeypatch.setattr(rows, "content", short)
    assert "the rows of erasure_case are not the same" in refused(tables_url)
    monkeypatch.undo()
    assert nothing_in(tables_url)
    assert not Event.objects.filter(action=DESK_MOVED).exists()


def test_a_trail_that_does_not_come_to_its_root_is_not_moved(tables_url: str) -> None:
    opened_case_in_a_sealed_desk()
    triggers.remove(connection)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE audit_event SET canonical = canonical || ' ' WHERE id = (SELECT min(id) FROM audit_event)"
        )
    triggers.install(connection)
    assert "does not come to the root" in refused(tables_url)
    assert nothing_in(tables_url)


def test_nothing_is_moved_while_a_worker_runs(postgresql_url: str) -> None:
    record = heartbeat.folder(0).with_name(f"{heartbeat.folder(0).name}.json")
    record.parent.mkdir(parents=True, exist_ok=True)
    record.write_text(json.dumps({"supervisor": processes.known_as(os.getpid()), "group": ""}))
    try:
        assert f"A worker runs here (process {os.getpid()})" in refused(postgresql_url)
    finally:
        record.unlink()
    assert names(postgresql_url) == []


def test_nothing_is_moved_while_a_call_is_under_way(postgresql_url: str) -> None:
    now = clock.now()
    Call.objects.create(vendor=vendor(), step="x", writes=True, started_at=now, lease_until=now + timedelta(minutes=1))
    assert "A call to a vendor is under way" in refused(postgresql_url)
    assert names(postgresql_url) == []


def test_nothing_is_moved_unless_somebody_says_that_all_is_stopped(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("builtins.input", lambda: "perhaps")
    with pytest.raises(CommandError, match="Nothing was changed"):
        call_command("move_database", "--to", postgresql_url, stderr=StringIO())
    assert names(postgresql_url) == []


def test_the_address_may_stand_in_a_file(tables_url: str, tmp_path: Path) -> None:
    (tmp_path / "address").write_text(f"{tables_url}\n")
    out = StringIO()
    call_command("move_database", "--to-file", str(tmp_path / "address"), "--no-input", stdout=out, stderr=StringIO())
    assert "Moved:" in out.getvalue()


@pytest.mark.parametrize("address", ["sqlite:///desk.sqlite3", "postgres://", "mysql://root@127.0.0.1/desk"])
def test_another_kind_of_address_is_refused(address: str) -> None:
    with pytest.raises(CommandError, match="postgres://user:password@host"):
        moved(address)


def test_a_server_that_is_not_there_is_told_in_one_line() -> None:
    said = refused("postgres://desk:a-password@127.0.0.1:1/desk")
    assert said.startswith("The new database cannot be reached")
    assert "a-password" not in said
    assert "\n" not in said


def opened_case_in_a_sealed_desk() -> Case:
    vendor()
    case = opened_case(submit=True)
    seal.seal(wait=True)
    return case


def nothing_in(address: str) -> bool:
    with database_at(address):
        return not any(found.rows for found in contents().values())
