"""A case's page while workers are at it: what has changed is drawn again, and nothing is drawn for what has not."""

import re
from datetime import timedelta
from unittest.mock import patch

import pytest
from django.urls import reverse

from compliance import clock
from erasure import lifecycle, vendors
from erasure.models import Call, Case, SubTask
from erasure.states import Pause
from tests.erasure.admin.conftest import act, page
from tests.factories import approved_case, person, vendor, work


@pytest.fixture
def case() -> Case:
    vendor("Paper archive", "manual")
    return approved_case()


@pytest.fixture
def client(signed_in):
    return signed_in("olive", "intake")


def ask(client, case, mark="", **query):
    headers = {"If-None-Match": mark} if mark else {}
    return client.get(reverse("admin:erasure_case_live", args=[case.pk]), query, headers=headers)


def test_the_page_says_where_to_ask_and_whether_workers_are_at_it(client, case):
    html = page(client, case)
    assert f'data-live="{reverse("admin:erasure_case_live", args=[case.pk])}"' in html
    assert "data-going" in html
    SubTask.objects.update(status="done", next_at=None)
    with lifecycle.changing(case, case.opened_by) as locked:
        lifecycle.close_if_ended(locked)
    assert "data-going" not in page(client, case)


def test_a_page_with_a_form_that_was_not_taken_stays_as_it_is(client, case):
    refused = act(client, case, "cancel", reason="", note="Half a sentence.")
    assert refused.status_code == 422
    assert "data-going" not in refused.content.decode()


def test_the_page_and_its_parts_drawn_again_are_the_same(client, case):
    def parts(html):
        html = re.sub(r'<input type="hidden" name="csrfmiddlewaretoken"[^>]*>', "", html)
        return html[html.index('<div id="case-parts"') : html.rindex("</section>")]

    assert parts(page(client, case)) == parts(ask(client, case).content.decode())


def test_what_has_not_changed_is_not_drawn_again(client, case, django_assert_max_num_queries):
    first = ask(client, case)
    assert first.status_code == 200
    assert f'data-part="lane-{work(case).pk}"' in first.content.decode()
    assert "<html" not in first.content.decode()
    with (
        patch("erasure.admin.case.CasePage", side_effect=AssertionError("drawn again")),
        django_assert_max_num_queries(6),
    ):
        again = ask(client, case, first["ETag"])
    assert (again.status_code, again.content) == (304, b"")
    assert again["ETag"] == first["ETag"]


def _moved(case):
    SubTask.objects.filter(pk=work(case).pk).update(step="await_export", status="waiting")


def _claimed(case):
    SubTask.objects.filter(pk=work(case).pk).update(epoch=1)


def _noted(case):
    lifecycle.add_note(case, by=person("ada"), text="Rang.")


def _held(case):
    lifecycle.hold(case, by=person("ada"))


def _assigned(case):
    Case.objects.filter(pk=case.pk).update(handler=person("ada"))


def _paused(case):
    vendors.pause(work(case).vendor, Pause.BY_HAND, "Maintenance", clock.now(), trial_at=None)


def _called(case):
    sub_task, at = work(case), clock.now()
    call = Call.objects.create(vendor=sub_task.vendor, step="x", writes=True, started_at=at, lease_until=at)
    call.sub_tasks.add(sub_task, through_defaults={"epoch": 1})


@pytest.mark.parametrize("change", [_moved, _claimed, _noted, _held, _assigned, _paused, _called])
def test_whatever_the_page_tells_of_changes_the_mark(client, case, change):
    before = ask(client, case)
    change(case)
    after = ask(client, case, before["ETag"])
    assert after.status_code == 200
    assert after["ETag"] != before["ETag"]


def test_a_time_that_comes_changes_the_mark_though_nothing_is_written(client, case):
    soon = clock.now() + timedelta(minutes=5)
    SubTask.objects.filter(pk=work(case).pk).update(status="waiting", step="await_export", next_at=soon)
    before = ask(client, case)
    assert "next asked" in before.content.decode()
    with patch.object(clock, "now", lambda: soon + timedelta(seconds=1)):
        after = ask(client, case, before["ETag"])
        assert after.status_code == 200
        assert "due now, in the vendor&#x27;s queue" in after.content.decode()


def test_the_timeline_stays_narrowed(client, case):
    people = ask(client, case, show="people")
    by_itself = 'class="case-entry case-entry-desk"'
    assert by_itself in ask(client, case).content.decode()
    assert by_itself not in people.content.decode()
    assert ask(client, case, people["ETag"], show="people").status_code == 304
    assert ask(client, case, people["ETag"]).status_code == 200


def test_what_one_person_has_seen_says_nothing_about_another(client, case, signed_in):
    mine = ask(client, case)["ETag"]
    assert ask(signed_in("ada", "approver"), case, mine).status_code == 200


def test_who_may_not_see_cases_or_is_signed_out_gets_nothing(client, case, signed_in):
    mark = ask(client, case)["ETag"]
    assert ask(signed_in("vera", "vendor manager"), case, mark).status_code == 403
    client.logout()
    assert ask(client, case, mark).status_code == 302
    other = signed_in("olive", "intake")
    assert other.post(reverse("admin:erasure_case_live", args=[case.pk])).status_code == 403
    missing = reverse("admin:erasure_case_live", args=["3f2a9c1e-58b7-4c0d-9a1f-2b6e7d8c9f00"])
    assert other.get(missing).status_code == 404
