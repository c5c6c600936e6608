"""A request that is refused at one vendor and carried out at the others."""

from datetime import UTC, datetime

import pytest

from compliance.audit.models import Event
from erasure import intake, lifecycle, planning
from erasure.errors import Conflict, Forbidden, Invalid
from erasure.models import Case, SubTask
from tests.factories import approve, approved_case, opened_case, person, vendor, work

pytestmark = pytest.mark.django_db
GROUND = "legal_obligation"


@pytest.fixture(autouse=True)
def vendors():
    vendor()
    vendor("Paper archive", "manual", options={"instructions": "Room 12", "accepts": ["email"]})


def refuse(sub_task: SubTask, by: str = "ida", ground: str = GROUND) -> None:
    lifecycle.refuse_work(sub_task, by=person(by, "approver"), ground=ground, note="Invoices are kept for ten years.")


def outcomes(sub_task: SubTask) -> set[str]:
    return set(sub_task.identifiers.values_list("outcome", flat=True))


def test_before_approval_it_becomes_part_of_the_plan_that_somebody_else_approves():
    case = opened_case(submit=True)
    digest = lifecycle.open_revision(case).digest
    refuse(work(case, "Paper archive"))

    revision = lifecycle.open_revision(case)
    assert revision.digest != digest
    assert "legal obligation" in planning.explain(work(case, "Paper archive"))[0]
    with pytest.raises(Forbidden):
        approve(case, by=person("ida"))
    approve(case)
    archive = work(case, "Paper archive")
    assert (archive.status, archive.reason, outcomes(archive)) == ("stopped", f"refused:{GROUND}", {"refused"})
    assert work(case).status == "ready"
    assert planning.still_approved(work(case))


def test_the_digest_binds_the_ground():
    case = opened_case(submit=True)
    refuse(work(case, "Paper archive"))
    first = lifecycle.open_revision(case).digest
    lifecycle.take_back_refusal(work(case, "Paper archive"), by=person("ida"))
    refuse(work(case, "Paper archive"), ground="legal_claims")
    assert lifecycle.open_revision(case).digest != first


def test_a_refusal_is_taken_back_before_approval_and_the_plan_is_as_it_was():
    case = opened_case(submit=True)
    before = lifecycle.open_revision(case).digest
    refuse(work(case, "Paper archive"))
    lifecycle.take_back_refusal(work(case, "Paper archive"), by=person("ida"))
    assert lifecycle.open_revision(case).digest == before
    assert [event.action for event in Event.objects.filter(action__startswith="case.vendor").order_by("id")] == [
        "case.vendor_refused",
        "case.vendor_not_refused",
    ]
    with pytest.raises(Conflict):
        lifecycle.take_back_refusal(work(case, "Paper archive"), by=person("ida"))


def test_the_case_then_ends_partly_completed():
    case = opened_case(submit=True)
    refuse(work(case))
    approve(case)
    lifecycle.attest(work(case, "Paper archive"), by=person("olive"), note="Shredded.")
    assert Case.objects.get(pk=case.pk).status == "partly_completed"


def test_what_was_approved_and_not_sent_is_stopped():
    case = approved_case()
    refuse(work(case))
    shop = work(case)
    assert (shop.status, outcomes(shop)) == ("stopped", {"refused"})
    told = Event.objects.get(action="case.vendor_refused").details
    assert (told["vendor"], told["ground"], "late" in told) == ("shop-search", GROUND, False)
    assert "invoices" not in Event.objects.get(action="case.vendor_refused").canonical.lower()


def test_what_a_vendor_was_asked_to_change_cannot_be_refused_any_more(turn_clock):
    case = approved_case()
    SubTask.objects.filter(pk=work(case).pk).update(committed_at=datetime(2026, 9, 1, tzinfo=UTC))
    assert not lifecycle.may_refuse(work(case))
    with pytest.raises(Conflict):
        refuse(work(case))
    assert work(case).status == "ready"


def test_refusing_everything_is_a_rejection_and_said_to_be():
    case = opened_case(submit=True)
    refuse(work(case, "Paper archive"))
    with pytest.raises(Conflict) as told:
        refuse(work(case))
    assert told.value.code == "refuses_all"
    assert "reject it instead" in told.value.text


def test_a_ground_is_one_of_the_list():
    with pytest.raises(Invalid):
        refuse(work(approved_case()), ground="because")


def test_an_identifier_that_comes_later_does_not_bring_the_refused_vendor_back():
    case = opened_case(submit=True)
    refuse(work(case))
    approve(case)
    intake.add_identifier(case, by=person("olive"), kind="customer_id", value="C-2")
    assert lifecycle.open_revision(case) is None


def test_a_refusal_after_the_first_deadline_is_recorded_as_late_whatever_was_extended(turn_clock):
    turn_clock(datetime(2026, 9, 1, 12, tzinfo=UTC))
    case = approved_case(received_at=datetime(2026, 8, 31, 12, tzinfo=UTC))
    lifecycle.extend(case, by=person("olive"), reason="complexity", channel="email")
    turn_clock(datetime(2026, 9, 30, 12, tzinfo=UTC))
    refuse(work(case, "Paper archive"))
    assert "late" not in Event.objects.filter(action="case.vendor_refused").latest("id").details
    turn_clock(datetime(2026, 10, 1, 12, tzinfo=UTC))
    refuse(work(case))
    assert Event.objects.filter(action="case.vendor_refused").latest("id").details["late"] is True


def test_what_a_later_version_adds_at_a_vendor_is_refused_as_a_part_of_it_and_can_be_taken_back():
    case = approved_case()
    lifecycle.attest(work(case, "Paper archive"), by=person("olive"), note="Shredded.")
    for kind, value in (("email", "b@example.org"), ("customer_id", "C-2")):
        intake.add_identifier(case, by=person("olive"), kind=kind, value=value)
    refuse(work(case, "Paper archive"))

    added = work(case, "Paper archive")
    assert (added.revision.number, added.reason) == (2, f"refused:{GROUND}")
    lifecycle.take_back_refusal(added, by=person("ida"))
    assert work(case, "Paper archive").reason == "by_hand"
    refuse(work(case, "Paper archive"))
    approve(case)
    added = work(case, "Paper archive")
    assert (added.status, outcomes(added)) == ("stopped", {"refused"})
