import csv

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from compliance.audit.models import Event
from compliance.audit.record import actor_of

LIST = "admin:audit_event_changelist"


@pytest.fixture
def auditor(db):
    account = get_user_model().objects.create_user("anna", password="x", is_staff=True)
    account.user_permissions.set(Permission.objects.filter(codename__in=["view_event", "export_event"]))
    return account


@pytest.fixture
def browser(auditor, client: Client):
    client.force_login(auditor)
    return client


def test_the_list_shows_what_happened_and_who_did_it_by_name(browser, auditor, tell, django_assert_max_num_queries):
    for number in range(30):
        tell(actor=actor_of(auditor), what=f"rain-{number}")
    with django_assert_max_num_queries(12):
        page = browser.get(reverse(LIST)).content.decode()
    assert "rain-29 happened to" in page
    assert f"anna (user:{auditor.pk})" in page


def test_one_event_shows_its_canonical_text_and_no_way_to_change_it(browser, tell):
    event = tell()
    address = reverse("admin:audit_event_change", args=[event.pk])
    page = browser.get(address).content.decode()
    assert event.leaf_hash in page
    assert "&quot;action&quot;:&quot;test.happened&quot;" in page
    assert 'name="_save"' not in page
    assert browser.post(address, {"actor": "user:1"}).status_code == 403


@pytest.mark.parametrize("superuser", [False, True])
def test_nobody_adds_or_deletes_an_event(browser, auditor, tell, superuser):
    auditor.is_superuser = superuser
    auditor.save()
    event = tell()
    assert browser.get(reverse("admin:audit_event_add")).status_code == 403
    assert browser.post(reverse("admin:audit_event_delete", args=[event.pk]), {"post": "yes"}).status_code == 403
    browser.post(reverse(LIST), {"action": "delete_selected", "_selected_action": [event.pk], "post": "yes"})
    assert Event.objects.filter(pk=event.pk).exists()


def test_search_is_by_case_reference_and_the_filter_by_action(browser, tell):
    tell(case="DSR-2026-000001", what="rain")
    tell(case="DSR-2026-000002", what="snow")
    page = browser.get(reverse(LIST), {"q": " dsr-2026-000002 "}).content.decode()
    assert "snow happened" in page
    assert "rain happened" not in page
    page = browser.get(reverse(LIST), {"action": "audit.exported"}).content.decode()
    assert "snow happened" not in page


def test_the_export_holds_what_the_list_shows_and_is_an_event(browser, auditor, tell):
    tell(case="DSR-2026-000001")
    wanted = tell(case="DSR-2026-000002")
    page = browser.get(reverse(LIST), {"q": "DSR-2026-000002"}).content.decode()
    assert reverse("admin:audit_event_export") + "?q=DSR-2026-000002" in page
    reply = browser.get(reverse("admin:audit_event_export"), {"q": "DSR-2026-000002"})
    lines = list(csv.DictReader(reply.getvalue().decode().splitlines()))
    assert [line["event_id"] for line in lines] == [str(wanted.event_id)]
    told = Event.objects.get(action="audit.exported")
    assert told.actor == actor_of(auditor)
    assert told.details == {"format": "csv", "count": 1}


def test_without_the_permission_there_is_no_trail_to_see(browser, auditor):
    auditor.user_permissions.clear()
    assert browser.get(reverse(LIST)).status_code == 403
    assert browser.get(reverse("admin:audit_event_export")).status_code == 403
