"""The columns of a vendor's steps add up, and the step that ended the work is among them."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from compliance.audit.models import Event
from erasure import actions
from erasure.models import Case
from erasure.reports.steps import ENDS, Count, counted
from erasure.sandbox import Fault
from tests.erasure.worker.conftest import lane  # noqa: F401
from tests.erasure.worker.lane import Lane

SENDING, NOT_DONE, UNKNOWN = actions.WORK_SENDING, actions.WORK_NOT_DONE, actions.WORK_UNKNOWN
WENT_ON, ATTENTION, HANDED_OVER = actions.WORK_WENT_ON, actions.WORK_ATTENTION, actions.WORK_HANDED_OVER
DONE, STOPPED, ATTESTED = actions.WORK_DONE, actions.WORK_STOPPED, actions.WORK_ATTESTED


def an(action: str, step: str = "send") -> Event:
    return Event(action=action, canonical=json.dumps({"details": {"step": step} if action not in ENDS else {}}))


@pytest.mark.parametrize(
    ("told", "sums"),
    [
        ([SENDING], (1, 0, 0, 0, 1)),
        ([SENDING, WENT_ON], (1, 1, 0, 0, 0)),
        ([SENDING, DONE], (1, 1, 0, 0, 0)),
        ([SENDING, HANDED_OVER, ATTESTED], (1, 1, 0, 0, 0)),
        ([SENDING, STOPPED], (1, 1, 0, 0, 0)),
        ([SENDING, SENDING, SENDING, DONE], (3, 3, 0, 0, 0)),
        ([SENDING, NOT_DONE, SENDING, UNKNOWN, SENDING, WENT_ON], (3, 1, 1, 1, 0)),
        ([SENDING, NOT_DONE, ATTENTION], (1, 0, 1, 0, 0)),
        ([SENDING, UNKNOWN, ATTENTION, ATTESTED], (1, 0, 0, 1, 0)),
        ([SENDING, ATTENTION, SENDING], (2, 0, 0, 1, 1)),
        ([SENDING, ATTENTION, STOPPED], (1, 0, 0, 1, 0)),
    ],
)
def test_what_came_of_each_sending_adds_up_to_what_was_sent(told: list[str], sums: tuple[int, ...]) -> None:
    count = counted([an(action) for action in told], "send")["send"]
    assert (count.sent, count.answered, count.not_done, count.unclear, count.awaited) == sums
    assert count.sent == count.answered + count.not_done + count.unclear + count.awaited


def test_the_end_that_a_question_told_is_that_of_its_step() -> None:
    events = [an(SENDING), an(WENT_ON), an(DONE)]
    found = counted(events, "wait")
    assert list(found) == ["send", "wait"]
    assert found["wait"] == Count(events[2], events[2], answered=1)


def test_an_end_by_hand_is_no_steps() -> None:
    assert list(counted([an(SENDING), an(WENT_ON), an(ATTESTED)], "wait")) == ["send"]


@pytest.mark.django_db(transaction=True)
def test_work_at_a_vendor_tells_every_step_that_it_took_to_its_end(
    lane: Lane,  # noqa: F811
    told: Callable[[Case], str],
) -> None:
    lane.apptus.faults.add(Fault("reply", status=503, body="", content_type="text/plain"))
    case = lane.to_end(lane.case(identifiers=[("customer_id", "C-1001")]))
    assert case.status == "completed"
    part = told(case).partition("Last event\n")[2].partition("\nIdentifier\n")[0].splitlines()
    rows: list[list[Any]] = [part[place : place + 5] for place in range(0, len(part), 7)]
    rows = [row for row in rows if len(row) == 5]
    assert [row[0] for row in rows] == [
        "start the export",
        "wait for the export",
        "download the export",
        "start the removal",
        "wait for the removal",
    ]
    assert rows[0][1:] == ["2", "1", "1", "0"]
    for _label, sent, answered, not_done, unclear in rows:
        if sent == "only asks":
            assert (answered, not_done, unclear) == ("1", "–", "–")
        else:
            assert int(sent) == int(answered) + int(not_done) + int(unclear) > 0
