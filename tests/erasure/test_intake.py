"""Opening a case: what comes in whole, what is refused, and that a refusal leaves nothing behind."""

from datetime import UTC, date, datetime, timedelta

import pytest

from compliance.audit.models import Event, PendingEvent
from compliance.vault.models import DataKey
from erasure import intake, lifecycle
from erasure.errors import Conflict, Invalid
from erasure.models import Case, Identifier, Note, PlanRevision, ReferenceCounter
from erasure.states import CaseStatus, IdentifierState, Origin
from tests.factories import approve, approved_case, opened_case, opening, person, vendor

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)
UUID = "3f2a9c1e-58b7-4c0d-9a1f-2b6e7d8c9f00"


@pytest.fixture
def shop():
    return vendor("Shop search")


@pytest.fixture
def olive():
    return person("olive", "intake")


def everything():
    """How many rows there are of all that an opening makes."""
    tables = (Case, Identifier, Note, PlanRevision, DataKey, Event, PendingEvent)
    last = ReferenceCounter.objects.values_list("last", flat=True).first()
    return [table.objects.count() for table in tables], last or 0


def problems(olive, **values):
    """The pointers of what is wrong with an opening; nothing may have changed."""
    before = everything()
    with pytest.raises(Invalid) as refused:
        intake.open_case(opening(**values), by=olive)
    assert everything() == before
    assert all(text for _pointer, text in refused.value.problems)
    return [pointer for pointer, _text in refused.value.problems]


# --- what comes in


def test_a_case_needs_no_more_than_a_kind_a_law_a_reason_and_an_identifier(shop, olive, turn_clock):
    turn_clock(NOON)
    case = intake.open_case(opening(identifiers=[("customer_id", "C-1")]), by=olive)

    assert case.reference == "DSR-2026-000001"
    assert (case.status, case.opened_by, case.channel) == (CaseStatus.DRAFT, olive, "other")
    assert (case.received_at, case.received_on, case.due_on) == (NOON, date(2026, 11, 2), date(2026, 12, 2))
    assert case.unseal("requester") is None
    assert case.unseal("external_id") is None
    (identifier,) = case.identifiers.all()
    assert (identifier.kind, identifier.value()) == ("customer_id", "C-1")
    assert (identifier.origin, identifier.state) == (Origin.SUBMITTED, IdentifierState.ACCEPTED)
    assert case.revisions.get().sub_tasks.get().vendor == shop


def test_a_case_takes_in_all_that_is_known(shop, olive):
    archive, other = vendor("Paper archive", "manual"), vendor("Other", "manual")
    requester = {"name": "Ada L.", "reply_to": "ada@example.org", "language": "de", "acting_for": "her son"}
    case = opened_case(
        kind="export",
        regime="ccpa",
        ground="other",
        country="US",
        subdivision="CA",
        channel="letter",
        received_at=datetime(2026, 10, 1, 8, 0, tzinfo=UTC),
        external_id=" crm-991 ",
        requester=requester | {"acting_for": ""},
        vendors=[archive.slug, shop.slug],
        handler=olive,
        note="Two\nlines.",
        identifiers=[("email", "Ada@example.org"), ("visitor_id", UUID)],
    )

    assert (case.kind, case.regime, case.country, case.subdivision, case.channel) == (
        "export", "ccpa", "US", "CA", "letter",
    )  # fmt: skip
    assert case.due_on == date(2026, 11, 14)
    assert case.unseal("external_id") == "crm-991"
    assert case.unseal("requester") == {name: text for name, text in requester.items() if name != "acting_for"}
    assert case.handler == olive
    assert set(case.vendors.all()) == {archive, shop}
    assert not case.sub_tasks.filter(vendor=other).exists()
    assert case.notes.get().unseal("text") == "Two\nlines."
    assert sorted((item.kind, item.value()) for item in case.identifiers.all()) == [
        ("email", "Ada@example.org"),
        ("visitor_id", UUID),
    ]


def test_opening_leaves_an_event_for_the_case_each_identifier_the_plan_and_the_note(shop, olive):
    case = opened_case(note="Called twice.")

    events = Event.objects.filter(case=case.reference)
    assert [event.action for event in events.order_by("id")] == [
        "case.opened",
        "identifier.added",
        "identifier.added",
        "plan.drawn",
        "note.added",
    ]
    assert events.get(action="case.opened").details == {
        "kind": "erasure",
        "regime": "gdpr",
        "ground": "subject_request",
        "channel": "other",
        "received_on": case.received_on.isoformat(),
        "due_on": case.due_on.isoformat(),
    }
    assert {event.actor for event in events if event.action != "plan.drawn"} == {f"user:{olive.pk}"}


def test_an_opening_shows_nothing_personal_of_itself():
    shown = repr(opening(requester={"name": "Ada"}, external_id="crm-991", note="Called.", kind="erasure"))

    assert not any(text in shown for text in ("ada@", "C-1001", "Ada", "crm-991", "Called"))


# --- what is refused


def test_every_wrong_field_is_named_at_once(shop, olive):
    wrong = problems(
        olive,
        kind="forget",
        regime="hipaa",
        ground="because",
        channel="pigeon",
        country="de",
        subdivision="B/Y",
        received_at=datetime(2026, 1, 1),
        external_id="crm\n991",
        requester={"name": "a" * 201, "reply_to": "x\x00", "shoe_size": "44"},
        vendors=["nobody"],
        identifiers=[("Email", "ada@example.org"), ("email", "ada"), ("fax", "1"), ("customer_id", "a\nb")],
    )

    assert sorted(wrong) == sorted(
        [
            "/kind",
            "/regime",
            "/ground",
            "/channel",
            "/country",
            "/subdivision",
            "/received_at",
            "/external_id",
            "/requester/name",
            "/requester/reply_to",
            "/requester/shoe_size",
            "/vendors/0",
            "/identifiers/0/kind",
            "/identifiers/1/value",
            "/identifiers/2/kind",
            "/identifiers/3/value",
        ]
    )


@pytest.mark.parametrize(
    ("field", "value", "pointer"),
    [
        ("kind", "", "/kind"),
        ("kind", "Erasure", "/kind"),
        ("regime", "GDPR", "/regime"),
        ("ground", "", "/ground"),
        ("channel", "", "/channel"),
        ("country", "DEU", "/country"),
        ("country", "D1", "/country"),
        ("country", "ZZ", "/country"),
        ("subdivision", "a-subdivision", "/subdivision"),
        ("subdivision", "-", "/subdivision"),
        ("subdivision", "BY", "/subdivision"),  # of no country
        ("received_at", datetime(2026, 11, 2, 12, 0), "/received_at"),
        ("external_id", "x" * 201, "/external_id"),
        ("requester", {"status": "approved"}, "/requester/status"),
        ("vendors", ["shop-search", "nobody"], "/vendors/1"),
        ("vendors", ["shop\x00search"], "/vendors/0"),
        ("external_id", "\ud800", "/external_id"),
        ("subdivision", "\x00", "/subdivision"),
        ("country", "\x00\x00", "/country"),
        ("identifiers", [], "/identifiers"),
        ("identifiers", [("customer_id", "a\nb")], "/identifiers/0/value"),
        ("identifiers", [("customer_id", "")], "/identifiers/0/value"),
        ("identifiers", [("customer_id", "C-1 ")], "/identifiers/0/value"),
        ("identifiers", [("customer_id", str(n)) for n in range(501)], "/identifiers"),
        ("note", "x" * 10_001, "/note"),
        ("note", "a\x00b", "/note"),
    ],
)
def test_a_wrong_field_is_refused_alone_and_leaves_nothing_behind(shop, olive, field, value, pointer):
    assert problems(olive, **{field: value}) == [pointer]


def test_a_time_of_receipt_may_be_ahead_by_no_more_than_clocks_differ(shop, olive, turn_clock):
    turn_clock(NOON)

    assert problems(olive, received_at=NOON + timedelta(minutes=6)) == ["/received_at"]
    assert opened_case(received_at=NOON + timedelta(minutes=4)).received_on == NOON.date()


def test_a_refused_value_is_not_repeated(shop, olive):
    with pytest.raises(Invalid) as refused:
        intake.open_case(opening(identifiers=[("email", "ada-at-home")], requester={"name": "Ada\x00"}), by=olive)

    assert "ada" not in f"{refused.value} {refused.value.problems}".lower()


def test_a_disabled_vendor_is_refused(olive):
    vendor("Shop search", enabled=False)

    assert problems(olive, vendors=["shop-search"]) == ["/vendors/0"]


def test_a_refusal_leaves_no_gap_in_the_references(shop, olive):
    first = opened_case()
    problems(olive, note="x" * 10_001)  # found only after the reference was drawn
    second = opened_case()

    assert int(second.reference[-6:]) == int(first.reference[-6:]) + 1


# --- identifier kinds


def test_a_kind_of_its_own_is_known_while_an_enabled_vendor_account_maps_it(olive):
    assert problems(olive, identifiers=[("loyalty_card", "7")]) == ["/identifiers/0/kind"]

    account = vendor(options={"customer_key_from": ["loyalty_card"]})
    case = opened_case(identifiers=[("loyalty_card", "7")])
    assert case.sub_tasks.get().identifiers.get().identifier.kind == "loyalty_card"

    vendor(account.name, enabled=False)
    assert problems(olive, identifiers=[("loyalty_card", "7")]) == ["/identifiers/0/kind"]


# --- duplicates


def test_the_same_identifier_in_other_clothes_is_folded_and_the_first_spelling_kept(shop, olive):
    case = opened_case(
        identifiers=[
            ("email", "Ada@Example.org"),
            ("email", " ada@example.org"),
            ("phone", "+49 30 123456"),
            ("phone", "030 123456"),
            ("customer_id", "C-1"),
            ("customer_id", "c-1"),
        ],
        country="DE",
    )

    assert sorted((item.kind, item.value()) for item in case.identifiers.all()) == [
        ("customer_id", "C-1"),
        ("customer_id", "c-1"),
        ("email", "Ada@Example.org"),
        ("phone", "+4930123456"),
    ]


def test_one_value_under_two_kinds_is_two_identifiers(shop, olive):
    assert opened_case(identifiers=[("customer_id", "7"), ("cookie_id", "7")]).identifiers.count() == 2


def test_a_likely_duplicate_person_is_pointed_out_newest_first(shop, olive):
    first = opened_case(identifiers=[("email", "ada@example.org")])
    second = opened_case(identifiers=[("email", "ADA@example.org"), ("customer_id", "C-1")])
    stranger = opened_case(identifiers=[("customer_id", "ada@example.org")])
    third = opened_case(identifiers=[("customer_id", "C-1"), ("email", "ada@example.org")])

    assert intake.possible_duplicates(third) == [second.reference, first.reference]
    assert intake.possible_duplicates(stranger) == []


def test_cases_are_found_by_an_identifier_in_any_spelling_and_by_an_external_id(shop, olive):
    case = opened_case(identifiers=[("email", "Ada@example.org")], external_id="crm-991")

    assert intake.find_by_identifier("email", "ADA@EXAMPLE.ORG") == [case]
    assert intake.find_by_identifier("customer_id", "Ada@example.org") == []
    assert intake.find_by_external_id(" crm-991") == [case]
    assert intake.find_by_external_id("") == []
    with pytest.raises(Invalid):
        intake.find_by_identifier("email", "ada")
    for nonsense in ("\ud800", "\x00", "x" * 201):
        with pytest.raises(Invalid):
            intake.find_by_external_id(nonsense)


# --- external ids


def test_an_external_id_that_this_account_has_used_names_the_case_that_has_it(shop, olive):
    case = opened_case(external_id="crm-991")
    before = everything()

    with pytest.raises(Conflict) as refused:
        opened_case(external_id="crm-991 ")

    assert (refused.value.code, refused.value.reference) == ("external_id_used", case.reference)
    assert case.reference in refused.value.text
    assert everything() == before


def test_another_account_may_use_the_same_external_id_and_none_is_no_id(shop, olive):
    opened_case(external_id="crm-991")

    opened_case(external_id="crm-991", by=person("otto", "intake"))
    opened_case()
    opened_case(external_id="  ")


# --- the day of receipt


@pytest.mark.parametrize(
    ("zone", "received", "day", "due"),
    [
        ("UTC", datetime(2026, 1, 30, 23, 59, tzinfo=UTC), date(2026, 1, 30), date(2026, 3, 2)),
        ("Europe/Berlin", datetime(2026, 1, 31, 22, 59, tzinfo=UTC), date(2026, 1, 31), date(2026, 3, 2)),
        ("Europe/Berlin", datetime(2026, 1, 31, 23, 0, tzinfo=UTC), date(2026, 2, 1), date(2026, 3, 2)),
        ("Europe/Berlin", datetime(2026, 8, 30, 22, 0, tzinfo=UTC), date(2026, 8, 31), date(2026, 9, 30)),
        ("America/Los_Angeles", datetime(2026, 9, 1, 6, 59, tzinfo=UTC), date(2026, 8, 31), date(2026, 9, 30)),
        ("America/Los_Angeles", datetime(2026, 9, 1, 7, 0, tzinfo=UTC), date(2026, 9, 1), date(2026, 10, 1)),
    ],
)
def test_the_day_of_receipt_is_the_day_in_the_desks_zone(shop, olive, settings, zone, received, day, due):
    settings.TIME_ZONE = zone
    case = opened_case(received_at=received)

    assert (case.received_on, case.due_on) == (day, due)


def test_a_reference_belongs_to_the_year_it_is_in_the_desks_zone(shop, olive, settings, turn_clock):
    settings.TIME_ZONE = "Europe/Berlin"

    turn_clock(datetime(2026, 12, 31, 22, 59, tzinfo=UTC))
    assert [opened_case().reference, opened_case().reference] == ["DSR-2026-000001", "DSR-2026-000002"]
    turn_clock(datetime(2026, 12, 31, 23, 0, tzinfo=UTC))
    assert opened_case().reference == "DSR-2027-000001"


# --- identifiers of a case that exists


def test_an_identifier_that_the_case_has_is_returned_as_it_is(shop, olive):
    case, otto = opened_case(identifiers=[("email", "Ada@example.org")]), person("otto")
    events = Event.objects.count()

    again = intake.add_identifier(case, by=otto, kind="email", value="ada@example.org")

    assert again == case.identifiers.get()
    assert Event.objects.count() == events
    assert not case.revisions.get().parties.filter(person__username="otto").exists()


def test_a_wrong_identifier_adds_nothing(shop, olive):
    case = opened_case()

    for kind, value, pointer in (("email", "ada", "/value"), ("fax", "1", "/kind"), ("E", "1", "/kind")):
        with pytest.raises(Invalid) as refused:
            intake.add_identifier(case, by=olive, kind=kind, value=value)
        assert [at for at, _text in refused.value.problems] == [pointer]
    assert case.identifiers.count() == 2


def test_an_identifier_can_be_taken_out_of_a_draft_and_leaves_an_event_without_its_value(shop, olive):
    case = opened_case()
    gone = case.identifiers.get(kind="customer_id")
    reference = f"identifier:{gone.pk}"

    intake.remove_identifier(gone, by=olive)

    assert [item.kind for item in case.identifiers.all()] == ["email"]
    assert Event.objects.get(action="identifier.removed").subject == reference
    assert case.sub_tasks.get().reason == "no_identifier"


def test_an_identifier_stays_once_the_case_is_submitted(shop, olive):
    case = opened_case(submit=True)

    with pytest.raises(Conflict):
        intake.remove_identifier(case.identifiers.first(), by=olive)
    assert case.identifiers.count() == 2


def test_a_closed_or_cancelled_case_takes_no_further_identifier(shop, olive):
    drafted, running = opened_case(), approved_case()
    running.sub_tasks.update(status="waiting", sent_at=NOON, committed_at=NOON)
    for case in (drafted, running):
        lifecycle.cancel(case, by=olive, reason="withdrawn")
        with pytest.raises(Conflict):
            intake.add_identifier(case, by=olive, kind="customer_id", value="C-2")
        assert case.identifiers.count() == 2


def test_a_submitted_case_takes_an_identifier_and_its_plan_is_another(shop, olive):
    case = opened_case(submit=True)
    digest = case.revisions.get().digest

    intake.add_identifier(case, by=olive, kind="customer_id", value="C-2")

    assert case.revisions.get().digest != digest
    approve(case)
    assert case.status == CaseStatus.IN_PROGRESS


def test_an_identifier_that_was_dismissed_comes_back_when_somebody_adds_it_again():
    case = opened_case(identifiers=[("email", "eva@example.org")])
    Identifier.objects.filter(case=case).update(state=IdentifierState.DISMISSED)
    again = intake.add_identifier(case, by=person("anna"), kind="email", value="EVA@example.org")
    assert again.state == IdentifierState.ACCEPTED
    assert Identifier.objects.count() == 1


@pytest.mark.parametrize("year", [1, 1899, 1999])
def test_a_year_that_cannot_be_right_is_refused(shop, olive, year):
    with pytest.raises(Invalid) as refused:
        intake.open_case(opening(received_at=datetime(year, 1, 2, tzinfo=UTC)), by=olive)
    assert [at for at, _text in refused.value.problems] == ["/received_at"]
    assert not Case.objects.exists()
