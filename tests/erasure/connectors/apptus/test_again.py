"""Asking again, after an erasure, whether anything is held."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from erasure.connectors.apptus import Apptus
from erasure.connectors.base import Assurance, Finish, HandOver, Held, Operation, Outcome, parse

from ..driver import Drive
from .conftest import ANNA, ANNAS_KEY, BERT, BERTS_KEY, EMPTY, RESULT, START_EXPORT, START_REMOVAL, Vendor, in_html

MONTH = 30 * 86_400


def asking(drive: Callable[..., Drive], *ids: object) -> Drive:
    return drive(*ids, again=True, ask_again_after_seconds=MONTH)


def test_it_is_off_unless_it_is_set_and_only_after_an_erasure() -> None:
    on = Apptus(parse(Apptus.Options, {"ask_again_after_seconds": MONTH}))
    again = on.again(Operation.ERASE)
    assert again
    assert again.after == timedelta(days=30)
    assert not on.again(Operation.EXPORT)
    assert not Apptus(parse(Apptus.Options, {})).again(Operation.ERASE)


def test_the_plan_says_when_it_is_asked_again_and_that_this_only_reads() -> None:
    told = {
        seconds: " ".join(
            str(line)
            for line in Apptus(parse(Apptus.Options, {"ask_again_after_seconds": seconds})).explain(Operation.ERASE)
        )
        for seconds in (MONTH, 90, 0)
    }
    assert "asked again after 30 days whether anything is held, by a further export: that only reads" in told[MONTH]
    assert "after 90 seconds" in told[90]
    assert "asked again" not in told[0]


def test_an_export_that_holds_empty_txt_alone_says_that_nothing_is_held(
    vendor: Vendor, drive: Callable[..., Drive]
) -> None:
    vendor.zips |= {"e1": EMPTY, "e2": EMPTY}
    sub_task = asking(drive, ANNA, BERT)
    assert isinstance(sub_task.run(), Finish)
    assert vendor.asked(START_EXPORT) == [ANNAS_KEY, BERTS_KEY]
    assert vendor.asked(START_REMOVAL) == []
    assert sub_task.outcomes == dict.fromkeys(("anna", "bert"), (Outcome.NOT_HELD, Held.NO))
    assert sub_task.assurance == Assurance.ASKED_AGAIN


def test_an_export_that_holds_records_goes_to_a_person_and_nothing_is_removed(
    vendor: Vendor, drive: Callable[..., Drive]
) -> None:
    vendor.zips["e1"] = EMPTY
    sub_task = asking(drive, ANNA, BERT)
    end = sub_task.run()
    assert isinstance(end, HandOver)
    assert end.code == "there_again"
    assert sub_task.outcomes == {"anna": (Outcome.NOT_HELD, Held.NO), "bert": (Outcome.PENDING, Held.YES)}
    assert vendor.asked(START_REMOVAL) == []


def test_of_what_is_there_again_only_the_hash_and_the_number_of_records_are_kept(
    vendor: Vendor, drive: Callable[..., Drive]
) -> None:
    sub_task = asking(drive)
    sub_task.run()
    assert [(kept.keep, kept.counts["records"]) for kept in sub_task.evidence] == [(timedelta(0), 2)]


def test_a_retry_asks_about_the_keys_alone_that_were_there(vendor: Vendor, drive: Callable[..., Drive]) -> None:
    vendor.zips["e1"] = EMPTY
    sub_task = asking(drive, ANNA, BERT)
    sub_task.run()
    vendor.zips["e3"] = EMPTY  # erased by hand meanwhile
    assert isinstance(sub_task.run(), Finish)
    assert vendor.asked(START_EXPORT) == [ANNAS_KEY, BERTS_KEY, BERTS_KEY]


@pytest.mark.parametrize("lost", ["start_again", "fetch_again"])
def test_a_call_without_an_answer_is_followed_by_a_fresh_export(
    vendor: Vendor, drive: Callable[..., Drive], lost: str
) -> None:
    vendor.zips |= {"e1": EMPTY, "e2": EMPTY}
    sub_task = asking(drive)
    vendor.instead[{"start_again": START_EXPORT, "fetch_again": RESULT}[lost]] = [in_html(500)]
    assert isinstance(sub_task.run(), Finish)
    assert sub_task.outcomes == {"anna": (Outcome.NOT_HELD, Held.NO)}


def test_a_refused_key_is_told_with_what_is_known_of_the_others(vendor: Vendor, drive: Callable[..., Drive]) -> None:
    vendor.zips["e1"] = EMPTY
    vendor.instead[START_EXPORT] = [in_html(400)]
    sub_task = asking(drive, ANNA, BERT)
    end = sub_task.run()
    assert isinstance(end, HandOver)
    assert (end.code, end.then) == ("key_refused", "start_again")
    assert sub_task.outcomes["bert"] == (Outcome.NOT_HELD, Held.NO)
    assert vendor.asked(START_REMOVAL) == []
