"""What people do about one vendor's part, and about a case beside its state: hold, handler, notes."""

from datetime import timedelta

import pytest

from compliance import clock
from compliance.audit.models import Event
from erasure import lifecycle
from erasure.errors import Conflict, Invalid
from erasure.models import Call, CallSubTask, SubTask
from erasure.states import Assurance, CaseStatus, Outcome, SubTaskStatus, Verdict
from tests.factories import approved_case, opened_case, person, vendor, work

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def two_vendors(db):
    vendor("Shop search")
    vendor("Paper archive", "manual")


def needs_attention(case, **fields):
    item = work(case)
    usual = {"status": "needs_attention", "attention_code": "broken_reply", "attention_text": "Look.", "attempts": 3}
    SubTask.objects.filter(pk=item.pk).update(
        **usual | {"step": "await_export", "resume_step": "start_export"} | fields
    )
    item.refresh_from_db()
    return item


# --- attest


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [
        ("erasure", Outcome.ERASED),
        ("restriction", Outcome.RESTRICTED),
        ("lift_restriction", Outcome.UNRESTRICTED),
        ("export", Outcome.EXPORTED),
    ],
)
def test_a_confirmation_by_hand_says_what_was_done_and_keeps_the_note(kind, outcome):
    case = approved_case(kind=kind)
    item = work(case, "Paper archive")

    lifecycle.attest(item, by=person("olive"), note="Folder 7 is shredded.")

    assert (item.status, item.assurance) == (SubTaskStatus.DONE, Assurance.CONFIRMED)
    assert item.ended_at
    assert {use.outcome for use in item.identifiers.all()} == {outcome}
    event = Event.objects.get(action="sub_task.attested")
    assert (event.actor, event.subject) == (f"user:{person('olive').pk}", f"sub_task:{item.pk}")
    assert set(event.details) == {"vendor", "note", "note_hash", "outcomes", "held", "assurance", "identifiers"}
    assert case.notes.get().unseal("text") == "Folder 7 is shredded."


def test_a_confirmation_leaves_what_was_done_already_as_the_vendor_said_it():
    case = approved_case(identifiers=[("customer_id", "C-1"), ("customer_id", "C-2"), ("customer_id", "C-3")])
    item = needs_attention(case)
    first, second, _third = item.identifiers.all()
    item.identifiers.filter(pk=first.pk).update(outcome=Outcome.NOT_HELD, held="no")
    item.identifiers.filter(pk=second.pk).update(outcome=Outcome.REFUSED)

    lifecycle.attest(item, by=person("olive"), note="Their screen says so.")

    assert [(use.outcome, use.held) for use in item.identifiers.all()] == [
        (Outcome.NOT_HELD, "no"),
        (Outcome.ERASED, "unknown"),
        (Outcome.ERASED, "unknown"),
    ]
    assert item.attention_code == ""


@pytest.mark.parametrize("note", ["", "  \n ", "a\x00b", "x" * 10_001])
@pytest.mark.parametrize("act", [lifecycle.attest, lifecycle.give_up])
def test_what_a_person_says_by_hand_needs_a_readable_note(act, note):
    item = work(approved_case(), "Paper archive")

    with pytest.raises(Invalid) as refused:
        act(item, by=person("olive"), note=note)

    assert [at for at, _text in refused.value.problems] == ["/note"]
    assert SubTask.objects.get(pk=item.pk).status == SubTaskStatus.AWAITING_ATTESTATION


# --- searched, given up


def test_searched_and_none_found_ends_the_work_with_its_reason():
    case = approved_case(identifiers=[("email", "ada@example.org")])
    item = work(case)

    with pytest.raises(Invalid):
        lifecycle.searched(item, by=person("olive"), note="")
    lifecycle.searched(item, by=person("olive"), note="By name and by street.")

    assert (item.status, item.reason, item.assurance) == (SubTaskStatus.DONE, "searched_none", Assurance.CONFIRMED)
    assert Event.objects.filter(action="sub_task.searched", subject=f"sub_task:{item.pk}").exists()


def test_work_that_is_given_up_leaves_its_open_identifiers_failed():
    case = approved_case(identifiers=[("customer_id", "C-1"), ("customer_id", "C-2")])
    item = needs_attention(case)
    item.identifiers.filter(pk=item.identifiers.first().pk).update(outcome=Outcome.ERASED)

    lifecycle.give_up(item, by=person("olive"), note="The vendor is bankrupt.")

    assert (item.status, item.reason) == (SubTaskStatus.STOPPED, "given_up")
    assert [use.outcome for use in item.identifiers.all()] == [Outcome.ERASED, Outcome.FAILED]


# --- retry


def test_a_retry_goes_on_where_its_connector_says_with_new_tries(turn_clock):
    item = needs_attention(approved_case(), unknowns=8, polls=4)
    now = turn_clock(clock.now() + timedelta(hours=1))

    lifecycle.retry(item, by=person("ada"))

    assert (item.status, item.step, item.next_at) == (SubTaskStatus.READY, "start_export", now)
    assert (item.attempts, item.polls, item.unknowns, item.step_since) == (0, 0, 0, now)
    assert (item.attention_code, item.attention_text, item.resume_step) == ("", "", "")
    assert Event.objects.get(action="sub_task.retried").details["step"] == "start_export"


def test_a_retry_without_a_step_of_its_own_repeats_the_one_it_stands_at():
    item = needs_attention(approved_case(), resume_step="")

    lifecycle.retry(item, by=person("ada"))
    assert item.step == "await_export"


def test_a_retry_opens_what_failed_or_was_refused_again_and_nothing_else():
    case = approved_case(identifiers=[("customer_id", "C-1"), ("customer_id", "C-2"), ("customer_id", "C-3")])
    item = needs_attention(case)
    outcomes = (Outcome.ERASED, Outcome.REFUSED, Outcome.FAILED)
    for use, outcome in zip(item.identifiers.all(), outcomes, strict=True):
        item.identifiers.filter(pk=use.pk).update(outcome=outcome)

    lifecycle.retry(item, by=person("ada"))

    assert [use.outcome for use in item.identifiers.all()] == [Outcome.ERASED, Outcome.PENDING, Outcome.PENDING]


def test_a_retry_names_every_answered_call_that_is_made_once_more():
    item = needs_attention(approved_case(), resume_step="create_job")
    now = clock.now()
    made = [
        ("create_job", True, Verdict.OK),  # was made once more already
        ("upload", True, Verdict.OK),
        ("create_job", True, Verdict.OK),
        ("await_intake", False, Verdict.OK),
        ("upload", True, Verdict.FAILED),
        ("upload", True, Verdict.UNKNOWN),  # is named when it is sent again
        ("upload", True, Verdict.OK),
        ("await_result", False, Verdict.OK),
    ]
    for after, (step, writes, verdict) in enumerate(made):
        at = now + timedelta(seconds=after)
        call = Call.objects.create(
            vendor=item.vendor, step=step, writes=writes, started_at=at, lease_until=at, finished_at=at, verdict=verdict
        )
        CallSubTask.objects.create(call=call, sub_task=item, epoch=after)

    lifecycle.retry(item, by=person("ada"))

    told = Event.objects.filter(action="sub_task.may_repeat").order_by("pk")
    calls = list(Call.objects.order_by("started_at"))
    assert [(event.details["step"], event.details["call"]) for event in told] == [
        ("create_job", f"call:{calls[2].pk}"),
        ("upload", f"call:{calls[6].pk}"),
    ]


# --- hold, handler, notes


def test_a_hold_is_a_fact_beside_the_state_and_is_released_once(turn_clock):
    case = approved_case()
    now = turn_clock(clock.now())

    lifecycle.hold(case, by=person("ada"), note="Waits for the lawyer.")
    assert (case.status, case.held_at) == (CaseStatus.IN_PROGRESS, now)
    with pytest.raises(Conflict, match="on hold"):
        lifecycle.hold(case, by=person("ada"))

    lifecycle.release(case, by=person("olive"))
    assert case.held_at is None
    with pytest.raises(Conflict):
        lifecycle.release(case, by=person("olive"))
    assert list(
        Event.objects.filter(action__in=["case.held", "case.released"]).order_by("id").values_list("action", "actor")
    ) == [("case.held", f"user:{person('ada').pk}"), ("case.released", f"user:{person('olive').pk}")]


def test_a_hold_does_not_move_the_due_date():
    case = approved_case()
    due = case.due_on

    lifecycle.hold(case, by=person("ada"))
    lifecycle.release(case, by=person("ada"))

    case.refresh_from_db()
    assert case.due_on == due


def test_a_case_can_be_given_to_a_handler_and_taken_back():
    case = opened_case()

    lifecycle.assign(case, by=person("ada"), handler=person("otto"))
    case.refresh_from_db()
    assert case.handler == person("otto")
    lifecycle.assign(case, by=person("ada"), handler=None)
    case.refresh_from_db()
    assert case.handler is None
    assert [event.details for event in Event.objects.filter(action="case.assigned").order_by("id")] == [
        {"handler": f"user:{person('otto').pk}"},
        {"handler": None},
    ]


def test_the_trail_holds_a_keyed_hash_of_a_note_and_never_its_text():
    first, second = opened_case(), opened_case()
    for case in (first, second):
        lifecycle.add_note(case, by=person("otto"), text=" Called\ntwice. ")

    events = Event.objects.filter(action="note.added")
    assert {case.notes.get().unseal("text") for case in (first, second)} == {"Called\ntwice."}
    assert len({event.details["note_hash"] for event in events}) == 2, "the same words in two cases look different"
    assert not any("twice" in event.canonical for event in events)


@pytest.mark.parametrize("text", ["", " \n"])
def test_an_empty_note_is_refused(text):
    case = opened_case()

    with pytest.raises(Invalid):
        lifecycle.add_note(case, by=person("otto"), text=text)
    assert not case.notes.exists()
