"""From a case to its plan: who does what, why not, and what an approval binds."""

import hashlib

import pytest

from compliance import clock
from compliance.audit.models import Event
from erasure import intake, planning, vendors
from erasure.errors import Conflict
from erasure.models import Case, Vendor
from erasure.states import IdentifierState, RevisionStatus, Role, SubTaskStatus
from tests.factories import ADDRESS, approve, approved_case, opened_case, person, vendor, work

pytestmark = pytest.mark.django_db

UUID = "3f2a9c1e-58b7-4c0d-9a1f-2b6e7d8c9f00"


@pytest.fixture
def shop():
    return vendor("Shop search")


@pytest.fixture
def archive():
    return vendor("Paper archive", "manual")


def said(case, number=1):
    """Vendor → operation, reason, kinds of identifiers in a plan version."""
    return {
        item.vendor.name: (item.operation, item.reason, sorted(use.identifier.kind for use in item.identifiers.all()))
        for item in case.revisions.get(number=number).sub_tasks.all()
    }


# --- who does what, and why not


def test_every_enabled_vendor_is_in_the_plan_with_the_identifiers_it_takes(shop, archive):
    vendor("Gone", enabled=False)
    case = opened_case(identifiers=[("email", "ada@example.org"), ("customer_id", "C-1"), ("visitor_id", UUID)])

    assert said(case) == {
        "Shop search": ("erase", "", ["customer_id", "visitor_id"]),
        "Paper archive": ("erase", "by_hand", ["email"]),
    }
    assert {item.status for item in case.sub_tasks.all()} == {SubTaskStatus.PLANNED}


def test_a_vendor_that_nothing_names_the_person_at_waits_for_an_identifier(shop, archive):
    case = opened_case(identifiers=[("email", "ada@example.org")])

    assert said(case)["Shop search"] == ("erase", "no_identifier", [])
    assert not work(case, "Shop search").by_hand
    assert planning.explain(work(case, "Shop search")) == [planning.reason_text("no_identifier")]


def test_what_a_vendors_api_does_not_offer_goes_to_a_person(shop):
    case = opened_case(kind="restriction")

    assert said(case) == {"Shop search": ("restrict", "not_offered", ["customer_id"])}
    assert work(case).by_hand


@pytest.mark.parametrize(
    ("kind", "operation"),
    [("erasure", "erase"), ("restriction", "restrict"), ("lift_restriction", "unrestrict"), ("export", "export")],
)
def test_the_kind_of_the_case_is_what_each_vendor_is_asked_for(shop, archive, kind, operation):
    assert {item.operation for item in opened_case(kind=kind).sub_tasks.all()} == {operation}


def test_a_case_that_names_its_vendors_has_these_alone_while_they_are_enabled(shop, archive):
    case = opened_case(vendors=["paper-archive"])
    assert set(said(case)) == {"Paper archive"}

    vendor("Third", "manual")
    assert planning.is_current(case, case.revisions.get())
    vendor("Paper archive", "manual", enabled=False)
    assert not planning.is_current(case, case.revisions.get())
    assert planning.draw(case, 1) == []


def test_every_reason_is_a_sentence_for_staff(shop, archive):
    for reason in ("no_identifier", "by_hand", "not_offered", "searched_none", "replaced", "given_up", "discarded"):
        assert planning.reason_text(reason).endswith(".")
    assert planning.reason_text("") == ""
    assert planning.explain(work(opened_case(), "Paper archive")) == [planning.reason_text("by_hand"), "erase: Room 12"]
    assert len(planning.explain(work(opened_case(), "Shop search"))) == 2


def test_an_identifier_that_was_not_accepted_is_not_sent(shop):
    case = opened_case(identifiers=[("customer_id", "C-1"), ("customer_id", "C-2")])
    case.identifiers.filter(pk=case.identifiers.last().pk).update(state=IdentifierState.PROPOSED)

    (part,) = planning.draw(case, 1)
    assert len(part.identifiers) == 1


# --- the digest binds what would be done


def add_identifier(case, shop):
    intake.add_identifier(case, by=case.opened_by, kind="visitor_id", value=UUID)


def change_a_value(case, shop):
    identifier = case.identifiers.get(kind="customer_id")
    identifier.seal("value", "C-1002")
    identifier.save()


def change_the_case_of_a_letter(case, shop):
    identifier = case.identifiers.get(kind="customer_id")
    identifier.seal("value", identifier.value().lower())
    identifier.save()


def change_the_address(case, shop):
    vendors.save({"name": shop.name, "base_url": "http://127.0.0.1:9102"})


def change_an_effect(case, shop):
    vendors.save({"name": shop.name, "options": {"export_before_erasing": False}})


def change_the_kind(case, shop):
    case.kind = "export"
    case.save()


def add_a_vendor(case, shop):
    vendor("Third", "manual", options={"instructions": "", "accepts": ["cookie_id"]})


def disable_a_vendor(case, shop):
    vendors.save({"name": "Paper archive", "enabled": False})


def change_instructions(case, shop):
    vendors.save({"name": "Paper archive", "options": {"instructions": "Room 13"}})


@pytest.mark.parametrize(
    "change",
    [
        add_identifier,
        change_a_value,
        change_the_case_of_a_letter,
        change_the_address,
        change_an_effect,
        change_the_kind,
        add_a_vendor,
        disable_a_vendor,
        change_instructions,
    ],
)
def test_the_digest_changes_with_what_changes_an_effect(shop, archive, change):
    case = opened_case()
    revision = case.revisions.get()
    before = revision.digest
    assert planning.is_current(case, revision)

    change(case, shop)

    revision.refresh_from_db()
    assert not planning.is_current(case, revision) or revision.digest != before
    assert planning.redraw(case).digest != before
    assert planning.redraw(case).number == 1, "drawn again in place"


def change_the_pace(shop):
    vendors.save({"name": shop.name, "pace": {"calls_per_minute": 1, "max_poll_seconds": 100_000}})


def change_the_credentials(shop):
    vendors.save({"name": shop.name, "credentials": {"password": "another"}})


def change_what_has_no_effect(shop):
    vendors.save({"name": shop.name, "options": {"keep_export_days": 0, "archive_days": 9}})


def pause_it(shop):
    vendors.pause(shop, "by_hand", "", clock.now(), trial_at=None)


def rename_it(shop):
    Vendor.objects.filter(pk=shop.pk).update(name="Search of the shop")


@pytest.mark.parametrize(
    "change", [change_the_pace, change_the_credentials, change_what_has_no_effect, pause_it, rename_it]
)
def test_the_digest_stays_with_what_changes_no_effect(shop, archive, change):
    case = opened_case()
    before = case.revisions.get().digest

    change(shop)

    assert planning.is_current(case, case.revisions.get())
    assert planning.redraw(case).digest == before


def test_the_digest_comes_back_when_the_change_is_undone(shop):
    case = opened_case()
    before = case.revisions.get().digest

    vendors.save({"name": shop.name, "options": {"export_before_erasing": False}})
    assert planning.redraw(case).digest != before
    vendors.save({"name": shop.name, "options": {"export_before_erasing": True}})
    assert planning.redraw(case).digest == before


def test_two_cases_that_say_the_same_have_different_digests(shop):
    assert opened_case().revisions.get().digest != opened_case().revisions.get().digest


def test_a_plan_drawn_again_replaces_its_sub_tasks_and_leaves_one_event(shop, archive):
    case = opened_case()
    before = set(case.sub_tasks.values_list("pk", flat=True))

    intake.add_identifier(case, by=person("otto"), kind="customer_id", value="C-2")

    assert case.sub_tasks.count() == 2
    assert not before & set(case.sub_tasks.values_list("pk", flat=True))
    (event,) = Event.objects.filter(case=case.reference, action="plan.redrawn")
    assert event.details == {"revision": 1, "digest": case.revisions.get().digest, "vendors": 2}
    planning.redraw(case)
    assert Event.objects.filter(case=case.reference, action="plan.redrawn").count() == 1


def test_the_opener_and_whoever_changes_a_plan_are_its_authors(shop):
    case = opened_case()
    intake.add_identifier(case, by=person("otto"), kind="customer_id", value="C-2")

    parties = case.revisions.get().parties.all()
    assert {(party.person.username, party.role) for party in parties} == {
        ("olive", Role.AUTHOR),
        ("otto", Role.AUTHOR),
    }


# --- later plan versions


def test_a_later_version_holds_only_the_added_work(shop, archive):
    case = approved_case()
    first = case.revisions.get()

    intake.add_identifier(case, by=person("otto"), kind="visitor_id", value=UUID)

    assert said(case, 2) == {"Shop search": ("erase", "", ["visitor_id"])}
    assert {party.person.username for party in case.revisions.get(number=2).parties.all()} == {"olive", "otto"}
    first.refresh_from_db()
    assert (first.status, first.sub_tasks.count()) == (RevisionStatus.APPROVED, 2)
    assert work(case, "Paper archive").revision == first


def test_a_vendor_that_waited_for_an_identifier_is_served_by_the_later_version(shop, archive):
    case = approved_case(identifiers=[("email", "ada@example.org")])
    waiting = work(case)
    assert waiting.status == SubTaskStatus.AWAITING_IDENTIFIER

    intake.add_identifier(case, by=case.opened_by, kind="customer_id", value="C-1")
    waiting.refresh_from_db()
    assert waiting.status == SubTaskStatus.AWAITING_IDENTIFIER, "until the later version is approved"
    approve(case)

    waiting.refresh_from_db()
    assert (waiting.status, waiting.reason) == (SubTaskStatus.SKIPPED, "replaced")
    assert work(case).status == SubTaskStatus.READY


def test_a_vendor_that_waits_for_an_identifier_is_not_in_the_later_version_again(shop, archive):
    vendor("Forum", options={"customer_key_from": ["cookie_id"]})
    case = approved_case()

    intake.add_identifier(case, by=case.opened_by, kind="customer_id", value="C-2")

    assert set(said(case, 1)) == {"Shop search", "Paper archive", "Forum"}
    assert set(said(case, 2)) == {"Shop search"}


def test_an_identifier_that_no_vendor_takes_makes_no_later_version(shop):
    case = approved_case()

    intake.add_identifier(case, by=case.opened_by, kind="cookie_id", value="k1")

    assert case.revisions.count() == 1
    assert case.identifiers.filter(kind="cookie_id").exists()


def test_a_vendor_that_is_new_joins_in_the_later_version_with_all_it_takes(shop):
    case = approved_case()
    vendor("Paper archive", "manual")

    intake.add_identifier(case, by=case.opened_by, kind="customer_id", value="C-2")

    assert said(case, 2) == {
        "Shop search": ("erase", "", ["customer_id"]),
        "Paper archive": ("erase", "by_hand", ["email"]),
    }


# --- what was approved is what is sent


@pytest.mark.parametrize("change", [change_a_value, change_the_case_of_a_letter, change_the_address, change_an_effect])
def test_a_change_after_the_approval_is_noticed_before_anything_is_sent(shop, archive, change):
    case = approved_case()
    assert planning.still_approved(work(case))

    change(case, shop)

    assert not planning.still_approved(work(case))


@pytest.mark.parametrize("change", [change_the_pace, change_the_credentials, change_what_has_no_effect, pause_it])
def test_a_change_without_effect_after_the_approval_is_no_matter(shop, archive, change):
    case = approved_case()
    change(shop)

    assert planning.still_approved(work(case))


def test_work_that_was_slipped_into_an_approved_plan_is_noticed(shop, archive):
    case = approved_case(identifiers=[("customer_id", "C-1"), ("visitor_id", UUID)])
    work(case).identifiers.last().delete()

    assert not planning.still_approved(work(case))
    assert planning.still_approved(work(case, "Paper archive")), "its own part and the stored digests still agree"
    case.sub_tasks.filter(vendor=shop).update(digest="0" * 64)
    assert not planning.still_approved(work(case, "Paper archive"))


def test_nothing_of_a_plan_that_is_not_approved_may_be_sent(shop):
    assert not planning.still_approved(work(opened_case(submit=True)))


# --- what would be sent


def test_the_first_call_is_the_one_its_connector_builds(shop):
    call = planning.first_call(work(opened_case(identifiers=[("customer_id", "C-1")])))

    assert call.method == "POST"
    assert call.url.startswith(f"{ADDRESS}/api/v1/event-data/create-export-customer-job?")
    assert call.query == {"customerKey": hashlib.sha256(b"C-1").hexdigest()}


def test_the_first_call_follows_the_options(shop):
    vendors.save(
        {
            "name": shop.name,
            "options": {"export_before_erasing": False, "generation": "v2"},
            "credentials": {"api_key": "k"},
        }
    )

    call = planning.first_call(work(opened_case(identifiers=[("visitor_id", UUID)])))

    assert call.url == f"{ADDRESS}/api/v2/event-data/create-remove-customer-job?customerKey={UUID}"


def test_work_by_hand_or_without_an_identifier_has_no_first_call(shop, archive):
    assert planning.first_call(work(opened_case(), "Paper archive")) is None
    assert planning.first_call(work(opened_case(kind="restriction"), "Shop search")) is None
    assert planning.first_call(work(opened_case(identifiers=[("email", "a@example.org")]), "Shop search")) is None


def test_a_connector_gets_plain_values(shop, turn_clock):
    now = turn_clock(clock.now())
    case = opened_case(regime="ccpa", ground="objection", identifiers=[("customer_id", "C-1")])

    given = planning.work_of(work(case))

    assert (given.operation, given.regime, given.ground, given.sent_at) == ("erase", "ccpa", "objection", now)
    assert [(item.ref, item.kind, item.value) for item in given.ids] == [
        (str(case.identifiers.get().pk), "customer_id", "C-1")
    ]
    assert dict(given.memory) == {}
    assert "C-1" not in repr(given)


def test_an_account_whose_options_no_longer_fit_is_named_and_nothing_is_opened() -> None:
    account = vendor("Shop search")
    Vendor.objects.filter(pk=account.pk).update(options={"colour": "red"})
    with pytest.raises(Conflict, match="Shop search") as refusal:
        opened_case()
    assert refusal.value.code == "vendor_settings"
    assert not Case.objects.exists()


def test_an_account_of_a_connector_that_is_gone_is_named() -> None:
    account = vendor("Shop search")
    Vendor.objects.filter(pk=account.pk).update(connector="fax")
    with pytest.raises(Conflict, match="Shop search"):
        opened_case()


def test_an_identifier_that_no_vendor_takes_is_told_apart() -> None:
    vendor("Shop search")
    case = opened_case(identifiers=[("customer_id", "C-1"), ("phone", "+49 30 123456")])
    assert [item.kind for item in planning.unused(case)] == ["phone"]


def test_the_plan_tells_every_call_and_which_of_them_change_something() -> None:
    vendor("Shop search")
    told = planning.calls(work(opened_case(), "Shop search"))
    assert [(call.method, call.address.rpartition("/")[2], call.writes) for call in told] == [
        ("POST", "create-export-customer-job", True),
        ("GET", "job-status", False),
        ("GET", "export-customer-job-result", True),
        ("POST", "create-remove-customer-job", True),
        ("GET", "job-status", False),
    ]
    assert all(call.address.startswith(ADDRESS) for call in told)
