"""A day at intake: a request is taken down, looked through, and handed on to be approved by somebody else."""

import pytest
from playwright.sync_api import expect

from compliance.audit.models import Event
from erasure.models import Call, Case
from erasure.states import CaseStatus, RevisionStatus, SubTaskStatus
from tests.browsing import unfold
from tests.factories import opened_case, person, vendor, work

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_a_request_is_taken_down_and_handed_on(people):
    vendor("Exchange", "acoustic")
    vendor("Paper archive", "manual")
    known = opened_case()
    olive = person("olive", "intake", "approver")  # she may approve, but not what she opened

    with people() as sign_in:
        page = sign_in("olive")
        page.get_by_role("link", name="Open a case").click()
        page.get_by_label("Law:").select_option("GDPR")
        page.get_by_label("Kind 1").select_option("email")
        page.get_by_label("Value 1").fill("ada at example.org")
        page.get_by_label("Name:").fill("Ada Lovelace")
        page.get_by_label("Reply address:").fill("ada@example.org")
        page.get_by_label("Note:").fill("She called and sends a letter, too.")
        page.get_by_role("button", name="Save draft").click()
        expect(page.get_by_text("Nothing was saved. Please correct what is marked below.")).to_be_visible()
        expect(page.get_by_text("It is not an e-mail address.")).to_be_visible()
        page.get_by_label("Value 1").fill("ada@example.org")
        page.get_by_role("button", name="Save draft").click()

        expect(page.get_by_role("heading", level=1)).to_contain_text("draft")
        expect(page.get_by_text("Perhaps the same person:")).to_be_visible()
        expect(page.get_by_role("link", name=known.reference)).to_be_visible()
        lacking = page.get_by_role("article", name="Shop search")
        expect(lacking).to_contain_text("none")
        added = unfold(page, "Add an identifier")
        added.get_by_label("Kind").select_option("customer_id")
        added.get_by_label("Value").fill("C-1001")
        added.get_by_role("button", name="Add an identifier").click()
        expect(page.get_by_text("The identifier is in the case, and the plan has been drawn again.")).to_be_visible()
        expect(lacking).to_contain_text("create-export-customer-job")
        page.get_by_role("button", name="Submit for approval").click()

        expect(page.get_by_role("heading", level=1)).to_contain_text("awaiting approval")
        expect(page.get_by_text("Submitted. Another person can approve it now.")).to_be_visible()
        expect(page.get_by_text("You opened this case; another person must approve it.").first).to_be_visible()
        expect(page.get_by_role("button", name="Approve this plan")).to_have_count(0)
        page.get_by_role("link", name="Home").click()
        expect(page.get_by_text("Nothing awaits your approval.")).to_be_visible()

    case = Case.objects.exclude(pk=known.pk).get()
    assert (case.status, case.opened_by, case.regime) == (CaseStatus.AWAITING_APPROVAL, olive, "gdpr")
    values = {item.kind: item.unseal("value") for item in case.identifiers.all()}
    assert values == {"email": "ada@example.org", "customer_id": "C-1001"}
    assert case.unseal("requester") == {"name": "Ada Lovelace", "reply_to": "ada@example.org"}
    assert case.notes.get().unseal("text") == "She called and sends a letter, too."
    assert case.revisions.get(status=RevisionStatus.OPEN).parties.get().person == olive
    assert {work(case, name).status for name in ("Shop search", "Exchange", "Paper archive")} == {SubTaskStatus.PLANNED}
    told = Event.objects.filter(case=case.reference, actor=f"user:{olive.pk}").values_list("action", flat=True)
    assert {"case.opened", "note.added", "identifier.added", "case.submitted"} <= set(told)
    assert not Call.objects.exists()
