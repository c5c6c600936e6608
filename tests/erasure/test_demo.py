"""The demo as a newcomer meets it: real processes, real HTTP."""

import json
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from compliance.audit import verify
from erasure.demo.cases import customer_id_of
from erasure.states import CaseStatus, Kind, SubTaskStatus
from tests.desk import PATIENCE, ROOT, until
from tests.ports import free_ports

pytestmark = [pytest.mark.slow, pytest.mark.any_database]


def environment(folder: Path, **more: str) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "DATA_DIR": str(folder), **more}


def still_running(marker: str) -> list[str]:
    """Processes whose environment names this run's folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if marker.encode() in (entry / "environ").read_bytes():
                found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found


# --- headless ---------------------------------------------------------------------------------------------------------

COOKIE_ID = str(uuid.uuid5(uuid.NAMESPACE_OID, "eva.example@example.org"))  # what the stand-in for Exchange makes up
PERSONAL = ("eva.example@", "Eva Example", "crm-991", COOKIE_ID, customer_id_of("Eva Example"))
SECRET = ("sandbox-password", "sandbox-token", "sandbox-account-key", "sandbox-api-key")


def once(folder: Path, *before: str) -> subprocess.CompletedProcess[str]:
    """`manage.py demo --once`, in a process in which these lines ran first; without its limit of a minute, which says
    how busy the machine is."""
    patient = f"from erasure.demo import parts; parts.LIMIT_SECONDS = {PATIENCE - 60}"
    code = ["import runpy, sys", patient, *before, 'sys.argv = ["manage.py", "demo", "--once"]']
    code.append('runpy.run_path("manage.py", run_name="__main__")')
    return subprocess.run(
        [sys.executable, "-c", "\n".join(code)],
        cwd=ROOT,
        env=environment(folder),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )


def computed() -> float:
    """Seconds for which processes that this one has started, and theirs, have had a processor so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def in_order(text: str, *parts: str) -> None:
    at = 0
    for part in parts:
        found = text.find(part, at)
        assert found >= 0, f"{part!r} is missing, or comes too early, in:\n{text}"
        at = found + len(part)


def test_the_main_job_runs_headless_and_leaves_nothing_personal_behind(tmp_path: Path) -> None:
    before = computed()
    done = once(tmp_path)

    assert done.returncode == 0, done.stdout + done.stderr
    assert computed() - before < 60, "where nothing else runs, it is done in a minute"
    printed = done.stdout
    in_order(printed, "intake    Submitted for approval", "approver  Plan version 1 approved", "about to send")
    in_order(
        printed, "exchange found a further identifier: cookie id, suggested", "exchange: about to send delete_file"
    )
    in_order(
        printed,
        "exchange found a further identifier",
        "intake    Identifier accepted: cookie id",
        "approver  Plan version 2 approved",
        "shop-search: about to send start_export",
        "shop-search: done (erased; proof: confirmed)",
    )
    in_order(printed, "cdp: waits for confirmation by hand", "of Acquia CDP: event ", "cdp: confirmed by hand")
    in_order(
        printed,
        "paper-archive: confirmed by hand",
        "Closed: completed",
        "is completed.",
        "sealed in a checkpoint of ",
        "each is intact in itself",
        "They are the whole log of ",
        "The checkpoint is signed with the key ",
    )
    assert "not sealed yet" not in printed
    outcomes = re.findall(r"^  (\w.*?)  +(\w+) +(erased), held: (\w+), proof: (\w+)$", printed, re.MULTILINE)
    assert sorted(outcomes) == [
        ("CDP", "customer_id", "erased", "yes", "confirmed"),
        ("Exchange", "email", "erased", "yes", "confirmed"),
        ("Paper archive", "email", "erased", "unknown", "confirmed"),
        ("Shop search", "cookie_id", "erased", "yes", "confirmed"),
        ("Shop search", "customer_id", "erased", "yes", "confirmed"),
    ]
    assert "  Acoustic Exchange  job_created, data_received, file_fetched, file_deleted, job_completed\n" in printed
    folder = tmp_path / "demo-once"
    assert verify.run(folder / "audit.csv", public_key=folder / "audit-key.txt")[0] == 0
    assert still_running(str(tmp_path)) == []
    for text in (*PERSONAL, *SECRET):
        assert text not in printed + done.stderr
        for file in (file for file in tmp_path.rglob("*") if file.is_file()):
            assert text.encode() not in file.read_bytes(), f"{file.name} holds {text!r}"


@pytest.mark.parametrize(
    ("breaks", "line"),
    [
        pytest.param(
            "Acoustic._delete = lambda self, rows: None",
            "Acoustic Exchange still holds data of the person.",
            id="one that says it has deleted and has not",
        ),
        pytest.param(
            "sort = Acquia._sort; Acquia._sort = lambda self, ids: sort(self, ids) | {'readyForDataErasure': []}",
            "CDP needs attention: Acquia CDP did not answer for each id exactly once",
            id="one whose answer cannot be understood",
        ),
        pytest.param(
            "Apptus.authorised = lambda self, call: False",
            "Shop search is paused: ",
            id="one that refuses the credentials",
        ),
    ],
)
def test_a_broken_vendor_ends_it_with_one_clear_line(tmp_path: Path, breaks: str, line: str) -> None:
    done = once(tmp_path, "from erasure.sandbox import Acoustic, Acquia, Apptus", breaks)

    assert done.returncode == 1, done.stdout + done.stderr
    (said,) = [each for each in done.stderr.splitlines() if "CommandError" in each]
    assert said.startswith(f"CommandError: {line}")
    assert "Traceback" not in done.stderr
    assert still_running(str(tmp_path)) == []


# --- with a browser ---------------------------------------------------------------------------------------------------


class Demo:
    """A running demo. `printed` is what it says; `stop` ends it as Ctrl-C does."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_ports()
        self._out = folder / "printed"
        with self._out.open("w") as out:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "demo", "--port", str(self.port)],
                cwd=ROOT,
                env=environment(folder),
                stdout=out,
            )
        self._token = ""

    @property
    def printed(self) -> str:
        return self._out.read_text()

    def introduced(self) -> bool:
        assert self.process.poll() is None, f"the demo ended by itself:\n{self.printed}"
        return "Sign in with the password" in self.printed

    def api(self, path: str, body: Any = None) -> Any:
        """A call to the demo's API. Tokens are made as its own last lines say."""
        if not self._token:
            scopes = ("--scope", "cases:read", "--scope", "cases:write")
            made = subprocess.run(
                [sys.executable, "manage.py", "token", "create", "crm", *scopes],
                cwd=ROOT,
                env=environment(self.folder, ERASURE_DESK_DEMO="demo"),
                capture_output=True,
                text=True,
                check=True,
            )
            self._token = made.stdout.strip()
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data, headers)
        with urllib.request.urlopen(request, timeout=PATIENCE) as reply:
            return json.load(reply)

    def cases(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.api("/api/v1/cases/?limit=200")["results"]
        return found

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(PATIENCE)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    demo = Demo(tmp_path_factory.mktemp("demo"))
    try:
        until(demo.introduced, seconds=PATIENCE)
        yield demo
    finally:
        demo.stop()


def work(case: dict[str, Any], **wanted: Any) -> list[dict[str, Any]]:
    return [each for each in case["sub_tasks"] if wanted.items() <= each.items()]


def events_awaiting(cases: list[dict[str, Any]]) -> list[str]:
    """The event of each CDP work that waits for a confirmation by hand."""
    waiting = [
        each for case in cases for each in work(case, vendor="cdp", status="awaiting_attestation", by_hand=False)
    ]
    return [each["vendor_references"]["event"] for each in waiting]


def today() -> str:
    return time.strftime("%Y-%m-%d", time.gmtime())


Case = dict[str, Any]
SHOWN: dict[str, Callable[[Case], Any]] = {
    **{status: (lambda case, status=status: case["status"] == status) for status in CaseStatus.values},
    **{kind: (lambda case, kind=kind: case["kind"] == kind) for kind in Kind.values},
    **{
        f"work that is {status}": (lambda case, status=status: work(case, status=status))
        for status in SubTaskStatus.values
        if status != SubTaskStatus.RUNNING  # for the moment of a call
    },
    "waits for days": lambda case: any(
        each["next_at"][:10] > today() and each["expected_at"] > each["next_at"]
        for each in work(case, vendor="cdp", status="waiting")
    ),
    "the vendor refused": lambda case: any(each["attention"] for each in work(case, status="needs_attention")),
    "a suggestion": lambda case: case["proposals"],
    "a later plan version": lambda case: case["plan"]["revision"] == 2 and case["plan_digest"],
    "answered, with work going on": lambda case: case["reply"] and case["status"] == "in_progress",
    "completed by all": lambda case: case["status"] == "completed" and len(work(case, status="done")) == 4,
    "on hold": lambda case: case["on_hold"],
    "overdue": lambda case: case["status"] == "awaiting_approval" and case["due_on"] < today(),
    "restricted by the vendor": lambda case: work(case, vendor="exchange", operation="restrict", status="done"),
    "lifted by the vendor": lambda case: work(case, vendor="exchange", operation="unrestrict", status="done"),
    "exported by the vendor": lambda case: work(case, vendor="shop-search", operation="export", status="done"),
}


#: What the demo says of cases that stay as they are → their status.
ENDS = {
    "a draft": "draft",
    "awaits approval": "awaiting_approval",
    "was rejected": "rejected",
    "was cancelled": "cancelled",
    "is partly completed": "partly_completed",
    "is completed and answered": "completed",
}


def test_there_is_soon_a_case_for_every_state(demo: Demo) -> None:
    def missing() -> list[str]:
        cases = demo.cases()
        return [name for name, shows in SHOWN.items() if not any(map(shows, cases))]

    end = time.monotonic() + PATIENCE
    while (left := missing()) and time.monotonic() < end:
        time.sleep(1)
    assert left == []


def test_it_says_where_it_is_who_signs_in_and_which_case_shows_what(demo: Demo) -> None:
    printed = demo.printed
    assert f"Erasure Desk is at http://127.0.0.1:{demo.port}/\n" in printed
    for account in ("intake", "approver", "auditor", "vendors", "admin"):
        assert re.search(rf"^    {account} ", printed, re.MULTILINE)
    for vendor in ("Apptus eSales", "Acquia CDP", "Acoustic Exchange"):
        assert re.search(rf"^    {vendor} +http://127.0.0.1:\d+$", printed, re.MULTILINE)
    named = dict(re.findall(r"^    (DSR-\d+-\d+)  (.+)$", printed, re.MULTILINE))
    by_reference = {case["reference"]: case for case in demo.cases()}
    assert named.keys() <= by_reference.keys()
    said = {shows: by_reference[reference]["status"] for reference, shows in named.items() if shows in ENDS}
    assert said == ENDS


def test_cases_that_share_an_event_are_confirmed_at_once(demo: Demo) -> None:
    until(lambda: len(events_awaiting(demo.cases())) >= 5, seconds=PATIENCE)
    waiting = events_awaiting(demo.cases())
    event = max(waiting, key=waiting.count)
    assert waiting.count(event) >= 5
    before = {case["reference"]: case for case in demo.cases()}
    alone = [
        reference
        for reference, case in before.items()
        if work(case, vendor="cdp", vendor_references={"event": event}) == case["sub_tasks"]
    ]
    assert len(alone) == 3

    body = {"vendor_reference": event, "note": "Its screen says completed."}
    told = demo.api(f"/api/v1/cases/{alone[0]}/attest/", body)

    assert set(alone[1:]) < set(told["also_confirmed"])
    after = {case["reference"]: case["status"] for case in demo.cases()}
    assert {after[reference] for reference in alone} == {"completed"}
    assert event not in events_awaiting(demo.cases())


def test_ctrl_c_ends_every_part_of_it(demo: Demo) -> None:
    assert len(still_running(str(demo.folder))) > 3

    demo.stop()

    assert demo.process.returncode == 0
    assert demo.printed.endswith("The demo has ended.\n")
    assert still_running(str(demo.folder)) == []


@pytest.mark.parametrize("port", ["0", "-1", "65536"])
def test_a_port_that_there_is_not_is_refused_in_one_line(tmp_path: Path, port: str) -> None:
    command = [sys.executable, "manage.py", "demo", "--port", port]
    done = subprocess.run(command, cwd=ROOT, env=environment(tmp_path), capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert done.stderr == "CommandError: --port must be between 1 and 65535.\n"


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        command = [sys.executable, "manage.py", "demo", "--port", str(port)]
        done = subprocess.run(
            command, cwd=ROOT, env=environment(tmp_path), capture_output=True, text=True, timeout=PATIENCE
        )
    assert done.returncode == 1
    assert f"Port {port} is in use" in done.stderr
