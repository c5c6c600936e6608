"""A day of things that went wrong: from the cause on the overview to each case, to try again or to give up."""

import pytest
from django.db import transaction
from playwright.sync_api import expect

from compliance.audit.models import Event
from erasure.models import Case, SubTask
from erasure.states import Attention, CaseStatus, SubTaskStatus
from erasure.worker import attention
from tests.browsing import unfold
from tests.factories import approved_case, person, work

pytestmark = [pytest.mark.browser, pytest.mark.slow]
REFUSED = "shop.example understood the call and refused it (HTTP 422). Nothing was done there."


def refused() -> Case:
    """A case whose part at the shop was refused by it."""
    case = approved_case()
    sub_task = work(case)
    with transaction.atomic():
        attention.ask(sub_task, Attention.REFUSED, REFUSED, "start_export")
    return case


def test_of_what_a_vendor_refused_one_is_tried_again_and_one_given_up(people):
    again, lost = refused(), refused()
    ada = person("ada", "approver")

    with people() as sign_in:
        page = sign_in("ada")
        cause = page.get_by_role("link", name="Shop search: the vendor refused")
        cause.click()
        expect(page.get_by_role("link", name=lost.reference)).to_be_visible()
        page.get_by_role("link", name=again.reference).click()
        page.get_by_role("link", name="Go to Shop search").click()
        part = page.get_by_role("article", name="Shop search")
        expect(part).to_contain_text(REFUSED)
        part.get_by_role("button", name="Try again").click()
        expect(page.get_by_text("It is tried again.")).to_be_visible()
        expect(part).not_to_contain_text(REFUSED)

        page.get_by_role("link", name="Home").click()
        cause.click()
        expect(page.get_by_role("row")).to_have_count(2)
        expect(page.get_by_role("link", name=again.reference)).to_have_count(0)
        page.get_by_role("link", name=lost.reference).click()
        giving_up = unfold(part, "Give up")
        giving_up.get_by_label("Note").fill("The shop was closed down in May.")
        giving_up.get_by_role("button", name="Give up").click()
        expect(page.get_by_text("so the case has ended: partly completed.")).to_be_visible()
        expect(part).to_contain_text("stopped")
        page.get_by_role("link", name="Home").click()
        expect(page.get_by_text("No vendor work needs attention, and no account is paused.")).to_be_visible()

    retried, stopped = work(again), work(lost)
    assert (retried.status, retried.attention_code) == (SubTaskStatus.READY, "")
    assert stopped.status == SubTaskStatus.STOPPED
    assert Case.objects.get(pk=again.pk).status == CaseStatus.IN_PROGRESS
    assert Case.objects.get(pk=lost.pk).status == CaseStatus.PARTLY_COMPLETED
    assert [note.unseal("text") for note in lost.notes.all()] == ["The shop was closed down in May."]
    assert not SubTask.objects.filter(status=SubTaskStatus.NEEDS_ATTENTION).exists()
    hers = Event.objects.filter(actor=f"user:{ada.pk}", action__in=("sub_task.retried", "sub_task.stopped"))
    assert {event.subject for event in hers} == {str(retried), str(stopped)}
