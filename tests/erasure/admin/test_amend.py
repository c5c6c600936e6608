"""Changing a draft before it is submitted."""

import pytest
from django.urls import reverse

from compliance.audit.models import Event
from erasure import lifecycle
from tests.factories import opened_case, person, vendor

from .conftest import page, told

REQUESTER = {"name": "Augusta Ada King", "reply_to": "countess@ockham.example"}


@pytest.fixture
def draft(shop):
    return opened_case(requester=REQUESTER, country="DE", subdivision="BY", external_id="crm-1")


def at(case):
    return reverse("admin:erasure_case_edit", args=[case.pk])


def filled(client, case, **changes):
    """What the form sends when nothing but `changes` was touched."""
    form = client.get(at(case)).context["form"]
    given = {name: form[name].value() for name in form.fields}
    given["received_at"] = f"{given['received_at']:%Y-%m-%dT%H:%M}"
    return {name: value for name, value in (given | changes).items() if value is not None}


def test_a_draft_is_changed_and_its_due_date_with_it(signed_in, draft):
    client, forum = signed_in("mia", "intake", "approver"), vendor("Forum")
    given = filled(client, draft, regime="ccpa", country="US", subdivision="CA", vendors=[forum.slug], name="Ada Byron")
    answer = client.post(at(draft), given)
    assert answer.url == reverse("admin:erasure_case_change", args=[draft.pk])
    before = draft.due_on
    draft.refresh_from_db()
    assert (draft.regime, draft.country, draft.subdivision) == ("ccpa", "US", "CA")
    assert draft.due_on != before
    assert draft.unseal("requester") == REQUESTER | {"name": "Ada Byron"}
    assert draft.unseal("external_id") == "crm-1"
    assert [part.vendor for part in draft.revisions.get().sub_tasks.all()] == [forum]
    event = Event.objects.get(action="case.amended")
    assert set(event.details["changed"]) == {"regime", "country", "subdivision", "vendors", "requester"}
    assert "Ada" not in event.canonical


def test_whoever_changed_the_draft_cannot_approve_it(signed_in, draft):
    client = signed_in("mia", "intake", "approver")
    client.post(at(draft), filled(client, draft, ground="objection"))
    lifecycle.submit(draft, by=person("olive"))
    assert "/approve/" not in page(client, draft)
    assert "/approve/" in page(signed_in("ada", "approver"), draft)


def test_an_untouched_form_changes_nothing_and_makes_nobody_an_author(signed_in, draft):
    client = signed_in("mia", "intake")
    assert told(client.post(at(draft), filled(client, draft))) == ["Nothing was changed."]
    assert not Event.objects.filter(action="case.amended").exists()
    assert [party.person.username for party in draft.revisions.get().parties.all()] == ["olive"]


def test_the_form_shows_no_value_of_the_requester_and_a_dash_removes_one(signed_in, draft):
    client = signed_in("olive", "intake")
    html = client.get(at(draft)).content.decode()
    assert not [value for value in (*REQUESTER.values(), "crm-1") if value in html]
    assert "c•••@o•••.example is known." in html
    client.post(at(draft), filled(client, draft, reply_to="-"))
    draft.refresh_from_db()
    assert draft.unseal("requester") == {"name": REQUESTER["name"]}


def test_what_is_wrong_stands_at_its_field(signed_in, draft):
    client = signed_in("olive", "intake")
    answer = client.post(at(draft), filled(client, draft, received_at="2126-01-01T00:00", country=""))
    assert "in the future" in str(answer.context["form"].errors["received_at"])
    assert answer.context["form"].errors["subdivision"]
    draft.refresh_from_db()
    assert draft.country == "DE"


def test_only_a_draft_is_changed(signed_in, draft):
    client = signed_in("olive", "intake")
    assert at(draft) in page(client, draft)
    given = filled(client, draft, ground="other")
    lifecycle.submit(draft, by=person("olive"))
    assert at(draft) not in page(client, draft)
    for answer in (client.get(at(draft)), client.post(at(draft), given)):
        assert told(answer)[-1] == "Only a draft can be changed. Nothing was changed."
    draft.refresh_from_db()
    assert draft.ground == "subject_request"


@pytest.mark.parametrize("role", ["approver", "auditor"])
def test_only_intake_changes_drafts(signed_in, draft, role):
    client = signed_in("nils", role)
    assert at(draft) not in page(client, draft)
    assert client.get(at(draft)).status_code == 403
    assert client.post(at(draft), {}).status_code == 403
