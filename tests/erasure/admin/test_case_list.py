"""The list of cases: what it tells, what it finds, and what can be done with many at once."""

from datetime import timedelta

import pytest
from django.urls import reverse

from compliance import clock
from compliance.vault import seal
from erasure import lifecycle
from erasure.models import Case, SubTask
from erasure.states import CaseStatus
from tests.factories import approved_case, opened_case, person, vendor, work

from .conftest import told

LIST, FIND = "admin:erasure_case_changelist", "admin:erasure_case_find"


def listed(client, **query) -> str:
    return client.get(reverse(LIST), query).content.decode()


def test_overdue_and_due_soon_are_said_in_words(signed_in):
    late, soon = opened_case(), opened_case()
    today = clock.today()
    Case.objects.filter(pk=late.pk).update(due_on=today - timedelta(days=1))
    Case.objects.filter(pk=soon.pk).update(due_on=today + timedelta(days=3))
    opened_case()
    client = signed_in("ann", "auditor")
    html = listed(client)
    assert html.count("</span> overdue</span>") == 1
    assert html.count("</span> due soon</span>") == 1
    html = listed(client, due="overdue")
    assert late.reference in html
    assert soon.reference not in html


def test_a_case_that_needs_attention_says_so_and_is_filtered_by_it(signed_in):
    calm, stuck = opened_case(), approved_case()
    SubTask.objects.filter(pk=work(stuck).pk).update(status="needs_attention", attention_code="refused", next_at=None)
    client = signed_in("ann", "auditor")
    assert "</span> needs attention</span>" in listed(client)
    html = listed(client, attention="needed")
    assert stuck.reference in html
    assert calm.reference not in html


@pytest.mark.parametrize(
    ("query", "finds"),
    [
        ({"vendor": "shop-search"}, True),
        ({"vendor": "forum"}, False),
        ({"handler": "me"}, False),
        ({"handler": "nobody"}, True),
        ({"handler": "nonsense"}, False),
        ({"status__exact": "draft"}, True),
        ({"regime__exact": "ccpa"}, False),
    ],
)
def test_filters(signed_in, query, finds):
    case = opened_case()
    vendor("Forum")
    assert (case.reference in listed(signed_in("ann", "auditor"), **query)) is finds


def test_the_search_box_finds_a_reference_exactly(signed_in):
    one, other = opened_case(), opened_case()
    client = signed_in("ann", "auditor")
    html = listed(client, q=f" {one.reference.lower()} ")
    assert one.reference in html
    assert other.reference not in html
    assert one.reference not in listed(client, q="ada@example.org")


@pytest.mark.parametrize("short", ["{number}", "{year}-{number}", "dsr-{year}-{number}", " {number:06d} "])
def test_the_search_box_finds_a_short_reference(signed_in, short):
    one, other = opened_case(), opened_case()
    _dsr, year, number = other.reference.split("-")
    html = listed(signed_in("ann", "auditor"), q=short.format(year=year, number=int(number)))
    assert other.reference in html
    assert one.reference not in html


def test_the_list_takes_the_same_few_queries_however_long_it_is(signed_in, django_assert_max_num_queries):
    for number in range(12):
        lifecycle.assign(opened_case(), by=person("olive"), handler=person(f"handler-{number}"))
    client = signed_in("ann", "auditor")
    with django_assert_max_num_queries(14):
        listed(client)


# --- a person is found by a posted form


@pytest.mark.parametrize(
    ("kind", "value"), [("email", "ADA@example.org"), ("customer_id", "C-1001"), ("external id", " crm-9 ")]
)
def test_a_person_is_found_by_identifier_or_external_id_and_not_in_the_address(signed_in, kind, value):
    case, other = opened_case(external_id="crm-9"), opened_case(identifiers=[("email", "bob@example.org")])
    client = signed_in("olive", "intake")
    answer = client.post(reverse(FIND), {"kind": kind, "value": value})
    html = answer.content.decode()
    assert case.reference in html
    assert other.reference not in html
    assert "no-store" in answer["Cache-Control"]
    # A query in the address is not looked at.
    assert case.reference not in client.get(reverse(FIND), {"kind": kind, "value": value}).content.decode()


def test_what_is_not_an_identifier_is_said_at_its_field(signed_in):
    answer = signed_in("olive", "intake").post(reverse(FIND), {"kind": "email", "value": "nobody"})
    assert "It is not an e-mail address." in answer.content.decode()


def test_whoever_may_not_see_cases_finds_nobody(signed_in):
    client = signed_in("vera", "vendor manager")
    assert client.get(reverse(FIND)).status_code == 403
    assert client.post(reverse(FIND), {"kind": "email", "value": "ada@example.org"}).status_code == 403


# --- many at once


def bulk(client, action, *cases, **given):
    return client.post(reverse(LIST), {"action": action, "_selected_action": [case.pk for case in cases], **given})


def statuses(*cases):
    return [Case.objects.get(pk=case.pk).status for case in cases]


def test_many_are_submitted_and_the_skipped_are_told_with_the_reason(signed_in):
    draft, done = opened_case(), opened_case(submit=True)
    client = signed_in("olive", "intake")
    asked = bulk(client, "submit_cases", draft, done).content.decode()
    assert "Submit these cases?" in asked
    assert "Will be skipped: It is no draft." in asked
    assert statuses(draft) == [CaseStatus.DRAFT]
    answer = bulk(client, "submit_cases", draft, done, confirmed="yes")
    assert told(answer) == [
        f"{done.reference} was skipped: This is not possible now: the case is awaiting approval.",
        f"Submitted: {draft.reference}",
    ]
    assert statuses(draft, done) == [CaseStatus.AWAITING_APPROVAL] * 2


def test_more_than_ten_results_are_summed_up(signed_in):
    drafts, done = [opened_case() for _ in range(12)], [opened_case(submit=True) for _ in range(11)]
    messages = told(bulk(signed_in("olive", "intake"), "submit_cases", *drafts, *done, confirmed="yes"))
    assert len(messages) == 2
    assert messages[0].startswith("11 skipped")
    assert messages[0].endswith("and 1 more): This is not possible now: the case is awaiting approval.")
    assert messages[1].endswith(f"{drafts[9].reference} and 2 more")
    assert statuses(*drafts) == [CaseStatus.AWAITING_APPROVAL] * 12


def test_many_are_held(signed_in):
    cases = [opened_case(), opened_case()]
    bulk(signed_in("ada", "approver"), "hold_cases", *cases)
    assert all(Case.objects.get(pk=case.pk).held_at for case in cases)


def test_many_are_approved_only_after_a_page_that_lists_them_and_only_as_read(signed_in):
    client = signed_in("mia", "approver", "intake")
    theirs, draft, mine = opened_case(submit=True), opened_case(), opened_case(by=person("mia"), submit=True)
    asked = bulk(client, "approve_cases", theirs, draft, mine)
    html = asked.content.decode()
    assert statuses(theirs) == [CaseStatus.AWAITING_APPROVAL]
    assert "Shop search: erase" in html
    assert "Will be skipped: You opened this case" in html
    assert "Will be skipped: No plan of this case awaits approval." in html
    digests = {f"digest-{case.pk}": case.revisions.get().digest for case in (theirs, draft, mine)}
    assert digests[f"digest-{theirs.pk}"] in html

    answer = bulk(client, "approve_cases", theirs, draft, mine, confirmed="yes", **digests)
    messages = told(answer)
    assert f"Approved: {theirs.reference}" in messages
    assert f"{mine.reference} was skipped: You opened this case; another person must approve it." in messages
    assert statuses(theirs, draft, mine) == [
        CaseStatus.IN_PROGRESS,
        CaseStatus.DRAFT,
        CaseStatus.AWAITING_APPROVAL,
    ]


def test_a_confirmed_post_without_the_digest_that_was_read_approves_nothing(signed_in):
    case = opened_case(submit=True)
    answer = bulk(signed_in("ada", "approver"), "approve_cases", case, confirmed="yes")
    assert "The plan has changed since it was read" in told(answer)[0]
    assert statuses(case) == [CaseStatus.AWAITING_APPROVAL]


@pytest.mark.parametrize("action", ["submit_cases", "approve_cases", "hold_cases", "delete_selected"])
def test_a_forged_bulk_action_without_the_permission_does_nothing(signed_in, action):
    case = opened_case()
    bulk(signed_in("ann", "auditor"), action, case, confirmed="yes", post="yes")
    fresh = Case.objects.get(pk=case.pk)
    assert (fresh.status, fresh.held_at) == (CaseStatus.DRAFT, None)


def test_nobody_deletes(signed_in):
    case = opened_case()
    client = signed_in("root", is_superuser=True)
    assert "delete_selected" not in listed(client)
    for name, pk in (("case", case.pk), ("vendor", work_vendor()), ("subtask", case.sub_tasks.get().pk)):
        assert client.post(reverse(f"admin:erasure_{name}_delete", args=[pk]), {"post": "yes"}).status_code == 403


def work_vendor():
    return SubTask.objects.first().vendor_id


@pytest.mark.parametrize("handler", ["\u00b2", "9" * 5000, "9" * 30, "-1"])
def test_a_handler_who_cannot_be_is_nobodys(signed_in, handler):
    opened_case()
    answer = signed_in("ada", "approver").get(reverse("admin:erasure_case_changelist"), {"handler": handler})
    assert answer.status_code == 200
    assert not answer.context["cl"].result_list


def test_more_cases_than_anybody_reads_are_not_done_at_once(signed_in, monkeypatch):
    monkeypatch.setattr("erasure.admin.bulk.MOST_AT_ONCE", 1)
    cases = [opened_case(), opened_case()]
    messages = told(bulk(signed_in("ada", "approver"), "hold_cases", *cases))
    assert any("At most 1 cases at once" in message for message in messages)
    assert not Case.objects.exclude(held_at=None).exists()


def test_one_case_that_cannot_be_opened_does_not_stop_the_others(signed_in):
    whole, broken = opened_case(), opened_case()
    seal.destroy(broken.data_key)
    messages = told(bulk(signed_in("olive", "intake"), "submit_cases", whole, broken, confirmed="yes"))
    assert Case.objects.get(pk=whole.pk).status == CaseStatus.AWAITING_APPROVAL
    assert any(broken.reference in message for message in messages)
