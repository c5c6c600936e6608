"""The suppression list's page."""

import csv
import io

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from compliance.audit.models import Event
from erasure.models import Suppressed
from tests.factories import opened_case, suppressed, vendor

from .conftest import page

pytestmark = pytest.mark.django_db


def address(name=""):
    return reverse(f"admin:erasure_case_suppression{name}")


def test_the_list_of_cases_leads_to_it_for_whoever_may(signed_in):
    cases = reverse("admin:erasure_case_changelist")
    assert address() in signed_in("ivy", "intake").get(cases).content.decode()
    assert address() not in signed_in("audrey", "auditor").get(cases).content.decode()


def test_somebody_on_the_list_is_found_and_nobody_is_named(signed_in):
    entry = suppressed("email", "ada@example.org")
    client = signed_in("ivy", "intake")
    html = client.post(address(), {"kind": "email", "value": "Ada@example.org"}).content.decode()
    assert "Yes, since" in html
    assert entry.case.reference not in html
    html = client.post(address(), {"kind": "email", "value": "eve@example.org"}).content.decode()
    assert "<strong>No.</strong>" in html
    assert [event.details["listed"] for event in Event.objects.filter(action="suppression.checked")] in ([1, 0], [0, 1])


def test_what_is_no_identifier_is_told_at_its_field(signed_in):
    answer = signed_in("ivy", "intake").post(address(), {"kind": "email", "value": "nobody"})
    assert answer.status_code == 422
    assert "It is not an e-mail address." in answer.content.decode()


def test_a_file_comes_back_with_an_answer_for_each_row_on_record(signed_in):
    suppressed("email", "ada@example.org")
    file = SimpleUploadedFile("new.csv", b"email,city\nada@example.org,Bath\n=1+1,Rome\n")
    answer = signed_in("ivy", "intake").post(address("_file"), {"file": file, "kind": "email"})
    assert answer["Content-Disposition"] == 'attachment; filename="suppression.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.content.decode())))
    assert [(row["value"], row["listed"]) for row in rows] == [("ada@example.org", "yes"), ("'=1+1", "")]
    assert Event.objects.get(action="suppression.checked").details == {"checked": 2, "listed": 1, "unreadable": 1}


def test_a_file_that_is_no_table_is_told_at_its_field_and_nothing_goes_on_record(signed_in):
    file = SimpleUploadedFile("new.csv", b"ada@example.org\n")
    answer = signed_in("ivy", "intake").post(address("_file"), {"file": file, "kind": "email"})
    assert answer.status_code == 422
    assert "The first row must name the column" in answer.content.decode()
    assert not Event.objects.filter(action="suppression.checked").exists()


def test_an_approver_takes_somebody_off_with_a_reason(signed_in):
    suppressed("email", "ada@example.org")
    client = signed_in("ada", "approver")
    given = {"kind": "email", "value": "eve@example.org", "reason": "came_back"}
    assert "is not on the list" in client.post(address("_remove"), given).content.decode()
    answer = client.post(address("_remove"), given | {"value": "ada@example.org"})
    assert answer.url == address()
    assert not Suppressed.objects.exists()
    assert "Take somebody off" not in signed_in("ivy", "intake").get(address()).content.decode()


def test_the_page_says_when_nobody_is_added(signed_in, settings):
    client = signed_in("ivy", "intake")
    assert "SUPPRESSION_DAYS is 0" in client.get(address()).content.decode()
    settings.SUPPRESSION_DAYS = 30
    assert "SUPPRESSION_DAYS" not in client.get(address()).content.decode()


def test_the_plan_on_the_cases_page_says_what_is_kept(signed_in, settings):
    vendor()
    settings.SUPPRESSION_DAYS = 30
    assert "kept for 30 days" in page(signed_in("ada", "approver"), opened_case(submit=True))
