"""What the vendor may answer, and what is never taken for an answer."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from erasure.connectors.acquia import Acquia
from erasure.connectors.base import (
    Assurance,
    BrokenReply,
    Finish,
    Go,
    Held,
    Id,
    Misconfigured,
    Outcome,
    OutcomeUnknown,
    Refused,
    RetryLater,
)

from ..driver import Drive, together
from .conftest import (
    ANNA,
    BERT,
    CARA,
    FAILED,
    LISTS,
    NOT_FOUND,
    PENDING,
    READY,
    Answer,
    Vendor,
    error,
    in_html,
    in_json,
    lists,
    many,
    until,
)

A, B, C = (item.value for item in (ANNA, BERT, CARA))


def refuses(vendor: Vendor, drive: Drive, answer: Answer, why: type[Exception] = BrokenReply) -> None:
    """This answer moves nothing; the right one then does."""
    before = (drive.step, dict(drive.memory), dict(drive.said), dict(drive.references), len(drive.evidence))
    vendor.instead = [answer]
    with pytest.raises(why):
        drive.once()
    assert before == (drive.step, drive.memory, drive.said, drive.references, len(drive.evidence))
    drive.once()
    assert drive.said.keys() == {item.ref for item in drive.ids}


# --- the four lists ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "outcome", "held", "assurance"),
    [
        (READY, Outcome.PENDING, Held.YES, Assurance.ACCEPTED),
        (PENDING, Outcome.PENDING, Held.YES, Assurance.ACCEPTED),
        (NOT_FOUND, Outcome.NOT_HELD, Held.NO, Assurance.CONFIRMED),
        (FAILED, Outcome.PENDING, Held.UNKNOWN, Assurance.NONE),
    ],
)
def test_each_list_has_its_meaning(
    vendor: Vendor, drive: Callable[..., Drive], name: str, outcome: Outcome, held: Held, assurance: Assurance
) -> None:
    vendor.where[A] = [name]
    sub_task = drive(ANNA, BERT)
    sub_task.once()
    assert sub_task.outcomes == {"anna": (outcome, held), "bert": (Outcome.PENDING, Held.YES)}
    assert sub_task.proven == {"anna": assurance, "bert": Assurance.ACCEPTED}
    assert sub_task.said["anna"].reference == ("event-1" if name == READY else "")


@pytest.mark.parametrize("step", ["submit", "ask_again"])
@pytest.mark.parametrize(
    "body",
    [
        lists(readyForDataErasure=[A, B]),
        lists(readyForDataErasure=[A, B, C, "Dora-10"]),
        lists(readyForDataErasure=[A, B, C], notFound=["Dora-10"]),
        lists(readyForDataErasure=[A, B, "cara-9"]),
        lists(readyForDataErasure=[A, B, "Cara-9 "]),
        lists(readyForDataErasure=[A, B, C, C]),
        lists(notFound=[A, A, B, C]),
        lists(readyForDataErasure=[A, B, C], notFound=[C]),
        lists(readyForDataErasure=[A, B], notFound=[C], pendingForDataErasure=[B]),
        lists(failedToAccept=[A, B, C], pendingForDataErasure=[A, B, C]),
        lists(readyForDataErasure=[A, B, None]),
        lists(readyForDataErasure=[A, B, [C]]),
        lists(readyForDataErasure=[A, B, {"id": C}]),
        lists(readyForDataErasure=[A, B, 9]),
        lists(readyForDataErasure=[A, B, C, 9]),
        lists(readyForDataErasure=[A, B, C, True]),
        lists(readyForDataErasure=[A, B, C], notFound=[""]),
        lists(readyForDataErasure=[A, B, C], notFound=None),
        lists(readyForDataErasure=[A, B, C], notFound=""),
        lists(readyForDataErasure=[A, B, C], notFound={}),
        lists(readyForDataErasure=f"{A},{B},{C}"),
        lists(readyForDataErasure={A: 1, B: 1, C: 1}),
        {"eventId": "event-1", READY: [A, B, C]},
        {**lists(), "ReadyForDataErasure": [A, B, C]},
        lists(),
        {},
    ],
)
def test_lists_that_do_not_share_out_exactly_what_was_sent_are_not_taken(
    vendor: Vendor, drive: Callable[..., Drive], step: str, body: Any
) -> None:
    refuses(vendor, until(drive(ANNA, BERT, CARA, completion="rerequest"), step), in_json(body))


@pytest.mark.parametrize("missing", LISTS)
def test_each_of_the_four_lists_must_be_there(vendor: Vendor, drive: Callable[..., Drive], missing: str) -> None:
    name = READY if missing != READY else NOT_FOUND
    body = lists(**{name: [A]})
    del body[missing]
    refuses(vendor, drive(ANNA), in_json(body))


def test_a_number_is_not_taken_for_an_id_of_digits(vendor: Vendor, drive: Callable[..., Drive]) -> None:
    """007 and 7 would be one."""
    (item,) = many(1)
    sub_task = drive(type(item)("one", "customer_id", "7700077"))
    refuses(vendor, sub_task, in_json(lists(readyForDataErasure=[7700077])))


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ("zo\u00eb-7", "zoe\u0308-7"),
        ("ZOE-7", "\uff3aOE-7"),
        ("Zoe-7", "zoe-7"),
        ("7", "07"),
        ("7", "\uff17"),
        ("7", 7),
    ],
)
def test_an_id_that_comes_back_in_another_form_is_not_the_one_that_was_sent(
    vendor: Vendor, drive: Callable[..., Drive], sent: str, said: Any
) -> None:
    refuses(vendor, drive(Id("x", "customer_id", sent)), in_json(lists(readyForDataErasure=[said])))


def test_a_broken_reply_is_nobodys_answer_in_a_shared_call(vendor: Vendor, drive: Callable[..., Drive]) -> None:
    one, two = drive(ANNA), drive(BERT)
    vendor.instead = [in_json(lists(readyForDataErasure=[A]))]
    with pytest.raises(BrokenReply, match="Nothing is assumed"):
        together(one, two)
    assert (one.said, two.said, one.evidence) == ({}, {}, [])


def test_fields_that_the_page_does_not_name_are_passed_over(vendor: Vendor, drive: Callable[..., Drive]) -> None:
    vendor.instead = [in_json({**lists(readyForDataErasure=[A]), "requestId": 5})]
    assert isinstance(drive().once(), Go)


# --- the event --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("event", ["e", "7c1c3f80-ba41-4b0c-8f3e-2a4f1be0a6b1", "1234567", "A-b-9", "x" * 100])
def test_an_event_is_kept_as_the_reference(vendor: Vendor, drive: Callable[..., Drive], event: str) -> None:
    vendor.instead = [in_json(lists(event, readyForDataErasure=[A]))]
    sub_task = drive()
    sub_task.once()
    assert sub_task.references == {"event": event}
    assert sub_task.said["anna"].reference == event


@pytest.mark.parametrize(
    "event",
    [None, "", " ", "a b", "evt/1", "évt", "x" * 101, "evt\n", 17, 1.5, True, ["evt"], {"id": "evt"}, A],
)
def test_what_is_ready_without_an_event_that_can_be_named_is_not_taken(
    vendor: Vendor, drive: Callable[..., Drive], event: Any
) -> None:
    refuses(vendor, drive(ANNA, BERT), in_json(lists(event, readyForDataErasure=[A], notFound=[B])))


def test_an_event_that_is_not_there_at_all_is_missed_as_well(vendor: Vendor, drive: Callable[..., Drive]) -> None:
    body = lists(readyForDataErasure=[A])
    del body["eventId"]
    refuses(vendor, drive(), in_json(body))


@pytest.mark.parametrize("event", [None, "", "event-1"])
@pytest.mark.parametrize("there", [True, False])
def test_nothing_ready_needs_no_event_and_has_none(
    vendor: Vendor, drive: Callable[..., Drive], event: Any, there: bool
) -> None:
    body = lists(event, notFound=[A], pendingForDataErasure=[B])
    if not there:
        del body["eventId"]
    vendor.instead = [in_json(body)]
    sub_task = drive(ANNA, BERT)
    assert isinstance(sub_task.once(), Go)
    assert sub_task.references == {}


@pytest.mark.parametrize("event", [17, "a b", ["evt"], A])
def test_an_odd_event_is_odd_without_anything_ready(vendor: Vendor, drive: Callable[..., Drive], event: Any) -> None:
    refuses(vendor, drive(), in_json(lists(event, notFound=[A])))


def test_the_event_of_others_is_not_the_reference_of_who_has_nothing_in_it(
    vendor: Vendor, drive: Callable[..., Drive]
) -> None:
    vendor.where = {A: [NOT_FOUND], C: [PENDING]}
    none, two, waits = drive(ANNA), drive(BERT), drive(CARA)
    together(none, two, waits)
    assert (none.references, two.references, waits.references) == ({}, {"event": "event-1"}, {})


# --- not found --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [404, "404", "CDP-17"])
def test_the_documented_404_says_that_no_id_is_held(vendor: Vendor, drive: Callable[..., Drive], code: Any) -> None:
    body = {"errorCode": code, "userMessage": "No such customers", "developerMessage": "none in the warehouse"}
    vendor.instead = [in_json(body, 404)]
    one, two = drive(ANNA, BERT), drive(CARA)
    ends = together(one, two)
    assert all(isinstance(end, Finish) for end in ends)
    assert one.outcomes == dict.fromkeys(("anna", "bert"), (Outcome.NOT_HELD, Held.NO))
    assert (one.assurance, two.assurance) == (Assurance.CONFIRMED, Assurance.CONFIRMED)
    (record,) = two.files
    assert json.loads(record)[NOT_FOUND] == [C]


@pytest.mark.parametrize("step", ["submit", "ask_again"])
@pytest.mark.parametrize(
    "answer",
    [
        in_html(404),
        in_json({}, 404),
        in_json([], 404),
        in_json({"message": "no such page"}, 404),
        in_json({"errorCode": 404, "userMessage": "No."}, 404),
        in_json({"errorCode": 404, "developerMessage": "No."}, 404),
        in_json({"userMessage": "No.", "developerMessage": "No."}, 404),
        in_json({"errorCode": None, "userMessage": "No.", "developerMessage": "No."}, 404),
        in_json({"errorCode": True, "userMessage": "No.", "developerMessage": "No."}, 404),
        in_json({"errorCode": 404, "userMessage": None, "developerMessage": "No."}, 404),
        in_json({"errorCode": 404, "userMessage": "No.", "developerMessage": ["No."]}, 404),
        in_json(lists(notFound=[A]), 404),
        (404, {"Content-Type": "text/html"}, error(404)[2]),
        (404, {"Content-Type": "application/json"}, error(404)[2][:-1]),
    ],
)
def test_any_other_404_may_be_a_wrong_hosts_or_tenants_and_says_nothing(
    vendor: Vendor, drive: Callable[..., Drive], step: str, answer: Answer
) -> None:
    refuses(vendor, until(drive(completion="rerequest"), step), answer)


def test_the_error_body_counts_only_with_its_status(vendor: Vendor, drive: Callable[..., Drive]) -> None:
    refuses(vendor, drive(), in_json(json.loads(error(404)[2]), 200))


# --- everything else --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (error(400), Refused),
        (in_html(400), Refused),
        (error(500), OutcomeUnknown),
        (in_html(502), OutcomeUnknown),
        (in_html(401), Misconfigured),
        (in_html(403), Misconfigured),
        (in_html(429, **{"Retry-After": "90"}), RetryLater),
        (in_html(503), RetryLater),
        (in_html(), BrokenReply),
        (in_html(302, Location="https://evil.example/"), BrokenReply),
        (in_json(lists(readyForDataErasure=[A]), 201), BrokenReply),
        (in_json(lists(readyForDataErasure=[A]), 202), BrokenReply),
        ((204, {}, b""), BrokenReply),
        ((200, {"Content-Type": "application/json"}, b""), BrokenReply),
        ((200, {"Content-Type": "application/json"}, in_json(lists(readyForDataErasure=[A]))[2][:-1]), BrokenReply),
        (
            (
                200,
                {"Content-Type": "application/json"},
                in_json(lists(readyForDataErasure=[A]))[2].replace(
                    b'"notFound"', b'"notFound": ["Anna-7"], "notFound"'
                ),
            ),
            BrokenReply,
        ),
    ],
)
@pytest.mark.parametrize("step", ["submit", "ask_again"])
def test_a_reply_outside_the_page_moves_nothing(
    vendor: Vendor, drive: Callable[..., Drive], step: str, answer: Answer, why: type[Exception]
) -> None:
    refuses(vendor, until(drive(completion="rerequest"), step), answer, why)


def test_both_calls_may_be_repeated_when_no_answer_comes() -> None:
    writing = {name: spec for name, spec in Acquia.steps.items() if spec.writes}
    assert {name: spec.if_unknown for name, spec in writing.items()} == {"submit": "submit", "ask_again": "ask_again"}
    assert all(spec.commits for spec in writing.values())
    assert [name for name, spec in Acquia.steps.items() if spec.by_hand] == ["await_acting"]
