import pytest
from django.conf import LazySettings
from django.db import connection
from django.test import Client

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


def test_the_front_page_leads_to_the_admin(client: Client) -> None:
    assert client.get("/")["Location"] == "/admin/"


def test_every_page_is_under_a_content_security_policy(client: Client) -> None:
    policy = client.get("/admin/login/")["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
