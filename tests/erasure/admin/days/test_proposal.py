"""A day of suggestions: what a vendor found is accepted or dismissed, and what it leads to is approved by another."""

import pytest
from playwright.sync_api import expect

from compliance.audit.models import Event
from erasure.models import Call
from erasure.states import IdentifierState, RevisionStatus, Role, SubTaskStatus
from tests.browsing import unfold
from tests.factories import approved_case, found, person, vendor, work

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_one_suggestion_is_accepted_one_dismissed_and_another_person_approves(people):
    vendor("Forum", "manual", options={"instructions": "Room 12", "accepts": ["cookie_id"]})
    mia = person("mia", "intake")
    case = approved_case(by=mia)
    found(case, ("cookie_id", "ck-7f3a-hers"), ("cookie_id", "ck-7f3a-shared"))
    olive, ada = person("olive", "intake", "approver"), person("ada", "approver")

    with people() as sign_in:
        page = sign_in("olive")
        page.get_by_role("link", name="Suggestions to decide 1").click()
        page.get_by_role("link", name=case.reference).click()
        page.get_by_role("link", name="Look and decide").click()
        box = page.get_by_role("region", name="Suggested identifiers")
        expect(box).to_contain_text("A shared device can belong to somebody else")
        box.get_by_label("Accept cookie id •••rs").check()
        box.get_by_label("Dismiss cookie id •••ed").check()
        box.get_by_role("button", name="Decide about suggestions").click()
        expect(box).to_contain_text("Say in a note why")
        box.get_by_label("Note:").fill("A computer of the library.")
        box.get_by_role("button", name="Decide about suggestions").click()
        expect(page.get_by_text("Plan version 2 now awaits the approval of another person.")).to_be_visible()
        expect(page.get_by_text("You changed this plan; another person must approve it.").first).to_be_visible()
        expect(page.get_by_role("button", name="Approve this plan")).to_have_count(0)

        page = sign_in("ada")
        page.get_by_role("link", name="Awaiting my approval 1").click()
        page.get_by_role("link", name=case.reference).click()
        plan = page.get_by_role("region", name="Plan version 2")
        expect(plan.get_by_role("article")).to_have_count(1)
        expect(plan.get_by_role("article", name="Forum")).to_contain_text("•••rs")
        unfold(plan, "Approve this plan").get_by_role("button", name="Approve this plan").click()
        expect(page.get_by_text("Approved. The work has been handed to the vendor queues.")).to_be_visible()
        expect(page.get_by_role("heading", name="Plan version 2: approved")).to_be_visible()

    states = {item.unseal("value"): item.state for item in case.identifiers.filter(kind="cookie_id")}
    assert states == {"ck-7f3a-hers": IdentifierState.ACCEPTED, "ck-7f3a-shared": IdentifierState.DISMISSED}
    revision = case.revisions.get(number=2)
    assert revision.status == RevisionStatus.APPROVED
    parties = {(party.role, party.person) for party in revision.parties.all()}
    assert parties == {(Role.AUTHOR, mia), (Role.AUTHOR, olive), (Role.APPROVER, ada)}
    added = revision.sub_tasks.get()
    assert (added, added.status) == (work(case, "Forum"), SubTaskStatus.AWAITING_ATTESTATION)
    assert [use.identifier.unseal("value") for use in added.identifiers.all()] == ["ck-7f3a-hers"]
    assert work(case).status == SubTaskStatus.READY, "what was approved before goes on"
    assert {note.unseal("text") for note in case.notes.all()} == {"A computer of the library."}
    told = dict(Event.objects.filter(case=case.reference).values_list("action", "actor"))
    assert told["identifier.accepted"] == told["identifier.dismissed"] == f"user:{olive.pk}"
    assert told["case.approved"] == f"user:{ada.pk}"
    assert not Call.objects.exists()
