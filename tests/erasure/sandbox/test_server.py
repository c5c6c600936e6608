"""The server that all stand-ins share: journal, switchboard, control surface, life."""

import contextlib
import http.client
import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from erasure import sandbox
from erasure.sandbox import Apptus, Fault

from .conftest import BASIC, KEY, Client

ANY = "00000000-0000-0000-0000-000000000000"


# --- journal ---


def test_the_journal_lists_every_call_in_order_with_what_it_did(call: Client, apptus: Apptus) -> None:
    jid = call.remove(body=b"unexpected").json["jid"]
    call.status(jid)
    call("GET", "/nowhere")
    rows = [
        (entry.number, entry.method, entry.path.rsplit("/")[-1], entry.authorised, entry.status, entry.effect)
        for entry in apptus.journal.entries()
    ]
    assert rows == [
        (1, "POST", "create-remove-customer-job", True, 200, "removal_started"),
        (2, "GET", "job-status", True, 200, ""),
        (3, "GET", "nowhere", None, 404, ""),
    ]
    first = apptus.journal.entries()[0]
    assert (first.query, first.body, first.job) == ({"customerKey": KEY}, "unexpected", jid)


def test_no_credential_gets_into_the_journal(call: Client, apptus: Apptus) -> None:
    call.remove()
    text = call.control("GET", "journal").body.decode()
    assert "sandbox-password" not in text
    assert BASIC["Authorization"].split()[1] not in text


def test_the_journal_file_gets_a_line_before_the_reply_goes_out(tmp_path: Path) -> None:
    with Apptus(journal_file=tmp_path / "apptus.jsonl").start() as apptus:
        call = Client(apptus.url)
        for count in (1, 2, 3):
            call.remove()
            assert len((tmp_path / "apptus.jsonl").read_text().splitlines()) == count
        apptus.faults.add(Fault("close", process=True))
        with pytest.raises(http.client.RemoteDisconnected):
            call.remove()
    last = json.loads((tmp_path / "apptus.jsonl").read_text().splitlines()[-1])
    assert (last["effect"], last["status"], last["fault"]) == ("removal_started", None, "close")


def test_many_calls_at_once_are_all_entered_once(call: Client, apptus: Apptus) -> None:
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: call.remove(), range(100)))
    assert {answer.json["jid"] for answer in answers} == set(apptus.jobs)
    assert len(apptus.jobs) == 100
    assert [entry.number for entry in apptus.journal.entries()] == list(range(1, 101))


# --- control surface ---


def test_the_control_surface_holds_turns_and_shows_and_stays_out_of_the_journal(call: Client, apptus: Apptus) -> None:
    assert call.control("POST", "hold", {"key": KEY, "linked": [ANY]}).json == {KEY: 1}
    jid = call.remove().json["jid"]
    call.control("POST", "advance", {"days": 6})
    assert call.status(jid) == "done"
    assert call.control("GET", "held").json == {}
    assert call.control("POST", "faults", {"kind": "reply", "status": 503}).json == {"fault": 1}
    assert call.export().status == 503
    journal = call.control("GET", "journal").json
    assert [row["path"].rsplit("/")[-1] for row in journal] == [
        "create-remove-customer-job",
        "job-status",
        "create-export-customer-job",
    ]


@pytest.mark.parametrize(
    ("what", "value"),
    [
        ("advance", {"days": -1}),
        ("advance", {"days": 1e30}),
        ("advance", {"weeks": 1}),
        ("advance", []),
        ("hold", {}),
        ("hold", {"key": KEY, "records": ["text"]}),
        ("faults", {"kind": "explode"}),
        ("faults", {"kind": "delay", "seconds": 3600}),
        ("faults", {"kind": "close", "times": 0}),
        ("faults", {"status": 500}),
    ],
)
def test_a_control_that_makes_no_sense_is_refused_and_changes_nothing(
    call: Client, apptus: Apptus, what: str, value: object
) -> None:
    before = apptus.clock.now()
    answer = call.control("POST", what, value)
    assert answer.status == 400
    assert answer.json["error"]
    assert (apptus.clock.now(), apptus.held(), call.export().status) == (before, {}, 200)


def test_an_unknown_control_is_a_404(call: Client) -> None:
    assert call.control("POST", "journal").status == call.control("GET", "nothing").status == 404


# --- switchboard ---


def test_a_fault_strikes_the_calls_it_names_as_often_as_told(call: Client, apptus: Apptus) -> None:
    apptus.faults.add(
        Fault("reply", method="GET", path="*/job-status", times=2, status=429, headers={"Retry-After": "7"})
    )
    assert call.remove().status == 200
    struck = [call("GET", "/api/v1/event-data/job-status", jid=ANY) for _ in range(3)]
    assert [answer.status for answer in struck] == [429, 429, 200]
    assert struck[0].headers["Retry-After"] == "7"


def test_a_fault_for_all_calls_strikes_until_it_is_cleared(call: Client, apptus: Apptus) -> None:
    apptus.faults.add(Fault("reply", times=None))
    answers = [call.remove() for _ in range(5)]
    assert [answer.status for answer in answers] == [500] * 5
    assert answers[0].headers["Content-Type"].startswith("text/html")
    assert apptus.jobs == {}
    call.control("DELETE", "faults")
    assert call.remove().status == 200


@pytest.mark.parametrize("process", [False, True])
@pytest.mark.parametrize("fault", ["reply", "close", "half", "endless"])
def test_process_decides_whether_the_call_was_carried_out(
    call: Client, apptus: Apptus, fault: sandbox.faults.Kind, process: bool
) -> None:
    apptus.faults.add(Fault(fault, process=process, seconds=0.1))
    if fault in ("close", "half"):
        with pytest.raises((http.client.RemoteDisconnected, http.client.IncompleteRead)):
            call.remove()
    else:
        call.remove()
    assert len(apptus.jobs) == process
    [entry] = apptus.journal.entries()
    assert (entry.effect, entry.fault) == ("removal_started" if process else "", fault)


def test_half_a_reply_announces_more_than_it_sends(call: Client, apptus: Apptus) -> None:
    apptus.faults.add(Fault("half", process=True))
    with pytest.raises(http.client.IncompleteRead) as caught:
        call.remove()
    assert caught.value.partial.startswith(b'{"jid"')
    assert caught.value.expected


def test_a_slow_reply_is_whole_but_takes_its_time(call: Client, apptus: Apptus) -> None:
    apptus.faults.add(Fault("slow", seconds=0.4))
    began = time.monotonic()
    assert call.remove().json["jid"] in apptus.jobs
    assert time.monotonic() - began >= 0.3


def test_an_endless_reply_drips_blanks_and_ends_after_its_seconds(call: Client, apptus: Apptus) -> None:
    apptus.faults.add(Fault("endless", seconds=0.4))
    began = time.monotonic()
    assert set(call.remove().body) == {ord(" ")}
    assert 0.3 <= time.monotonic() - began < 30


def test_a_delayed_reply_is_the_right_one(call: Client, apptus: Apptus) -> None:
    apptus.faults.add(Fault("delay", seconds=0.3))
    began = time.monotonic()
    assert call.remove().status == 200
    assert time.monotonic() - began >= 0.3


def test_a_redirect_and_broken_json_are_replies(call: Client, apptus: Apptus) -> None:
    apptus.faults.add(Fault("reply", status=307, headers={"Location": "http://127.0.0.1:1/"}))
    apptus.faults.add(Fault("reply", status=200, body='{"jid": "', content_type="application/json", process=True))
    redirected = call.remove()
    assert (redirected.status, redirected.headers["Location"], apptus.jobs) == (307, "http://127.0.0.1:1/", {})
    broken = call.remove()
    assert (broken.status, broken.body, len(apptus.jobs)) == (200, b'{"jid": "', 1)


def test_a_changed_field_leaves_the_rest_of_the_reply(call: Client, apptus: Apptus) -> None:
    jid = call.remove().json["jid"]
    apptus.faults.add(Fault("fields", fields={"status": "exploded"}, times=None))
    assert call.status(jid) == "exploded"
    assert call("GET", "/nowhere").status == 404


@pytest.mark.parametrize("process", [False, True])
def test_a_held_call_waits_for_its_release(call: Client, apptus: Apptus, process: bool) -> None:
    fault = apptus.faults.add(Fault("hold", process=process))
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(call.remove)
        assert fault.reached.wait(30)
        assert call.export().status == 200, "other calls go on"
        assert not held.done()
        assert len(apptus.journal.entries(effect="removal_started")) == process
        call.control("POST", "release", {"fault": fault.number})
        assert held.result(30).json["jid"] in apptus.jobs
    assert len(apptus.journal.entries(effect="removal_started")) == 1


# --- HTTP and life ---


def test_a_connection_is_kept_and_a_stop_ends_it(apptus: Apptus) -> None:
    port = int(apptus.url.rsplit(":", 1)[1])
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    for _ in range(2):
        connection.request("GET", "/_sandbox/held")
        assert connection.getresponse().read() == b"{}"
    assert connection.sock is not None
    apptus.stop()
    with pytest.raises((http.client.HTTPException, ConnectionError)):
        connection.request("GET", "/_sandbox/held")
        connection.getresponse()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=30)


def test_a_stopped_stand_in_starts_again_with_what_it_knew(call: Client, apptus: Apptus) -> None:
    jid = call.remove().json["jid"]
    port = int(apptus.url.rsplit(":", 1)[1])
    apptus.stop()
    with pytest.raises(RuntimeError, match="not running"):
        _ = apptus.url
    apptus.start(port)
    assert call.status(jid) == "started"


def test_a_stop_does_not_wait_for_held_and_dripping_calls(call: Client, apptus: Apptus) -> None:
    faults = [apptus.faults.add(Fault(kind, seconds=60)) for kind in ("hold", "delay", "endless")]
    threads = [threading.Thread(target=_ignoring_errors, args=(call,)) for _ in faults]
    for thread in threads:
        thread.start()
    assert all(fault.reached.wait(30) for fault in faults)
    apptus.stop()
    for thread in threads:
        thread.join(30)
    assert not any(thread.is_alive() for thread in threads)


def _ignoring_errors(call: Client) -> None:
    with contextlib.suppress(OSError, http.client.HTTPException):
        call.remove()


@pytest.mark.parametrize(
    ("headers", "status"),
    [({"Transfer-Encoding": "chunked"}, 411), ({"Content-Length": "-1"}, 400), ({"Content-Length": "9" * 12}, 413)],
)
def test_a_body_of_unknown_or_absurd_length_is_refused(call: Client, headers: dict[str, str], status: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", call.address.port, timeout=30)
    connection.putrequest("POST", "/api/v1/event-data/create-remove-customer-job")
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    assert connection.getresponse().status == status
    connection.close()


def test_a_request_whose_client_died_while_sending_never_arrived(call: Client, apptus: Apptus) -> None:
    with socket.create_connection(("127.0.0.1", call.address.port), timeout=30) as half:
        half.sendall(
            b"POST /api/v1/event-data/create-remove-customer-job?customerKey=" + KEY.encode() + b" HTTP/1.1\r\n"
            b"Host: x\r\nAuthorization: " + BASIC["Authorization"].encode() + b"\r\nContent-Length: 10\r\n\r\n12345"
        )
        half.shutdown(socket.SHUT_WR)
        assert half.recv(1) == b""
    assert (apptus.jobs, apptus.journal.entries()) == ({}, [])


def test_start_runs_every_registered_stand_in_on_a_port_of_its_own() -> None:
    with sandbox.start(days_per_second=0.5, everyone=True) as running:
        assert set(running.stand_ins) == set(sandbox.STAND_INS)
        assert len({stand_in.url for stand_in in running.stand_ins.values()}) == len(sandbox.STAND_INS)
        for stand_in in running.stand_ins.values():
            assert Client(stand_in.url)("GET", "/_sandbox/journal").json == []
            assert stand_in.credentials


def test_start_leaves_nothing_running_when_a_port_is_taken(apptus: Apptus) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free = probe.getsockname()[1]
    with pytest.raises(OSError):
        sandbox.start(["apptus", "apptus"], [free, int(apptus.url.rsplit(":", 1)[1])])
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", free), timeout=30)


def test_the_sandbox_imports_nothing_of_the_desk() -> None:
    for file in Path(sandbox.__file__).parent.glob("*.py"):
        for line in file.read_text().splitlines():
            words = line.split()
            if words[:1] in (["import"], ["from"]):
                assert not words[1].startswith(("django", "erasure", "compliance", "requests", ".."))
