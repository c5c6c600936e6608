"""Every sub-task that is not at its end says what it waits for."""

import pytest

from compliance import clock
from erasure import lifecycle, vendors
from erasure.models import SubTask, Vendor
from erasure.states import Pause
from erasure.waiting import waits_for
from tests.factories import approved_case, opened_case, person, vendor, work

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


def test_an_account_that_no_longer_fits_still_has_a_sentence(shop: Vendor) -> None:
    case = approved_case()
    Vendor.objects.update(connector="fax")
    assert said(case) == "To be sent: start_export."


def test_nothing_is_said_of_what_has_ended(shop: Vendor) -> None:
    case = approved_case()
    SubTask.objects.update(status="done")
    assert said(case) == ""
