"""The page as a whole: what each role sees, what it costs, and that it tells nothing of the people of the cases."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from compliance import clock
from compliance.audit import anchor, behind, seal
from erasure import lifecycle
from erasure.admin.home.waiting import PLACES
from erasure.admin.queues import QUEUES
from erasure.models import Case, SubTask, SubTaskIdentifier
from erasure.states import CLAIMABLE, SubTaskStatus
from tests.factories import approved_case, found, opened_case, person, vendor, work

from .conftest import markup, panel, shown

PANELS = ("waiting", "first", "attention", "by-hand", "health", "calendar", "flow", "replies")
MOST_QUERIES = 20


def some_of_each() -> None:
    """A case in every state that the page tells of."""
    ada, olive = person("ada", "approver"), person("olive", "intake")
    opened_case()
    opened_case(submit=True)
    for status in SubTaskStatus:
        if status in CLAIMABLE or status == SubTaskStatus.RUNNING:
            continue
        part = work(approved_case())
        code = "refused" if status == SubTaskStatus.NEEDS_ATTENTION else ""
        SubTask.objects.filter(pk=part.pk).update(status=status, attention_code=code, next_at=None)
        SubTaskIdentifier.objects.filter(sub_task=part).update(reference="batch-7")
    found(approved_case(), ("customer_id", "C-2"))
    rejected = opened_case(submit=True)
    lifecycle.reject(rejected, by=ada, ground="unfounded", note="x")
    answered = opened_case(submit=True)
    lifecycle.reject(answered, by=ada, ground="unfounded", note="x")
    lifecycle.reply(answered, by=olive, channel="email", note="x")
    lifecycle.cancel(opened_case(), by=olive, reason="mistaken")
    lifecycle.hold(approved_case(), by=ada, note="x")
    Case.objects.filter(pk=approved_case().pk).update(due_on=clock.today() - timedelta(days=1))


def copies(number: int) -> None:
    """As many more of each case with its vendor work, by plain rows."""
    for case in list(Case.objects.select_related("data_key")):
        parts, key = list(case.sub_tasks.all()), case.data_key
        revisions = {row.pk: row for row in case.revisions.all()}
        for _copy in range(number):
            count = Case.objects.count()
            _as_new(key)
            case.data_key, case.reference = key, f"DSR-1999-{count:06d}"
            _as_new(case)
            for old, row in revisions.items():
                row.case = case
                _as_new(row)
                for part in parts:
                    if part.revision_id == old:
                        part.case, part.revision = case, row
                        _as_new(part)
                        part.revision_id = old


def _as_new(row) -> None:
    row.pk, row._state.adding = row._meta.pk.get_default(), True
    row.save(force_insert=True)


@pytest.mark.parametrize(
    ("role", "sees"),
    [
        ("intake", PANELS),
        ("approver", PANELS),
        ("auditor", PANELS),
        ("administrator", PANELS),
        ("vendor manager", ("health", "attention")),
    ],
)
def test_each_role_sees_the_panels_of_what_it_may_see(home, role, sees):
    html = home("somebody", role)
    assert {name for name in PANELS if panel(html, name)} == set(sees)


def test_a_vendor_manager_learns_of_no_case(home):
    some_of_each()
    html = home("vera", "vendor manager")
    assert "DSR-" not in html
    assert reverse("admin:erasure_case_changelist") not in html


def test_somebody_without_a_role_is_told_so(home):
    html = home("nobody")
    assert "Your account has no role yet" in html
    assert panel(html, "waiting") == ""


def test_the_list_of_pages_stays_at_the_foot(home):
    html = home("olive", "intake")
    assert f'href="{reverse("admin:erasure_vendor_changelist")}"' in html[html.index("home-pages") :]
    assert reverse("admin:staff_user_changelist") not in html


@pytest.mark.parametrize(("role", "may"), [("intake", True), ("auditor", False)])
def test_a_case_is_opened_from_here_by_whoever_may(home, role, may):
    html = home("somebody", role)
    assert ("Open a case" in html) is may
    assert "Find a case or a person:" in html
    assert "All cases" in html


def test_every_queue_on_the_page_is_a_view_of_the_list():
    assert {place.slug for place in PLACES} <= set(QUEUES)


def test_nothing_of_a_person_is_on_the_page_and_no_style_or_script(home):
    some_of_each()
    html = home("root", is_superuser=True)
    for value in ("ada@example.org", "C-1001", "C-2"):
        assert value not in html
    main = html[html.index('id="content-main"') :]
    assert " style=" not in main
    assert "<script" not in main[: main.index("home-pages")]


def test_the_queries_stay_within_twenty_and_do_not_grow(signed_in, settings, tmp_path):
    settings.AUDIT_ANCHOR = [f"file://{tmp_path}"]
    vendor("CDP", "acquia")
    some_of_each()
    anchor.anchor_all(seal.newest_after_sealing())
    client = signed_in("somebody", "administrator")
    shown(client)
    with CaptureQueriesContext(connection) as few:
        shown(client)
    copies(10)
    assert Case.objects.count() > 150
    with CaptureQueriesContext(connection) as many:
        html = shown(client)
    assert len(many) == len(few) <= MOST_QUERIES, [query["sql"][:90] for query in few]
    assert "Overdue 11" in panel(html, "waiting")
    assert "11" in panel(html, "attention")


def test_nor_when_anchoring_has_fallen_behind_and_the_log_is_compared_with_its_mark(
    signed_in, settings, tmp_path, turn_clock, django_capture_on_commit_callbacks
):
    settings.AUDIT_ANCHOR = [f"file://{tmp_path}/{name}" for name in ("one", "two")]
    vendor("CDP", "acquia")
    some_of_each()
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    anchor.anchor_all(seal.newest_after_sealing())
    for _hours in range(2):
        opened_case()
        with django_capture_on_commit_callbacks(execute=True):
            seal.seal()
        turn_clock(timedelta(hours=2))
    opened_case()
    seal.seal()
    client = signed_in("somebody", "administrator")
    behind.forget()
    with CaptureQueriesContext(connection) as queries:
        html = shown(client)
    assert "Fallen behind" in panel(html, "health")
    assert len(queries) <= MOST_QUERIES, [query["sql"][:90] for query in queries]


@pytest.mark.parametrize("name", PANELS)
def test_each_panel_has_a_heading_that_names_it(home, name):
    html = markup(home("ada", "approver"), name)
    assert f'aria-labelledby="{name}-title"' in html
    assert f'<h2 id="{name}-title">' in html
