import io
import os
import subprocess
import sys
from datetime import UTC, datetime

import pytest
from django.core.management import CommandError, call_command

from compliance.audit import verify
from compliance.audit.management.commands import export_audit
from compliance.audit.models import Event


def run(command: str, *arguments: str) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    call_command(command, *arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def test_the_export_goes_to_the_output_and_the_count_beside_it(tell):
    tell()
    out, err = run("export_audit")
    assert out.startswith("index,event_id,")
    assert out.count("\r\n") == 2
    assert "1 event exported." in err


def test_an_export_is_itself_an_event(tell):
    tell()
    run("export_audit", "--case", "DSR-2026-000001", "--format", "jsonl")
    told = Event.objects.get(action="audit.exported")
    assert (told.actor, told.case) == ("system:command", "DSR-2026-000001")
    assert told.details == {"format": "jsonl", "count": 1}


@pytest.mark.parametrize("format", ["csv", "jsonl"])
def test_a_file_is_written_whole_and_verifies(tell, tmp_path, format):
    tell()
    tell(subject="sub_task:1")
    file = tmp_path / "audit.out"
    file.write_text("what was here before")
    assert run("export_audit", "--format", format, "--out", str(file))[0] == ""
    assert list(tmp_path.iterdir()) == [file]
    out, _ = run("verify_audit", str(file))
    assert out.startswith("2 rows: each is intact in itself; 2 are not sealed yet, so a missing row cannot be noticed")


def test_an_export_that_fails_leaves_the_old_file_and_no_event(tell, tmp_path, monkeypatch):
    tell()

    def full(rows, stream):
        stream.write("half a")
        raise OSError(28, "No space left on device")

    monkeypatch.setitem(export_audit._WRITERS, "csv", full)
    file = tmp_path / "audit.csv"
    file.write_text("before")
    with pytest.raises(CommandError, match=r"No space left.*Nothing was exported") as failure:
        run("export_audit", "--out", str(file))
    assert failure.value.returncode == 1
    assert list(tmp_path.iterdir()) == [file]
    assert file.read_text() == "before"
    assert not Event.objects.filter(action="audit.exported").exists()


def test_a_case_that_the_trail_does_not_know_is_no_empty_export(tell, tmp_path):
    tell()
    file = tmp_path / "audit.csv"
    with pytest.raises(CommandError, match=r"no event of the case DSR-2026-999999\. Nothing was exported") as failure:
        run("export_audit", "--case", "DSR-2026-999999", "--out", str(file))
    assert failure.value.returncode == 1
    assert not file.exists()
    assert not Event.objects.filter(action="audit.exported").exists()


def test_a_known_case_without_events_in_a_span_is_an_empty_export(tell):
    tell()
    assert "0 events exported" in run("export_audit", "--case", "DSR-2026-000001", "--until", "2001-01-01")[1]


@pytest.mark.django_db
def test_a_folder_that_is_not_there_is_one_clear_line(tmp_path):
    with pytest.raises(CommandError, match="cannot be written: No such file"):
        run("export_audit", "--out", str(tmp_path / "nowhere" / "audit.csv"))


@pytest.mark.django_db
def test_a_folder_or_device_is_not_overwritten(tmp_path):
    with pytest.raises(CommandError, match="is not a file") as failure:
        run("export_audit", "--out", str(tmp_path))
    assert failure.value.returncode == 2


@pytest.mark.django_db
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
        (["--after-index", "-1"], "not a whole number"),
        (["--format", "xml"], "invalid choice"),
    ],
)
def test_wrong_usage_is_named(arguments, complaint):
    with pytest.raises(CommandError, match=complaint):
        run("export_audit", *arguments)


def test_one_day_is_exported_by_naming_it_twice(tell, turn_clock):
    for day in (1, 2, 3):
        turn_clock(datetime(2026, 11, day, 12, tzinfo=UTC))
        tell()
    out, err = run("export_audit", "--since", "2026-11-02", "--until", "2026-11-02")
    assert "1 event exported" in err
    assert "2026-11-02T12:00:00" in out


def test_asking_for_sealed_rows_says_that_there_are_none(tell):
    tell()
    out, err = run("export_audit", "--after-index", "0")
    assert out.count("\r\n") == 1
    assert "No event is sealed yet" in err


@pytest.mark.django_db
def test_a_reader_that_goes_away_is_no_error(tmp_path, monkeypatch):
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as gone:
        monkeypatch.setattr(sys, "stdout", gone)
        call_command("export_audit", stdout=gone, stderr=(err := io.StringIO()))
    assert err.getvalue() == ""


@pytest.mark.parametrize("option", ["--public-key", "--checkpoint"])
def test_a_key_or_checkpoint_is_refused_before_there_is_a_seal(tmp_path, option):
    with pytest.raises(CommandError, match="not sealed yet") as failure:
        run("verify_audit", str(tmp_path / "audit.csv"), option, "x")
    assert failure.value.returncode == 2


def test_the_command_names_a_bad_row_and_fails(tell, tmp_path):
    tell()
    file = tmp_path / "audit.csv"
    run("export_audit", "--out", str(file))
    file.write_text(file.read_text().replace("system:test,", "user:1,"))
    with pytest.raises(CommandError, match=r"row 1 .*the cell actor says 'user:1'") as failure:
        run("verify_audit", str(file))
    assert failure.value.returncode == 1


def alone(*arguments: object) -> subprocess.CompletedProcess[str]:
    """verify.py as an auditor runs it: isolated from the environment, the current folder and installed packages."""
    return subprocess.run(
        [sys.executable, "-I", "-S", verify.__file__, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_verifier_runs_with_bare_python(tell, tmp_path):
    tell()
    file = tmp_path / "audit.csv"
    run("export_audit", "--out", str(file))
    good = alone(file)
    assert (good.returncode, good.stderr) == (0, "")
    assert good.stdout.startswith("1 rows: each is intact")
    file.write_text(file.read_text().replace("rain", "snow"))
    bad = alone(file)
    assert (bad.returncode, bad.stdout) == (1, "")
    assert "row 1" in bad.stderr
    assert alone(tmp_path / "nothing.csv").returncode == 2
    assert alone().returncode == 2
    assert alone(file, "--checkpoint", "x").returncode == 2
