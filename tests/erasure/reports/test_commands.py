"""`export_pack` and `export_register`, as somebody at a terminal meets them."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from compliance.audit.models import Event
from erasure.models import Case
from tests.factories import approved_case, opened_case, vendor

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def vendors() -> None:
    vendor()


def run(*words: Any) -> tuple[str, str]:
    """What a command prints, and what it tells on the side."""
    out, told = io.StringIO(), io.StringIO()
    call_command(*map(str, words), stdout=out, stderr=told)
    return out.getvalue(), told.getvalue()


# --- export_pack ------------------------------------------------------------------------------------------------------


def test_a_pack_is_written_to_a_file(tmp_path: Path) -> None:
    case = approved_case()
    printed, told = run("export_pack", case.reference, "--out", tmp_path / "pack.zip")
    assert (printed, told) == ("", f"The pack of {case.reference} is in {tmp_path / 'pack.zip'}.\n")
    with zipfile.ZipFile(tmp_path / "pack.zip") as archive:
        assert "case.pdf" in archive.namelist()
    event = Event.objects.get(action="audit.exported")
    assert (event.actor, event.subject) == ("system:command", f"case:{case.reference}")
    assert [path.name for path in tmp_path.iterdir()] == ["pack.zip"]


@pytest.mark.parametrize("reference", ["DSR-2026-999999", "ada@example.org", "ä\x1b[31m"])
def test_an_unknown_case_is_refused_and_leaves_nothing(tmp_path: Path, reference: str) -> None:
    with pytest.raises(CommandError, match="There is no case") as refusal:
        run("export_pack", reference, "--out", tmp_path / "pack.zip")
    assert "\x1b" not in str(refusal.value)
    assert not list(tmp_path.iterdir())


def test_a_file_that_cannot_be_written_leaves_no_event(tmp_path: Path) -> None:
    case = approved_case()
    with pytest.raises(CommandError, match="cannot be written: No such file or directory"):
        run("export_pack", case.reference, "--out", tmp_path / "nowhere" / "pack.zip")
    with pytest.raises(CommandError, match="is not a file") as refusal:
        run("export_pack", case.reference, "--out", tmp_path)
    assert refusal.value.returncode == 2
    assert not Event.objects.filter(action="audit.exported").exists()


def test_a_refused_pack_leaves_the_old_file_as_it_is(tmp_path: Path, settings: Any) -> None:
    case = approved_case()
    (tmp_path / "pack.zip").write_text("the old one")
    settings.AUDIT_SIGNING_KEY = tmp_path / "a-folder" / "key.pem"
    (tmp_path / "a-folder").write_text("")
    with pytest.raises(CommandError, match="could not be sealed"):
        run("export_pack", case.reference, "--out", tmp_path / "pack.zip")
    assert (tmp_path / "pack.zip").read_text() == "the old one"


# --- export_register --------------------------------------------------------------------------------------------------


def test_the_register_goes_to_the_output_and_its_count_beside_it() -> None:
    _other, *references = [opened_case(regime=regime).reference for regime in ("gdpr", "ccpa", "ccpa")]
    printed, told = run("export_register", "--regime", "ccpa")
    assert [line.split(",")[0] for line in printed.splitlines()] == ["reference", *references]
    assert told == "2 cases exported.\n"
    event = Event.objects.get(action="register.exported")
    assert event.details == {"format": "csv", "count": 2, "regime": "ccpa"}


def test_the_register_goes_to_a_file_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened_case()
    run("export_register", "--bom", "--out", tmp_path / "register.csv")
    assert (tmp_path / "register.csv").read_bytes().startswith(b"\xef\xbb\xbfreference,kind,")

    def broken(*_: Any) -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("erasure.reports.register.jsonl_lines", broken)
    with pytest.raises(CommandError, match="No space left on device"):
        run("export_register", "--format", "jsonl", "--out", tmp_path / "register.jsonl")
    assert [path.name for path in tmp_path.iterdir()] == ["register.csv"]


def test_its_figures_are_printed_by_law_and_request_type() -> None:
    opened_case(regime="ccpa")
    opened_case(regime="ccpa", kind="export")
    printed, told = run("export_register", "--summary")
    assert [line.split()[:3] for line in printed.splitlines()[1:]] == [
        ["ccpa", "erasure", "1"],
        ["ccpa", "export", "1"],
    ]
    assert told == "2 cases counted.\n"
    assert Event.objects.get(action="register.exported").details["format"] == "summary"


def test_its_figures_are_also_given_as_json_lines() -> None:
    opened_case(regime="ccpa")
    opened_case(regime="gdpr")
    printed, _told = run("export_register", "--summary", "--format", "jsonl")
    assert [(each["regime"], each["received"]) for each in map(json.loads, printed.splitlines())] == [
        ("ccpa", 1),
        ("gdpr", 1),
    ]


def test_days_select_by_the_day_of_receipt() -> None:
    case = opened_case()
    Case.objects.update(received_on="2026-03-05")
    for words, found in ((["--since", "2026-03-05", "--until", "2026-03-05"], 1), (["--until", "2026-03-04"], 0)):
        printed, _told = run("export_register", *words)
        assert printed.count(case.reference) == found


@pytest.mark.parametrize(
    "words",
    [
        ["--since", "2026-03-05", "--until", "2026-03-04"],
        ["--since", "yesterday"],
        ["--regime", "roman"],
        ["--bom", "--format", "jsonl"],
        ["--bom", "--summary"],
        ["--summary", "--format", "csv"],
    ],
)
def test_wrong_usage_is_refused_and_leaves_no_event(words: list[str]) -> None:
    with pytest.raises(CommandError):
        run("export_register", *words)
    assert not Event.objects.filter(action="register.exported").exists()
