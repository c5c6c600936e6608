"""The list of cases: what it tells, what it finds, and what can be done with many at once."""

from datetime import timedelta

import pytest
from django.urls import reverse

from compliance import clock
from erasure import lifecycle
from erasure.models import Case, SubTask
from tests.factories import approve, approved_case, opened_case, person, vendor, work

LIST = "admin:erasure_case_changelist"


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


def test_a_lifting_that_waits_for_its_notice_says_so_in_the_list(signed_in):
    case = opened_case(kind="lift_restriction", submit=True)
    approve(case)
    client = signed_in("ann", "auditor")
    assert "</span> tell the person first</span>" in listed(client)
    lifecycle.tell_of_lifting(case, by=person("olive"), channel="letter")
    assert "tell the person first" not in listed(client)


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
