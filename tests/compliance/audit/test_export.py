"""Rows of the trail and the lines of its files."""

import csv
import io
import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from compliance.audit import export, seal, triggers
from compliance.audit.actions import ACTIONS, LABELS
from compliance.audit.export import Row, Selection, count, csv_lines, guard, jsonl_lines, parse_moment, pieces, rows
from compliance.audit.models import Event, Leaf

from .bulk import bulk_events, bulk_log

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
ALL = Selection()


def sealed() -> int:
    """Seals all; returns the size of the log."""
    seal.seal(wait=True)
    return seal.newest().size


def ids(selection=ALL, size=0, **more):
    return [row.event_id for row in rows(selection, size, **more)]


# --- which rows -------------------------------------------------------------------------------------------------------


def test_sealed_rows_come_in_the_order_of_the_log_with_the_cells_of_the_contract(tell, turn_clock):
    turn_clock(NOON)
    event = tell(subject="sub_task:7")
    turn_clock(NOON + timedelta(microseconds=250))
    tell(case="DSR-2026-000002")
    size = sealed()
    first, second, key = rows(ALL, size)
    assert first == (
        0,
        str(event.event_id),
        "2026-11-02T12:00:00.000000Z",
        "system:test",
        "test.happened",
        "DSR-2026-000001",
        "sub_task:7",
        "rain happened to sub_task:7 in DSR-2026-000001.",
        event.canonical,
        event.leaf_hash,
    )
    assert (second.index, second.at, second.case) == (1, "2026-11-02T12:00:00.000250Z", "DSR-2026-000002")
    assert (key.index, key.action) == (2, "audit.key_added")


def test_every_cell_repeats_what_canonical_says(tell):
    bulk_events(30)
    tell()
    for row in rows(ALL, sealed()):
        said = json.loads(row.canonical)
        assert [row.event_id, row.at] == [said["id"], said["at"]]
        assert row[3:7] == tuple(said[name] for name in ("actor", "action", "case", "subject"))


def test_the_log_of_a_size_holds_its_rows_and_no_later_ones(db):
    early, later = bulk_log(7), bulk_log(5)
    assert [row.index for row in rows(ALL, early)] == list(range(early))
    assert [row.index for row in rows(ALL, later)] == list(range(later))
    assert list(rows(ALL, 0)) == []


def test_what_is_not_sealed_yet_follows_without_an_index_where_it_is_asked_for(tell):
    size = bulk_log(3)
    late = tell()
    *first, last = rows(ALL, size, tail=True)
    assert [row.index for row in first] == list(range(size))
    assert (last.index, last.event_id) == (None, str(late.event_id))
    assert len(list(rows(ALL, size))) == size


def test_what_is_sealed_after_the_pin_is_in_the_tail_once(db):
    size = bulk_log(3)
    bulk_events(4)
    found = rows(ALL, size, tail=True)
    sealed()
    bulk_events(2)  # after the call, so not in it
    assert [row.index for row in found] == [*range(size), None, None, None, None]


def test_an_event_that_is_sealed_between_the_two_questions_for_the_tail_is_not_lost(db, monkeypatch):
    """The worst moment: the pending ones were asked for, the leaves beyond the pin not yet."""
    size = bulk_log(2)
    bulk_events(3)
    asked = []

    def seal_in_between(execute, sql, params, many, context):
        result = execute(sql, params, many, context)
        if "audit_pendingevent" in sql and sql.startswith("SELECT") and not asked:
            asked.append(sql)
            sealed()
        return result

    with connection.execute_wrapper(seal_in_between):
        found = ids(ALL, size, tail=True)
    assert asked
    assert len(found) == len(set(found)) == size + 3


def test_the_tail_comes_in_pages_too(db, monkeypatch):
    monkeypatch.setattr(export, "_PAGE", 2)
    bulk_events(7)
    events = Event.objects.order_by("id").values_list("event_id", flat=True)
    assert ids(ALL, 0, tail=True) == [str(event_id) for event_id in events]


def test_selections_by_case_actor_action_time_and_place(tell, monkeypatch, turn_clock):
    monkeypatch.setitem(ACTIONS, "test.other", "Other.")
    monkeypatch.setattr(export, "_PAGE", 2)
    monkeypatch.setattr(export, "_STRIDE", 3)
    turn_clock(NOON)
    bulk_events(20, cases=3, actors=2, at=NOON)  # a millisecond apart
    size = sealed()
    every = list(rows(ALL, size))

    def holds(selection, wanted):
        found = list(rows(selection, size))
        assert found == [row for row in every if wanted(row)]
        assert count(selection, size) == len(found)
        return len(found)

    assert holds(Selection(case="DSR-2026-000001"), lambda row: row.case == "DSR-2026-000001") == 7
    assert holds(Selection(actor="user:1"), lambda row: row.actor == "user:1") == 10
    assert holds(Selection(action="audit.key_added"), lambda row: row.action == "audit.key_added") == 1
    assert holds(Selection(action="test.other"), lambda row: False) == 0
    middle = NOON + timedelta(milliseconds=10)
    assert holds(Selection(since=middle), lambda row: row.at >= "2026-11-02T12:00:00.010000Z") == 10
    assert holds(Selection(until=middle), lambda row: row.at < "2026-11-02T12:00:00.010000Z") == 11
    assert holds(Selection(after_index=size - 3), lambda row: row.index > size - 3) == 2
    assert holds(Selection(after_index=-1), lambda row: True) == size
    assert holds(Selection(after_index=size + 100), lambda row: False) == 0
    assert holds(Selection(after_index=2**53), lambda row: False) == 0
    both = Selection(case="DSR-2026-000001", actor="user:1", since=NOON, until=middle, after_index=3)
    assert holds(both, lambda row: row.index in (7,)) == 1


@pytest.mark.parametrize("selection", [ALL, Selection(actor="user:1"), Selection(after_index=2)])
def test_a_limit_cuts_after_so_many_rows(db, monkeypatch, selection):
    monkeypatch.setattr(export, "_PAGE", 3)
    bulk_events(2)
    size = bulk_log(20, actors=2)
    bulk_events(5, actors=2)
    every = list(rows(selection, size, tail=True))
    for limit in (0, 1, 3, 4, len(every) - 1, len(every), 100):
        assert list(rows(selection, size, tail=True, limit=limit)) == every[:limit]
        assert count(selection, size, tail=True, limit=limit) == len(every[:limit])


def test_asked_for_rows_beyond_an_index_there_is_no_tail(tell):
    size = bulk_log(3)
    tell()
    assert [row.index for row in rows(Selection(after_index=1), size, tail=True)] == list(range(2, size))
    assert count(Selection(after_index=1), size, tail=True) == size - 2


def test_the_tail_of_a_case_is_of_that_case(tell):
    size = bulk_log(3)
    mine = tell(case="DSR-2026-000777")
    tell(case="DSR-2026-000778")
    assert ids(Selection(case="DSR-2026-000777"), size, tail=True) == [str(mine.event_id)]
    assert count(Selection(case="DSR-2026-000777"), size, tail=True) == 1


def test_a_naive_time_is_refused():
    with pytest.raises(ValueError):
        Selection(since=datetime(2026, 1, 1))
    with pytest.raises(ValueError):
        Selection(until=datetime(2026, 1, 1))


def test_only_a_selection_of_everything_is_whole():
    assert Selection().whole
    for part in ({"case": "DSR-1"}, {"actor": "user:1"}, {"action": "a.b"}, {"since": NOON}, {"after_index": -1}):
        assert not Selection(**part).whole


# --- how they are read ------------------------------------------------------------------------------------------------


def test_a_page_is_one_query_by_place_whatever_the_log_holds(db, monkeypatch):
    monkeypatch.setattr(export, "_PAGE", 10)
    size = bulk_log(49)
    with CaptureQueriesContext(connection) as queries:
        assert len(list(rows(ALL, size))) == size == 50
    assert len(queries) == 5
    assert not any("OFFSET" in query["sql"] for query in queries)


def test_a_case_is_found_by_one_query_and_read_in_pages(db, monkeypatch):
    monkeypatch.setattr(export, "_PAGE", 10)
    size = bulk_log(60, cases=2)
    with CaptureQueriesContext(connection) as queries:
        assert len(list(rows(Selection(case="DSR-2026-000001"), size))) == 30
    assert len(queries) == 1 + 3


def test_rows_that_a_reader_waits_with_hold_no_query_open(db, monkeypatch):
    """A slow download must not keep old rows alive in PostgreSQL, nor SQLite's write-ahead log from being cut."""
    monkeypatch.setattr(export, "_PAGE", 5)
    size = bulk_log(19)
    found = rows(ALL, size)
    next(found)
    bulk_log(3)
    assert len(list(found)) == size - 1


def test_a_log_with_a_hole_gives_what_there_is(db, monkeypatch):
    """Whoever checks the file is to see it, rather than the export to stop."""
    monkeypatch.setattr(export, "_PAGE", 4)
    size = bulk_log(20)
    triggers.remove(connection, ["audit_leaf"])  # until the test is rolled back
    Leaf.objects.filter(index__in=range(4, 9))._raw_delete(Leaf.objects.db)
    assert [row.index for row in rows(ALL, size)] == [*range(4), *range(9, size)]


# --- summaries --------------------------------------------------------------------------------------------------------


def test_a_file_is_in_english_whoever_makes_it(tell, monkeypatch):
    monkeypatch.setitem(ACTIONS, "test.happened", "Done: {done}.")
    tell(done=True)
    with translation.override("de"):
        found = rows(ALL, 0, tail=True)
        assert next(found).summary == "Done: yes."
        assert translation.get_language() == "de"


def test_an_action_that_the_code_no_longer_knows_is_its_name(tell, monkeypatch):
    tell()
    monkeypatch.delitem(ACTIONS, "test.happened")
    assert next(rows(ALL, 0, tail=True)).summary == "test.happened"


def test_words_with_a_meaning_are_told_by_it(tell, monkeypatch):
    monkeypatch.setitem(LABELS, "what", lambda word: {"rain": "heavy rain"}.get(word, ""))
    tell(what="rain")
    tell(what="snow")
    found = [row.summary for row in rows(ALL, 0, tail=True)]
    assert found == ["heavy rain happened to — in DSR-2026-000001.", "snow happened to — in DSR-2026-000001."]


@pytest.mark.parametrize("canonical", ["", "{", "[]", '{"details":3}', '{"details":[1]}', '{"details":{"what":{}}}'])
def test_a_damaged_text_is_exported_as_it_is(tell, canonical):
    """The export is how the damage comes to light."""
    tell()
    triggers.remove(connection, ["audit_event"])  # until the test is rolled back
    with connection.cursor() as cursor:
        cursor.execute("UPDATE audit_event SET canonical = %s", [canonical])
    (row,) = rows(ALL, 0, tail=True)
    assert row.canonical == canonical
    assert "happened to — in DSR-2026-000001." in row.summary


@pytest.mark.parametrize(
    ("column", "damage", "shown"),
    [
        ("at", "soon", "soon"),
        ("at", "0001-01-01 00:00:00+14:00", "0001-01-01 00:00:00+14:00"),
        ("event_id", "x" * 32, "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"),
        ("event_id", "?", "?"),
    ],
)
def test_a_damaged_time_or_id_is_exported_as_it_is(tell, column, damage, shown):
    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL's columns take nothing else")
    tell()
    triggers.remove(connection, ["audit_event"])  # until the test is rolled back
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE audit_event SET {column} = %s", [damage])
    (row,) = rows(ALL, 0, tail=True)
    assert getattr(row, column) == shown


# --- lines ------------------------------------------------------------------------------------------------------------


def test_csv_is_what_csv_writer_makes_and_csv_reader_reads(tell):
    tell()
    size = sealed()
    tell()
    found = list(rows(ALL, size, tail=True))
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerows([export.HEADER, *found])
    assert "".join(csv_lines(found)) == out.getvalue()
    assert [row["index"] for row in csv.DictReader(io.StringIO(out.getvalue(), newline=""))] == ["0", "1", ""]
    assert out.getvalue().startswith("index,event_id,at,actor,action,case,subject,summary,canonical,leaf_hash\r\n0,")


@given(st.lists(st.text(alphabet="a\",\r\n\x00\t ü'=", max_size=5), min_size=9, max_size=9))
def test_any_text_comes_out_as_csv_writer_would_write_it(texts):
    """Also what could only stand there if somebody damaged the database."""
    row = Row(7, *texts)
    out = io.StringIO(newline="")
    csv.writer(out).writerow(row._replace(summary=guard(row.summary)))
    assert list(csv_lines([row]))[1] == out.getvalue()


def test_a_byte_order_mark_comes_first_where_it_is_asked_for(tell):
    tell()
    found = list(rows(ALL, 0, tail=True))
    plain, marked = "".join(csv_lines(found)), "".join(csv_lines(found, bom=True))
    assert marked == "\ufeff" + plain
    assert marked.encode().startswith(b"\xef\xbb\xbfindex,")


def test_json_lines_hold_the_same_fields_and_a_null_index(tell):
    event = tell(what="rain")
    size = sealed()
    tell()
    first, _key, last = [json.loads(line) for line in jsonl_lines(rows(ALL, size, tail=True))]
    assert tuple(first) == export.HEADER
    assert (first["index"], last["index"]) == (0, None)
    assert first["canonical"] == event.canonical


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"])
def test_a_summary_that_a_spreadsheet_would_run_is_guarded_in_csv_alone(tell, monkeypatch, start):
    monkeypatch.setitem(ACTIONS, "test.happened", start + '1+1,"x"')
    tell()
    assert guard(start + "1") == f"'{start}1"
    (row,) = rows(ALL, 0, tail=True)
    text = "".join(csv_lines([row]))
    assert next(csv.DictReader(io.StringIO(text, newline="")))["summary"] == f'\'{start}1+1,"x"'
    assert row.summary == start + '1+1,"x"'
    assert json.loads(next(jsonl_lines([row])))["summary"] == row.summary


def test_a_harmless_summary_is_left_alone():
    assert guard("1 = 1") == "1 = 1"
    assert guard("") == ""


def test_no_cell_of_the_log_begins_like_a_formula(db):
    """What a spreadsheet opens: read the file as it does, and look at the first character of each cell."""
    size = bulk_log(200)
    for cells in csv.reader(io.StringIO("".join(csv_lines(rows(ALL, size))), newline="")):
        assert not [cell for cell in cells if re.match(r"[=+\-@\t\r\n＝＋－＠]", cell)]


def test_lines_are_handed_on_in_pieces_that_make_the_same_text():
    lines = [f"{number:04}\n" for number in range(100)]
    found = list(pieces(lines, size=50))
    assert "".join(found) == "".join(lines)
    assert [len(piece) for piece in found] == [50] * 10 + [0]
    assert list(pieces([])) == [""]


# --- times ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("2026-11-22 01:44:12.123456", "2026-11-22T01:44:12.123456Z"),  # SQLite
        ("2026-11-22 01:44:12", "2026-11-22T01:44:12.000000Z"),
        ("2026-11-22 01:44:12.123456+00", "2026-11-22T01:44:12.123456Z"),  # PostgreSQL
        ("2026-11-22 01:44:12.5+00", "2026-11-22T01:44:12.500000Z"),
        ("2026-11-22 01:44:12.123+00", "2026-11-22T01:44:12.123000Z"),  # as long as SQLite's
        ("2026-11-22 01:44:12+00", "2026-11-22T01:44:12.000000Z"),
        ("2026-11-22 01:44:12.123-05", "2026-11-22T06:44:12.123000Z"),
        ("2026-11-22 02:44:12.123456+01", "2026-11-22T01:44:12.123456Z"),  # of a connection in another zone
        ("2026-11-22 07:14:12.5+05:30", "2026-11-22T01:44:12.500000Z"),
    ],
)
def test_a_time_is_written_alike_whichever_database_keeps_it(text, written):
    assert export._rfc3339(text) == written


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
