import csv
import io
import json
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any
from urllib.parse import quote

import pytest

from erasure.sandbox import Acoustic

from .conftest import Answer, Client

KEY = {"Authorization": "Bearer sandbox-account-key"}
CREATE = "/v1/jobs/gdprRequest"
MAIL, PHONE, COOKIE = ("email", "anna@example.org"), ("phone", "+4930123456"), ("cookieId", "A2234FE0014")
BERT = ("email", "bert@example.org")
MINUTES, HOURS = 1 / 24 / 60, 1 / 24


class Exchange(Client):
    def create(self, operation: str = "remove", output: Any = True) -> str:
        answer = self.payload({"operationType": operation, "generateOutput": output})
        assert answer.status == 200, answer.body
        return answer.json["jobId"]

    def payload(self, value: Any) -> Answer:
        return self("POST", CREATE, KEY | {"Content-Type": "application/json"}, json.dumps(value).encode())

    def upload(self, job: str, *rows: tuple[str, str]) -> Answer:
        out = io.StringIO()
        csv.writer(out).writerows([("Type", "Value"), *rows])
        return self.data(job, out.getvalue().encode())

    def data(self, job: str, body: bytes, content_type: str = "text/csv") -> Answer:
        return self("POST", f"/v1/jobs/{job}/data", KEY | {"Content-Type": content_type}, body)

    def status(self, job: str) -> Any:
        answer = self("GET", f"/v1/jobs/GDPR_REQUEST/{job}", KEY)
        assert answer.status == 200
        return answer.json

    def word(self, job: str) -> str:
        return self.status(job)["status"]

    def fetch(self, job: str, name: str) -> Answer:
        return self("GET", f"/v1/jobs/gdprDataFiles/{job}/{quote(name, safe='')}", KEY)

    def delete(self, job: str, name: str) -> Answer:
        return self("DELETE", f"/v1/jobs/gdprDataFile/{job}/{quote(name, safe='')}", KEY)

    def complete(self, job: str) -> Answer:
        return self("PUT", f"/v1/jobs/{job}/status/complete", KEY)


@pytest.fixture
def acoustic() -> Iterator[Acoustic]:
    with Acoustic(begins=datetime(2026, 3, 2, 12, tzinfo=UTC)).start() as stand_in:
        yield stand_in


@pytest.fixture
def call(acoustic: Acoustic) -> Exchange:
    return Exchange(acoustic.url)


def opened(call: Exchange, acoustic: Acoustic, operation: str = "remove", output: Any = True) -> str:
    """A job that waits for data."""
    job = call.create(operation, output)
    acoustic.clock.advance(6 * MINUTES)
    return job


def ended(
    call: Exchange, acoustic: Acoustic, *rows: tuple[str, str], operation: str = "remove", output: Any = True
) -> str:
    """A job that has run."""
    job = opened(call, acoustic, operation, output)
    assert call.upload(job, *rows).status == 200
    acoustic.clock.advance(4 * HOURS)
    return job


def rows_of(file: Answer) -> list[list[str]]:
    assert (file.status, file.headers["Content-Type"]) == (200, "text/csv")
    return list(csv.reader(io.StringIO(file.body.decode())))[1:]


def effects(acoustic: Acoustic) -> list[str]:
    return [entry.effect for entry in acoustic.journal.entries() if entry.effect]


# --- what is refused ---


@pytest.mark.parametrize("header", ["", "Bearer wrong", "Bearer ", "Basic sandbox-account-key", "sandbox-account-key"])
def test_a_wrong_key_is_refused_and_does_nothing(call: Exchange, acoustic: Acoustic, header: str) -> None:
    body = b'{"operationType": "remove"}'
    answer = call("POST", CREATE, {"Authorization": header, "Content-Type": "application/json"}, body)
    assert (answer.status, list(answer.json), acoustic.jobs) == (401, ["error"], {})
    assert acoustic.journal.entries()[0].authorised is False


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", CREATE, "POST"),
        ("PUT", "/v1/jobs/2345/data", "POST"),
        ("POST", "/v1/jobs/2345/status/complete", "PUT"),
        ("DELETE", "/v1/jobs/gdprDataFiles/2345/f", "GET"),
        ("GET", "/v1/jobs/gdprDataFile/2345/f", "DELETE"),
    ],
)
def test_the_plural_is_for_fetching_and_the_singular_for_deleting(
    call: Exchange, method: str, path: str, allowed: str
) -> None:
    answer = call(method, path, KEY)
    assert (answer.status, answer.headers["Allow"]) == (405, allowed)


@pytest.mark.parametrize(
    "path", ["/v1/jobs", "/v1/jobs/gdprRequest/2345", "/v1/jobs/gdpr_request/2345", "/v2" + CREATE]
)
def test_an_unknown_path_is_an_html_404(call: Exchange, path: str) -> None:
    answer = call("GET", path, KEY)
    assert answer.status == 404
    assert answer.headers["Content-Type"].startswith("text/html")


@pytest.mark.parametrize("job", ["2346", "1", "02345", "2345x", "nonsense"])
def test_an_unknown_job_is_a_404_in_json(call: Exchange, job: str) -> None:
    assert call.create() == "2345"
    answers = [
        call("GET", f"/v1/jobs/GDPR_REQUEST/{job}", KEY),
        call.upload(job, MAIL),
        call.fetch(job, f"2|gdpr|{job}_1.segment.output"),
        call.delete(job, f"2|gdpr|{job}_1.segment.output"),
        call.complete(job),
    ]
    assert {answer.status for answer in answers} == {404}
    assert all(list(answer.json) == ["error"] for answer in answers)


@pytest.mark.parametrize(
    "payload",
    [
        {},
        [],
        {"generateOutput": True},
        {"operationType": "Remove"},
        {"operationType": ["remove"]},
        {"operationType": "remove", "generateOutput": 1},
        {"operationType": "remove", "generateOutput": "yes"},
        {"operationType": "remove", "generateOutput": None},
        {"operationType": "remove", "identifiers": []},
    ],
)
def test_a_payload_that_the_page_does_not_have_makes_no_job(call: Exchange, acoustic: Acoustic, payload: Any) -> None:
    assert (call.payload(payload).status, acoustic.jobs) == (400, {})


def test_a_payload_must_be_json_and_called_so(call: Exchange, acoustic: Acoustic) -> None:
    json_type = KEY | {"Content-Type": "application/json"}
    assert call("POST", CREATE, json_type, b'{"operationType" : "remove"\n"generateOutput" : "true"}').status == 400
    assert call("POST", CREATE, json_type, b"[" * 100_000).status == 400
    assert call("POST", CREATE, KEY, b'{"operationType": "remove"}').status == 415
    assert acoustic.jobs == {}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"Type,Value\r\n",
        b"email,anna@example.org\r\n",
        b"type,value\r\nemail,anna@example.org\r\n",
        b"\xef\xbb\xbfType,Value\r\nemail,anna@example.org\r\n",
        b"{\nType,Value\nemail,anna@example.org\n}",
        b"Type;Value\r\nemail;anna@example.org\r\n",
        b"Type,Value\r\nemail\r\n",
        b"Type,Value\r\nemail,anna@example.org,2\r\n",
        b"Type,Value\r\nemail,\r\n",
        b"Type,Value\r\nemail,anna\xff@example.org\r\n",
        b'Type,Value\r\nemail,"anna\nx1Id"\r\n',
        b"Type,Value\r\nemail,anna\x00\r\n",
        b'Type,Value\r\nemail,"anna"@example.org\r\n',
    ],
)
def test_data_that_is_not_the_documented_csv_is_refused_and_the_job_still_waits(
    call: Exchange, acoustic: Acoustic, body: bytes
) -> None:
    job = opened(call, acoustic)
    assert call.data(job, body).status == 400
    assert call.word(job) == "WAITING_TO_RECEIVE_DATA"
    assert effects(acoustic) == ["job_created"]


def test_the_csv_may_have_the_pages_blanks_and_quotes(call: Exchange, acoustic: Acoustic) -> None:
    acoustic.hold([MAIL, ("CRM_SFDC_ID", 'A,"1"')])
    job = opened(call, acoustic)
    body = b'Type,Value\nemail, anna@example.org\n\nCRM_SFDC_ID,"A,""1"""\n'
    assert call.data(job, body, "text/csv; charset=utf-8").status == 200
    acoustic.clock.advance(1)
    assert (call.status(job)["inputRecordCount"], call.status(job)["skippedInputRecordCount"]) == (2, 0)


def test_only_one_content_type_is_taken_and_a_switch_says_which(call: Exchange, acoustic: Acoustic) -> None:
    job = opened(call, acoustic)
    body = b"Type,Value\nemail,anna@example.org\n"
    assert call.data(job, body, "text/plain").status == 415
    acoustic.upload_type = "text/plain"
    assert call.data(job, body).status == 415
    assert call.data(job, body, "text/plain").status == 200


# --- a job's life ---


def test_a_job_opens_after_minutes_and_runs_for_hours(call: Exchange, acoustic: Acoustic) -> None:
    acoustic.hold([MAIL])
    job = call.create()
    words = [call.word(job)]
    assert call.upload(job, MAIL).status == 409, "not open yet"
    acoustic.clock.advance(6 * MINUTES)
    words.append(call.word(job))
    assert call.upload(job, MAIL).status == 200
    words.append(call.word(job))
    assert call.upload(job, MAIL).status == 409, "it has its data"
    assert call.complete(job).status == 409, "it runs"
    acoustic.clock.advance(2.9 * HOURS)
    words.append(call.word(job))
    acoustic.clock.advance(0.2 * HOURS)
    words.append(call.word(job))
    assert words == ["RUNNING", "WAITING_TO_RECEIVE_DATA", "RUNNING", "RUNNING", "READY_FOR_DOWNLOAD"]


def test_a_job_waits_for_its_data_as_long_as_it_takes(call: Exchange, acoustic: Acoustic) -> None:
    job = opened(call, acoustic)
    acoustic.clock.advance(400)
    assert call.upload(job, MAIL).status == 200


def test_the_number_is_text_when_a_job_is_made_and_a_number_in_its_status(call: Exchange, acoustic: Acoustic) -> None:
    acoustic.hold([MAIL, COOKIE], x1_id="x-1")
    acoustic.hold([PHONE], x1_id="x-2")
    job = ended(call, acoustic, MAIL, COOKIE, PHONE, ("email", "nobody@example.org"))
    assert job == "2345"
    assert call.status(job) == {
        "jobCategory": "GDPR_REQUEST",
        "jobId": 2345,
        "status": "READY_FOR_DOWNLOAD",
        "jobName": "remove",
        "accountId": 2,
        "subStatus": None,
        "errorDetails": None,
        "generateOutput": True,
        "gdprDataFiles": ["2|gdpr|2345_1.segment.output", "2|gdpr|2345_2.segment.output"],
        "inputRecordCount": 4,
        "updatedOrRemovedIdentityCount": 2,
        "outoutRecordCount": 3,
        "skippedInputRecordCount": 1,
    }


@pytest.mark.parametrize(("sent", "kept"), [(True, True), ("true", True), (False, False), ("false", False)])
def test_output_may_be_asked_for_in_text_and_comes_back_as_a_boolean(call: Exchange, sent: Any, kept: bool) -> None:
    assert call.status(call.create(output=sent))["generateOutput"] is kept


def test_without_a_word_on_output_there_is_none(call: Exchange) -> None:
    job = call.payload({"operationType": "addRestriction"}).json["jobId"]
    assert (call.status(job)["generateOutput"], call.status(job)["jobName"]) == (False, "addRestriction")


def test_the_clock_runs_by_itself_when_told_to() -> None:
    with Acoustic(days_per_second=1, everyone=True).start() as acoustic:
        call = Exchange(acoustic.url)
        job = call.create()
        words = [call.word(job)]
        for _ in range(10_000):
            if words[-1] == "READY_FOR_DOWNLOAD":
                break
            if words[-1] == "WAITING_TO_RECEIVE_DATA":
                assert call.upload(job, MAIL).status == 200
            words.append(call.word(job))
    assert words[-1] == "READY_FOR_DOWNLOAD", "no status says COMPLETE before the end has been carried out"
    assert words.count("WAITING_TO_RECEIVE_DATA") == 1
    assert all(word in ("RUNNING", "WAITING_TO_RECEIVE_DATA") for word in words[:-1])


# --- removal with output ---


def test_the_output_names_every_identifier_of_the_x1id_in_rows_of_six(call: Exchange, acoustic: Acoustic) -> None:
    acoustic.hold([MAIL, COOKIE, ("CRM_SFDC_ID", 'A,"1"')], x1_id="x-1")
    acoustic.hold([BERT], x1_id="x-2")
    job = ended(call, acoustic, MAIL)
    (name,) = call.status(job)["gdprDataFiles"]
    file = call.fetch(job, name)
    assert file.body.decode().splitlines()[:2] == [
        "X1Id, Type, Endpoint ID, Name, Value",
        "x-1,EMAIL,45,61,email_src,anna@example.org",
    ]
    assert [(row[0], row[1], row[-1]) for row in rows_of(file)] == [
        ("x-1", "EMAIL", "anna@example.org"),
        ("x-1", "COOKIEID", "A2234FE0014"),
        ("x-1", "CRM_SFDC_ID", 'A,"1"'),
    ]
    assert {len(row) for row in rows_of(file)} == {6}


def test_nothing_is_deleted_until_the_file_that_names_it_is(call: Exchange, acoustic: Acoustic) -> None:
    acoustic.hold([MAIL, COOKIE], x1_id="x-1")
    acoustic.hold([BERT], x1_id="x-2")
    job = ended(call, acoustic, MAIL)
    (name,) = call.status(job)["gdprDataFiles"]
    assert call.fetch(job, name).body == call.fetch(job, name).body, "a file can be fetched again"
    assert acoustic.held() == {"x-1": 2, "x-2": 1}
    assert call.delete(job, name).status == 200
    assert acoustic.held() == {"x-2": 1}
    assert (call.status(job)["status"], call.status(job)["gdprDataFiles"]) == ("READY_FOR_DOWNLOAD", [])
    assert call.complete(job).status == 200
    assert call.word(job) == "COMPLETE"
    assert effects(acoustic) == [
        "job_created",
        "data_received",
        "file_fetched",
        "file_fetched",
        "file_deleted",
        "job_completed",
    ]
    assert {entry.job for entry in acoustic.journal.entries()} == {job}
    assert acoustic.journal.entries(effect="file_deleted")[0].ids == ("x-1",)


def test_a_large_x1id_is_split_over_files_and_each_delete_takes_its_own_part(
    call: Exchange, acoustic: Acoustic
) -> None:
    acoustic.rows_per_file = 2
    acoustic.hold([MAIL, PHONE, COOKIE], x1_id="x-1")
    acoustic.hold([BERT], x1_id="x-2")
    job = ended(call, acoustic, MAIL, BERT)
    names = call.status(job)["gdprDataFiles"]
    assert names == [f"2|gdpr|{job}_{number}.segment.output" for number in (1, 2, 3)]
    assert [[row[-1] for row in rows_of(call.fetch(job, name))] for name in names] == [
        [MAIL[1], PHONE[1]],
        [COOKIE[1]],
        [BERT[1]],
    ]
    call.delete(job, names[0])
    assert acoustic.held() == {"x-1": 1, "x-2": 1}
    assert call.status(job)["gdprDataFiles"] == names[1:]
    call.delete(job, names[2])
    assert acoustic.held() == {"x-1": 1}


def test_a_job_completed_before_its_files_are_deleted_erases_nothing(call: Exchange, acoustic: Acoustic) -> None:
    acoustic.hold([MAIL], x1_id="x-1")
    job = ended(call, acoustic, MAIL)
    (name,) = call.status(job)["gdprDataFiles"]
    assert call.complete(job).status == 200
    assert (call.status(job)["status"], call.status(job)["gdprDataFiles"]) == ("COMPLETE", [])
    assert call.delete(job, name).status == call.fetch(job, name).status == 404
    assert acoustic.held() == {"x-1": 1}


def test_what_is_learned_after_the_job_ran_is_not_named_and_stays(call: Exchange, acoustic: Acoustic) -> None:
    acoustic.hold([MAIL], x1_id="x-1")
    job = ended(call, acoustic, MAIL)
    acoustic.hold([PHONE], x1_id="x-1")
    call.delete(job, call.status(job)["gdprDataFiles"][0])
    assert acoustic.held() == {"x-1": 1}


def test_with_output_and_no_match_a_job_is_complete_and_offers_nothing(call: Exchange, acoustic: Acoustic) -> None:
    acoustic.hold([MAIL], x1_id="x-1")
    job = ended(call, acoustic, ("email", "ANNA@example.org"), ("EMAIL", MAIL[1]), ("cookieId", MAIL[1]))
    status = call.status(job)
    assert (status["status"], status["gdprDataFiles"], status["skippedInputRecordCount"]) == ("COMPLETE", [], 3)
    assert (status["updatedOrRemovedIdentityCount"], status["outoutRecordCount"]) == (0, 0)
    assert call.complete(job).status == 409, "it is complete"
    assert acoustic.held() == {"x-1": 1}


def test_an_identifier_on_two_x1ids_and_an_x1id_itself_match(call: Exchange, acoustic: Acoustic) -> None:
    acoustic.hold([COOKIE, MAIL], x1_id="x-1")
    acoustic.hold([COOKIE, BERT], x1_id="x-2")
    acoustic.hold([PHONE], x1_id="x-3")
    status = call.status(ended(call, acoustic, COOKIE, ("x1Id", "x-3"), ("x1Id", "x-9")))
    assert (status["updatedOrRemovedIdentityCount"], status["skippedInputRecordCount"]) == (3, 1)
    assert (len(status["gdprDataFiles"]), status["outoutRecordCount"]) == (3, 5)


def test_a_second_delete_finds_no_file_and_deletes_nothing(call: Exchange, acoustic: Acoustic) -> None:
    acoustic.hold([MAIL], x1_id="x-1")
    job = ended(call, acoustic, MAIL)
    (name,) = call.status(job)["gdprDataFiles"]
    call.delete(job, name)
    acoustic.hold([MAIL], x1_id="x-1")
    again = call.delete(job, name)
    assert (again.status, list(again.json)) == (404, ["error"])
    assert acoustic.held() == {"x-1": 1}
    assert effects(acoustic).count("file_deleted") == 1


def test_a_file_is_had_by_its_own_name_of_its_own_job_percent_encoded(call: Exchange, acoustic: Acoustic) -> None:
    acoustic.hold([MAIL], x1_id="x-1")
    acoustic.hold([BERT], x1_id="x-2")
    mine, other = ended(call, acoustic, MAIL), ended(call, acoustic, BERT)
    name = f"2|gdpr|{mine}_1.segment.output"
    answers = [
        call("DELETE", f"/v1/jobs/gdprDataFile/{mine}/{name}", KEY),
        call("DELETE", f"/v1/jobs/gdprDataFile/{mine}/{quote(quote(name))}", KEY),
        call("DELETE", f"/v1/jobs/gdprDataFile/{mine}/x%2F..%2F{quote(name)}", KEY),
        call.delete(mine, name.upper()),
        call.delete(other, name),
        call.delete(mine, f"2|gdpr|{mine}_2.segment.output"),
    ]
    assert [answer.status for answer in answers] == [400, 404, 404, 404, 404, 404]
    assert acoustic.held() == {"x-1": 1, "x-2": 1}
    assert call.delete(mine, name).status == 200


def test_a_job_that_waits_for_data_can_be_closed(call: Exchange, acoustic: Acoustic) -> None:
    job = opened(call, acoustic)
    assert (call.complete(job).status, call.complete(job).status) == (200, 409)
    assert (call.word(job), call.upload(job, MAIL).status) == ("COMPLETE", 409)


# --- removal without output ---


def test_without_output_a_job_is_complete_and_has_deleted_by_itself(call: Exchange, acoustic: Acoustic) -> None:
    acoustic.hold([MAIL, COOKIE], x1_id="x-1")
    acoustic.hold([BERT], x1_id="x-2")
    job = opened(call, acoustic, output=False)
    call.upload(job, MAIL, PHONE)
    assert acoustic.held() == {"x-1": 2, "x-2": 1}
    acoustic.clock.advance(4 * HOURS)
    status = call.status(job)
    assert acoustic.held() == {"x-2": 1}
    assert (status["status"], status["gdprDataFiles"], status["outoutRecordCount"]) == ("COMPLETE", [], 0)
    assert (status["updatedOrRemovedIdentityCount"], status["skippedInputRecordCount"]) == (1, 1)
    call.status(job)
    assert effects(acoustic) == ["job_created", "data_received", "identifiers_deleted"], "once, when it first shows"


def test_without_output_and_match_nothing_was_done(call: Exchange, acoustic: Acoustic) -> None:
    job = ended(call, acoustic, MAIL, output=False)
    assert call.word(job) == "COMPLETE"
    assert effects(acoustic) == ["job_created", "data_received"]


# --- restriction ---


def test_a_restriction_is_set_on_the_x1id_and_cleared_and_nothing_is_deleted(
    call: Exchange, acoustic: Acoustic
) -> None:
    acoustic.hold([MAIL, COOKIE], x1_id="x-1")
    acoustic.hold([BERT], x1_id="x-2")
    job = ended(call, acoustic, MAIL, operation="addRestriction", output=False)
    status = call.status(job)
    assert (status["status"], status["jobName"], status["gdprDataFiles"]) == ("COMPLETE", "addRestriction", [])
    assert acoustic.restricted == {"x-1"}
    entry = acoustic.journal.entries(effect="restriction_set")[0]
    assert (entry.job, entry.ids) == (job, ("x-1",))
    call.word(ended(call, acoustic, COOKIE, operation="removeRestriction", output=False))
    assert (acoustic.restricted, acoustic.held()) == (set(), {"x-1": 2, "x-2": 1})
    assert effects(acoustic)[-1] == "restriction_cleared"


@pytest.mark.parametrize("switched", [True, False], ids=["by_the_switch", "because_asked"])
def test_a_restriction_that_offers_files_erases_when_they_are_deleted(
    call: Exchange, acoustic: Acoustic, switched: bool
) -> None:
    acoustic.hold([MAIL], x1_id="x-1")
    acoustic.restrictions_offer_files = switched
    job = ended(call, acoustic, MAIL, operation="addRestriction", output=not switched)
    status = call.status(job)
    assert (status["status"], status["generateOutput"], len(status["gdprDataFiles"])) == (
        "READY_FOR_DOWNLOAD",
        not switched,
        1,
    )
    assert (acoustic.restricted, acoustic.held()) == ({"x-1"}, {"x-1": 1})
    call.delete(job, status["gdprDataFiles"][0])
    assert (acoustic.restricted, acoustic.held()) == (set(), {})
    assert effects(acoustic)[-2:] == ["restriction_set", "file_deleted"]


def test_that_switch_leaves_removals_alone(call: Exchange, acoustic: Acoustic) -> None:
    acoustic.hold([MAIL])
    acoustic.restrictions_offer_files = True
    assert call.word(ended(call, acoustic, MAIL, output=False)) == "COMPLETE"


# --- other switches ---


def test_a_job_can_fail_before_it_takes_data(call: Exchange, acoustic: Acoustic) -> None:
    acoustic.fails = "intake"
    job = call.create()
    acoustic.fails = ""
    assert call.word(job) == "RUNNING"
    acoustic.clock.advance(6 * MINUTES)
    status = call.status(job)
    assert (status["status"], status["errorDetails"]) == ("ERROR", "failed before data was received")
    assert (call.upload(job, MAIL).status, call.complete(job).status) == (409, 409)
    assert call.word(opened(call, acoustic)) == "WAITING_TO_RECEIVE_DATA", "the switch is read when a job is made"


@pytest.mark.parametrize("operation", ["remove", "addRestriction"])
def test_a_job_can_fail_while_it_runs_and_has_then_done_nothing(
    call: Exchange, acoustic: Acoustic, operation: str
) -> None:
    acoustic.hold([MAIL], x1_id="x-1")
    acoustic.fails = "run"
    job = ended(call, acoustic, MAIL, operation=operation, output=False)
    status = call.status(job)
    assert status["status"] == "ERROR"
    assert MAIL[1] in status["errorDetails"], "as a vendor's free text might"
    assert (acoustic.held(), acoustic.restricted) == ({"x-1": 1}, set())
    assert effects(acoustic) == ["job_created", "data_received"]


def test_spellings_can_be_switched_over_the_control_surface(call: Exchange, acoustic: Acoustic) -> None:
    job = opened(call, acoustic)
    switches = {"misspells_waiting": True, "spells_output_right": True, "text_booleans": True}
    assert call.control("POST", "switch", switches).status == 200
    status = call.status(job)
    assert (status["status"], status["generateOutput"]) == ("WAITING_TO_RECIEVE_DATA", "true")
    assert status["outputRecordCount"] == 0
    assert "outoutRecordCount" not in status
    assert call.upload(job, MAIL).status == 200
    assert call.word(job) == "RUNNING"
    assert call.status(call.create(output=False))["generateOutput"] == "false"


@pytest.mark.parametrize(
    "switches", [{"fails": "always"}, {"rows_per_file": 0}, {"key": "x"}, {"jobs": {}}, {"text_booleans": "yes"}]
)
def test_a_switch_that_there_is_not_is_refused_and_none_is_set(
    call: Exchange, acoustic: Acoustic, switches: dict[str, Any]
) -> None:
    assert call.control("POST", "switch", {"misspells_waiting": True} | switches).status == 400
    assert acoustic.misspells_waiting is False


@pytest.mark.parametrize(
    "identifiers", [[], [["email"]], [["email", ""]], [["email", 5]], "text", [["email", "a@example.org", "x"]]]
)
def test_only_pairs_of_text_can_be_held(call: Exchange, acoustic: Acoustic, identifiers: Any) -> None:
    assert call.control("POST", "hold", {"identifiers": identifiers}).status == 400
    assert acoustic.held() == {}
    assert list(call.control("POST", "hold", {"identifiers": [MAIL, MAIL, COOKIE]}).json.values()) == [2]


# --- everyone is held ---


def test_with_everyone_an_unknown_input_is_held_once_and_an_email_brings_a_cookie_id() -> None:
    found = []
    for _ in range(2):
        with Acoustic(everyone=True).start() as acoustic:
            call = Exchange(acoustic.url)
            job = ended(call, acoustic, MAIL, PHONE, MAIL)
            status = call.status(job)
            assert (status["updatedOrRemovedIdentityCount"], status["skippedInputRecordCount"]) == (2, 0)
            rows = [row for name in status["gdprDataFiles"] for row in rows_of(call.fetch(job, name))]
            found.append(rows)
            for name in status["gdprDataFiles"]:
                call.delete(job, name)
            cookie = rows[1][-1]
            assert acoustic.held() == {}
            assert call.word(ended(call, acoustic, MAIL, PHONE, ("cookieId", cookie))) == "COMPLETE", "not held again"
    assert found[0] == found[1], "the same input makes up the same person"
    assert [row[1] for row in found[0]] == ["EMAIL", "COOKIEID", "PHONE"]
    assert str(uuid.UUID(cookie)) == cookie


def test_with_everyone_an_unknown_x1id_is_held_under_its_own_name() -> None:
    with Acoustic(everyone=True).start() as acoustic:
        call = Exchange(acoustic.url)
        job = ended(call, acoustic, ("x1Id", "123-abc"))
        (name,) = call.status(job)["gdprDataFiles"]
        (row,) = rows_of(call.fetch(job, name))
        assert (row[0], row[1]) == ("123-abc", "COOKIEID")
        call.delete(job, name)
        assert call.word(ended(call, acoustic, ("x1Id", "123-abc"))) == "COMPLETE", "not held again"


def test_jobs_are_numbered_one_by_one(call: Exchange) -> None:
    numbers = [int(call.create()) for _ in range(5)]
    assert all(later == earlier + 1 for earlier, later in pairwise(numbers))
