"""What a start and the system checks say of a key ring that does not fit."""

import logging

import pytest
from django.core.checks import registry
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connections

from compliance.vault import checks, rotation
from compliance.vault.models import DataKey


def ids(*, deploy=False, databases=()):
    found = registry.run_checks(include_deployment_checks=deploy, databases=list(databases))
    return {message.id for message in found if str(message.id).startswith("vault.")}


def lag_behind(ring_file):
    copy = ring_file.read_bytes()
    rotation.rotate(actor="system:test")
    ring_file.write_bytes(copy)


def test_a_ring_that_lacks_a_key_is_an_error_of_the_check_and_stops_a_migration(key, ring_file):
    assert checks.ring_opens(None, ["default"]) == []
    lag_behind(ring_file)
    (error,) = checks.ring_opens(None, ["default"])
    assert (error.id, error.msg) == ("vault.E001", rotation.problem())
    assert ids(databases=["default"]) >= {"vault.E001"}
    assert "vault.E001" not in ids(), "no database is asked that is not to be asked"
    with pytest.raises(CommandError, match="KEY_RING"):
        call_command("migrate", verbosity=0, skip_checks=False)


def test_a_desk_that_has_nothing_to_open_yet_needs_no_ring(db, ring_file):
    assert not DataKey.objects.exists()
    assert checks.ring_opens(None, ["default"]) == []


def test_a_ring_in_the_folder_of_the_database_is_a_warning(settings, tmp_path, monkeypatch):
    def warned(database, ring, engine="sqlite3"):
        configured = {"ENGINE": f"django.db.backends.{engine}", "NAME": tmp_path / database}
        monkeypatch.setitem(settings.DATABASES, "default", configured)
        settings.KEY_RING = tmp_path / ring
        return [message.id for message in checks.ring_is_apart(None)]

    assert warned("data/desk.sqlite3", "data/keys/ring.json") == ["vault.W001"]
    assert warned("data/desk.sqlite3", "keys/ring.json") == []
    assert warned("data", "data/ring.json", "postgresql") == []


def test_a_ring_that_others_may_read_is_a_warning(settings, tmp_path):
    settings.KEY_RING = tmp_path / "ring.json"
    assert checks.ring_is_private(None) == []  # there is none
    settings.KEY_RING.touch(mode=0o600)
    assert checks.ring_is_private(None) == []
    settings.KEY_RING.chmod(0o640)
    (warning,) = checks.ring_is_private(None)
    assert warning.id == "vault.W002"
    assert "vault.W002" in ids(deploy=True)


def test_a_web_server_says_it_and_serves(key, ring_file, monkeypatch, caplog):
    monkeypatch.setattr(connections["default"], "close", lambda: None)  # the test's transaction lives in it
    checks.log_problem()
    assert caplog.records == []
    lag_behind(ring_file)
    checks.log_problem()
    (record,) = caplog.records
    assert (record.levelno, record.getMessage()) == (logging.ERROR, rotation.problem())


def test_a_web_server_starts_before_its_database(monkeypatch, caplog):
    def away():
        raise DatabaseError("connection refused")

    monkeypatch.setattr(checks, "problem", away)
    monkeypatch.setattr(connections["default"], "close", lambda: None)
    checks.log_problem()
    assert [record.levelname for record in caplog.records] == ["WARNING"]
