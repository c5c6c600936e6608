"""`manage.py import_cases`, as somebody at a terminal or a script meets it."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from compliance.audit.models import Event
from compliance.staff.models import User
from erasure import imports
from erasure.models import Case, Import
from erasure.states import CaseStatus
from tests.factories import opened_case, person

from .made import requests

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("shop")]

MIXED = requests(
    {"name": "Ada Lovelace", "external_id": "crm-1"},
    {"email": "no address", "name": "Bea Wright", "external_id": "crm-2"},
    {"email": "cyd@example.org", "name": "Cyd Moor", "external_id": "crm-3"},
)


@pytest.fixture
def run(tmp_path):
    """run(content, "--dry-run") gives the exit code, the lines, and what was said beside them."""

    def run(content: bytes, *options: str) -> tuple[int, list[str], str]:
        file = tmp_path / "cases.csv"
        file.write_bytes(content)
        out, err = StringIO(), StringIO()
        try:
            call_command("import_cases", str(file), *options, stdout=out, stderr=err)
        except CommandError as error:
            return error.returncode, out.getvalue().splitlines(), err.getvalue() + str(error)
        return 0, out.getvalue().splitlines(), err.getvalue()

    return run


def test_every_row_is_reported_with_what_came_of_it_and_nothing_personal(run):
    code, lines, said = run(MIXED)
    first, second = Case.objects.order_by("reference")
    assert code == 1
    assert lines == [
        f"row 2: opened: {first.reference}",
        "row 3: D3 email: It is not an e-mail address.",
        f"row 4: opened: {second.reference}",
    ]
    assert "2 opened, 0 already there, 1 wrong, 0 not reached." in said
    assert "Rows that were not opened: 1." in said
    for private in ("ada@", "Lovelace", "no address", "crm-"):
        assert private not in "\n".join([*lines, said])
    assert first.status == CaseStatus.DRAFT


def test_all_right_is_0_and_again_it_opens_nothing(run):
    content = requests({}, {"email": "bea@example.org"})
    assert run(content)[0] == 0
    references = sorted(Case.objects.values_list("reference", flat=True))
    code, lines, _said = run(content)
    assert code == 0
    assert lines == [f"row {number}: already there: {ref}" for number, ref in enumerate(references, start=2)]
    assert Case.objects.count() == 2
    assert run(content, "--again")[0] == 0
    assert Case.objects.count() == 4


def test_a_dry_run_changes_nothing_at_all(run):
    before = Event.objects.count()
    code, lines, said = run(MIXED, "--dry-run")
    assert code == 1
    assert lines == [
        "row 2: would be opened.",
        "row 3: D3 email: It is not an e-mail address.",
        "row 4: would be opened.",
    ]
    assert "Nothing was changed." in said
    assert (Case.objects.count(), Import.objects.count(), Event.objects.count()) == (0, 0, before)
    assert not User.objects.exists()


def test_a_dry_run_tells_what_is_there_already_and_who_may_be_the_same_person(run):
    olive = person("olive", "intake")
    case = opened_case(by=olive, external_id="crm-1")
    content = requests({"external_id": "crm-1"}, {"external_id": "crm-9"}, {"external_id": "crm-9"})
    code, lines, _said = run(content, "--dry-run", "--account", "olive")
    assert code == 0
    assert lines == [
        f"row 2: already there: {case.reference}",
        f"row 3: would be opened. Perhaps the same person as in {case.reference}.",
        "row 4: says the same as row 3 and would be skipped",
    ]


def test_without_a_name_a_service_account_opens_them_which_nobody_signs_in_with(run):
    run(MIXED)
    opener = Case.objects.first().opened_by
    assert (opener.username, opener.is_service, opener.is_superuser) == ("import", True, False)
    assert not opener.has_usable_password()


def test_a_named_account_opens_and_submits_them(run):
    olive = person("olive", "intake")
    assert run(requests({}), "--account", "olive", "--submit")[0] == 0
    case = Case.objects.get()
    assert (case.opened_by, case.status) == (olive, CaseStatus.AWAITING_APPROVAL)


@pytest.mark.parametrize(("name", "said"), [("nobody", "There is no account"), ("vera", "may not open cases")])
def test_an_account_that_is_missing_or_may_not_is_wrong_usage(run, name, said):
    person("vera", "auditor")
    code, _lines, told = run(MIXED, "--account", name)
    assert code == 2
    assert said in told
    assert not Case.objects.exists()


def test_a_person_who_is_called_import_is_not_taken_unless_named(run):
    person("import", is_superuser=True)
    code, _lines, told = run(MIXED)
    assert code == 2
    assert "Name one with --account." in told
    assert not Case.objects.exists()


def test_a_file_that_is_not_there_is_wrong_usage(tmp_path):
    with pytest.raises(CommandError) as refused:
        call_command("import_cases", str(tmp_path / "missing.csv"))
    assert refused.value.returncode == 2
    assert "cannot be read" in str(refused.value)


@pytest.mark.parametrize("options", [(), ("--dry-run",)])
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "The file is empty."),
        (b"x" * (imports.MOST_BYTES + 1), "The file is larger than 5 MiB."),
        (b"Ada,Lovelace\n", "The first row must name the columns"),
        (requests({"Lovelace": "x"}), "Columns that are not known: E."),
    ],
)
def test_a_file_that_is_not_fit_is_refused_whole(run, content, said, options):
    code, lines, told = run(content, *options)
    assert (code, lines) == (1, [])
    assert said in told
    assert "Lovelace" not in told
    assert not Import.objects.exists()


def test_unknown_columns_are_left_out_and_days_are_read_as_told(run):
    content = requests({"emial": "x", "received_at": "02/11/2025"})
    assert run(content, "--leave-out-unknown")[0] == 1
    assert run(content, "--leave-out-unknown", "--days", "day-first")[0] == 0
    assert Case.objects.get().received_on.isoformat() == "2025-11-02"


@pytest.mark.parametrize("options", [(), ("--dry-run",)])
def test_the_wrong_rows_are_written_to_be_mended_and_nothing_is_kept(run, tmp_path, options):
    out = tmp_path / "wrong.csv"
    run(MIXED, "--to-mend", str(out), *options)
    lines = out.read_text("utf-8-sig").splitlines()
    assert len(lines) == 2
    assert lines[1].endswith("email: It is not an e-mail address.")
    assert (
        not Import.objects.exclude(data_key__destroyed_at=None, content_sealed=None)
        .filter(data_key__destroyed_at=None)
        .exists()
    )


def test_interrupted_it_says_so_and_the_next_run_goes_on(run, monkeypatch):
    content = requests({}, {"email": "bea@example.org"}, {"email": "cyd@example.org"})
    real, opened = imports.carrying.intake.open_case, []

    def open_two(opening, *, by):
        if len(opened) == 2:
            raise KeyboardInterrupt
        opened.append(opening)
        return real(opening, by=by)

    with monkeypatch.context() as patched:
        patched.setattr(imports.carrying.intake, "open_case", open_two)
        code, lines, said = run(content)
    assert code == 1
    assert len(lines) == 2
    assert "1 not reached" in said
    code, lines, _said = run(content)
    assert code == 0
    assert [line.split(":")[1] for line in lines] == [" already there", " already there", " opened"]
