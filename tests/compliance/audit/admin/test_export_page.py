import csv
import io
import json
import subprocess
import sys
import zipfile
from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from compliance.audit import seal
from compliance.audit.models import Event
from compliance.audit.record import actor_of
from tests.factories import person

from .conftest import EXPORT, LIST, told


@pytest.fixture
def exported(auditor):
    """exported(case="DSR-2026-000001") posts the form; gives the answer."""

    def post(**given: str):
        return auditor.post(reverse(EXPORT), {"format": "csv"} | given)

    return post


@pytest.fixture
def no_key(settings, tmp_path):
    """The desk has lost its signing key."""
    seal.public_keys()
    settings.AUDIT_SIGNING_KEY = tmp_path / "lost.pem"


def unpacked(answer, folder) -> dict[str, bytes]:
    """The zip's files, also written to `folder`."""
    with zipfile.ZipFile(io.BytesIO(answer.getvalue())) as archive:
        assert archive.testzip() is None
        archive.extractall(folder)
        return {name: archive.read(name) for name in archive.namelist()}


def verdict(folder, name: str) -> subprocess.CompletedProcess[str]:
    """What the verifier in the zip says of a file beside it, in a Python that knows no project."""
    command = [sys.executable, "-I", "verify.py", name, "--public-key", "audit-key.txt"]
    return subprocess.run(command, cwd=folder, env={}, capture_output=True, text=True)


def rows_of(files: dict[str, bytes]) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(files["trail.csv"].decode("utf-8-sig"), newline="")))


# --- what it gives


@pytest.mark.parametrize(("format", "name"), [("csv", "trail.csv"), ("excel", "trail.csv"), ("jsonl", "trail.jsonl")])
@pytest.mark.parametrize("case", ["", "DSR-2026-000002"])
def test_the_zip_verifies_with_the_verifier_in_it(exported, tell, tmp_path, format, name, case):
    for number in range(10):
        tell(case=f"DSR-2026-00000{number % 3}")
    answer = exported(format=format, case=case)
    assert answer["Content-Type"] == "application/zip"
    files = unpacked(answer, tmp_path)
    assert (f"{name}.proofs.json" in files) == bool(case)
    assert files[f"{name}.checkpoint"].decode() == seal.newest().note
    found = verdict(tmp_path, name)
    assert found.returncode == 0, found.stdout + found.stderr


def test_a_changed_row_does_not_verify(exported, tell, tmp_path):
    tell(what="rain")
    unpacked(exported(), tmp_path)
    path = tmp_path / "trail.csv"
    path.write_bytes(path.read_bytes().replace(b"rain", b"snow"))
    assert verdict(tmp_path, "trail.csv").returncode == 1


def test_what_is_pending_is_sealed_first_and_is_in_it(exported, tell, tmp_path):
    event = tell()
    (row,) = [row for row in rows_of(unpacked(exported(), tmp_path)) if row["event_id"] == str(event.event_id)]
    assert row["index"] == str(event.leaf.index)


def test_excel_gets_a_byte_order_mark_and_nobody_else(exported, tell, tmp_path):
    tell()
    assert unpacked(exported(format="excel"), tmp_path)["trail.csv"].startswith(b"\xef\xbb\xbf")
    assert not unpacked(exported(format="csv"), tmp_path)["trail.csv"].startswith(b"\xef\xbb\xbf")
    (line, *_others) = unpacked(exported(format="jsonl"), tmp_path)["trail.jsonl"].splitlines()
    assert json.loads(line)["index"] == 0


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"case": " dsr-2026-000001 "}, {"rain", "snow"}),
        ({"actor": "olive"}, {"snow", "hail"}),
        ({"actor": "olive", "case": "DSR-2026-000001"}, {"snow"}),
        ({"actor": "system:test"}, {"rain"}),
        ({"action": "test.happened"}, {"rain", "snow", "hail"}),
        ({"since": "2026-11-02"}, {"snow", "hail"}),
        ({"until": "2026-11-02"}, {"rain", "snow"}),
        ({"since": "2026-11-02", "until": "2026-11-02"}, {"snow"}),
        ({"since": "2026-11-01T12:00:00Z", "until": "2026-11-03T12:00:00Z"}, {"rain", "snow"}),
    ],
)
def test_it_holds_the_case_the_actor_the_action_or_the_period_alone(
    exported, tell, turn_clock, tmp_path, given, expected
):
    olive = actor_of(person("olive", "intake"))
    turn_clock(datetime(2026, 11, 1, 12, tzinfo=UTC))
    tell(what="rain")
    turn_clock(datetime(2026, 11, 2, 12, tzinfo=UTC))
    tell(what="snow", actor=olive)
    turn_clock(datetime(2026, 11, 3, 12, tzinfo=UTC))
    tell(what="hail", actor=olive, case="DSR-2026-000002")
    found = rows_of(unpacked(exported(**given), tmp_path))
    assert {json.loads(row["canonical"])["details"].get("what") for row in found} - {None} == expected
    assert verdict(tmp_path, "trail.csv").returncode == 0


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({}, "trail.zip"),
        ({"case": "DSR-2026-000001"}, "trail-DSR-2026-000001.zip"),
        ({"actor": "system:test", "action": "test.happened"}, "trail-system-test-test.happened.zip"),
    ],
)
def test_the_file_is_named_for_what_it_holds_and_kept_by_no_cache(exported, tell, given, name):
    tell()
    answer = exported(**given)
    assert answer["Content-Disposition"] == f'attachment; filename="{name}"'
    assert "no-store" in answer["Cache-Control"]


# --- what it leaves


def test_it_is_on_record_before_its_first_byte_is_read_and_not_in_it(exported, anna, tell, tmp_path):
    tell()
    tell(case="DSR-2026-000002")
    answer = exported(case="DSR-2026-000002", actor="system:test", since="2026-01-01")
    event = Event.objects.get(action="audit.exported")
    assert (event.actor, event.case, event.subject) == (actor_of(anna), "", "case:DSR-2026-000002")
    assert event.details == {
        "format": "zip",
        "count": 1,
        "size": seal.newest().size,
        "only_actor": "system:test",
        "only_since": "2026-01-01T00:00:00.000000Z",
    }
    assert len(rows_of(unpacked(answer, tmp_path))) == 1


def test_a_get_writes_nothing(auditor, tell):
    tell()
    before = Event.objects.count()
    assert auditor.get(reverse(EXPORT), {"case": "DSR-2026-000001", "format": "csv"}).status_code == 200
    assert Event.objects.count() == before
    assert seal.newest() is None


# --- who may


def test_a_forged_post_exports_nothing(anna, tell):
    tell()
    client = Client(enforce_csrf_checks=True)
    client.force_login(anna)
    assert client.post(reverse(EXPORT), {"format": "csv"}).status_code == 403
    assert not Event.objects.filter(action="audit.exported").exists()


def test_who_may_read_and_not_export_gets_neither_button_nor_page(client, tell):
    tell()
    reader = person("rita")
    reader.user_permissions.add(Permission.objects.get(codename="view_event"))
    client.force_login(reader)
    assert reverse(EXPORT) not in client.get(reverse(LIST)).content.decode()
    assert client.get(reverse(EXPORT)).status_code == 403
    assert client.post(reverse(EXPORT), {"format": "csv"}).status_code == 403
    assert not Event.objects.filter(action="audit.exported").exists()


# --- the form


def test_the_lists_button_fills_it_in_with_the_lists_filters(auditor, listed):
    olive = person("olive", "intake")
    narrowed = {
        "q": "dsr-2026-000001",
        "actor": actor_of(olive),
        "action": "audit.exported",
        "at__gte": "2026-11-01 00:00:00+00:00",
        "at__lt": "2026-12-01 00:00:00+00:00",
    }
    button = auditor.get(reverse(LIST), narrowed).context["request"].GET.urlencode()
    assert f'href="{reverse(EXPORT)}?{button}"' in listed(**narrowed)
    answer = auditor.get(f"{reverse(EXPORT)}?{button}")
    assert {field.name: field.value() for field in answer.context["form"]} == {
        "case": "DSR-2026-000001",
        "actor": "olive",
        "action": "audit.exported",
        "since": "2026-11-01",
        "until": "2026-11-30",
        "format": "csv",
    }
    assert "holds more than the list showed" not in answer.content.decode()


@pytest.mark.parametrize("narrowed", [{"subject": "vendor:7"}, {"sealed": "no"}, {"at__gt": "2026-11-01"}])
def test_a_filter_that_an_export_cannot_have_is_told(auditor, narrowed):
    assert "holds more than the list showed" in auditor.get(reverse(EXPORT), narrowed).content.decode()


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Tokyo"])
@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
def test_a_day_at_the_end_of_all_days_fills_in_what_it_says(auditor, settings, zone, day):
    settings.TIME_ZONE = zone
    form = auditor.get(reverse(EXPORT), {"at__gte": day, "at__lt": day}).context["form"]
    assert form["since"].value() in (day, day[:10])
    assert form["until"].value() in (day, "9999-12-30")


@pytest.mark.parametrize("actor", ["user:nonsense", "user:" + "9" * 40, "nonsense"])
def test_an_address_made_up_by_hand_fills_in_what_it_says(auditor, listed, actor):
    form = auditor.get(reverse(EXPORT), {"actor": actor, "at__gte": "soon"}).context["form"]
    assert (form["actor"].value(), form["since"].value()) == (actor, "soon")
    assert "0 rows" in listed(actor=actor)


@pytest.mark.parametrize(
    ("given", "field", "said"),
    [
        ({"case": "ada@example.org"}, "case", "This is not a case reference"),
        ({"case": "DSR-2026-000009"}, "case", "holds no event of this case"),
        ({"actor": "nobody"}, "actor", "No account has this name"),
        ({"actor": "user:jane_doe"}, "actor", "The trail knows nobody of this name"),
        ({"actor": "system:jane_doe"}, "actor", "The trail knows nobody of this name"),
        ({"action": "nonsense.done"}, "action", "not one of the available choices"),
        ({"since": "yesterday"}, "since", "neither a date"),
        ({"until": "2026-11-21T09:30:00"}, "until", "has no time zone"),
        ({"since": "2026-11-02", "until": "2026-11-01"}, "until", "not after the beginning"),
        ({"format": "pdf"}, "format", "not one of the available choices"),
        ({"case": "DSR\0"}, "case", "Null characters"),
    ],
)
def test_what_cannot_be_asked_is_told_beside_its_field(exported, tell, given, field, said):
    tell()
    answer = exported(**given)
    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == [field]
    assert said in answer.context["form"].errors[field][0]
    assert "Nothing was exported" in answer.content.decode()
    assert not Event.objects.filter(action="audit.exported").exists()


def test_without_the_signing_key_and_a_checkpoint_it_says_why(exported, tell, no_key):
    tell()
    answer = exported()
    assert answer.status_code == 422
    assert "AUDIT_SIGNING_KEY: there is no key at" in answer.content.decode()
    assert not Event.objects.filter(action="audit.exported").exists()


def test_without_the_signing_key_the_sealed_part_is_given_and_the_next_page_says_what_it_lacks(
    exported, tell, tmp_path, settings
):
    tell(what="rain")
    seal.seal()
    settings.AUDIT_SIGNING_KEY = tmp_path / "lost.pem"
    lacking = tell(what="snow")
    answer = exported()
    assert str(lacking.event_id) not in {row["event_id"] for row in rows_of(unpacked(answer, tmp_path / "zip"))}
    (message,) = told(answer)
    assert message.startswith("The export lacks 1 event that could not be sealed: AUDIT_SIGNING_KEY: there is no key")
