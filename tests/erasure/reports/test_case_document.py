"""The document of a case tells how it stands and how it came there, whatever became of it."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from compliance import clock
from compliance.audit.models import Checkpoint
from erasure import actions, letters, lifecycle, retention
from erasure.evidence import File
from erasure.models import Case, SubTask
from erasure.reports.case_document import document
from erasure.reports.reading import Reading
from erasure.states import Assurance, Held, Kind, Outcome, SubTaskStatus
from tests.erasure.reports.conftest import sealed_events
from tests.factories import approve, approved_case, found, opened_case, person, vendor, work

pytestmark = pytest.mark.django_db
Told = Callable[[Case], str]


@pytest.fixture(autouse=True)
def vendors() -> None:
    vendor()
    vendor("Paper archive", "manual", options={"instructions": "Room 12", "accepts": ["email"]})


def test_a_draft_says_that_nothing_was_sent(told: Told) -> None:
    said = told(opened_case(country="DE", channel="letter"))
    assert "The case is a draft: its plan has not been submitted, and nothing has been sent." in said
    assert "Plan version 1: not approved" in said
    assert "Approved\nno" in said
    assert "Country\nDE" in said
    assert "How it came in\nletter" in said
    assert "No file is kept with this case." in said


def test_letters_to_the_person_are_named_and_not_told(told: Told) -> None:
    case = opened_case(submit=True, requester={"name": "Ada Lovelace"})
    letters.send(case, "completion", by=person("olive"), channel="letter")
    said = told(case)
    assert "Letters to the person\nreply: what was done, letter: " in said
    assert "Lovelace" not in said


def test_a_case_that_awaits_approval_says_so(told: Told) -> None:
    case = opened_case(submit=True)
    said = told(case)
    olive = person("olive")
    assert "The plan awaits the approval of a second person. Nothing has been sent." in said
    assert f"olive (user:{olive.pk}); event " in said.partition("Submitted\n")[2].partition("\nApproved")[0]


def test_an_approved_version_names_who_opened_and_who_approved_it(told: Told) -> None:
    case = approved_case()
    said = told(case)
    olive, ada, revision = person("olive"), person("ada"), case.revisions.get()
    authors, _, rest = said.partition("Opened or changed by\n")[2].partition("\nSubmitted\n")
    approved = rest.partition("Approved\n")[2].partition("\n")[0]
    event = next(item for item in sealed_events(case) if item.action == actions.CASE_APPROVED)
    assert f"olive (user:{olive.pk})" in authors
    assert "ada" not in authors
    assert approved.endswith(f", ada (user:{ada.pk}); event {event.leaf.index}")
    assert revision.digest in said
    assert f"plan:{revision.pk}" in said


def test_several_versions_each_have_their_own_authors_and_approver(told: Told) -> None:
    vendor("CDP", "acquia")
    case = approved_case()
    (item,) = found(case, ("visitor_id", "3f2a9c1e-58b7-4c0d-9a1f-2b6e7d8c9f00"), by="CDP")
    said = told(case)
    assert "1 identifier that a vendor suggested awaits a decision." in said
    lifecycle.decide(case, by=person("iris", "intake"), accept=[item.pk], dismiss=[])
    approve(case)
    said = told(case)
    assert "Plan version 1: approved" in said
    second = said.partition("Plan version 2: approved")[2]
    assert f"iris (user:{person('iris').pk})" in second.partition("Approved\n")[0]
    assert "Shop search, plan version 1" in said
    assert "Shop search, plan version 2" in said
    row = said.partition("Came from\n")[2].partition(f"identifier:{item.pk}\n")[2]
    assert row.startswith("found by CDP\n")
    assert "accepted" in row.partition("What each vendor was asked")[0]


def test_a_dismissed_suggestion_names_who_dismissed_it(told: Told) -> None:
    vendor("CDP", "acquia")
    case = approved_case()
    (item,) = found(case, ("visitor_id", "3f2a9c1e-58b7-4c0d-9a1f-2b6e7d8c9f00"), by="CDP")
    lifecycle.decide(case, by=person("iris", "intake"), accept=[], dismiss=[item.pk], note="somebody else's device")
    row = told(case).partition(f"identifier:{item.pk}\n")[2].partition("What each vendor was asked")[0]
    assert "dismissed\n" in row
    assert f"iris (user:{person('iris').pk})" in row


def test_each_vendor_tells_outcome_held_and_proof_of_each_identifier(told: Told) -> None:
    case = approved_case()
    shop = work(case)
    shop.identifiers.update(outcome=Outcome.ERASED, held=Held.YES, assurance=Assurance.ASKED_AGAIN, reference="job-77")
    lifecycle.attest(work(case, "Paper archive"), by=person("ada"), note="Shredded the folder of Ada.", held=Held.NO)
    said = told(case)
    part = said.partition("Shop search, plan version 1")[2]
    assert "Shop search (shop-search), Apptus eSales" in part
    assert "\nerased\nyes\nasked again and gone\njob-77" in part
    archive = said.partition("Paper archive, plan version 1")[2].partition("Shop search, plan version 1")[0]
    assert "erase, by a person" in archive
    assert (
        f"Confirmed by hand\n{_moment_of(case, actions.WORK_ATTESTED)}, ada (user:{person('ada').pk}); event" in archive
    )
    assert "\nnot held\nno\nconfirmed" in archive
    assert "Outcomes, counted over vendors and identifiers: erased 1, not held 1." in said


def _moment_of(case: Case, action: str) -> str:
    (event,) = (item for item in sealed_events(case) if item.action == action)
    return f"{event.at:%Y-%m-%d %H:%M:%S}"


def test_what_was_sent_is_counted_by_step_as_the_events_tell_it(told: Told) -> None:
    case = approved_case()
    shop = work(case)
    for action, more in (
        (actions.WORK_SENDING, {"attempt": 1, "call": "call:1"}),
        (actions.WORK_UNKNOWN, {"code": "timeout", "call": "call:1"}),
        (actions.WORK_SENDING, {"attempt": 2, "call": "call:2"}),
        (actions.WORK_WENT_ON, {"next_step": "await_export"}),
    ):
        lifecycle.work_event(shop, action, step="start_export", **more)
    lifecycle.work_event(shop, actions.WORK_REFERENCE, name="job", number="J-12")
    part = told(case).partition("Shop search, plan version 1")[2]
    row = part.partition("Last event\n")[2].splitlines()
    assert row[:5] == ["start the export", "2", "1", "0", "1"]
    assert "Awaited" not in part.partition("Identifier\n")[0]
    assert "Vendor's numbers\njob: J-12 (event " in part


@pytest.mark.parametrize("status", [SubTaskStatus.READY, SubTaskStatus.RUNNING, SubTaskStatus.WAITING])
def test_what_a_worker_is_at_just_now_does_not_show(told: Told, status: str) -> None:
    case = approved_case()
    shop = SubTask.objects.filter(pk=work(case).pk)
    now = case.created_at
    shop.update(status=status, lease_until=now, polls=3, next_at=now, expected_at=now)
    assert "How it stands\napproved; nothing has been sent yet\n" in told(case)
    shop.update(sent_at=now)
    assert "How it stands\nunder way\n" in told(case)


def test_work_that_needs_attention_says_why_and_nothing_that_a_vendor_said(told: Told) -> None:
    case = approved_case()
    SubTask.objects.filter(pk=work(case).pk).update(
        status=SubTaskStatus.NEEDS_ATTENTION, attention_code="too_long", attention_text="It said: ada@example.org"
    )
    said = told(case)
    assert "needs the attention of a person: the vendor takes longer than it should" in said
    assert "It said" not in said


def test_a_completed_case_tells_reply_and_end(told: Told, turn_clock: Callable[..., object]) -> None:
    case = approved_case()
    for name in ("Shop search", "Paper archive"):
        SubTask.objects.filter(pk=work(case, name).pk).update(status=SubTaskStatus.AWAITING_ATTESTATION)
        lifecycle.attest(work(case, name), by=person("ada"), note="done")
    turn_clock(timedelta(days=3))
    lifecycle.reply(case, by=person("ada"), channel="letter")
    said = told(case)
    assert "The case is completed: every vendor's part has ended, and none was stopped, was refused or failed." in said
    assert "within the time limit" in said
    assert "Days to the reply\n3" in said
    assert "Within the time limit\nyes" in said
    assert "Way of the reply\nletter" in said
    assert "Status\ncompleted\nClosed\n" in said


def test_a_late_reply_says_by_how_many_days(told: Told) -> None:
    case = approved_case()
    lifecycle.reply(case, by=person("ada"), channel="email")
    Case.objects.filter(pk=case.pk).update(due_on=case.received_on - timedelta(days=4))
    said = told(case)
    assert "4 days after the last day for it" in said
    assert "Within the time limit\nno, 4 days late" in said


def test_a_partly_completed_case_tells_what_was_given_up(told: Told) -> None:
    case = approved_case()
    lifecycle.attest(work(case, "Paper archive"), by=person("ada"), note="done")
    SubTask.objects.filter(pk=work(case).pk).update(
        status=SubTaskStatus.NEEDS_ATTENTION, attention_code="refused", sent_at=case.created_at
    )
    lifecycle.give_up(work(case), by=person("ada"), note="They refuse.")
    said = told(case)
    assert "The case ended partly completed" in said
    part = said.partition("Shop search, plan version 1")[2]
    assert "How it stands\nstopped\nGiven up by hand." in part
    assert "\nfailed\nunknown\nnone" in part


def test_a_refused_request_tells_its_ground_and_that_nothing_was_sent(told: Told) -> None:
    case = opened_case(submit=True)
    lifecycle.reject(case, by=person("ada", "approver"), ground="legal_claims", note="Lawsuit of Ada.")
    said = told(case)
    assert "The request was refused. Nothing was sent to any vendor." in said
    assert "Refused because\nlegal claims" in said
    assert "Plan version 1: discarded" in said
    assert "\nnot sent\n" in said
    assert "Lawsuit" not in said


def test_a_cancelled_case_tells_why_and_which_case_it_repeats(told: Told) -> None:
    first, case = opened_case(), opened_case()
    lifecycle.cancel(case, by=person("olive"), reason="duplicate", duplicate_of=first.reference)
    said = told(case)
    assert "The case was cancelled before anything was sent to a vendor." in said
    assert "Cancelled because\nduplicate of another case" in said
    assert f"Repeats the case\n{first.reference}" in said
    assert "a cancelled case owes none" in said


def test_a_cancelled_case_of_which_something_was_sent_is_followed_to_its_end(told: Told) -> None:
    case = approved_case()
    SubTask.objects.filter(pk=work(case).pk).update(sent_at=case.created_at, committed_at=case.created_at)
    lifecycle.cancel(case, by=person("ada"), reason="withdrawn")
    said = told(case)
    assert "The case was cancelled; what had been sent to vendors is being followed to its end." in said
    assert "Stopped before anything was sent." in said.partition("Paper archive, plan version 1")[2]


def test_a_hold_shows(told: Told) -> None:
    case = approved_case()
    lifecycle.hold(case, by=person("ada"))
    assert "It has been on hold since" in told(case)


def test_evidence_is_listed_with_size_and_hash_and_without_its_name(told: Told) -> None:
    case = approved_case()
    file = File("Ada Lovelace.png", b"a screen")
    lifecycle.attest(work(case, "Paper archive"), by=person("ada"), note="seen", file=file)
    item = case.evidence.get()
    said = told(case)
    assert f"evidence:{item.pk}\n{item.sha256}\nPaper archive\n" in said
    assert f"{item.created_at:%Y-%m-%d %H:%M:%S}\n8\n" in said
    assert item.name not in said


def test_the_course_of_events_names_each_by_its_place_in_the_log(told: Told) -> None:
    case = approved_case()
    course = told(case).partition("What happened\n")[2]
    for event in sealed_events(case):
        assert f"{event.leaf.index}\n{event.at:%Y-%m-%d %H:%M:%S}\n" in course
    assert "Plan version 1 approved" in course


@pytest.mark.parametrize("kind", Kind.values)
@pytest.mark.parametrize("regime", ["gdpr", "ccpa", "own"])
def test_every_request_type_and_law_reads_right(told: Told, kind: str, regime: str) -> None:
    said = told(approved_case(kind=kind, regime=regime))
    assert f"{str(Kind(kind).label).capitalize()}, under" in said
    counted = {"gdpr": "1 month →", "ccpa": "45 days, the day of receipt included →", "own": "30 days →"}
    assert counted[regime] in said


def test_the_time_limit_tells_what_was_confirmed_asked_and_extended(told: Told) -> None:
    case, olive = approved_case(regime="uk_gdpr"), person("olive")
    lifecycle.acknowledge(case, by=olive, channel="email")
    lifecycle.ask(case, by=olive, reason="identity", channel="email")
    standing = told(case)
    assert "The clock stands, since the person was asked and has not answered yet." in standing
    assert "not counted" not in standing
    lifecycle.answered(case, by=olive, reason="identity")
    lifecycle.extend(case, by=olive, reason="complexity", channel="email")
    said = told(case)
    day = f"{clock.today()}"
    assert f"who they are: {day}, answered {day}" in said
    assert "extended: 3 months from receipt" in said
    assert "1 day not counted" in said
    for what in ("Receipt confirmed\n", "Extended\n"):
        assert f"olive (user:{olive.pk}); event " in said.partition(what)[2].partition("\n")[0]


def test_it_takes_as_many_queries_for_a_large_case_as_for_a_small_one() -> None:
    small, large = approved_case(), approved_case(identifiers=[("customer_id", f"C-{number}") for number in range(40)])
    counts = []
    for case in (small, large):
        events = sealed_events(case)
        with CaptureQueriesContext(connection) as queries:
            document(Reading(case.reference, events), Checkpoint.objects.order_by("size").last())
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 11


def test_a_destroyed_case_tells_why_and_by_whom_with_whose_yes(told: Told) -> None:
    case = opened_case()
    lifecycle.cancel(case, by=person("olive"), reason="withdrawn")
    retention.ask(case, by=person("olive"), reason="person_asks")
    retention.approve(case, by=person("ada", "approver"))
    said = told(Case.objects.get(pk=case.pk))
    olive, ada = person("olive"), person("ada")
    names = f"asked for by olive (user:{olive.pk}), approved by ada (user:{ada.pk})."
    assert f"Why: the person asks for it; {names}" in said


def test_what_the_schedule_has_destroyed_tells_why(told: Told) -> None:
    case = opened_case()
    lifecycle.cancel(case, by=person("olive"), reason="withdrawn")
    retention.shred(case, actor="system:retention", why="time_over")
    assert "Why: the time for keeping it was over." in told(Case.objects.get(pk=case.pk))
