"""In which language the desk speaks to whom."""

import pytest
from django.core import mail
from django.test import Client, override_settings
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext

from compliance import clock, language
from compliance.audit.export import rows_at
from compliance.audit.models import Event
from erasure import evidence, vendors
from erasure.connectors.base import Misconfigured
from erasure.states import Attention, Pause, SubTaskStatus
from erasure.worker import attention
from tests.erasure.api.conftest import as_account
from tests.factories import approved_case, opened_case, person, vendor, work

from .conftest import page
from .test_attest import PICTURE

GERMAN = {"HTTP_ACCEPT_LANGUAGE": "de-AT,de;q=0.9,en;q=0.5"}
CASES = reverse("admin:erasure_case_changelist")


@pytest.fixture(autouse=True)
def english():
    """A request leaves its language behind, which the next test must not meet."""
    with translation.override("en-gb"):
        yield


@pytest.fixture
def olive(signed_in) -> Client:
    return signed_in("olive", "intake")


def test_pages_speak_the_browsers_language(olive):
    assert '<html lang="de"' in olive.get(CASES, **GERMAN).content.decode()
    assert "Vorgang eröffnen" in olive.get(CASES, **GERMAN).content.decode()
    assert "Open a case" in olive.get(CASES, HTTP_ACCEPT_LANGUAGE="fr").content.decode()


def test_the_sign_in_page_does_too():
    assert "Benutzername" in Client().get(reverse("admin:login"), **GERMAN).content.decode()


def test_a_choice_in_the_header_keeps_the_page_and_stands_against_the_browser(olive):
    there = f"{CASES}?status__exact=draft"
    shown = olive.get(there).content.decode()
    assert f'<input type="hidden" name="next" value="{there}">' in shown
    assert '<button type="submit" name="language" value="de" lang="de">Deutsch</button>' in shown
    answer = olive.post(reverse("set_language"), {"language": "de", "next": there}, HTTP_ACCEPT_LANGUAGE="en")
    assert (answer.status_code, answer.url) == (302, there)
    cookie = answer.cookies["language"]
    assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")
    shown = olive.get(there, HTTP_ACCEPT_LANGUAGE="en").content.decode()
    assert "Vorgang eröffnen" in shown
    assert 'value="en-gb" lang="en-gb">English</button>' in shown


def test_an_answer_to_a_form_offers_no_other_language_as_that_would_lose_what_was_typed(olive):
    answer = olive.post(reverse("admin:erasure_case_add"), {})
    assert answer.status_code == 200
    assert 'name="language" value="de"' not in answer.content.decode()


def test_the_language_is_changed_by_a_form_of_the_desk_alone():
    client = Client(enforce_csrf_checks=True)
    assert client.post(reverse("set_language"), {"language": "de"}).status_code == 403
    assert Client().post(reverse("set_language"), {"language": "de", "next": "https://evil.example/"}).url == "/"


def test_dates_are_written_as_the_language_does(olive):
    case = opened_case()
    assert f"{case.due_on:%d.%m.%Y}" in olive.get(CASES, **GERMAN).content.decode()
    assert f"{case.due_on:%Y-%m-%d}" in olive.get(CASES).content.decode()


def test_what_happened_tells_its_days_as_the_language_does(olive):
    case = opened_case()
    there = reverse("admin:erasure_case_change", args=[case.pk])
    assert f"fällig {case.due_on:%d.%m.%Y}" in olive.get(there, **GERMAN).content.decode()
    assert f"due {case.due_on:%Y-%m-%d}" in olive.get(there).content.decode()


def test_labels_keep_the_capitals_of_their_language(signed_in):
    account = vendor("CDP", "acquia")
    there = reverse("admin:erasure_vendor_change", args=[account.pk])
    shown = signed_in("vera", "vendor manager").get(there, **GERMAN).content.decode()
    assert "Aufrufe je Minute:" in shown
    assert "Sammelzeit für einen Stapel (Sekunden):" in shown


def test_a_kind_of_evidence_is_told_in_words(signed_in):
    case = approved_case()
    evidence.add(case, sub_task=work(case), by=person("ada"), name="screen.png", content=PICTURE)
    client, there = signed_in("aude", "auditor"), reverse("admin:erasure_evidence_changelist")
    assert "Bestätigung von Hand" in client.get(there, **GERMAN).content.decode()
    assert "confirmation by hand" in client.get(there).content.decode()
    shown = client.get(reverse("admin:erasure_case_change", args=[case.pk]), **GERMAN).content.decode()
    assert "Beleg gespeichert: Bestätigung von Hand" in shown


def test_a_reply_is_not_asked_for_by_the_way_in_which_the_request_came(olive):
    case = approved_case()
    shown = olive.get(reverse("admin:erasure_case_change", args=[case.pk]), **GERMAN).content.decode()
    assert "Wie geantwortet wurde" in shown
    assert "Eingangsweg" not in shown


def test_the_api_speaks_english_whatever_the_client_prefers():
    case = opened_case(submit=True)
    client = as_account("crm")
    client.cookies["language"] = "de"
    answer = client.get(f"/api/v1/cases/{case.reference}/", **GERMAN)
    assert "An approval." in [each["waits_for"] for each in answer.json()["sub_tasks"]]
    assert "Vary" not in answer or "Accept-Language" not in answer["Vary"]
    refused = client.get("/api/v1/cases/DSR-2026-999999/", **GERMAN)
    assert "There is no case with this reference." in refused.json()["detail"]


def test_what_is_stored_is_english_and_a_german_reader_gets_it_in_german(signed_in, monkeypatch):
    def tried(*_account):
        raise Misconfigured(gettext("Generation v1 needs a user and a password. Nothing was sent; enter both."))

    monkeypatch.setattr(vendors, "_tried", tried)
    vera = signed_in("vera", "vendor manager")
    bare = vendor("Bare")
    vera.cookies["language"] = "de"
    answer = vera.post(reverse("admin:erasure_vendor_test", args=[bare.pk]), follow=True)
    bare.refresh_from_db()
    assert (bare.pause, bare.pause_note) == (
        Pause.CREDENTIALS,
        "Generation v1 needs a user and a password. Nothing was sent; enter both.",
    )
    german = "Die Generation v1 braucht Benutzer und Passwort. Nichts wurde gesendet; geben Sie beides ein."
    html = answer.content.decode()
    assert german in html
    assert "needs a user and a password" not in html


def test_what_somebody_wrote_is_shown_as_it_was_written(signed_in):
    vera = signed_in("vera", "vendor manager")
    shop = vendor("Bare")
    vendors.pause(shop, Pause.BY_HAND, "An approval.", clock.now(), trial_at=None, by=person("vera"))
    shown = vera.get(reverse("admin:erasure_vendor_change", args=[shop.pk]), **GERMAN).content.decode()
    assert "An approval." in shown


def test_a_vendor_work_says_in_german_what_was_stored_in_english(olive):
    case = approved_case()
    sub_task = work(case)
    sub_task.status = SubTaskStatus.READY
    stored = (
        "shop.example understood the call and refused it (HTTP 422). Nothing was done there. Check the identifiers "
        "and the account's options, then try again or finish the work at the vendor by hand. "
        "What it took before stands."
    )
    attention.ask(sub_task, Attention.REFUSED, stored, "export")
    olive.cookies["language"] = "de"
    shown = page(olive, case)
    assert "shop.example hat den Aufruf verstanden und abgelehnt (HTTP 422). Dort wurde nichts getan." in shown
    assert "Was vorher angenommen wurde, gilt." in shown
    del olive.cookies["language"]
    assert stored.replace("'", "&#x27;") in page(olive, case)


@pytest.mark.parametrize("text", ["", "Nobody ever wrote this.", "100 % of it: %(what)s", "An approval"])
def test_a_text_that_no_translation_has_stays_as_it_is(text):
    with translation.override("de"):
        assert language.shown(text) == text


def test_a_text_with_the_same_word_twice_is_found_by_it():
    stored = (
        "a.example is not among the hosts that the desk may call. If it is the vendor's, add a.example to the setting "
        "VENDOR_HOSTS and restart. Nothing was sent and nothing was done."
    )
    with translation.override("de"):
        assert language.shown(stored).startswith("a.example gehört nicht zu den Hosts")


def test_the_trails_sentences_are_english_in_a_file_and_german_on_a_page(signed_in):
    opened_case()
    vic = signed_in("vic", "auditor")
    with translation.override("de"):
        told = [row.summary for row in rows_at([], list(Event.objects.values_list("pk", flat=True)))]
    assert any(summary.startswith("Case opened: erasure under GDPR") for summary in told)
    shown = vic.get(reverse("admin:audit_event_changelist"), **GERMAN).content.decode()
    assert "Vorgang eröffnet: Löschung nach DSGVO" in shown


@pytest.mark.parametrize(("chosen", "subject"), [("en-gb", "needs attention"), ("de", "Eingriff nötig")])
def test_mails_speak_the_language_of_the_desk(turn_clock, chosen, subject):
    from erasure import alerts

    now = turn_clock(clock.now())
    attention.set_aside(_ready(approved_case()), Attention.DEFECT)
    with override_settings(ALERTS_TO=["desk@example.org"], ALERTS_LANGUAGE=chosen), translation.override("de"):
        alerts.look_after(run=lambda send: send())
        turn_clock(now + alerts.board.TELL_AFTER)
        alerts.look_after(run=lambda send: send())
    (told,) = mail.outbox
    assert subject in told.subject


def _ready(case):
    sub_task = work(case)
    sub_task.status = SubTaskStatus.READY
    return sub_task
