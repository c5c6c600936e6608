"""What is done with cases and vendors only after a fresh sign-in. How it is asked stands in
tests/compliance/staff/test_fresh.py."""

import re
from datetime import timedelta
from html import unescape

import pytest
from django.urls import reverse

from erasure import lifecycle
from erasure.models import Case, Vendor
from erasure.states import CaseStatus
from tests.erasure.admin.conftest import act
from tests.erasure.admin.test_vendor import filled
from tests.factories import opened_case

STALE = timedelta(minutes=16)


def asks(page) -> bool:
    return page.status_code == 403 and "Is it still you?" in page.content.decode()


def confirmed(client, address: str, page):
    """Posts what the page carries, with the password."""
    html = page.content.decode()
    carried: dict[str, list[str]] = {}
    for name, value in re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', html):
        carried.setdefault(unescape(name), []).append(unescape(value))
    return client.post(address, {**carried, "fresh-password": "password"})


def test_an_approval_waits_for_it_and_is_then_done_as_it_was_posted(signed_in, turn_clock):
    case = opened_case(submit=True)
    ada = signed_in("ada", "approver")
    turn_clock(STALE)
    page = act(ada, case, "approve", digest=lifecycle.open_revision(case).digest, note="Read it.")
    assert asks(page)
    assert Case.objects.get().status == CaseStatus.AWAITING_APPROVAL
    address = reverse("admin:erasure_case_act", args=[case.pk, "approve"])
    assert confirmed(ada, address, page).status_code == 302
    assert Case.objects.get().status == CaseStatus.IN_PROGRESS


def test_whoever_may_not_approve_is_refused_before_anything_is_asked(signed_in, turn_clock):
    case = opened_case(submit=True)
    ivo = signed_in("ivo", "intake")
    turn_clock(STALE)
    assert not asks(act(ivo, case, "approve", digest="x"))


def test_a_bulk_approval_waits_for_it(signed_in, turn_clock):
    cases = [opened_case(submit=True) for _number in range(2)]
    ada = signed_in("ada", "approver")
    turn_clock(STALE)
    address = reverse("admin:erasure_case_changelist")
    chosen = {"action": "approve_cases", "_selected_action": [case.pk for case in cases]}
    listed = ada.post(address, chosen, follow=True)
    assert listed.status_code == 200, "the list of what would be done is for everybody who may"
    (address, _status), *_more = listed.redirect_chain
    page = ada.post(address, {"note": ""})
    assert asks(page)
    assert set(Case.objects.values_list("status", flat=True)) == {CaseStatus.AWAITING_APPROVAL}
    confirmed(ada, address, page)
    assert set(Case.objects.values_list("status", flat=True)) == {CaseStatus.IN_PROGRESS}


def test_a_reveal_waits_for_it(signed_in, turn_clock):
    case = opened_case()
    olive = signed_in("olive", "intake")
    turn_clock(STALE)
    address = reverse("admin:erasure_case_reveal", args=[case.pk])
    page = olive.post(address, {"reason": "Asked on the phone.", "identifier": str(case.identifiers.first().pk)})
    assert asks(page)
    assert "ada@example.org" not in page.content.decode() and "C-1001" not in page.content.decode()
    shown = confirmed(olive, address, page).content.decode()
    assert "ada@example.org" in shown or "C-1001" in shown


def test_a_download_of_evidence_waits_for_it(signed_in, turn_clock):
    ada = signed_in("ada", "approver")
    turn_clock(STALE)
    nowhere = "00000000-0000-4000-8000-000000000000"
    assert asks(ada.post(reverse("admin:erasure_evidence_download", args=[nowhere])))


@pytest.mark.parametrize(
    ("changed", "asked"),
    [
        ({"credential_password": "another"}, True),
        (
            {"base_url": "http://127.0.0.1:9199", "credential_username": "desk", "credential_password": "let-me-in"},
            True,
        ),
        ({"calls_per_minute": 20}, False),
    ],
)
def test_credentials_and_where_they_are_sent_wait_for_it(signed_in, turn_clock, shop, changed, asked):
    vera = signed_in("vera", "vendor manager")
    turn_clock(STALE)
    address = reverse("admin:erasure_vendor_change", args=[shop.pk])
    kept = {"name": shop.name, "credential_username": "", "credential_password": ""}
    before = Vendor.objects.get(pk=shop.pk)
    page = vera.post(address, filled(**{**kept, **changed}))
    assert asks(page) is asked
    if asked:
        now = Vendor.objects.get(pk=shop.pk)
        assert (now.base_url, now.unseal("credentials")) == (before.base_url, before.unseal("credentials"))
        page = confirmed(vera, address, page)
    assert page.status_code == 302
    now = Vendor.objects.get(pk=shop.pk)
    assert now.base_url == changed.get("base_url", before.base_url)
    assert now.unseal("credentials")["password"] == changed.get("credential_password", "let-me-in")


def test_a_new_account_with_credentials_waits_for_it(signed_in, turn_clock):
    vera = signed_in("vera", "vendor manager")
    turn_clock(STALE)
    address = reverse("admin:erasure_vendor_add") + "?connector=apptus"
    page = vera.post(address, filled(name="Another shop"))
    assert asks(page)
    assert not Vendor.objects.filter(name="Another shop").exists()
    confirmed(vera, address, page)
    assert Vendor.objects.get(name="Another shop").unseal("credentials")["username"] == "desk"
