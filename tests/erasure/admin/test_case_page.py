"""What the page of a case shows, and what it keeps back."""

import hashlib
import re
from datetime import timedelta
from urllib.parse import quote

import pytest
from django.urls import reverse
from django.utils.html import escape

from compliance import clock
from compliance.audit.models import Event
from compliance.vault.models import DataKey
from erasure import lifecycle, planning
from erasure.models import Call, CallSubTask, SubTask
from tests.factories import approved_case, opened_case, person, vendor, work

from .conftest import act, page, superuser, told

EMAIL, CUSTOMER, VISITOR = "Ada.Lovelace@example.org", "C-4711 äß", "3f2a9c1e-58b7-4c0d-9a1f-2b6e7d8c9f00"
ADA = [("email", EMAIL), ("customer_id", CUSTOMER), ("visitor_id", VISITOR)]
REQUESTER = {"name": "Augusta Ada King", "reply_to": "countess@ockham.example", "acting_for": "Byron"}


def secrets():
    return [
        EMAIL,
        EMAIL.lower(),
        CUSTOMER,
        quote(CUSTOMER),
        VISITOR,
        *(hashlib.sha256(text.encode()).hexdigest() for text in (EMAIL, CUSTOMER, VISITOR)),
        *REQUESTER.values(),
        "crm-0815",
    ]


@pytest.fixture
def case():
    vendor("Visitors", options={"customer_key_from": [], "visitor_key_from": ["visitor_id"]})
    vendor("Paper archive", "manual")
    return opened_case(identifiers=ADA, requester=REQUESTER, external_id="crm-0815")


def test_the_plan_shows_reasons_the_first_call_and_what_goes_under_which_name(signed_in, case):
    vendor("Forum", options={"customer_key_from": ["cookie_id"], "visitor_key_from": []})
    act(signed_in("olive", "intake"), case, "submit")
    html = page(signed_in("ada", "approver"), case)
    revision = case.revisions.get()
    assert revision.digest[:12] in html
    assert "POST http://127.0.0.1:9101/api/v1/event-data/create-export-customer-job" in html
    assert "customerKey" in html
    assert "SHA-256 of" in html
    assert all(escape(line) in html for sub_task in revision.sub_tasks.all() for line in planning.explain(sub_task))
    assert "Nothing here names the person at this vendor" in html
    assert "Room 12" in html


def test_kinds_of_identifiers_are_words_and_no_names_of_the_code(signed_in, case):
    html = page(signed_in("ada", "approver"), case)
    assert '<th scope="row">customer id</th>' in html
    assert "customer_id" not in html


@pytest.mark.parametrize("moment", ["draft", "awaiting", "approved"])
def test_no_page_holds_a_value_before_it_is_revealed(signed_in, case, moment):
    if moment != "draft":
        lifecycle.submit(case, by=person("olive"))
    if moment == "approved":
        lifecycle.approve(case, by=person("ada"), digest=lifecycle.open_revision(case).digest)
    client = signed_in("root", is_superuser=True)
    pages = [page(client, case)]
    for name in ("case", "subtask", "call", "evidence", "vendor"):
        pages.append(client.get(reverse(f"admin:erasure_{name}_changelist")).content.decode())
    pages += [
        client.get(reverse("admin:erasure_subtask_change", args=[sub_task.pk])).content.decode()
        for sub_task in case.sub_tasks.all()
    ]
    for html in pages:
        assert not [secret for secret in secrets() if secret in html]
    assert "A•••@e•••.org" in pages[0]


def test_the_page_opens_with_every_right_and_with_none_but_to_look(signed_in, case):
    for client in (signed_in("root", is_superuser=True), signed_in("ann", "auditor")):
        assert case.reference in page(client, case)
    address = reverse("admin:erasure_case_change", args=[case.pk])
    assert signed_in("vera", "vendor manager").get(address).status_code == 403
    assert signed_in("root", is_superuser=True).post(address, {"status": "completed"}).status_code == 403


def test_a_case_that_does_not_exist_is_not_found(signed_in):
    client = signed_in("root", is_superuser=True)
    for pk in ("nonsense", "3f2a9c1e-58b7-4c0d-9a1f-2b6e7d8c9f00"):
        assert client.get(reverse("admin:erasure_case_change", args=[pk])).status_code == 404


def test_a_case_whose_key_is_gone_still_opens(signed_in, case):
    DataKey.objects.filter(pk=case.data_key_id).update(wrapped=b"", destroyed_at=clock.now())
    html = page(signed_in("olive", "intake"), case)
    assert "cannot be opened" in html


def test_the_number_of_queries_does_not_grow_with_calls_events_and_notes(
    signed_in, case, django_assert_max_num_queries
):
    lifecycle.submit(case, by=person("olive"))
    lifecycle.approve(case, by=person("ada"), digest=lifecycle.open_revision(case).digest)
    for number in range(30):
        lifecycle.add_note(case, by=person("ada"), text=f"note {number}")
    client = signed_in("olive", "intake")
    with django_assert_max_num_queries(45):
        page(client, case)


def test_steps_are_told_as_done_now_and_next(signed_in, case):
    lifecycle.submit(case, by=person("olive"))
    lifecycle.approve(case, by=person("ada"), digest=lifecycle.open_revision(case).digest)
    sub_task = work(case)
    call = Call.objects.create(
        vendor=sub_task.vendor,
        step="start_export",
        writes=True,
        started_at=sub_task.next_at,
        lease_until=sub_task.next_at,
        finished_at=sub_task.next_at,
        verdict="ok",
        transcript={"method": "POST", "address": "/x?customerKey=…", "status": 200},
    )
    CallSubTask.objects.create(call=call, sub_task=sub_task, epoch=1)
    later = clock.now() + timedelta(hours=1)
    SubTask.objects.filter(pk=sub_task.pk).update(status="waiting", step="await_export", next_at=later)
    html = page(signed_in("olive", "intake"), case)
    told_in_order = ["start the export", "wait for the export", "download the export", "start the removal"]
    row = html[html.index(f'id="work-{sub_task.pk}"') :]
    places = [row.index(step) for step in told_in_order]
    assert places == sorted(places)
    assert "The vendor is asked again until it has done it (wait for the export)." in row
    assert "next asked" in row
    assert "POST /x?customerKey=… → 200" in html


# --- revealing


def reveal(client, case, **given):
    return client.post(reverse("admin:erasure_case_reveal", args=[case.pk]), given)


def test_an_identifier_is_revealed_once_for_a_reason_and_leaves_an_event(signed_in, case):
    client, identifier = signed_in("olive", "intake"), case.identifiers.get(kind="email")
    answer = reveal(client, case, identifier=identifier.pk, reason="She asked which address we have.")
    html = answer.content.decode()
    assert EMAIL in html
    assert CUSTOMER not in html
    assert "no-store" in answer["Cache-Control"]
    event = Event.objects.get(action="identifier.revealed")
    assert (event.actor, event.subject) == (f"user:{person('olive').pk}", f"identifier:{identifier.pk}")
    assert "note_hash" in event.details
    assert case.notes.get().unseal("text") == "She asked which address we have."
    assert EMAIL not in page(client, case)


def test_the_requester_is_revealed_with_an_event_of_its_own(signed_in, case):
    html = reveal(signed_in("olive", "intake"), case, reason="To answer.").content.decode()
    assert all(value in html for value in (*REQUESTER.values(), "crm-0815"))
    assert Event.objects.filter(action="requester.revealed", case=case.reference).count() == 1


def test_without_a_reason_nothing_is_revealed(signed_in, case):
    for reason in ("", "   "):
        answer = reveal(signed_in("olive", "intake"), case, reason=reason)
        assert told(answer) == ["Reason: This field is required."]
    assert not Event.objects.filter(action="requester.revealed").exists()


def test_without_the_permission_there_is_no_button_and_a_forged_post_is_refused(signed_in, case):
    client = signed_in("ann", "auditor")
    assert "/reveal/" not in page(client, case)
    assert reveal(client, case, reason="Curious.").status_code == 403
    assert not Event.objects.filter(action="requester.revealed").exists()


def test_an_identifier_of_another_case_is_not_revealed_through_this_one(signed_in, case):
    other = opened_case(identifiers=[("customer_id", "C-1")]).identifiers.get()
    client = signed_in("olive", "intake")
    assert reveal(client, case, identifier=other.pk, reason="x").status_code == 404
    assert reveal(client, case, identifier="nonsense", reason="x").status_code == 404


# --- the trail of one case


def test_the_trail_of_the_case_is_a_click_away_for_whoever_may_read_it(signed_in, case):
    auditor = signed_in("ann", "auditor")
    export = f"{reverse('admin:audit_event_export')}?case={case.reference}"
    who = f"{reverse('admin:audit_event_changelist')}?subject=case:{case.reference}"
    html = page(auditor, case)
    assert f'href="{export}"' in html
    assert f'href="{who}"' in html
    assert auditor.get(export).context["form"]["case"].value() == case.reference
    auditor.post(export, {"case": case.reference, "format": "csv"})
    assert "Audit trail exported" in auditor.get(who).content.decode()
    html = page(signed_in("olive", "intake"), case)
    assert export not in html
    assert who not in html


def test_events_name_people_and_notes_are_opened(signed_in):
    case = approved_case()
    lifecycle.add_note(case, by=person("ada"), text="Checked <b>twice</b>.")
    html = page(signed_in("ann", "auditor"), case)
    assert re.search(r'class="case-who">olive</span> <span class="case-says">Case opened', html)
    assert "Checked &lt;b&gt;twice&lt;/b&gt;." in html
    assert superuser().username not in html
