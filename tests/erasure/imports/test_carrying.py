"""From upload to the end: what is opened, what is written down, what is destroyed. Nothing is opened twice."""

import csv
import io
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db import DataError, IntegrityError, InterfaceError, OperationalError, ProgrammingError

from compliance import clock
from compliance.audit.models import Event
from compliance.staff.models import User
from compliance.vault.models import DataKey
from compliance.vault.seal import Unreadable
from erasure import imports, intake
from erasure.errors import Conflict
from erasure.imports import carrying
from erasure.models import Case, Import, ImportRow, Vendor
from erasure.states import CaseStatus, ImportStatus, RowOutcome
from erasure.worker import sweep
from tests.factories import opened_case, person

from .made import HEADER, ROW, csv_bytes, requests

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("shop")]


@pytest.fixture
def olive():
    return person("olive", "intake")


def uploaded(content: bytes, by, **how) -> Import:
    return imports.upload(content, by=by, day_first=how.get("day_first"))


def running(content: bytes, by, *, submits: bool = False, again: bool = False) -> Import:
    kept = uploaded(content, by)
    imports.accept(kept, submits=submits, again=again)
    return kept


def done(content: bytes, by, **how) -> Import:
    kept = running(content, by, **how)
    assert imports.carry_on(kept.pk)
    kept.refresh_from_db()
    return kept


def people(*names: str, **more: str) -> bytes:
    return requests(*({"email": f"{name}@example.org", **more} for name in names))


def results(kept: Import) -> list[tuple[int, str, str]]:
    rows = kept.results.select_related("case")
    return [(row.number, row.outcome, row.case.reference if row.case else "") for row in rows]


def events(kept: Import) -> list[tuple[str, dict]]:
    found = Event.objects.filter(subject=f"import:{kept.pk}").order_by("pk")
    return [(event.action, event.details) for event in found]


def rows_of(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))


MIXED = requests({}, {"email": "no address"}, {"email": "bea@example.org"}, {})


def test_an_upload_opens_nothing_and_lies_sealed(olive):
    kept = uploaded(MIXED, olive)
    assert not Case.objects.exists()
    assert kept.content() == MIXED
    assert b"ada@example.org" not in bytes(Import.objects.get().content_sealed)
    assert [action for action, _details in events(kept)] == ["import.uploaded"]


def test_right_rows_are_opened_as_drafts_of_whoever_uploaded_them_and_each_row_has_a_result(olive):
    kept = done(MIXED, olive)
    first, second = Case.objects.order_by("reference")
    assert results(kept) == [
        (2, "opened", first.reference),
        (3, "wrong", ""),
        (4, "opened", second.reference),
        (5, "skipped", ""),
    ]
    assert {(case.opened_by, case.status) for case in (first, second)} == {(olive, CaseStatus.DRAFT)}
    assert (kept.status, kept.opened, kept.wrong, kept.skipped) == (ImportStatus.ENDED, 2, 1, 1)
    assert kept.results.get(number=3).problems == [["D", "email", "It is not an e-mail address."]]
    assert kept.results.get(number=5).problems == [["", "", "Row 2 says the same."]]


def test_what_began_and_ended_is_in_the_trail_with_counts_and_the_files_hash_alone(olive):
    kept = done(MIXED, olive, submits=True)
    assert [action for action, _details in events(kept)] == ["import.uploaded", "import.started", "import.ended"]
    (_uploaded, (_started, start), (_ended, end)) = events(kept)
    assert start == {"rows": 4, "sha256": kept.sha256, "submits": True}
    assert end == {"opened": 2, "skipped": 1, "wrong": 1, "left": 0}
    assert Event.objects.filter(action="case.opened").count() == 2


def test_with_the_tick_each_case_is_submitted(olive):
    done(people("ada", "bea"), olive, submits=True)
    assert set(Case.objects.values_list("status", flat=True)) == {CaseStatus.AWAITING_APPROVAL}


def test_a_row_that_cannot_be_submitted_is_not_opened_either(olive):
    kept = running(people("ada"), olive, submits=True)
    Vendor.objects.update(enabled=False)
    imports.carry_on(kept.pk)
    assert not Case.objects.exists()
    (row,) = kept.results.all()
    assert row.problems == [["", "", "There is no enabled vendor, so there is nothing to approve."]]


def test_when_all_is_opened_the_upload_cannot_be_read_again(olive):
    kept = running(people("ada"), olive)
    key = kept.data_key_id
    imports.carry_on(kept.pk)
    kept.refresh_from_db()
    assert kept.content() == b""
    assert DataKey.objects.get(pk=key).destroyed_at


def test_only_the_rows_to_be_mended_stay_under_another_key_and_can_be_imported_once_mended(olive):
    kept = running(MIXED, olive)
    upload = kept.data_key
    imports.carry_on(kept.pk)
    kept.refresh_from_db()
    upload.refresh_from_db()
    assert upload.destroyed_at
    assert kept.data_key != upload
    header, row = rows_of(kept.content())
    assert header == [*HEADER, "problem"]
    assert row == [*ROW[:3], "no address", "email: It is not an e-mail address."]
    again = done(kept.content().replace(b"no address", b"dora@example.org"), olive)
    assert (again.opened, again.wrong) == (1, 0)


def test_rows_to_be_mended_keep_what_a_spreadsheet_could_run_harmless(olive):
    content = requests({"email": "no address", "note": "=1+1", "external_id": "'=x"})
    kept = done(content, olive)
    assert rows_of(kept.content())[1][4:6] == ["'=1+1", "'=x"]
    mended = done(kept.content().replace(b"no address", b"ada@example.org"), olive)
    assert mended.opened == 1
    assert Case.objects.get().unseal("external_id") == "=x"


def test_so_do_the_titles_of_their_columns(olive):
    kept = uploaded(requests({"email": "no address", "=HYPERLINK(1)": "x"}), olive)
    imports.accept(kept, submits=False, leave_out=True)
    imports.carry_on(kept.pk)
    kept.refresh_from_db()
    assert rows_of(kept.content())[0] == [*HEADER, "'=HYPERLINK(1)", "problem"]


def test_the_same_file_again_opens_nothing(olive):
    content = people("ada", "bea")
    first, second = done(content, olive), done(content, olive)
    assert (first.opened, second.opened, second.skipped) == (2, 0, 2)
    assert [row[2] for row in results(second)] == [row[2] for row in results(first)]
    assert done(content, olive, again=True).opened == 2
    assert done(content, olive).opened == 0


def test_an_external_id_is_opened_once_whatever_else_the_row_says(olive):
    case = opened_case(by=olive, external_id="crm-1")
    kept = done(people("zoe", external_id="crm-1"), olive)
    assert results(kept) == [(2, "skipped", case.reference)]


def test_cut_off_between_two_rows_it_goes_on_behind_the_last_one(olive):
    kept = running(people("ada", "bea", "cyd"), olive)
    turns = iter([True, True, False])
    assert not imports.carry_on(kept.pk, goes_on=lambda: next(turns))
    assert [row[0] for row in results(kept)] == [2, 3]
    assert imports.carry_on(kept.pk)
    assert [row[:2] for row in results(kept)] == [(2, "opened"), (3, "opened"), (4, "opened")]
    assert Case.objects.count() == 3


def test_cut_off_within_a_row_nothing_of_the_row_stays_and_it_is_opened_later(olive, monkeypatch):
    kept = running(people("ada", "bea"), olive)
    with monkeypatch.context() as patched:
        patched.setattr(ImportRow.objects, "create", lambda **fields: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            imports.carry_on(kept.pk)
    assert not Case.objects.exists()
    assert imports.carry_on(kept.pk)
    assert Case.objects.count() == 2
    assert sorted(Case.objects.values_list("reference", flat=True))[-1].endswith("000002"), "no reference is lost"


def test_two_at_the_same_import_open_no_row_twice(olive):
    kept = running(people("ada", "bea", "cyd"), olive)
    turns = iter([True])

    def other_is_faster() -> bool:
        if next(turns, False):
            imports.carry_on(kept.pk)
        return True

    assert imports.carry_on(kept.pk, goes_on=other_is_faster)
    assert Case.objects.count() == 3
    assert [action for action, _details in events(kept)].count("import.ended") == 1


def test_two_imports_of_the_same_rows_at_once_open_each_once(olive):
    first, second = running(people("ada", "bea"), olive), running(people("ada", "bea"), olive)
    turns = iter([True])

    def other_is_faster() -> bool:
        if next(turns, False):
            imports.carry_on(second.pk)
        return True

    imports.carry_on(first.pk, goes_on=other_is_faster)
    assert Case.objects.count() == 2
    assert [row[1:] for row in results(first)] == [("skipped", row[2]) for row in results(second)]


def test_an_error_of_ours_in_one_row_holds_up_no_other_and_tells_nothing(olive, monkeypatch, caplog):
    kept = running(people("ada", "bea"), olive)
    real = intake.open_case

    def broken(opening, *, by):
        if opening.identifiers[0][1].startswith("ada"):
            raise RuntimeError(opening.identifiers[0][1])
        return real(opening, by=by)

    monkeypatch.setattr(intake, "open_case", broken)
    imports.carry_on(kept.pk)
    assert [row[1] for row in results(kept)] == ["wrong", "opened"]
    assert "RuntimeError" in caplog.text
    assert "ada@" not in caplog.text


@pytest.mark.parametrize("error", [IntegrityError, DataError, ProgrammingError])
def test_what_the_database_refuses_for_another_reason_holds_up_no_other_row(error, olive, monkeypatch):
    open_case = intake.open_case

    def refused(opening, *, by):
        if dict(opening.identifiers)["email"] == "b@example.org":
            open_case(opening, by=by)
            raise error("not because of a repeated row")
        return open_case(opening, by=by)

    monkeypatch.setattr(intake, "open_case", refused)
    kept = done(people("a", "b", "c"), olive)
    assert [outcome for _number, outcome, _case in results(kept)] == ["opened", "wrong", "opened"]
    assert kept.status == ImportStatus.ENDED
    (told,) = kept.results.get(outcome=RowOutcome.WRONG).problems
    assert told[2] == "An error in Erasure Desk: no case was opened for this row. Open it by hand."
    assert Case.objects.count() == 2


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
def test_a_row_for_which_the_database_was_away_comes_again(error, olive, monkeypatch):
    def away(opening, *, by):
        raise error("away")

    kept = running(people("a"), olive)
    with monkeypatch.context() as patch, pytest.raises(error):
        patch.setattr(intake, "open_case", away)
        imports.carry_on(kept.pk)
    assert results(kept) == []
    imports.carry_on(kept.pk)
    assert [row[1] for row in results(kept)] == ["opened"]


def test_what_has_become_wrong_since_the_preview_is_told_at_its_column(olive):
    kept = uploaded(people("ada", vendors="shop-search"), olive)
    assert imports.judgement(kept).rows[0].outcome == RowOutcome.OPENED
    imports.accept(kept, submits=False)
    Vendor.objects.update(enabled=False)
    imports.carry_on(kept.pk)
    assert kept.results.get().problems == [["E", "vendors", "This vendor account is disabled."]]


def test_unknown_columns_are_left_out_only_if_somebody_says_so(olive):
    kept = uploaded(people("ada", emial="x"), olive)
    with pytest.raises(imports.NotATable, match="Some columns are not known"):
        imports.accept(kept, submits=False)
    imports.accept(kept, submits=False, leave_out=True)
    imports.carry_on(kept.pk)
    assert Case.objects.count() == 1


def test_a_file_is_accepted_once(olive):
    kept = running(people("ada"), olive)
    with pytest.raises(Conflict, match="accepted or discarded before"):
        imports.accept(kept, submits=False)
    imports.carry_on(kept.pk)
    with pytest.raises((Conflict, imports.NotATable)):
        imports.accept(kept, submits=False)
    assert Case.objects.count() == 1


def test_discarded_it_is_destroyed_and_opens_nothing(olive):
    kept = uploaded(MIXED, olive)
    imports.discard(kept, actor=f"user:{olive.pk}")
    assert (kept.status, kept.content()) == (ImportStatus.DISCARDED, b"")
    assert kept.data_key.destroyed_at
    with pytest.raises((Conflict, imports.NotATable)):
        imports.accept(kept, submits=False)
    assert events(kept)[-1] == ("import.discarded", {})


def test_a_running_one_is_stopped_before_it_is_destroyed_and_keeps_what_it_did_not_reach(olive):
    kept = running(people("ada", "bea"), olive)
    turns = iter([True, False])
    imports.carry_on(kept.pk, goes_on=lambda: next(turns))
    with pytest.raises(Conflict, match="Stop it first"):
        imports.discard(kept, actor=f"user:{olive.pk}")
    imports.finish(kept, stopped=True, by=person("root", is_superuser=True))
    assert (kept.status, kept.stopped, kept.opened) == (ImportStatus.ENDED, True, 1)
    assert [row[3:] for row in rows_of(kept.content())[1:]] == [
        ["bea@example.org", "Not opened: the import was stopped."]
    ]
    assert events(kept)[-1][1]["left"] == 1
    assert imports.carry_on(kept.pk)
    assert Case.objects.count() == 1


@pytest.mark.parametrize("lost", ["role", "is_staff", "is_active"])
def test_whoever_may_no_longer_open_cases_opens_none(olive, lost):
    kept = running(people("ada"), olive)
    if lost == "role":
        olive.groups.clear()
    else:
        User.objects.filter(pk=olive.pk).update(**{lost: False})
    assert imports.carry_on(kept.pk)
    kept.refresh_from_db()
    assert (kept.status, kept.stopped) == (ImportStatus.ENDED, True)
    assert not Case.objects.exists()


def test_without_the_key_it_stops_and_says_so_to_nobody_but_the_log(olive, monkeypatch):
    kept = running(people("ada"), olive)
    monkeypatch.setattr(Import, "content", lambda self: (_ for _ in ()).throw(Unreadable("no key")))
    assert imports.carry_on(kept.pk)
    kept.refresh_from_db()
    assert kept.stopped


@pytest.mark.parametrize("ended", [False, True])
def test_after_a_day_nothing_of_a_file_is_left(olive, turn_clock, ended):
    kept = done(MIXED, olive) if ended else uploaded(MIXED, olive)
    turn_clock(timedelta(hours=23))
    imports.expire(clock.now())
    kept.refresh_from_db()
    assert kept.content()
    turn_clock(timedelta(hours=2))
    imports.expire(clock.now())
    kept = Import.objects.get()
    assert kept.content() == b""
    assert kept.data_key.destroyed_at
    assert kept.status == (ImportStatus.ENDED if ended else ImportStatus.DISCARDED)


def test_the_sweep_wakes_an_import_that_nobody_is_at_and_forgets_old_files(olive, turn_clock, monkeypatch):
    turn_clock(timedelta(0))  # no half a minute passes before the first look
    kept, old = running(people("ada"), olive), uploaded(people("bea"), olive)
    woken = []
    monkeypatch.setattr(carrying, "wake", woken.append)
    sweep.imports.wake_still(clock.now())
    assert woken == []
    turn_clock(timedelta(days=2))
    cache.delete("sweep:slow")
    sweep.tick()
    assert woken == [kept.pk]
    old.refresh_from_db()
    kept.refresh_from_db()
    assert old.status == ImportStatus.DISCARDED
    assert kept.content(), "what runs is not destroyed"


def test_rows_have_an_ascending_number_and_the_file_its_bounds(olive):
    kept = done(csv_bytes(HEADER, ROW, [], (*ROW[:3], "bea@example.org")), olive)
    assert [row[0] for row in results(kept)] == [2, 4]
    with pytest.raises(imports.NotATable, match="The file has a header and no rows"):
        uploaded(csv_bytes(HEADER), olive)
