"""The form that opens a case."""

import re
from datetime import timedelta

import pytest
from django.urls import reverse

from compliance import clock
from erasure.models import Case
from erasure.states import CaseStatus
from tests.factories import opened_case

from .conftest import page, told

ADD = "admin:erasure_case_add"


def filled(*identifiers, **fields):
    rows = {"identifiers-TOTAL_FORMS": "5", "identifiers-INITIAL_FORMS": "0"}
    for number in range(5):
        kind, value = identifiers[number] if number < len(identifiers) else ("email", "")
        rows |= {f"identifiers-{number}-kind": kind, f"identifiers-{number}-value": value}
    usual = {
        "kind": "erasure",
        "regime": "gdpr",
        "ground": "subject_request",
        "channel": "email",
        "received_at": (clock.now() - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M"),
    }
    return usual | rows | fields


ADA = [("email", "Ada.Lovelace@example.org"), ("customer_id", "C-4711")]


def test_the_form_has_five_empty_rows_and_the_time_it_is(signed_in):
    html = signed_in("olive", "intake").get(reverse(ADD)).content.decode()
    assert len(re.findall(r'name="identifiers-\d+-(kind|value)"', html)) == 10
    assert clock.now().strftime("%Y-%m-%dT") in html
    assert "Save and submit" in html


def test_a_draft_is_saved_with_everything_that_was_typed(signed_in, shop):
    client = signed_in("olive", "intake")
    given = filled(
        *ADA, country="DE", name="Ada Lovelace", reply_to="ada@post.example", vendors=[shop.slug], note="Called twice."
    )
    answer = client.post(reverse(ADD), given | {"_save": "1"})
    case = Case.objects.get()
    assert answer.url == reverse("admin:erasure_case_change", args=[case.pk])
    assert (case.status, case.country, case.opened_by.username) == (CaseStatus.DRAFT, "DE", "olive")
    assert case.unseal("requester") == {"name": "Ada Lovelace", "reply_to": "ada@post.example"}
    assert [(item.kind, item.value()) for item in case.identifiers.all()] == ADA
    assert list(case.vendors.all()) == [shop]
    assert case.notes.get().unseal("text") == "Called twice."


def test_countries_are_chosen_by_name(signed_in):
    html = signed_in("olive", "intake").get(reverse(ADD)).content.decode()
    assert '<option value="DE">Germany (DE)</option>' in html
    assert '<option value="GE">Georgia (GE)</option>' in html


def test_save_and_submit_submits(signed_in):
    signed_in("olive", "intake").post(reverse(ADD), filled(*ADA, _submit="1"))
    assert Case.objects.get().status == CaseStatus.AWAITING_APPROVAL


@pytest.mark.parametrize(
    ("given", "where", "words"),
    [
        (filled(), "", "At least one identifier is needed"),
        (filled(("email", "not an address")), "identifiers-0-value", "It is not an e-mail address."),
        (filled(("email", ""), ("visitor_id", "x")), "identifiers-1-value", "It is not a UUID"),
        (filled(("shoe_size", "42")), "identifiers-0-kind", "No vendor takes this kind"),
        (filled(("customer_id", "C\x0b1")), "identifiers-0-value", "control character"),
        (filled(("customer_id", "C-1\r\nC-2")), "identifiers-0-value", "line break"),
        (filled(*ADA, received_at="2126-01-01T00:00"), "received_at", "in the future"),
        (filled(*ADA, country="1x"), "country", "1x is not one of the available choices"),
        (filled(*ADA, kind="burn"), "kind", "burn is not one of the available choices"),
        (filled(*ADA, vendors=["nobody"]), "vendors", "nobody is not one of the available choices"),
    ],
)
def test_what_is_wrong_stands_at_its_field_and_nothing_is_saved(signed_in, given, where, words):
    answer = signed_in("olive", "intake").post(reverse(ADD), given)
    assert answer.status_code == 200
    assert not Case.objects.exists()
    form, rows = answer.context["form"], answer.context["rows"]
    if where.startswith("identifiers-"):
        _rows, number, field = where.split("-")
        errors = rows[int(number)].errors[field]
    else:
        errors = form.errors[where or "__all__"]
    assert words in str(errors)
    assert "Nothing was saved" in answer.content.decode()


def test_a_used_external_id_names_the_case_that_has_it(signed_in):
    client = signed_in("olive", "intake")
    client.post(reverse(ADD), filled(*ADA, external_id="crm-1"))
    answer = client.post(reverse(ADD), filled(*ADA, external_id="crm-1"))
    assert Case.objects.get().reference in str(answer.context["form"].errors["external_id"])


def test_a_likely_duplicate_is_pointed_out_with_a_link(signed_in):
    client = signed_in("olive", "intake")
    first = opened_case(identifiers=ADA)
    client.post(reverse(ADD), filled(("email", "ada.lovelace@EXAMPLE.org")))
    second = Case.objects.exclude(pk=first.pk).get()
    html = page(client, second)
    assert "Perhaps the same person" in html
    assert reverse("admin:erasure_case_change", args=[first.pk]) in html


@pytest.mark.parametrize("role", ["approver", "auditor", "vendor manager"])
def test_only_intake_opens_cases(signed_in, role):
    client = signed_in("ann", role)
    assert client.get(reverse(ADD)).status_code == 403
    assert client.post(reverse(ADD), filled(*ADA)).status_code == 403
    assert not Case.objects.exists()


def test_a_case_that_cannot_be_submitted_stays_a_draft_and_says_why(signed_in, shop):
    shop.enabled = False
    shop.save()
    answer = signed_in("olive", "intake").post(reverse(ADD), filled(*ADA, _submit="1"))
    assert Case.objects.get().status == CaseStatus.DRAFT
    assert any("no enabled vendor" in text for text in told(answer))
