"""Lists that are walked from row to row: every row once, in order, whatever the address says, and nothing counted."""

import re
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from django.contrib import admin
from django.db import connection
from django.db.models import DateField, DateTimeField, UUIDField
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from compliance import clock
from erasure.admin.case import CasePages
from erasure.admin.queues import QUEUES
from erasure.admin.walk import Place, Walked
from erasure.models import Call, CallSubTask, Case, Evidence
from tests.factories import approved_case, opened_case, person, work

CASES = "admin:erasure_case_changelist"
WALKED = [CASES, *(f"admin:erasure_{name}_changelist" for name in ("subtask", "call", "evidence"))]


@pytest.fixture
def five(shop, monkeypatch) -> list[Case]:
    """Five cases, of which three are due on the same day, in pages of two."""
    monkeypatch.setattr(Walked, "list_per_page", 2)
    cases = [opened_case() for _number in range(5)]
    for case, days in zip(cases, (9, 3, 3, 3, 1), strict=True):
        Case.objects.filter(pk=case.pk).update(due_on=clock.today() + timedelta(days=days))
    return list(Case.objects.order_by("due_on", "pk"))


def walk(client, address, name="follows"):
    """The rows of each page, from `address` on, or back."""
    pages = []
    while address:
        walked = client.get(f"{reverse(CASES)}{address}").context["cl"]
        pages.append([case.pk for case in walked.result_list])
        address = getattr(walked, name)
        assert len(pages) < 9
    return pages, walked


@pytest.mark.parametrize(("order", "falls"), [("3", False), ("-3", True)])
def test_every_row_is_met_once_in_order_on_the_way_there_and_back(signed_in, five, order, falls):
    client = signed_in("ada", "approver")
    keys = [case.pk for case in five][:: -1 if falls else 1]
    pages, last = walk(client, f"?o={order}")
    assert pages == [keys[:2], keys[2:4], keys[4:]]
    back, first = walk(client, last.precedes, "precedes")
    assert back == [keys[2:4], keys[:2]]
    assert (first.begins, first.precedes) == (f"?o={order}", "")


@pytest.mark.parametrize("query", ["?queue=drafts", "?o=3&regime__exact=gdpr", "?due=soon", "?o=1", "?o=-8", ""])
def test_queue_filter_and_order_go_along_from_page_to_page(signed_in, five, query):
    pages, last = walk(signed_in("ada", "approver"), query or "?")
    seen = [pk for page in pages for pk in page]
    assert len(seen) == len(set(seen)) == (4 if "soon" in query else 5)
    assert last.begins == (query or "?")


def test_a_page_that_nothing_follows_says_so(signed_in, five):
    Case.objects.filter(pk=five[0].pk).update(regime="ccpa")
    answer = signed_in("ada", "approver").get(reverse(CASES), {"regime__exact": "ccpa"})
    walked = answer.context["cl"]
    assert (walked.follows, walked.precedes, walked.begins) == ("", "", "")
    assert "Next page" not in answer.content.decode()


def test_going_back_near_the_beginning_shows_the_whole_first_page(signed_in, five):
    second = five[1]
    place = Place(second.due_on, second.pk)
    walked = signed_in("ada", "approver").get(reverse(CASES), {"o": "3", "before": str(place)}).context["cl"]
    assert [case.pk for case in walked.result_list] == [case.pk for case in five[:2]]


NONSENSE = [
    "",
    "~",
    "x",
    "~".join(("2026-01-01", "x")),
    "2026-13-41~3f2a9c1e-58b7-4c0d-9a1f-2b6e7d8c9f00",
    "2026-01-01",
    "9" * 3000,
    "0001-01-01T00:00:00+23:59~3f2a9c1e-58b7-4c0d-9a1f-2b6e7d8c9f00",
    "9999-12-31T23:59:59-23:59~3f2a9c1e-58b7-4c0d-9a1f-2b6e7d8c9f00",
]


@pytest.mark.parametrize("place", NONSENSE)
@pytest.mark.parametrize("name", ["after", "before"])
def test_a_place_that_cannot_be_is_the_beginning(signed_in, five, name, place):
    client = signed_in("ada", "approver")
    for order in ("", "3"):
        answer = client.get(reverse(CASES), {"o": order, name: place})
        assert answer.status_code == 200
        assert len(answer.context["cl"].result_list) == 2


@pytest.mark.parametrize("order", ["2", "-2", "99", "-", "x", "1.2.3", "٣", "9" * 5000, "0"])
def test_an_order_that_is_not_offered_is_the_usual_one_or_its_first_column(signed_in, five, order):
    answer = signed_in("ada", "approver").get(reverse(CASES), {"o": order})
    assert answer.status_code == 200
    assert answer.context["cl"].sorted_by in ("created_at", "reference")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("due", "nonsense"),
        ("due_on", "nonsense"),
        ("due_on", "2026-02-30"),
        ("due_from", "9" * 400),
        ("attention", "nonsense"),
        ("handler", "nonsense"),
        ("vendor", "nonsense"),
        ("status__exact", "nonsense"),
        ("kind__exact", "' OR 1=1"),
        ("regime__exact", "9" * 400),
    ],
)
def test_a_filter_that_nobody_knows_matches_nothing_and_says_so(signed_in, five, name, value):
    answer = signed_in("ada", "approver").get(reverse(CASES), {name: value})
    assert answer.status_code == 200
    assert answer.context["cl"].result_list == []
    assert "<strong>unknown</strong>" in answer.content.decode()
    assert "No case matches. Remove a filter to see more." in answer.content.decode()


def test_filters_are_told_with_the_way_out_of_each_and_of_all(signed_in, five):
    query = {"regime__exact": "gdpr", "due": "soon", "handler": "nobody", "o": "3", "queue": "drafts"}
    answer = signed_in("ada", "approver").get(reverse(CASES), query)
    walked, html = answer.context["cl"], " ".join(answer.content.decode().split())
    assert [(str(chip.title), str(chip.value)) for chip in walked.chips()] == [
        ("answer due", "due within 7 days"),
        ("law", "GDPR"),
        ("handler", "nobody"),
    ]
    assert "<span>3 filters:</span>" in html
    assert walked.chips()[1].without == "?due=soon&handler=nobody&o=3&queue=drafts"
    assert walked.unfiltered == "?o=3&queue=drafts"


def test_cases_are_narrowed_to_the_days_on_which_an_answer_is_due(signed_in, five):
    client = signed_in("ada", "approver")
    answered = five[1]
    Case.objects.filter(pk=answered.pk).update(replied_at=clock.now())

    def found(**days: int) -> set[UUID]:
        asked = {name: (clock.today() + timedelta(days=number)).isoformat() for name, number in days.items()}
        return {case.pk for case in client.get(reverse(CASES), asked).context["cl"].result_list}

    assert found(due_on=1) == {five[0].pk}
    assert found(due_on=3) == {case.pk for case in five[2:4]}
    assert found(due_from=4) == {five[4].pk}
    assert found(due_to=2) == {five[0].pk}
    assert found(due_from=4, due_to=9) == {five[4].pk}
    html = client.get(reverse(CASES), {"due_from": "2026-03-01", "due_to": "2026-02-01"}).content.decode()
    assert "The last day is before the first one." in html


def test_the_rows_tell_each_vendors_progress_in_a_word_and_a_sign(signed_in, shop):
    case = approved_case()
    html = signed_in("ada", "approver").get(reverse(CASES)).content.decode()
    label = work(case).get_status_display()
    assert f'title="{label}">Shop search <span aria-hidden="true">▷</span>' in html
    assert f'<span class="visually-hidden">{label}</span>' in html


def test_others_get_what_the_list_shows_as_a_queryset(rf, five):
    request = rf.get(reverse(CASES), {"queue": "drafts", "due": "soon", "o": "1", "after": "x"})
    request.user = person("ann", "auditor")
    pages = CasePages(Case, admin.site)
    assert set(pages.matching(request)) == set(five[:4])


def test_a_place_is_read_as_it_is_written():
    key = UUID(int=7)
    moment = datetime(2026, 11, 2, 9, 30, 0, 17, tzinfo=UTC)
    for place, field in (
        (Place(moment, key), DateTimeField()),
        (Place(moment.date(), key), DateField()),
    ):
        assert Place.read(str(place), field, UUIDField()) == place


# --- nothing is counted to its end, nothing read as a whole


@pytest.fixture
def records(shop) -> Case:
    case, now = approved_case(), clock.now()
    call = Call.objects.create(vendor=shop, step="start_export", writes=True, started_at=now, lease_until=now)
    CallSubTask.objects.create(call=call, sub_task=work(case), epoch=1)
    Evidence.objects.create(
        case=case, sub_task=work(case), kind="export", name="a.zip", size=1, sha256="0" * 64, created_at=now
    )
    return case


QUERIES = [
    *((CASES, {"queue": slug}) for slug in QUEUES),
    *((CASES, {"attention": word}) for word in ("approval", "proposal", "needed", "person", "unanswered", "none")),
    *((CASES, {"o": order}) for order in ("1", "-1", "3", "-3", "8", "-8")),
    *((CASES, {"due": word}) for word in ("overdue", "soon")),
    (CASES, {"due_on": "2026-11-21", "vendor": "shop-search", "handler": "me", "kind__exact": "erasure"}),
    (CASES, {"_facets": "True", "all": "", "p": "7", "handler": "nobody", "status__exact": "draft"}),
    *((name, {}) for name in WALKED),
    *((name, {"q": "1"}) for name in WALKED),
    *((name, {"_facets": "True", "all": "", "p": "3", "o": "2.1.-3"}) for name in WALKED),
]


@pytest.mark.parametrize(("name", "query"), QUERIES)
def test_a_list_takes_few_queries_and_counts_no_table(signed_in, records, name, query):
    client = signed_in("mia", "approver", "auditor", "intake")
    client.get(reverse(name), query)
    with CaptureQueriesContext(connection) as captured:
        answer = client.get(reverse(name), query)
    assert answer.status_code == 200
    assert len(captured) <= 20
    for asked in captured.captured_queries:
        assert not unbounded(asked["sql"]), asked["sql"]


def unbounded(sql: str) -> list[str]:
    """What of a query reads a table to its end: a count that has no limit inside, a DISTINCT, an OFFSET."""
    bounded = re.sub(r"\(SELECT COUNT\(\*\) FROM \((?:(?!COUNT\().)*? LIMIT [0-9]+\) counted\)", "", sql, flags=re.S)
    return re.findall(r"COUNT\(|DISTINCT|OFFSET", bounded)


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("SELECT COUNT(*) FROM (SELECT 1 FROM a WHERE b LIMIT 101) counted", ["COUNT("]),
        ("SELECT (SELECT COUNT(*) FROM (SELECT 1 FROM a LIMIT 101) counted)", []),
        ("SELECT (SELECT COUNT(*) FROM (SELECT 1 FROM a) counted), (SELECT 1 FROM a LIMIT 101)", ["COUNT("]),
        ('SELECT COUNT(*) AS "__count" FROM "erasure_case"', ["COUNT("]),
        ("SELECT DISTINCT a FROM b", ["DISTINCT"]),
        ("SELECT a FROM b LIMIT 50 OFFSET 500", ["OFFSET"]),
    ],
)
def test_the_test_above_knows_what_is_unbounded(sql, found):
    assert unbounded(sql) == found


def test_the_case_page_and_the_search_take_few_queries(signed_in, records):
    client = signed_in("mia", "approver", "auditor", "intake")
    with CaptureQueriesContext(connection) as captured:
        client.post(reverse("admin:erasure_case_find"), {"text": "ada@example.org"}, follow=True)
    assert len(captured) <= 2 * 20  # two pages: the post, and what was found
    assert not any("COUNT(" in asked["sql"] for asked in captured.captured_queries)
