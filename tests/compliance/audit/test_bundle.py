"""The zip for whoever checks the trail. That its content verifies is in test_exports_verify."""

import io
import shutil
import subprocess
import zipfile
from datetime import timedelta
from pathlib import Path

import pytest

from compliance import clock
from compliance.audit import bundle, export, seal, verify
from compliance.audit.bundle import zip_stream
from compliance.audit.export import Selection
from compliance.audit.models import Anchor, Event, LogKey

from .bulk import bulk_events, bulk_log

pytestmark = pytest.mark.django_db
CASE = Selection(case="DSR-2026-000002")


@pytest.fixture
def checkpoint():
    bulk_log(300, cases=10)
    return seal.newest()


def made(*given, **options) -> bytes:
    return b"".join(zip_stream(*given, **options))


def opened(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def test_it_holds_the_rows_what_proves_them_and_how_to_check_it(checkpoint):
    files = opened(made(CASE, checkpoint))
    assert list(files) == [
        "READ-ME.txt",
        "trail.csv",
        "trail.csv.checkpoint",
        "trail.csv.proofs.json",
        "trail.csv.leaves",
        "audit-key.txt",
        "verify.py",
    ]
    assert files["trail.csv"].decode() == "".join(export.csv_lines(export.rows(CASE, checkpoint.size)))
    assert files["trail.csv.checkpoint"].decode() == checkpoint.note
    assert files["audit-key.txt"].decode() == f"{LogKey.objects.get().verifier_key}\n"
    assert files["verify.py"] == Path(verify.__file__).read_bytes()


def test_the_whole_log_needs_no_proofs(checkpoint):
    assert "trail.csv.proofs.json" not in opened(made(Selection(), checkpoint))


def test_name_format_mark_and_further_files_are_as_asked_for(checkpoint):
    extra = {"b.txt": b"2", "a.pdf": b"1"}
    files = opened(made(CASE, checkpoint, name="DSR", form="jsonl", extra=extra, about={"a.pdf": "What it is."}))
    assert {"DSR.jsonl", "DSR.jsonl.checkpoint", "DSR.jsonl.proofs.json", "DSR.jsonl.leaves"} <= set(files)
    assert list(files)[-2:] == ["b.txt", "a.pdf"]
    assert (files["b.txt"], files["a.pdf"]) == (b"2", b"1")
    said = "  b.txt\n      verify.py does not check it.\n  a.pdf\n      What it is. verify.py does not check it.\n"
    assert said in files["READ-ME.txt"].decode()
    assert opened(made(CASE, checkpoint, bom=True))["trail.csv"].startswith(b"\xef\xbb\xbfindex,")


@pytest.mark.parametrize("name", ["verify.py", "trail.csv", "trail.csv.proofs.json"])
def test_a_further_file_takes_nobodys_place(checkpoint, name):
    with pytest.raises(ValueError, match=name):
        zip_stream(Selection(), checkpoint, extra={name: b""})


@pytest.mark.parametrize("selection", [Selection(), CASE], ids=["whole", "case"])
def test_the_same_log_selection_and_checkpoint_give_the_same_bytes(checkpoint, selection, turn_clock, settings):
    first = made(selection, checkpoint, extra={"a": b"1"})
    turn_clock(timedelta(days=1500))
    settings.TIME_ZONE = "Asia/Tokyo"
    bulk_log(40, cases=10)  # the log goes on
    bulk_events(3)
    assert made(selection, checkpoint, extra={"a": b"1"}) == first
    assert made(selection, seal.newest(), extra={"a": b"1"}) != first


def test_pinned_it_takes_up_neither_later_anchors_nor_later_keys(checkpoint, settings, tmp_path):
    settings.AUDIT_SIGNING_KEY = tmp_path / "another.pem"
    first, open_ended = made(CASE, checkpoint, pinned=True), made(CASE, checkpoint)
    Anchor.objects.create(size=5, place="file:///a", at=clock.now())
    bulk_events(1)
    seal.rotate(without_the_old_key=True)
    assert made(CASE, checkpoint, pinned=True) == first
    assert made(CASE, checkpoint) != open_ended
    files = opened(made(CASE, checkpoint))
    assert files["audit-key.txt"].count(b"\n") == 2
    assert b"a checkpoint of 5 events" in files["READ-ME.txt"]


def test_the_export_of_a_case_holds_nothing_of_other_cases(checkpoint):
    """Searched for: their references, event ids, subjects and texts. A leaf's own hash may stand for it in a proof."""
    content = b"".join(opened(made(CASE, checkpoint)).values())
    mine, others = Event.objects.filter(case=CASE.case), Event.objects.exclude(case=CASE.case)
    assert mine.count() == 30
    for event in mine:
        assert str(event.event_id).encode() in content
    for event in others:
        for text in (event.case, str(event.event_id), event.event_id.hex, event.subject, event.canonical):
            assert not text or text.encode() not in content


def test_what_is_not_sealed_is_not_in_it(checkpoint):
    bulk_events(30, cases=10)
    rows = opened(made(CASE, checkpoint))["trail.csv"].decode().splitlines()[1:]
    assert len(rows) == 30
    assert all(row[0].isdigit() for row in rows)


def test_it_comes_in_pieces_and_can_be_left(checkpoint, monkeypatch):
    monkeypatch.setattr(bundle, "_PIECE", 1000)
    found = zip_stream(Selection(), checkpoint)
    assert len(next(found)) < 100_000
    found.close()  # a download that was broken off
    assert len(list(zip_stream(Selection(), checkpoint))) > 3


def test_a_large_one_has_the_later_form_and_is_read_all_the_same(checkpoint, monkeypatch):
    small = made(CASE, checkpoint)
    monkeypatch.setattr(bundle, "_FIT", 10)
    large = made(CASE, checkpoint)
    assert large != small
    assert opened(large) == opened(small)


@pytest.mark.skipif(not shutil.which("unzip"), reason="no unzip")
@pytest.mark.parametrize("fit", [10, 10_000])
def test_another_program_can_unpack_it(checkpoint, monkeypatch, tmp_path, fit):
    monkeypatch.setattr(bundle, "_FIT", fit)
    (tmp_path / "t.zip").write_bytes(made(CASE, checkpoint))
    done = subprocess.run(["unzip", "t.zip"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"t.zip", *opened(made(CASE, checkpoint))}
    assert (tmp_path / "verify.py").stat().st_mode & 0o777 == 0o644


# --- the page ---------------------------------------------------------------------------------------------------------


def page(selection, checkpoint, **options) -> str:
    return opened(made(selection, checkpoint, **options))["READ-ME.txt"].decode()


def test_the_page_says_what_is_there_how_to_check_it_and_what_that_does_not_show(checkpoint):
    text = page(CASE, checkpoint)
    assert text.startswith("The events of the case DSR-2026-000002,\n")
    assert f"at its first {checkpoint.size} events" in text
    assert "python3 -I verify.py trail.csv --public-key audit-key.txt" in text
    assert "public key once from elsewhere" in text
    assert "trail.csv.proofs.json" in text
    assert "That no event is missing" in text
    assert "export_audit --case DSR-2026-000002 --consistent-with SIZE" in " ".join(text.split())
    assert max(map(len, text.splitlines())) < 100


def test_of_the_whole_log_it_says_that_none_is_missing(checkpoint):
    text = page(Selection(), checkpoint)
    assert text.startswith("The whole audit trail\n")
    assert "none is missing" in text
    assert "proofs.json" not in text


def test_the_page_names_each_filter_and_the_sizes_that_a_part_can_be_held_against(checkpoint):
    selection = Selection(actor="user:3", action="case.opened", since=checkpoint.at, until=clock.now(), after_index=7)
    text = page(selection, checkpoint, cuts=[12, 150, 9999])
    (first, *_rest) = text.splitlines()
    assert first.startswith("The events by user:3, with the action case.opened, from 20")
    assert first.endswith("beyond index 7,")
    assert "a checkpoint of 12, 150 events" in text
    assert "  \n" not in text
