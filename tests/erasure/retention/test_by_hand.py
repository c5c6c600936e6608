"""Two people: one asks for the destruction, another approves it. Superusers, service accounts and forged posts too."""

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse

from compliance.audit.models import Event
from erasure import retention
from erasure.errors import Conflict, Forbidden, Invalid
from erasure.models import Case, Shredding
from tests.erasure.admin.conftest import act, page, told
from tests.erasure.api.conftest import as_account
from tests.factories import person

from .made import anew, asked_for, cancelled_case, ended_case, shredded

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("shop")]


def client_of(name: str, *roles: str, **fields: object) -> Client:
    client = Client()
    client.force_login(person(name, *roles, **fields))
    return client


def actions(case: Case) -> list[tuple[str, str]]:
    found = Event.objects.filter(case=case.reference, action__contains="shred").order_by("pk")
    return [(event.action, event.actor) for event in found]


def test_one_asks_another_approves_and_the_trail_names_both() -> None:
    olive, ada = person("olive", "intake"), person("ada", "approver")
    case = asked_for(ended_case())
    assert anew(case).identifiers.first().value(), "nothing is destroyed before"
    retention.approve(case, by=ada)
    case = anew(case)
    assert case.shredded_at
    assert (case.shredding.asked_by, case.shredding.approved_by) == (olive, ada)
    assert actions(case) == [("case.shred_asked", f"user:{olive.pk}"), ("case.shredded", f"user:{ada.pk}")]
    assert Event.objects.get(action="case.shredded").details["asked_by"] == f"user:{olive.pk}"


@pytest.mark.parametrize("is_superuser", [False, True])
def test_whoever_asks_cannot_approve_by_function_page_or_forged_post(is_superuser: bool) -> None:
    client = client_of("olive", "intake", "approver", is_superuser=is_superuser)
    case = asked_for(ended_case())
    with pytest.raises(Forbidden) as refused:
        retention.approve(case, by=person("olive"))
    assert refused.value.code == "four_eyes"
    html = page(client, case)
    assert "another person must approve it" in html
    assert "/approve_shred/" not in html
    assert "another person must approve it" in told(act(client, case, "approve_shred"))[0]
    assert not anew(case).shredded_at


def test_the_database_itself_keeps_the_two_apart() -> None:
    case = asked_for(ended_case())
    with pytest.raises(IntegrityError), transaction.atomic():
        Shredding.objects.filter(case=case).update(approved_by=person("olive"), at=case.updated_at)


def test_it_can_be_taken_back_and_asked_for_again() -> None:
    case = asked_for(ended_case())
    with pytest.raises(Conflict, match="before"):
        asked_for(case, by="ida")
    retention.withdraw(case, by=person("ada", "approver"), note="She wants a copy first.")
    with pytest.raises(Conflict, match="Nobody asks"):
        retention.approve(anew(case), by=person("ada"))
    with pytest.raises(Conflict, match="Nobody asks"):
        retention.withdraw(anew(case), by=person("ada"))
    retention.approve(asked_for(anew(case)), by=person("ada"))
    assert [action for action, _actor in actions(case)] == [
        *("case.shred_asked", "case.shred_withdrawn", "case.shred_asked", "case.shredded")
    ]


def test_what_came_up_between_asking_and_approving_is_in_the_way() -> None:
    case = asked_for(ended_case())
    from erasure import lifecycle

    lifecycle.hold(case, by=person("ida", "approver"), note="A claim was announced.")
    with pytest.raises(Conflict, match="on hold"):
        retention.approve(anew(case), by=person("ada"))
    assert not anew(case).shredded_at


def test_a_reason_is_one_of_its_words() -> None:
    for reason in ("", "time_over", "because"):
        with pytest.raises(Invalid):
            retention.ask(ended_case(), by=person("olive"), reason=reason)


def test_a_draft_offers_no_destruction_and_a_cancelled_case_does() -> None:
    client = client_of("mia", "approver")
    assert "/ask_shred/" in page(client, cancelled_case())
    shred = shredded(ended_case())
    assert "/ask_shred/" not in page(client, shred)


def test_what_is_asked_for_stands_in_a_queue_and_is_the_approvers_next_step() -> None:
    case = asked_for(ended_case())
    client = client_of("ada", "approver")
    listed = client.get(reverse("admin:erasure_case_changelist"), {"queue": "to-destroy"}).content.decode()
    assert case.reference in listed
    html = page(client, case)
    assert "olive asked on" in html and "for the destruction of the personal data (the person asks for it)" in html
    assert 'id="approve_shred-case"' in html


# --- over the API


def test_two_accounts_do_it_over_the_api_and_one_alone_cannot() -> None:
    crm, legal, case = as_account("crm"), as_account("legal"), ended_case()
    address = f"/api/v1/cases/{case.reference}/shred/"
    asked = crm.post(address, {"reason": "person_asks", "note": "She asks for it."}).json()
    assert (asked["shredding"]["reason"], asked["shredding"]["at"], asked["shredded_at"]) == ("person_asks", None, None)
    assert crm.post(address, {"reason": "other"}).json()["type"] == "/problems/shred_asked"
    assert crm.post(f"{address}approve/", {}).json()["type"] == "/problems/four_eyes"
    done = legal.post(f"{address}approve/", {})
    assert done.status_code == 200, done.content
    shown = done.json()
    assert shown["shredded_at"] and shown["shredding"]["at"] and "Backups" in shown["readable_in_backups"]
    assert (shown["shred_at"], shown["status"]) == (None, "completed")
    for path in ("shred/", "hold/", "reply/", "shred/approve/", "shred/withdraw/"):
        body = {"reason": "other"} if path == "shred/" else {"channel": "email"} if path == "reply/" else {}
        assert legal.post(f"/api/v1/cases/{case.reference}/{path}", body).status_code == 409


def test_the_api_says_why_not_and_shows_the_date() -> None:
    crm, open_, ended = as_account("crm"), ended_case(answered=False), ended_case()
    refused = crm.post(f"/api/v1/cases/{open_.reference}/shred/", {"reason": "other"})
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/wrong_state")
    assert "answered" in refused.json()["detail"]
    withdrawn = crm.post(f"/api/v1/cases/{ended.reference}/shred/withdraw/", {})
    assert withdrawn.json()["type"] == "/problems/shred_not_asked"
    retention.give_dates()
    shown = crm.get(f"/api/v1/cases/{ended.reference}/").json()
    assert shown["shred_at"] == anew(ended).shred_at.isoformat()
    assert shown["readable_in_backups"] == ""
