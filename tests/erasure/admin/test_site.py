"""What all pages share: refusals in the desk's look, dates, words that are the desk's own."""

import re

import pytest
from django.contrib.staticfiles import finders
from django.template.loader import render_to_string
from django.test import Client
from django.urls import reverse
from django.utils.translation import override

from tests.factories import approved_case, opened_case, person

from .conftest import act, page


def test_a_forbidden_post_is_answered_with_the_desks_page_and_a_way_back(signed_in):
    answer = act(signed_in("ann", "auditor"), opened_case(submit=True), "approve")
    html = answer.content.decode()
    assert answer.status_code == 403
    assert "Your roles do not allow this. Nothing was changed." in html
    assert f'href="{reverse("admin:index")}"' in html


def test_a_missing_page_and_a_stale_form_look_like_the_desk(signed_in):
    answer = signed_in("ann", "auditor").get("/nowhere/")
    assert (answer.status_code, "There is no such page" in answer.content.decode()) == (404, True)
    client = Client(enforce_csrf_checks=True)
    client.force_login(person("ada", "approver"))
    answer = act(client, opened_case(), "note", note="x")
    assert (answer.status_code, "Sent too late" in answer.content.decode()) == (403, True)


def test_an_address_that_a_list_does_not_know_is_refused_in_words(signed_in):
    answer = signed_in("ada", "approver").get(reverse("admin:erasure_case_changelist"), {"kind": "\0"})
    html = answer.content.decode()
    assert answer.status_code == 400
    assert "Nothing was changed." in html
    assert f'href="{reverse("admin:index")}"' in html


def test_a_refusal_names_the_language_that_it_speaks(signed_in):
    client = signed_in("ada", "approver")
    assert '<html lang="en-gb">' in client.get("/nowhere/").content.decode()
    with override("en-gb"):  # what the page has activated does not outlive it
        html = client.get(reverse("admin:erasure_vendor_add"), headers={"Accept-Language": "de"}).content.decode()
    assert '<html lang="de">' in html and "Nicht erlaubt" in html


def test_the_page_of_an_error_needs_nothing():
    assert "An error in Erasure Desk" in render_to_string("500.html")


def test_every_page_names_its_icon_so_that_no_browser_asks_for_one_that_is_not_there(signed_in):
    ada = signed_in("ada", "approver")
    sign_in, overview, nowhere = Client().get(reverse("admin:login")), ada.get(reverse("admin:index")), ada.get("/no/")
    for answer in (sign_in, overview, nowhere):
        (icon,) = re.findall(r'<link rel="icon" href="/static/([^"]+)"', answer.content.decode())
        assert finders.find(icon)


def test_lists_have_the_desks_titles_and_dates(signed_in):
    case = approved_case()
    client = signed_in("root", is_superuser=True)
    html = client.get(reverse("admin:audit_event_changelist")).content.decode()
    assert "<h1>Events</h1>" in html
    assert "to view" not in html
    assert f"{case.created_at:%Y-%m-%d %H:%M}" in html
    html = client.get(reverse("admin:erasure_case_changelist")).content.decode()
    assert f'<td class="field-received nowrap">{case.received_on}</td>' in html
    html = client.get(reverse("admin:index")).content.decode()
    assert "Recent actions" not in html
    assert "View site" not in html


def test_signing_out_thanks_nobody_for_quality_time(signed_in):
    html = signed_in("ann", "auditor").post(reverse("admin:logout")).content.decode()
    assert "You have signed out." in html
    assert "quality time" not in html


def test_the_trail_names_people_and_labels(signed_in):
    case = opened_case()
    client = signed_in("olive", "intake")
    act(client, case, "assign", handler=person("hanna", "intake").pk)
    act(client, case, "cancel", reason="mistaken")
    html = page(client, case)
    for words in ("Handler: hanna", "Cancelled: opened by mistake", "Case opened: erasure under GDPR"):
        assert words in html
        listed = signed_in("ann", "auditor").get(reverse("admin:audit_event_changelist"))
        assert words in listed.content.decode()


@pytest.mark.parametrize(
    ("name", "hints"),
    [("case", (False, True)), ("subtask", (True, False)), ("call", (True, False)), ("vendor", (False, False))],
)
def test_a_search_box_stands_where_references_are_found_and_people_are_looked_up_from_cases_alone(
    signed_in, name, hints
):
    html = signed_in("ann", "auditor").get(reverse(f"admin:erasure_{name}_changelist")).content.decode()
    posted = f'<form method="post" action="{reverse("admin:erasure_case_find")}"' in html
    assert ('title="A case reference' in html, posted) == hints
