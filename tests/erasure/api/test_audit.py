"""The trail over the API: pages, streams, a zip, and pulls that miss nothing."""

import base64
import csv
import io
import json
import threading
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from django.core.cache import cache
from django.db import connection, transaction

from compliance.audit import export, seal, signing, verify
from compliance.audit.export import Selection
from compliance.audit.models import Event, PendingEvent
from compliance.staff.models import User
from erasure.api import exports
from tests.compliance.audit.bulk import bulk_events, bulk_log
from tests.erasure.api.conftest import as_account, pointers, refused

START = datetime(2026, 11, 20, 12, tzinfo=UTC)
TRAIL = "/api/v1/audit/"


@pytest.fixture(autouse=True)
def fresh_cache(settings, tmp_path):
    """What was told once is not told again for a while; each test begins anew."""
    settings.AUDIT_SIGNING_KEY = tmp_path / "audit.pem"
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def log(vendors) -> int:
    """A log of 30 events about cases and a few about accounts; and 4 events that are not sealed."""
    signing.ensure()
    size = bulk_log(30, cases=3, actors=2, at=START)
    bulk_events(4, cases=3, actors=2, at=START + timedelta(hours=1))
    return size


def whole(response) -> str:
    assert response.status_code == 200, response.content
    return b"".join(response.streaming_content).decode()


def looked(account: str) -> list[dict]:
    """The details of the events about this account's pulls."""
    actor = f"user:{User.objects.get(username=account).pk}"
    found = Event.objects.filter(action="audit.exported", actor=actor, case="").order_by("id")
    return [event.details for event in found]


# --- pages ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [1, 3, 7, 1000])
@pytest.mark.parametrize("query", ["", "&actor=user:1", "&case=DSR-2026-000001", "&after_index=9"])
def test_pages_hold_what_an_export_holds_and_lead_back(crm, log, limit, query):
    given = dict(pair.split("=") for pair in query.split("&") if pair)
    part = Selection(**{name: int(text) if name == "after_index" else text for name, text in given.items()})
    expected = [row._asdict() for row in export.rows(part, log, tail=True)]
    pages = list(_walk(crm, f"{TRAIL}?limit={limit}{query}"))
    found = [row for page in pages for row in page["results"]]
    assert found[: len(expected)] == expected
    assert {row["action"] for row in found[len(expected) :]} <= {"audit.exported"}  # of this walk itself
    back = pages[-1:]
    while back[0]["previous"]:
        back.insert(0, crm.get(back[0]["previous"]).json())
    assert [row for page in back for row in page["results"]] == found


def _walk(client, url: str) -> Iterator[dict]:
    while url:
        page = client.get(url).json()
        yield page
        url = page["next"]


def test_sealed_rows_have_their_index_and_the_rest_none(crm, log):
    response = crm.get(f"{TRAIL}?limit=1000")
    indexes = [row["index"] for row in response.json()["results"]]
    assert indexes[:log] == list(range(log))
    assert set(indexes[log:]) == {None}
    assert len(indexes) >= log + 4
    assert response.headers["Audit-Tree-Size"] == str(log)
    assert response.headers["Cache-Control"] == "no-store"


def test_a_walk_is_of_one_log_however_it_grows_meanwhile(crm, log):
    """Sealed while somebody walks: no row is skipped, none comes twice, and the size stays what it was."""
    seen, url = [], f"{TRAIL}?limit=5"
    while url:
        response = crm.get(url)
        assert response.headers["Audit-Tree-Size"] == str(log)
        page = response.json()
        seen += [row["event_id"] for row in page["results"]]
        url = page["next"]
        if len(seen) < 20:
            bulk_log(2)
    assert len(set(seen)) == len(seen)
    assert set(map(str, Event.objects.values_list("event_id", flat=True))) == set(seen)


def test_before_anything_is_sealed_there_are_rows_without_an_index(crm, opened):
    reference = opened()["reference"]
    response = crm.get(f"{TRAIL}?case={reference}")
    rows = response.json()["results"]
    assert rows and {row["index"] for row in rows} == {None}
    assert {row["case"] for row in rows} == {reference}
    assert response.headers["Audit-Tree-Size"] == "0"
    assert crm.get(f"{TRAIL}?after_index=0").json() == {"results": [], "next": None, "previous": None}


def test_a_read_seals_nothing(crm, log):
    pending = set(PendingEvent.objects.values_list("event_id", flat=True))
    for query in ("", "?format=csv", "?format=zip", "?format=jsonl&after_index=3"):
        response = crm.get(TRAIL + query)
        if response.streaming:
            whole_bytes(response)
    assert seal.newest().size == log
    assert pending <= set(PendingEvent.objects.values_list("event_id", flat=True))


def whole_bytes(response) -> bytes:
    assert response.status_code == 200
    return b"".join(response.streaming_content)


def test_the_trail_of_a_case_an_actor_an_action_and_a_time(crm, log):
    def found(query):
        return crm.get(f"{TRAIL}?limit=1000&after_index=-1&{query}").json()["results"]

    assert {row["case"] for row in found("case=DSR-2026-000002")} == {"DSR-2026-000002"}
    assert {row["actor"] for row in found("actor=user:1")} == {"user:1"}
    assert [row["action"] for row in found("action=audit.key_added")] == ["audit.key_added"]
    assert len(found("since=2026-11-20T12:00:00.005Z&until=2026-11-20T12:00:00.010Z")) == 5
    assert found("since=2026-11-19&until=2026-11-19") == []
    assert len(found("since=2026-11-20&until=2026-11-20&action=staff.signed_in")) == 30


# --- streams ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("form", "media_type"), [("csv", "text/csv"), ("jsonl", "application/jsonl")])
def test_the_trail_comes_as_a_stream_that_the_verifier_reads(crm, log, form, media_type, tmp_path):
    response = crm.get(f"{TRAIL}?format={form}")
    assert response.streaming
    assert response.headers["Content-Type"] == f"{media_type}; charset=utf-8"
    assert response.headers["Audit-Tree-Size"] == str(log)
    file = tmp_path / f"trail.{form}"
    file.write_bytes(whole(response).encode())
    (tmp_path / f"trail.{form}.checkpoint").write_text(crm.get(f"{TRAIL}checkpoint/?size={log}").content.decode())
    status, said = verify.run(file)
    assert (status, f"They are the whole log of {log} events" in said) == (0, True), said


def test_a_stream_can_be_cut(crm, log):
    lines = whole(crm.get(f"{TRAIL}?format=jsonl&limit=2")).splitlines()
    assert [json.loads(line)["index"] for line in lines] == [0, 1]


def test_csv_with_a_byte_order_mark(crm, log):
    assert whole(crm.get(f"{TRAIL}?format=csv&bom=true")).startswith("\ufeffindex,")
    assert whole(crm.get(f"{TRAIL}?format=csv&bom=false")).startswith("index,")


def test_the_zip_holds_what_proves_a_part_and_nothing_of_the_rest(crm, log):
    response = crm.get(f"{TRAIL}?format=zip&case=DSR-2026-000001&bom=true")
    assert response.headers["Content-Type"] == "application/zip"
    assert response.headers["Content-Disposition"] == 'attachment; filename="trail.zip"'
    assert response.headers["Audit-Tree-Size"] == str(log)
    with zipfile.ZipFile(io.BytesIO(whole_bytes(response))) as archive:
        files = {name: archive.read(name).decode() for name in archive.namelist()}
    assert {"READ-ME.txt", "verify.py", "trail.csv.checkpoint", "trail.csv.proofs.json"} <= set(files)
    rows = list(csv.DictReader(io.StringIO(files["trail.csv"].removeprefix("\ufeff"), newline="")))
    assert [row["case"] for row in rows] == ["DSR-2026-000001"] * 10
    assert not any("DSR-2026-000002" in text for text in files.values())


def test_before_anything_is_sealed_there_is_no_zip(crm, opened):
    opened()
    refused(crm.get(f"{TRAIL}?format=zip"), 404, "nothing_sealed")
    assert looked("crm") == []


# --- pulls ------------------------------------------------------------------------------------------------------------


def pull(client, after: int, form: str, limit: int) -> list[dict]:
    response = client.get(f"{TRAIL}?after_index={after}&format={form}&limit={limit}")
    if form == "json":
        return response.json()["results"]
    return [json.loads(line) for line in whole(response).splitlines()]


@pytest.mark.parametrize("form", ["json", "jsonl"])
def test_a_puller_gets_every_sealed_row_once_in_the_final_order(crm, log, form):
    seen: list[dict] = []
    for _round in range(12):
        seen += pull(crm, seen[-1]["index"] if seen else -1, form, 5)
        bulk_events(1)
        if _round % 2:
            seal.seal(wait=True)
    while rows := pull(crm, seen[-1]["index"], form, 5):
        seen += rows
    assert [row["index"] for row in seen] == list(range(seal.newest().size))
    assert [tuple(row.values()) for row in seen] == list(export.rows(Selection(), len(seen)))


@pytest.mark.django_db(transaction=True)
def test_while_others_record_and_seal_a_puller_neither_skips_nor_repeats(settings, tmp_path):
    """Real transactions, on real connections, ending in whatever order; one of them is held open across seals."""
    settings.AUDIT_SIGNING_KEY = tmp_path / "concurrent.pem"
    signing.ensure()
    puller = as_account("puller")
    stop, held = threading.Event(), threading.Event()

    def record_and_seal() -> None:
        try:
            while not stop.is_set():
                with transaction.atomic():
                    bulk_events(3)
                seal.seal()
        finally:
            connection.close()

    def hold_one_open() -> None:
        """On SQLite nobody else could write meanwhile."""
        try:
            with transaction.atomic():
                bulk_events(1)
                if connection.vendor == "postgresql":
                    held.wait(30)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for work in (record_and_seal, hold_one_open)]
    for thread in threads:
        thread.start()
    seen: list[dict] = []
    try:
        while len(seen) < 200:
            seen += pull(puller, seen[-1]["index"] if seen else -1, "jsonl", 1000)
    finally:
        held.set()
        stop.set()
        for thread in threads:
            thread.join(60)
    seal.seal(wait=True)
    while rows := pull(puller, seen[-1]["index"], "jsonl", 1000):
        seen += rows
    assert [row["index"] for row in seen] == list(range(len(seen)))
    every = {str(each) for each in Event.objects.filter(pending=None).values_list("event_id", flat=True)}
    assert {row["event_id"] for row in seen} == every


# --- who looked -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["json", "jsonl", "csv", "zip"])
def test_a_pull_is_an_event_before_its_content_can_be_read(crm, log, form):
    response = crm.get(f"{TRAIL}?format={form}&case=DSR-2026-000001")
    (event,) = Event.objects.filter(subject="case:DSR-2026-000001")  # nothing of the stream was read yet
    assert (event.action, event.case) == ("audit.exported", "")
    tail = 0 if form == "zip" else 1
    assert event.details == {"format": form, "count": 10 + tail, "size": log}
    if form in ("jsonl", "csv"):
        rows = len(whole(response).splitlines()) - (form == "csv")
        assert rows == event.details["count"]
    elif form == "json":
        assert len(response.json()["results"]) == event.details["count"]


def test_the_event_about_a_stream_is_not_in_it(crm, log):
    rows = whole(crm.get(f"{TRAIL}?format=jsonl")).splitlines()
    assert len(rows) == looked("crm")[0]["count"] == Event.objects.count() - 1


def test_a_puller_leaves_one_event_in_ten_minutes_for_each_selection_and_format(crm, log, monkeypatch):
    for after in (-1, 3, 5, 9):
        pull(crm, after, "jsonl", 3)
    assert [told["only_after_index"] for told in looked("crm")] == [-1]
    crm.get(f"{TRAIL}?limit=2")  # another format
    crm.get(f"{TRAIL}?after_index=5&limit=2")
    assert len(looked("crm")) == 2
    crm.get(f"{TRAIL}?case=DSR-2026-000001&format=jsonl")  # another selection
    crm.get(f"{TRAIL}?actor=user:1&format=jsonl")
    assert [told.get("only_actor") for told in looked("crm")] == [None, None, None, "user:1"]
    pull(as_account("second"), 3, "jsonl", 3)  # another account
    assert len(looked("second")) == 1
    cache.clear()  # ten minutes later
    pull(crm, 9, "jsonl", 3)
    assert len(looked("crm")) == 5


def test_it_is_told_for_ten_minutes_no_longer(crm, log, monkeypatch):
    kept = []
    monkeypatch.setattr(cache, "set", lambda key, value, timeout: kept.append(timeout))
    crm.get(TRAIL)
    assert kept == [600]


def test_all_rows_do_not_hide_behind_a_pull_that_began_at_the_end(crm, log):
    for after in (log - 1, -1, 3):
        whole(crm.get(f"{TRAIL}?format=csv&after_index={after}"))
    whole(crm.get(f"{TRAIL}?format=csv"))  # with what is not sealed
    told = looked("crm")
    assert [(each.get("only_after_index"), each["count"]) for each in told[:2]] == [(log - 1, 0), (-1, log)]
    assert len(told) == 3 and told[2]["count"] > log


@pytest.mark.parametrize("form", ["json", "jsonl"])
def test_all_rows_do_not_hide_behind_one_row(crm, log, form):
    for limit in ("&limit=1", "&limit=1000", "", "&limit=1"):
        response = crm.get(f"{TRAIL}?format={form}&case=DSR-2026-000001{limit}")
        assert response.status_code == 200
    assert [each["count"] for each in looked("crm")] == [1, 11, 11]


def test_pages_do_not_hide_behind_the_last_one(crm, log):
    """A cursor that somebody made up begins at the end; each page further back is an event of its own."""
    crm.get(f"{TRAIL}?limit=5&cursor={cursor('next', str(log), 'tail', str(2**60))}")
    page = crm.get(f"{TRAIL}?limit=5&cursor={cursor('previous', str(log), 'sealed', '20')}").json()
    crm.get(page["next"])
    crm.get(page["previous"])
    crm.get(f"{TRAIL}?limit=5")
    assert [each["count"] for each in looked("crm")] == [0, 5, 5, 5]


def test_a_walk_through_the_pages_and_back_is_one_event(crm, log):
    pages = list(_walk(crm, f"{TRAIL}?limit=10"))
    crm.get(pages[-1]["previous"])
    assert len(pages) > 3
    assert len(looked("crm")) == 1


def test_nobody_fills_the_trail_by_asking_a_little_differently(crm, log, turn_clock):
    turn_clock(timedelta())

    def ask(number: int):
        return crm.get(f"{TRAIL}?since=2026-11-20T12:00:00.{number:06}Z&format=jsonl")

    for number in range(exports.MOST):
        whole(ask(number))
    response = ask(1000)
    refused(response, 429, "throttled")
    assert response.headers["Retry-After"] == "600"
    assert len(looked("crm")) == exports.MOST
    whole(ask(1))  # that is on record
    assert as_account("second").get(TRAIL).status_code == 200
    turn_clock(timedelta(minutes=10))
    whole(ask(1000))
    assert len(looked("crm")) == exports.MOST + 1


def test_a_clock_that_was_ahead_for_a_while_locks_nobody_out(crm, log, turn_clock, monkeypatch):
    monkeypatch.setattr(exports, "MOST", 1)
    turn_clock(timedelta(hours=1))
    whole(crm.get(f"{TRAIL}?format=csv"))
    refused(crm.get(f"{TRAIL}?format=jsonl"), 429, "throttled")
    turn_clock(timedelta(hours=-1))
    whole(crm.get(f"{TRAIL}?format=jsonl"))


def test_what_could_not_be_put_on_record_is_not_shown_and_told_next_time(crm, log, monkeypatch):
    recorded = export.record_export

    def broken(*args, **given):
        raise RuntimeError

    monkeypatch.setattr(export, "record_export", broken)
    refused(crm.get(f"{TRAIL}?format=csv"), 500, "internal")
    monkeypatch.setattr(export, "record_export", recorded)
    crm.get(f"{TRAIL}?format=csv")
    assert len(looked("crm")) == 1


# --- wrong questions --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("case=anna@example.org", "/case"),
        ("case=JANE-DOE", "/case"),  # none of the following is in the trail, and none gets there by being asked for
        ("actor=user:jane_doe", "/actor"),
        ("actor=user:4915112345678", "/actor"),
        ("actor=system:jane_doe", "/actor"),
        ("action=jane.doe", "/action"),
        ("case=DSR%00", "/case"),
        ("actor=anna@example.org", "/actor"),
        ("actor=user:", "/actor"),
        ("action=%27%20OR%201=1", "/action"),
        ("action=" + "a" * 81, "/action"),
        ("after_index=x", "/after_index"),
        ("after_index=-2", "/after_index"),
        ("after_index=1.5", "/after_index"),
        ("after_index=" + "9" * 5000, "/after_index"),
        ("after_index=9007199254740992", "/after_index"),
        ("since=2026-11-20T12:00:00", "/since"),
        ("until=never", "/until"),
        ("since=2026-11-21&until=2026-11-19", "/until"),
        ("since=9999-12-31T23:59:59-14:00", "/since"),
        ("limit=0", "/limit"),
        ("limit=1001", "/limit"),
        ("format=csv&limit=1000000001", "/limit"),
        ("format=zip&limit=5", "/limit"),
        ("format=xml", "/format"),
        ("format=csv&bom=yes", "/bom"),
        ("bom=true", "/bom"),
        ("format=jsonl&bom=true", "/bom"),
        ("format=csv&cursor=x", "/cursor"),
        ("format=zip&cursor=x", "/cursor"),
        ("cursor=x", "/cursor"),
        ("unknown=1", "/unknown"),
    ],
)
def test_a_wrong_question_to_the_trail_is_refused(crm, log, query, pointer):
    before = Event.objects.count()
    assert pointer in pointers(refused(crm.get(f"{TRAIL}?{query}"), 422, "invalid"))
    assert Event.objects.count() == before


def cursor(*values) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode()


@pytest.mark.parametrize(
    "values",
    [
        (),
        ("next",),
        ("next", "x"),
        ("next", "SIZE", "sealed"),
        ("next", "LARGER", "sealed", "1"),  # a size that the log does not have
        ("next", "SIZE", "elsewhere", "1"),
        ("next", "SIZE", "sealed", "-1"),
        ("next", "SIZE", "sealed", "1 OR 1=1"),
        ("next", "SIZE", "sealed", "٣"),
        ("next", "SIZE", "tail", str(2**63)),
        ("next", "9" * 30, "tail", "1"),
        ("next", 12, "sealed", 1),
        ("next", "SIZE", "sealed", "1", "1"),
        ("next", "SIZE", ["sealed"], "1"),
        ("sideways", "SIZE", "sealed", "1"),
        ({}, "SIZE", "sealed", "1"),
    ],
)
def test_a_cursor_that_no_page_gave_out_is_refused(crm, log, values):
    sizes = {"SIZE": str(log), "LARGER": str(log + 1)}
    values = [sizes.get(value, value) if isinstance(value, str) else value for value in values]
    refused(crm.get(f"{TRAIL}?cursor={cursor(*values)}"), 422, "invalid")


def test_a_cursor_that_somebody_made_up_shows_no_more_than_a_question(crm, log):
    for values in (("next", "5", "sealed", "30"), ("previous", "5", "sealed", "3"), ("next", "0", "tail", "0")):
        response = crm.get(f"{TRAIL}?after_index=2&cursor={cursor(*values)}")
        assert all(2 < row["index"] < 5 for row in response.json()["results"])
        assert response.headers["Audit-Tree-Size"] == values[1]


def test_the_largest_numbers_are_just_no_rows(crm, log):
    assert crm.get(f"{TRAIL}?after_index={2**53 - 1}").json()["results"] == []
    assert whole(crm.get(f"{TRAIL}?format=jsonl&after_index={2**53 - 1}&limit=1000000000")) == ""


def test_the_description_names_the_formats_the_filters_and_the_header(client, vendors):
    operation = client.get("/api/schema/").json()["paths"]["/api/v1/audit/"]["get"]
    answer = operation["responses"]["200"]
    assert set(answer["content"]) == {"application/json", "application/jsonl", "text/csv", "application/zip"}
    assert answer["content"]["application/zip"]["schema"]["format"] == "binary"
    assert answer["headers"]["Audit-Tree-Size"]["schema"] == {"type": "integer"}
    filters = {parameter["name"] for parameter in operation["parameters"] if parameter["in"] == "query"}
    assert {"case", "actor", "action", "since", "until", "after_index", "limit", "format", "bom", "cursor"} == filters
