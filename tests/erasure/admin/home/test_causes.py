"""One line for each cause, with its number, its way out and its list; and what is confirmed by hand, by reference."""

import re
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest

from compliance import clock
from erasure import vendors
from erasure.admin.home import causes
from erasure.models import SubTask, SubTaskIdentifier
from erasure.states import Attention, Pause, SubTaskStatus
from tests.factories import approved_case, vendor, work

from .conftest import markup, panel


def stop(case, code: str) -> None:
    SubTask.objects.filter(pk=work(case).pk).update(
        status=SubTaskStatus.NEEDS_ATTENTION, attention_code=code, next_at=None
    )


def test_cases_that_stop_for_one_reason_are_one_line_and_its_link_lists_them(home, signed_in):
    one, two, other = approved_case(), approved_case(), approved_case()
    for case, code in ((one, "refused"), (two, "refused"), (other, "files_offered")):
        stop(case, code)
    html = markup(home("ada", "approver"), "attention")
    said = panel(html, "attention")
    assert "Shop search: the vendor refused Decide by hand: each case's page says what happened. 2" in said
    assert "Shop search: the vendor offered files that it should not have" in said
    assert said.index("the vendor refused") < said.index("the vendor offered files")
    (address,) = re.findall(r'href="([^"]+cause=refused)"', html)
    listed = signed_in("ada", "approver").get(unescape(address)).content.decode()
    assert one.reference in listed
    assert two.reference in listed
    assert other.reference not in listed


def test_every_code_of_the_engine_has_its_way_out():
    assert set(causes.WAYS_OUT) == set(Attention)


def test_an_account_that_paused_itself_is_a_cause_with_the_work_that_waits_for_it(home, shop):
    approved_case(), approved_case()
    vendors.pause(shop, Pause.CREDENTIALS, "HTTP 401", clock.now(), trial_at=None)
    said = panel(home("ada", "approver"), "attention")
    assert (
        "Shop search: account settings or credentials are wrong Fix the account: it goes on by itself then. 2" in said
    )


def test_whoever_paused_an_account_by_hand_knows_it(home, shop):
    vendors.pause(shop, Pause.BY_HAND, "Maintenance.", clock.now(), trial_at=None)
    said = panel(home("ada", "approver"), "attention")
    assert "No vendor work needs attention, and no account is paused." not in said or "paused by hand" not in said
    assert "paused by hand" not in said


def test_more_causes_than_are_shown_are_said(home):
    for number in range(causes.MOST + 1):
        stop(approved_case(), f"code_{number}")
    assert "There are more causes" in panel(home("ada", "approver"), "attention")


@pytest.fixture
def archive(db):
    return vendor("Forum", "acquia")


def await_hand(case, reference: str, until: datetime | None = None) -> None:
    part = work(case, "Forum")
    SubTask.objects.filter(pk=part.pk).update(status=SubTaskStatus.AWAITING_ATTESTATION, next_at=until)
    SubTaskIdentifier.objects.filter(sub_task=part).update(reference=reference)


def test_what_is_confirmed_by_hand_is_grouped_by_reference(home, archive):
    cases = [approved_case() for _number in range(3)]
    for case in cases[:2]:
        await_hand(case, "batch-7", datetime(2027, 3, 1, 12, tzinfo=UTC))
    await_hand(cases[2], "")
    html = markup(home("olive", "intake"), "by-hand")
    said = panel(html, "by-hand")
    assert "Forum batch-7 To be confirmed by 2027-03-01. 2" in said
    assert "Forum Each on its own: there is no vendor reference. 1" in said
    assert f"/admin/erasure/subtask/references/{archive.pk}/?reference=batch-7" in html


def test_nobody_is_asked_to_confirm_a_case_on_hold(home, archive):
    case = approved_case()
    await_hand(case, "batch-7")
    type(case).objects.filter(pk=case.pk).update(held_at=clock.now() - timedelta(days=1))
    assert "Nothing awaits confirmation by hand." in panel(home("olive", "intake"), "by-hand")
