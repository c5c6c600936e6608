"""The way of a sub-task from its first call to a person's word or to an empty answer."""

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from erasure.connectors.acquia import MOST_TRIES, Acquia
from erasure.connectors.base import (
    Assurance,
    Finish,
    Go,
    HandOver,
    Held,
    Operation,
    Outcome,
    OutcomeUnknown,
    Refused,
    Stay,
)

from ..driver import SALT, Drive, together
from .conftest import (
    ANNA,
    BERT,
    CARA,
    FAILED,
    NOT_FOUND,
    PENDING,
    READY,
    Vendor,
    error,
    in_json,
    lists,
    many,
    until,
)

A, B, C = (item.value for item in (ANNA, BERT, CARA))
NONE_HELD, QUEUED, GONE = (Outcome.NOT_HELD, Held.NO), (Outcome.PENDING, Held.YES), (Outcome.ERASED, Held.YES)

# --- confirmed by a person --------------------------------------------------------------------------------------------


def test_what_was_taken_waits_until_the_vendor_acts_and_then_for_a_person(
    vendor: Vendor, drive: Callable[..., Drive]
) -> None:
    sub_task = drive(ANNA, BERT, acts_after_days=10, acts_within_days=25)
    result = sub_task.once()
    assert isinstance(result, Go)
    assert (result.step, result.after, result.expected) == ("await_acting", timedelta(days=10), timedelta(days=25))
    end = sub_task.once()
    assert isinstance(end, HandOver)
    assert (end.to, end.within) == ("attestation", timedelta(days=15))
    assert "Data Erasure" in end.note
    assert "Event: event-1." in end.note
    assert sub_task.outcomes == dict.fromkeys(("anna", "bert"), QUEUED)
    assert (sub_task.assurance, sub_task.references) == (Assurance.ACCEPTED, {"event": "event-1"})
    assert len(vendor.requests) == 1


def test_by_hand_means_that_nothing_is_sent_and_a_retry_gives_it_more_time(
    vendor: Vendor, drive: Callable[..., Drive]
) -> None:
    sub_task = until(drive(), "await_acting")
    for _time in range(3):
        assert isinstance(sub_task.once(), HandOver)
        assert sub_task.step == "await_acting"
    assert len(vendor.requests) == 1


def test_the_note_names_five_events_at_most_and_staff_see_them_all(vendor: Vendor, drive: Callable[..., Drive]) -> None:
    sub_task = until(drive(*many(1201)), "await_acting")
    end = sub_task.once()
    assert isinstance(end, HandOver)
    assert "Event: event-1, event-2, event-3, event-4, event-5, …." in end.note
    assert len(end.note) < 600
    assert sub_task.references == {"event": "event-1"} | {
        f"event_{number}": f"event-{number}" for number in range(2, 8)
    }


def test_an_event_that_is_named_again_is_one_reference(vendor: Vendor, drive: Callable[..., Drive]) -> None:
    vendor.instead = [
        in_json(lists("same", readyForDataErasure=[A], failedToAccept=[B])),
        in_json(lists("same", readyForDataErasure=[B])),
    ]
    sub_task = until(drive(ANNA, BERT), "await_acting")
    assert sub_task.references == {"event": "same"}


def test_only_what_was_queued_now_has_a_day_by_which_it_is_done(vendor: Vendor, drive: Callable[..., Drive]) -> None:
    vendor.where = {B: [PENDING], C: [NOT_FOUND]}
    assert [drive(item).once().expected for item in (ANNA, BERT, CARA)] == [timedelta(days=30), None, None]


def test_who_is_not_held_at_all_needs_nobody(vendor: Vendor, drive: Callable[..., Drive]) -> None:
    vendor.where = {A: [NOT_FOUND], B: [NOT_FOUND]}
    sub_task = drive(ANNA, BERT)
    assert isinstance(sub_task.run(), Finish)
    assert sub_task.outcomes == dict.fromkeys(("anna", "bert"), NONE_HELD)
    assert (sub_task.assurance, sub_task.references) == (Assurance.CONFIRMED, {})


def test_the_rest_of_who_is_held_in_part_waits(vendor: Vendor, drive: Callable[..., Drive]) -> None:
    vendor.where[A] = [NOT_FOUND]
    sub_task = drive(ANNA, BERT)
    assert isinstance(sub_task.run(), HandOver)
    assert sub_task.outcomes == {"anna": NONE_HELD, "bert": QUEUED}
    assert sub_task.assurance == Assurance.ACCEPTED


def test_what_waited_there_already_is_said_to_have_no_event_of_ours(
    vendor: Vendor, drive: Callable[..., Drive]
) -> None:
    vendor.where[A] = [PENDING]
    alone, part = drive(ANNA), drive(ANNA, BERT)
    for sub_task, event in ((alone, False), (part, True)):
        end = sub_task.run()
        assert isinstance(end, HandOver)
        assert ("Event: " in end.note) == event
        assert "waited there already" in end.note
        assert "sent_without_event" not in sub_task.references


def test_what_is_not_held_has_no_event_to_look_for(vendor: Vendor, drive: Callable[..., Drive]) -> None:
    vendor.where[A] = [NOT_FOUND]
    end = drive(ANNA, BERT).run()
    assert isinstance(end, HandOver)
    assert "waited there already" not in end.note


# --- calls without an answer ------------------------------------------------------------------------------------------


def test_pending_after_a_call_without_an_answer_was_taken_by_that_call(
    vendor: Vendor, drive: Callable[..., Drive]
) -> None:
    sub_task = drive()
    vendor.instead = [error(500)]
    with pytest.raises(OutcomeUnknown):
        sub_task.once()
    sub_task.unknown()
    first = datetime(2026, 2, 3, 4, 5, 6, 700_000, tzinfo=UTC)
    sub_task.unanswered["submit"] = [first, first + timedelta(minutes=1)]
    vendor.where[A] = [PENDING]
    end = sub_task.run()
    assert isinstance(end, HandOver)
    assert sub_task.references == {"sent_without_event": "2026-02-03T04:05:06Z"}
    assert sub_task.outcomes == {"anna": QUEUED}
    assert vendor.asked == [[A], [A]]


def test_what_is_ready_after_a_call_without_an_answer_was_not_taken_by_it(
    vendor: Vendor, drive: Callable[..., Drive]
) -> None:
    sub_task = drive()
    vendor.instead = [error(500)]
    assert isinstance(sub_task.run(), HandOver)
    assert sub_task.references == {"event": "event-2"}


@pytest.mark.parametrize(("days", "held"), [(13, Held.NO), (15, Held.UNKNOWN)])
def test_who_is_not_found_long_after_a_call_without_an_answer_may_have_been_erased_by_it(
    vendor: Vendor, drive: Callable[..., Drive], days: int, held: Held
) -> None:
    sub_task = drive()
    sub_task.unanswered["submit"] = [datetime.now(UTC) - timedelta(days=days)]
    vendor.instead = [error(404)]
    assert isinstance(sub_task.run(), Finish)
    assert sub_task.outcomes == {"anna": (Outcome.NOT_HELD, held)}


# --- ids that are not taken -------------------------------------------------------------------------------------------


def test_what_the_vendor_fails_to_accept_is_tried_again_at_the_accounts_pace(
    vendor: Vendor, drive: Callable[..., Drive]
) -> None:
    vendor.where[A] = [FAILED, FAILED, READY]
    sub_task = drive(ANNA, BERT)
    for _try in range(2):
        result = sub_task.once()
        assert isinstance(result, Stay)
        assert result.after is None
    assert isinstance(sub_task.once(), Go)
    assert vendor.asked == [[A, B], [A], [A]]
    assert sub_task.references == {"event": "event-1", "event_2": "event-3"}
    assert {ref: said.reference for ref, said in sub_task.said.items()} == {"anna": "event-3", "bert": "event-1"}
    assert sub_task.outcomes == dict.fromkeys(("anna", "bert"), QUEUED)


def test_what_it_fails_to_accept_again_and_again_goes_to_a_person(vendor: Vendor, drive: Callable[..., Drive]) -> None:
    vendor.where[A] = [FAILED]
    sub_task = drive(ANNA, BERT)
    end = sub_task.run()
    assert isinstance(end, HandOver)
    assert (end.to, end.code) == ("attention", "not_accepted")
    assert sub_task.outcomes == {"anna": (Outcome.FAILED, Held.UNKNOWN), "bert": QUEUED}
    assert vendor.asked == [[A, B], *[[A]] * (MOST_TRIES - 1)]
    assert sub_task.assurance == Assurance.NONE


def test_a_retry_by_hand_tries_as_often_again(vendor: Vendor, drive: Callable[..., Drive]) -> None:
    vendor.where[A] = [FAILED]
    sub_task = drive(ANNA, BERT)
    sub_task.run()
    tries = len(vendor.requests)
    del sub_task.said["anna"]  # as the desk has it for a retry
    assert sub_task.step == "submit"
    assert isinstance(sub_task.run(), HandOver)
    assert len(vendor.requests) - tries == MOST_TRIES
    del sub_task.said["anna"]
    vendor.where[A] = [READY]
    end = sub_task.run()
    assert isinstance(end, HandOver)
    assert end.to == "attestation"


def test_a_refused_id_is_found_by_halves_and_the_others_are_taken(vendor: Vendor, drive: Callable[..., Drive]) -> None:
    ids = many(8)

    def refusing(body: list[str]) -> bool:
        return "Customer-0005" in body

    original = vendor._sort
    vendor._sort = lambda each: error(400) if refusing(each) else original(each)  # type: ignore[method-assign]
    sub_task = drive(*ids)
    end = sub_task.run()
    assert isinstance(end, HandOver)
    assert (end.to, end.code) == ("attention", "not_accepted")
    assert [ref for ref, said in sub_task.said.items() if said.outcome == Outcome.REFUSED] == ["ref-5"]
    assert [said.outcome for said in sub_task.said.values()].count(Outcome.PENDING) == 7
    assert sub_task.step == "submit"


# --- a call that is refused for an unknown id -------------------------------------------------------------------------


def test_a_404_for_several_ids_of_a_call_that_takes_all_or_none_is_split(
    vendor: Vendor, drive: Callable[..., Drive]
) -> None:
    original = vendor._sort
    vendor._sort = lambda each: error(404) if B in each else original(each)  # type: ignore[method-assign]
    sub_task = drive(ANNA, BERT, CARA, fail_on_not_found=True)
    with pytest.raises(Refused, match="took none of them"):
        sub_task.once()
    assert sub_task.said == {}
    end = sub_task.run()
    assert isinstance(end, HandOver)
    assert end.to == "attestation"
    assert sub_task.outcomes == {"anna": QUEUED, "bert": NONE_HELD, "cara": QUEUED}


def test_a_404_for_one_id_is_its_answer_however_often_it_is_named(vendor: Vendor, drive: Callable[..., Drive]) -> None:
    again = type(ANNA)("again", "customer_id", A)
    vendor.instead = [error(404)]
    sub_task = drive(ANNA, again, fail_on_not_found=True)
    assert isinstance(sub_task.once(), Finish)
    assert sub_task.outcomes == dict.fromkeys(("anna", "again"), NONE_HELD)


def test_a_404_page_is_no_refusal_of_ids(vendor: Vendor, drive: Callable[..., Drive]) -> None:
    vendor.instead = [in_json({"message": "no such tenant"}, 404)]
    with pytest.raises(Exception, match="Nothing is assumed") as raised:
        drive(ANNA, BERT, fail_on_not_found=True).once()
    assert not isinstance(raised.value, Refused)


# --- asked again ------------------------------------------------------------------------------------------------------


def test_an_empty_answer_to_the_same_question_is_the_end(vendor: Vendor, drive: Callable[..., Drive]) -> None:
    vendor.where = {A: [READY, NOT_FOUND], B: [NOT_FOUND]}
    sub_task = drive(ANNA, BERT, completion="rerequest", rerequest_after_seconds=3600)
    result = sub_task.once()
    assert isinstance(result, Go)
    assert (result.step, result.after) == ("ask_again", timedelta(hours=1))
    assert isinstance(sub_task.once(), Finish)
    assert vendor.asked == [[A, B], [A]]
    assert sub_task.outcomes == {"anna": GONE, "bert": NONE_HELD}
    assert sub_task.proven == {"anna": Assurance.ASKED_AGAIN, "bert": Assurance.CONFIRMED}
    assert sub_task.said["anna"].reference == "event-1"


def test_a_404_is_an_empty_answer_too(vendor: Vendor, drive: Callable[..., Drive]) -> None:
    sub_task = until(drive(ANNA, BERT, completion="rerequest", fail_on_not_found=True), "ask_again")
    vendor.instead = [error(404)]
    assert isinstance(sub_task.once(), Finish)
    assert sub_task.outcomes == dict.fromkeys(("anna", "bert"), GONE)
    assert "failOnNotFound" not in str(vendor.requests[-1].url)


def test_what_is_still_pending_is_asked_for_again_after_the_same_time(
    vendor: Vendor, drive: Callable[..., Drive]
) -> None:
    vendor.where = {A: [READY, PENDING, PENDING, NOT_FOUND], B: [READY, NOT_FOUND]}
    sub_task = until(drive(ANNA, BERT, completion="rerequest", rerequest_after_seconds=60), "ask_again")
    for _round in range(2):
        result = sub_task.once()
        assert isinstance(result, Stay)
        assert result.after == timedelta(minutes=1)
        assert sub_task.outcomes == {"anna": QUEUED, "bert": GONE}
        assert sub_task.said["anna"].reference == "event-1"
    assert isinstance(sub_task.once(), Finish)
    assert vendor.asked == [[A, B], [A, B], [A], [A]]


def test_what_was_there_again_is_queued_anew_under_a_new_event(vendor: Vendor, drive: Callable[..., Drive]) -> None:
    vendor.where[A] = [READY, READY, NOT_FOUND]
    sub_task = until(drive(completion="rerequest", rerequest_after_seconds=60, acts_within_days=20), "ask_again")
    result = sub_task.once()
    assert isinstance(result, Stay)
    assert (result.after, result.expected) == (timedelta(minutes=1), timedelta(days=20))
    assert sub_task.references == {"event": "event-1", "event_2": "event-2"}
    assert sub_task.said["anna"].reference == "event-2"
    assert sub_task.outcomes == {"anna": QUEUED}
    assert isinstance(sub_task.once(), Finish)


def test_each_round_asks_for_each_of_many_ids_once(vendor: Vendor, drive: Callable[..., Drive]) -> None:
    ids = many(250)
    vendor.where = {item.value: [READY, PENDING, NOT_FOUND] for item in ids}
    sub_task = until(drive(*ids, completion="rerequest", rerequest_after_seconds=60), "ask_again")
    waits = [result.after for _call in range(3) if isinstance(result := sub_task.once(), Stay)]
    assert waits == [timedelta(0), timedelta(minutes=1), timedelta(0)]
    assert isinstance(sub_task.once(), Finish)
    assert [len(asked) for asked in vendor.asked] == [200, 50] * 3
    assert {each for asked in vendor.asked[2:4] for each in asked} == {item.value for item in ids}


def test_a_question_that_it_fails_to_accept_is_no_answer(vendor: Vendor, drive: Callable[..., Drive]) -> None:
    vendor.where = {A: [READY, FAILED], B: [READY, PENDING, NOT_FOUND]}
    sub_task = until(drive(ANNA, BERT, completion="rerequest"), "ask_again")
    for _try in range(MOST_TRIES - 1):
        result = sub_task.once()
        assert isinstance(result, Stay)
        assert result.after is None
    end = sub_task.once()
    assert isinstance(end, HandOver)
    assert (end.to, end.code, sub_task.step) == ("attention", "not_accepted", "ask_again")
    assert sub_task.outcomes == dict.fromkeys(("anna", "bert"), QUEUED)
    assert vendor.asked[1:] == [[A, B], [A], [A]]
    vendor.where[A] = [NOT_FOUND]
    assert isinstance(sub_task.run(), Finish)
    assert vendor.asked[-2:] == [[A], [B]]


def test_a_question_without_an_answer_is_asked_again(vendor: Vendor, drive: Callable[..., Drive]) -> None:
    sub_task = until(drive(completion="rerequest"), "ask_again")
    vendor.where[A] = [PENDING, NOT_FOUND]
    vendor.instead = [error(500)]
    assert isinstance(sub_task.run(), Finish)
    assert sub_task.outcomes == {"anna": GONE}
    assert sub_task.references == {"event": "event-1"}


@pytest.mark.parametrize("seconds", [1, 30 * 86_400])
def test_its_patience_covers_the_first_wait_and_two_more(seconds: int) -> None:
    connector = Acquia(Acquia.Options("1234", rerequest_after_seconds=seconds))
    assert connector.patience > timedelta(seconds=3 * seconds)


# --- evidence ---------------------------------------------------------------------------------------------------------


def test_evidence_holds_the_ids_of_its_own_case_and_hashes_of_the_whole(
    vendor: Vendor, drive: Callable[..., Drive]
) -> None:
    vendor.where = {A: [NOT_FOUND], C: [PENDING]}
    one, two = drive(ANNA, BERT), drive(CARA)
    together(one, two)
    (request,), (reply,) = vendor.requests, vendor.replies
    whole = {
        "requestedDate": vendor.bodies[0]["requestedDate"],
        "status": 200,
        "eventId": "event-1",
        "requestSha256": hashlib.sha256(request.body or b"").hexdigest(),
        "replySha256": hashlib.sha256(reply).hexdigest(),
        "salt": SALT,
    }
    empty = lists()
    del empty["eventId"]
    assert [json.loads(content) for content in one.files] == [{**whole, **empty, READY: [B], NOT_FOUND: [A]}]
    assert [json.loads(content) for content in two.files] == [{**whole, **empty, PENDING: [C]}]
    (kept,) = one.evidence
    assert (kept.kind, kept.keep) == ("reply", None)
    assert kept.counts == {READY: 1, NOT_FOUND: 1, PENDING: 0, FAILED: 0}


def test_every_call_leaves_its_record(vendor: Vendor, drive: Callable[..., Drive]) -> None:
    vendor.where[A] = [FAILED, READY, PENDING, NOT_FOUND]
    sub_task = drive(completion="rerequest")
    assert isinstance(sub_task.run(), Finish)
    names = [kept.download.name for kept in sub_task.evidence]
    assert names == ["acquia-submit.json"] * 2 + ["acquia-ask_again.json"] * 2
    assert [json.loads(content)["eventId"] for content in sub_task.files] == [f"event-{n}" for n in range(1, 5)]


def test_memory_is_small_and_plain_json(vendor: Vendor, drive: Callable[..., Drive]) -> None:
    """The driver takes memory through JSON after every pass; this is what is left of it at the end."""
    vendor.where[A] = [FAILED, READY, PENDING, NOT_FOUND]
    sub_task = drive(completion="rerequest")
    sub_task.run()
    assert sub_task.memory == {"events": ["event-2"]}


def test_it_erases_and_does_nothing_else() -> None:
    assert set(Acquia(Acquia.Options("1234")).starts) == {Operation.ERASE}
