"""How a case ends, and that the word for it is true: cancelled only if nothing was sent, completed only if all was."""

import pytest

from compliance import clock
from compliance.audit.models import Event
from erasure import actions, intake, lifecycle
from erasure.errors import Conflict, Invalid
from erasure.models import Case, SubTask
from erasure.states import (
    CaseStatus,
    IdentifierState,
    Origin,
    Outcome,
    RefusalGround,
    RevisionStatus,
    SubTaskStatus,
)
from tests.factories import approve, approved_case, opened_case, person, vendor, work

pytestmark = pytest.mark.django_db

UUID = "3f2a9c1e-58b7-4c0d-9a1f-2b6e7d8c9f00"


@pytest.fixture(autouse=True)
def two_vendors(db):
    vendor("Shop search")
    vendor("Paper archive", "manual")


def sent(item, *, status=SubTaskStatus.WAITING, committed=False):
    """What a worker leaves behind when it has sent an export job, or (`committed`) a removal."""
    now = clock.now()
    SubTask.objects.filter(pk=item.pk).update(
        status=status, next_at=now, lease_until=now, sent_at=now, committed_at=now if committed else None
    )


def finish(item, outcome=Outcome.ERASED):
    """What a worker does when the vendor's part is done."""
    item = SubTask.objects.select_related("case", "vendor").get(pk=item.pk)
    SubTask.objects.filter(pk=item.pk).update(status=SubTaskStatus.RUNNING, lease_until=clock.now())
    item.refresh_from_db()
    item.identifiers.update(outcome=outcome)
    with lifecycle.changing(item.case, None) as case:
        item.case = case
        lifecycle.end(item, SubTaskStatus.DONE, event=actions.WORK_DONE, outcomes=[outcome], assurance="confirmed")
        lifecycle.close_if_ended(case)


def attest(case):
    lifecycle.attest(work(case, "Paper archive"), by=person("olive"), note="Shredded.")


def status(case):
    return Case.objects.get(pk=case.pk).status


# --- completed, partly completed


def test_a_case_is_completed_when_every_vendor_has_ended():
    case = approved_case()

    attest(case)
    assert status(case) == CaseStatus.IN_PROGRESS
    finish(work(case))

    assert status(case) == CaseStatus.COMPLETED
    assert Event.objects.get(action="case.closed").details == {"status": "completed"}
    case.refresh_from_db()
    assert case.closed_at


@pytest.mark.parametrize("outcome", [Outcome.NOT_HELD, Outcome.PROCESSED])
def test_finding_nothing_completes_a_case_too(outcome):
    case = approved_case()
    attest(case)
    finish(work(case), outcome)

    assert status(case) == CaseStatus.COMPLETED


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.REFUSED])
def test_one_failed_identifier_makes_it_partly_completed(outcome):
    case = approved_case()
    attest(case)
    finish(work(case), outcome)

    assert status(case) == CaseStatus.PARTLY_COMPLETED


def test_work_that_was_given_up_makes_it_partly_completed():
    case = approved_case()
    finish(work(case))
    lifecycle.give_up(work(case, "Paper archive"), by=person("olive"), note="The archive has burnt down.")

    assert status(case) == CaseStatus.PARTLY_COMPLETED


def test_a_case_with_a_suggestion_that_nobody_has_decided_cannot_complete():
    case = approved_case()
    suggestion = intake.add_identifier(case, by=case.opened_by, kind="cookie_id", value="k1")
    case.identifiers.filter(pk=suggestion.pk).update(state=IdentifierState.PROPOSED, origin=Origin.DISCOVERED)
    attest(case)
    finish(work(case))

    assert status(case) == CaseStatus.IN_PROGRESS


def test_a_case_with_a_plan_version_that_nobody_has_decided_cannot_complete():
    case = approved_case()
    intake.add_identifier(case, by=case.opened_by, kind="visitor_id", value=UUID)
    attest(case)
    finish(case.sub_tasks.get(vendor__name="Shop search", revision__number=1))
    assert status(case) == CaseStatus.IN_PROGRESS

    approve(case)
    assert status(case) == CaseStatus.IN_PROGRESS
    finish(work(case))
    assert status(case) == CaseStatus.COMPLETED


def test_a_later_version_that_was_emptied_still_has_to_be_decided():
    vendor("Forum", options={"customer_key_from": ["cookie_id"]})
    case = approved_case(vendors=["shop-search", "forum"])
    intake.add_identifier(case, by=case.opened_by, kind="cookie_id", value="k1")
    vendor("Forum", enabled=False)
    with pytest.raises(Conflict):
        approve(case)
    assert not case.revisions.get(number=2).sub_tasks.exists()
    finish(work(case))
    lifecycle.searched(work(case, "Forum"), by=person("olive"), note="None.")
    assert status(case) == CaseStatus.IN_PROGRESS

    lifecycle.reject(case, by=person("ada"), ground="unfounded")
    assert status(case) == CaseStatus.COMPLETED


def test_work_that_waits_for_an_identifier_blocks_completion_until_it_is_searched():
    case = approved_case(identifiers=[("email", "ada@example.org")])
    attest(case)
    assert status(case) == CaseStatus.IN_PROGRESS

    lifecycle.searched(work(case), by=person("olive"), note="Looked by name and address.")
    assert status(case) == CaseStatus.COMPLETED


# --- reject


@pytest.mark.parametrize("ground", RefusalGround.values)
def test_a_request_is_refused_on_a_ground_of_the_law(ground):
    case = opened_case(submit=True)

    lifecycle.reject(case, by=person("ada"), ground=ground, note="See the file.")

    case.refresh_from_db()
    assert (case.status, case.refusal_ground) == (CaseStatus.REJECTED, ground)
    assert case.closed_at
    assert {item.status for item in case.sub_tasks.all()} == {SubTaskStatus.SKIPPED}
    assert case.revisions.get().status == RevisionStatus.DISCARDED
    assert {item.state for item in case.identifiers.all()} == {IdentifierState.ACCEPTED}
    assert Event.objects.get(action="case.rejected").details["ground"] == ground


def test_a_ground_that_the_law_does_not_know_is_refused():
    case = opened_case(submit=True)

    with pytest.raises(Invalid) as refused:
        lifecycle.reject(case, by=person("ada"), ground="too_much_work")
    assert [at for at, _text in refused.value.problems] == ["/ground"]
    assert status(case) == CaseStatus.AWAITING_APPROVAL


def test_rejecting_a_later_version_dismisses_its_identifiers_and_the_case_goes_on():
    case = approved_case()
    intake.add_identifier(case, by=case.opened_by, kind="visitor_id", value=UUID)

    lifecycle.reject(case, by=person("ada"), ground="identity_not_proven", note="A shared device.")

    assert status(case) == CaseStatus.IN_PROGRESS
    assert case.revisions.get(number=2).status == RevisionStatus.DISCARDED
    assert {item.kind: item.state for item in case.identifiers.all()} == {
        "email": IdentifierState.ACCEPTED,
        "customer_id": IdentifierState.ACCEPTED,
        "visitor_id": IdentifierState.DISMISSED,
    }
    assert case.sub_tasks.filter(revision__number=1, status=SubTaskStatus.READY).count() == 1
    event = Event.objects.get(action="plan.discarded")
    assert event.details["ground"] == "identity_not_proven"
    assert event.details["note"] == f"note:{case.notes.get().pk}"
    assert not Case.objects.get(pk=case.pk).refusal_ground, "the request itself was not refused"


def test_rejecting_a_later_version_keeps_what_the_approved_one_uses():
    case = approved_case()
    vendor("New archive", "manual", options={"instructions": "", "accepts": ["email", "visitor_id"]})
    intake.add_identifier(case, by=case.opened_by, kind="visitor_id", value=UUID)
    joined = case.revisions.get(number=2).sub_tasks.get(vendor__name="New archive")
    assert {use.identifier.kind for use in joined.identifiers.all()} == {"email", "visitor_id"}

    lifecycle.reject(case, by=person("ada"), ground="unfounded")

    assert case.identifiers.get(kind="visitor_id").state == IdentifierState.DISMISSED
    assert case.identifiers.get(kind="email").state == IdentifierState.ACCEPTED


def test_rejecting_the_last_open_question_closes_a_case_whose_work_has_ended():
    case = approved_case()
    intake.add_identifier(case, by=case.opened_by, kind="visitor_id", value=UUID)
    attest(case)
    finish(case.sub_tasks.get(vendor__name="Shop search", revision__number=1))
    assert status(case) == CaseStatus.IN_PROGRESS

    lifecycle.reject(case, by=person("ada"), ground="unfounded")

    assert status(case) == CaseStatus.PARTLY_COMPLETED, "a part of the request was refused"


# --- cancel


def test_a_case_of_which_nothing_was_sent_ends_cancelled():
    case = approved_case()

    lifecycle.cancel(case, by=person("olive"), reason="withdrawn", note="She called.")

    assert status(case) == CaseStatus.CANCELLED
    assert {item.reason for item in case.sub_tasks.all()} == {"stopped_before_sending"}
    assert {item.status for item in case.sub_tasks.all()} == {SubTaskStatus.STOPPED}
    event = Event.objects.get(action="case.cancelled")
    assert event.details["reason"] == "withdrawn"
    assert "called" not in event.canonical


def test_what_a_person_has_erased_by_hand_makes_a_cancelled_case_partly_completed():
    case = approved_case()
    attest(case)

    lifecycle.cancel(case, by=person("olive"), reason="withdrawn")

    assert status(case) == CaseStatus.PARTLY_COMPLETED


def test_a_search_that_found_nobody_leaves_a_cancelled_case_cancelled():
    case = approved_case(identifiers=[("email", "ada@example.org")])
    lifecycle.searched(work(case), by=person("olive"), note="Looked in the shop.")

    lifecycle.cancel(case, by=person("olive"), reason="withdrawn")

    assert status(case) == CaseStatus.CANCELLED


def test_a_case_whose_export_was_sent_is_stopped_before_effect_and_partly_completed():
    case = approved_case()
    sent(work(case))

    lifecycle.cancel(case, by=person("olive"), reason="withdrawn")

    assert status(case) == CaseStatus.PARTLY_COMPLETED
    assert (work(case).status, work(case).reason) == (SubTaskStatus.STOPPED, "stopped_before_effect")
    assert work(case, "Paper archive").reason == "stopped_before_sending"


@pytest.mark.parametrize("waits", [SubTaskStatus.WAITING, SubTaskStatus.READY, SubTaskStatus.RUNNING])
def test_a_removal_that_was_sent_is_followed_to_its_end(waits):
    case = approved_case()
    sent(work(case), committed=True, status=waits)

    lifecycle.cancel(case, by=person("olive"), reason="withdrawn")

    assert status(case) == CaseStatus.IN_PROGRESS
    assert work(case).status == waits
    assert work(case, "Paper archive").status == SubTaskStatus.STOPPED
    finish(work(case))
    assert status(case) == CaseStatus.PARTLY_COMPLETED


def test_a_removal_that_went_through_is_no_completed_case_once_it_was_cancelled():
    case = approved_case(vendors=["shop-search"])
    sent(work(case), committed=True)
    lifecycle.cancel(case, by=person("olive"), reason="withdrawn")

    finish(work(case))

    assert status(case) == CaseStatus.PARTLY_COMPLETED


def test_what_is_being_sent_at_this_moment_is_left_to_its_worker_who_stops_it_after():
    case = approved_case()
    sent(work(case), status=SubTaskStatus.RUNNING)

    lifecycle.cancel(case, by=person("olive"), reason="withdrawn")
    assert (status(case), work(case).status) == (CaseStatus.IN_PROGRESS, SubTaskStatus.RUNNING)

    item = work(case)
    with lifecycle.changing(case, None) as locked:
        item.case = locked
        lifecycle.move(item, SubTaskStatus.WAITING, next_at=clock.now())
        assert lifecycle.stop_unsent(item)
        lifecycle.close_if_ended(locked)
    assert status(case) == CaseStatus.PARTLY_COMPLETED


def test_a_removal_that_needs_a_person_still_does_after_the_cancellation():
    case = approved_case()
    sent(work(case), committed=True)
    SubTask.objects.filter(pk=work(case).pk).update(status="needs_attention", attention_code="broken_reply")

    lifecycle.cancel(case, by=person("olive"), reason="withdrawn")
    assert status(case) == CaseStatus.IN_PROGRESS

    lifecycle.attest(work(case), by=person("olive"), note="Their screen says removed.")
    assert status(case) == CaseStatus.PARTLY_COMPLETED


def test_cancelling_takes_the_open_plan_version_with_it():
    case = approved_case()
    intake.add_identifier(case, by=case.opened_by, kind="visitor_id", value=UUID)

    lifecycle.cancel(case, by=person("olive"), reason="other")

    assert status(case) == CaseStatus.CANCELLED
    assert case.revisions.get(number=2).status == RevisionStatus.DISCARDED


def test_a_followed_case_cannot_be_cancelled_twice_and_says_why():
    case = approved_case()
    sent(work(case), committed=True)
    lifecycle.cancel(case, by=person("olive"), reason="withdrawn")

    with pytest.raises(Conflict, match="followed to its end"):
        lifecycle.cancel(case, by=person("olive"), reason="withdrawn")


def test_a_duplicate_names_the_case_that_it_repeats():
    original, case = opened_case(), opened_case()

    for wrong in ("", case.reference, "DSR-1999-000001", "DSR\x00", "\ud800"):
        with pytest.raises(Invalid) as refused:
            lifecycle.cancel(case, by=person("olive"), reason="duplicate", duplicate_of=wrong)
        assert [at for at, _text in refused.value.problems] == ["/duplicate_of"]
    assert status(case) == CaseStatus.DRAFT

    lifecycle.cancel(case, by=person("olive"), reason="duplicate", duplicate_of=original.reference)
    assert Case.objects.get(pk=case.pk).duplicate_of == original


def test_a_reason_that_nobody_knows_cancels_nothing():
    case = opened_case()

    with pytest.raises(Invalid) as refused:
        lifecycle.cancel(case, by=person("olive"), reason="bored")
    assert [at for at, _text in refused.value.problems] == ["/reason"]
    assert status(case) == CaseStatus.DRAFT


def test_what_a_rejected_plan_held_is_refused():
    case = opened_case(submit=True)
    lifecycle.reject(case, by=person("ada"), ground="unfounded")
    outcomes = {use.outcome for work in case.sub_tasks.all() for use in work.identifiers.all()}
    assert outcomes == {Outcome.REFUSED}


def test_cancelling_ends_a_hold_so_that_what_was_sent_is_followed():
    case = approved_case()
    lifecycle.hold(case, by=person("ada"))
    case.sub_tasks.update(sent_at=clock.now(), committed_at=clock.now())
    lifecycle.cancel(case, by=person("ada"), reason="withdrawn")
    case = Case.objects.get(pk=case.pk)
    assert (case.status, case.held_at) == (CaseStatus.IN_PROGRESS, None)
