import csv
import io
import json
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from compliance.audit import export
from compliance.audit.actions import ACTIONS
from compliance.audit.export import guard, parse_moment, rows, write_csv, write_jsonl

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)


def test_rows_come_in_the_order_of_the_log_with_the_cells_of_the_contract(tell, turn_clock):
    turn_clock(NOON)
    first, second = tell(subject="sub_task:7"), tell(case="DSR-2026-000002")
    out = io.StringIO(newline="")
    assert write_csv(rows(), out) == 2
    lines = out.getvalue().split("\r\n")
    assert lines[0] == "index,event_id,at,actor,action,case,subject,summary,canonical,leaf_hash"
    cells = next(csv.reader([lines[1]]))
    assert cells == [
        "",
        str(first.event_id),
        "2026-11-02T12:00:00.000000Z",
        "system:test",
        "test.happened",
        "DSR-2026-000001",
        "sub_task:7",
        "rain happened to sub_task:7 in DSR-2026-000001.",
        first.canonical,
        first.leaf_hash,
    ]
    assert str(second.event_id) in lines[2]
    assert lines[3:] == [""]


def test_json_lines_hold_the_same_fields_and_a_null_index(tell):
    event = tell()
    out = io.StringIO()
    assert write_jsonl(rows(), out) == 1
    row = json.loads(out.getvalue())
    assert tuple(row) == export.HEADER
    assert row["index"] is None
    assert row["canonical"] == event.canonical


def test_a_selection_by_case_and_time_and_number(tell, turn_clock):
    events = []
    for hour in range(4):
        turn_clock(NOON + timedelta(hours=hour))
        events.append(tell(case=f"DSR-2026-00000{hour % 2}"))
    ids = [str(event.event_id) for event in events]

    def found(**selection):
        return [row.event_id for row in rows(**selection)]

    assert found(case="DSR-2026-000001") == [ids[1], ids[3]]
    assert found(since=NOON + timedelta(hours=1)) == ids[1:]
    assert found(until=NOON + timedelta(hours=1)) == ids[:1]
    assert found(since=NOON, until=NOON + timedelta(hours=3), limit=2) == ids[:2]
    assert found(limit=0) == []


def test_asking_for_sealed_rows_gives_none_before_there_is_a_seal(tell):
    tell()
    assert list(rows(after_index=0)) == []


def test_a_naive_time_is_refused():
    with pytest.raises(ValueError):
        rows(since=datetime(2026, 1, 1))


def test_rows_are_streamed_by_one_query(tell, monkeypatch):
    for _ in range(5):
        tell()
    monkeypatch.setattr(export, "_CHUNK", 2)
    with CaptureQueriesContext(connection) as queries:
        assert sum(1 for _ in rows()) == 5
    assert len(queries) <= 1  # PostgreSQL's server-side cursor is not counted


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"])
def test_a_summary_that_a_spreadsheet_would_run_is_guarded_in_csv_alone(tell, monkeypatch, start):
    monkeypatch.setitem(ACTIONS, "test.happened", start + '1+1,"x"')
    tell()
    assert guard(start + "1") == f"'{start}1"
    out = io.StringIO(newline="")
    write_csv(rows(), out)
    out.seek(0)
    assert next(csv.DictReader(out))["summary"] == f'\'{start}1+1,"x"'
    assert next(rows()).summary == start + '1+1,"x"'


def test_a_harmless_summary_is_left_alone():
    assert guard("1 = 1") == "1 = 1"
    assert guard("") == ""


@pytest.mark.parametrize(
    ("text", "end", "moment"),
    [
        ("2026-11-02", False, "2026-11-01T23:00:00+00:00"),
        ("2026-11-02", True, "2026-11-02T23:00:00+00:00"),
        ("2026-03-29", True, "2026-03-29T22:00:00+00:00"),  # the day summer time begins has 23 hours
        ("2026-11-02T09:30:00Z", True, "2026-11-02T09:30:00+00:00"),
        ("2026-11-02t09:30:00.25+01:00", False, "2026-11-02T08:30:00.250000+00:00"),
    ],
)
def test_dates_are_days_of_the_desk_and_times_are_exact(settings, text, end, moment):
    settings.TIME_ZONE = "Europe/Berlin"
    assert parse_moment(text, end=end).isoformat() == moment


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "20261102",
        "2026-W45-1",
        "2026-13-01",
        "2026-11-02T09:30Z",
        "2026-11-02T25:00:00Z",
        "2026-11-02\n",
        "２０２６-11-02",
    ],
)
def test_what_is_no_time_is_refused(text):
    with pytest.raises(ValueError, match="neither a date"):
        parse_moment(text, end=True)


@pytest.mark.parametrize("text", ["9999-12-31", "0001-01-01T00:00:00+14:00"])
def test_a_time_out_of_all_bounds_is_refused_for_what_it_is(text):
    with pytest.raises(ValueError, match="too long ago or too far ahead"):
        parse_moment(text, end=True)


def test_a_time_without_a_zone_is_refused_with_the_reason():
    with pytest.raises(ValueError, match="has no time zone"):
        parse_moment("2026-11-02T09:30:00")
