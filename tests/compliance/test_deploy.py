"""`check --deploy`: nothing to say of a real desk, and a word for each thing that makes it less than one."""

from collections.abc import Callable
from ipaddress import ip_network
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.core import checks

from tests.compliance.test_settings import shown, start

HOST = {"ALLOWED_HOSTS": "desk.example.org,127.0.0.1", "TRUSTED_PROXIES": "127.0.0.1"}
WEB = "(s.HTTPS, s.SECURE_SSL_REDIRECT, s.SECURE_HSTS_SECONDS, s.SESSION_COOKIE_SECURE)"


def said(name: str) -> list[str]:
    """The ids of what the checks for production say, but those of others than `name`."""
    found = [str(message.id) for message in checks.run_checks(include_deployment_checks=True)]
    return [each for each in found if each == name]


@pytest.mark.slow
def test_a_real_desk_is_clean(tmp_path: Path) -> None:
    environment = HOST | {
        "SECRET_KEY": "Kq3_xW" * 16,
        "KEY_RING": str(tmp_path / "keys" / "ring.json"),
        "AUDIT_SIGNING_KEY": str(tmp_path / "keys" / "audit-signing.pem"),
        "EMAIL_URL": "smtp+tls://desk:secret@mail.example.org:587",
        "ALERTS_TO": "desk@example.org",
        "VENDOR_HOSTS": "api.shop.example",
    }
    assert start(tmp_path / "data", "migrate", "-v0", **environment).returncode == 0
    check = ("check", "--deploy", "--fail-level", "WARNING", "--database", "default")
    done = start(tmp_path / "data", *check, **environment)
    assert done.returncode == 0, done.stderr
    done = start(tmp_path / "data", *check, **(environment | {"DEBUG": "1"}))
    assert done.returncode == 1
    assert "security.W018" in done.stderr


# --- http and https ---------------------------------------------------------------------------------------------------


def test_people_reach_a_desk_with_a_name_over_https_alone(tmp_path: Path) -> None:
    assert shown(tmp_path, WEB, **HOST) == f"(True, True, {365 * 24 * 3600}, True)"


def test_a_desk_of_this_machine_alone_stays_on_http(tmp_path: Path) -> None:
    assert shown(tmp_path, WEB, ALLOWED_HOSTS="127.0.0.1,localhost") == "(False, False, 0, False)"


def test_without_a_trusted_proxy_nobody_is_sent_round_in_circles(tmp_path: Path) -> None:
    assert shown(tmp_path, WEB, ALLOWED_HOSTS="desk.example.org") == f"(True, False, {365 * 24 * 3600}, True)"


def test_both_can_be_said_otherwise(tmp_path: Path) -> None:
    given = HOST | {"HTTPS_REDIRECT": "0", "HSTS_DAYS": "1"}
    assert shown(tmp_path, WEB, **given) == f"(True, False, {24 * 3600}, True)"


def test_who_comes_over_http_is_sent_to_https_and_who_asks_for_health_is_answered(
    client, settings: LazySettings, db: None
) -> None:
    settings.SECURE_SSL_REDIRECT = True
    assert client.get("/admin/login/")["Location"] == "https://testserver/admin/login/"
    assert client.get("/livez").status_code == 200
    assert client.get("/metrics").status_code == 401


def test_behind_the_proxy_https_is_known_as_such(client, settings: LazySettings, db: None) -> None:
    settings.SECURE_SSL_REDIRECT, settings.SECURE_HSTS_SECONDS = True, 3600
    settings.TRUSTED_PROXIES = [ip_network("127.0.0.1")]
    page = client.get("/admin/login/", headers={"X-Forwarded-Proto": "https"})
    assert page.status_code == 200
    assert page["Strict-Transport-Security"] == "max-age=3600"


# --- one finding each -------------------------------------------------------------------------------------------------


def test_a_password_alone_is_told(settings: LazySettings) -> None:
    settings.SECOND_FACTOR = True
    assert said("staff.W001") == []
    settings.SECOND_FACTOR = False
    assert said("staff.W001")


def test_any_host_name_is_told(settings: LazySettings) -> None:
    assert said("staff.W002") == []
    settings.ALLOWED_HOSTS = ["*"]
    assert said("staff.W002")


def test_https_without_a_trusted_proxy_is_told(settings: LazySettings) -> None:
    assert said("staff.W003") == []
    settings.HTTPS = True
    assert said("staff.W003")


def test_vendors_on_this_machine_are_told(settings: LazySettings) -> None:
    settings.VENDOR_LOOPBACK = False
    assert said("erasure.W001") == []
    settings.VENDOR_LOOPBACK = True
    assert said("erasure.W001")


def test_mail_that_goes_nowhere_is_told(settings: LazySettings) -> None:
    settings.MAIL_IS_SET, settings.ALERTS_TO = True, ["desk@example.org"]
    assert said("erasure.W002") + said("erasure.W003") == []
    settings.MAIL_IS_SET, settings.ALERTS_TO = False, []
    assert said("erasure.W002") + said("erasure.W003") == ["erasure.W002", "erasure.W003"]


@pytest.fixture
def database(settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, object], None]:
    """Lets the settings name another database."""

    def named(engine: str, name: object) -> None:
        monkeypatch.setitem(settings.DATABASES["default"], "ENGINE", f"django.db.backends.{engine}")
        monkeypatch.setitem(settings.DATABASES["default"], "NAME", str(name))

    return named


def test_a_key_ring_beside_what_it_seals_is_told(
    settings: LazySettings, tmp_path: Path, database: Callable[[str, object], None]
) -> None:
    data = tmp_path / "data"
    settings.DATA_DIR, settings.EVIDENCE_DIR = data, data / "evidence"
    database("sqlite3", data / "desk.sqlite3")
    settings.KEY_RING = tmp_path / "keys" / "ring.json"
    assert said("vault.W001") == []
    for place in (data / "ring.json", data / "keys" / "ring.json"):
        settings.KEY_RING = place
        assert said("vault.W001"), place


def test_so_is_one_beside_the_evidence_where_the_database_is_elsewhere(
    settings: LazySettings, tmp_path: Path, database: Callable[[str, object], None]
) -> None:
    settings.DATA_DIR, settings.EVIDENCE_DIR = tmp_path / "data", tmp_path / "evidence"
    database("postgresql", "desk")
    settings.KEY_RING = tmp_path / "data" / "keys" / "ring.json"
    assert said("vault.W001") == []
    settings.EVIDENCE_DIR = tmp_path / "data" / "evidence"
    assert said("vault.W001")


def test_a_key_ring_that_others_can_read_is_told(settings: LazySettings, tmp_path: Path) -> None:
    settings.KEY_RING = tmp_path / "ring.json"
    assert said("vault.W002") == []
    settings.KEY_RING.touch()
    settings.KEY_RING.chmod(0o640)
    assert said("vault.W002")
    settings.KEY_RING.chmod(0o600)
    assert said("vault.W002") == []
