"""The pages of an import: who may open them, what they tell, and that a forged post does no more than a button."""

import codecs
import re
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse, reverse_lazy
from django_q.models import OrmQ

from compliance import clock
from erasure import imports, lifecycle
from erasure.models import Case, Import
from erasure.states import CaseStatus, ImportStatus, RowOutcome
from tests.erasure.imports.made import csv_bytes, requests
from tests.factories import opened_case, person

from .conftest import superuser, told

MIXED = requests(
    {"name": "Ada Lovelace", "external_id": "crm-1"},
    {"email": "no address", "name": "Bea Wright", "external_id": "crm-2"},
    {"email": "cyd@example.org", "name": "Cyd Moor", "external_id": "crm-3"},
)


NEXT = "What comes next:"
LIST = reverse_lazy("admin:erasure_case_changelist")


def send(client, content: bytes, name: str = "requests.csv", **given: str):
    return client.post(reverse("admin:erasure_case_import"), {"file": SimpleUploadedFile(name, content), **given})


def uploaded(client, content: bytes = MIXED, **given: str) -> Import:
    answer = send(client, content, **given)
    kept = Import.objects.latest("created_at")
    assert answer.url == reverse("admin:erasure_case_import_page", args=[kept.pk])
    return kept


def page(client, kept: Import, query: str = "") -> str:
    answer = client.get(reverse("admin:erasure_case_import_page", args=[kept.pk]) + query)
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", answer.content.decode())


def act(client, kept: Import, deed: str, **given: str):
    return client.post(reverse("admin:erasure_case_import_act", args=[kept.pk, deed]), given)


@pytest.fixture
def olive(signed_in):
    return signed_in("olive", "intake")


def test_the_preview_tells_counts_and_each_problem_at_its_cell_and_shows_nobody(olive):
    opened_case(identifiers=[("email", "cyd@example.org")])
    shown = page(olive, uploaded(olive))
    assert "Read as UTF-8, separated by comma." in shown
    assert "<strong>2</strong> rows are right" in shown
    assert "<strong>1</strong> row is wrong" in shown
    assert re.search(r"D3</th><td>3</td><td>email</td><td>It is not an e-mail address.", shown)
    assert "Perhaps the same person as in DSR-" in shown
    assert "a•••@e•••.org" in shown
    for private in ("Lovelace", "cyd@example.org", "no address", "crm-1", "requests.csv"):
        assert private not in shown
    assert Case.objects.count() == 1


def test_accepted_the_right_rows_are_cases_and_the_page_says_so_whenever_it_is_opened(olive):
    kept = uploaded(olive)
    act(olive, kept, "accept")
    assert [case.status for case in Case.objects.all()] == [CaseStatus.DRAFT, CaseStatus.DRAFT]
    assert "3 of 3 rows: 2 opened, 0 already there, 1 to be mended." in page(olive, kept)
    assert "D3</strong> <code>email</code>: It is not an e-mail address." in page(olive, kept)
    shown = page(olive, kept, "?show=opened")
    assert all(case.reference in shown for case in Case.objects.all())


def test_the_rows_to_be_mended_are_a_file_before_and_after_for_as_long_as_they_are_kept(olive):
    kept = uploaded(olive)
    before = act(olive, kept, "mend")
    act(olive, kept, "accept")
    after = act(olive, kept, "mend")
    for answer in (before, after):
        assert answer["Content-Disposition"] == 'attachment; filename="to-mend.csv"'
        assert "no-store" in answer["Cache-Control"]
        lines = answer.content.decode("utf-8-sig").splitlines()
        assert len(lines) == 2
        assert lines[1].endswith(",email: It is not an e-mail address.")
    act(olive, kept, "discard")
    assert told(act(olive, kept, "mend"))[-1] == "These rows are not kept any more. Take them from your own file."
    assert Case.objects.count() == 2


def test_the_rows_to_be_mended_open_in_a_spreadsheet_and_are_taken_back_with_their_mark(olive):
    kept = uploaded(olive, requests({"email": "no address", "name": "Jürgen Weiß"}))
    content = act(olive, kept, "mend").content
    assert content.startswith(codecs.BOM_UTF8)
    assert "Jürgen Weiß" in content.decode()
    mended = uploaded(olive, content.replace(b"no address", b"juergen@example.org"))
    assert "Read as UTF-8 with a byte order mark" in page(olive, mended)
    act(olive, mended, "accept")
    assert Case.objects.get().unseal("requester")["name"] == "Jürgen Weiß"


def test_more_rows_than_a_page_opens_are_left_to_a_worker_and_the_page_tells_how_far_it_is(
    olive, django_capture_on_commit_callbacks
):
    kept = uploaded(olive, requests(*({"email": f"p{number}@example.org"} for number in range(imports.AT_ONCE + 1))))
    with django_capture_on_commit_callbacks(execute=True):
        act(olive, kept, "accept")
    assert [message.task["func"] for message in OrmQ.objects.all()] == ["erasure.worker.imports.run"]
    assert not Case.objects.exists()
    assert "<progress" in page(olive, kept)
    assert 'http-equiv="refresh"' in page(olive, kept), "without JavaScript it loads itself again"
    turns = iter([True] * 3)
    imports.carry_on(kept.pk, goes_on=lambda: next(turns, False))
    progress = olive.get(reverse("admin:erasure_case_import_progress", args=[kept.pk])).json()
    assert progress["done"] == 3
    assert progress["running"]
    act(olive, kept, "stop")
    shown = page(olive, kept)
    assert "The import was stopped" in shown
    assert "98 rows were not reached" in shown


def test_with_the_tick_cases_are_submitted_and_the_tick_takes_its_permission(olive, signed_in):
    kept = uploaded(olive)
    act(olive, kept, "accept", submits="on")
    assert {case.status for case in Case.objects.all()} == {CaseStatus.AWAITING_APPROVAL}

    person("otto", "intake").user_permissions.clear()
    otto = signed_in("otto")
    group = person("otto").groups.get()
    group.permissions.remove(group.permissions.get(codename="submit_case"))
    mine = uploaded(otto, requests({"email": "zoe@example.org"}))
    assert 'name="submits"' not in page(otto, mine)
    assert act(otto, mine, "accept", submits="on").status_code == 403
    assert Case.objects.count() == 2


def test_once_it_has_ended_its_page_leads_to_what_comes_next_for_as_long_as_that_is_so(olive):
    opened_case(identifiers=[("email", "not.of.this.file@example.org")])
    kept = uploaded(olive)
    assert NEXT not in page(olive, kept)
    act(olive, kept, "accept")
    drafts = f'{NEXT} <a href="{LIST}?queue=drafts">2 drafts wait to be submitted</a>.'
    assert drafts in page(olive, kept)

    first, second = (row.case for row in kept.results.filter(outcome=RowOutcome.OPENED))
    lifecycle.submit(first, by=kept.owner)
    shown = page(olive, kept)
    assert f'{NEXT} <a href="{LIST}?queue=drafts">1 draft waits to be submitted</a>.' in shown
    assert f'{NEXT} <a href="{LIST}?queue=approval">1 case awaits approval by another person</a>.' in shown
    lifecycle.submit(second, by=kept.owner)
    shown = page(olive, kept)
    assert "2 cases await approval by another person" in shown
    assert "to be submitted" not in shown

    Case.objects.filter(pk__in=(first.pk, second.pk)).update(cancelled_at=clock.now())
    assert NEXT not in page(olive, kept)


def test_who_may_not_see_the_list_of_cases_is_not_led_there(olive):
    kept = uploaded(olive)
    act(olive, kept, "accept")
    group = person("olive").groups.get()
    group.permissions.remove(*group.permissions.filter(codename__in=("view_case", "change_case")))
    assert olive.get(LIST).status_code == 403
    shown = page(olive, kept)
    assert "The import has ended" in shown
    assert NEXT not in shown


@pytest.mark.parametrize("role", ["approver", "auditor", "vendor manager"])
def test_who_may_not_open_cases_gets_no_page_and_no_post(role, olive, signed_in):
    kept = uploaded(olive)
    eve = signed_in("eve", role)
    assert send(eve, MIXED).status_code == 403
    for name in ("import", "import_columns"):
        assert eve.get(reverse(f"admin:erasure_case_{name}")).status_code == 403
    assert eve.get(reverse("admin:erasure_case_import_template", args=["comma"])).status_code == 403
    assert eve.get(reverse("admin:erasure_case_import_page", args=[kept.pk])).status_code == 404
    for deed in ("accept", "mend", "discard", "stop"):
        assert act(eve, kept, deed).status_code == 404
    assert not Case.objects.exists()
    assert Import.objects.get().content()


def test_an_import_is_its_owners_and_another_of_the_same_role_does_not_find_it(olive, signed_in):
    kept = uploaded(olive)
    otto = signed_in("otto", "intake")
    assert otto.get(reverse("admin:erasure_case_import_page", args=[kept.pk])).status_code == 404
    assert otto.get(reverse("admin:erasure_case_import_progress", args=[kept.pk])).status_code == 404
    for deed in ("accept", "mend", "discard", "stop"):
        assert act(otto, kept, deed).status_code == 404
    assert str(kept.pk) not in otto.get(reverse("admin:erasure_case_import")).content.decode()
    assert str(kept.pk) in olive.get(reverse("admin:erasure_case_import")).content.decode()
    assert kept.status == ImportStatus.CHECKED


@pytest.mark.parametrize("who", ["administrator", "superuser"])
def test_an_administrator_looks_and_discards_but_neither_opens_nor_downloads(who, olive, signed_in):
    kept = uploaded(olive)
    admin = signed_in("root", "administrator") if who == "administrator" else signed_in("root", is_superuser=True)
    shown = page(admin, kept)
    assert "Uploaded by olive" in shown
    assert 'name="submits"' not in shown
    assert act(admin, kept, "accept").status_code == 403
    assert act(admin, kept, "mend").status_code == 403
    act(admin, kept, "discard")
    kept.refresh_from_db()
    assert kept.status == ImportStatus.DISCARDED
    assert not Case.objects.exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "The submitted file is empty."),
        (b"x" * (imports.MOST_BYTES + 1), "The file is larger than 5 MiB."),
        (b"Ada;Lovelace\n", "The first row must name the columns"),
        (csv_bytes(["kind", "regime", "email"], ["erasure", "gdpr", "a@b.example"]), "“ground” (Reason) is missing"),
    ],
)
def test_what_is_no_table_is_refused_in_words_and_not_kept(olive, content, said):
    answer = send(olive, content, days="day")
    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert '<option value="day" selected>' in answer.content.decode(), "what was chosen stays"
    assert not Import.objects.exists()


@pytest.mark.parametrize(("days", "month"), [("day", 11), ("month", 2)])
def test_days_are_read_as_the_form_says(olive, days, month):
    kept = uploaded(olive, requests({"received_at": "02/11/2026"}), days=days)
    assert imports.judgement(kept).rows[0].opening.received_at.month == month


def test_unknown_columns_have_to_be_left_out_by_a_tick(olive):
    kept = uploaded(olive, requests({"emial": "x"}))
    assert "<strong>E</strong> “emial”" in page(olive, kept)
    assert told(act(olive, kept, "accept")) == [
        "Some columns are not known. Say that they are to be left out, or rename them."
    ]
    act(olive, kept, "accept", leave_out="on")
    assert Case.objects.count() == 1


def test_the_same_file_again_is_told_with_its_references_and_opened_once_more_only_by_a_tick(olive):
    content = requests({"email": "ada@example.org"})
    act(olive, uploaded(olive, content), "accept")
    kept = uploaded(olive, content)
    assert f"Opened before as {Case.objects.get().reference}." in page(olive, kept)
    act(olive, kept, "accept", again="on")
    assert Case.objects.count() == 2


def test_a_file_whose_day_is_over_is_gone_even_if_no_worker_runs(olive, turn_clock):
    kept = uploaded(olive)
    turn_clock(timedelta(hours=25))
    assert "The file is destroyed, and nothing of it was opened." in page(olive, kept)
    assert Import.objects.get().content() == b""


def test_the_page_of_the_columns_and_the_template_say_what_the_code_takes(olive):
    shown = olive.get(reverse("admin:erasure_case_import_columns")).content.decode()
    for word in ("lift_restriction", "uk_gdpr", "no_longer_needed", "in_person", "received_at", "x1_id"):
        assert f"<code>{word}</code>" in shown
    template = olive.get(reverse("admin:erasure_case_import_template", args=["semicolon"]))
    assert template.content.startswith(b"\xef\xbb\xbfkind;regime;ground;")
    kept = uploaded(olive, template.content)
    assert "This is the sample row of the template. Delete it." in page(olive, kept)


def test_a_page_takes_few_queries_and_reads_no_upload_that_it_does_not_show(olive, django_assert_max_num_queries):
    kept = uploaded(olive)
    for _number in range(3):
        uploaded(olive)
    for address in (
        reverse("admin:erasure_case_import"),
        reverse("admin:erasure_case_import_page", args=[kept.pk]),
        reverse("admin:erasure_case_import_columns"),
    ):
        with django_assert_max_num_queries(20):
            assert olive.get(address).status_code == 200
    act(olive, kept, "accept")
    with django_assert_max_num_queries(20):
        page(olive, kept)


def test_a_superusers_list_names_who_uploaded(olive, signed_in):
    kept = uploaded(olive)
    shown = signed_in(superuser().username).get(reverse("admin:erasure_case_import")).content.decode()
    assert str(kept.pk) in shown
    assert "<td>olive</td>" in shown


def test_a_post_that_is_asked_for_leads_to_the_page_and_an_unknown_one_nowhere(olive):
    kept = uploaded(olive)
    address = reverse("admin:erasure_case_import_act", args=[kept.pk, "accept"])
    assert olive.get(address).url == reverse("admin:erasure_case_import_page", args=[kept.pk])
    assert olive.put(address).status_code == 405
    assert act(olive, kept, "approve").status_code == 404
    assert olive.get(reverse("admin:erasure_case_import_template", args=["colon"])).status_code == 404
