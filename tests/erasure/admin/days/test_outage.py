"""A day of a vendor's outage: its account is tested, paused with a reason, tested again and resumed."""

import pytest
from playwright.sync_api import expect

from compliance.audit.models import Event
from erasure import sandbox
from erasure.models import Call, Vendor
from erasure.sandbox import Fault
from tests.browsing import people_at, unfold
from tests.factories import approved_case, person, vendor

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_a_vendor_that_is_down_is_paused_and_resumed_when_it_answers(live_server):
    with sandbox.start(["apptus"]) as running:
        stand_in = running["apptus"]
        account = vendor("Web shop", base_url=stand_in.url, credentials=stand_in.credentials)
        case = approved_case()
        vera = person("vera", "vendor manager")
        person("olive", "intake")
        outage = stand_in.faults.add(Fault("reply", times=None, status=503))

        with people_at(live_server.url) as sign_in:
            page, olive = sign_in("vera"), sign_in("olive")
            page.get_by_role("link", name="Vendor accounts", exact=True).click()
            page.get_by_role("link", name="Web shop").click()
            page.get_by_role("button", name="Test connection").click()
            expect(page.locator(".messagelist")).to_contain_text("503")  # the port may hold these digits too
            pausing = unfold(page, "Pause")
            pausing.get_by_label("Reason:").fill("Down since nine; they expect to be back at noon.")
            pausing.get_by_role("button", name="Pause").click()
            expect(page.get_by_text("Paused: nothing is sent with this account")).to_be_visible()

            page.get_by_role("link", name="Vendor accounts", exact=True).click()
            expect(page.get_by_role("row", name="Web shop")).to_contain_text("they expect to be back at noon")
            olive.get_by_role("link", name="All cases").click()
            olive.get_by_role("link", name=case.reference).click()
            expect(olive.get_by_role("article", name="Web shop")).to_contain_text("paused")

            stand_in.faults.clear()
            page.get_by_role("link", name="Web shop").click()
            page.get_by_role("button", name="Test connection").click()
            expect(page.get_by_text("Apptus answers and takes the credentials.")).to_be_visible()
            page.get_by_role("button", name="Resume").click()
            expect(page.get_by_text("Resumed: 1 piece of vendor work is due")).to_be_visible()
            expect(page.get_by_role("button", name="Resume")).to_have_count(0)
        effects = [entry for entry in stand_in.journal.entries() if entry.effect]

    account = Vendor.objects.get(pk=account.pk)
    assert (account.pause, account.pause_note) == ("", "")
    told = Event.objects.filter(subject=f"vendor:{account.pk}", actor=f"user:{vera.pk}").order_by("id")
    assert [event.action for event in told] == ["vendor.tested", "vendor.paused", "vendor.tested", "vendor.resumed"]
    assert [event.details["result"] for event in told.filter(action="vendor.tested")] == ["failed", "ok"]
    assert (effects, Call.objects.filter(writes=True).count()) == ([], 0)
    assert outage.struck
