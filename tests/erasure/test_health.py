from ast import literal_eval
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.db import OperationalError, connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client

from compliance import clock
from compliance.audit import seal
from compliance.audit.record import record
from erasure.models import WorkerHost
from tests import factories
from tests.compliance.test_settings import shown

Turn = Callable[[datetime | timedelta], datetime]

pytestmark = pytest.mark.django_db


def test_a_desk_that_can_serve_says_so(client: Client) -> None:
    assert client.get("/livez").json() == {"status": "ok"}
    assert client.get("/readyz").json() == {"status": "ok", "failing": []}


def test_a_missing_key_ring_is_named(client: Client, settings: LazySettings, tmp_path: object) -> None:
    settings.KEY_RING = f"{tmp_path}/nowhere.json"
    reply = client.get("/readyz")
    assert reply.status_code == 503
    assert reply.json() == {"status": "failing", "failing": ["key_ring"]}


def test_a_database_without_the_tables_is_named(client: Client) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE erasure_note RENAME TO erasure_no_more")
    reply = client.get("/readyz")
    assert reply.status_code == 503
    assert reply.json() == {"status": "failing", "failing": ["tables"]}


def test_a_database_that_is_behind_the_code_is_named(client: Client) -> None:
    MigrationRecorder(connection).record_unapplied("erasure", "0001_initial")
    assert client.get("/readyz").json() == {"status": "failing", "failing": ["migrations"]}


def test_a_cache_that_keeps_nothing_is_named(client: Client, settings: LazySettings) -> None:
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
    reply = client.get("/readyz")
    assert (reply.status_code, reply.json()["failing"]) == (503, ["cache"])


# --- whether the desk does its work -----------------------------------------------------------------------------------


def parts(client: Client, status: int) -> dict[str, str]:
    reply = client.get("/healthz")
    told = reply.json()
    assert reply.status_code == status, told
    assert told["status"] == ("ok" if status == 200 else "failing")
    return told["parts"]


def failing(client: Client) -> list[str]:
    return [name for name, state in parts(client, 503).items() if state != "ok"]


@pytest.fixture
def at_work() -> WorkerHost:
    return WorkerHost.objects.create(name="one", seen_at=clock.now())


def test_a_desk_that_works_says_so_of_each_part(client: Client, at_work: WorkerHost) -> None:
    assert set(parts(client, 200).values()) == {"ok"}


def test_a_desk_without_a_worker_does_not_work(client: Client) -> None:
    assert failing(client) == ["workers"]


def test_a_worker_that_was_last_seen_long_ago_is_none(client: Client, at_work: WorkerHost, turn_clock: Turn) -> None:
    turn_clock(timedelta(minutes=5))
    assert failing(client) == ["workers"]


def test_events_that_nobody_seals_are_told(client: Client, at_work: WorkerHost, turn_clock: Turn) -> None:
    record("audit.exported", actor="system:command", format="csv", count=1)
    turn_clock(timedelta(seconds=70))
    assert failing(client) == ["trail_sealed"]
    seal.seal()
    assert parts(client, 200)["trail_sealed"] == "ok"


def test_due_work_that_nobody_takes_up_is_told(client: Client, turn_clock: Turn) -> None:
    factories.vendor()
    factories.approved_case()
    turn_clock(timedelta(minutes=15))
    WorkerHost.objects.create(name="one", seen_at=clock.now())
    seal.seal()
    assert failing(client) == ["due_work"]


def test_an_anchor_that_has_fallen_behind_is_told(
    client: Client, settings: LazySettings, tmp_path: Path, turn_clock: Turn
) -> None:
    settings.AUDIT_ANCHOR = [f"file://{tmp_path}"]
    record("audit.exported", actor="system:command", format="csv", count=1)
    seal.seal()
    turn_clock(timedelta(hours=2))
    WorkerHost.objects.create(name="one", seen_at=clock.now())
    assert failing(client) == ["trail_anchored"]


def test_a_lost_key_ring_is_told_and_nothing_of_where_it_was(
    client: Client, settings: LazySettings, tmp_path: Path, at_work: WorkerHost
) -> None:
    settings.KEY_RING = tmp_path / "nowhere.json"
    assert failing(client) == ["keys"]
    assert "nowhere" not in client.get("/healthz").content.decode()


def test_while_the_database_is_away_the_rest_is_unknown(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> set[str]:
        raise OperationalError("connection refused")

    monkeypatch.setattr("erasure.vitals.missing_tables", away)
    told = parts(client, 503)
    assert told.pop("database") == "failing"
    assert set(told.values()) == {"unknown"}
    assert client.get("/readyz").json()["failing"] == ["database"]
    assert client.get("/livez").status_code == 200


def test_who_asks_waits_no_longer_than_a_few_seconds_for_the_database(tmp_path: Path) -> None:
    """Each value is what keeps a server that is gone without a word from holding up whoever asks."""
    waits = "(s.DATABASES['default']['OPTIONS'], s.CACHES['default']['OPTIONS'])"
    given = {"DATABASE_URL": "postgres://desk@127.0.0.1/desk?sslmode=require", "CACHE_URL": "redis://127.0.0.1/0"}
    database, cache = literal_eval(shown(tmp_path, waits, **given))
    assert database == {"connect_timeout": 5, "tcp_user_timeout": 15_000, "sslmode": "require"}
    assert cache == {"socket_connect_timeout": 5, "socket_timeout": 5}


# --- pages ------------------------------------------------------------------------------------------------------------


def test_the_front_page_leads_to_the_admin(client: Client) -> None:
    assert client.get("/")["Location"] == "/admin/"


def test_every_page_is_under_a_content_security_policy(client: Client) -> None:
    policy = client.get("/admin/login/")["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
