"""Many cases at once, from the list: first what would be done, then a result for each."""

import csv
import io
import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse

from compliance import clock
from compliance.audit.models import Event
from compliance.vault import seal
from erasure import intake, lifecycle
from erasure.errors import Conflict
from erasure.models import BulkJob, BulkRow, Case, Note, SubTask
from erasure.states import BulkStatus, CaseStatus
from tests.factories import approved_case, opened_case, person, vendor, work

from .conftest import told

LIST = reverse("admin:erasure_case_changelist")


def choose(client, deed, *cases, query="", **given):
    """Posts the list's bar; the answer is the job that was prepared, or None."""
    before = set(BulkJob.objects.values_list("pk", flat=True))
    posted = {"action": f"{deed}_cases", "_selected_action": [case.pk for case in cases], "index": "0", **given}
    answer = client.post(LIST + query, posted)
    job = BulkJob.objects.exclude(pk__in=before).first()
    if job:
        assert answer.url == address(job)
    return job


def address(job, name="change"):
    return reverse(f"admin:erasure_bulkjob_{name}", args=[job.pk])


def read(client, job, **query):
    return client.get(address(job), query).content.decode()


def results(job):
    found = job.rows.order_by("number").values_list("case__reference", "result", "text")
    return {reference: (result, text) for reference, result, text in found}


def statuses(*cases):
    return [Case.objects.get(pk=case.pk).status for case in cases]


def stuck(case):
    SubTask.objects.filter(pk=work(case).pk).update(status="needs_attention", attention_code="refused", next_at=None)
    return case


# --- the look before


def test_the_look_says_what_would_be_done_and_what_is_skipped_with_its_reason_and_does_nothing(signed_in):
    client = signed_in("mia", "approver", "intake")
    theirs, draft, mine = opened_case(submit=True), opened_case(), opened_case(by=person("mia"), submit=True)
    job = choose(client, "approve", theirs, draft, mine)
    html = read(client, job)
    assert "Shop search: erase for 1 case, 1 identifier" in html
    assert "It would be done in 1 case. 2 cases are skipped." in html
    assert "You opened this case; another person must approve it." in html
    assert "No plan of this case awaits approval." in html
    assert 'value="Approve 1 case"' in html
    assert "What is erased at a vendor cannot be brought back." in html
    assert statuses(theirs, draft, mine) == ["awaiting_approval", "draft", "awaiting_approval"]


def test_an_approval_is_summed_up_by_vendor_and_operation(signed_in):
    vendor("Paper archive", "manual")
    vendor("Exchange", "acoustic")
    for number in range(2):
        opened_case(submit=True, identifiers=[("email", f"a{number}@example.org"), ("email", f"b{number}@example.org")])
    opened_case(submit=True, identifiers=[("customer_id", "C-1")])
    client = signed_in("ada", "approver")
    html = read(client, choose(client, "approve", which="all"))
    assert "Exchange: erase for 2 cases, 4 identifiers" in html
    assert "Exchange: 1 case will wait for an identifier; nothing is sent for it." in html
    assert "Paper archive: erase by hand for 2 cases." in html
    assert "Shop search: erase for 1 case, 1 identifier" in html


def test_all_that_match_are_those_of_the_list_as_it_is_filtered(signed_in):
    drafts, other = [opened_case() for _ in range(3)], opened_case(submit=True)
    client = signed_in("olive", "intake")
    job = choose(client, "submit", query="?status__exact=draft", which="all")
    assert {row.case for row in job.rows.select_related("case")} == set(drafts)
    assert other.reference not in read(client, job)


def test_the_selection_counts_and_not_what_else_matches(signed_in):
    one, _other = opened_case(), opened_case()
    job = choose(signed_in("olive", "intake"), "submit", one, which="selected")
    assert [row.case for row in job.rows.all()] == [one]


def test_what_matches_beyond_what_one_takes_is_left_and_the_page_says_so(signed_in, monkeypatch):
    monkeypatch.setattr("erasure.bulk.looking.MOST_AT_ONCE", 2)
    monkeypatch.setattr("erasure.bulk.MOST_AT_ONCE", 2)
    oldest, *newer = [opened_case() for _ in range(3)]
    client = signed_in("olive", "intake")
    job = choose(client, "submit", which="all")
    assert "More than 2 cases match. These are the first 2 in the order of the list" in read(client, job)
    assert {row.case for row in job.rows.select_related("case")} == set(newer)  # the list shows the newest first
    assert oldest.reference not in read(client, job)


def test_nothing_matches(signed_in):
    opened_case()
    answer = signed_in("olive", "intake").post(
        f"{LIST}?status__exact=rejected", {"action": "submit_cases", "which": "all", "index": "0"}
    )
    assert told(answer) == ["No case matches. Nothing was done."]
    assert not BulkJob.objects.exists()


def test_a_look_takes_the_same_queries_however_many_cases_there_are(signed_in, django_assert_max_num_queries):
    for number in range(25):
        opened_case(submit=True, identifiers=[("customer_id", f"C-{number}")])
    client = signed_in("ada", "approver")
    with django_assert_max_num_queries(30):
        job = choose(client, "approve", which="all")
    with django_assert_max_num_queries(20):
        read(client, job)


def test_what_was_prepared_and_not_started_is_its_persons_alone_and_is_forgotten(signed_in, turn_clock):
    mia, ada = signed_in("mia", "approver"), signed_in("ada", "approver")
    case = opened_case(submit=True)
    old = choose(mia, "approve", case)
    assert ada.get(address(old)).status_code == 404
    assert ada.post(address(old), {"note": ""}).status_code == 404
    assert statuses(case) == [CaseStatus.AWAITING_APPROVAL]
    turn_clock(timedelta(days=2))
    choose(mia, "approve", case)
    assert not BulkJob.objects.filter(pk=old.pk).exists()


# --- doing it


def test_what_was_shown_is_done_and_the_rest_is_told_with_its_reason(signed_in):
    client = signed_in("mia", "approver", "intake")
    theirs, draft, mine = opened_case(submit=True), opened_case(), opened_case(by=person("mia"), submit=True)
    job = choose(client, "approve", theirs, draft, mine)
    client.post(address(job), {"note": "The breach of May."})
    assert statuses(theirs, draft, mine) == ["in_progress", "draft", "awaiting_approval"]
    assert results(job) == {
        theirs.reference: ("done", ""),
        draft.reference: ("skipped", "No plan of this case awaits approval."),
        mine.reference: ("skipped", "You opened this case; another person must approve it."),
    }
    assert Note.objects.get(case=theirs).unseal("text") == "The breach of May."
    html = read(client, job)
    assert "</span> ended</span>" in html
    assert theirs.reference in html
    approved = Event.objects.get(action="case.approved", case=theirs.reference)
    assert approved.actor == f"user:{person('mia').pk}"


def test_its_start_and_end_are_in_the_trail_and_name_nobody(signed_in):
    case, done = opened_case(), opened_case(submit=True)
    client = signed_in("olive", "intake")
    job = choose(client, "submit", case, done)
    client.post(address(job))
    events = Event.objects.filter(subject=str(job)).order_by("id")
    assert [(event.action, event.details) for event in events] == [
        ("bulk.started", {"deed": "submit", "count": 1}),
        ("bulk.ended", {"deed": "submit", "done": 1, "skipped": 1, "failed": 0}),
    ]


def test_a_plan_that_changed_after_it_was_shown_is_not_approved(signed_in):
    same, changed = opened_case(submit=True), opened_case(submit=True)
    client = signed_in("ada", "approver")
    job = choose(client, "approve", same, changed)
    intake.add_identifier(changed, by=person("ian", "intake"), kind="customer_id", value="C-2")
    client.post(address(job), {"note": ""})
    assert statuses(same, changed) == [CaseStatus.IN_PROGRESS, CaseStatus.AWAITING_APPROVAL]
    assert "The plan has changed since it was read" in results(job)[changed.reference][1]


def test_a_plan_that_changed_after_it_was_shown_is_not_rejected(signed_in):
    changed = opened_case(submit=True)
    client = signed_in("ada", "approver")
    job = choose(client, "reject", changed)
    intake.add_identifier(changed, by=person("ian", "intake"), kind="customer_id", value="C-2")
    client.post(address(job), {"ground": "unfounded", "note": ""})
    assert statuses(changed) == [CaseStatus.AWAITING_APPROVAL]
    assert "The plan has changed since it was read" in results(job)[changed.reference][1]


def test_it_is_done_once(signed_in):
    case = opened_case()
    client = signed_in("ada", "approver")
    job = choose(client, "hold", case)
    client.post(address(job), {"note": ""})
    lifecycle.release(case, by=person("ada"))
    answer = client.post(address(job), {"note": ""})
    assert told(answer)[-1] == "This was started before. Nothing was done a second time."
    assert Case.objects.get(pk=case.pk).held_at is None


def test_rejecting_takes_a_ground_and_keeps_what_was_typed(signed_in):
    case = opened_case(submit=True)
    client = signed_in("ada", "approver")
    job = choose(client, "reject", case)
    answer = client.post(address(job), {"ground": "", "note": "Not theirs."})
    assert answer.status_code == 422
    assert "Not theirs." in answer.content.decode()
    assert statuses(case) == [CaseStatus.AWAITING_APPROVAL]
    client.post(address(job), {"ground": "unfounded", "note": "Not theirs."})
    assert statuses(case) == [CaseStatus.REJECTED]


def test_a_note_that_no_case_could_keep_is_refused_before_anything_is_done(signed_in):
    case = opened_case()
    client = signed_in("ada", "approver")
    job = choose(client, "hold", case)
    assert client.post(address(job), {"note": "a\u0007b"}).status_code == 422
    assert Case.objects.get(pk=case.pk).held_at is None


def test_vendor_work_is_tried_again_by_vendor_and_cause(signed_in):
    ones, calm = [stuck(approved_case()), stuck(approved_case())], approved_case()
    client = signed_in("ada", "approver")
    job = choose(client, "retry", *ones, calm)
    html = read(client, job)
    assert "Shop search, the vendor refused: 2 cases" in html
    client.post(address(job), {"vendor": ""})
    assert [work(case).status for case in ones] == ["ready", "ready"]
    assert results(job)[calm.reference] == ("skipped", "No vendor work of this case needs attention.")


def test_one_vendors_work_is_confirmed_by_hand_and_the_others_wait_on(signed_in):
    vendor("Paper archive", "manual")
    vendor("Safe", "manual")
    cases = [approved_case(), approved_case()]
    client = signed_in("ada", "approver")
    job = choose(client, "attest", *cases)
    archive = work(cases[0], "Paper archive").vendor
    assert "Paper archive: 2 cases" in read(client, job)
    assert client.post(address(job), {"vendor": str(archive.pk), "held": "yes"}).status_code == 422  # without a note
    assert client.post(address(job), {"vendor": "", "held": "yes", "note": "Shredded."}).status_code == 422
    client.post(address(job), {"vendor": str(archive.pk), "held": "yes", "note": "Shredded."})
    assert [work(case, "Paper archive").status for case in cases] == ["done", "done"]
    assert [work(case, "Safe").status for case in cases] == ["awaiting_attestation"] * 2


def test_vendor_work_that_nobody_was_shown_is_not_confirmed_with_the_rest(signed_in):
    vendor("Paper archive", "manual")
    vendor("Safe", "manual")
    one, other = approved_case(), approved_case()
    unasked = SubTask.objects.filter(pk=work(one, "Safe").pk)
    unasked.update(status="ready", next_at=clock.now())
    client = signed_in("ada", "approver")
    job = choose(client, "attest", one, other)
    html = read(client, job)
    assert "Safe: 1 case" in html
    assert "plan <code>" not in html
    unasked.update(status="awaiting_attestation", next_at=None)
    client.post(address(job), {"vendor": str(work(one, "Safe").vendor_id), "held": "yes", "note": "Shredded."})
    result, text = results(job)[one.reference]
    assert result == "skipped"
    assert text.startswith(
        "What awaits confirmation in this case has changed since it was read. Nothing was confirmed."
    )
    assert work(one, "Safe").status == work(one, "Paper archive").status == "awaiting_attestation"
    assert work(other, "Safe").status == "done"
    again = choose(client, "attest", one)
    client.post(address(again), {"vendor": str(work(one, "Safe").vendor_id), "held": "yes", "note": "Shredded."})
    assert work(one, "Safe").status == "done"


def test_a_search_that_found_nobody_is_recorded_for_many(signed_in):
    vendor("Forum", "acoustic")
    named = [("customer_id", "C-1")]
    cases, calm = [approved_case(identifiers=named) for _ in range(2)], opened_case()
    forum = work(cases[0], "Forum").vendor
    client = signed_in("olive", "intake")
    job = choose(client, "searched", *cases, calm)
    html = read(client, job)
    assert "Forum: 2 cases" in html
    assert "plan <code>" not in html
    assert client.post(address(job), {"vendor": str(forum.pk)}).status_code == 422  # without a note
    client.post(address(job), {"vendor": str(forum.pk), "note": "Asked for every name."})
    assert [work(case, "Forum").reason for case in cases] == ["searched_none"] * 2
    assert Note.objects.filter(case__in=cases).count() == 2
    assert results(job)[calm.reference] == ("skipped", "No vendor work of this case awaits an identifier.")


def test_a_search_is_not_recorded_for_what_came_to_wait_since(signed_in):
    vendor("Forum", "acoustic")
    vendor("Exchange", "acoustic")
    case = approved_case(identifiers=[("customer_id", "C-1")])
    later = SubTask.objects.filter(pk=work(case, "Exchange").pk)
    later.update(status="ready", next_at=clock.now())
    client = signed_in("olive", "intake")
    job = choose(client, "searched", case)
    later.update(status="awaiting_identifier", next_at=None)
    client.post(address(job), {"vendor": str(work(case, "Forum").vendor_id), "note": "Looked."})
    assert results(job)[case.reference][0] == "skipped"
    assert work(case, "Forum").status == "awaiting_identifier"


def test_the_reply_to_many_is_recorded_at_once(signed_in):
    ones, draft, answered = [approved_case(), opened_case(submit=True)], opened_case(), approved_case()
    lifecycle.reply(answered, by=person("olive", "intake"), channel="phone")
    client = signed_in("olive", "intake")
    job = choose(client, "reply", *ones, draft, answered)
    assert 'value="Record the reply in 2 cases"' in read(client, job)
    assert client.post(address(job), {"note": "x"}).status_code == 422  # without a channel
    client.post(address(job), {"channel": "email", "note": "Letter 7."})
    assert [Case.objects.get(pk=case.pk).reply_channel for case in (*ones, answered)] == ["email", "email", "phone"]
    found = results(job)
    assert found[answered.reference] == ("skipped", "A reply was recorded before. Nothing was changed.")
    assert found[draft.reference][0] == "skipped"


def test_the_time_of_many_is_extended_where_the_law_and_the_day_allow_it(signed_in):
    one, late = opened_case(submit=True), opened_case(submit=True, received_at=clock.now() - timedelta(days=90))
    own = opened_case(submit=True, regime="own")
    client = signed_in("olive", "intake")
    job = choose(client, "extend", one, late, own)
    client.post(address(job), {"reason": "number", "channel": "letter"})
    assert Case.objects.get(pk=one.pk).due_on > one.due_on
    found = results(job)
    assert "The time ended on" in found[late.reference][1]
    assert found[own.reference] == ("skipped", "The law of this case knows no extension. Nothing was changed.")


def test_a_case_is_tried_again_as_a_whole_or_not_at_all(signed_in, monkeypatch):
    vendor("Forum")
    case = approved_case()
    case.sub_tasks.update(status="needs_attention", attention_code="refused", next_at=None)
    retried = []

    def retry(sub_task, *, by):
        if retried:  # the second one has changed by then
            raise Conflict("changed", "It has just changed.")
        retried.append(sub_task)
        original(sub_task, by=by)

    original = lifecycle.retry
    monkeypatch.setattr(lifecycle, "retry", retry)
    client = signed_in("ada", "approver")
    job = choose(client, "retry", case)
    client.post(address(job), {"vendor": ""})
    assert retried
    assert results(job)[case.reference] == ("skipped", "It has just changed.")
    assert list(case.sub_tasks.values_list("status", flat=True)) == ["needs_attention"] * 2


def test_cases_are_held_and_released(signed_in):
    cases = [opened_case(), opened_case()]
    client = signed_in("ada", "approver")
    client.post(address(choose(client, "hold", *cases)), {"note": ""})
    assert all(Case.objects.get(pk=case.pk).held_at for case in cases)
    client.post(address(choose(client, "release", *cases)), {"note": ""})
    assert not Case.objects.exclude(held_at=None).exists()


def test_one_case_that_cannot_be_opened_does_not_stop_the_others(signed_in):
    whole, broken = opened_case(), opened_case()
    seal.destroy(broken.data_key)
    client = signed_in("olive", "intake")
    job = choose(client, "submit", broken, whole)
    client.post(address(job))
    assert statuses(whole) == [CaseStatus.AWAITING_APPROVAL]
    assert results(job)[broken.reference][0] == "failed"


def test_whoever_cannot_do_any_of_it_is_told_so(signed_in):
    case = opened_case(by=person("mia"), submit=True)
    client = signed_in("mia", "approver", "intake")
    job = choose(client, "approve", case)
    html = read(client, job)
    assert "Nothing of this can be done by you now." in html
    assert "submit-row" not in html


# --- what came of it


def test_the_results_are_kept_shown_by_result_and_downloaded(signed_in):
    draft, done = opened_case(), opened_case(submit=True)
    client = signed_in("olive", "intake")
    job = choose(client, "submit", draft, done)
    client.post(address(job))
    auditor = signed_in("ann", "auditor")
    listed = read(auditor, job, result="skipped")
    assert re.findall(r"DSR-\d{4}-\d{6}", listed) == [done.reference]
    kept = auditor.get(address(job, "results")).getvalue().decode()
    assert kept.startswith("\ufeff"), "else Excel takes it for Latin 1"
    header, *rows = csv.reader(io.StringIO(kept.removeprefix("\ufeff")))
    assert header == ["case", "result", "reason"]
    assert sorted(rows) == [
        [draft.reference, "done", ""],
        [done.reference, "skipped", "This is not possible now: the case is awaiting approval."],
    ]
    assert "Submit cases for approval" in auditor.get(reverse("admin:erasure_bulkjob_changelist")).content.decode()


# --- large ones


def large(client, monkeypatch, *cases, deed="hold"):
    monkeypatch.setattr("erasure.bulk.running.SMALL", 1)
    job = choose(client, deed, *cases)
    client.post(address(job), {"note": ""})
    job.refresh_from_db()
    return job


def test_a_large_one_is_left_to_the_worker_shows_how_far_it_is_and_can_be_stopped(signed_in, monkeypatch):
    cases = [opened_case(), opened_case()]
    client = signed_in("ada", "approver")
    job = large(client, monkeypatch, *cases)
    assert job.status == BulkStatus.RUNNING
    assert not Case.objects.exclude(held_at=None).exists()
    html = read(client, job)
    assert '<progress id="progress" max="2" value="0">' in html
    assert client.get(address(job, "progress")).json() == {
        "decided": 0,
        "told": "0 of 2 cases have a result.",
        "running": True,
    }
    client.post(address(job, "stop"))
    job.refresh_from_db()
    assert job.status == BulkStatus.STOPPED
    assert {result for result, _why in results(job).values()} == {"skipped"}
    assert "Stopped by hand before its turn. Nothing was done here." in read(client, job)
    again = client.post(address(job, "stop"))
    assert told(again)[-1] == "This is not under way any more. Nothing was stopped."


# --- who may


DEEDS = ("submit", "approve", "reject", "retry", "attest", "searched", "reply", "extend", "hold", "release", "export")


@pytest.mark.parametrize("deed", DEEDS)
def test_a_forged_choice_without_the_permission_prepares_nothing(signed_in, deed):
    case = opened_case()
    client = signed_in("vic")
    person("vic").user_permissions.add(permission("view_case"))
    client.post(LIST, {"action": f"{deed}_cases", "_selected_action": [case.pk], "index": "0"})
    client.post(LIST, {"action": f"{deed}_cases", "which": "all", "index": "0"})
    assert not BulkJob.objects.exists()


@pytest.mark.parametrize("deed", DEEDS)
def test_whoever_has_lost_the_permission_neither_starts_nor_stops(signed_in, deed, monkeypatch):
    monkeypatch.setattr("erasure.bulk.running.SMALL", 0)
    case = opened_case()
    boss = signed_in("root", is_superuser=True)
    prepared = choose(boss, deed, case)
    running = choose(boss, "hold", case)
    boss.post(address(running), {"note": ""})
    root = person("root")
    root.is_superuser = False
    root.save()
    root.user_permissions.add(permission("view_case"))
    given = {"note": "x", "ground": "unfounded", "vendor": "", "held": "yes", "what": "register", "format": "csv"}
    assert boss.post(address(prepared), given).status_code == 403
    assert boss.post(address(running, "stop")).status_code == 403
    assert BulkJob.objects.get(pk=prepared.pk).is_prepared
    assert BulkJob.objects.get(pk=running.pk).is_running
    fresh = Case.objects.get(pk=case.pk)
    assert (fresh.status, fresh.held_at) == (CaseStatus.DRAFT, None)


def test_whoever_may_not_see_cases_sees_no_bulk_work(signed_in):
    job = choose(signed_in("olive", "intake"), "submit", opened_case())
    BulkJob.objects.update(status=BulkStatus.ENDED)
    client = signed_in("vera", "vendor manager")
    for name in ("change", "progress", "results"):
        assert client.get(address(job, name)).status_code == 403
    assert client.get(reverse("admin:erasure_bulkjob_changelist")).status_code == 403


def test_the_menu_offers_what_the_person_may_do(signed_in):
    opened_case()
    offered = re.findall(r'<option value="(\w+)_cases">', signed_in("ann", "auditor").get(LIST).content.decode())
    assert offered == ["export"]
    offered = re.findall(r'<option value="(\w+)_cases">', signed_in("ada", "approver").get(LIST).content.decode())
    assert offered == ["approve", "reject", "retry", "attest", "searched", "hold", "release"]


def permission(codename):
    return Permission.objects.get(codename=codename)


# --- exports


def test_the_register_of_chosen_cases_is_on_record_and_holds_them_alone(signed_in):
    one, other = opened_case(submit=True), opened_case()
    client = signed_in("ann", "auditor")
    job = choose(client, "export", one)
    rows = list(csv.DictReader(io.StringIO(text(client.post(address(job), {"what": "register", "format": "csv"})))))
    assert [row["reference"] for row in rows] == [one.reference]
    event = Event.objects.get(action="register.exported")
    assert (event.details["count"], event.details["job"]) == (1, str(job))
    assert other.reference not in read(client, job)


def test_the_trail_of_chosen_cases_is_on_record_and_holds_theirs_alone(signed_in):
    one, _other = opened_case(submit=True), opened_case()
    expected = Event.objects.filter(case=one.reference).count()
    client = signed_in("ann", "auditor")
    job = choose(client, "export", one)
    content = text(client.post(address(job), {"what": "trail", "format": "excel"}))
    assert content.startswith("\ufeff")
    rows = list(csv.DictReader(io.StringIO(content.removeprefix("\ufeff"))))
    assert {row["case"] for row in rows} == {one.reference}
    assert len(rows) == expected
    event = Event.objects.get(action="audit.exported")
    assert (event.subject, event.details["count"]) == (str(job), expected)
    assert BulkRow.objects.filter(job=job, result="").count() == 1  # it can be downloaded again


def text(answer):
    return b"".join(answer.streaming_content).decode()
