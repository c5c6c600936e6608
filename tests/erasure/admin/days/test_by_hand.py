"""A day of confirming by hand: what a vendor took under one number of its own is confirmed for all its cases."""

import pytest
from playwright.sync_api import expect

from compliance.audit.models import Event
from erasure import evidence
from erasure.models import Evidence
from erasure.states import SubTaskStatus
from tests.erasure.taken import cdp, said, taken
from tests.factories import person

pytestmark = [pytest.mark.browser, pytest.mark.slow]
PICTURE = b"\x89PNG the vendor's screen says completed"


def test_a_vendors_number_is_confirmed_for_all_its_cases_with_a_picture(people):
    cdp()
    first, second = (taken("E-1", status=SubTaskStatus.AWAITING_ATTESTATION) for _number in range(2))
    other = taken("E-2", status=SubTaskStatus.AWAITING_ATTESTATION)
    olive = person("olive", "intake")

    with people() as sign_in:
        page = sign_in("olive")
        page.get_by_role("link", name="All references").click()
        expect(page.get_by_role("row", name="E-1")).to_contain_text("CDP")
        page.get_by_role("link", name="E-1").click()
        expect(page.get_by_role("heading", name="2 cases")).to_be_visible()
        expect(page.get_by_role("link", name=second.case.reference)).to_be_visible()
        expect(page.get_by_role("link", name=other.case.reference)).to_have_count(0)
        page.get_by_label("yes, and it is done").check()
        page.get_by_role("button", name="Confirm all 2 cases").click()
        expect(page.get_by_text("Nothing was saved. Please correct what is marked below.")).to_be_visible()
        page.get_by_label("Note:").fill("Their screen says: completed.")
        page.get_by_label("File:").set_input_files(
            {"name": "ada-lovelace.png", "mimeType": "image/png", "buffer": PICTURE}
        )
        page.get_by_role("button", name="Confirm all 2 cases").click()
        expect(page.get_by_text("Confirmed by hand in 2 cases.")).to_be_visible()
        expect(page.get_by_role("link", name="E-1")).to_have_count(0)
        page.get_by_role("link", name="E-2").click()
        page.get_by_role("link", name=other.case.reference).click()
        expect(page.get_by_role("article", name="CDP")).to_contain_text("confirmation by hand")

    for sub_task in (first, second):
        assert said(sub_task) == [("erased", "yes", "confirmed", "E-1")]
        sub_task.refresh_from_db()
        assert sub_task.status == SubTaskStatus.DONE
        with evidence.open_evidence(sub_task.evidence.get()) as stream:
            assert stream.read() == PICTURE
        assert sub_task.case.notes.get().unseal("text") == "Their screen says: completed."
    other.refresh_from_db()
    assert other.status == SubTaskStatus.AWAITING_ATTESTATION
    assert not Evidence.objects.filter(name__icontains="lovelace").exists()
    attested = Event.objects.filter(action="sub_task.attested", actor=f"user:{olive.pk}")
    assert {event.subject for event in attested} == {str(first), str(second)}
