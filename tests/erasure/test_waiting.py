"""Every sub-task that is not at its end says what it waits for."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils.timezone import localtime

from compliance import clock
from erasure import lifecycle, planning, vendors
from erasure.models import SubTask, Vendor
from erasure.states import Pause, SubTaskStatus
from erasure.waiting import decisions, until, waits_for
from tests.erasure.taken import cdp, taken
from tests.factories import approve, approved_case, found, opened_case, person, vendor, work

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop() -> Vendor:
    return vendor("Shop search")


def said(case: object, name: str = "Shop search") -> str:
    return waits_for(work(case, name))


def test_before_an_approval_it_waits_for_one(shop: Vendor) -> None:
    assert said(opened_case()) == "An approval."


def test_after_it_for_its_next_step(shop: Vendor) -> None:
    assert said(approved_case()) == "To be sent: start the export."


def test_a_hold_a_pause_and_a_disabled_account_are_told_before_the_step(shop: Vendor) -> None:
    case = approved_case()
    lifecycle.hold(case, by=person("ada"))
    assert said(case).startswith("On hold")
    lifecycle.release(case, by=person("ada"))
    vendors.pause(shop, Pause.CREDENTIALS, "Wrong.", clock.now(), trial_at=None)
    assert "paused" in said(case)
    vendors.resume(shop)
    Vendor.objects.update(enabled=False)
    assert "disabled" in said(case)


def test_work_by_hand_tells_the_instructions() -> None:
    vendor("Paper archive", "manual", options={"instructions": "Room 12", "accepts": ["email"]})
    assert said(approved_case(), "Paper archive") == "erase: Room 12"


def test_while_a_vendor_acts_unasked_a_person_may_confirm_and_is_told_by_when() -> None:
    cdp()
    sub_task = taken("E-1", next_at=datetime(2026, 11, 16, 9, 30, tzinfo=UTC))
    assert "confirm it by hand as soon as its own screen says" in waits_for(sub_task)
    assert until(sub_task) == "a confirmation is asked for from 2026-11-16 09:30:00 on"
    sub_task.status = SubTaskStatus.AWAITING_ATTESTATION
    assert until(sub_task) == "to be confirmed by 2026-11-16 09:30:00"
    sub_task.status, sub_task.step = SubTaskStatus.WAITING, "ask_again"
    assert waits_for(sub_task) == (
        "The vendor is asked again, which can itself erase what is there by then (ask again)."
    )
    sub_task.next_at = None
    assert until(sub_task) == ""


def test_the_next_question_is_told_only_while_nothing_comes_before_it(shop: Vendor) -> None:
    sub_task = work(approved_case())
    soon = clock.now() + timedelta(hours=1)
    SubTask.objects.update(status="waiting", step="await_export", next_at=soon)

    def now() -> str:
        return until(SubTask.objects.select_related("case", "vendor").get(pk=sub_task.pk))

    assert now() == f"next asked {localtime(soon):%Y-%m-%d %H:%M:%S}"
    lifecycle.hold(sub_task.case, by=person("ada"))
    assert now() == ""
    lifecycle.release(sub_task.case, by=person("ada"))
    Vendor.objects.update(pause=Pause.BY_HAND)
    assert now() == ""
    Vendor.objects.update(pause="", enabled=False)
    assert now() == ""
    Vendor.objects.update(enabled=True)
    SubTask.objects.update(next_at=clock.now() - timedelta(seconds=5))
    assert now() == "due now, in the vendor's queue"
    SubTask.objects.update(status="running", lease_until=soon)
    assert now() == ""


def test_a_batch_that_gathers_says_until_when_at_the_latest() -> None:
    account = cdp()
    sub_task = work(approved_case(identifiers=[("customer_id", "C-1")]), "CDP")
    assert waits_for(sub_task) == "To be sent: ask for the erasure."
    Vendor.objects.filter(pk=account.pk).update(gather_seconds=600)
    sub_task.refresh_from_db()
    end = f"{localtime(sub_task.next_at + timedelta(seconds=600)):%Y-%m-%d %H:%M:%S}"
    said = f"Gathers with other cases until {end} at the latest: ask for the erasure."
    assert (waits_for(sub_task), until(sub_task)) == (said, "")
    sub_task.batch_limit = 1
    assert waits_for(sub_task) == "To be sent: ask for the erasure.", "one that was split waits for nobody"
    sub_task.batch_limit, sub_task.next_at = None, clock.now() - timedelta(seconds=601)
    assert waits_for(sub_task) == "To be sent: ask for the erasure."


def test_a_vendor_that_is_asked_again_and_again_says_so(shop: Vendor) -> None:
    sub_task = work(approved_case())
    sub_task.status = SubTaskStatus.WAITING
    sub_task.step = "await_removal"
    assert waits_for(sub_task) == "The vendor is asked again until it has done it (wait for the removal)."
    sub_task.step = "start_export"
    assert waits_for(sub_task) == "Goes on with: start the export."


def test_an_account_that_no_longer_fits_still_has_a_sentence(shop: Vendor) -> None:
    case = approved_case()
    Vendor.objects.update(connector="fax")
    assert said(case) == "To be sent: start_export."


def test_nothing_is_said_of_what_has_ended(shop: Vendor) -> None:
    case = approved_case()
    SubTask.objects.update(status="done")
    assert said(case) == ""


def test_a_suggestion_that_could_serve_is_told_before_a_look_up(shop: Vendor) -> None:
    vendor("Paper archive", "manual")
    vendor("Forum", options={"customer_key_from": ["cookie_id"]})
    case = approved_case()
    look_up = said(case, "Forum")
    assert look_up.startswith("Nothing here names the person at this vendor, which takes: cookie id, ")
    found(case, ("email", "eva@example.org"))
    assert said(case, "Forum") == look_up, "a suggestion of another kind does not serve it"
    (cookie,) = found(case, ("cookie_id", "ck-1"))
    assert said(case, "Forum") == "A suggested identifier may name the person here: decide about it first."
    lifecycle.decide(case, by=person("olive"), accept=[cookie.pk], dismiss=[])
    waiting = case.sub_tasks.get(vendor__name="Forum", revision__number=1)
    assert waits_for(waiting).startswith("An identifier was added: plan version 2 takes this over")


def test_an_account_that_no_longer_fits_has_no_suggestion_and_still_a_sentence(shop: Vendor) -> None:
    vendor("Forum", options={"customer_key_from": ["cookie_id"]})
    case = approved_case()
    found(case, ("cookie_id", "ck-1"))
    Vendor.objects.filter(name="Forum").update(connector="fax")
    assert said(case, "Forum") == planning.reason_text("no_identifier")


def test_a_case_tells_what_people_have_to_decide(shop: Vendor) -> None:
    vendor("Paper archive", "manual")
    case = opened_case()
    assert decisions(case) == "The draft has to be submitted for approval."
    lifecycle.submit(case, by=case.opened_by)
    assert decisions(case) == "Plan version 1 awaits approval."
    approve(case)
    archive = "Paper archive waits for a person who confirms by hand that it is done."
    assert decisions(case) == archive

    one, _two = found(case, ("email", "eva@example.org"), ("email", "ada@example.com"))
    assert decisions(case) == f"2 suggested identifiers await a decision: accept or dismiss each. {archive}"
    lifecycle.decide(case, by=case.opened_by, accept=[one.pk], dismiss=[])
    assert decisions(case) == (
        "1 suggested identifier awaits a decision: accept or dismiss it. Plan version 2 awaits approval. " + archive
    )
    lifecycle.cancel(case, by=case.opened_by, reason="withdrawn")
    assert decisions(case) == ""


# --- what the whole case waits for


def test_a_case_says_that_it_is_on_hold_whatever_else_it_waits_for(shop: Vendor) -> None:
    case = approved_case()
    assert decisions(case) == "", "vendors alone are at work"
    lifecycle.hold(case, by=person("ada"))
    assert decisions(case) == "The case is on hold: nothing is sent until it is released."
    draft = opened_case()
    lifecycle.hold(draft, by=person("ada"))
    assert decisions(draft).endswith("The draft has to be submitted for approval.")


def test_a_case_says_which_vendors_wait_for_a_person(shop: Vendor) -> None:
    vendor("Paper archive", "manual")
    vendor("Forum", options={"customer_key_from": ["cookie_id"], "visitor_key_from": []})
    case = approved_case()
    look_up = "Forum waits for an identifier: look the person up there."
    attest = "Paper archive waits for a person who confirms by hand that it is done."
    assert decisions(case) == f"{look_up} {attest}"
    fields = {"status": SubTaskStatus.NEEDS_ATTENTION, "attention_code": "refused", "next_at": None}
    SubTask.objects.filter(pk=work(case).pk).update(**fields)
    assert decisions(case).endswith("Shop search needs attention: have it tried again, or give it up.")
    lifecycle.hold(case, by=person("ada"))
    assert attest not in decisions(case), "nothing is done by hand meanwhile"
    assert look_up in decisions(case)


def test_a_cancelled_case_says_that_what_was_sent_is_followed(shop: Vendor) -> None:
    case = approved_case()
    SubTask.objects.filter(case=case).update(sent_at=clock.now(), committed_at=clock.now())
    lifecycle.cancel(case, by=case.opened_by, reason="withdrawn")
    assert decisions(case) == "The case is cancelled: what was sent cannot be recalled and is followed to its end."
