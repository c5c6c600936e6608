"""Vendor accounts: saved whole or not at all, secrets sealed, paused and resumed."""

import json
from datetime import timedelta

import pytest
import responses
from django.db import connection

from compliance import clock
from compliance.audit.actions import summarise
from compliance.audit.models import Event
from compliance.vault.models import DataKey
from erasure import vendors
from erasure.errors import Invalid
from erasure.models import Vendor
from erasure.states import Pause
from tests.factories import ADDRESS, person, vendor

pytestmark = pytest.mark.django_db

SHOP = {
    "name": "Shop search",
    "connector": "apptus",
    "base_url": ADDRESS,
    "enabled": True,
    "options": {"generation": "v1", "customer_key_from": ["customer_id"], "visitor_key_from": ["visitor_id"]},
    "credentials": {"username": "desk", "password": "let-me-in"},
    "pace": {"first_poll_seconds": 1, "max_poll_seconds": 2, "calls_per_minute": 600, "parallel_calls": 4},
}
ARCHIVE = {"name": "Paper archive", "connector": "manual", "options": {"instructions": "Room 12"}}


def pointers(refused):
    return sorted(at for at, _text in refused.value.problems)


def refusal(**values):
    """The pointers of what is wrong with the shop's account; nothing may have been saved."""
    before = list(Vendor.objects.values()), DataKey.objects.count(), Event.objects.count()
    with pytest.raises(Invalid) as refused:
        vendors.save({**SHOP, **values})
    assert (list(Vendor.objects.values()), DataKey.objects.count(), Event.objects.count()) == before
    return pointers(refused)


def stored():
    return Vendor.objects.get(name="Shop search")


# --- save


def test_an_account_is_saved_with_all_that_its_entry_says():
    account = vendors.save(SHOP, by=person("vera"))

    account.refresh_from_db()
    assert (account.slug, account.connector, account.base_url, account.enabled) == (
        "shop-search",
        "apptus",
        ADDRESS,
        True,
    )
    assert (account.first_poll_seconds, account.max_poll_seconds) == (1, 2)
    assert (account.calls_per_minute, account.parallel_calls, account.gather_seconds) == (600, 4, 0)
    assert account.speaks().options.customer_key_from == ("customer_id",)
    assert account.opened_credentials().password == "let-me-in"
    event = Event.objects.get(action="vendor.saved")
    assert (event.actor, event.subject) == (f"user:{person('vera').pk}", f"vendor:{account.pk}")
    assert event.details["changed"] == [
        f"base_url: unset to {ADDRESS}",
        "pace.first_poll_seconds: 300 to 1",
        "pace.max_poll_seconds: 21600 to 2",
        "pace.calls_per_minute: 60 to 600",
        "pace.parallel_calls: 2 to 4",
        "credentials",
    ]


def test_what_an_entry_leaves_out_keeps_its_value():
    vendors.save(SHOP)
    before = Vendor.objects.values().get()

    vendors.save({"name": "Shop search", "pace": {"calls_per_minute": 7}})
    vendors.save({"name": "Shop search", "options": {"archive_days": 9}})
    vendors.save({"name": "Shop search", "credentials": {"password": "another"}})

    after = Vendor.objects.values().get()
    changed = {"calls_per_minute", "options", "credentials_sealed", "token_number"}
    assert {name for name in after if after[name] != before[name]} == changed
    assert stored().options == {**SHOP["options"], "archive_days": 9}
    assert (stored().opened_credentials().username, stored().opened_credentials().password) == ("desk", "another")


def test_saving_the_same_again_changes_nothing_and_says_nothing():
    vendors.save(SHOP)
    events = Event.objects.count()

    vendors.save(SHOP)

    assert Event.objects.count() == events
    assert Vendor.objects.count() == 1


def test_an_event_names_what_changed_and_never_a_value():
    vendors.save(SHOP)
    vendors.save({"name": "Shop search", "enabled": False, "credentials": {"password": "another"}})

    event = Event.objects.filter(action="vendor.saved").last()
    assert event.actor == "system:command", "nobody signed in saved it"
    assert event.details["changed"] == ["enabled: true to false", "credentials"]
    assert "another" not in event.canonical


@pytest.mark.parametrize(
    ("connector", "options", "told"),
    [
        ("apptus", {"keep_export_days": 0}, ["options.keep_export_days: 30 to 0"]),
        ("apptus", {"export_before_erasing": False}, ["options.export_before_erasing: true to false"]),
        (
            "apptus",
            {"customer_key_from": ["customer_id", "crm_id"]},
            ["options.customer_key_from: customer_id to customer_id/crm_id"],
        ),
        ("apptus", {"visitor_key_from": []}, ["options.visitor_key_from: visitor_id to unset"]),
        ("apptus", {"archive_days": 5}, None),  # its default
        ("acquia", {"completion": "rerequest"}, ["options.completion: attest to rerequest"]),
        ("acquia", {"token_url": ADDRESS}, [f"options.token_url: unset to {ADDRESS}"]),
        ("acquia", {"requested_by": "ada.lovelace"}, ["options.requested_by"]),
        ("acquia", {"tenant_id": "5678"}, ["options.tenant_id"]),
        ("acquia", {"token_url": f"{ADDRESS}/{'x' * 200}"}, ["options.token_url"]),
        ("acoustic", {"names": {"crm_id": "CRM_ID"}}, ["options.names"]),
        ("manual", {"instructions": "Ask Ada Lovelace"}, ["options.instructions"]),
    ],
)
def test_an_event_tells_both_values_only_where_they_cannot_name_a_person(connector, options, told):
    vendor("Account", connector)
    vendors.save({"name": "Account", "options": options})

    saved = Event.objects.filter(action="vendor.saved").order_by("id")
    assert [event.details["changed"] for event in saved][1:] == ([] if told is None else [told])
    if told:
        assert f"saved: {told[0]}" in summarise(saved.last())


def test_an_account_by_hand_needs_no_address_and_no_credentials():
    account = vendors.save(ARCHIVE)

    assert account.base_url == ""
    assert account.speaks().instructions("erase") == "erase: Room 12"


# --- what is refused


@pytest.mark.parametrize(
    ("field", "value", "pointer"),
    [
        ("name", "", "/name"),
        ("name", "!!", "/name"),
        ("name", None, "/name"),
        ("name", "x" * 101, "/name"),
        ("name", "a\x00b", "/name"),
        ("connector", "nobody", "/connector"),
        ("connector", ["apptus"], "/connector"),
        ("base_url", "http://user@127.0.0.1:9101", "/base_url"),
        ("base_url", "ftp://127.0.0.1", "/base_url"),
        ("base_url", "", "/base_url"),
        ("base_url", f"{ADDRESS}/{'x' * 500}", "/base_url"),
        ("enabled", "yes", "/enabled"),
        ("colour", "red", "/colour"),
        ("pause", "", "/pause"),
        ("options", [], "/options"),
        ("options", {"generation": "v9"}, "/options/generation"),
        ("options", {"colour": "red"}, "/options/colour"),
        ("options", {"archive_days": -1}, "/options/archive_days"),
        ("options", {"visitor_key_from": ["customer_id"]}, "/options/visitor_key_from"),
        ("credentials", "secret", "/credentials"),
        ("credentials", {"token": "t"}, "/credentials/token"),
        ("credentials", {"password": 7}, "/credentials/password"),
        ("credentials", {"password": "let-me-in\n"}, "/credentials/password"),
        ("credentials", {"password": "let\x85me"}, "/credentials/password"),
        ("credentials", {"password": ""}, "/credentials"),
        ("options", {"generation": "v2"}, "/credentials"),
        ("base_url", None, "/base_url"),
        ("pace", 5, "/pace"),
        ("pace", {"calls_per_minute": 0}, "/pace/calls_per_minute"),
        ("pace", {"calls_per_minute": None}, "/pace/calls_per_minute"),
        ("pace", {"calls_per_week": -1}, "/pace/calls_per_week"),
        ("pace", {"calls_per_week": "many"}, "/pace/calls_per_week"),
        ("pace", {"calls_per_minute": True}, "/pace/calls_per_minute"),
        ("pace", {"calls_per_minute": 1.5}, "/pace/calls_per_minute"),
        ("pace", {"gather_seconds": -1}, "/pace/gather_seconds"),
        ("pace", {"speed": 1}, "/pace/speed"),
        ("pace", {"first_poll_seconds": 9, "max_poll_seconds": 3}, "/pace/max_poll_seconds"),
    ],
)
def test_a_wrong_field_has_its_pointer_and_nothing_is_saved(field, value, pointer):
    assert refusal(**{field: value}) == [pointer]
    vendors.save(SHOP)
    if field != "name":
        assert refusal(**{field: value}) == [pointer]


def test_every_wrong_field_is_named_at_once():
    assert refusal(
        base_url="nowhere", enabled=1, options={"generation": "v9"}, credentials={"token": "t"}, pace={"speed": 1}
    ) == ["/base_url", "/credentials/token", "/enabled", "/options/generation", "/pace/speed"]


def test_a_host_that_is_not_allowed_names_the_setting_and_what_to_add(settings):
    settings.VENDOR_HOSTS = ["*.agilone.com"]

    with pytest.raises(Invalid) as refused:
        vendors.save({**SHOP, "base_url": "https://shop.esales.example"})
    ((at, text),) = refused.value.problems
    assert at == "/base_url"
    assert "VENDOR_HOSTS" in text
    assert "shop.esales.example" in text

    settings.VENDOR_HOSTS = ["shop.esales.example"]
    assert vendors.save({**SHOP, "base_url": "https://shop.esales.example/"}).base_url == "https://shop.esales.example"


def test_a_loopback_address_is_refused_outside_sandbox_and_tests(settings):
    settings.VENDOR_LOOPBACK = False

    assert refusal() == ["/base_url"]


CDP = {"name": "CDP", "connector": "acquia", "options": {"tenant_id": "1234"}}
LOGIN = {"username": "u", "password": "p"}


@pytest.mark.parametrize(
    ("options", "pointer", "words"),
    [
        ({"token_url": "https://169.254.169.254/token"}, "/options/token_url", "private network"),
        ({"token_url": "auth.elsewhere.example"}, "/options/token_url", "add auth.elsewhere.example to"),
        ({"token_url": "http://auth.agilone.com"}, "/options/token_url", "https://"),
        ({"token_url": "https://auth.elsewhere.example", "region": "eu-aws"}, "/options/token_url", "VENDOR_HOSTS"),
        ({"region": "eu-aws"}, "/options/region", "add auth.eu.agilone.com to"),
    ],
)
def test_a_sign_in_goes_only_where_calls_may_go(settings, options, pointer, words):
    settings.VENDOR_HOSTS = ["api6.eu.agilone.com", "auth.agilone.com"]
    values = {**CDP, "base_url": ADDRESS, "options": {"tenant_id": "1234", **options}, "credentials": LOGIN}

    for enabled in (True, False):
        with pytest.raises(Invalid) as refused:
            vendors.save({**values, "enabled": enabled})
        ((at, text),) = refused.value.problems
        assert at == pointer
        assert words in text
    assert not Vendor.objects.exists()

    vendors.save({**values, "credentials": {"token": "t"}})  # nobody signs in
    with pytest.raises(Invalid) as refused:
        vendors.save({"name": "CDP", "credentials": {"token": "", **LOGIN}})
    assert pointers(refused) == [pointer]


def test_a_region_gives_both_addresses(settings):
    settings.VENDOR_HOSTS = ["*.agilone.com"]
    account = vendors.save({**CDP, "options": {"tenant_id": "1234", "region": "eu-aws"}, "credentials": LOGIN})

    assert account.base_url == "https://api6.eu.agilone.com"
    with pytest.raises(Invalid) as refused:
        vendors.save({**CDP, "name": "Other", "credentials": {"token": "t"}})
    assert refused.value.problems == [("/base_url", "is required: no option gives it")]


def test_an_account_keeps_its_connector():
    vendors.save(ARCHIVE)

    with pytest.raises(Invalid) as refused:
        vendors.save({**SHOP, "name": "Paper archive"})
    assert pointers(refused) == ["/connector"]  # its options are another connector's, not wrong ones
    assert Vendor.objects.get().connector == "manual"


def test_two_names_with_one_short_name_are_refused():
    vendors.save(SHOP)

    assert refusal(name="Shop  Search!") == ["/name"]


# --- load


def test_a_vendor_file_is_loaded_whole():
    loaded = vendors.load([SHOP, ARCHIVE], by=person("vera"))

    assert [account.name for account in loaded] == ["Shop search", "Paper archive"]
    assert Vendor.objects.count() == 2


def test_a_vendor_file_with_one_wrong_entry_loads_nothing_and_names_every_problem():
    vendors.save(ARCHIVE)
    wrong = [
        {**ARCHIVE, "options": {"instructions": "Room 13"}},
        "an entry",
        {**SHOP, "enabled": "yes", "pace": {"speed": 1}},
        {"connector": "manual"},
    ]
    events = Event.objects.count()

    with pytest.raises(Invalid) as refused:
        vendors.load(wrong)

    assert pointers(refused) == ["/1", "/2/enabled", "/2/pace/speed", "/3/name"]
    assert Vendor.objects.get().options["instructions"] == "Room 12"
    assert Event.objects.count() == events


@pytest.mark.parametrize("name", ["Shop search", " Shop search "])
def test_one_name_twice_in_a_file_is_refused_at_the_second(name):
    with pytest.raises(Invalid) as refused:
        vendors.load([SHOP, ARCHIVE, {**SHOP, "name": name, "enabled": False}])

    assert pointers(refused) == ["/2/name"]
    assert not Vendor.objects.exists()


def test_an_account_may_lack_credentials_for_as_long_as_it_is_disabled():
    vendors.save({**SHOP, "enabled": False, "credentials": {}})

    with pytest.raises(Invalid, match="user and a password"):
        vendors.save({"name": "Shop search", "enabled": True})
    vendors.save({"name": "Shop search", "enabled": True, "credentials": SHOP["credentials"]})
    assert stored().enabled


def test_an_address_that_is_missing_is_said_to_be_required():
    with pytest.raises(Invalid) as refused:
        vendors.save({name: value for name, value in SHOP.items() if name != "base_url"})

    assert refused.value.problems == [("/base_url", "is required")]


# --- secrets


def test_secrets_are_sealed_and_shown_nowhere():
    account = vendors.save({**SHOP, "credentials": {"username": "desk", "password": "open-sesame"}})

    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM erasure_vendor")
        row = b"|".join(
            bytes(cell) if isinstance(cell, memoryview | bytes) else str(cell).encode() for cell in cursor.fetchone()
        )
    assert b"shop-search" in row
    assert b"open-sesame" not in row
    assert "open-sesame" not in f"{account!r} {vars(account)}"
    assert not any("open-sesame" in event.canonical for event in Event.objects.all())


# --- pause and resume


def paused(code):
    account = vendors.save(SHOP)
    vendors.pause(account, code, "401 at job-status", clock.now(), trial_at=clock.now())
    Vendor.objects.filter(pk=account.pk).update(failures=5)
    return account


@pytest.mark.parametrize("code", [Pause.CREDENTIALS, Pause.FAILURES])
@pytest.mark.parametrize(
    "cure",
    [{"credentials": {"password": "new"}}, {"base_url": "http://127.0.0.1:9102"}, {"options": {"archive_days": 9}}],
)
def test_mending_the_account_resumes_it(code, cure):
    paused(code)

    vendors.save({"name": "Shop search", **cure})

    assert (stored().pause, stored().failures, stored().trial_at, stored().paused_at) == ("", 0, None, None)
    assert Event.objects.filter(action="vendor.resumed").count() == 1


@pytest.mark.parametrize(
    "values", [{}, {"pace": {"calls_per_minute": 7}}, {"credentials": {"password": "let-me-in"}}, {"enabled": True}]
)
def test_saving_what_mends_nothing_leaves_it_paused(values):
    paused(Pause.CREDENTIALS)

    vendors.save({"name": "Shop search", **values})

    assert stored().pause == Pause.CREDENTIALS
    assert not Event.objects.filter(action="vendor.resumed").exists()


def test_a_pause_by_hand_is_ended_by_hand_alone():
    account = paused(Pause.BY_HAND)

    vendors.save({"name": "Shop search", "credentials": {"password": "new"}})
    assert stored().pause == Pause.BY_HAND

    vendors.resume(account, by=person("vera"))
    assert stored().pause == ""
    assert Event.objects.get(action="vendor.resumed").actor == f"user:{person('vera').pk}"


def test_a_pause_by_hand_stands_against_what_a_worker_or_a_test_has_read_before():
    account = vendor("Shop search")
    read_before = stored()
    vendors.pause(account, Pause.BY_HAND, "Maintenance", clock.now(), trial_at=None, by=person("vera"))
    vendors.pause(read_before, Pause.FAILURES, "It fails.", clock.now(), trial_at=clock.now())
    assert (stored().pause, stored().pause_note, stored().trial_at) == (Pause.BY_HAND, "Maintenance", None)
    assert vendors.resume(read_before, ends=vendors.SELF_MADE) is False
    assert stored().pause == Pause.BY_HAND
    assert vendors.resume(read_before, by=person("vera")) is True
    assert vendors.resume(read_before, by=person("vera")) is False
    assert Event.objects.filter(action="vendor.resumed").count() == 1


def test_a_pause_says_so_once_and_remembers_since_when(turn_clock):
    begun = turn_clock(clock.now())
    account = paused(Pause.FAILURES)

    vendors.pause(account, Pause.FAILURES, "again", begun + timedelta(days=365), trial_at=None)

    assert (stored().paused_at, stored().pause_note, stored().trial_at) == (begun, "again", None)
    assert Event.objects.filter(action="vendor.paused").count() == 1


# --- test connection


@pytest.fixture
def apptus():
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


STATUS = f"{ADDRESS}/api/v1/event-data/job-status"


def unknown_job(request):
    return 200, {}, json.dumps({"jid": request.params["jid"], "status": "not_found"})


def test_a_connection_that_works_resumes_the_account_and_writes_nothing(apptus):
    account = paused(Pause.CREDENTIALS)
    apptus.add_callback("GET", STATUS, unknown_job, content_type="application/json")

    worked, text = vendors.test(account, by=person("vera"))

    assert worked, text
    assert stored().pause == ""
    assert [call.request.method for call in apptus.calls] == ["GET"]
    assert Event.objects.get(action="vendor.tested").details["result"] == "ok"


def test_a_connection_that_is_refused_says_so_and_leaves_the_account_paused(apptus):
    account = paused(Pause.CREDENTIALS)
    apptus.add("GET", STATUS, status=401)

    worked, text = vendors.test(account, by=person("vera"))

    assert not worked
    assert text
    assert "let-me-in" not in text
    assert stored().pause == Pause.CREDENTIALS
    assert Event.objects.get(action="vendor.tested").details["result"] == "failed"


@pytest.mark.parametrize("status", [500, 503, 302])
def test_a_test_that_fails_for_another_reason_says_that_it_has_changed_nothing(apptus, status):
    apptus.add("GET", STATUS, status=status)

    worked, text = vendors.test(vendor("Forum"))

    assert not worked
    assert "This was only a test, which asks and changes nothing: nothing was written at the vendor." in text
    assert Vendor.objects.get(name="Forum").pause == ""


def test_a_connection_that_works_does_not_end_a_pause_by_hand(apptus):
    account = paused(Pause.BY_HAND)
    apptus.add_callback("GET", STATUS, unknown_job, content_type="application/json")

    assert vendors.test(account)[0]
    assert stored().pause == Pause.BY_HAND


def test_there_is_nothing_to_test_where_work_is_done_by_hand():
    worked, text = vendors.test(vendor("Paper archive", "manual"))

    assert worked
    assert "by hand" in text
