"""What is said of each identifier at the end, and what the vendor counted."""

from collections.abc import Callable
from typing import Any

import pytest

from erasure.connectors.base import (
    Assurance,
    Finish,
    HandOver,
    Held,
    Id,
    Operation,
    Outcome,
)

from ..driver import Drive
from .conftest import ANNA, COMPLETE, COOKIE, PHONE, Vendor, counters, listing

ERASED, NOT_HELD = (Outcome.ERASED, Held.YES), (Outcome.NOT_HELD, Held.NO)
PROCESSED = (Outcome.PROCESSED, Held.UNKNOWN)

# --- who was held -----------------------------------------------------------------------------------------------------


def test_complete_though_output_was_asked_for_means_that_nobody_matched(
    vendor: Vendor, drive: Callable[..., Drive]
) -> None:
    vendor.lists = []
    sub_task = drive(ANNA, COOKIE)
    assert isinstance(sub_task.run(), Finish)
    assert sub_task.outcomes == {"anna": NOT_HELD, "cookie": NOT_HELD}
    assert sub_task.assurance == Assurance.CONFIRMED
    assert vendor.asked(COMPLETE) == []


@pytest.mark.parametrize("flag", [True, "true", "True", None])
def test_the_vendors_flag_may_be_text(vendor: Vendor, drive: Callable[..., Drive], flag: object) -> None:
    vendor.lists, vendor.fields = [], {"generateOutput": flag}
    sub_task = drive()
    sub_task.run()
    assert sub_task.outcomes == {"anna": NOT_HELD}


@pytest.mark.parametrize("flag", [False, "false", "no", 1, 0, "", []])
def test_without_the_output_that_was_asked_for_nobody_is_said_not_to_be_held(
    vendor: Vendor, drive: Callable[..., Drive], flag: object
) -> None:
    vendor.lists, vendor.fields = [], {"generateOutput": flag}
    sub_task = drive()
    assert isinstance(sub_task.run(), Finish)
    assert sub_task.outcomes == {"anna": PROCESSED}


@pytest.mark.parametrize("name", ["updatedOrRemovedIdentityCount", "outputRecordCount", "outoutRecordCount"])
def test_a_counter_that_belies_it_asks_a_person(vendor: Vendor, drive: Callable[..., Drive], name: str) -> None:
    vendor.lists, vendor.fields = [], {name: 1}
    sub_task = drive()
    end = sub_task.run()
    assert isinstance(end, HandOver)
    assert (end.code, end.then) == ("job_belied", "create_job")
    assert sub_task.outcomes == {}
    assert vendor.asked(COMPLETE) == []


@pytest.mark.parametrize(
    ("skipped", "outcome"),
    [(2, NOT_HELD), (1, PROCESSED), (3, PROCESSED), (0, PROCESSED), (None, PROCESSED), ("2", PROCESSED)],
)
def test_what_is_not_listed_was_not_held_if_the_vendor_skipped_exactly_as_many(
    vendor: Vendor, drive: Callable[..., Drive], skipped: object, outcome: tuple[Outcome, Held]
) -> None:
    vendor.fields = {"skippedInputRecordCount": skipped}
    sub_task = drive(ANNA, COOKIE, PHONE)
    assert isinstance(sub_task.run(), Finish)
    assert sub_task.outcomes == {"anna": ERASED, "cookie": outcome, "phone": outcome}


def test_an_identifier_given_twice_is_sent_once_and_both_share_its_outcome(
    vendor: Vendor, drive: Callable[..., Drive]
) -> None:
    vendor.fields = {"skippedInputRecordCount": 1}
    twice = [Id("one", "cookie_id", "C-9"), Id("two", "cookie_id", "C-9")]
    sub_task = drive(ANNA, *twice)
    sub_task.run()
    assert vendor.uploads == [b"Type,Value\nemail,Anna@example.org\ncookieId,C-9\n"]
    assert sub_task.outcomes == {"anna": ERASED, "one": NOT_HELD, "two": NOT_HELD}


@pytest.mark.parametrize(
    ("item", "row"),
    [
        (Id("x", "email", "Anna@Example.org"), ("EMAIL", "aNNA@example.ORG")),
        (Id("x", "phone", "+49 30 1234567"), ("PHONE", "49301234567")),
        (Id("x", "cookie_id", "aB-1"), ("CookieID", "aB-1")),
        (Id("x", "x1_id", "123-abc"), ("X1ID", "123-abc")),
    ],
)
def test_a_listed_identifier_is_known_again(
    vendor: Vendor, drive: Callable[..., Drive], item: Id, row: tuple[str, str]
) -> None:
    vendor.lists = [listing(row)]
    sub_task = drive(item)
    sub_task.run()
    assert sub_task.outcomes == {"x": ERASED}
    assert all(not result.found for result in sub_task.results)


@pytest.mark.parametrize(
    ("item", "row"),
    [
        (Id("x", "cookie_id", "aB-1"), ("COOKIEID", "Ab-1")),
        (Id("x", "cookie_id", "1-2"), ("COOKIEID", "12")),
        (Id("x", "email", "anna@example.org"), ("COOKIEID", "anna@example.org")),
        (Id("x", "phone", "+49301"), ("PHONE", "+4930")),
        (Id("x", "email", "straße@example.org"), ("EMAIL", "STRASSE@EXAMPLE.ORG")),
        (Id("x", "email", "zo\u00eb@example.org"), ("EMAIL", "zoe\u0308@example.org")),
        (Id("x", "cookie_id", "\uff21-7788"), ("COOKIEID", "A-7788")),
    ],
)
def test_another_identifier_is_not_taken_for_it(
    vendor: Vendor, drive: Callable[..., Drive], item: Id, row: tuple[str, str]
) -> None:
    vendor.lists = [listing(row)]
    sub_task = drive(item)
    sub_task.run()
    assert sub_task.outcomes == {"x": PROCESSED}


def test_an_x1_id_that_was_sent_is_known_by_the_rows_of_it(vendor: Vendor, drive: Callable[..., Drive]) -> None:
    vendor.lists = [listing(("EMAIL", "other@example.org"), x1_id="123-abc-456-def")]
    sub_task = drive(Id("x", "x1_id", "123-abc-456-def"))
    sub_task.run()
    assert sub_task.outcomes == {"x": ERASED}


# --- counters ---------------------------------------------------------------------------------------------------------

SEED = {"inputRecordCount": 4, "updatedOrRemovedIdentityCount": 2, "skippedInputRecordCount": 1}


@pytest.mark.parametrize("name", ["outputRecordCount", "outoutRecordCount"])
def test_counters_are_kept_by_their_right_names(vendor: Vendor, drive: Callable[..., Drive], name: str) -> None:
    vendor.fields = {**SEED, name: 2}
    sub_task = drive()
    assert isinstance(sub_task.run(), Finish)
    assert counters(sub_task) == {**SEED, "outputRecordCount": 2}


@pytest.mark.parametrize("operation", [Operation.ERASE, Operation.RESTRICT])
def test_counters_are_kept_where_nothing_is_listed(
    vendor: Vendor, drive: Callable[..., Drive], operation: Operation
) -> None:
    vendor.fields = SEED
    sub_task = drive(operation=operation, generate_output=False)
    sub_task.run()
    assert counters(sub_task) == SEED


@pytest.mark.parametrize("odd", [-1, "2", 2.0, True, None, [2], {}, 10**12, 10**30])
def test_a_counter_that_is_no_count_is_passed_over(vendor: Vendor, drive: Callable[..., Drive], odd: Any) -> None:
    vendor.fields = dict.fromkeys((*SEED, "outoutRecordCount"), odd)
    sub_task = drive()
    assert isinstance(sub_task.run(), Finish)
    assert counters(sub_task) == {}
