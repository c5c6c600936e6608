"""Evidence: sealed where it lies, readable in its own place only, gone when its time is over."""

import hashlib
import shutil
from datetime import timedelta

import pytest
from django.db import transaction

from compliance import clock
from compliance.audit.models import Event
from compliance.vault.seal import Unreadable
from erasure import evidence
from erasure.connectors.base import Kept
from erasure.connectors.http import Download
from erasure.errors import Invalid
from erasure.models import Call, Evidence
from erasure.states import Verdict
from tests.factories import approved_case, person, vendor, work

pytestmark = pytest.mark.django_db

CONTENT = b"what the shop knows of C-1001\n" * 5000  # more than one sealed chunk


@pytest.fixture
def case(settings, tmp_path):
    settings.EVIDENCE_DIR = tmp_path / "evidence"
    vendor()
    return approved_case(identifiers=[("customer_id", "C-1001")])


def arrived(case, call=None, content=CONTENT):
    """A finished download of the case."""
    sink = evidence.Sink(case, call and call.pk)
    for start in range(0, len(content), 4096):
        sink.write(content[start : start + 4096])
    return sink, sink.finish()


def stored(case, *, keep=None):
    now = clock.now()
    call = Call.objects.create(
        vendor=work(case).vendor,
        step="fetch_export",
        writes=True,
        started_at=now,
        lease_until=now,
        finished_at=now,
        verdict=Verdict.OK,
    )
    sink, opened = arrived(case, call)
    download = Download("apptus-export-1.zip", len(CONTENT), hashlib.sha256(CONTENT).hexdigest(), opened)
    with transaction.atomic():
        return evidence.store(Kept(download, "export", keep, {"records": 3}), sink, sub_task=work(case), call=call)


def read(item):
    with evidence.open_evidence(item) as stream:
        return stream.read()


def path(item):
    return evidence.path_of(item)


# --- stored and opened


def test_what_was_stored_can_be_read_again_and_is_described(case):
    item = Evidence.objects.get(pk=stored(case).pk)

    assert read(item) == CONTENT
    assert (item.case, item.sub_task, item.kind, item.name) == (case, work(case), "export", "apptus-export-1.zip")
    assert (item.size, item.sha256) == (len(CONTENT), hashlib.sha256(CONTENT).hexdigest())
    assert (item.counts, item.removed_at) == ({"records": 3}, None)
    assert item.keep_until - item.created_at == timedelta(days=365), "as the law of the case has it (RETENTION)"
    event = Event.objects.get(action="evidence.stored")
    assert (event.case, event.subject) == (case.reference, f"evidence:{item.pk}")
    assert event.details["sha256"] == item.sha256


def test_a_download_can_be_read_before_it_is_settled(case):
    _sink, opened = arrived(case)

    with opened() as stream:
        assert stream.read() == CONTENT


def test_nothing_of_it_lies_open_on_the_disk(case):
    item = stored(case)

    assert b"C-1001" not in path(item).read_bytes()
    assert path(item).stat().st_mode & 0o077 == 0
    assert path(item).parent.stat().st_mode & 0o077 == 0
    assert "apptus" not in str(path(item)), "the vendor's name for a file is not ours"


# --- moved, swapped, changed


def test_a_file_of_the_same_case_in_another_place_does_not_open(case):
    first, second = stored(case), stored(case)
    shutil.copy(path(first), path(second))

    with pytest.raises(Unreadable):
        read(second)
    assert read(first) == CONTENT


def test_a_file_of_another_case_does_not_open(case):
    mine, theirs = stored(case), stored(approved_case(identifiers=[("customer_id", "C-2")]))
    shutil.copy(path(theirs), path(mine))

    with pytest.raises(Unreadable):
        read(mine)


@pytest.mark.parametrize("damage", ["cut", "flip", "append"])
def test_a_file_that_was_changed_does_not_open(case, damage):
    item = stored(case)
    content = bytearray(path(item).read_bytes())
    if damage == "cut":
        del content[-1:]
    elif damage == "flip":
        content[100] ^= 1
    else:
        content += b"\x00"
    path(item).write_bytes(content)

    with pytest.raises(Unreadable):
        read(item)


# --- discarded


@pytest.mark.parametrize("finished", [True, False])
def test_a_download_that_is_not_wanted_leaves_no_file(case, finished):
    sink = evidence.Sink(case)
    sink.write(b"half")
    if finished:
        sink.finish()
    assert sink.path.exists()

    sink.discard()
    assert not sink.path.exists()
    sink.discard()


# --- added by a person


def added(case, name="screen.png", content=CONTENT):
    with transaction.atomic():
        return evidence.add(case, sub_task=work(case), by=person("olive"), name=name, content=content)


def test_what_a_person_adds_is_sealed_and_can_be_read_again(case):
    item = Evidence.objects.get(pk=added(case).pk)

    assert read(item) == CONTENT
    assert (item.case, item.sub_task, item.call, item.kind) == (case, work(case), None, "attestation")
    assert (item.size, item.sha256, item.keep_until) == (len(CONTENT), hashlib.sha256(CONTENT).hexdigest(), None)
    assert path(item).name == f"added.{item.pk}.sealed"
    assert b"C-1001" not in path(item).read_bytes()
    assert path(item).stat().st_mode & 0o077 == 0
    event = Event.objects.get(action="evidence.stored")
    assert (event.actor, event.case, event.subject) == (
        f"user:{person('olive').pk}",
        case.reference,
        f"evidence:{item.pk}",
    )
    assert event.details == {
        "sub_task": str(work(case).pk),
        "kind": "attestation",
        "size": len(CONTENT),
        "sha256": item.sha256,
    }


@pytest.mark.parametrize(
    ("name", "ending"),
    [
        ("Ada Lovelace C-1001.PNG", "png"),
        ("../../etc/passwd.pdf", "pdf"),
        ("..\\screen.jpeg", "jpeg"),
        ("ada.lovelace", "bin"),
        ("run me.exe", "bin"),
        ("a.tar.zip", "zip"),
        ("\x00\r\n.csv", "csv"),
        (".png", "bin"),
        ("", "bin"),
    ],
)
def test_only_a_known_ending_is_kept_of_a_name_that_somebody_typed(case, name, ending):
    item = added(case, name)

    assert item.name == f"attestation-{str(item.pk)[:8]}.{ending}"
    assert path(item).parent.name == str(case.pk)


@pytest.mark.parametrize("size", [0, 5 * 1024 * 1024 + 1])
def test_an_empty_or_too_large_file_is_not_added(case, size):
    with pytest.raises(Invalid) as refused:
        added(case, content=b"x" * size)

    assert [at for at, _text in refused.value.problems] == ["/file"]
    assert not path(Evidence(case=case)).parent.exists()
    assert not Evidence.objects.exists()


def test_a_file_whose_row_cannot_be_written_is_not_left_behind(case, monkeypatch):
    def fail(*_args, **_given):
        raise RuntimeError

    monkeypatch.setattr(evidence, "record", fail)
    with pytest.raises(RuntimeError):
        added(case)
    assert not list(path(Evidence(case=case)).parent.iterdir())
    assert not Evidence.objects.exists()


# --- its time


def test_content_is_removed_when_its_time_is_over_and_the_description_stays(
    case, turn_clock, django_capture_on_commit_callbacks
):
    now = turn_clock(clock.now())
    short, long, forever = stored(case, keep=timedelta(days=30)), stored(case, keep=timedelta(days=31)), stored(case)
    assert short.keep_until == now + timedelta(days=30)
    assert evidence.expire_due(now + timedelta(days=29)) == 0

    now = turn_clock(timedelta(days=30))
    with django_capture_on_commit_callbacks(execute=True):
        assert evidence.expire_due(now) == 1

    short.refresh_from_db()
    assert (short.removed_at, short.size) == (now, len(CONTENT))
    assert not path(short).exists()
    with pytest.raises(FileNotFoundError):
        read(short)
    assert read(long) == read(forever) == CONTENT
    assert Event.objects.get(action="evidence.expired").subject == f"evidence:{short.pk}"
    assert evidence.expire_due(now) == 0


def test_content_that_is_not_to_be_kept_goes_with_the_commit_that_stored_it(case, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        item = stored(case, keep=timedelta(0))
        assert path(item).exists(), "a rollback must find it"
        with pytest.raises(FileNotFoundError):
            read(item)

    assert not path(item).exists()
    assert item.removed_at
    assert (item.size, item.counts) == (len(CONTENT), {"records": 3})


def test_removing_content_twice_or_after_somebody_removed_the_file_does_no_harm(
    case, turn_clock, django_capture_on_commit_callbacks
):
    now = turn_clock(clock.now())
    item = stored(case, keep=timedelta(days=1))
    path(item).unlink()

    with django_capture_on_commit_callbacks(execute=True):
        assert evidence.expire_due(now + timedelta(days=2)) == 1
    with pytest.raises(FileNotFoundError):
        read(Evidence.objects.get(pk=item.pk))


# --- strays


def test_a_file_of_a_call_that_has_ended_without_evidence_is_removed_once_it_is_old(case):
    item = stored(case)
    call = Call.objects.create(
        vendor=work(case).vendor,
        step="fetch_export",
        writes=True,
        started_at=clock.now(),
        lease_until=clock.now(),
        finished_at=clock.now(),
        verdict=Verdict.UNKNOWN,
    )
    stray, _opened = arrived(case, call)
    of_nobody, _opened = arrived(case)
    by_a_person = added(case)
    later = clock.now() + evidence.STRAY_AFTER + timedelta(minutes=1)

    assert evidence.remove_strays(clock.now()) == 0, "it may belong to a download that is under way"
    assert evidence.remove_strays(later) == 1

    assert not stray.path.exists()
    assert of_nobody.path.exists(), "no call of ours made it"
    assert read(by_a_person) == CONTENT
    assert read(item) == CONTENT
