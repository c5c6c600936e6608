"""export_audit, audit_key and verify_audit, as somebody at a terminal meets them. What verifies is in
test_exports_verify."""

import csv
import io
import json
import os
import re
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from compliance.audit import export, seal, signing
from compliance.audit.models import Event, LogKey, PendingEvent
from compliance.progress import Progress

from .bulk import bulk_events, bulk_log

KEY_EVENT = 1  # the first sealing puts the signing key on record, which is an event


@pytest.fixture(autouse=True)
def own_key(db, settings, tmp_path):
    settings.AUDIT_SIGNING_KEY = tmp_path / "keys" / "audit.pem"
    signing.ensure()


def run(command: str, *arguments: object) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    call_command(command, *map(str, arguments), stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


@pytest.fixture
def folder(tmp_path) -> Path:
    """Where files are exported to; empty."""
    made = tmp_path / "exports"
    made.mkdir()
    return made


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# --- export_audit: what it holds --------------------------------------------------------------------------------------


def test_the_export_goes_to_the_output_sealed_and_the_count_beside_it(tell):
    tell()
    out, err = run("export_audit")
    assert [row["index"] for row in table(out)] == ["0", "1"]
    assert "2 events exported." in err
    assert "Use --out FILE" in err
    assert PendingEvent.objects.count() == 1  # the event about the export


def test_an_export_is_an_event_about_the_case_and_not_of_it(tell):
    tell()
    run("export_audit", "--case", "DSR-2026-000001", "--format", "jsonl")
    told = Event.objects.get(action="audit.exported")
    assert (told.actor, told.case, told.subject) == ("system:command", "", "case:DSR-2026-000001")
    assert told.details == {"format": "jsonl", "count": 1, "size": 1 + KEY_EVENT}


def test_the_event_says_what_was_asked_for(tell):
    tell()
    run("export_audit", "--actor", "system:test", "--action", "test.happened", "--since", "2026-01-01T00:00:00Z")
    assert Event.objects.get(action="audit.exported").details == {
        "format": "csv",
        "count": 1,
        "size": 1 + KEY_EVENT,
        "only_actor": "system:test",
        "only_action": "test.happened",
        "only_since": "2026-01-01T00:00:00.000000Z",
    }
    run("export_audit", "--after-index", "0")
    assert Event.objects.filter(action="audit.exported").last().details["only_after_index"] == 0


def test_the_event_is_there_before_the_first_byte_and_not_in_the_export(tell):
    tell()

    class Watched(io.StringIO):
        def write(self, text: str) -> int:
            assert Event.objects.filter(action="audit.exported").exists()
            return super().write(text)

    out = Watched()
    call_command("export_audit", stdout=out, stderr=io.StringIO())
    assert "audit.exported" not in out.getvalue()
    assert Event.objects.get(action="audit.exported").details["count"] == len(table(out.getvalue()))


def test_rows_by_actor_action_and_index(tell, monkeypatch):
    bulk_log(20, cases=2, actors=4)
    assert {row["actor"] for row in table(run("export_audit", "--actor", "user:3")[0])} == {"user:3"}
    assert len(table(run("export_audit", "--action", "audit.key_added")[0])) == 1
    rows = table(run("export_audit", "--after-index", "17", "--case", "DSR-2026-000001")[0])
    assert [row["index"] for row in rows] == ["19"]


def test_a_puller_that_goes_on_from_its_last_index_misses_nothing_and_sees_nothing_twice(tell):
    """Each pull is an event itself, so each next one has something."""
    seen, last = [], None
    for _round in range(6):
        tell()
        arguments = [] if last is None else ["--after-index", str(last)]
        rows = [json.loads(line) for line in run("export_audit", "--format", "jsonl", *arguments)[0].splitlines()]
        last = rows[-1]["index"]
        seen += [row["index"] for row in rows]
    assert seen == list(range(len(seen)))
    assert len(seen) == 6 + 5 + KEY_EVENT


def test_one_day_is_exported_by_naming_it_twice(tell, turn_clock):
    for day in (1, 2, 3):
        turn_clock(datetime(2026, 11, day, 12, tzinfo=UTC))
        tell()
    out, err = run("export_audit", "--since", "2026-11-02", "--until", "2026-11-02")
    assert "1 event exported" in err
    assert "2026-11-02T12:00:00" in out


def test_what_cannot_be_sealed_follows_without_an_index_or_is_left_out(tell, settings):
    bulk_log(3)
    Path(settings.AUDIT_SIGNING_KEY).unlink()
    tell()
    out, err = run("export_audit")
    assert [row["index"] for row in table(out)] == ["0", "1", "2", "3", ""]
    assert "1 of them is not sealed yet." in err
    out, err = run("export_audit", "--no-tail")
    assert [row["index"] for row in table(out)] == ["0", "1", "2", "3"]
    assert "not sealed" not in err


def test_without_any_seal_there_are_rows_and_it_says_so(tell, settings, folder, tmp_path):
    (tmp_path / "file").write_text("")
    settings.AUDIT_SIGNING_KEY = tmp_path / "file" / "audit.pem"  # cannot be made
    tell()
    _out, err = run("export_audit", "--out", folder / "trail.csv")
    assert "Nothing of the trail is sealed yet" in err
    assert names(folder) == ["trail.csv"]
    assert [row["index"] for row in table((folder / "trail.csv").read_text())] == [""]


def test_a_byte_order_mark_is_for_csv_alone(tell):
    tell()
    assert run("export_audit", "--bom")[0].startswith("\ufeffindex,")
    with pytest.raises(CommandError, match="--bom is for CSV alone") as failure:
        run("export_audit", "--bom", "--format", "jsonl")
    assert failure.value.returncode == 2


# --- export_audit: files ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("format", ["csv", "jsonl"])
def test_beside_a_file_lies_what_proves_it(tell, folder, format):
    tell()
    file = folder / "trail"
    file.write_text("what was here before")
    assert run("export_audit", "--format", format, "--out", file)[0] == ""
    assert names(folder) == ["trail", "trail.checkpoint", "trail.leaves"]
    assert (folder / "trail.checkpoint").read_text() == seal.newest().note
    run("export_audit", "--case", "DSR-2026-000001", "--format", format, "--out", file)
    assert names(folder) == ["trail", "trail.checkpoint", "trail.leaves", "trail.proofs.json"]
    assert json.loads((folder / "trail.proofs.json").read_text())["size"] == seal.newest().size
    run("export_audit", "--out", file)
    assert "trail.proofs.json" not in names(folder)  # else the whole log would be taken for a part


def test_what_is_not_sealed_has_no_leaf_beside_it(tell, folder, settings):
    bulk_log(3)
    Path(settings.AUDIT_SIGNING_KEY).unlink()
    tell()
    run("export_audit", "--out", folder / "trail")
    assert len(table((folder / "trail").read_text())) == 5
    assert (folder / "trail.leaves").read_text().count("\n") == 4


def test_a_part_proves_the_sizes_that_were_asked_for(tell, folder):
    sizes = [bulk_log(5, cases=2) for _time in range(3)]
    kept = folder / "kept"
    kept.write_text(seal.at_size(sizes[0]).note)
    run("export_audit", "--case", "DSR-2026-000001", "--out", folder / "plain")
    asked = ["--consistent-with", kept, "--consistent-with", str(sizes[1])]
    run("export_audit", "--case", "DSR-2026-000001", *asked, "--out", folder / "asked")
    edges = []
    for name in ("plain", "asked"):
        found = json.loads((folder / f"{name}.proofs.json").read_text())["gaps"]
        rows = table((folder / name).read_text())
        edges.append({int(row["index"]) for row in rows} | {first for first, _width, _hash in found})
    assert set(sizes[:2]) <= edges[1]


@pytest.mark.parametrize("given", ["no-such-file", "-1", "9" * 30])
def test_a_size_that_is_none_is_wrong_usage(db, given, tmp_path):
    with pytest.raises(CommandError, match=r"cannot be read|neither a size nor a file|not a whole number"):
        run("export_audit", "--consistent-with", given)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\n5\n", b"name\nfive\nroot\n", b"one line"])
def test_a_file_that_is_no_checkpoint_is_wrong_usage(db, tmp_path, content):
    (tmp_path / "kept").write_bytes(content)
    with pytest.raises(CommandError, match="neither a size nor a file with a checkpoint"):
        run("export_audit", "--consistent-with", tmp_path / "kept")


def test_a_size_that_the_log_has_not_reached_is_refused(tell, folder):
    tell()
    with pytest.raises(CommandError, match=r"2 sealed events: it cannot continue one of 3\. Nothing was") as failure:
        run("export_audit", "--consistent-with", "3", "--out", folder / "trail")
    assert (failure.value.returncode, names(folder)) == (1, [])


@pytest.mark.parametrize("part", [[], ["--case", "DSR-2026-000001"]], ids=["whole", "case"])
@pytest.mark.parametrize("fails", ["rows", "record"])
def test_an_export_that_fails_leaves_the_old_files_and_no_event(tell, folder, monkeypatch, fails, part):
    tell()
    file = folder / "trail.csv"
    run("export_audit", *part, "--out", file)
    before = {path: path.read_bytes() for path in folder.iterdir()}
    events = Event.objects.filter(action="audit.exported").count()

    def full(*args, **kwargs):
        yield "half a"
        raise OSError(28, "No space left on device")

    def broken(*args, **kwargs):
        raise OSError(5, "Input/output error")

    if fails == "rows":
        monkeypatch.setattr(export, "csv_lines", full)
    else:
        monkeypatch.setattr(export, "record_export", broken)
    with pytest.raises(CommandError, match=r"(No space|Input/output).*Nothing was exported") as failure:
        run("export_audit", *part, "--out", file)
    assert failure.value.returncode == 1
    assert {path: path.read_bytes() for path in folder.iterdir()} == before
    assert Event.objects.filter(action="audit.exported").count() == events


def test_the_event_is_on_record_before_any_file_is_in_its_place(tell, folder, monkeypatch):
    tell()
    seen = []
    recorded = export.record_export
    monkeypatch.setattr(
        export,
        "record_export",
        lambda *args, **given: (seen.append([*folder.glob("[!.]*")]), recorded(*args, **given)),
    )
    run("export_audit", "--out", folder / "trail.csv")
    assert seen == [[]]
    assert names(folder) == ["trail.csv", "trail.csv.checkpoint", "trail.csv.leaves"]
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


def test_a_folder_that_is_not_there_is_one_clear_line(tmp_path):
    with pytest.raises(CommandError, match="cannot be written: No such file"):
        run("export_audit", "--out", tmp_path / "nowhere" / "audit.csv")


def test_a_name_that_cannot_even_be_looked_at_is_one_clear_line(tmp_path):
    """As in a folder that is somebody else's."""
    with pytest.raises(CommandError, match="cannot be written: File name too long"):
        run("export_audit", "--out", tmp_path / ("n" * 300))


@pytest.mark.parametrize("taken", ["trail", "trail.checkpoint", "trail.proofs.json", "trail.leaves"])
def test_a_folder_or_device_is_not_overwritten(folder, taken):
    (folder / taken).mkdir()
    with pytest.raises(CommandError, match=f"{re.escape(taken)} is not a file") as failure:
        run("export_audit", "--out", folder / "trail")
    assert failure.value.returncode == 2
    assert names(folder) == [taken]


# --- export_audit: usage ----------------------------------------------------------------------------------------------


def test_a_case_that_the_trail_does_not_know_is_no_empty_export(tell, folder):
    tell()
    with pytest.raises(CommandError, match=r"no event of the case DSR-2026-999999\. Nothing was exported") as failure:
        run("export_audit", "--case", "DSR-2026-999999", "--out", folder / "audit.csv")
    assert (failure.value.returncode, names(folder)) == (1, [])
    assert not Event.objects.filter(action="audit.exported").exists()


def test_an_action_that_nobody_knows_is_no_empty_export(tell):
    tell()
    with pytest.raises(CommandError, match=r"no action “case\.opnd” in the trail. Nothing was exported"):
        run("export_audit", "--action", "case.opnd")


def test_a_known_case_without_events_in_a_span_is_an_empty_export(tell):
    tell()
    assert "0 events exported" in run("export_audit", "--case", "DSR-2026-000001", "--until", "2001-01-01")[1]


@pytest.mark.parametrize("actor", ["user:jane_doe", "system:jane_doe", "user:4915112345678"])
@pytest.mark.django_db
def test_an_actor_that_the_trail_does_not_know_gets_no_export_and_no_event(actor):
    before = Event.objects.count()
    with pytest.raises(CommandError, match=f"The trail knows no “{actor}”. Nothing was exported."):
        run("export_audit", "--actor", actor)
    assert Event.objects.count() == before


def test_an_empty_span_is_wrong_usage():
    with pytest.raises(CommandError, match="--since must be before") as failure:
        run("export_audit", "--since", "2026-11-02", "--until", "2026-11-01")
    assert failure.value.returncode == 2


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--since", "2026-11-02T09:30:00"], "has no time zone"),
        (["--until", "soon"], "neither a date"),
        (["--case", "=1+1"], "not a case reference"),
        (["--case", ""], "not a case reference"),
        (["--actor", "anna@example.org"], "not an actor"),
        (["--after-index", "-1"], "not a whole number"),
        (["--after-index", "9" * 40], "not a whole number"),
        (["--after-index", "１"], "not a whole number"),
        (["--format", "xml"], "invalid choice"),
    ],
)
def test_wrong_usage_is_named(arguments, complaint):
    with pytest.raises(CommandError, match=complaint):
        run("export_audit", *arguments)


def test_a_reader_that_goes_away_is_no_error(monkeypatch):
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as gone:
        monkeypatch.setattr(sys, "stdout", gone)
        call_command("export_audit", stdout=gone, stderr=(err := io.StringIO()))
    assert err.getvalue() == ""


def test_progress_goes_by_the_place_in_the_log(tell, monkeypatch):
    bulk_log(39, cases=2)
    shown = []
    monkeypatch.setattr(Progress, "at", lambda self, rows, part: shown.append((rows, part)))
    run("export_audit", "--case", "DSR-2026-000001", "--after-index", "19", "--no-tail")
    assert shown == [(number, (2 * number - 1) / 20) for number in range(1, 10)]  # of the indexes from 20 to 39


# --- audit_key --------------------------------------------------------------------------------------------------------

VERIFIER_KEY = re.compile(r"erasure-desk/[0-9a-f]{16}\+[0-9a-f]{8}\+[A-Za-z0-9+/]{43}[A-Za-z0-9+/=]\n")


def test_the_key_is_printed_alone_and_made_if_need_be(settings):
    Path(settings.AUDIT_SIGNING_KEY).unlink()
    out, err = run("audit_key")
    assert VERIFIER_KEY.fullmatch(out)
    assert err == ""
    assert run("audit_key")[0] == out
    assert Path(settings.AUDIT_SIGNING_KEY).exists()
    bulk_log(1)
    assert seal.newest().note.startswith(out.partition("+")[0] + "\n")


def test_rotated_the_new_key_is_in_use_and_the_old_one_is_still_known():
    old = run("audit_key")[0]
    bulk_log(2)
    new, advice = run("audit_key", "--rotate")
    assert VERIFIER_KEY.fullmatch(new)
    assert new != old
    assert "Hand it out" in advice and "audit_key --all" in advice
    assert run("audit_key")[0] == new
    assert run("audit_key", "--all")[0] == old + new


def test_the_key_in_use_is_that_of_the_file_also_after_a_backup_was_put_back(settings):
    path = Path(settings.AUDIT_SIGNING_KEY)
    old = run("audit_key")[0]
    kept = path.read_bytes()
    run("audit_key", "--rotate")
    path.write_bytes(kept)
    assert run("audit_key")[0] == old


def test_a_host_without_the_key_file_prints_the_newest_on_record(settings):
    run("audit_key")
    new = run("audit_key", "--rotate")[0]
    Path(settings.AUDIT_SIGNING_KEY).unlink()
    assert run("audit_key")[0] == new


@pytest.mark.parametrize("option", [[], ["--all"], ["--rotate"]])
def test_where_no_key_can_be_had_there_is_one_line(settings, tmp_path, option):
    (tmp_path / "file").write_text("")
    settings.AUDIT_SIGNING_KEY = tmp_path / "file" / "audit.pem"
    with pytest.raises(CommandError, match=r"^AUDIT_SIGNING_KEY: [^\n]+ cannot be written: [^\n]+\.$") as failure:
        run("audit_key", *option)
    assert failure.value.returncode == 1
    assert not LogKey.objects.exists()


def test_a_key_file_that_is_none_is_one_line_without_its_content(settings):
    signing.ensure()
    Path(settings.AUDIT_SIGNING_KEY).write_text("let-me-in")
    with pytest.raises(CommandError, match="is not an Ed25519 private key") as failure:
        run("audit_key")
    assert "let-me-in" not in str(failure.value)


def test_all_and_rotate_do_not_go_together():
    with pytest.raises(CommandError, match="not allowed with"):
        run("audit_key", "--all", "--rotate")


# --- verify_audit -----------------------------------------------------------------------------------------------------


def test_the_command_checks_as_the_verifier_does(tell, folder):
    bulk_events(3)
    file, key = folder / "audit.csv", folder / "key"
    run("export_audit", "--out", file)
    key.write_text(run("audit_key")[0])
    out, _ = run("verify_audit", file, "--public-key", key)
    assert out.startswith("4 rows: ")
    assert "They are the whole log of 4 events" in out
    file.write_text(file.read_text().replace("user:2,", "user:1,", 1))
    with pytest.raises(CommandError, match=r"row 3 .*the cell actor says 'user:1'") as failure:
        run("verify_audit", file, "--public-key", key)
    assert failure.value.returncode == 1
    with pytest.raises(CommandError, match="cannot be read") as failure:
        run("verify_audit", folder / "nothing.csv")
    assert failure.value.returncode == 2
