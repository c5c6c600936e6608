import io
import json
import uuid
import zipfile
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from erasure.sandbox import Apptus

from .conftest import API_KEY, BASIC, KEY, Client

OTHER = str(uuid.UUID(int=7))
STATUS = "/api/v1/event-data/job-status"
REMOVE = "/api/v1/event-data/create-remove-customer-job"


def unzip(body: bytes) -> dict[str, str]:
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


# --- what is refused ---


@pytest.mark.parametrize("generation", ["v1", "v2", "admin/v4"])
def test_each_generation_takes_its_own_credential_and_no_other(call: Client, generation: str) -> None:
    path = f"/api/{generation}/event-data/create-remove-customer-job"
    right, wrong = (BASIC, API_KEY) if generation == "v1" else (API_KEY, BASIC)
    assert call("POST", path, right, customerKey=KEY).status == 200
    assert call("POST", path, wrong, customerKey=KEY).status == 401
    assert call("POST", path, {}, customerKey=KEY).status == 401


@pytest.mark.parametrize(
    "header", ["Basic c2FuZGJveDp3cm9uZw==", "Basic sandbox:sandbox-password", "Basic ÿ", "Bearer x", ""]
)
def test_a_wrong_basic_credential_is_refused_and_does_nothing(call: Client, apptus: Apptus, header: str) -> None:
    answer = call("POST", REMOVE, {"Authorization": header.encode("latin-1")}, customerKey=KEY)  # type: ignore[dict-item]
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"].startswith("Basic")
    assert apptus.jobs == {}
    assert apptus.journal.entries()[0].authorised is False


@pytest.mark.parametrize(
    ("method", "path"), [("GET", REMOVE), ("PUT", REMOVE), ("HEAD", REMOVE), ("POST", STATUS), ("DELETE", STATUS)]
)
def test_a_wrong_method_is_refused_even_without_a_credential(call: Client, method: str, path: str) -> None:
    answer = call(method, path, {}, customerKey=KEY)
    assert answer.status == 405
    assert answer.headers["Allow"] == ("GET" if path == STATUS else "POST")


@pytest.mark.parametrize(
    "path", ["/", "/api/v3/event-data/job-status", STATUS + "/", STATUS.upper(), "/api/v1/job-status", "/_sandboxed"]
)
def test_an_unknown_path_is_an_html_404(call: Client, path: str) -> None:
    answer = call("GET", path)
    assert answer.status == 404
    assert answer.headers["Content-Type"].startswith("text/html")


@pytest.mark.parametrize(
    "key", ["", "D9" * 32, "d9" * 31, KEY + "\n", " " + KEY, "a@example.org", OTHER[:-1], "{" + OTHER + "}", [KEY, KEY]]
)
def test_a_key_that_is_neither_a_hash_nor_a_uuid_is_refused(call: Client, apptus: Apptus, key: str) -> None:
    assert call.remove(key).status == call.export(key).status == 400
    assert apptus.jobs == {}


@pytest.mark.parametrize("method_path", [("POST", REMOVE), ("GET", STATUS)])
def test_a_missing_argument_is_refused(call: Client, method_path: tuple[str, str]) -> None:
    assert call(*method_path).status == 400


# --- a job's life ---


def test_a_job_waits_for_the_archive_runs_and_is_done(call: Client, apptus: Apptus) -> None:
    created = call.export().json
    assert created["status"] == "created"
    uuid.UUID(created["jid"])
    seen = {}
    for day in (0, 0.1, 1.0, 4.9, 5.1, 5.3):
        apptus.clock.advance(day - max(seen, default=0))
        seen[day] = call.status(created["jid"])
    assert seen == {0: "created", 0.1: "waiting", 1.0: "waiting", 4.9: "waiting", 5.1: "running", 5.3: "done"}


def test_a_job_waits_for_the_next_day_even_where_archiving_is_immediate() -> None:
    with Apptus(archive_days=0, begins=datetime(2026, 3, 2, 12, tzinfo=UTC)).start() as apptus:
        call = Client(apptus.url)
        jid = call.remove().json["jid"]
        apptus.clock.advance(0.49)
        assert call.status(jid) == "waiting"
        apptus.clock.advance(0.02)
        assert call.status(jid) == "running"


def test_only_a_removal_of_the_first_generation_begins_as_started(call: Client) -> None:
    assert call.remove().json["status"] == "started"
    later = call("POST", REMOVE.replace("v1", "v2"), API_KEY, customerKey=KEY)
    assert later.json["status"] == "created"


def test_an_unknown_job_is_a_status_and_not_an_http_404(call: Client) -> None:
    assert call.status(str(uuid.uuid4())) == "not_found"
    assert call.status("nonsense") == "not_found"


def test_the_clock_runs_by_itself_when_told_to() -> None:
    with Apptus(days_per_second=100).start() as apptus:
        call = Client(apptus.url)
        jid = call.remove().json["jid"]
        words = [call.status(jid)]
        for _ in range(10_000):
            if words[-1] == "done":
                break
            words.append(call.status(jid))
    order = ["started", "waiting", "running", "done"]
    assert words[-1] == "done"
    assert all(order.index(earlier) <= order.index(later) for earlier, later in pairwise(words))


# --- removal ---


def test_a_removal_takes_the_key_and_its_linked_keys_and_nobody_else(call: Client, apptus: Apptus) -> None:
    third, stranger = str(uuid.UUID(int=8)), "ab" * 32
    apptus.hold(KEY, linked=[OTHER])
    apptus.hold(OTHER, linked=[third])
    apptus.hold(third)
    apptus.hold(stranger)
    jid = call.remove(third).json["jid"]
    apptus.clock.advance(5.1)
    assert set(apptus.held()) == {KEY, OTHER, third, stranger}, "running is not done"
    apptus.clock.advance(1)
    assert apptus.held() == {stranger: 1}
    assert apptus.jobs[jid].touched == 3


def test_what_arrives_after_the_job_was_created_is_an_unarchived_tail_that_stays(call: Client, apptus: Apptus) -> None:
    apptus.hold(KEY, records=[{"type": "click"}] * 3)
    call.remove()
    apptus.clock.advance(2)
    apptus.hold(KEY, records=[{"type": "click", "late": True}], days_ago=0)
    apptus.clock.advance(4)
    assert apptus.held() == {KEY: 1}


def test_data_that_comes_after_a_removal_was_done_is_not_touched_by_it(call: Client, apptus: Apptus) -> None:
    call.remove()
    apptus.clock.advance(6)
    apptus.hold(KEY)
    assert apptus.held() == {KEY: 1}


# --- export ---


def test_an_export_is_a_zip_of_json_lines_for_the_key_and_its_linked_keys(call: Client, apptus: Apptus) -> None:
    apptus.hold(KEY, records=[{"type": "click", "product": "P-1"}, {"type": "search", "phrase": "boots"}])
    apptus.hold(OTHER, records=[{"type": "click", "product": "P-2"}], linked=[KEY])
    jid = call.export().json["jid"]
    apptus.clock.advance(6)
    answer = call.result(jid)
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/zip")
    files = {name: [json.loads(line) for line in text.splitlines()] for name, text in unzip(answer.body).items()}
    assert sorted(files) == ["click.jsonl", "search.jsonl"]
    assert sorted((row["customerKey"], row["product"]) for row in files["click.jsonl"]) == [
        (OTHER, "P-2"),
        (KEY, "P-1"),
    ]


def test_an_export_of_nothing_holds_empty_txt(call: Client, apptus: Apptus) -> None:
    jid = call.export().json["jid"]
    apptus.clock.advance(6)
    assert unzip(call.result(jid).body) == {"empty.txt": ""}


def test_a_result_can_be_fetched_once_and_not_before_it_is_done(call: Client, apptus: Apptus) -> None:
    jid = call.export().json["jid"]
    apptus.clock.advance(5.1)
    assert call.result(jid).status == 404
    apptus.clock.advance(1)
    assert call.result(jid).status == 200
    assert call.result(jid).status == 404
    assert call.status(jid) == "not_found", "the download removes the job"
    assert [entry.job for entry in apptus.journal.entries(effect="export_fetched")] == [jid]


def test_a_result_is_gone_after_a_week(call: Client, apptus: Apptus) -> None:
    jid = call.export().json["jid"]
    apptus.clock.advance(12.2)
    assert call.status(jid) == "done"
    apptus.clock.advance(0.1)
    assert call.result(jid).status == 404
    assert call.status(jid) == "not_found"


def test_a_removal_has_no_result(call: Client, apptus: Apptus) -> None:
    jid = call.remove().json["jid"]
    apptus.clock.advance(6)
    assert call.result(jid).status == 404
    assert call.status(jid) == "done"


@pytest.mark.parametrize(("first", "files"), [("export", ["click.jsonl"]), ("remove", ["empty.txt"])])
def test_side_by_side_the_job_that_was_started_first_sees_the_data(
    call: Client, apptus: Apptus, first: str, files: list[str]
) -> None:
    apptus.hold(KEY)
    jids = {name: getattr(call, name)().json["jid"] for name in (first, "remove" if first == "export" else "export")}
    apptus.clock.advance(6)
    assert list(unzip(call.result(jids["export"]).body)) == files


# --- everyone is held ---


def test_with_everyone_an_unknown_key_is_held_once_and_not_again_after_its_removal() -> None:
    with Apptus(everyone=True).start() as apptus:
        call = Client(apptus.url)
        first = call.export().json["jid"]
        call.remove()
        apptus.clock.advance(6)
        assert "empty.txt" not in unzip(call.result(first).body)
        assert apptus.held() == {}
        second = call.export().json["jid"]
        apptus.clock.advance(6)
        assert unzip(call.result(second).body) == {"empty.txt": ""}
