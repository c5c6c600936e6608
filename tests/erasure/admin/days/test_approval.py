"""A day of approving: signing in with a device, reading what will be sent, and deciding."""

from base64 import b32decode
from datetime import timedelta

import pytest
from django_otp.oath import TOTP
from playwright.sync_api import expect

from compliance import clock
from compliance.audit.models import Event
from compliance.staff.models import Authenticator
from erasure.models import Call
from erasure.states import CaseStatus, Role, SubTaskStatus
from tests.browsing import unfold
from tests.factories import opened_case, person, vendor, work

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def code_of(key: str) -> str:
    """What an authenticator app shows now for the key that was typed into it."""
    totp = TOTP(b32decode(key))
    totp.time = clock.now().timestamp()
    return f"{totp.token():06}"


def test_one_plan_is_read_and_approved_and_another_rejected(people, settings, turn_clock):
    settings.SECOND_FACTOR = True
    turn_clock(timedelta())  # stands still, so that a code is good for as long as the machine takes
    vendor("Paper archive", "manual")
    good, bad = opened_case(submit=True), opened_case(submit=True, kind="restriction")
    ada = person("ada", "approver")

    with people() as sign_in:
        page = sign_in("ada")
        expect(page.get_by_text("a password alone opens nothing")).to_be_visible()
        key = page.get_by_role("code").inner_text().replace(" ", "")
        page.get_by_label("Code").fill(code_of(key))
        page.get_by_role("button", name="Confirm").click()
        page.get_by_role("link", name="I have kept them: go on").click()

        page.get_by_role("link", name="Awaiting my approval 2").click()
        expect(page.get_by_text("read what will be sent to whom")).to_be_visible()
        page.get_by_role("link", name=good.reference).click()
        page.get_by_role("link", name="Read the plan and decide").click()
        plan = page.get_by_role("region", name="Plan version 1")
        shop = plan.get_by_role("article", name="Shop search")
        expect(shop).to_contain_text("POST http://127.0.0.1:9101")
        expect(shop).to_contain_text("create-export-customer-job")
        expect(shop).to_contain_text("•••")
        expect(plan.get_by_role("article", name="Paper archive")).to_contain_text("nothing is sent by the desk")
        assert "C-1001" not in page.content() and "ada@example.org" not in page.content()
        approval = unfold(plan, "Approve this plan")
        approval.get_by_label("Note").fill("Compared with the letter.")
        turn_clock(timedelta(minutes=16))
        approval.get_by_role("button", name="Approve this plan").click()
        expect(page.get_by_role("heading", name="Is it still you?")).to_be_visible()
        expect(page.get_by_text("Nothing has been done yet.")).to_be_visible()
        page.get_by_label("Password").fill("password")
        page.get_by_label("Code").fill(code_of(key))
        page.get_by_role("button", name="Confirm and go on").click()
        expect(page.get_by_text("Approved. The work has been handed to the vendor queues.")).to_be_visible()
        expect(page.get_by_role("heading", level=1)).to_contain_text("in progress")

        page.get_by_role("link", name="Home").click()
        page.get_by_role("link", name="Awaiting my approval 1").click()
        page.get_by_role("link", name=bad.reference).click()
        refusal = unfold(page, "Reject")
        refusal.get_by_label("Ground").select_option("identity not proven")
        refusal.get_by_label("Note").fill("The passport was somebody else's.")
        refusal.get_by_role("button", name="Reject", exact=True).click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("rejected")
        expect(page.get_by_role("row", name="Rejected because")).to_contain_text("identity not proven")
        page.get_by_role("link", name="Home").click()
        expect(page.get_by_text("Nothing awaits your approval.")).to_be_visible()

    good.refresh_from_db()
    bad.refresh_from_db()
    assert (good.status, bad.status) == (CaseStatus.IN_PROGRESS, CaseStatus.REJECTED)
    assert good.revisions.get().parties.get(role=Role.APPROVER).person == ada
    assert work(good).status == SubTaskStatus.READY
    assert work(good, "Paper archive").status == SubTaskStatus.AWAITING_ATTESTATION
    assert {note.unseal("text") for note in good.notes.all()} == {"Compared with the letter."}
    assert {note.unseal("text") for note in bad.notes.all()} == {"The passport was somebody else's."}
    assert Authenticator.objects.get(user=ada).confirmed
    hers = Event.objects.filter(actor=f"user:{ada.pk}").order_by("id")
    decided = [(event.action, event.case) for event in hers if event.case and event.action.startswith("case.")]
    assert decided == [("case.approved", good.reference), ("case.rejected", bad.reference)]
    assert hers.filter(action="staff.confirmed").count() == 1
    assert not Call.objects.exists()
