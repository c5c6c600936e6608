"""The figures that are published of requests."""

import json
import statistics
from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from erasure.reports.figures import ENDS, Figures, figures, summary_jsonl, summary_lines
from erasure.reports.register import Entry


def entry(**said: object) -> Entry:
    usual = {item.name: "" for item in fields(Entry)} | {"regime": "ccpa", "kind": "erasure", "result": "open"}
    return Entry(**{**usual, "days_to_reply": None, "on_time": "open", **said})


def test_they_are_counted_by_law_and_request_type() -> None:
    found = figures(
        [
            entry(result="complied", days_to_reply=10, on_time="yes"),
            entry(result="complied_in_part", days_to_reply=20, on_time="yes"),
            entry(result="denied", days_to_reply=90, on_time="no"),
            entry(result="cancelled", on_time="not_owed"),
            entry(on_time="overdue"),
            entry(result="not_complied", on_time="overdue"),
            entry(kind="export"),
            entry(regime="gdpr"),
        ]
    )
    assert list(found) == [("ccpa", "erasure"), ("ccpa", "export"), ("gdpr", "erasure")]
    mine = found["ccpa", "erasure"]
    assert (mine.received, mine.answered, mine.late, mine.overdue) == (6, 3, 1, 2)
    assert dict(mine.results) == dict.fromkeys(ENDS, 1)
    assert (mine.mean_days, mine.median_days) == (40, 20)


@given(st.lists(st.integers(0, 400), min_size=1))
def test_mean_and_median_are_those_of_all_answers(days: list[int]) -> None:
    mine = Figures()
    for number in days:
        mine.add(entry(days_to_reply=number, on_time="yes"))
    assert mine.median_days == statistics.median(days)
    assert mine.mean_days == pytest.approx(statistics.mean(days))


def test_without_an_answer_there_are_no_days() -> None:
    mine = Figures()
    mine.add(entry())
    assert mine.mean_days is mine.median_days is None


def test_they_print_as_a_table() -> None:
    head, first, second = summary_lines(
        [entry(result="complied", days_to_reply=3, on_time="yes"), entry(kind="export", on_time="overdue")]
    )
    assert head.split("  ")[0] == "law"
    assert first.split() == ["ccpa", "erasure", "1", *"100000", *"100", "3.0", "3.0"]
    assert second.split() == ["ccpa", "export", "1", *"000001", *"001", "–", "–"]
    assert len(head) == len(first)


def test_as_json_they_are_numbers_under_the_words_of_the_register() -> None:
    first, second = map(
        json.loads,
        summary_jsonl(
            [entry(result="not_complied", days_to_reply=3, on_time="no"), entry(kind="export", on_time="overdue")]
        ),
    )
    none = dict.fromkeys(ENDS, 0)
    assert first == {"regime": "ccpa", "kind": "erasure", "received": 1} | none | {"not_complied": 1} | {
        "answered": 1,
        "late": 1,
        "overdue": 0,
        "mean_days": 3.0,
        "median_days": 3.0,
    }
    assert (second["open"], second["overdue"], second["mean_days"], second["median_days"]) == (1, 1, None, None)
