"""What a start and the system checks say of an installation that does not keep what the trail promises."""

import logging
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.core.checks import registry
from django.db import DatabaseError, connection, connections
from django.test import Client

from compliance.audit import checks, triggers
from tests.compliance.test_settings import ROOT, start
from tests.compliance.test_start import one_line
from tests.desk import Desk, until

KEY = "x" * 50


def ids(*, deploy: bool, databases: list[str]) -> set[str]:
    found = registry.run_checks(include_deployment_checks=deploy, databases=databases)
    return {message.id for message in found if str(message.id).startswith("audit.")}


@pytest.mark.django_db
def test_lost_triggers_are_a_warning_that_names_some_and_the_cure():
    assert checks.triggers_are_there(None, ["default"]) == []
    triggers.remove(connection)
    (warning,) = checks.triggers_are_there(None, ["default"])
    assert warning.id == "audit.W001"
    assert "audit_event_no_update" in warning.msg
    assert f"{3 * len(triggers.ALL) - 3} more" in warning.msg
    assert "manage.py migrate" in warning.hint
    assert checks.triggers_are_there(None, None) == []  # no database is asked that is not to be asked


@pytest.mark.django_db
def test_the_checks_run_where_django_runs_them():
    triggers.remove(connection)
    assert "audit.W001" in ids(deploy=False, databases=["default"])
    assert not ids(deploy=False, databases=[])
    on_postgresql = {"audit.W003"} if connection.vendor == "postgresql" else {"audit.W002"}
    assert ids(deploy=True, databases=["default"]) >= on_postgresql


def test_a_signing_key_in_the_folder_of_the_database_is_a_warning(
    settings: LazySettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def warned(database: str, key: str, engine: str = "sqlite3") -> list[str]:
        configured = {"ENGINE": f"django.db.backends.{engine}", "NAME": tmp_path / database}
        monkeypatch.setitem(settings.DATABASES, "default", configured)
        settings.AUDIT_SIGNING_KEY = tmp_path / key
        return [message.id for message in checks.key_is_apart(None)]

    assert warned("data/desk.sqlite3", "data/audit-signing.pem") == ["audit.W002"]
    assert warned("data/desk.sqlite3", "data/keys/audit-signing.pem") == ["audit.W002"]
    assert warned("data/desk.sqlite3", "data/../data/keys/audit-signing.pem") == ["audit.W002"]
    assert warned("data/desk.sqlite3", "keys/audit-signing.pem") == []
    assert warned("data", "data/keys/audit-signing.pem", "postgresql") == []  # its files are the server's


def test_a_signing_key_that_others_may_read_is_a_warning(settings: LazySettings, tmp_path: Path):
    path = tmp_path / "key.pem"
    settings.AUDIT_SIGNING_KEY = path
    assert checks.key_is_private(None) == []  # there is none
    path.touch(mode=0o600)
    assert checks.key_is_private(None) == []
    for mode in (0o640, 0o604, 0o660, 0o602):
        path.chmod(mode)
        (warning,) = checks.key_is_private(None)
        assert (warning.id, f"(mode {mode:04o})" in warning.msg) == ("audit.W004", True)
    assert "audit.W004" in ids(deploy=True, databases=[])


@pytest.mark.django_db
def test_an_owner_could_alter_the_past_and_reads_why():
    if connection.vendor != "postgresql":
        assert checks.powers() == []
        return
    assert set(checks.powers()) & {"is a superuser", "owns the table audit_event"}
    (warning,) = checks.role_cannot_alter(None, ["default"])
    assert warning.id == "audit.W003"
    assert "deploy/postgresql-roles.sql" in warning.hint


# --- a start ----------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_web_server_says_it_loudly_and_serves(caplog: pytest.LogCaptureFixture, client: Client):
    triggers.remove(connection)
    with caplog.at_level(logging.WARNING), pytest.MonkeyPatch.context() as patch:
        patch.setattr(connections["default"], "close", lambda: None)  # the test's transaction lives in it
        checks.log_if_unprotected()
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert "not protected against changes: audit_event_no_update" in record.getMessage()
    reply = client.get("/readyz")
    assert (reply.status_code, reply.json()["failing"]) == (503, ["trail"])


@pytest.mark.django_db
def test_a_web_server_starts_before_its_database(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch):
    def away(_connection: object) -> None:
        raise DatabaseError("connection refused")

    monkeypatch.setattr(triggers, "missing", away)
    monkeypatch.setattr(connections["default"], "close", lambda: None)
    checks.log_if_unprotected()
    assert [record.levelname for record in caplog.records] == ["WARNING"]


@pytest.mark.slow
def test_neither_worker_nor_silent_web_server_starts_on_an_unprotected_trail(tmp_path: Path):
    """And the cure that the line names is one."""
    lift = "from django.db import connection; from compliance.audit import triggers; triggers.remove(connection)"
    with Desk(tmp_path) as desk:
        desk.manage("shell", "-v0", "-c", lift)
        one_line(desk.manage("work", check=False), "not protected against changes", "manage.py migrate", "No worker")
        served = subprocess.run(
            [sys.executable, "-c", "import compliance.wsgi; print('serves')"],
            cwd=ROOT,
            env=desk.environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert served.stdout == "serves\n"
        (line,) = served.stderr.splitlines()
        assert "ERROR compliance.audit.checks: The trail in the database is not protected" in line
        assert "audit.W001" in desk.manage("check", "--database", "default").stderr
        assert "audit.W001" in desk.manage("migrate").stderr
        assert "audit.W001" not in desk.manage("check", "--database", "default").stderr
        desk.start("work")
        until(lambda: "Working." in desk.log.read_text())


def test_the_checks_do_not_stand_in_the_way_of_the_first_migrate(tmp_path: Path):
    done = start(tmp_path, "migrate", "-v0", SECRET_KEY=KEY)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (tmp_path / "keys" / "audit-signing.pem").stat().st_mode & 0o777 == 0o600
