"""`manage.py doctor`: each finding with its cure, an exit code for programs, and nothing changed or called."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.db.migrations.recorder import MigrationRecorder

from compliance import clock
from compliance.audit import anchor, seal
from compliance.audit.actions import BACKED_UP
from compliance.audit.models import Event
from compliance.audit.record import record
from compliance.staff import tokens
from compliance.vault.seal import destroy, new_key
from erasure import doctor, vendors
from erasure.doctor import Finding, Level, ground
from erasure.models import Vendor, WorkerHost
from erasure.states import Pause
from tests import factories

pytestmark = pytest.mark.django_db
Turn = Callable[[datetime | timedelta], datetime]


def found(name: str) -> list[Finding]:
    return list(doctor.CHECKS[name]())


def one(name: str) -> Finding:
    (finding,) = found(name)
    assert bool(finding.cure) == (finding.level != Level.OK), "a finding comes with its cure"
    return finding


@pytest.fixture
def healthy(settings: LazySettings, tmp_path: Path) -> None:
    """A desk to which there is nothing to say."""
    settings.VENDOR_LOOPBACK, settings.VENDOR_HOSTS = False, ["api.shop.example"]
    settings.SECOND_FACTOR = settings.MAIL_IS_SET = True
    settings.ALERTS_TO = ["desk@example.org"]
    settings.ALLOWED_HOSTS, settings.SECRET_KEY = ["desk.example.org"], "Kq3_xW" * 16
    settings.HTTPS = settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = True
    settings.SECURE_SSL_REDIRECT, settings.SECURE_HSTS_SECONDS = True, 3600
    settings.TRUSTED_PROXIES = ["127.0.0.1"]
    settings.AUDIT_ANCHOR = [f"file://{tmp_path}"]
    settings.EVIDENCE_DIR = tmp_path / "evidence"
    factories.person("olga", "administrator")
    factories.person("ada", "approver")
    factories.vendor(base_url="https://api.shop.example")
    factories.vendor("Paper archive", "manual")
    WorkerHost.objects.create(name="one", seen_at=clock.now())
    record(BACKED_UP, actor="system:command", tree_size=1, evidence=0)
    seal.seal()
    anchor.anchor_all(seal.newest())


# --- the command ------------------------------------------------------------------------------------------------------


def examined() -> dict[str, Level]:
    """The worst of each check."""
    order, worst = list(Level), {}
    for name, finding in doctor.examine():
        worst[name] = max(worst.get(name, Level.OK), finding.level, key=order.index)
    return worst


def test_a_healthy_desk_has_no_problem_and_exits_with_0(
    healthy: None, settings: LazySettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The run's own keys are beside its database, and its role may do anything; a real desk has it otherwise.
    monkeypatch.setattr("compliance.audit.checks.powers", lambda _alias: [])
    monkeypatch.setitem(settings.DATABASES["default"], "NAME", str(tmp_path / "desk.sqlite3"))
    settings.DATA_DIR = tmp_path
    before = Event.objects.count()
    assert examined() == dict.fromkeys(doctor.CHECKS, Level.OK)
    out = StringIO()
    call_command("doctor", stdout=out)
    assert out.getvalue().count("\n") == len(doctor.CHECKS) + 1  # two accounts
    assert "Cure:" not in out.getvalue()
    assert Event.objects.count() == before


def test_a_problem_exits_with_1_and_shows_its_cure() -> None:
    out = StringIO()
    with pytest.raises(CommandError, match="found") as error:
        call_command("doctor", stdout=out)
    assert error.value.returncode == 1
    line = out.getvalue().index("problem  workers")
    assert out.getvalue().index("Cure: systemctl start erasure-desk-worker") > line


def test_programs_get_json() -> None:
    out = StringIO()
    with pytest.raises(CommandError):
        call_command("doctor", "--json", stdout=out)
    told = json.loads(out.getvalue())
    assert {"check": "key_ring", "level": "ok", "text": told[0]["text"], "cure": ""} == told[0]
    assert {item["check"] for item in told} == set(doctor.CHECKS)


def test_a_database_that_is_away_is_one_problem_and_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> None:
        raise OperationalError("connection refused\nand more")

    monkeypatch.setattr("erasure.vitals.unapplied", away)
    told = list(doctor.examine())
    name, finding = told[-1]
    assert (name, finding.level) == ("database", Level.PROBLEM)
    assert "connection refused" in finding.text
    assert "and more" not in finding.text
    assert [name for name, _finding in told].count("clock") == 0


def test_an_error_of_ours_in_one_check_does_not_hide_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> Any:
        raise RuntimeError("ada@example.org")

    monkeypatch.setitem(doctor.CHECKS, "disk", broken)
    told = dict(doctor.examine())
    assert told["disk"].level == Level.PROBLEM
    assert "ada@example.org" not in told["disk"].text
    assert "people" in told


# --- what it stands on ------------------------------------------------------------------------------------------------


def test_a_lost_key_ring_is_a_problem(settings: LazySettings, tmp_path: Path) -> None:
    assert one("key_ring").level == Level.OK
    settings.KEY_RING = tmp_path / "ring.json"
    assert one("key_ring").level == Level.PROBLEM
    settings.KEY_RING.write_text("{}")
    assert "damaged" in one("key_ring").text


def test_a_host_without_a_signing_key_may_be_right_and_a_damaged_one_is_not(
    settings: LazySettings, tmp_path: Path
) -> None:
    settings.AUDIT_SIGNING_KEY = tmp_path / "key.pem"
    assert one("signing_key").level == Level.WARNING
    settings.AUDIT_SIGNING_KEY.write_text("no key")
    assert one("signing_key").level == Level.PROBLEM


def test_a_suppression_list_whose_key_is_lost_is_a_problem(settings: LazySettings, tmp_path: Path) -> None:
    settings.SUPPRESSION_KEY = tmp_path / "suppression.key"
    assert one("suppression_key").level == Level.OK
    factories.vendor()
    factories.suppressed("email", "ada@example.org", case=factories.opened_case())
    assert one("suppression_key").level == Level.OK
    settings.SUPPRESSION_KEY.unlink()
    assert one("suppression_key").level == Level.PROBLEM


def test_evidence_that_cannot_be_written_is_a_problem(settings: LazySettings, tmp_path: Path) -> None:
    settings.EVIDENCE_DIR = tmp_path / "no" / "such"
    assert one("evidence").level == Level.PROBLEM
    settings.EVIDENCE_DIR = tmp_path / "evidence"
    assert one("evidence").level == Level.OK
    settings.EVIDENCE_DIR.mkdir()
    settings.EVIDENCE_DIR.chmod(0o755)
    assert one("evidence").cure == f"chmod 700 {settings.EVIDENCE_DIR}"


@pytest.mark.parametrize(("free", "level"), [(2**40, Level.OK), (2**30, Level.WARNING), (2**20, Level.PROBLEM)])
def test_a_disk_that_fills_is_told_in_time(monkeypatch: pytest.MonkeyPatch, free: int, level: Level) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _place: type("Usage", (), {"free": free}))
    assert one("disk").level == level


def test_a_cache_that_keeps_nothing_is_a_problem(settings: LazySettings) -> None:
    assert one("cache").level == Level.OK
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
    assert one("cache").level == Level.PROBLEM


def test_a_database_that_is_behind_the_code_is_a_problem() -> None:
    assert found("database")[0].level == Level.OK
    MigrationRecorder(connection).record_unapplied("erasure", "0002_batches_and_tokens")
    assert one("database").cure == "manage.py migrate"


def test_a_role_that_could_alter_the_past_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("compliance.audit.checks.powers", lambda _alias: ["is a superuser"])
    told = found("database")[-1]
    assert (told.level, "is a superuser" in told.text, bool(told.cure)) == (Level.WARNING, True, True)


def test_the_file_system_is_that_of_the_nearest_mount(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text("/dev/a / ext4 rw 0 0\nhost:/x /srv/with\\040space nfs4 rw 0 0\nmalformed\n")
    assert ground.file_system(Path("/srv/with space/desk.sqlite3"), mounts) == "nfs4"
    assert ground.file_system(Path("/srv/desk.sqlite3"), mounts) == "ext4"
    assert ground.file_system(Path("/srv/desk.sqlite3"), tmp_path / "none") == ""


def test_sqlite_on_a_network_file_system_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("erasure.doctor.ground.file_system", lambda _path, _mounts: "nfs4")
    assert [finding.level for finding in ground._sqlite()] == [Level.PROBLEM]


def test_a_clock_that_differs_is_a_problem(turn_clock: Turn) -> None:
    assert one("clock").level == Level.OK
    factories.person("ada", "approver")  # an event of now
    turn_clock(timedelta(hours=-2))
    assert one("clock").level == Level.PROBLEM


def test_a_host_whose_clock_is_ahead_is_named() -> None:
    WorkerHost.objects.create(name="desk-2", seen_at=clock.now() + timedelta(minutes=5))
    assert "desk-2" in one("clock").text


def test_what_the_system_checks_say_is_told_with_its_id(settings: LazySettings, healthy: None) -> None:
    settings.SECOND_FACTOR = False
    told = [finding for finding in found("settings") if "staff.W001" in finding.text]
    assert [(finding.level, bool(finding.cure)) for finding in told] == [(Level.WARNING, True)]


# --- whether it works -------------------------------------------------------------------------------------------------


def test_without_a_worker_nothing_works() -> None:
    assert one("workers").level == Level.PROBLEM
    WorkerHost.objects.create(name="one", seen_at=clock.now())
    assert one("workers").level == Level.OK


def test_a_host_that_fell_silent_beside_one_that_works_is_named(settings: LazySettings) -> None:
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    WorkerHost.objects.create(name="one", seen_at=clock.now())
    WorkerHost.objects.create(name="two", seen_at=clock.now() - timedelta(hours=3))
    well, silent = found("workers")
    assert (well.level, silent.level) == (Level.OK, Level.WARNING)
    assert "two" in silent.text


def test_hosts_that_share_no_cache_are_a_problem(settings: LazySettings) -> None:
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.filebased.FileBasedCache", "LOCATION": "/x"}}
    for name in ("one", "two"):
        WorkerHost.objects.create(name=name, seen_at=clock.now())
    assert [finding.level for finding in found("workers")] == [Level.OK, Level.PROBLEM]


def test_events_that_wait_for_more_than_ten_seconds_are_a_problem(turn_clock: Turn) -> None:
    turn_clock(timedelta(0))
    factories.person("ada", "approver")
    turn_clock(timedelta(seconds=11))
    assert one("trail_sealed").level == Level.PROBLEM
    seal.seal()
    assert one("trail_sealed").level == Level.OK


def test_a_trail_that_is_kept_nowhere_else_is_told(settings: LazySettings, tmp_path: Path, turn_clock: Turn) -> None:
    assert one("trail_anchored").level == Level.WARNING
    settings.AUDIT_ANCHOR = [f"file://{tmp_path}"]
    factories.person("ada", "approver")
    seal.seal()
    assert one("trail_anchored").level == Level.WARNING
    turn_clock(timedelta(hours=3))
    assert one("trail_anchored").level == Level.PROBLEM
    anchor.anchor_all(seal.newest())
    assert one("trail_anchored").level == Level.OK


def test_a_desk_without_a_backup_of_last_night_is_told(turn_clock: Turn) -> None:
    assert one("backup").level == Level.WARNING
    record(BACKED_UP, actor="system:command", tree_size=1, evidence=0)
    assert one("backup").level == Level.OK
    turn_clock(timedelta(days=4))
    assert one("backup").level == Level.WARNING


def test_a_database_that_was_put_back_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    assert one("newest_state").level == Level.OK
    monkeypatch.setattr("erasure.doctor.ground.behind", lambda: "The database was put back.")
    assert one("newest_state").level == Level.PROBLEM


def test_destroyed_personal_data_that_is_back_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    key = new_key()
    monkeypatch.setattr("compliance.vault.shredded.listed", lambda: {key.pk: clock.now()})
    found = one("newest_state")
    assert (found.level, found.cure) == (Level.PROBLEM, "manage.py after_restore")
    destroy(key)
    assert one("newest_state").level == Level.OK


def test_a_ring_that_does_not_open_what_the_database_holds_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    assert one("data_keys").level == Level.OK
    monkeypatch.setattr("compliance.vault.rotation.problem", lambda: "It is another desk's.")
    assert one("data_keys").level == Level.PROBLEM


# --- vendor accounts --------------------------------------------------------------------------------------------------


def test_a_desk_without_vendors_is_told() -> None:
    assert one("vendors").level == Level.WARNING


def test_a_host_that_is_not_allowed_is_named_with_the_line_to_add(settings: LazySettings) -> None:
    factories.vendor()
    assert one("vendors").level == Level.OK
    Vendor.objects.update(base_url="https://api.shop.example")
    finding = one("vendors")
    assert finding.level == Level.PROBLEM
    assert "api.shop.example" in finding.text
    assert "VENDOR_HOSTS" in finding.text
    settings.VENDOR_HOSTS = ["api.shop.example"]
    assert one("vendors").level == Level.OK


def test_credentials_that_do_not_open_are_a_problem() -> None:
    vendor = factories.vendor()
    Vendor.objects.filter(pk=vendor.pk).update(credentials_sealed=b"moved from elsewhere")
    assert one("vendors").level == Level.PROBLEM


def test_credentials_whose_key_ring_is_missing_are_no_defect_of_ours(settings: LazySettings, tmp_path: Path) -> None:
    vendor = factories.vendor()
    settings.KEY_RING = tmp_path / "ring.json"
    finding = one("vendors")
    assert finding.level == Level.PROBLEM
    assert finding.text.startswith(f"{vendor.name}: ")
    assert "report it" not in finding.cure


def test_options_of_another_release_are_a_problem() -> None:
    vendor = factories.vendor()
    Vendor.objects.filter(pk=vendor.pk).update(connector="forgotten")
    assert one("vendors").level == Level.PROBLEM


@pytest.mark.parametrize(
    ("why", "level"),
    [(Pause.CREDENTIALS, Level.PROBLEM), (Pause.FAILURES, Level.WARNING), (Pause.BY_HAND, Level.WARNING)],
)
def test_a_paused_account_is_told_with_what_resumes_it(why: Pause, level: Level) -> None:
    vendors.pause(factories.vendor(), why, "", clock.now(), trial_at=None)
    assert one("vendors").level == level


def test_a_disabled_account_is_nobodys_trouble() -> None:
    factories.vendor()
    Vendor.objects.update(enabled=False, base_url="https://gone.example")
    assert "no account in use" in one("vendors").text


# --- people -----------------------------------------------------------------------------------------------------------


def levels() -> list[Level]:
    return [finding.level for finding in found("people")]


def test_a_desk_takes_an_administrator_and_two_people() -> None:
    assert levels() == [Level.PROBLEM, Level.PROBLEM]
    factories.person("olga", "administrator")
    assert levels() == [Level.PROBLEM]  # she may open and approve, and is one person
    factories.person("ada", "approver")
    assert levels() == [Level.OK]


def test_one_who_approves_what_programs_open_is_enough_and_told() -> None:
    factories.person("olga", "administrator")
    tokens.issue("crm", ["cases:write"])
    assert levels() == [Level.WARNING]


def test_who_was_closed_counts_no_more() -> None:
    for name in ("olga", "ada"):
        factories.person(name, "administrator", is_active=name == "olga")
    assert levels() == [Level.PROBLEM]
