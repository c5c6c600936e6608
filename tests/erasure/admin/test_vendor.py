"""Vendor accounts: the form made from the connector, secrets that only go in, test, pause and resume."""

import hashlib
from datetime import timedelta

import pytest
from django.contrib.messages import get_messages
from django.urls import reverse
from django.utils.html import escape

from compliance import clock
from compliance.audit.models import Event
from erasure import changes, sandbox, vendors
from erasure.connectors import REGISTRY
from erasure.models import Call, Vendor, VendorChange
from erasure.states import Pause
from tests.factories import ADDRESS, USUAL, approved_case, opened_case, vendor

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
        "option_ask_again_after_seconds": "0",
        "credential_username": "desk",
        "credential_password": PASSWORD,
        "gather_seconds": 0,
        "calls_per_week": 0,
    }
    return pace | usual | given


@pytest.fixture
def manager(signed_in):
    return signed_in("vera", "vendor manager")


def test_the_connector_is_chosen_first(manager):
    html = manager.get(reverse(ADD)).content.decode()
    for key, connector in REGISTRY.items():
        assert f'<a href="?connector={key}">{connector.label}</a>' in html
        assert connector.about, key
        assert escape(str(connector.about)) in html
    assert html.count("VENDOR_HOSTS") == sum(not connector.by_hand for connector in REGISTRY.values())
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
        "ask_again_after_seconds": 0,
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
        (
            {"option_visitor_key_from": "customer_id"},
            "option_visitor_key_from",
            "“Signed-in customers: identifier kinds” already",
        ),
        ({"max_poll_seconds": "1"}, "max_poll_seconds", "“First question after (seconds)”"),
        ({"calls_per_minute": "0"}, "calls_per_minute", "1"),
        ({"calls_per_week": "-1"}, "calls_per_week", "0"),
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
    given["option_usually_takes_days"] = "9"
    manager.post(reverse(ADD) + "?connector=manual", given)
    wanted = {"instructions": "Room 12", "accepts": ["email", "phone"], "usually_takes_days": 9}
    assert Vendor.objects.get(name="Archive").options == wanted


def test_a_name_cannot_be_changed_by_a_forged_post(manager, shop):
    manager.post(at(shop), filled(name="Other"))
    assert Vendor.objects.get().name == "Shop search"


def test_test_connection_tells_what_the_vendor_says(manager):
    with sandbox.start() as running:
        stand_in = running["apptus"]
        account = vendor("Stand-in", base_url=stand_in.url, credentials=stand_in.credentials)
        works = manager.post(at(account, "test"))
    fails = manager.post(at(account, "test"))
    (said,) = told(works)
    assert said.startswith("Apptus answers and takes the credentials. It was asked for the status of a job that does")
    assert said.endswith("nothing was written there.")
    assert [message.level_tag for message in get_messages(fails.wsgi_request)] == ["success", "error"]
    results = [event.details["result"] for event in Event.objects.filter(action="vendor.tested").order_by("id")]
    assert results == ["ok", "failed"]


def test_an_account_is_paused_with_a_reason_and_resumed(manager, shop):
    refused = manager.post(at(shop, "pause"), {"reason": "x" * 501})
    assert refused.status_code == 422
    assert f'value="{"x" * 501}"' in refused.content.decode()  # what was typed stays, and the form stands open
    assert '<details class="desk-deed" open id="pause">' in refused.content.decode()
    shop.refresh_from_db()
    assert shop.pause == ""
    paused = manager.post(at(shop, "pause"), {"reason": "Maintenance until Monday"})
    assert "nothing is lost, and the time to reply runs on" in told(paused)[0]
    shop.refresh_from_db()
    assert (shop.pause, shop.pause_note, shop.trial_at) == (Pause.BY_HAND, "Maintenance until Monday", None)
    for address in (at(shop), reverse(LIST)):
        html = manager.get(address).content.decode()
        assert "until somebody resumes it. Reason: Maintenance until Monday" in html
        assert '</span> look</span><ul class="desk-whys">' in html
    assert told(manager.post(at(shop, "resume"))) == ["Resumed: calls are made again. Nothing is due now."]
    shop.refresh_from_db()
    assert shop.pause == ""
    events = Event.objects.filter(action__startswith="vendor.").order_by("id").values_list("action", flat=True)
    assert list(events)[-2:] == ["vendor.paused", "vendor.resumed"]


def test_a_pause_by_hand_is_told_in_the_trail_by_a_hash_of_its_reason(manager, shop):
    for reason in ("Ask Ada Lovelace", "Ask Ada Lovelace", "Maintenance"):
        manager.post(at(shop, "pause"), {"reason": reason})
    told = [event.details for event in Event.objects.filter(action="vendor.paused").order_by("id")]
    assert [(details["code"], len(details["note_hash"])) for details in told] == [("by_hand", 64)] * 2
    assert told[0]["note_hash"] != told[1]["note_hash"]
    assert "Lovelace" not in "".join(Event.objects.values_list("canonical", flat=True))


def test_a_quota_shows_how_much_is_used_and_when_it_frees(manager, shop):
    assert "Calls of the last seven days" not in manager.get(at(shop)).content.decode()
    vendors.save({"name": shop.name, "pace": {"calls_per_week": 500}})
    frees = clock.now() + timedelta(days=2)
    Vendor.objects.filter(pk=shop.pk).update(quota_until=frees)
    started = {"started_at": clock.now(), "lease_until": clock.now(), "writes": False}
    for counts in (True, True, False):
        Call.objects.create(vendor=shop, step="x", counts=counts, **started)
    page = manager.get(at(shop)).content.decode()
    assert "2 of 500" in page
    assert f"Its quota of calls is used up: it goes on by itself from {frees:%Y-%m-%d %H:%M}." in page
    assert "2 of 500" in manager.get(reverse(LIST)).content.decode()


def test_a_new_account_is_offered_the_quota_that_its_vendor_has_published(manager):
    for connector, quota in (("acquia", 9_990), ("apptus", 0)):
        form = manager.get(reverse(ADD) + f"?connector={connector}").context["form"]
        assert form["calls_per_week"].value() == quota


def test_what_is_sent_is_shown_once_and_only_to_a_post(manager, shop):
    answer = manager.post(at(shop, "as_sent"), {"kind": "customer_id", "value": "C-4711"})
    assert hashlib.sha256(b"C-4711").hexdigest() in answer.content.decode()
    assert "<dd>customerKey (SHA-256)</dd>" in answer.content.decode()
    assert ">customer id → customerKey (SHA-256)</option>" in answer.content.decode()
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


def test_a_change_of_what_an_account_does_tells_what_it_stops(manager, shop):
    opened_case()
    opened_case(submit=True)
    approved_case()
    approved_case()
    kept = filled(name="Shop search", option_customer_key_from="customer_id")
    manager.post(at(shop), kept | {"calls_per_minute": "20"})
    answer = manager.post(at(shop), kept | {"option_export_before_erasing": "", "confirmed": "1"})
    plans, work = told(answer)[-2:]
    assert plans.startswith("1 plan that awaits approval has changed with it")
    assert "must be read again" in plans
    assert work.startswith("2 pieces of approved vendor work no longer do what was approved")
    assert "role approver" in work
    assert len(told(answer)) == 4  # saved, saved, and these two
    undone = manager.post(at(shop), kept | {"confirmed": "1"})
    assert [text.split(".")[0] for text in told(undone)[4:]] == ["Shop search was saved"]


def test_before_a_change_is_saved_the_page_says_what_it_reaches(manager, shop):
    opened_case(submit=True)
    approved_case()
    changed = filled(name="Shop search", option_export_before_erasing="", credential_password=PASSWORD)
    before = list(Event.objects.values_list("pk", flat=True))
    answer = manager.post(at(shop), changed)
    html = answer.content.decode()
    assert answer.status_code == 200
    assert "Nothing has been saved yet." in html
    assert "1 plan that awaits approval changes with it" in html
    assert "1 piece of approved vendor work would no longer do what was approved" in html
    assert PASSWORD not in html
    stored = Vendor.objects.get(pk=shop.pk)
    assert stored.options.get("export_before_erasing", True)
    assert stored.unseal("credentials") == USUAL["apptus"]["credentials"]
    assert list(Event.objects.values_list("pk", flat=True)) == before
    assert not VendorChange.objects.filter(vendor=shop, person__username="vera").exists()
    assert 'name="option_export_before_erasing" aria-describedby' in html  # what was asked for is still in the form
    assert manager.post(at(shop), changed | {"confirmed": "1"}).status_code == 302
    assert Vendor.objects.get(pk=shop.pk).options["export_before_erasing"] is False


def test_what_disabling_an_account_leaves_waiting_is_said_before_it_is_done(manager, shop):
    approved_case()
    approved_case()
    disabled = filled(name="Shop search", option_customer_key_from="customer_id", enabled="")
    html = manager.post(at(shop), disabled).content.decode()
    assert "2 pieces of approved vendor work wait until it is enabled again" in html
    assert Vendor.objects.get(pk=shop.pk).enabled
    manager.post(at(shop), disabled | {"confirmed": "1"})
    assert not Vendor.objects.get(pk=shop.pk).enabled
    assert "Nothing is sent. Work that was approved before waits" in manager.get(at(shop)).content.decode()


def test_what_reaches_nothing_is_saved_at_once(manager, shop):
    answer = manager.post(at(shop), filled(name="Shop search", option_export_before_erasing="", enabled=""))
    assert answer.status_code == 302
    assert not Vendor.objects.get(pk=shop.pk).enabled


def test_more_than_is_compared_is_told_as_at_least_so_much(manager, shop, monkeypatch):
    monkeypatch.setattr(changes, "MOST_COMPARED", 1)
    for _number in range(2):
        opened_case(submit=True)
        approved_case()
    answer = manager.post(at(shop), filled(name="Shop search", option_export_before_erasing="", confirmed="1"))
    plans, work = told(answer)[-2:]
    assert plans.startswith("At least 1 plan that awaits approval")
    assert work.startswith("At least 1 piece of approved vendor work")


def test_work_that_ran_under_the_new_settings_is_not_counted(shop):
    approved_case()
    vendors.save({"name": "Shop search", "options": {"export_before_erasing": False}})
    approved_case()
    assert changes.bound(Vendor.objects.get(pk=shop.pk)) == changes.Bound(0, False, 1, False)


def test_a_user_name_is_readable_while_it_is_typed_and_never_comes_back(manager, shop):
    html = manager.get(at(shop)).content.decode()
    assert '<input type="text" name="credential_username"' in html
    assert '<input type="password" name="credential_password"' in html
    wrong = manager.post(at(shop), filled(base_url="nonsense", credential_username="desk-user-7"))
    assert "desk-user-7" not in wrong.content.decode()


# --- an account whose address its options give


def cdp(**given):
    fields = {"name": "CDP", "enabled": "on", "option_tenant_id": "1234", "option_request_origin": "erasure-desk"}
    fields |= {"option_customer_ids_from": "customer_id", "option_completion": "attest", "option_region": "eu-aws"}
    fields |= {"option_rerequest_after_seconds": 2_592_000, "option_token_form": "login", "gather_seconds": 0}
    fields |= {"option_token_scheme": "a1user", "option_acts_after_days": 14, "option_acts_within_days": 30}
    fields |= {"first_poll_seconds": 300, "max_poll_seconds": 21_600, "calls_per_minute": 60, "parallel_calls": 2}
    fields |= {"calls_per_week": 9_990}
    return fields | {"credential_token": "a-token-that-lasts"} | given


@pytest.fixture
def agilone(settings):
    settings.VENDOR_HOSTS = ["*.agilone.com"]


def test_a_region_is_enough_and_a_change_of_it_moves_the_address(manager, agilone):
    answer = manager.post(reverse(ADD) + "?connector=acquia", cdp())
    made = Vendor.objects.get(name="CDP")
    assert answer.url == at(made)
    assert told(answer) == ["CDP was saved. It is called at https://api6.eu.agilone.com."]
    page = manager.get(at(made))
    assert "https://api6.eu.agilone.com" in page.content.decode()
    assert page.context["form"]["base_url"].value() == ""
    manager.post(at(made), cdp(option_region="us-gcp", credential_token="another"))
    made.refresh_from_db()
    assert made.base_url == "https://api8.agilone.com"


def test_without_a_region_the_missing_address_is_told_at_its_field(manager):
    answer = manager.post(reverse(ADD) + "?connector=acquia", cdp(option_region=""))
    assert answer.context["form"].errors == {"base_url": ["is required: no option gives it"]}
    apptus = manager.post(reverse(ADD) + "?connector=apptus", filled(base_url=""))
    assert apptus.context["form"].errors == {"base_url": ["This field is required."]}


def test_a_host_of_a_region_that_is_not_allowed_is_told_with_what_to_add(manager, settings):
    settings.VENDOR_HOSTS = ["api6.eu.agilone.com"]
    given = cdp(credential_token="", credential_username="u", credential_password=PASSWORD)
    form = manager.post(reverse(ADD) + "?connector=acquia", given).context["form"]
    assert list(form.errors) == ["option_region"]
    assert "add auth.eu.agilone.com to the setting VENDOR_HOSTS" in form.errors["option_region"][0]


def test_choices_and_times_are_told_in_words(manager):
    html = manager.get(reverse(ADD), {"connector": "acquia"}).content.decode()
    assert '<option value="attest" selected>attest – a person confirms it</option>' in html
    assert '<option value="eu-aws">eu-aws – api6.eu.agilone.com, auth.eu.agilone.com</option>' in html
    assert '<option value="" selected>none: the addresses are given</option>' in html
    assert "2592000 seconds are 30 days." in html
    assert "21600 seconds are 6 hours." in html
    assert "300 seconds are 5 minutes." in html


def test_a_stored_credential_is_removed_by_a_tick_alone(manager, agilone):
    manager.post(reverse(ADD) + "?connector=acquia", cdp())
    made = Vendor.objects.get(name="CDP")
    form = manager.get(at(made)).context["form"]
    assert [name for name in form.fields if name.startswith("remove_")] == ["remove_token"]
    both = manager.post(at(made), cdp(credential_token="another", remove_token="on"))
    assert list(both.context["form"].errors) == ["credential_token"]
    none = manager.post(at(made), cdp(credential_token="", remove_token="on"))
    assert "needs a token, or a user and a password" in str(none.context["form"].errors)
    login = {"credential_username": "u", "credential_password": PASSWORD}
    manager.post(at(made), cdp(credential_token="", remove_token="on", **login))
    made.refresh_from_db()
    assert made.unseal("credentials") == {"token": "", "username": "u", "password": PASSWORD}
    form = manager.get(at(made)).context["form"]
    assert [name for name in form.fields if name.startswith("remove_")] == ["remove_username", "remove_password"]
    assert "https://auth.eu.agilone.com" in manager.get(at(made)).content.decode()


# --- around the form


def test_the_trail_of_an_account_is_linked_for_whoever_may_read_it(signed_in, manager, shop):
    vendor("Forum")
    assert "historylink" not in manager.get(at(shop)).content.decode()
    assert manager.get(at(shop, "history")).status_code == 404
    auditor = signed_in("ann", "auditor")
    link = auditor.get(at(shop)).context["trail"]
    assert f'href="{link}"' in auditor.get(at(shop)).content.decode()
    assert auditor.get(at(shop, "history")).url == link
    listed = auditor.get(link).context["cl"].result_list
    assert [event.subject for event in listed] == [f"vendor:{shop.pk}"]


def test_the_list_is_filtered_by_connectors_in_words(manager, shop):
    vendor("Exchange", "acoustic")
    html = manager.get(reverse(LIST), {"connector": "acoustic"}).content.decode()
    assert "?connector=apptus" in html
    assert ">Acoustic Exchange</a>" in html
    assert "Shop search" not in html
