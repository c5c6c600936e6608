"""What a plan says of identifiers that vendors found: whose they may be, and what it leaves out."""

import pytest

from erasure import lifecycle, planning
from erasure.models import Case
from erasure.states import IdentifierState
from tests.factories import approve, approved_case, found, opened_case, person, vendor, work

pytestmark = pytest.mark.django_db

LEFT_OUT = "The case knows further identifiers that this vendor takes and the plan leaves out"
SHARED = "A shared device can belong to somebody else"


@pytest.fixture(autouse=True)
def vendors(db) -> None:
    vendor("Shop search", options={"customer_key_from": ["customer_id"]})
    vendor("Forum", "manual", options={"instructions": "", "accepts": ["cookie_id", "device_id", "email"]})


@pytest.fixture
def case() -> Case:
    return approved_case()


def told(case: Case, name: str) -> list[str]:
    return planning.explain(work(case, name))


def about(case: Case, name: str, what: str) -> list[str]:
    return [line for line in told(case, name) if what in line]


def test_a_plan_without_findings_says_nothing_of_them(case):
    for name in ("Shop search", "Forum"):
        assert not about(case, name, LEFT_OUT)
        assert not about(case, name, SHARED)


@pytest.mark.parametrize("state", [IdentifierState.PROPOSED, IdentifierState.NOTED, IdentifierState.DISMISSED])
def test_what_the_plan_leaves_out_is_told_by_its_kinds(case, state):
    found(case, ("cookie_id", "ck-1"), ("device_id", "dev-1"), ("x1_id", "x-1"))
    case.identifiers.filter(found_by__isnull=False).update(state=state)
    (line,) = about(case, "Forum", LEFT_OUT)
    assert line.startswith(f"{LEFT_OUT} (cookie id, device id: suggested, noted or dismissed).")
    assert line.endswith("may be reached only in part.")


def test_what_was_typed_in_and_dismissed_is_told_too(case):
    case.identifiers.filter(kind="email").update(state=IdentifierState.DISMISSED)
    assert "(email:" in about(case, "Forum", LEFT_OUT)[0]


def test_the_finder_is_not_told_of_what_it_found_itself(case):
    found(case, ("customer_id", "C-2"), ("email", "eva@example.org"))
    assert not about(case, "Shop search", LEFT_OUT)
    assert about(case, "Forum", LEFT_OUT)


def test_what_is_accepted_and_planned_is_not_left_out_but_names_its_finder(case):
    one, two = found(case, ("cookie_id", "ck-1"), ("device_id", "dev-1"))
    lifecycle.decide(case, by=person("mia"), accept=[one.pk, two.pk], dismiss=[])
    assert not about(case, "Forum", LEFT_OUT)
    (warning,) = about(case, "Forum", SHARED)
    assert warning.startswith("cookie id, device id: found by Shop search.")
    approve(case)
    assert about(case, "Forum", SHARED) == [warning]


def test_each_finder_is_named_for_its_own(case):
    vendor("Archive", "manual")
    case = approved_case()
    one, two = *found(case, ("cookie_id", "ck-1")), *found(case, ("device_id", "dev-1"), by="Archive")
    lifecycle.decide(case, by=person("mia"), accept=[one.pk, two.pk], dismiss=[])
    assert [line.partition(".")[0] for line in about(case, "Forum", SHARED)] == [
        "device id: found by Archive",
        "cookie id: found by Shop search",
    ]


def test_found_identifiers_change_no_digest_until_they_are_accepted(case):
    shop = work(case)
    before = shop.revision.digest
    (cookie,) = found(case, ("cookie_id", "ck-1"))
    assert planning.redraw(case) is None
    lifecycle.decide(case, by=person("mia"), accept=[], dismiss=[cookie.pk], note="Shared.")
    assert planning.redraw(case) is None
    shop.revision.refresh_from_db()
    assert shop.revision.digest == before
    assert planning.still_approved(shop)


# --- the four request types at the three vendors


BY_HAND = ("not_offered", True, "")


@pytest.mark.parametrize(
    ("kind", "operation", "said"),
    [
        (
            "erasure",
            "erase",
            {
                "Search": ("", False, "start_export"),
                "CDP": ("", False, "submit"),
                "Exchange": ("", False, "create_job"),
            },
        ),
        ("restriction", "restrict", {"Search": BY_HAND, "CDP": BY_HAND, "Exchange": ("", False, "create_job")}),
        ("lift_restriction", "unrestrict", {"Search": BY_HAND, "CDP": BY_HAND, "Exchange": ("", False, "create_job")}),
        ("export", "export", {"Search": ("", False, "start_export"), "CDP": BY_HAND, "Exchange": BY_HAND}),
    ],
)
def test_what_a_vendor_cannot_do_goes_to_a_person_with_the_reason(kind, operation, said):
    accounts = {"Search": "apptus", "CDP": "acquia", "Exchange": "acoustic"}
    for name, connector in accounts.items():
        vendor(name, connector)
    case = opened_case(kind=kind, vendors=[name.lower() for name in accounts], submit=True)
    parts = {item.vendor.name: item for item in case.sub_tasks.all()}
    assert {item.operation for item in parts.values()} == {operation}
    assert {name: item.identifiers.count() for name, item in parts.items()} == dict.fromkeys(accounts, 1)
    assert {name: (item.reason, item.by_hand) for name, item in parts.items()} == {
        name: (reason, by_hand) for name, (reason, by_hand, _step) in said.items()
    }
    for item in parts.values():
        explained = planning.explain(item)
        assert explained
        assert (planning.reason_text("not_offered") in explained) is item.by_hand
        assert bool(planning.calls(item)) is not item.by_hand
        assert bool(planning.first_call(item)) is not item.by_hand
    if kind == "lift_restriction":
        lifecycle.tell_of_lifting(case, by=case.opened_by, channel="email")
    approve(case)
    for name, (_reason, by_hand, step) in said.items():
        part = work(case, name)
        assert (part.status, part.step) == ("awaiting_attestation" if by_hand else "ready", step)


def test_a_request_that_no_api_can_carry_out_is_confirmed_by_hand_to_its_end():
    for name, connector in {"Search": "apptus", "CDP": "acquia"}.items():
        vendor(name, connector)
    case = approved_case(kind="restriction", vendors=["search", "cdp"])
    for name in ("Search", "CDP"):
        lifecycle.attest(work(case, name), by=person("olive"), note="Flagged on their screen.")
    assert Case.objects.get(pk=case.pk).status == "completed"
    assert {use.outcome for item in case.sub_tasks.all() for use in item.identifiers.all()} == {"restricted"}
