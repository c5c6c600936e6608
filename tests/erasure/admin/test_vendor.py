"""Vendor accounts: the form made from the connector, secrets that only go in, test, pause and resume."""

import hashlib

import pytest
from django.contrib.messages import get_messages
from django.urls import reverse

from compliance.audit.models import Event
from erasure import sandbox, vendors
from erasure.models import Vendor
from erasure.states import Pause
from tests.factories import ADDRESS, approved_case, opened_case, vendor

from .conftest import told

ADD, LIST = "admin:erasure_vendor_add", "admin:erasure_vendor_changelist"
PASSWORD = "correct horse battery staple"


def at(vendor, name="change"):
    return reverse(f"admin:erasure_vendor_{name}", args=[vendor.pk])


def filled(**given):
    pace = {"first_poll_seconds": 5, "max_poll_seconds": 60, "calls_per_minute": 30, "parallel_calls": 1}
    usual = {
        "name": "Apptus — shop EU",
        "base_url": ADDRESS,
        "enabled": "on",
        "option_generation": "v1",
        "option_export_before_erasing": "on",
        "option_customer_key_from": "customer_id, crm_number",
        "option_visitor_key_from": "visitor_id",
        "option_archive_days": "5",
        "option_keep_export_days": "7",
        "credential_username": "desk",
        "credential_password": PASSWORD,
        "gather_seconds": 0,
    }
    return pace | usual | given


@pytest.fixture
def manager(signed_in):
    return signed_in("vera", "vendor manager")


def test_the_connector_is_chosen_first(manager):
    html = manager.get(reverse(ADD)).content.decode()
    assert "Apptus eSales" in html
    assert "By hand" in html
    html = manager.get(reverse(ADD), {"connector": "apptus"}).content.decode()
    assert "Export before erasing" in html
    assert 'type="password"' in html


def test_an_account_makes_the_round_trip_through_its_form(manager):
    answer = manager.post(reverse(ADD) + "?connector=apptus", filled())
    made = Vendor.objects.get(slug="apptus-shop-eu")
    assert answer.url == at(made)
    assert made.options == {
        "generation": "v1",
        "export_before_erasing": True,
        "customer_key_from": ["customer_id", "crm_number"],
        "visitor_key_from": ["visitor_id"],
        "archive_days": 5,
        "keep_export_days": 7,
    }
    assert made.unseal("credentials") == {"username": "desk", "password": PASSWORD}
    assert (made.first_poll_seconds, made.calls_per_minute, made.enabled) == (5, 30, True)
    html = manager.get(at(made)).content.decode()
    assert 'value="customer_id, crm_number"' in html
    assert 'value="7"' in html


def test_secrets_are_never_rendered_and_empty_means_keep(manager, shop):
    manager.post(reverse(ADD) + "?connector=apptus", filled())
    made = Vendor.objects.get(slug="apptus-shop-eu")
    changed = filled(credential_username="", credential_password="", option_keep_export_days="0")
    pages = [manager.get(at(made)), manager.get(reverse(LIST)), manager.post(at(made), changed, follow=True)]
    wrong = manager.post(at(made), filled(base_url="nonsense", credential_password="another secret"))
    for answer in [*pages, wrong]:
        html = answer.content.decode()
        assert PASSWORD not in html
        assert "another secret" not in html
    made.refresh_from_db()
    assert made.options["keep_export_days"] == 0
    assert made.unseal("credentials") == {"username": "desk", "password": PASSWORD}
    assert "A value is stored. Leave it empty to keep it." in pages[0].content.decode()


@pytest.mark.parametrize(
    ("given", "field", "words"),
    [
        ({"base_url": "https://api.somewhere.example"}, "base_url", "VENDOR_HOSTS"),
        ({"base_url": "ftp://127.0.0.1"}, "base_url", ""),
        ({"name": "Shop search"}, "name", "already"),
        ({"option_generation": "v9"}, "option_generation", "v9"),
        ({"option_archive_days": "-1"}, "option_archive_days", "0"),
        ({"option_customer_key_from": "Not A Kind!"}, "option_customer_key_from", "identifier kinds"),
        ({"option_visitor_key_from": "customer_id"}, "option_visitor_key_from", "customer_key_from already"),
        ({"max_poll_seconds": "1"}, "max_poll_seconds", "first_poll_seconds"),
        ({"calls_per_minute": "0"}, "calls_per_minute", "1"),
    ],
)
def test_what_is_wrong_stands_at_its_field_and_nothing_is_saved(manager, given, field, words):
    answer = manager.post(reverse(ADD) + "?connector=apptus", filled(**given))
    assert answer.status_code == 200
    assert words in str(answer.context["form"].errors[field])
    assert Vendor.objects.count() == 1


def test_an_account_by_hand_has_instructions_and_no_address(manager):
    html = manager.get(reverse(ADD), {"connector": "manual"}).content.decode()
    assert "Base address" not in html
    given = {"name": "Archive", "enabled": "on", "option_instructions": "Room 12", "option_accepts": "email, phone"}
    manager.post(reverse(ADD) + "?connector=manual", given)
    assert Vendor.objects.get(name="Archive").options == {"instructions": "Room 12", "accepts": ["email", "phone"]}


def test_a_name_cannot_be_changed_by_a_forged_post(manager, shop):
    manager.post(at(shop), filled(name="Other"))
    assert Vendor.objects.get().name == "Shop search"


def test_test_connection_tells_what_the_vendor_says(manager):
    with sandbox.start() as running:
        stand_in = running["apptus"]
        account = vendor("Stand-in", base_url=stand_in.url, credentials=stand_in.credentials)
        works = manager.post(at(account, "test"))
    fails = manager.post(at(account, "test"))
    assert told(works) == ["Apptus answers and takes the credentials."]
    assert [message.level_tag for message in get_messages(fails.wsgi_request)] == ["success", "error"]
    results = [event.details["result"] for event in Event.objects.filter(action="vendor.tested").order_by("id")]
    assert results == ["ok", "failed"]


def test_an_account_is_paused_with_a_reason_and_resumed(manager, shop):
    assert told(manager.post(at(shop, "pause"), {"reason": ""})) == ["Reason: This field is required."]
    manager.post(at(shop, "pause"), {"reason": "Maintenance until Monday"})
    shop.refresh_from_db()
    assert (shop.pause, shop.pause_note, shop.trial_at) == (Pause.BY_HAND, "Maintenance until Monday", None)
    for address in (at(shop), reverse(LIST)):
        assert "paused by hand</span> Maintenance until Monday" in manager.get(address).content.decode()
    manager.post(at(shop, "resume"))
    shop.refresh_from_db()
    assert shop.pause == ""
    events = Event.objects.filter(action__startswith="vendor.").order_by("id").values_list("action", flat=True)
    assert list(events)[-2:] == ["vendor.paused", "vendor.resumed"]


def test_what_is_sent_is_shown_once_and_only_to_a_post(manager, shop):
    answer = manager.post(at(shop, "as_sent"), {"kind": "customer_id", "value": "C-4711"})
    assert hashlib.sha256(b"C-4711").hexdigest() in answer.content.decode()
    assert "no-store" in answer["Cache-Control"]
    assert manager.get(at(shop, "as_sent")).status_code == 405
    wrong = manager.post(at(shop, "as_sent"), {"kind": "visitor_id", "value": "nonsense"})
    assert "It is not a UUID" in wrong.content.decode()


@pytest.mark.parametrize("name", ["change", "test", "pause", "resume"])
def test_other_roles_look_but_a_forged_post_is_refused(signed_in, shop, name):
    client = signed_in("ann", "auditor")
    html = client.get(at(shop)).content.decode()
    assert 'value="Save"' not in html
    assert "Test connection" not in html
    assert client.post(at(shop, name), filled(reason="x")).status_code == 403
    shop.refresh_from_db()
    assert shop.pause == ""
    assert client.get(reverse(ADD)).status_code == 403
    assert client.post(reverse(ADD) + "?connector=apptus", filled()).status_code == 403


def test_the_list_shows_health_and_due_work(manager, shop, django_assert_max_num_queries):
    for number in range(5):
        vendor(f"Forum {number}")
    vendors.pause(shop, Pause.CREDENTIALS, "The vendor refused the password.", shop.created_at, trial_at=None)
    with django_assert_max_num_queries(10):
        html = manager.get(reverse(LIST)).content.decode()
    assert "account settings or credentials are wrong</span> The vendor refused the password." in html


def test_a_change_of_what_an_account_does_tells_what_it_stops(manager, shop):
    opened_case()
    opened_case(submit=True)
    approved_case()
    approved_case()
    kept = filled(name="Shop search", option_customer_key_from="customer_id")
    manager.post(at(shop), kept | {"calls_per_minute": "20"})
    answer = manager.post(at(shop), kept | {"option_export_before_erasing": ""})
    plans, work = told(answer)[-2:]
    assert plans.startswith("1 plan that awaits approval has changed with it")
    assert "must be read again" in plans
    assert work.startswith("2 approved vendor works no longer do what was approved")
    assert "role approver" in work
    assert len(told(answer)) == 4  # saved, saved, and these two


def test_a_user_name_is_readable_while_it_is_typed_and_never_comes_back(manager, shop):
    html = manager.get(at(shop)).content.decode()
    assert '<input type="text" name="credential_username"' in html
    assert '<input type="password" name="credential_password"' in html
    wrong = manager.post(at(shop), filled(base_url="nonsense", credential_username="desk-user-7"))
    assert "desk-user-7" not in wrong.content.decode()
